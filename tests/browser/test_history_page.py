"""The history, in a real browser: what was promised and who knew, found, told, compared and taken along."""

import csv
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from api.stories.cable import CABLE
from tests.api.serving import Serving, instant
from tests.browser.conftest import Begin
from tests.browser.office import LOCALES, Opened, check_every_screen, check_everybody_can_read, opening_pages
from tests.stories.conftest import Api, Telling

ORDER, CUSTOMER = "TV-3301", "CU-3301"
ELSEWHERE = "The bracket is free <with the next delivery>"


@pytest.fixture(scope="module")
def serving(begin: Begin) -> Serving:
    return begin('[defaults]\ntime_zone = "Asia/Shanghai"\ncalendar = "CN"\n', test_clock=1)


@pytest.fixture(scope="module")
def cable(serving: Serving) -> Iterator[Telling]:
    """The story of the cable, to its end; and another promise to its customer, with another order."""
    api = Api(serving.url)
    telling = Telling(api, CABLE)
    telling.to_the_end()
    due = {"at": instant(telling.instant(9, "12:00"))}
    body = {"order_id": "TV-4400", "customer_id": CUSTOMER, "kind": "redelivery", "promise": ELSEWHERE, "due": due}
    api.post("agent:mei", "/v1/commitments", **body)
    yield telling
    api.close()


@pytest.fixture
def opened(browser: Browser, serving: Serving, cable: Telling) -> Iterator[Opened]:
    with opening_pages(browser, serving, "auditor:chen") as opened:
        yield opened


def searched(page: Page) -> dict[str, list[str]]:
    """What the address says is searched for."""
    return parse_qs(urlsplit(page.url).query)


def screen_of(keeper: str, at: datetime) -> str:
    return f"/history/screen?{urlencode({'recipient': keeper, 'at': instant(at)})}"


def promise_of(cable: Telling, *instants: datetime) -> str:
    """The page of the cable, with what stood at two instants."""
    query = urlencode({name: instant(at) for name, at in zip(("at", "and"), instants, strict=False)})
    return f"/history/commitments/{cable.ids['cable']}{'?' if query else ''}{query}"


def tab_to(page: Page, words: str) -> None:
    """Go on with the Tab key until something whose name begins so has the focus."""
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()").startswith(words):
            return
    raise AssertionError(f"the keyboard does not reach {words}")


def test_an_orders_promise_is_found_by_keyboard_alone_and_told_in_sentences(opened: Opened, cable: Telling) -> None:
    page = opened("/history")
    page.keyboard.press("/")
    page.keyboard.type(ORDER)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/history?order_id={ORDER}")

    told = page.locator(".event .words").all_inner_texts()
    assert f"gao (agent) promised the customer {CUSTOMER}:" in told
    assert "li (courier) had not confirmed revision 1: the receipt was missed" in told
    assert told[0] == "The customer had to ask again, and told mei (agent)", "the newest comes first"
    held = page.locator(".event").filter(has_text="hu (warehouse) received revision 2")
    assert held.locator(".about q").inner_text() == "确实还没有通知师傅，马上通知，HDMI 线免费送到，不收您一分钱。"
    expect(page.locator(".said q", has_text=cable.words("cable"))).to_have_attribute("lang", "zh-CN")

    page.keyboard.press("f")
    expect(page.locator("#f-order_id")).to_be_focused()
    page.keyboard.press("f")
    page.locator("h2").first.click()
    tab_to(page, "the promise")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/history/commitments/{cable.ids['cable']}")
    keepers = page.locator(".keepers li").all_inner_texts()
    assert any("li (courier)" in one and "never received" in one for one in keepers)
    assert any("hu (warehouse)" in one and "received" in one for one in keepers)
    assert page.locator(".revisions li").count() == 2


def test_the_filters_stand_in_the_address_and_work_without_scripts(opened: Opened, cable: Telling) -> None:
    page = opened("/history", java_script_enabled=False)
    page.locator("#f-order_id").fill(ORDER)
    page.locator("#f-actor").fill("agent:mei")
    page.locator("#f-type").select_option("CustomerContacted")
    page.locator("#f-from").fill(cable.instant(3, "18:55").strftime("%Y-%m-%dT") + "18:55")
    page.get_by_label("In which order").select_option("oldest_first")
    page.get_by_role("search").get_by_role("button").click()
    page.wait_for_load_state()

    assert searched(page) == {
        "order_id": [ORDER],
        "actor": ["agent:mei"],
        "type": ["CustomerContacted"],
        "from": [instant(cable.instant(3, "18:55"))],
        "order": ["oldest_first"],
    }
    assert page.locator(".event time").all_inner_texts() == ["18:55", "20:40"]
    page.get_by_role("link", name="Clear").or_(page.locator("summary", has_text="Search")).first.click()
    assert page.locator("#f-from").input_value().endswith("T18:55"), "the form holds what is searched for"

    page.goto(page.url.split("?")[0] + "?from=yesterday&order_id=TV-3301")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#e-from")).to_contain_text("This is no time")
    expect(page.locator("#f-order_id")).to_have_value(ORDER)
    page.goto(page.url.split("?")[0] + "?order_id=TV-9")
    expect(page.locator(".empty")).to_contain_text("Nothing of that kind was recorded")


def test_an_event_opens_to_its_stored_form_and_its_position(opened: Opened, cable: Telling) -> None:
    (missed,) = cable.api.history(commitment_id=cable.ids["cable"], type="ReceiptMissed", recipient="courier:li")
    page = opened(f"/history?order_id={ORDER}&type=ReceiptMissed&recipient=courier:li&order=oldest_first")
    event = page.locator(f"#p-{missed['position']}")
    expect(event.locator("pre")).to_be_hidden()

    event.locator("summary").press("Enter")

    expect(event.locator("summary")).to_contain_text(f"Position {missed['position']}")
    assert json.loads(event.locator("pre").inner_text()) == missed
    expect(event.locator("dl")).to_contain_text("13:00:00")


def test_the_couriers_screen_shows_the_cable_from_when_he_was_told(opened: Opened, cable: Telling) -> None:
    page = opened(screen_of("courier:bo", cable.instant(3, "18:55")), java_script_enabled=False)
    screen = page.locator("section.phone")
    expect(screen).to_contain_text("There is nothing for you to do.")
    assert "HDMI" not in page.inner_text("main")

    page.locator("[data-key=k]").click()

    expect(screen).to_contain_text("Stop 11")
    expect(screen).to_contain_text("确实还没有通知师傅，马上通知，HDMI 线免费送到")
    expect(screen).to_contain_text("Not confirmed yet")
    assert searched(page)["at"] == [cable.api.history(recipient="courier:bo")[0]["recorded_at"]]
    page.locator("[data-key=j]").click()
    assert "HDMI" not in page.inner_text("main"), "an instant before he was told it is not there"

    page.goto(page.url.split("?")[0] + "?" + urlencode({"recipient": "courier:bo", "at": "2999-01-01T00:00"}))
    expect(page.locator("#e-at")).to_contain_text("That lies in the future")


def test_two_instants_stand_side_by_side(opened: Opened, cable: Telling) -> None:
    page = opened(promise_of(cable), java_script_enabled=False)
    for name, at in (("At", cable.instant(2, "12:30")), ("And at", cable.instant(3, "19:30"))):
        local = at + timedelta(hours=8)
        page.get_by_label(name, exact=True).fill(f"{local:%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_load_state()

    assert searched(page)["at"] == [instant(cable.instant(2, "12:30"))]
    differing = page.locator("tbody.differs")
    words = differing.filter(has_text=cable.words("cable")).locator("td").all_inner_texts()
    assert words == [cable.words("cable"), "确实还没有通知师傅，马上通知，HDMI 线免费送到，不收您一分钱。"]
    keepers = differing.filter(has_text="Keeper, as courier").locator("td").all_inner_texts()
    assert ["li (courier)" in keepers[0], "bo (courier)" in keepers[1]] == [True, True]

    page.goto(page.url.split("/history")[0] + promise_of(cable, cable.instant(2, "11:59"), cable.instant(2, "12:00")))
    expect(page.locator(".sides thead")).to_contain_text("It had not been promised yet")


def test_a_customer_is_followed_over_all_his_orders(opened: Opened, cable: Telling) -> None:
    page = opened(f"/history?order_id={ORDER}")
    page.get_by_role("link", name=f"customer {CUSTOMER}").first.click()
    page.wait_for_load_state()

    promises = page.locator("li.card .promise").all_inner_texts()
    assert promises[0] == ELSEWHERE
    assert len(promises) == 3
    assert page.get_by_role("link", name="order TV-").all_inner_texts() == ["order TV-4400", *[f"order {ORDER}"] * 2]
    page.get_by_role("link", name="Everything that happened").click()
    assert searched(page) == {"customer_id": [CUSTOMER]}


def test_a_search_is_taken_along_as_table_lines_and_paper(opened: Opened, cable: Telling) -> None:
    found = cable.api.history(order_id=ORDER, actor="agent:mei")
    page = opened(f"/history?order_id={ORDER}&actor=agent:mei")
    taken = {}
    for name in ("Table (CSV)", "Lines (NDJSON)"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        taken[name] = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(taken["Table (CSV)"].splitlines()))
    assert [int(row["position"]) for row in rows] == [item["position"] for item in found]
    assert [json.loads(row["data"]) for row in rows] == [item["data"] for item in found]
    assert [json.loads(line) for line in taken["Lines (NDJSON)"].splitlines()] == found

    page.keyboard.press("p")
    page.wait_for_url("**/history/print?**")
    page.emulate_media(media="print")
    assert not page.locator("nav, form, button, .button").locator("visible=true").count()
    assert page.locator(".event").count() == len(found)
    expect(page.locator(".record dl")).to_contain_text("auditor:chen")


def test_what_is_recorded_meanwhile_is_announced(opened: Opened, cable: Telling) -> None:
    page = opened("/history?order_id=TV-4400")
    page.clock.install()
    page.reload()
    cable.api.send("system:oms", "PUT", "/v1/orders/TV-4400/assignment", {"role": "courier", "recipient": "courier:bo"})

    page.clock.fast_forward(6000)
    page.get_by_role("status").get_by_role("link").click()

    expect(page.locator(".event .words").first).to_contain_text("bo (courier)")


def test_every_page_is_read_by_everybody(opened: Opened, serving: Serving, cable: Telling) -> None:
    page = opened("/history")
    for path in (
        f"/history?order_id={ORDER}&type=CommitmentMade",
        "/history?from=yesterday",
        promise_of(cable, cable.instant(2, "12:30"), cable.instant(3, "19:30")),
        screen_of("courier:bo", cable.instant(3, "19:10")),
        f"/history/customers/{CUSTOMER}",
        "/history/commitments/none",
        f"/history/print?order_id={ORDER}&actor=agent:mei",
    ):
        page.goto(serving.url + path)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        check_everybody_can_read(page)


def test_every_page_fits_every_screen_in_every_language(opened: Opened, serving: Serving, cable: Telling) -> None:
    for locale, language in LOCALES.items():
        page = opened("/history", locale=locale, width=320)
        for path in (
            f"/history?order_id={ORDER}",
            promise_of(cable, cable.instant(2, "12:30"), cable.instant(3, "19:30")),
            screen_of("courier:li", cable.instant(2, "12:30")),
            f"/history/customers/{CUSTOMER}",
            f"/history/print?order_id={ORDER}",
        ):
            page.goto(serving.url + path)
            assert page.locator("html").get_attribute("lang") == language
            check_every_screen(page, (320, 1440))

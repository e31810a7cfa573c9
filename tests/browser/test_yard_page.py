"""The yard, in a real browser: what each vehicle lacks, on a phone at half past six and on paper."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.api.serving import Serving
from tests.browser.conftest import Begin
from tests.browser.office import LOCALES, Opened, check_every_screen, check_everybody_can_read, opening_pages

_WORDS = "为表歉意，免费送您一根 HDMI 线，由送货师傅一起带到"


class Morning:
    """Two vans that leave: one lacks a cable, which nobody has packed, the other nothing."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.oms = serving.by("system:oms")
        for number, (recipient, hours) in enumerate([("courier:late", 3), ("courier:li", 1), ("courier:bo", 2)]):
            trip: dict[str, Any] = {"departs_at": self.oms.at(hours=hours), "stop": number, "depot": "north"}
            self.oms.assign(f"SO-{number}", recipient, **trip, address="北京市朝阳区望京西园三区 312 号楼")
        self.oms.assign("SO-1", "warehouse:hu", role="warehouse")
        item = [{"sku": "HDMI-2M", "quantity": 2}]
        self.cable = self.oms.promise("free_item", order_id="SO-1", promise=_WORDS, items=item)["id"]
        self.oms.promise(order_id="SO-0", promise="Ще донесем хладилника утре до 18 ч.")
        ready = self.oms.promise(order_id="SO-2")["id"]
        self.oms.by("courier:bo").receipt(ready)
        self.oms.assign("SO-9", "courier:ready", departs_at=self.oms.at(hours=1), stop=1, depot="south")
        self.oms.by("courier:ready").receipt(self.oms.promise(order_id="SO-9")["id"])
        self.oms.all_taken_in()


@pytest.fixture(scope="module")
def morning(begin: Begin) -> Morning:
    return Morning(begin())


@pytest.fixture
def opened(browser: Browser, morning: Morning) -> Iterator[Opened]:
    with opening_pages(browser, morning.serving, "supervisor:wang") as opened:
        yield opened


@pytest.mark.parametrize("locale", list(LOCALES))
def test_the_yard_is_read_by_everybody(opened: Opened, locale: str) -> None:
    page = opened("/board/yard", locale=locale, width=320)

    check_everybody_can_read(page, locale)


def test_the_first_to_leave_comes_first_with_what_is_missing_in_the_customers_words(opened: Opened) -> None:
    page = opened("/board/yard?depot=north", java_script_enabled=False)
    vehicles = page.locator(".vehicle")

    assert [text.split()[-1] for text in vehicles.locator("h2").all_inner_texts()] == ["courier:li", "courier:late"]
    first = vehicles.first
    assert first.locator(".promise").inner_text() == _WORDS
    assert first.locator(".items").inner_text() == "2 × HDMI-2M"
    assert [text.split("\n")[0] for text in first.locator(".lacks li").all_inner_texts()] == [
        "not packed",
        "not loaded",
        "not read",
    ]
    assert "Stop 1 · SO-1" in first.inner_text()
    assert "courier:bo" in page.locator(".ready").inner_text()


def test_a_step_is_near(opened: Opened, morning: Morning) -> None:
    page = opened("/board/yard?depot=north")
    page.locator(".vehicle a", has_text="What can be done").first.click()
    page.wait_for_load_state()

    assert page.url.endswith(f"/board/flags/{morning.cable}")
    assert page.locator("form[action^='/board/flags']").count() > 1


def test_nothing_is_missing_is_said_and_an_empty_yard_too(opened: Opened) -> None:
    page = opened("/board/yard?depot=south")
    assert page.locator(".empty").inner_text().strip() == "Nothing is missing."
    check_everybody_can_read(page)
    page = opened("/board/yard?depot=nowhere")
    assert "No vehicle" in page.locator(".empty").inner_text()


def test_on_paper_each_vehicle_has_a_page_with_boxes_to_tick_and_nothing_else(opened: Opened) -> None:
    page = opened("/board/yard?depot=north")
    page.emulate_media(media="print")

    assert page.locator(".box").first.is_visible()
    for part in (".site", "form", "a:has-text('What can be done')"):
        assert not page.locator(part).first.is_visible(), part
    breaks = page.locator(".vehicle").evaluate_all("(all) => all.map((one) => getComputedStyle(one).breakBefore)")
    assert breaks == ["auto", "page"]
    assert page.pdf(format="A4").count(b"/Type /Page\n") == 2


def test_the_yard_fits_every_screen(opened: Opened) -> None:
    check_every_screen(opened("/board/yard", locale="bg"))


def test_another_day_is_asked_for_and_what_is_no_day_is_said(opened: Opened, morning: Morning) -> None:
    morning.oms.assign("SO-later", "courier:later", departs_at="2090-01-02T05:00:00Z", stop=1, depot="north")
    morning.oms.promise(order_id="SO-later", due={"at": "2090-01-03T05:00:00Z"})
    page = opened("/board/yard")
    page.get_by_label("Leaving on").fill("2090-01-02")
    page.get_by_role("button", name="Show").click()

    expect(page.locator(".vehicle h2")).to_contain_text("courier:later")
    assert page.url.endswith("/board/yard?day=2090-01-02"), "what is empty stands in no address"
    page.goto(f"{morning.serving.url}/board/yard?day=2089-12-24")
    expect(page.locator(".empty")).to_have_text("No vehicle with a promise leaves on this day.")
    page.keyboard.press("n")
    expect(page.locator(".vehicle h2")).to_contain_text("courier:later")
    assert page.url.endswith("/board/yard?day=2090-01-02")
    page.goto(f"{morning.serving.url}/board/yard?day=2091-01-02")
    expect(page.locator(".empty")).to_have_text("No vehicle with a promise leaves on this day.")
    page.goto(f"{morning.serving.url}/board/yard?day=someday")
    expect(page.get_by_role("alert")).to_contain_text("This cannot be looked for")

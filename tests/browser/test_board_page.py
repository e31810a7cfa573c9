"""The board as it is seen, in a real browser: on a phone at night, by everybody, and with a thousand flags."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Begin
from tests.browser.night import NUMBER, PROMISE, Night
from tests.browser.office import LOCALES, Opened, check_every_screen, check_everybody_can_read, opening_pages


@pytest.fixture(scope="module")
def night(begin: Begin) -> Night:
    return Night(begin())


@pytest.fixture
def opened(browser: Browser, night: Night) -> Iterator[Opened]:
    with opening_pages(browser, night.serving, "supervisor:wang") as opened:
        yield opened


@pytest.mark.parametrize("locale", list(LOCALES))
def test_the_board_is_read_by_everybody(opened: Opened, night: Night, locale: str) -> None:
    page = opened("/board", locale=locale, width=320)
    page.locator("#filters summary").click()
    expect(page.locator("#known-recipient option[value='courier:li']")).to_have_count(1)
    page.keyboard.press("o")
    expect(page.locator(f"#do-{night.urgent} form")).to_have_count(4)

    check_everybody_can_read(page, locale)
    assert page.locator(f"#f-{night.urgent} .promise").inner_text() == PROMISE


def test_a_phone_at_night_shows_how_many_the_most_urgent_and_the_buttons_first(opened: Opened, night: Night) -> None:
    page = opened("/board", width=360)
    first = page.locator(".flag").first

    assert first.get_attribute("id") == f"f-{night.urgent}"
    assert "promises in danger" in page.locator("#count").inner_text()
    for part in (first.locator("a[href^='tel:']"), first.get_by_role("button", name="I deal with it")):
        box = part.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 640
        assert box["height"] >= 44
    assert first.locator("a[href^='tel:']").get_attribute("href") == f"tel:{NUMBER}"


def test_a_group_is_opened_and_stays_open_as_things_change(opened: Opened, night: Night) -> None:
    page = opened("/board?by=recipient")
    group = page.locator(".groups > li").filter(has_text="Li Wei")
    group.locator("summary").first.click()
    expect(group.locator(".flag").first).to_be_visible()
    check_everybody_can_read(page)
    new = night.unread("SO-grouped", hours=0.7)
    expect(group.locator(f"#f-{new}")).to_be_visible()
    night.supervisor.command(new, "fulfilment", {})
    expect(group.locator(f"#f-{new}")).to_have_count(0)
    page.goto(f"{night.serving.url}/board?recipient=courier%3Anobody")
    assert "Others may be in danger" in page.locator(".empty").inner_text()
    check_everybody_can_read(page)
    page.goto(f"{night.serving.url}/board?reason=no-such")
    assert page.get_by_role("alert").is_visible()


@pytest.mark.parametrize("path", ["/board", "/board?by=depot", "/board/flags/{urgent}"])
def test_the_board_fits_every_screen(opened: Opened, night: Night, path: str) -> None:
    check_every_screen(opened(path.format(urgent=night.urgent), locale="bg"))


@pytest.mark.parametrize("locale", list(LOCALES))
def test_where_one_can_go_takes_two_lines_of_a_phone_and_the_language_is_chosen_without_scripts(
    opened: Opened, locale: str
) -> None:
    page = opened("/board", locale=locale, width=320, java_script_enabled=False)
    box = page.locator("header.site").bounding_box()
    assert box is not None
    assert box["height"] < 100
    page.locator(".site summary").press("Enter")
    page.locator(".site").get_by_role("button", name="Български").click()

    expect(page.locator("html")).to_have_attribute("lang", "bg")


def test_who_has_not_said_who_he_is_is_asked_first(browser: Browser, night: Night) -> None:
    page = browser.new_page()
    page.goto(f"{night.serving.url}/board?by=depot")
    page.locator("#actor").fill("supervisor:wang")
    page.keyboard.press("Enter")
    page.wait_for_url("**/board?by=depot")
    page.close()


def test_a_thousand_flags_are_a_small_page_and_found_by_group(opened: Opened, night: Night) -> None:
    client, made_at, due = night.oms.client, night.oms.at(hours=-3), night.oms.due(hours=-1)

    def promise(number: int) -> int:
        body = night.oms.promising(made_at=made_at, due=due, promise=PROMISE, order_id=f"SO-many-{number}")
        return client.post("/v1/commitments", json=body, headers={"X-Actor": f"agent:a{number % 50}"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(promise, range(1_000))) == {201}
    page = opened("/board")
    expect(page.locator("#count")).to_contain_text("promises in danger")
    sizes = page.evaluate("performance.getEntriesByType('navigation').map((one) => one.decodedBodySize)")

    assert sizes[0] < 100_000
    page.get_by_role("link", name="The next ones").click()
    page.wait_for_url("**cursor=**")
    expect(page.locator(".flag")).to_have_count(20)
    page.goto(f"{night.serving.url}/board?by=made_by")
    expect(page.locator(".groups > li").nth(50)).to_be_attached()

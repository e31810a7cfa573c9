"""The history, in a real browser, over the story of the cable: searched by keyboard, without scripts, seen by two."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.cable import Cable, Opened, opening, told_to_a_server


@pytest.fixture(scope="module")
def cable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cable]:
    with told_to_a_server(tmp_path_factory.mktemp("history")) as cable:
        yield cable


@pytest.fixture
def opened(browser: Browser, cable: Cable) -> Iterator[Opened]:
    """Opens a page for an auditor: `opened("/history", locale="bg-BG", color_scheme="dark")`."""
    with opening(browser, cable.url) as open_at:
        yield open_at


def test_what_the_courier_could_see_when_he_called_is_found_by_keyboard_alone(opened: Opened, cable: Cable) -> None:
    page = opened("/history")
    page.keyboard.press("/")
    page.keyboard.type("TV-3301")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url == f"{cable.url}/history?order_id=TV-3301"
    expect(page.locator(".words", has_text="The customer had to ask again").first).to_be_visible()

    page.goto(f"{cable.url}/history/screen?recipient=courier:bo&at={cable.at(3, '18:55')}")
    screen = page.get_by_role("region", name="The screen of Bo (courier)")
    assert "There is nothing for you to do." in screen.inner_text()
    assert "HDMI" not in screen.inner_text()
    assert "A reconstruction, from what was recorded until Thu, Mar 4, 2027 18:55:00" in page.inner_text("main")

    with page.expect_navigation():
        page.keyboard.press("k")
    assert "HDMI" in page.get_by_role("region", name="The screen of Bo (courier)").inner_text()
    assert "19:05" in page.inner_text("h2#shown")


def test_a_search_works_and_leads_on_without_scripts(opened: Opened, cable: Cable) -> None:
    for _ in range(60):
        cable.oms.by("agent:mei").command(cable.ids["cable"], "contacts", {"channel": "phone"})
    page = opened("/history", java_script_enabled=False)
    page.get_by_label("Who did it").fill("agent:mei")
    page.get_by_label("What happened").select_option("CustomerContacted")
    page.get_by_role("button", name="Search").click()
    first = page.locator(".event").count()
    page.get_by_role("link", name="Older").first.click()
    older = page.locator(".event").count()
    page.get_by_role("link", name="Newer").first.click()

    assert (first, older) == (50, 12)
    assert page.locator(".event").count() == 50
    page.locator("summary", has_text="Position").first.click()
    assert '"type": "CustomerContacted"' in page.locator("pre").first.inner_text()


def test_a_bad_filter_is_shown_at_its_field_and_nothing_else_is_lost(opened: Opened) -> None:
    page = opened("/history?order_id=TV-3301&actor=li&from=yesterday")
    for label, fault in (("Who did it", "Write a role and a name"), ("Recorded from", "This is no time")):
        field = page.get_by_label(label)
        assert field.get_attribute("aria-invalid") == "true"
        assert fault in page.inner_text(f"#{field.get_attribute('aria-describedby')}")
    assert page.get_by_label("Order", exact=True).input_value() == "TV-3301"
    assert page.get_by_label("Recorded from").input_value() == "yesterday"


def test_a_search_that_is_sent_to_a_colleague_elsewhere_finds_the_same(opened: Opened, cable: Cable) -> None:
    mine = opened("/history?order_id=TV-3301&from=2027-03-03T12:00&to=2027-03-03T12:30&order=&customer_id=")
    assert mine.url.endswith("from=2027-03-03T04%3A00%3A00Z&to=2027-03-03T04%3A30%3A00Z")
    hers = opened(mine.url.removeprefix(cable.url), actor="auditor:rada")

    assert mine.locator(".event").evaluate_all("all => all.map(one => one.id)") == hers.locator(".event").evaluate_all(
        "all => all.map(one => one.id)"
    )
    mine.locator(".filters summary").click()
    hers.locator(".filters summary").click()
    assert mine.get_by_label("Recorded from").input_value() == "2027-03-03T12:00"
    assert hers.get_by_label("Recorded from").input_value() == "2027-03-03T06:00"


def test_two_instants_stand_side_by_side_and_what_differs_says_so(opened: Opened, cable: Cable) -> None:
    page = opened(cable.page)
    page.get_by_label("At", exact=True).fill("2027-03-03T12:30")
    page.get_by_label("And at").fill("2027-03-04T19:30")
    page.get_by_role("button", name="Compare").click()
    words = page.locator("tbody", has=page.get_by_role("rowheader", name="The words"))
    things = page.locator("tbody", has=page.get_by_role("rowheader", name="Things"))

    assert "differs" in words.inner_text()
    assert "differs" not in things.inner_text()
    assert len(set(words.locator("td").all_inner_texts())) == 2


def test_a_promise_shows_its_revisions_and_who_received_which(opened: Opened, cable: Cable) -> None:
    page = opened(cable.page)
    keepers = page.locator(".keepers > li").all_inner_texts()

    assert page.locator(".revisions > li").count() == 2
    assert [text for text in keepers if "hu (warehouse)" in text and "revision 1" in text and "received" in text]
    assert [text for text in keepers if "li (courier)" in text and "never received" in text]
    assert [text for text in keepers if text.startswith("Bo (courier)") and "not received" in text]


def test_what_others_record_is_announced_and_does_not_move_what_is_read(opened: Opened, cable: Cable) -> None:
    page = opened("/history?order_id=TV-3301")
    before = page.locator(".event").count()
    cable.oms.by("agent:mei").command(cable.ids["redelivery"], "contacts", {"channel": "phone", "note": "Again"})
    page.get_by_role("link", name="1 newer event: show it").wait_for(timeout=15_000)
    assert page.locator(".event").count() == before

    page.get_by_role("link", name="1 newer event: show it").click()
    assert "Again" in page.locator(".event").first.inner_text()


def test_an_extract_for_paper_says_what_by_whom_and_when(opened: Opened, cable: Cable) -> None:
    page = opened("/history/print?order_id=TV-3301&from=" + cable.at(3, "18:00"))
    head = page.locator(".record > dl").inner_text()

    assert "Order: TV-3301" in head
    assert "auditor:chen" in head
    assert "Mar 4, 2027" in head
    assert page.pdf(format="A4").count(b"/Type /Page\n") >= 1


def test_who_has_not_said_who_he_is_is_asked_first_and_led_back(browser: Browser, cable: Cable) -> None:
    page = browser.new_page(locale="en-GB")
    page.goto(cable.url)
    page.get_by_role("link", name="I look into it").click()
    assert page.get_by_label("Role and name").input_value() == "auditor:"
    page.get_by_label("Role and name").fill("auditor:chen")
    page.get_by_role("button", name="Go on").click()
    assert page.url == f"{cable.url}/history"
    page.close()

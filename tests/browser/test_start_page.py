"""The start page, in a real browser: true, readable on a phone and for a screen reader, in three languages."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from playwright.sync_api import Browser, Page

from tests.api.serving import Serving
from tests.browser.conftest import Begin
from tests.browser.office import check_no_faults

PROMISE = "Ще донесем кабела <b>утре</b> до 18 ч. & 免费"


@pytest.fixture(scope="module")
def serving(begin: Begin) -> Serving:
    """A process with one promise in danger: it was due an hour ago."""
    serving = begin()
    now = datetime.now(UTC)
    oms = serving.by("system:oms")
    made = oms.post(
        "/v1/commitments",
        {
            "customer_id": "CU-7",
            "order_id": "SO-1001",
            "kind": "redelivery",
            "promise": PROMISE,
            "made_at": (now - timedelta(hours=2)).isoformat(),
            "due": {"at": (now - timedelta(hours=1)).isoformat()},
        },
    )
    assert made.status_code == 201, made.text
    oms.all_taken_in()
    return serving


@pytest.fixture
def opened(browser: Browser, serving: Serving) -> Iterator[Callable[[str], Page]]:
    """Opens the start page on a phone whose owner reads a language."""
    contexts = []

    def open_in(locale: str) -> Page:
        contexts.append(context := browser.new_context(locale=locale, viewport={"width": 360, "height": 640}))
        page = context.new_page()
        page.goto(serving.url)
        return page

    yield open_in
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    ("locale", "language", "reason"),
    [("en-GB", "en", "Overdue"), ("zh-CN", "zh-CN", "已逾期"), ("bg-BG", "bg", "Просрочено")],
)
def test_a_promise_in_danger_stands_on_the_start_page_in_the_readers_language(
    opened: Callable[[str], Page], locale: str, language: str, reason: str
) -> None:
    page = opened(locale)
    assert page.locator("html").get_attribute("lang") == language
    danger = page.locator(".dangers .card")
    assert danger.count() == 1
    assert danger.locator(".reason").inner_text() == reason
    assert danger.locator(".promise").inner_text() == PROMISE


def test_it_says_first_that_whoever_reaches_it_may_do_everything(opened: Callable[[str], Page]) -> None:
    page = opened("en-GB")
    assert (
        page.locator("main > .notice:not([data-away])").inner_text().strip()
        == "Open mode: whoever reaches this address may do everything."
    )


def test_the_start_page_fits_a_phone_and_has_no_fault_for_a_screen_reader(opened: Callable[[str], Page]) -> None:
    check_no_faults(opened("en-GB"))


def test_the_start_page_is_worked_with_the_keyboard_and_leads_to_the_api(opened: Callable[[str], Page]) -> None:
    page = opened("en-GB")
    links = [link.get_attribute("href") for link in page.get_by_role("link").all()]
    roles = [urlsplit(link.get_attribute("href") or "") for link in page.locator(".roles a").all()]
    assert [parse_qs(one.query).get("next", [one.path]) for one in roles] == [
        ["/desk"], ["/board"], ["/courier"], ["/history"]
    ]  # fmt: skip
    reached: list[object] = []
    while "/docs" not in reached and len(reached) < 50:
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.getAttribute('href')"))
    assert [href for href in reached if href is not None] == links[: links.index("/docs") + 1]
    page.keyboard.press("Enter")
    page.get_by_text("Record Receipts").first.wait_for()


def test_a_browser_asks_nobody_else_for_the_start_page_or_the_documentation(browser: Browser, serving: Serving) -> None:
    page, asked = browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/", "/docs"):
        page.goto(serving.url + path)
        page.wait_for_load_state("networkidle")
    page.close()
    assert [url for url in asked if not url.startswith((serving.url, "data:"))] == []


def test_every_sentence_of_the_pages_is_translated() -> None:
    api = Path(__file__).parents[2] / "api"
    methods = [("templates/**.html", "jinja2.ext:babel_extract")]
    found = {
        message if isinstance(message, str) else message[0]
        for _, _, message, _, _ in extract_from_dir(str(api), methods)
        if message
    }
    assert found
    for locale in ("zh_CN", "bg"):
        with (api / "locales" / f"{locale}.po").open("rb") as file:
            catalogue = read_po(file, locale=locale)
        known = {
            message.id if isinstance(message.id, str) else message.id[0]
            for message in catalogue
            if message.id and all(message.string if isinstance(message.string, (list, tuple)) else [message.string])
        }
        assert found <= known, f"{locale} lacks {found - known}"

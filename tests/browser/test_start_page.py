"""The start page, in a real browser: true, readable on a phone and for a screen reader, in three languages."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from playwright.sync_api import Browser, Page

from tests.api.serving import Serving

PROMISE = "Ще донесем кабела <b>утре</b> до 18 ч. & 免费"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A process with one promise in danger: it was due an hour ago."""
    with Serving(tmp_path_factory.mktemp("pages")) as serving:
        now = datetime.now(UTC)
        made = serving.by("system:oms").post(
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
        yield serving


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
    assert page.locator(".dangers > li").count() == 1
    assert page.locator(".reason").inner_text() == reason
    assert page.locator(".promise").inner_text() == PROMISE


def test_the_start_page_fits_a_phone_and_has_no_fault_for_a_screen_reader(opened: Callable[[str], Page]) -> None:
    page = opened("en-GB")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]})
    assert found.violations_count == 0, found.generate_snapshot()


def test_the_start_page_is_worked_with_the_keyboard_and_leads_to_the_api(opened: Callable[[str], Page]) -> None:
    page = opened("en-GB")
    for path in ("/who?next=/desk&role=agent", "/courier", "/docs"):
        wanted = page.locator(f"main a[href='{path}']")
        while not wanted.evaluate("one => one === document.activeElement"):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement !== document.body"), f"no key leads to {path}"
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

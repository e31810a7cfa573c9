"""What every page of the office is held to, and somebody of the office who opens it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from tests.api.serving import Serving

__all__ = ["LOCALES", "Opened", "check_everybody_can_read", "check_nothing_is_cut", "opening_pages"]

LOCALES = {"en": "en", "zh_CN": "zh-CN", "bg": "bg"}
_LEVELS = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]

Opened = Callable[..., Page]


@contextmanager
def opening_pages(browser: Browser, serving: Serving, actor: str) -> Iterator[Opened]:
    """Opens pages as somebody: `opened("/board", locale="bg", width=320, color_scheme="dark")`.

    What a page complains of in the console fails the test, once that is over.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(path: str, *, locale: str = "en", width: int = 1024, **more: Any) -> Page:
        contexts.append(context := browser.new_context(viewport={"width": width, "height": 800}, **more))
        cookies = {"upheld_actor": quote(actor, safe=":"), "upheld_locale": locale}
        context.add_cookies([{"name": name, "value": value, "url": serving.url} for name, value in cookies.items()])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        page.goto(serving.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


def check_everybody_can_read(page: Page, locale: str = "en") -> None:
    """No fault for a screen reader or in contrast, in the reader's language, and nothing beyond the edge."""
    found = Axe().run(page, options={"runOnly": _LEVELS, "rules": {"color-contrast-enhanced": {"enabled": True}}})
    assert found.violations_count == 0, found.generate_snapshot()
    assert page.locator("html").get_attribute("lang") == LOCALES[locale]
    check_nothing_is_cut(page)


def check_nothing_is_cut(page: Page) -> None:
    """No sideways scrolling, and no text that is wider or higher than what holds it."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    cut = page.evaluate(
        "[...document.querySelectorAll('button, .button, h1, h2, p, dd, dt, summary, label')]"
        ".filter((one) => one.checkVisibility() && !one.classList.contains('hidden'))"
        ".filter((one) => getComputedStyle(one).display !== 'inline' && one.scrollWidth > one.clientWidth + 1)"
        ".map((one) => one.textContent)"
    )
    assert cut == []

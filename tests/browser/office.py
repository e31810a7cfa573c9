"""What every page is held to, and somebody of the office who opens it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import quote

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from tests.api.serving import Serving

__all__ = [
    "LOCALES",
    "Opened",
    "check_every_screen",
    "check_everybody_can_read",
    "check_no_faults",
    "check_nothing_is_cut",
    "faults",
    "opening_pages",
]

LOCALES = {"en": "en", "zh_CN": "zh-CN", "bg": "bg"}
_LEVELS = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
# A theme changes nothing but colours: what is no matter of contrast is looked at in one of them.
_RULES: dict[Literal["light", "dark"], dict[str, Any]] = {
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast", "color-contrast-enhanced"]}},
    "light": {"runOnly": _LEVELS, "rules": {"color-contrast-enhanced": {"enabled": True}}},
}
_SCRIPT: str = Axe().axe_script
_VIOLATIONS = "(how) => axe.run(how).then((all) => all.violations)"

Opened = Callable[..., Page]


@contextmanager
def opening_pages(browser: Browser, serving: Serving, actor: str) -> Iterator[Opened]:
    """Opens pages as somebody: `opened("/board", locale="bg", width=320, java_script_enabled=False)`.

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


def faults(page: Page) -> list[str]:
    """What axe has to say of a page as it stands, in light and in dark; it is left in light."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_SCRIPT)
    said = []
    for theme, rules in _RULES.items():
        page.emulate_media(color_scheme=theme)
        found = page.evaluate(_VIOLATIONS, {**rules, "resultTypes": ["violations"]})
        said += [f"{theme}: {one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
    return said


def check_no_faults(page: Page) -> None:
    """No fault for a screen reader or in contrast, in light or dark, and nothing beyond the edge."""
    assert not (found := faults(page)), found
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def check_everybody_can_read(page: Page, locale: str = "en") -> None:
    """No fault for a screen reader or in contrast, in the reader's language, and nothing cut."""
    check_no_faults(page)
    assert page.locator("html").get_attribute("lang") == LOCALES[locale]
    check_nothing_is_cut(page)


def check_every_screen(page: Page, widths: Sequence[int] = (320, 768, 1440, 1920)) -> None:
    """Nothing is cut however wide the screen is; the scripts of a page may see it change, as when a phone is turned."""
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
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
    assert not cut, cut

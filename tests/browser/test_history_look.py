"""How the history and the start page look: to a screen reader, in the dark, in three languages, on any screen."""

from collections.abc import Iterable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.cable import Cable, Opened, opening, told_to_a_server

LEVELS = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {"color-contrast-enhanced": {"enabled": True}}


@pytest.fixture(scope="module")
def cable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cable]:
    with told_to_a_server(tmp_path_factory.mktemp("history")) as cable:
        yield cable


@pytest.fixture
def opened(browser: Browser, cable: Cable) -> Iterator[Opened]:
    """Opens a page for an auditor: `opened("/history", locale="bg-BG", color_scheme="dark")`."""
    with opening(browser, cable.url) as open_at:
        yield open_at


STATES = {
    "all": "/history",
    "found": "/history?order_id=TV-3301&from={at}",
    "empty": "/history?order_id=NONE",
    "refused": "/history?actor=x&from=x",
    "promise": "{page}?at=2027-03-03T04:30:00Z&and=2027-03-04T11:30:00Z",
    "customer": "/history/customers/CU-3301",
    "screen": "/history/screen?recipient=courier:bo&at={at}",
    "no screen": "/history/screen",
    "print": "/history/print?order_id=TV-3301&type=CommitmentMade",
    "nothing": "/history/commitments/x",
    "start": "/",
}


MAIN = ("found", "screen", "start")
DARK = [name for name in STATES if name not in ("all", "print", "nothing")]


@pytest.mark.parametrize(
    ("locale", "scheme", "states"), [("en-GB", "light", STATES), ("bg-BG", "dark", DARK), ("zh-CN", "light", MAIN)]
)
def test_every_state_is_read_by_everybody(
    opened: Opened, cable: Cable, locale: str, scheme: str, states: Iterable[str]
) -> None:
    page = opened("/livez", locale=locale, color_scheme=scheme, width=360)
    for name in states:
        path = STATES[name]
        page.goto(cable.url + path.format(page=cable.page, at=cable.at(3, "19:30")))
        found = Axe().run(page, options={"runOnly": LEVELS, "rules": RULES})
        assert found.violations_count == 0, f"{name}: {found.generate_snapshot()}"
        assert page.locator("html").get_attribute("lang") == {"en-GB": "en", "zh-CN": "zh-CN", "bg-BG": "bg"}[locale]


@pytest.mark.parametrize("locale", ["zh-CN", "bg-BG"])
def test_nothing_is_cut_from_a_small_phone_to_a_wide_screen(opened: Opened, cable: Cable, locale: str) -> None:
    page = opened("/livez", locale=locale)
    for name, path in STATES.items():
        page.goto(cable.url + path.format(page=cable.page, at=cable.at(3, "19:30")))
        for width in (320, 768, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} at {width}"

"""A server with the shop, for the files of this folder, and pages of the desk that are opened by its agents."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Begin
from tests.browser.desk.company import CONFIG, FRAMED_BY, TEN_O_CLOCK, Company


@pytest.fixture(scope="module")
def company(begin: Begin) -> Company:
    return Company(begin(CONFIG, test_clock=1, clock=TEN_O_CLOCK, frame_ancestors=FRAMED_BY))


@pytest.fixture
def opened(browser: Browser, company: Company) -> Iterator[Callable[..., Page]]:
    """Opens a page of the desk as an agent: `opened("/desk", locale="bg-BG", width=320)`."""
    contexts = []

    def open_in(path: str = "/desk", *, width: int = 1280, actor: str = "agent:mei", **more: object) -> Page:
        settings = {"locale": "en-GB", **more, "viewport": {"width": width, "height": 800}}
        contexts.append(context := browser.new_context(**settings))  # type: ignore[arg-type]
        context.add_cookies([{"name": "upheld_actor", "value": actor, "url": company.url}])
        page = context.new_page()
        page.goto(company.url + path)
        if page.locator("#line[autofocus]").count():
            # Browsers see to it once they have drawn the page, which may be after it is loaded.
            expect(page.locator("#line")).to_be_focused()
        return page

    yield open_in
    for context in contexts:
        context.close()

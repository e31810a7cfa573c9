"""The customer's page, in a real browser: on a phone, for a screen reader, and by keyboard alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.api.serving import Serving


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The link of a promise that counts as kept."""
    folder: Path = tmp_path_factory.mktemp("promise")
    with Serving(folder) as serving:
        agent = serving.by("agent:ling")
        id = agent.promise(order_id="SO-1001", promise="明天下午六点前送货", items=[{"sku": "TV", "quantity": 1}])["id"]
        agent.command(id, "fulfilment", {})
        yield agent.post(f"/v1/commitments/{id}/customer-link", None).json()["url"]


@pytest.mark.parametrize(("locale", "language"), [("en-GB", "en"), ("zh-CN", "zh-CN"), ("bg-BG", "bg")])
def test_the_page_is_read_by_everybody(browser: Browser, link: str, locale: str, language: str) -> None:
    context = browser.new_context(locale=locale, viewport={"width": 360, "height": 640})
    page = context.new_page()
    page.goto(link)

    assert page.locator("html").get_attribute("lang") == language
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert Axe().run(page).response["violations"] == []
    context.close()


def test_who_did_not_get_it_says_so_by_keyboard_and_without_scripts(browser: Browser, link: str) -> None:
    context = browser.new_context(locale="en-GB", java_script_enabled=False)
    page = context.new_page()
    page.goto(link)
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")

    assert page.url == link
    assert "We are looking into it" in page.inner_text(".standing")
    context.close()

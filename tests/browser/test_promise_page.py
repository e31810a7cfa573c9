"""The customer's page, in a real browser: on a phone, for a screen reader, and by keyboard alone."""

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Begin
from tests.browser.office import check_no_faults


@pytest.fixture(scope="module")
def link(begin: Begin) -> str:
    """The link of a promise that counts as kept."""
    agent = begin().by("agent:ling")
    id = agent.promise(order_id="SO-1001", promise="明天下午六点前送货", items=[{"sku": "TV", "quantity": 1}])["id"]
    agent.command(id, "amendments", {"due": agent.due(days=2), "reason": "The van broke down"})
    agent.command(id, "fulfilment", {})
    return str(agent.post(f"/v1/commitments/{id}/customer-link", None).json()["url"])


@pytest.mark.parametrize(("locale", "language"), [("en-GB", "en"), ("zh-CN", "zh-CN"), ("bg-BG", "bg")])
def test_the_page_is_read_by_everybody(browser: Browser, link: str, locale: str, language: str) -> None:
    context = browser.new_context(locale=locale, viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.goto(link)

    check_no_faults(page)
    assert page.locator("html").get_attribute("lang") == language
    context.close()


def test_another_language_is_chosen_without_scripts_and_nothing_is_kept(browser: Browser, link: str) -> None:
    context = browser.new_context(locale="en-GB", java_script_enabled=False)
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(link)
    page.get_by_role("link", name="Български").click()

    assert page.locator("h1").inner_text() == "Какво ви обещахме"
    assert page.locator(".changed .promise").inner_text() == "明天下午六点前送货"
    assert asked == [link, f"{link}?lang=bg"], "all of it is one request"
    assert context.cookies() == []
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

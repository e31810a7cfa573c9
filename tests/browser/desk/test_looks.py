"""The desk is read by everybody: in each language, width and theme, for a screen reader, and inside a helpdesk."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.desk.company import FRAMED_BY, Company, typed
from tests.browser.office import check_no_faults


@pytest.mark.parametrize(("locale", "width"), [("en-GB", 1920), ("zh-CN", 768), ("bg-BG", 320)])
def test_the_desk_is_read_by_everybody(opened: Callable[..., Page], locale: str, width: int) -> None:
    page = opened(locale=locale, width=width)
    check_no_faults(page)
    page.keyboard.type("free HDMI cable by 6 with the redelivery, SO-1002")
    page.locator("#due_choice").wait_for()
    check_no_faults(page)
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    check_no_faults(page)


@pytest.mark.parametrize(("locale", "width"), [("en-GB", 320), ("zh-CN", 1440), ("bg-BG", 360)])
def test_a_promise_is_read_by_everybody(opened: Callable[..., Page], company: Company, locale: str, width: int) -> None:
    long = "Възстановяване-на-стойността-без-прекъсване-" * 3 + "明天下午六点前送货" * 8
    id = company.agent.promise(order_id="SO-1001", customer_id="CU-1", promise=long)["id"]
    company.agent.command(id, "amendments", {"promise": "Shorter", "reason": long})
    page = opened(f"/desk/promises/{id}", locale=locale, width=width)
    for part in page.locator("summary").all():
        part.click()
    check_no_faults(page)
    page.goto(f"{company.url}/desk/found?find=nothing")
    check_no_faults(page)


def test_inside_a_helpdesk_it_is_filled_in_and_leads_nowhere_else(
    opened: Callable[..., Page], company: Company
) -> None:
    page = opened("/desk?embed=1&order_id=SO-1001&conversation=chat-7", width=320)
    assert page.locator("nav").count() == 0
    check_no_faults(page)
    typed(page, "refund within five working days", "5 working days")
    page.keyboard.press("Enter")
    expect(page.locator("#made")).to_contain_text("Recorded")

    assert "embed=1" in page.url
    newest = company.promised("SO-1001")[0]
    assert (newest["customer_id"], newest["conversation"]) == ("CU-1", "chat-7")
    page.locator("#made a").click()
    assert page.locator("nav").count() == 0


@pytest.mark.parametrize(
    ("path", "by"), [("/desk?embed=1", FRAMED_BY), ("/desk", "'none'"), ("/who?embed=1", "'none'")]
)
def test_only_the_embedded_desk_may_be_framed_and_only_by_whom_the_settings_name(
    company: Company, path: str, by: str
) -> None:
    answer = httpx.get(company.url + path, headers={"X-Actor": "agent:mei"}, trust_env=False, timeout=30)
    assert f"frame-ancestors {by}" in answer.headers["content-security-policy"]

"""A promise is typed, read and recorded at the desk, in a real browser and without a mouse."""

from collections.abc import Callable

import httpx
from playwright.sync_api import Page, expect

from tests.browser.desk.company import Company, typed


def test_a_promise_is_typed_read_and_recorded_by_keyboard_alone(opened: Callable[..., Page], company: Company) -> None:
    page = opened()
    typed(page, "refund within three working days, SO-1001", "The finance team gets it, and must confirm it by 14:00")
    expect(page.locator("#look")).to_contain_text("Fri, Mar 5, 2027, end of the day, Shanghai; 3 working days")
    assert "It comes by noon" in page.locator("#sight").inner_text()
    page.keyboard.press("Enter")

    expect(page.locator("#made")).to_contain_text("Recorded")
    assert "The finance team has not opened it yet. It must be confirmed by 14:00." in page.inner_text("#made")
    newest = company.promised("SO-1001")[0]
    assert (newest["kind"], newest["customer_id"], newest["channel"]) == ("refund", "CU-1", "phone")
    assert newest["promise"] == "refund within three working days"
    assert page.evaluate("document.activeElement.id") == "line"


def test_chinese_and_bulgarian_are_understood_whatever_the_language_of_the_page(opened: Callable[..., Page]) -> None:
    page = opened()
    typed(page, "след половин час ще ви се обадя, SO-1003", "10:30, Shanghai; 30 minutes")
    page.keyboard.press("Control+A")
    typed(page, "明天下午6点前重新配送，SO-1001", "Wed, Mar 3, 2027 18:00, Shanghai")
    expect(page.locator("input[name=kind]:checked")).to_have_value("redelivery")


def test_what_is_not_seen_yet_is_shown_before_it_is_recorded(opened: Callable[..., Page], company: Company) -> None:
    page, before = opened(), len(company.promised("SO-1003"))
    page.route("**/desk/look", lambda _: None)  # an answer that does not come
    page.keyboard.type("invoice tomorrow, SO-1003")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("press Enter once more")
    assert len(company.promised("SO-1003")) == before
    page.locator("#record button.main").press("Enter")

    expect(page.locator("#made")).to_contain_text("invoice tomorrow")
    assert len(company.promised("SO-1003")) == before + 1


def test_a_guess_is_offered_and_never_taken(opened: Callable[..., Page], company: Company) -> None:
    page, before = opened(), len(company.promised("SO-1003"))
    typed(page, "call back by 6, SO-1003", "When do you mean?")
    assert page.locator("input[name=due_choice]:checked").count() == 0
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Choose one of these")
    assert len(company.promised("SO-1003")) == before
    expect(page.locator("#due_choice-1")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator(".when")).to_contain_text("18:00")
    page.keyboard.press("Enter")

    expect(page.locator("#made")).to_contain_text("18:00, Shanghai")
    assert company.promised("SO-1003")[0]["due"]["at"] == "2027-03-02T10:00:00Z"  # type: ignore[index]


def test_a_time_that_is_not_understood_is_not_taken_for_the_usual_one(opened: Callable[..., Page]) -> None:
    page = opened()
    typed(page, "refund soon, SO-1001", "This time is not understood")
    assert "Not understood: “soon”" in page.inner_text("#look")
    page.keyboard.press("Alt+t")
    typed(page, "3 working days", "Fri, Mar 5, 2027, end of the day")

    expect(page.locator("#look")).to_contain_text("The finance team gets it")


def test_what_the_agent_has_edited_is_never_overwritten(opened: Callable[..., Page]) -> None:
    page = opened()
    typed(page, "refund within three working days", "Whose promise is it?")
    page.fill("#due", "tomorrow")
    page.keyboard.press("Alt+6")
    page.fill("#promise", "We pay you back")
    page.press("#line", "End")
    page.locator("#line").focus()
    page.keyboard.press("End")
    page.keyboard.type(" SO-1001")
    expect(page.locator("#customer_id")).to_have_value("CU-1")
    expect(page.locator("#look")).to_contain_text("Wed, Mar 3, 2027, end of the day")

    assert page.input_value("#due") == "tomorrow"
    assert page.input_value("#promise") == "We pay you back"
    assert page.locator("input[name=kind]:checked").get_attribute("value") == "compensation"


def test_another_order_is_another_customers(opened: Callable[..., Page]) -> None:
    page = opened()
    typed(page, "refund tomorrow, SO-1002", "The finance team gets it")
    expect(page.locator("#customer_id")).to_have_value("CU-2")
    page.keyboard.press("Backspace")
    page.keyboard.type("3")
    expect(page.locator("#customer_id")).to_have_value("CU-3")
    page.keyboard.press("Backspace")

    expect(page.locator("#customer_id")).to_have_value("")


def test_a_bad_promise_is_warned_of_while_it_is_free(opened: Callable[..., Page]) -> None:
    page = opened()
    typed(page, "free HDMI cable today, SO-1002", "The van has left already")
    page.keyboard.press("Control+A")
    typed(page, "delivery tomorrow, SO-1002", "This order has an open promise of this kind already")
    page.keyboard.press("Control+A")
    typed(page, "redelivery within 10 minutes, SO-1003", "Nobody carries the order yet")


def test_who_has_no_scripts_looks_first_and_records_then(opened: Callable[..., Page], company: Company) -> None:
    page = opened(java_script_enabled=False)
    page.fill("#line", "refund within two working days, SO-1001")
    page.get_by_role("button", name="Look at it").click()
    expect(page.locator("#look")).to_contain_text("Thu, Mar 4, 2027, end of the day")
    page.get_by_role("button", name="Record it").click()

    assert "Recorded" in page.inner_text("#made")
    assert company.promised("SO-1001")[0]["promise"] == "refund within two working days"


def test_a_form_that_is_sent_twice_records_one_promise(opened: Callable[..., Page], company: Company) -> None:
    page, before = opened(java_script_enabled=False), len(company.promised("SO-1003"))
    page.fill("#line", "refund within four working days, SO-1003")
    page.get_by_role("button", name="Look at it").click()
    page.locator("#record").wait_for(state="attached")
    sent = page.evaluate("Object.fromEntries(new FormData(document.getElementById('record')))")
    for _ in range(2):
        answer = httpx.post(
            f"{company.url}/desk", data=sent, headers={"X-Actor": "agent:mei"}, trust_env=False, timeout=30
        )
        assert answer.status_code == 303, answer.text

    assert len(company.promised("SO-1003")) == before + 1

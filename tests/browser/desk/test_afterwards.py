"""What becomes of a promise is seen at the desk, and what can be done when the customer asks again."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.desk.company import Company, typed


def test_the_receipt_comes_in_while_the_agent_looks_on(opened: Callable[..., Page], company: Company) -> None:
    page = opened()
    typed(page, "redelivery tomorrow by 6 pm, SO-1001", "Li gets it")
    page.keyboard.press("Enter")
    expect(page.locator("#made")).to_contain_text("Li has not opened it yet. It must be confirmed by")
    id = page.url.split("made=")[1]
    company.oms.by("courier:li").receipt(id, "seen")
    expect(page.locator("#made")).to_contain_text("Li has opened it, and not confirmed it yet")
    company.oms.by("courier:li").receipt(id)

    expect(page.locator("#made")).to_contain_text("Li knows of it.")
    expect(page.locator("#mine")).to_contain_text("Who must keep it knows of it")


def test_the_customer_asks_again_and_hears_how_it_stands(opened: Callable[..., Page], company: Company) -> None:
    promise = {"order_id": "SO-9", "customer_id": "CU-9", "promise": "Your cable comes on Thursday"}
    id = company.agent.promise("free_item", **promise, due={"date": "2027-03-04"})["id"]
    company.oms.by("warehouse:hu").receipt(id, "held")
    page = opened()
    page.keyboard.press("Alt+/")
    page.keyboard.type("CU-9")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/desk/promises/{id}")
    saying = page.locator("#saying").inner_text()
    assert "Mei promised you on Tue, Mar 2, 2027 10:00:" in saying
    assert "Your cable comes on Thursday" in saying
    assert "It is to be kept by Thu, Mar 4, 2027, end of the day, Shanghai." in saying
    assert "hu (warehouse) has it since Tue, Mar 2, 2027 10:00." in saying
    assert "Nobody has it yet" in saying
    page.keyboard.press("c")

    expect(page.get_by_role("status")).to_contain_text("Counted")
    expect(page.locator("#saying")).to_contain_text("The customer has asked for it once")
    assert company.agent.commitment(id)["contacts"] == 1


def test_a_promise_is_changed_taken_back_and_shown_by_keyboard(opened: Callable[..., Page], company: Company) -> None:
    id = company.agent.promise(order_id="SO-1001", customer_id="CU-1", promise="It comes on Thursday")["id"]
    page = opened(f"/desk/promises/{id}")
    page.keyboard.press("a")
    page.keyboard.type("friday 18:00")
    page.keyboard.press("Enter")
    expect(page.locator(".fault")).to_contain_text("Say why")
    expect(page.locator("#amendments-reason")).to_be_focused()
    page.keyboard.type("The van broke down")
    page.keyboard.press("Enter")
    expect(page.locator(".fault")).to_contain_text("The words still name another time: “on Thursday”.")
    expect(page.locator("#amendments-promise")).to_be_focused()
    page.locator("#amendments-reason").press("Enter")
    expect(page.locator("#saying")).to_contain_text("It is to be kept by Fri, Mar 5, 2027 18:00, Shanghai.")
    assert "Mei changed it on Tue, Mar 2, 2027 10:00. The reason: The van broke down" in page.inner_text("#saying")
    page.wait_for_load_state()
    page.keyboard.press("k")
    expect(page.locator("#url")).to_have_value(f"{company.url}/c/" + page.input_value("#url").split("/c/")[1])
    page.goto(f"{company.url}/desk/promises/{id}")
    page.keyboard.press("w")
    page.keyboard.type("She does not need it")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator("#saying")).to_contain_text("It was taken back on")
    page.wait_for_load_state()
    page.keyboard.press("r")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_contain_text("It is open again.")
    assert company.agent.flag(id) == "disputed"


def test_my_promises_begin_with_those_in_danger(opened: Callable[..., Page], company: Company) -> None:
    agent = company.oms.by("agent:gao")
    agent.promise("answer", promise="Later", due={"date": "2027-03-04"})
    agent.promise("answer", promise="Sooner", due={"date": "2027-03-03"})
    id = agent.promise(order_id="SO-1001", customer_id="CU-1", promise="In danger", due={"date": "2027-03-10"})["id"]
    company.oms.by("courier:li").receipt(id, "declined", reason="No room")
    page = opened(actor="agent:gao")

    expect(page.locator("#mine .promise")).to_have_text(["In danger", "Sooner", "Later"])
    expect(page.locator("#mine")).to_contain_text("Who must keep it said no")


def test_a_page_that_cannot_ask_the_server_says_so(opened: Callable[..., Page]) -> None:
    page = opened()
    page.context.set_offline(True)
    page.keyboard.type("refund tomorrow")
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached")
    page.context.set_offline(False)
    page.keyboard.type(", SO-1001")

    expect(page.locator("#look")).to_contain_text("The finance team gets it")
    expect(page.locator("[data-away]")).to_be_hidden()

"""What changes while he does not look: he is shown what it was and what it is, and told what is gone, and why."""

from playwright.sync_api import expect

from tests.browser.phone import Office, Phone, Phones
from tests.messages.receivers import eventually


def test_a_promise_that_changed_after_the_tap_is_shown_beside_what_it_was_and_asked_for_anew(
    phones: Phones, office: Office
) -> None:
    id = office.promise("It comes by noon")
    phone = skipping(phones, office).open(id)
    phone.context.set_offline(True)
    phone.say("I know")
    office.amend(id, "It comes by ten")
    phone.context.set_offline(False)

    phone.shows("This promise changed meanwhile")
    assert "It comes by noon" in phone.page.inner_text(".sides .was")
    assert "It comes by ten" in phone.page.inner_text(".sides .is")
    assert "Not confirmed yet" in phone.text()
    (receipt,) = office.events(id, "HandoffAcknowledged")
    assert receipt["revision"] == 1
    assert office.handoff(id)["received"] is False

    phone.go("")
    phone.shows("What you said does not count: the promise changed meanwhile. Look at it, and say it again.")
    phone.tap("Look at it")
    phone.say("I know")
    phone.shows("Confirmed: you know")
    assert phone.page.locator(".sides").count() == 0
    assert office.handoff(id)["received"] is True


def test_a_promise_that_changed_while_the_page_was_closed_is_shown_beside_what_it_was(
    phone: Phone, office: Office
) -> None:
    id = office.promise("It comes by noon")
    phone.open(id)
    eventually(lambda: "HandoffSeen" in office.told(id))
    phone.page.close()
    office.amend(id, "It comes by ten")

    phone = Phone(phone.context, phone.url).visit()
    phone.row(id).get_by_text("Changed").wait_for()
    phone.open(id)
    phone.shows("This promise changed meanwhile")
    assert "It comes by noon" in phone.page.inner_text(".sides .was")
    assert "It comes by ten" in phone.page.inner_text(".sides .is")


def test_what_he_confirmed_on_another_phone_is_shown_beside_what_it_is_now(phones: Phones, office: Office) -> None:
    id = office.promise("It comes by noon")
    office.agent.by(office.courier).receipt(id)
    office.amend(id, "It comes by ten")

    phone = phones().enter(office.courier).open(id)
    phone.shows("This promise changed meanwhile")
    assert "It comes by noon" in phone.page.inner_text(".sides .was")


def test_a_stop_given_to_a_colleague_and_a_promise_withdrawn_are_taken_off_the_list_and_told(
    phone: Phone, office: Office
) -> None:
    order = office.order()
    moved, withdrawn, stays = office.promise("It moves", order_id=order), office.promise("It ends"), office.promise()
    # What is on its way when the network goes is given up when it is back, and asked for again at once.
    phone.row(stays).wait_for()
    phone.context.set_offline(True)
    office.plan(order, "courier:wu")
    office.agent.command(withdrawn, "withdrawal", {"reason": "She moved", "cause": "agreed"})
    phone.context.set_offline(False)

    phone.shows("Not yours any more: it was given to wu (courier).")
    phone.shows("Not to be done any more: the promise was withdrawn.")
    assert [phone.row(id).count() for id in (moved, withdrawn, stays)] == [0, 0, 1]
    for left in (1, 0):
        phone.page.get_by_role("button", name="OK").first.click()
        expect(phone.page.locator(".notice")).to_have_count(left)


def test_a_tap_that_came_too_late_to_count_says_why(phones: Phones, office: Office) -> None:
    order = office.order()
    moved, closed = office.promise("It moves", order_id=order), office.promise("It ends")
    phone = skipping(phones, office)
    phone.row(closed).wait_for()
    phone.context.set_offline(True)
    for id in (moved, closed):
        phone.open(id).tap("I know")
        phone.shows("Undo")
        phone.go("")
    phone.pass_undo()
    office.plan(order, "courier:wu")
    office.agent.command(closed, "withdrawal", {"reason": "She moved", "cause": "agreed"})
    phone.context.set_offline(False)

    phone.shows("What you said does not count: it was given to somebody else.")
    phone.shows("What you said does not count: the promise is closed.")
    assert phone.page.locator(".notice").count() == 2
    assert phone.page.locator(".stops").count() == 0
    assert [office.told(id).count("HandoffAcknowledged") for id in (moved, closed)] == [1, 1]


def test_another_address_of_a_stop_is_told_until_he_has_read_it(phone: Phone, office: Office) -> None:
    order = office.order()
    id = office.promise(order_id=order)
    phone.row(id).wait_for()
    office.plan(order, office.courier, stop=1, address="7 Elm Road")

    phone.shows("The address changed. It was: 1 Willow Lane. It is now: 7 Elm Road.")
    phone.visit().shows("It is now: 7 Elm Road.")
    phone.tap("OK")
    phone.page.locator(".notice").wait_for(state="detached")
    assert "7 Elm Road" in phone.page.inner_text(".stops")


def test_that_the_customer_says_it_did_not_happen_is_told_to_whom_must_keep_it(phone: Phone, office: Office) -> None:
    id = office.promise()
    office.agent.by(office.courier).command(id, "fulfilment", {})
    office.agent.command(id, "reopening", {"reason": "disputed", "note": "The family says that it never came"})

    phone.row(id).get_by_text("The customer says it did not happen").wait_for()
    phone.open(id).shows("The customer says it did not happen")


def test_what_he_types_outlives_that_the_promise_changes_meanwhile(phone: Phone, office: Office) -> None:
    id = office.promise("It comes by noon")
    phone.open(id, "cannot")
    phone.page.get_by_label("In your own words").fill("The bridge is closed")
    office.amend(id, "It comes by ten")
    phone.shows("This promise changed meanwhile")
    assert phone.page.get_by_label("In your own words").count() == 0
    phone.go(f"c-{id}/cannot")
    phone.shows("It comes by ten")
    assert phone.page.get_by_label("In your own words").input_value() == "The bridge is closed"
    phone.tap("Say that I can't")
    phone.shows("Undo")
    phone.go(f"c-{id}/cannot")
    assert phone.page.get_by_label("In your own words").input_value() == ""


def skipping(phones: Phones, office: Office) -> Phone:
    """A phone on which the time to undo can be skipped."""
    phone = phones()
    phone.page.clock.install()
    return phone.enter(office.courier)

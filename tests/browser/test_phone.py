"""A courier's day on his phone: what he sees, what he says to it, and what is recorded of that."""

import io
import time
from datetime import datetime, timedelta

import pytest
from PIL import Image
from playwright.sync_api import Route

from tests.browser.phone import SAVED, Office, Phone, Phones, photo
from tests.messages.receivers import eventually

TEN_MINUTES = timedelta(minutes=10, seconds=30)
REASONS = (
    "I do not have the goods",
    "There is not enough time",
    "I cannot get to the address",
    "I am ill, or not at work",
)


@pytest.fixture
def phone(phones: Phones, office: Office) -> Phone:
    """The phone of the courier, on which the time to undo can be skipped."""
    phone = phones()
    phone.page.clock.install()
    return phone.enter(office.courier)


def test_the_phone_says_that_a_promise_has_arrived_and_that_it_was_opened_and_nothing_else_by_itself(
    phone: Phone, office: Office
) -> None:
    id = office.promise()
    phone.row(id).get_by_text("New").wait_for()
    eventually(lambda: office.told(id)[-1] == "HandoffDelivered")
    assert "Not confirmed yet" in phone.row(id).inner_text()

    phone.open(id)
    eventually(lambda: office.told(id)[-1] == "HandoffSeen")
    phone.page.clock.fast_forward(120_000)
    phone.go("")
    phone.row(id).get_by_text("Not confirmed yet").wait_for()
    assert phone.row(id).get_by_text("New").count() == 0
    assert office.told(id)[-2:] == ["HandoffDelivered", "HandoffSeen"]


def test_an_ordinary_delivery_asks_for_nothing(phone: Phone, office: Office) -> None:
    id = office.promise("Your television", "delivery")
    phone.open(id)
    phone.page.get_by_role("button", name="Kept").wait_for()

    assert phone.page.get_by_role("button", name="I know").count() == 0
    assert "Not confirmed" not in phone.page.inner_text("body")
    phone.go("")
    phone.row(id).wait_for()
    assert phone.page.locator(".first").count() == 0
    assert not {"HandoffDelivered", "HandoffSeen"} & set(office.told(id))


def test_where_no_stream_comes_about_a_promise_appears_all_the_same(phones: Phones, office: Office) -> None:
    phone = phones()
    refused = []

    def refuse(route: Route) -> None:
        refused.append(route)
        route.abort()

    phone.context.route("**/v1/tasks/stream*", refuse)
    phone.page.clock.install()
    phone.enter(office.courier)
    phone.waits_for(phone.row(office.promise()))
    assert refused


def test_where_the_browser_allows_no_worker_the_page_does_its_work_with_a_network(
    phones: Phones, office: Office
) -> None:
    id = office.promise()
    phone = phones()
    phone.context.add_init_script(
        "ServiceWorkerContainer.prototype.register = async () => { throw new DOMException('no', 'SecurityError'); }"
    )
    phone.page.clock.install()
    phone.enter(office.courier, worker=False)
    phone.page.reload()
    phone.open(id).say("I know")
    phone.shows("Confirmed: you know")
    phone.go("").row(office.promise()).wait_for()


def test_where_the_browser_knows_no_modules_in_workers_the_page_opens_without_a_network(
    phones: Phones, office: Office
) -> None:
    id = office.promise()
    phone = phones()
    phone.context.add_init_script(
        "const register = ServiceWorkerContainer.prototype.register;"
        "ServiceWorkerContainer.prototype.register = function (url, options) {"
        "  if (options.type === 'module') return Promise.reject(new TypeError('no'));"
        "  return register.call(this, url, options); }"
    )
    phone.enter(office.courier).row(id).wait_for()
    worker = phone.page.evaluate("navigator.serviceWorker.controller.scriptURL")
    phone.context.set_offline(True)
    phone.page.reload()

    phone.row(id).wait_for()
    assert worker.endswith("/courier/worker-classic.js")


@pytest.mark.parametrize("reason", [REASONS[0], "The bridge is closed"])
def test_who_cannot_says_why_in_one_tap_or_in_his_own_words(phone: Phone, office: Office, reason: str) -> None:
    id = office.promise()
    phone.open(id).tap("I can't")
    phone.shows("Why can't you?")
    assert [phone.page.get_by_role("button", name=one).count() for one in REASONS] == [1, 1, 1, 1]
    if reason in REASONS:
        phone.tap(reason)
    else:
        phone.page.get_by_label("In your own words").fill(reason)
        phone.tap("Say that I can't")
    phone.page.locator(".undo").wait_for()
    phone.pass_undo()

    phone.shows("You said that you cannot")
    (declined,) = office.events(id, "HandoffDeclined")
    assert declined["data"]["reason"] == reason


def test_the_loading_list_has_a_tap_for_each_thing_and_counts_what_is_missing(phone: Phone, office: Office) -> None:
    first, second = office.cable(), office.cable()
    office.promise("No thing at all")
    phone.row(second).wait_for()
    phone.tap("Loading list")
    phone.shows("2 things are missing")
    assert phone.page.locator(".things > li").count() == 2
    for left in ("1 thing is missing", "Nothing is missing."):
        phone.page.get_by_role("button", name="It is in the van").first.click()
        phone.shows(left)
    phone.pass_undo()

    phone.page.locator(".things .done").nth(1).wait_for()
    for id in (first, second):
        assert office.handoff(id)["state"] == "held"


def test_a_thing_is_confirmed_by_its_code_and_another_code_confirms_nothing(phones: Phones, office: Office) -> None:
    mine, other = office.cable(items=[{"sku": "TV-55", "quantity": 1}]), office.cable()
    phone = phones()
    # Chromium has none on Linux: what the camera would read is told to it instead, the camera itself is a real one.
    phone.context.add_init_script(
        "window.inSight = []; window.BarcodeDetector = class { async detect(video) {"
        " return video.videoWidth > 0 ? inSight.splice(0, 1).map(rawValue => ({rawValue})) : []; } };"
    )
    phone.page.clock.install()
    phone.enter(office.courier)
    phone.row(mine).wait_for()
    phone.tap("Loading list")
    phone.tap("Scan")
    for code, answer in (
        ("SKU-OF-NOBODY", "is not on your list"),
        ("TV-55", "saved on this phone"),
        ("", None),
        ("TV-55", "is confirmed already"),
    ):
        phone.page.evaluate("code => { inSight.push(code); }", code)
        if answer:
            phone.shows(f"{code}: {answer}")
    phone.pass_undo()

    eventually(lambda: office.handoff(mine)["state"] == "held")
    assert office.handoff(other)["state"] != "held"
    phone.tap("Stop scanning")
    assert phone.page.locator("video").count() == 0


def test_what_was_kept_is_recorded_with_a_note_and_a_small_photo_and_leaves_the_list(
    phone: Phone, office: Office
) -> None:
    id, taken = office.promise(), photo()
    phone.open(id).tap("Kept")
    phone.page.get_by_label("Note (may be left out)").fill("Handed over at the door")
    phone.page.get_by_label("Take a photo").set_input_files(taken)
    phone.shows("Photo added")
    phone.page.locator(".bar").get_by_role("button", name="Kept").click()
    phone.page.locator(".undo").wait_for()
    phone.pass_undo()
    phone.page.get_by_role("heading", name="Kept").wait_for()

    (kept,) = office.events(id, "CommitmentKept")
    assert kept["data"]["note"] == "Handed over at the door"
    (evidence,) = kept["data"]["evidence"]
    stored = office.agent.by("supervisor:wang").request("GET", f"/v1/evidence/{evidence}").content
    assert len(stored) <= 300_000 < len(taken["buffer"])
    width, height = Image.open(io.BytesIO(stored)).size
    assert (width <= 1600, width * 3) == (True, height * 4)
    phone.go("")
    phone.row(id).wait_for(state="detached")


def test_what_was_tried_is_recorded_with_what_happened(phone: Phone, office: Office) -> None:
    id = office.promise()
    phone.open(id).tap("Tried, and not kept")
    phone.page.get_by_text("Add a note or a photo").click()
    phone.page.get_by_label("Note (may be left out)").fill("Rang twice")
    phone.say("Nobody was there")
    eventually(lambda: "FulfilmentAttempted" in office.told(id))

    (tried,) = office.events(id, "FulfilmentAttempted")
    assert (tried["data"]["outcome"], tried["data"]["note"]) == ("customer_absent", "Rang twice")
    phone.go("done")
    phone.shows("Tried: Nobody was there")


def test_a_wrong_kept_is_taken_back_and_the_history_has_both(phone: Phone, office: Office) -> None:
    id = office.promise()
    phone.open(id).tap("Kept")
    phone.page.locator(".bar button").click()
    phone.page.locator(".undo").wait_for()
    phone.pass_undo()
    phone.page.get_by_role("heading", name="Kept").wait_for()
    phone.go("done")
    phone.say("That was a wrong tap: undo it")

    phone.shows("Taken back")
    phone.go("")
    phone.row(id).wait_for()
    assert [type for type in office.told(id) if type.startswith("Commitment")] == [
        "CommitmentMade",
        "CommitmentKept",
        "CommitmentReopened",
    ]


def test_what_the_server_refuses_stays_on_the_phone_with_the_reason(phone: Phone, office: Office) -> None:
    id = office.promise()
    phone.open(id)
    phone.context.set_offline(True)
    phone.say("I know")
    phone.context.route("**/v1/receipts", _as_of_a_stranger)
    phone.context.set_offline(False)

    phone.shows("1 thing was not recorded")
    phone.shows("Not recorded: ")
    assert "HandoffAcknowledged" not in office.told(id)
    phone.tap("Look at it")
    phone.shows("Only on this phone")
    phone.context.unroute("**/v1/receipts")
    phone.page.reload()
    phone.shows("1 thing was not recorded")
    phone.tap("Remove")
    phone.page.get_by_text("not recorded").first.wait_for(state="detached")
    assert phone.outbox() == []


_THE_WORKER_DOES_NOT_SEND = "Object.defineProperty(ServiceWorkerRegistration.prototype, 'sync', { value: null })"


def _as_of_a_stranger(route: Route) -> None:
    """The same request, of somebody who never was to keep it."""
    route.continue_(headers={**route.request.headers, "x-actor": "courier:stranger"})


@pytest.mark.parametrize(("wrong_by", "words"), [(TEN_MINUTES, "10 min fast"), (-TEN_MINUTES, "10 min slow")])
def test_a_phone_whose_clock_is_wrong_sends_the_right_time_and_says_so(
    phones: Phones, office: Office, wrong_by: timedelta, words: str
) -> None:
    id = office.promise()
    phone = phones()
    # The clock of the worker cannot be set here, and on a phone both have the same: let it not send.
    phone.page.add_init_script(_THE_WORKER_DOES_NOT_SEND)
    phone.page.clock.install(time=datetime.now().astimezone() + wrong_by)
    phone.enter(office.courier).open(id)
    tapped = phone.page.evaluate("Date.now()") / 1000 - wrong_by.total_seconds()
    phone.say("I know")
    phone.shows("Confirmed: you know")

    (receipt,) = office.events(id, "HandoffAcknowledged")
    # What was skipped here of the time to undo is, for the phone, a clock that goes wrong by that much more.
    assert abs(_instant(receipt["occurred_at"]).timestamp() - tapped) < 30
    phone.go("more")
    phone.shows(f"This phone's clock is {words}.")


def test_a_slow_answer_tells_no_other_time_than_a_quick_one_before(phones: Phones, office: Office) -> None:
    id = office.promise()
    phone = phones().enter(office.courier).open(id)
    eventually(lambda: "HandoffSeen" in office.told(id))
    eventually(lambda: phone.outbox() == [])
    phone.page.route("**/v1/tasks?*", _slowly)
    with phone.page.expect_response("**/v1/tasks?*"):
        phone.page.evaluate("dispatchEvent(new Event('online'))")
    began = phone.page.evaluate("Date.now()") / 1000
    phone.tap("I know")
    phone.shows("Undo")
    tapped = phone.page.evaluate("Date.now()") / 1000
    phone.shows("Confirmed: you know")

    (receipt,) = office.events(id, "HandoffAcknowledged")
    assert began - 1 <= _instant(receipt["occurred_at"]).timestamp() <= tapped + 1


def _slowly(route: Route) -> None:
    """Its answer is on the way for four seconds, of which it told the beginning: half of them would be the error."""
    answer = route.fetch()
    time.sleep(4)
    route.fulfill(response=answer)


def test_a_tap_that_is_more_than_a_day_old_is_recorded_without_its_time(phones: Phones, office: Office) -> None:
    id = office.promise()
    phone = phones()
    # As above: the worker's clock is right, and it would send after five seconds.
    phone.page.add_init_script(_THE_WORKER_DOES_NOT_SEND)
    phone.page.clock.install()
    phone.enter(office.courier).open(id)
    phone.context.set_offline(True)
    phone.tap("I know")
    phone.shows("Undo")
    phone.page.clock.fast_forward(25 * 3_600_000)
    phone.shows(SAVED)
    phone.context.set_offline(False)
    phone.shows("Confirmed: you know")

    (receipt,) = office.events(id, "HandoffAcknowledged")
    assert _instant(receipt["recorded_at"]) - _instant(receipt["occurred_at"]) < timedelta(seconds=1)


_instant = datetime.fromisoformat

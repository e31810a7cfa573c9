"""A tap without a network is kept, shown for what it is, and recorded once, whatever becomes of the phone meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser

from tests.api.serving import Serving
from tests.browser.line import Line
from tests.browser.phone import FLAGS, SAVED, SMALL, Office, Phone, Phones, chromium, photo
from tests.chaos.faults import kill_with_children, running
from tests.messages.receivers import eventually

A_SECOND = 1_000  # ms
Unlock = Callable[..., Phone]


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """Where the browser of one phone keeps what it keeps."""
    return tmp_path / "profile"


@pytest.fixture
def line(company: Serving) -> Iterator[Line]:
    with Line(company.port) as line:
        yield line


@pytest.fixture
def unlock(browser: Browser, profile: Path) -> Iterator[Unlock]:
    """Starts the browser of one phone, again and again: `unlock(url)`, `unlock(url, offline=True)`."""
    with ExitStack() as stack:

        def start(url: str, *, offline: bool = False) -> Phone:
            context = browser.browser_type.launch_persistent_context(
                profile,
                executable_path=chromium(),
                args=list(FLAGS),
                locale="en-GB",
                viewport=SMALL,  # type: ignore[arg-type]
                offline=offline,
            )
            return Phone(stack.enter_context(context), url)

        yield start


def test_a_tap_without_a_network_outlives_an_empty_battery_and_is_recorded_once_with_the_time_of_the_tap(
    unlock: Unlock, profile: Path, office: Office, line: Line
) -> None:
    id = office.promise()
    phone = unlock(line.url).enter(office.courier).open(id)
    eventually(lambda: "HandoffSeen" in office.told(id))
    line.cut()
    phone.context.set_offline(True)
    tapped = phone.page.evaluate("Date.now()")
    phone.tap("I know")
    phone.shows("Undo")
    shown = phone.page.evaluate("Date.now()")
    switch_off(profile)

    phone = unlock(line.url, offline=True).visit(f"#c-{id}")
    phone.shows(f"I know: {SAVED}")
    phone.shows("No network.")
    phone.go("").shows("1 thing saved on this phone, not sent")
    phone.open(id)
    line.mend()
    phone.context.set_offline(False)
    phone.shows("Confirmed: you know")
    (receipt,) = office.events(id, "HandoffAcknowledged")
    # How far its clock is from the server's the phone knows to within a part of what an answer takes.
    assert tapped - A_SECOND <= _ms(receipt["occurred_at"]) <= shown + A_SECOND
    assert _ms(receipt["recorded_at"]) - tapped > 5_000
    assert phone.outbox() == []


def test_the_worker_sends_what_was_tapped_just_before_the_page_was_closed(phone: Phone, office: Office) -> None:
    id = office.promise()
    phone.open(id)
    phone.tap("I know")
    phone.shows("Undo")
    eventually(lambda: "outbox" in phone.page.evaluate(_AWAITED))
    phone.context.new_page()
    phone.page.close()

    eventually(lambda: office.told(id).count("HandoffAcknowledged") == 1, within=30)


_AWAITED = "navigator.serviceWorker.ready.then(worker => worker.sync.getTags())"


def test_two_tabs_that_come_back_at_once_make_one_event(phone: Phone, office: Office) -> None:
    id = office.promise()
    phone.context.clock.install()
    phone.page.reload()
    phone.open(id)
    other = Phone(phone.context, phone.url, phone.context.new_page()).visit().open(id)
    phone.context.set_offline(True)
    phone.tap("I know")
    other.shows("Undo")
    phone.pass_undo()
    phone.context.set_offline(False)

    phone.shows("Confirmed: you know")
    other.shows("Confirmed: you know")
    assert office.told(id).count("HandoffAcknowledged") == 1


def test_what_is_undone_in_one_tab_is_undone_in_the_other_and_never_sent(phone: Phone, office: Office) -> None:
    id = office.promise()
    phone.context.clock.install()
    phone.page.reload()
    phone.open(id)
    other = Phone(phone.context, phone.url, phone.context.new_page()).visit().open(id)
    phone.tap("I know")
    other.page.locator(".undo").dispatch_event("click")

    phone.page.get_by_role("button", name="I know").wait_for()
    other.pass_undo()
    other.page.get_by_role("button", name="I know").wait_for()
    eventually(lambda: phone.outbox() == [])
    assert "HandoffAcknowledged" not in office.told(id)


def test_a_thumb_that_taps_twice_says_it_once_and_does_not_undo_it(phone: Phone, office: Office) -> None:
    id = office.promise()
    phone.open(id)
    eventually(lambda: "HandoffSeen" in office.told(id))
    eventually(lambda: phone.outbox() == [])
    tapped = datetime.now().astimezone()
    phone.page.clock.set_fixed_time(tapped)
    phone.page.get_by_role("button", name="I know").dblclick()
    phone.page.locator(".undo").click()
    assert [entry["said"]["state"] for entry in phone.outbox()] == ["acknowledged"]

    phone.page.clock.set_fixed_time(tapped + timedelta(seconds=1))
    phone.page.locator(".undo").dblclick()
    phone.page.get_by_role("button", name="I know").click()
    assert phone.outbox() == []
    assert "HandoffAcknowledged" not in office.told(id)


def test_a_phone_whose_storage_was_cleared_says_what_may_be_lost(phone: Phone, office: Office) -> None:
    id = office.promise()
    phone.open(id)
    phone.tap("I know")
    phone.shows("Undo")
    phone.devtools().send("Storage.clearDataForOrigin", {"origin": phone.url, "storageTypes": "indexeddb"})

    phone.shows("This phone has cleared what was saved here.")
    phone.shows("Who are you?")
    assert SAVED not in phone.page.inner_text("body")
    phone.page.reload()
    phone.shows("This phone has cleared what was saved here.")
    assert "HandoffAcknowledged" not in office.told(id)


def test_without_a_network_nobody_can_hand_the_phone_on_and_be_locked_out(phone: Phone, office: Office) -> None:
    phone.row(office.promise()).wait_for()
    phone.go("more")
    phone.context.set_offline(True)
    phone.tap("Somebody else uses this phone")
    phone.shows("Without a network nobody can begin to use this phone.")
    phone.context.set_offline(False)
    phone.page.locator(".strip", has_text="No network.").wait_for(state="detached")
    phone.tap("Somebody else uses this phone")
    phone.page.get_by_role("heading", name="Who are you?").wait_for()


def test_whose_server_has_just_come_back_can_hand_the_phone_on(phones: Phones, office: Office, line: Line) -> None:
    phone = phones(line.url).enter(office.courier).go("more")
    line.cut()
    phone.tap("Send now")
    phone.shows("The server cannot be reached.")
    phone.tap("Somebody else uses this phone")
    phone.shows("Without a network nobody can begin to use this phone.")
    line.mend()
    phone.tap("Somebody else uses this phone")
    phone.page.get_by_role("heading", name="Who are you?").wait_for()


def test_a_phone_without_room_says_that_the_tap_was_not_saved(phones: Phones, office: Office) -> None:
    ids = [office.promise() for _ in range(4)]
    phone = phones()
    devtools = phone.devtools()
    # The browser looks at the room now and then, not at each tap: there is some, but not for as many photos.
    devtools.send("Storage.overrideQuotaForOrigin", {"origin": phone.url, "quotaSize": 720_000})
    phone.enter(office.courier).row(ids[-1]).wait_for()
    # What was sent would make room.
    phone.context.set_offline(True)
    saved: list[str] = []
    for id in ids:
        phone.open(id).tap("Kept")
        phone.page.get_by_label("Take a photo").set_input_files(photo())
        phone.shows("Photo added")
        phone.page.locator(".bar button").click()
        phone.page.locator(".undo, .strip.alarm").first.wait_for()
        if phone.page.locator(".undo").count() == 0:
            break
        saved.append(id)
        phone.go("")

    phone.shows("your last tap was NOT saved")
    held = [entry["commitment_id"] for entry in phone.outbox() if entry["said"]["command"] == "fulfilment"]
    assert held == saved
    assert SAVED not in phone.text()
    devtools.send("Storage.overrideQuotaForOrigin", {"origin": phone.url})
    phone.shows("Photo added")
    phone.page.locator(".bar button").click()
    phone.shows("Undo")
    assert "NOT saved" not in phone.text()


def switch_off(profile: Path) -> None:
    """The battery is empty: the browser of this profile ends at once, with all its processes."""
    # The browser stands before those that it started, which are told the same.
    browser, *_ = running(psutil.Process().children(recursive=True), f"--user-data-dir={profile}")
    kill_with_children(browser)


def _ms(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp() * 1000

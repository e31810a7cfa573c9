"""A paired phone, in real Chromium: whose it is the code says, and what he has said waits for nobody but him."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.api.browsing import code_for
from tests.api.serving import MASTER_KEY, Serving
from tests.browser.conftest import Begin
from tests.browser.phone import Office, Phone, Phones
from tests.messages.receivers import eventually


@pytest.fixture(scope="module")
def opened(begin: Begin) -> Serving:
    """Where the office works; it is in open mode, and tells no phone anything."""
    return begin()


@pytest.fixture(scope="module")
def closed(opened: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Where phones are paired, on the same database."""
    settings = {"database_url": opened.settings["database_url"], "master_key": MASTER_KEY, "auth": "required"}
    with Serving(tmp_path_factory.mktemp("closed"), **settings) as serving:
        yield serving


@pytest.fixture
def office(opened: Serving) -> Office:
    return Office(opened.by("agent:ling"))


@pytest.fixture
def pair(office: Office) -> Callable[[Phone, str], None]:
    def pair(phone: Phone, actor: str) -> None:
        phone.page.get_by_label("Code").fill(code_for(office.agent, actor))
        phone.tap("Pair this phone")
        phone.page.get_by_role("heading", name="Today").wait_for()

    return pair


def session(context: BrowserContext) -> list[dict[str, object]]:
    return [dict(one) for one in context.cookies() if one["name"] in ("upheld", "__Host-upheld")]


def test_a_phone_is_paired_works_and_is_told_when_it_is_revoked(
    phones: Phones, closed: Serving, office: Office, pair: Callable[[Phone, str], None]
) -> None:
    id = office.promise()
    phone = phones(closed.url).visit()
    phone.page.get_by_role("heading", name="Pair this phone").wait_for()
    pair(phone, office.courier)
    phone.open(id)
    phone.tap("I know")
    phone.shows("Confirmed: you know")
    eventually(lambda: [one["actor"] for one in office.events(id, "HandoffAcknowledged")] == [office.courier])
    (cookie,) = session(phone.context)
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert phone.page.evaluate("document.cookie") == ""

    # What is said meanwhile waits, whoever uses the phone next.
    other = office.promise("It is painted")
    phone.go("").open(other)
    phone.context.set_offline(True)
    phone.tap("I know")
    phone.shows("Undo")
    (device,) = office.agent.get(f"/v1/people/{office.courier}/devices")["items"]
    assert office.agent.delete(f"/v1/people/{office.courier}/devices/{device['id']}").status_code == 204
    phone.context.set_offline(False)
    phone.go("").shows("This phone is not signed in any more. What was not sent stays here.")

    phone.tap("Sign in again")
    pair(phone, "courier:bo")
    phone.page.wait_for_timeout(500)
    assert {entry["actor"] for entry in phone.outbox()} == {office.courier}
    assert office.events(other, "HandoffAcknowledged") == []

    phone.go("more")
    phone.tap("Somebody else uses this phone")
    phone.page.get_by_role("heading", name="Pair this phone").wait_for()
    assert office.agent.get("/v1/people/courier:bo/devices")["items"] == []
    pair(phone, office.courier)
    eventually(lambda: [one["actor"] for one in office.events(other, "HandoffAcknowledged")] == [office.courier])
    eventually(lambda: phone.outbox() == [])


def test_a_code_that_the_phones_own_camera_read_waits_for_a_tap(
    phones: Phones, closed: Serving, office: Office
) -> None:
    phone = phones(closed.url)
    code = code_for(office.agent, office.courier)
    phone.visit(f"#pair={code}")
    expect(phone.page.get_by_label("Code")).to_have_value(code)
    phone.tap("Pair this phone")
    phone.page.get_by_role("heading", name="Today").wait_for()
    assert "pair" not in phone.page.url


def test_what_one_has_said_is_not_sent_by_a_browser_that_is_anothers_by_now(
    phones: Phones, closed: Serving, office: Office, pair: Callable[[Phone, str], None]
) -> None:
    """As where a supervisor signs in, in another tab, on the phone of a keeper."""
    id = office.promise()
    phone = phones(closed.url).visit()
    pair(phone, office.courier)
    phone.open(id)
    phone.context.set_offline(True)
    phone.tap("I know")
    phone.shows("Undo")
    code = code_for(office.agent, "courier:wu")
    assert phone.context.request.post(
        f"{closed.url}/v1/pairings", data={"code": code}, headers={"Origin": closed.url}
    ).ok
    phone.context.set_offline(False)
    phone.go("").shows("This phone is not signed in any more. What was not sent stays here.")
    assert office.events(id, "HandoffAcknowledged") == []
    assert [entry["actor"] for entry in phone.outbox() if entry["said"].get("state") == "acknowledged"] == [
        office.courier
    ]


def test_in_open_mode_a_code_says_who_one_is_as_well(phones: Phones, opened: Serving, office: Office) -> None:
    phone = phones(opened.url)
    phone.visit(f"#pair={code_for(office.agent, office.courier)}")
    phone.tap("Pair this phone")
    phone.page.get_by_role("heading", name="Today").wait_for()
    phone.go("more").shows(office.courier)

"""Where people must sign in, a phone is paired with a code that the office shows."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route

from store.embedded import EmbeddedServer
from tests.api.serving import MASTER_KEY, EmptyDatabase, Serving
from tests.browser.phone import Phone, Phones


@pytest.fixture(scope="module")
def closed(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that wants everybody to sign in."""
    with (
        EmptyDatabase(server.dsn) as url,
        Serving(tmp_path_factory.mktemp("closed"), database_url=url, master_key=MASTER_KEY, auth="required") as serving,
    ):
        yield serving


@pytest.fixture
def phone(phones: Phones, closed: Serving) -> Phone:
    phone = phones(closed.url)
    phone.visit()
    phone.page.get_by_role("heading", name="Pair this phone").wait_for()
    return phone


def test_a_code_is_sent_as_it_was_meant_and_a_refused_one_says_so(phone: Phone) -> None:
    sent: list[object] = []
    answers = [(422, "This code is not good, or not any more."), (429, "Too many attempts. Wait a minute.")]

    def redeem(route: Route) -> None:
        sent.append((route.request.post_data_json, "x-actor" in route.request.headers))
        route.fulfill(status=answers[len(sent) - 1][0], json={"code": "invalid"})

    phone.context.route("**/v1/pairings", redeem)
    for code, (_, words) in zip(("ab3d-ef7h", " AB3D EF7H "), answers, strict=True):
        phone.page.get_by_label("Code").fill(code)
        phone.tap("Pair this phone")
        phone.page.get_by_role("alert").get_by_text(words).wait_for()

    assert Axe().run(phone.page).response["violations"] == []
    assert sent == [({"code": "AB3DEF7H"}, False)] * 2


def test_a_paired_phone_is_whose_the_server_says(phone: Phone) -> None:
    li = {"actor": "courier:li", "name": "Li", "recipients": ["courier:li"], "time_zone": "UTC", "photos": False}
    phone.context.route("**/v1/pairings", lambda route: route.fulfill(status=201, json={"actor": "courier:li"}))
    phone.context.route("**/v1/me", lambda route: route.fulfill(json={**li, "locale": "bg", "known": True}))
    phone.page.get_by_label("Code").fill("AB3DEF7H")
    phone.tap("Pair this phone")

    phone.page.get_by_text("Li", exact=True).wait_for()
    phone.shows("This phone is not signed in any more.")

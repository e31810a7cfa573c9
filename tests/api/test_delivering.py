"""What is made of the answers of the app to the commands of a delivery, by an app that answers as it is told."""

import pytest
from starlette.types import Receive, Scope, Send

from api.delivering import carry_out, failure
from domain.catalogue import parse_catalogue
from domain.errors import Unavailable

pytestmark = pytest.mark.anyio

HOOK = parse_catalogue(
    "[hooks.x]\nverify = 'bearer'\nsecret = 's'\n" + "[[hooks.x.commands]]\nsend = 'PUT /v1/routes/{id}'\n" * 2
).hooks["x"]
PROBLEM = b'{"code": "internal", "detail": "the error was logged"}'


class Answering:
    """An app that answers every request with a status, and then fails where it is told to."""

    def __init__(self, status: int | None, *, then_fails: bool = False) -> None:
        self.status, self.then_fails, self.asked = status, then_fails, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        if self.status is not None:
            headers = [(b"retry-after", b"7")] if self.status == 503 else []
            await send({"type": "http.response.start", "status": self.status, "headers": headers})
            await send({"type": "http.response.body", "body": PROBLEM})
        if self.then_fails:
            raise ZeroDivisionError


async def test_what_is_out_of_reach_ends_it_and_says_when_to_come_again() -> None:
    app = Answering(503)
    with pytest.raises(Unavailable) as refused:
        await carry_out(app, HOOK, "msg_1", {"id": "R-1"})
    assert (refused.value.retry_after, app.asked) == (7, 1)


async def test_a_fault_of_ours_that_was_answered_keeps_the_delivery_and_holds_up_nothing_else() -> None:
    app = Answering(500, then_fails=True)
    results = await carry_out(app, HOOK, "msg_1", {"id": "R-1"})

    assert [result.status for result in results] == [500, 500]
    assert (failure(results) or "").startswith("PUT /v1/routes/R-1: internal: the error was logged; PUT")


async def test_a_fault_that_was_not_answered_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        await carry_out(Answering(None, then_fails=True), HOOK, "msg_1", {"id": "R-1"})

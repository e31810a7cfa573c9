"""A long answer of our own app is handed on as it is made, and never held as a whole."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from api.inside import Asked, Flowing

pytestmark = pytest.mark.anyio

ASKED = Asked("auditor:chen", "GET", "/v1/history")


class Long:
    """An app whose answer has many pieces; it counts how many were taken from it, and whether it was ended."""

    def __init__(self, pieces: int, fails: bool = False) -> None:
        self.pieces, self.fails = pieces, fails
        self.made, self.ended = 0, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]})
            for number in range(self.pieces):
                await send({"type": "http.response.body", "body": b"%d\n" % number, "more_body": True})
                self.made += 1
            if self.fails:
                raise ConnectionError("the database went away")
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self.ended = True


async def test_it_is_whole() -> None:
    flowing = await Flowing.of(Long(1000), ASKED)
    assert (flowing.status, flowing.headers) == (200, {"x-a": "1"})
    assert b"".join([piece async for piece in flowing.pieces()]) == b"".join(b"%d\n" % n for n in range(1000))


async def test_no_more_is_made_than_is_read() -> None:
    app = Long(1_000_000)
    pieces = (await Flowing.of(app, ASKED)).pieces()
    assert await anext(pieces) == b"0\n"
    await asyncio.sleep(0.05)
    assert app.made < 10
    await pieces.aclose()


async def test_who_goes_away_ends_it() -> None:
    app = Long(1_000_000)
    pieces = (await Flowing.of(app, ASKED)).pieces()
    await anext(pieces)
    await pieces.aclose()
    await asyncio.sleep(0.05)
    assert app.ended


async def test_what_breaks_off_is_not_taken_for_whole() -> None:
    flowing = await Flowing.of(Long(3, fails=True), ASKED)
    with pytest.raises(ConnectionError, match="went away"):
        _ = [piece async for piece in flowing.pieces()]


async def test_what_fails_before_it_begins_is_told_at_once() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ConnectionError("no database")

    with pytest.raises(ConnectionError, match="no database"):
        await Flowing.of(broken, ASKED)

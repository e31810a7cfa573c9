"""Requests that our own code makes to this very app, for somebody whom it knows.

So there is one way to validate, to decide and to answer, whoever asks.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope

from api.origins import SENDER

__all__ = ["Answered", "Asked", "Flowing", "ask"]

_AHEAD = 4
"""How many pieces of an answer are made ahead of who reads them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: who makes it, and what it brings. `target` is the path with its query, encoded."""

    actor: str
    method: str
    target: str
    body: object = None
    on_behalf_of: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def scope(self) -> Scope:
        """The request, which says who makes it where none from outside can say so."""
        path, _, query = self.target.partition("?")
        headers = {"content-type": "application/json", **self.headers}
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": None,
            "server": None,
            SENDER: (self.actor, self.on_behalf_of),
        }


@dataclass(slots=True)
class Answered:
    """What came of it."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)

    @property
    def is_refused(self) -> bool:
        return self.status >= 400

    def json(self) -> Any:
        """The body; None where there is none."""
        return msgspec.json.decode(bytes(self.body)) if self.body else None

    def number(self, header: str) -> int:
        """The number in a header; 0 where it is missing."""
        return int(self.headers.get(header, 0))


async def ask(app: ASGIApp, asked: Asked) -> Answered:
    """Make a request; a fault of ours is logged where it happened, and answered as every other.

    >>> answered = await ask(app, Asked("agent:ling", "GET", "/v1/flags?limit=1"))  # doctest: +SKIP
    >>> answered.status, answered.json()["total"]  # doctest: +SKIP
    (200, 8)
    """
    answered = Answered()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answered.status = message["status"]
            answered.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        else:
            answered.body += message.get("body", b"")

    async def call() -> None:
        await app(asked.scope(), _body_of(asked), send)

    # A task of its own: what the request binds for the log is not ours.
    try:
        await asyncio.create_task(call())
    except Exception:
        if answered.status == 0:
            raise
    return answered


def _body_of(asked: Asked) -> Receive:
    """Hands the body of a request to the app, once."""
    # Not by msgspec: half of a pair of surrogates is no UTF-8, and is to be refused as it would be from outside.
    sent = [json.dumps(asked.body).encode() if asked.body is not None else b""]

    async def receive() -> Message:
        if sent:
            return {"type": "http.request", "body": sent.pop(), "more_body": False}
        return {"type": "http.disconnect"}

    return receive


class Flowing:
    """An answer that is read as it is made, however long it is, and never held as a whole.

    >>> flowing = await Flowing.of(app, Asked("auditor:chen", "GET", "/v1/history", headers=csv))  # doctest: +SKIP
    >>> StreamingResponse(flowing.pieces(), flowing.status)  # doctest: +SKIP
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._made: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)
        self._task: asyncio.Task[None]

    @classmethod
    async def of(cls, app: ASGIApp, asked: Asked) -> "Flowing":
        """Make a request, and wait until its answer begins. Raises what it fails with before that."""
        flowing, begun = cls(), asyncio.Event()

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                flowing.status = message["status"]
                flowing.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
                begun.set()
            elif piece := message.get("body"):
                await flowing._made.put(piece)

        async def call() -> None:
            try:
                await app(asked.scope(), _body_of(asked), send)
            except Exception:
                begun.set()
                await flowing._made.put(None)
                raise
            begun.set()
            await flowing._made.put(None)

        flowing._task = asyncio.create_task(call())
        try:
            await begun.wait()
            if flowing.status == 0:
                await flowing._task
        except BaseException:
            flowing._task.cancel()
            raise
        return flowing

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The answer, piece by piece. Raises what broke it off, so that whoever reads it does not take it for whole."""
        try:
            while (piece := await self._made.get()) is not None:
                yield piece
            await self._task
        finally:
            self._task.cancel()

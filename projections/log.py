"""Reading the log from a position on: pages of facts, read and decoded once for everybody who follows it closely."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import structlog

from domain.errors import Unavailable
from projections.projection import Recorded
from store.database import Database
from store.facts import read_fact
from store.keyring import Keyring
from store.queries import queries

__all__ = ["PAGE", "Entry", "Log", "entries"]

log = structlog.get_logger("upheld.log")
SQL = queries("projections", "log.sql")

PAGE = 500
"""Facts in a page."""

_POLL_SECONDS = 0.25
_GATHER_SECONDS = 0.006
"""A page that is not full is not followed by another one sooner: a few facts at once cost hardly more than one."""
_REMEMBERED = 8


class Entry:
    """A fact as it is stored; decoded when it is first looked at, which may fail."""

    __slots__ = ("_keyring", "_recorded", "position", "recorded_at", "stored", "stream", "topic", "version", "wrapped")

    def __init__(self, keyring: Keyring, row: Sequence[Any]) -> None:
        self._keyring = keyring
        self._recorded: Recorded | None = None
        self.position: int
        self.stream: UUID
        self.version: int
        self.topic: str
        self.recorded_at: datetime
        self.position, self.stream, self.version, self.topic, self.stored, self.recorded_at, self.wrapped = row

    @property
    def recorded(self) -> Recorded:
        if self._recorded is None:
            key = self._keyring.unwrap(self.stream, self.wrapped) if self.wrapped is not None else None
            fact = read_fact(self._keyring, key, self.stream, self.version, self.topic, self.stored)
            recorded_at = self.recorded_at.astimezone(UTC)
            self._recorded = Recorded(self.position, recorded_at, self.stream, self.topic, fact, key)
        return self._recorded


def entries(keyring: Keyring, rows: Sequence[Sequence[Any]]) -> list[Entry]:
    """Rows of the log as every query here answers them."""
    return [Entry(keyring, row) for row in rows]


class Log:
    """Follows the log for everybody in a process.

    >>> page = await log.after(42)  # doctest: +SKIP
    >>> page[0].position
    43
    """

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._pages: OrderedDict[int, list[Entry]] = OrderedDict()
        self._reading = asyncio.Lock()
        self._turn = asyncio.Condition()
        self._turns = 0
        self._end = (-1, -1)  # in which turn, and behind which position, there was nothing

    async def follow(self) -> None:
        """Listen for what is recorded, and look by ourselves now and then: a notification is only a hint."""
        while True:
            try:
                async with await self._database.connect("listen") as conn:
                    await conn.execute("LISTEN stored_events")
                    while True:
                        await self._next_turn()
                        await asyncio.sleep(_GATHER_SECONDS)
                        async for _ in conn.notifies(timeout=_POLL_SECONDS, stop_after=1):
                            pass
            except (psycopg.OperationalError, psycopg.InterfaceError, Unavailable) as error:
                log.warning("interrupted", error=str(error).strip())
            await asyncio.sleep(_POLL_SECONDS)

    async def _next_turn(self) -> None:
        async with self._turn:
            self._turns += 1
            self._turn.notify_all()

    async def after(self, position: int) -> list[Entry]:
        """The next facts behind a position, as soon as there are any. Needs `follow` to run."""
        while True:
            turn = self._turns
            if page := await self.read(position):
                return page
            async with self._turn:
                while self._turns == turn:
                    await self._turn.wait()

    async def read(self, position: int) -> list[Entry]:
        """The next facts behind a position, if there are any now."""
        async with self._reading:
            if page := self._pages.get(position):
                return page
            if self._end == (self._turns, position):
                return []
            turn = self._turns
            page = entries(self._keyring, await self._database.fetch(SQL["page"], (position, PAGE)))
            if not page:
                self._end = (turn, position)
                return page
            self._pages[position] = page
            while len(self._pages) > _REMEMBERED:
                self._pages.popitem(last=False)
            return page

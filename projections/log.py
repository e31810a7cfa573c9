"""Reading the log from a position on: pages of facts, read and decoded once for everybody who follows it closely."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.abc import Params

from domain.errors import Unavailable
from projections.projection import Recorded
from store.database import Database
from store.keyring import Keyring
from store.queries import queries

__all__ = ["PAGE", "Log", "by_stream", "end_of_the_log", "read_facts"]

log = structlog.get_logger("upheld.log")
SQL = queries("projections", "log.sql")

PAGE = 500
"""Facts in a page."""

_POLL_SECONDS = 0.25
_GATHER_SECONDS = 0.006
"""A page that is not full is not followed by another one sooner: a few facts at once cost hardly more than one."""
_REMEMBERED = 8


async def read_facts(
    conn: AsyncConnection[Any], keyring: Keyring, query: str, params: Params | None = None
) -> list[Recorded]:
    """The facts that one of the queries here finds, read on a connection of one's own.

    >>> await read_facts(conn, keyring, "page", (42, PAGE))  # doctest: +SKIP
    """
    found = await conn.execute(SQL[query], params, binary=True)
    return [Recorded(keyring, row) for row in await found.fetchall()]


def by_stream(facts: Iterable[Recorded]) -> dict[UUID, list[Recorded]]:
    """The facts of each stream, in order."""
    streams: dict[UUID, list[Recorded]] = {}
    for fact in facts:
        streams.setdefault(fact.stream, []).append(fact)
    return streams


async def end_of_the_log(database: Database) -> int:
    """The last position in the log, 0 where it is empty."""
    return int((await database.fetch(SQL["head"]))[0][0])


class Log:
    """Follows the log for everybody in a process.

    >>> page = await log.after(42)  # doctest: +SKIP
    >>> page[0].position
    43
    """

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._pages: OrderedDict[int, list[Recorded]] = OrderedDict()
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

    async def after(self, position: int) -> list[Recorded]:
        """The next facts behind a position, as soon as there are any. Needs `follow` to run."""
        while True:
            turn = self._turns
            if self._end != (turn, position):
                if page := await self.read(position):
                    return page
                self._end = (turn, position)
            async with self._turn:
                while self._turns == turn:
                    await self._turn.wait()

    async def read(self, position: int) -> list[Recorded]:
        """The next facts behind a position, if there are any now."""
        async with self._reading:
            if page := self._pages.get(position):
                return page
            rows = await self._database.fetch(SQL["page"], (position, PAGE))
            page = [Recorded(self._keyring, row) for row in rows]
            if page:
                self._pages[position] = page
                while len(self._pages) > _REMEMBERED:
                    self._pages.popitem(last=False)
            return page

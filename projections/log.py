"""Reading the log from a position on: pages of facts, read and decoded once for everybody who follows it closely."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.abc import Params

from domain.errors import Unavailable
from projections.projection import Recorded
from store.database import Connection, Database, hear, reaching_the_database
from store.keyring import Keyring
from store.queries import queries

__all__ = ["PAGE", "Log", "by_stream", "end_at", "end_of_the_log", "read_earlier", "read_facts"]

log = structlog.get_logger("upheld.log")
SQL = queries("projections", "log.sql")

PAGE = 500
"""Facts in a page."""

_RECORDED, _ERASED = "stored_events", "erasures"
"""The channels by which processes hear of what was recorded and what was erased."""
_POLL_SECONDS = 0.5
_GATHER_SECONDS = 0.01
"""A page that is not full is not followed by another one sooner: a few facts at once cost hardly more than one. Without
that pause, each page would hold just what was recorded while the one before was written, and they would take all the
time that there is."""
_REMEMBERED = 8
"""Pages, and ends of the log, that stay in memory."""
_RECALLED = 64
"""Streams whose earlier facts do."""

K = TypeVar("K")
T = TypeVar("T")


async def read_facts(
    conn: AsyncConnection[Any], keyring: Keyring, query: str, params: Params | None = None
) -> list[Recorded]:
    """The facts that one of the queries here finds, read on a connection of one's own.

    >>> await read_facts(conn, keyring, "page", (42, PAGE))  # doctest: +SKIP
    """
    found = await conn.execute(SQL[query], params, binary=True)
    return [Recorded(keyring, row) for row in await found.fetchall()]


async def read_earlier(
    conn: AsyncConnection[Any], keyring: Keyring, wanted: Sequence[tuple[UUID, int]]
) -> list[Recorded]:
    """What was recorded of some streams before the version given for each, stream by stream."""
    return await read_facts(conn, keyring, "earlier", _columns(wanted))


def _columns(wanted: Sequence[tuple[UUID, int]]) -> tuple[list[UUID], list[int]]:
    return [stream for stream, _ in wanted], [version for _, version in wanted]


def by_stream(facts: Iterable[Recorded]) -> dict[UUID, list[Recorded]]:
    """The facts of each stream, in order."""
    streams: dict[UUID, list[Recorded]] = {}
    for fact in facts:
        streams.setdefault(fact.stream, []).append(fact)
    return streams


async def end_of_the_log(database: Database) -> int:
    """The last position in the log, 0 where it is empty."""
    return int((await database.fetch(SQL["head"]))[0][0])


async def end_at(database: Database, instant: datetime) -> int:
    """The last position that was recorded until an instant, that of an append which is under way included."""
    with reaching_the_database():
        async with database.pool.connection() as conn, conn.transaction():
            await conn.execute(SQL["wait_for_appends"])
            row = await (await conn.execute(SQL["end_at"], (instant,))).fetchone()
    return int(row[0]) if row is not None else 0


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
        self._earlier: OrderedDict[tuple[int, int], list[Recorded]] = OrderedDict()
        self._reading, self._recalling = asyncio.Lock(), asyncio.Lock()
        self._turn = asyncio.Condition()
        self._turns = 0
        self._ends: OrderedDict[int, int] = OrderedDict()  # where the log was seen to end, and in which turn

    async def follow(
        self, forget: Callable[[], None] = lambda: None, reached: Callable[[Connection], Awaitable[None]] | None = None
    ) -> None:
        """Listen for what is recorded, and look by ourselves now and then: a notification is only a hint.

        `forget` is called when something was erased, or may have been while nobody listened, and as soon as nobody
        does: what was read of a server that is lost may never be read of the next one. `reached` is given each
        connection on which we listen.
        """
        while True:
            try:
                async with await self._database.connect("listen") as conn:
                    for channel in (_RECORDED, _ERASED):
                        await conn.execute(f"LISTEN {channel}".encode())
                    forget()
                    if reached is not None:
                        await reached(conn)
                    while True:
                        await self._begin_turn()
                        await asyncio.sleep(_GATHER_SECONDS)
                        if any(told.channel == _ERASED for told in await hear(conn, within=_POLL_SECONDS)):
                            forget()
            except (psycopg.OperationalError, psycopg.InterfaceError, Unavailable) as error:
                log.warning("interrupted", error=str(error).strip())
                forget()
            await asyncio.sleep(_POLL_SECONDS)

    def forget(self) -> None:
        """Keep no fact in memory: something was erased."""
        self._pages.clear()
        self._earlier.clear()

    async def _begin_turn(self) -> None:
        async with self._turn:
            self._turns += 1
            self._turn.notify_all()

    async def turn_after(self, turn: int) -> int:
        """Wait for a turn later than the one given: something was recorded, or it is time to look by oneself.

        Answers which turn it is. Needs `follow` to run.
        """
        async with self._turn:
            while self._turns <= turn:
                await self._turn.wait()
            return self._turns

    async def after(self, position: int) -> list[Recorded]:
        """The next facts behind a position, as soon as there are any. Needs `follow` to run."""
        while True:
            turn = self._turns
            if page := await self.now(position):
                return page
            await self.turn_after(turn)

    async def now(self, position: int) -> list[Recorded]:
        """The next facts behind a position, if there are any in this turn. Needs `follow` to run."""
        turn = self._turns
        async with self._reading:
            # What ended here when somebody looked in this turn does not go on before the next one.
            return await self._read(position) if self._ends.get(position) != turn else []

    async def read(self, position: int) -> list[Recorded]:
        """The next facts behind a position, if there are any now."""
        async with self._reading:
            return await self._read(position)

    async def earlier(self, wanted: Sequence[tuple[UUID, int]]) -> list[Recorded]:
        """The same as `read_earlier`, read and decoded once for everybody who follows the log closely."""
        async with self._recalling:
            found = {(stream.int, version): self._earlier.get((stream.int, version)) for stream, version in wanted}
            if missing := [(stream, version) for stream, version in wanted if found[stream.int, version] is None]:
                rows = await self._database.fetch(SQL["earlier"], _columns(missing), steady=True)
                read = by_stream(Recorded(self._keyring, row) for row in rows)
                for stream, version in missing:
                    found[stream.int, version] = read.get(stream, [])
                    _remember(self._earlier, (stream.int, version), read.get(stream, []), most=_RECALLED)
        return [recorded for facts in found.values() for recorded in facts or ()]

    async def _read(self, position: int) -> list[Recorded]:
        if page := self._pages.get(position):
            return page
        turn = self._turns
        rows = await self._database.fetch(SQL["page"], (position, PAGE), steady=True)
        page = [Recorded(self._keyring, row) for row in rows]
        if page:
            _remember(self._pages, position, page)
        if len(page) < PAGE:
            _remember(self._ends, page[-1].position if page else position, turn)
        return page


def _remember(those: "OrderedDict[K, T]", key: K, value: T, *, most: int = _REMEMBERED) -> None:
    those[key] = value
    those.move_to_end(key)
    while len(those) > most:
        those.popitem(last=False)

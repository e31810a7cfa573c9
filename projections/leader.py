"""One process at a time does a thing: whoever holds its advisory lock.

A process holds all its locks on one connection, which it uses twice a second, whatever it leads. When the process
dies its locks are free at once; when it stands still, its silence is noticed and its connection is ended by others.
It may not know yet when it goes on: what it leads must therefore be fenced, as checkpoints and streams are.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from zlib import crc32

import psycopg
import structlog
from prometheus_client import Gauge
from psycopg import AsyncConnection

from domain.errors import Unavailable
from projections.feed import StandsAside
from store.database import PLANNED_FOR_FULL_TABLES, Database
from store.queries import queries

__all__ = ["LOCKS", "Work", "hold", "lead", "lock_of"]

log = structlog.get_logger("upheld.leader")
SQL = queries("projections", "leader.sql")

Work = Callable[[AsyncConnection[Any]], Awaitable[None]]
"""What is led, on a connection of its own. It is done for good when it returns, and begun again when it fails."""

LOCKS = 7_355_608
"""The first number of every lock; the second one follows from its name."""
_CONTEND_SECONDS = 0.4
_SILENCE = "2 seconds"
"""A leader that was silent for so long stands still."""

_leads = Gauge("upheld_leads", "Whether this process leads it", ["work"], multiprocess_mode="livesum")


def lock_of(name: str) -> int:
    """The second number of the advisory lock of that name."""
    return crc32(name.encode()) & 0x7FFF_FFFF


# Who stands still in the middle of a transaction lets go of what it locked.
_SESSION = {**PLANNED_FOR_FULL_TABLES, "idle_in_transaction_session_timeout": "2s", "lock_timeout": "5s"}


async def lead(database: Database, works: Mapping[str, Work]) -> None:
    """Do each of `works` whenever this process holds its lock, until cancelled.

    >>> await lead(database, {"clock": clock.run, "routing": routing.run})  # doctest: +SKIP
    """
    while True:
        try:
            async with await database.connect("leader") as conn, _Leading(database, works) as leading:
                while True:
                    await leading.contend(conn)
                    await asyncio.sleep(_CONTEND_SECONDS)
        except (psycopg.OperationalError, psycopg.InterfaceError, Unavailable) as error:
            log.warning("leads nothing", error=str(error).strip())
        await asyncio.sleep(_CONTEND_SECONDS)


@contextlib.asynccontextmanager
async def hold(conn: AsyncConnection[Any], name: str) -> AsyncIterator[None]:
    """Hold a lock as a leader does, waiting for whoever holds it; for a command that must be alone."""
    await conn.execute("SELECT pg_advisory_lock(%s, %s)", (LOCKS, lock_of(name)))
    try:
        yield
    finally:
        # With the connection, the lock is lost as well.
        with contextlib.suppress(psycopg.OperationalError, psycopg.InterfaceError):
            await conn.execute("SELECT pg_advisory_unlock(%s, %s)", (LOCKS, lock_of(name)))


_TOLD_AGAIN_SECONDS = 4.0
"""Longer than the jobs of messages are given to come to their end."""


class _Leading:
    """What this process leads now: a task for each lock that it holds."""

    def __init__(self, database: Database, works: Mapping[str, Work]) -> None:
        self._database = database
        self._works = dict(works)
        self._tasks: dict[str, asyncio.Task[Exception | None]] = {}

    async def __aenter__(self) -> "_Leading":
        for name in self._works:
            _leads.labels(name).set(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in self._tasks:
            _leads.labels(name).set(0)
        # A library that is only beginning, or that connects just then, may swallow it: it is told until it hears.
        left = set(self._tasks.values())
        while left:
            for task in left:
                task.cancel()
            left = (await asyncio.wait(left, timeout=_TOLD_AGAIN_SECONDS))[1]

    async def contend(self, conn: AsyncConnection[Any]) -> None:
        """Give back the locks of what ended, depose who stands still, and begin what nobody leads."""
        for name in [name for name, task in self._tasks.items() if task.done()]:
            _leads.labels(name).set(0)
            if self._tasks.pop(name).result() is None:
                del self._works[name]
            await conn.execute(SQL["unlock"], (LOCKS, lock_of(name)))
        wanted = {lock_of(name): name for name in self._works if name not in self._tasks}
        if wanted and await (await conn.execute(SQL["depose"], (LOCKS, list(wanted), _SILENCE))).fetchall():
            log.warning("deposed a leader that stood still")
        for lock, got in await (await conn.execute(SQL["try_lock"], (LOCKS, list(wanted)))).fetchall():
            if got:
                name = wanted[lock]
                log.info("leads", name=name)
                _leads.labels(name).set(1)
                self._tasks[name] = asyncio.create_task(self._do(name), name=name)

    async def _do(self, name: str) -> Exception | None:
        """Do a work; answers what it failed with."""
        try:
            async with await self._database.connect(name.replace(" ", "-"), _SESSION) as conn:
                await self._works[name](conn)
        except (psycopg.OperationalError, psycopg.InterfaceError, Unavailable) as error:
            log.warning("interrupted", name=name, error=str(error).strip())
            return error
        except StandsAside as error:
            log.info("stands aside", name=name, why=str(error))
            return error
        except Exception as error:
            log.exception("failed", name=name)
            return error
        return None

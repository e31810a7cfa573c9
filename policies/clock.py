"""The clock: records what time alone decides, a missed receipt and a broken promise.

Deadlines are rows, so that the cost follows what falls due and not what is open, and a lost job hides nothing.
What is recorded is decided from the commitment itself; its rows only say where to look.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import structlog
from prometheus_client import Gauge
from psycopg import AsyncConnection

from domain.actors import UPHELD
from domain.catalogue import Catalogue
from domain.commitment import Commitment
from domain.errors import Unavailable, UpheldError
from domain.moment import Moment
from domain.passing import instants, let_pass
from domain.values import Origin
from projections.projection import CommitmentsTouched, Projection, columns
from store.ledger import Ledger
from store.people import Staff
from store.queries import queries

__all__ = ["CLOCK", "ClockPolicy", "anything_due", "next_due"]

log = structlog.get_logger("upheld.clock")
SQL = queries("policies", "clock.sql")

_AT_ONCE = 64
_SILENT_SECONDS = 0.05
"""How long a commitment is left alone about which there was nothing to say."""
_REST = timedelta(seconds=30)
"""How long a commitment is left alone after the clock could not record something about it."""

_delay = Gauge(
    "upheld_clock_delay_seconds", "How late the clock was with what it last recorded", multiprocess_mode="mostrecent"
)


class ClockPage(CommitmentsTouched):
    """The next instant of each commitment that a page of the log touched; it follows from the state alone."""

    async def write(self, conn: AsyncConnection[Any]) -> None:
        if not self.touched:
            return
        await conn.execute(SQL["forget"], {"streams": list(self.touched)})
        rows = [(id, due[0]) for id, state in self.touched.items() if (due := instants(state))]
        if rows:
            await conn.execute(SQL["insert"], columns(rows, 2))


CLOCK = Projection("clock", 2, SQL, ClockPage)


async def anything_due(conn: AsyncConnection[Any], now: datetime) -> bool:
    """Whether the clock still has something to record at `now`."""
    row = await (await conn.execute(SQL["any_due"], {"now": now})).fetchone()
    return bool(row and row[0])


async def next_due(conn: AsyncConnection[Any]) -> datetime | None:
    """When the clock has something to say again, by what is projected; None where nothing is open."""
    row = await (await conn.execute(SQL["next"])).fetchone()
    return row[0].astimezone(UTC) if row and row[0] is not None else None


class ClockPolicy:
    """Sweeps what fell due; one process at a time does so on a database."""

    def __init__(self, ledger: Ledger, catalogue: Catalogue, staff: Staff, *, every: float = 0.5) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._staff = staff
        self._every = every
        self._resting: dict[UUID, datetime] = {}
        self._waiting: dict[UUID, datetime] = {}
        self._silent: dict[UUID, float] = {}

    async def run(self, conn: AsyncConnection[Any]) -> None:
        """Sweep until cancelled."""
        while True:
            if not await self.sweep(conn):
                await asyncio.sleep(self._every)

    async def sweep(self, conn: AsyncConnection[Any]) -> int:
        """Record what the clock has to say about everything that is due now; answers how many commitments it was."""
        now = await self._ledger.clock.read(conn)
        self._resting = {id: until for id, until in self._resting.items() if until > now}
        self._silent = {id: until for id, until in self._silent.items() if until > time.monotonic()}
        params = {"now": now, "resting": [*self._resting, *self._silent], "limit": _AT_ONCE}
        due = [id for (id,) in await (await conn.execute(SQL["due"], params)).fetchall()]
        recorded = await asyncio.gather(*(self._tell(id, now) for id in due))
        if self._waiting:
            await conn.execute(SQL["wait"], columns(self._waiting.items(), 2))
            self._waiting.clear()
        return sum(recorded)

    async def _tell(self, id: UUID, now: datetime) -> bool:
        moment = Moment(now, Origin(UPHELD), self._catalogue, self._staff.roster)
        try:
            change = await self._ledger.change(id, lambda commitment, _: _let_pass(commitment, moment))
        except Unavailable:
            raise
        except (UpheldError, psycopg.Error, ValueError, TypeError):
            log.exception("the clock could not record what is due", commitment_id=str(id))
            self._resting[id] = now + _REST
            return False
        due_at, waits_until = change.result
        if change.recorded and due_at is not None:
            _delay.set((self._ledger.clock.now() - due_at).total_seconds())
        if waits_until is not None:
            self._waiting[id] = waits_until
        elif not change.recorded:
            # Its row is not up to date yet; else it would keep others waiting for ever.
            self._silent[id] = time.monotonic() + _SILENT_SECONDS
        return change.recorded


def _let_pass(commitment: Commitment, moment: Moment) -> tuple[datetime | None, datetime | None]:
    """Let time pass; answers the instant that was due, and until when what is left waits for somebody to be at work."""
    due = instants(commitment)
    return (due[0] if due else None), let_pass(commitment, moment)

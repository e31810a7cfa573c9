"""How far each projection has come, and which streams it had to leave out: the fence of whoever feeds it.

A fact that a projection cannot take in is parked with its whole stream: what the stream led to is taken out, so
that no half-right row is ever shown, and nothing more of it is taken in until somebody retries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

from domain.errors import Unavailable, UpheldError
from projections.projection import Projection
from store.queries import queries

__all__ = [
    "SYSTEMIC",
    "Checkpoint",
    "Failure",
    "Fenced",
    "ParkedStream",
    "leave_out",
    "list_parked",
    "make_tables",
    "park",
    "prepare",
]

SQL = queries("projections", "checkpoints.sql")


class Fenced(UpheldError):
    """Somebody else moved the checkpoint, or parked or took back a stream; what was prepared must not be written."""


@dataclass(slots=True)
class Checkpoint:
    """Where a projection stands, as whoever feeds it has read it.

    >>> checkpoint = await Checkpoint.read(conn, "flags")  # doctest: +SKIP
    >>> checkpoint.position
    42
    """

    name: str
    version: int
    position: int
    parkings: int
    parked: set[UUID]

    @classmethod
    async def read(cls, conn: AsyncConnection[Any], name: str, *, lock: bool = False) -> "Checkpoint | None":
        """The checkpoint of a projection, None where it has none yet; `lock` keeps it so until the transaction ends."""
        row = await (await conn.execute(SQL["lock" if lock else "read"], (name,))).fetchone()
        if row is None:
            return None
        parked = {stream for (stream,) in await (await conn.execute(SQL["parked"], (name, False))).fetchall()}
        version, position, parkings = row
        return cls(name, version, position, parkings, parked)

    async def move(self, conn: AsyncConnection[Any], position: int, recorded_at: datetime) -> None:
        """Move it, first thing in the transaction that writes the rows. Raises `Fenced`."""
        place = (position, recorded_at, self.name, self.version, self.position, self.parkings)
        if await (await conn.execute(SQL["move"], place)).fetchone() is None:
            raise Fenced(f"somebody else moved the checkpoint of the projection {self.name}")

    async def park(self, conn: AsyncConnection[Any], projection: Projection, at: "Failure") -> None:
        """Leave out a stream from a fact on, in the transaction that moves the checkpoint past it."""
        await leave_out(conn, projection, at)
        await conn.execute(SQL["count_parking"], (self.name,))
        self.parkings += 1
        self.parked.add(at.stream)


@dataclass(frozen=True, slots=True)
class Failure:
    """A fact that could not be taken in, and why."""

    stream: UUID
    position: int
    error: Exception

    def __str__(self) -> str:
        text = f"{type(self.error).__name__}: {self.error}".strip()
        return text.partition("\n")[0][:500]


async def leave_out(conn: AsyncConnection[Any], projection: Projection, at: Failure, *, building: bool = False) -> None:
    """Take out what a stream led to, and park it."""
    await conn.execute(projection.sql["forget"], {"streams": [at.stream]})
    await park(conn, projection.name, at, building=building)


async def park(conn: AsyncConnection[Any], name: str, at: Failure, *, building: bool = False) -> None:
    """Note for a projection or a policy from which fact on it leaves out a stream, and why."""
    await conn.execute(SQL["park"], (name, building, at.stream, at.position, str(at), datetime.now(UTC)))


@dataclass(frozen=True, slots=True)
class ParkedStream:
    """A stream that a projection leaves out: from which position on, why, and how many facts wait."""

    projection: str
    stream: UUID
    category: str
    order_id: str | None
    position: int
    error: str
    parked_at: datetime
    events: int


async def list_parked(conn: AsyncConnection[Any], names: Sequence[str] | None = None) -> list[ParkedStream]:
    """What is parked, the longest waiting first."""
    found = await conn.execute(SQL["list_parked"], {"names": list(names) if names is not None else None})
    return [ParkedStream(*row) for row in await found.fetchall()]


async def prepare(conn: AsyncConnection[Any], projections: Sequence[Projection]) -> list[Projection]:
    """Create the tables of new projections where the log is empty; answers which must be built from the log.

    Those are new on a log that holds events, or of a later version than the one that stands. Where a later version
    than ours stands, ours leaves it alone.
    """
    async with conn.transaction():
        await conn.execute(SQL["lock_tables"])
        known = dict(await (await conn.execute(SQL["versions"])).fetchall())
        empty = await (await conn.execute("SELECT 1 FROM stored_events LIMIT 1")).fetchone() is None
        outdated = []
        for projection in projections:
            standing = known.get(projection.name)
            if standing is None and empty:
                tables = await make_tables(conn, projection)
                await conn.execute(projection.sql["indexes"])
                await conn.execute(SQL["begin"], (projection.name, projection.version, tables))
            elif standing is None or standing < projection.version:
                outdated.append(projection)
        return outdated


async def make_tables(conn: AsyncConnection[Any], projection: Projection) -> list[str]:
    """Create the tables of a projection in the current schema, without what only reading needs; answers their names."""
    before = await _tables(conn)
    await conn.execute(projection.sql["schema"])
    return sorted(await _tables(conn) - before)


async def _tables(conn: AsyncConnection[Any]) -> set[str]:
    return {name for (name,) in await (await conn.execute(SQL["tables"])).fetchall()}


SYSTEMIC = (
    Unavailable,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.SyntaxErrorOrAccessRuleViolation,
)
"""What no single fact is to blame for: the database is away, full, or not as it should be."""

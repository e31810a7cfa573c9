"""The timelines of the log: it begins another one whenever it may be shorter than it was, and goes on far ahead.

So no position means two events, and whoever saw more of the log than there is now is told so. A log is shorter where a
backup of it was restored; where a replica took over that had not received all; where PostgreSQL was recovered up to an
instant. Of the latter two nothing in the log tells, but that PostgreSQL has begun a timeline of its own does.

>>> await keep_up(conn, now)  # doctest: +SKIP
>>> for timeline in await timelines(conn):  # doctest: +SKIP
...     print(f"lost: {timeline.kept + 1} to {timeline.begins - 1}")
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from psycopg import errors

from store.database import Connection, reaching_the_database
from store.queries import queries

__all__ = ["AHEAD", "Timeline", "begin", "keep_up", "timelines"]

log = structlog.get_logger("upheld.timelines")
SQL = queries("store", "timelines.sql")

AHEAD = 10_000_000
"""How far behind the last position that is left the log goes on. More was hardly recorded and lost."""

_UNTOLD = (errors.FeatureNotSupported, errors.InsufficientPrivilege, errors.UndefinedFunction)
"""What a PostgreSQL answers that has no log of its own to tell of, or does not tell us."""

_NO_LONGER = "SELECT set_config('lock_timeout', '2s', true)"


@dataclass(frozen=True, slots=True)
class Timeline:
    """Positions behind `kept` and before `begins` are of a log that is no more."""

    kept: int
    begins: int

    def lost(self, position: int) -> bool:
        """Whether what stood at a position is lost.

        >>> Timeline(812, 10_000_813).lost(813)
        True
        """
        return self.kept < position < self.begins


async def begin(conn: Connection, now: datetime, *, steps: int = 1) -> Timeline:
    """Have the log go on in a timeline of its own, in the transaction of `conn`, in which nobody else appends.

    `steps` is how many timelines may have gone on from here, this one included: it goes on behind all of them.
    """
    row = await (await conn.execute(SQL["begin"], {"ahead": AHEAD * steps, "now": now})).fetchone()
    if row is None:
        raise RuntimeError("no timeline was begun")
    timeline = Timeline(*row)
    await conn.execute("SELECT setval('stored_events_notification_id_seq', %s, false)", (timeline.begins,))
    await conn.execute("SELECT make_partition_for(%s)", (timeline.begins,))
    if (current := (await _of_postgres(conn))[0]) is not None:
        await conn.execute(SQL["note"], (current,))
    return timeline


async def timelines(conn: Connection) -> Sequence[Timeline]:
    """What was lost, of each timeline that was begun so far."""
    return [Timeline(*row) for row in await (await conn.execute(SQL["all"])).fetchall()]


async def keep_up(conn: Connection, now: datetime) -> None:
    """Begin a timeline where PostgreSQL is in another one than when this was last asked.

    To be asked on a connection that was just made, before anything is appended on it: another server is reached by
    another connection. Where a PostgreSQL does not tell, nothing is begun. Raises `Unavailable`.
    """
    with reaching_the_database():
        current, noted = await _of_postgres(conn)
        if current not in (None, noted):
            await _follow(conn, now)


async def _follow(conn: Connection, now: datetime) -> None:
    async with conn.transaction():
        await conn.execute(_NO_LONGER)
        await conn.execute("LOCK TABLE ONLY stored_events IN EXCLUSIVE MODE")
        # Another process may have been faster.
        current, noted = await _of_postgres(conn)
        if noted is None:
            await conn.execute(SQL["note"], (current,))
        elif current is not None and noted != current:
            # A server that took over in between, or an earlier recovery from the same backup, went on from here, too.
            one = await begin(conn, now, steps=max(current - noted, 1))
            told = {"timeline": current, "ended_at": one.kept, "goes_on_at": one.begins}
            log.warning("another server took over, or went back: the log goes on far ahead", **told)


async def _of_postgres(conn: Connection) -> tuple[int | None, int | None]:
    try:
        async with conn.transaction():
            row = await (await conn.execute(SQL["of_postgres"])).fetchone()
    except _UNTOLD:
        return None, None
    return row if row is not None else (None, None)

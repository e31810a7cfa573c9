"""Vacuuming: the room of destroyed keys and deleted rows is freed, whose bytes stay in their tables until then.

>>> if (last := await to_vacuum(conn, now, 0)) is not None:  # doctest: +SKIP
...     await vacuum(conn, now)
"""

from datetime import datetime, timedelta

from store.database import Connection
from store.queries import queries

__all__ = ["has_dead_rows", "to_vacuum", "vacuum"]

SQL = queries("store", "vacuuming.sql")

_TABLES = ("streams", "contact_points", "contact_changes", "evidence", "kept_deliveries", "jobs", "push_subscriptions")
"""Where keys were destroyed, or rows deleted, whose bytes stay until their room is needed."""
_READERS_END = timedelta(hours=1)
"""By then whoever still read what was deleted, as a dump or a verification, is done with it."""


async def to_vacuum(conn: Connection, now: datetime, done_until: int) -> int | None:
    """Up to where keys were destroyed whose bytes may still be there; None where that was vacuumed.

    Whoever read before an erasure keeps what he reads from being freed: an hour later it is done once more.
    """
    ((last, old),) = await (await conn.execute(SQL["not_vacuumed"], (now - _READERS_END,))).fetchall()
    return int(last) if last is not None and (last > done_until or old) else None


async def has_dead_rows(conn: Connection) -> bool:
    """Whether somebody deleted or changed rows about people; few of them, for which no vacuum would come by itself."""
    row = await (await conn.execute(SQL["has_dead_rows"])).fetchone()
    return bool(row and row[0])


async def vacuum(conn: Connection, now: datetime) -> None:
    """Free the room of destroyed keys and deleted rows, whose bytes stay there until then."""
    for table in _TABLES:
        await conn.execute(f"VACUUM (TRUNCATE false) {table}".encode())
    await conn.execute(SQL["vacuumed"], (now - _READERS_END,))

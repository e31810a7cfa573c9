"""Silencing: a copy of a log tells nobody what the log that it is a copy of has told since.

What waited when a backup was made was told a moment later by whoever went on; so it is told by no copy that is
restored, unless it is asked for (decision 025).

>>> await silence(conn, now)  # doctest: +SKIP
3
"""

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from store.queries import queries

__all__ = ["silence"]

SQL = queries("policies", "silencing.sql")


async def silence(conn: AsyncConnection[Any], now: datetime) -> int:
    """Take back what people were to be told until now, in the transaction of `conn`; answers how many things."""
    taken = await conn.execute(SQL["take_back"], {"now": now})
    reminders = await conn.execute(SQL["forget_reminders"], {"now": now})
    await conn.execute(SQL["empty_queue"])
    await conn.execute(SQL["skip"])
    return taken.rowcount + reminders.rowcount

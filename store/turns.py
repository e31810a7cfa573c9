"""Turns: what gives somebody access and what takes it away happen one after the other, in every process.

Whoever takes it away finds all that was given; whoever gives it looks first whether he who asks still may.
"""

import contextlib
from collections.abc import AsyncIterator

from store.database import Database

__all__ = ["turn"]


@contextlib.asynccontextmanager
async def turn(database: Database, actor: str) -> AsyncIterator[None]:
    """The turn of whoever gives this actor access, or takes it away; the others wait.

    >>> async with turn(database, "courier:li"):  # doctest: +SKIP
    ...     await pairings.make("courier:li", now=now)

    It holds a connection of its own, so that who waits keeps none from who is at work. Raises `Unavailable`.
    """
    async with await database.connect("turn") as conn, conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"access/{actor}",))
        yield

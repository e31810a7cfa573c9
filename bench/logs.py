"""Generated logs to measure on: made for the occasion, or prepared before."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from bench.generate import Plan, generate
from bench.processes import UPHELD, caught_up, started
from store import migrations
from store.database import Database
from store.keyring import open_keyring

__all__ = ["generated", "scalar"]


@contextlib.asynccontextmanager
async def generated(data_dir: Path, commitments: int) -> AsyncIterator[Database]:
    """The database with a projected log of so many commitments; one that is there already is taken as it is."""
    async with Database.open(None, data_dir) as database:
        async with await database.connect("bench") as conn:
            await migrations.apply(conn)
            keyring = await open_keyring(conn, data_dir)
        if not await scalar(database, "SELECT count(*) FROM (SELECT FROM stored_events LIMIT 1) AS first"):
            await generate(database, keyring, Plan(commitments, datetime.now(UTC)))
        # The planner would go by what it knew of the empty tables until its statistics are gathered by themselves.
        async with started(data_dir, *UPHELD, "worker"):
            await caught_up(database.dsn)
        async with await database.connect("bench") as conn:
            await conn.execute("VACUUM ANALYZE")
        yield database


async def scalar(database: Database, query: str) -> int:
    """The one number that a query answers."""
    return int((await database.fetch(query))[0][0] or 0)

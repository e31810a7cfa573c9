"""Restoring: a database becomes what a backup says, all of it or nothing.

While a restore has not ended, the database says so in a table of its own, and nothing else begins there. It can be
begun again with the same backup, whatever ended it.

>>> async with restoring(conn, archive):  # doctest: +SKIP
...     await load(database, archive)
...     await settle(conn, now)
"""

import contextlib
import hmac
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from datetime import datetime

from domain.errors import NotRestorable
from store import migrations
from store.archive import About, Archive, Tell
from store.backup import SQL
from store.database import Connection, Database, reaching_the_database
from store.keyring import Keyring
from store.programs import running
from store.timelines import begin

__all__ = ["analyse", "check_fits", "load", "restoring", "settle"]

_LOCK = 0x7265_7374_6F72_65  # "restore" in ASCII
_OLDEST = 17
"""Which PostgreSQL understands what the `pg_restore` that we bring says."""
_MARK = "CREATE TABLE unfinished_restore (sha256 text NOT NULL, made_at timestamptz NOT NULL, position bigint NOT NULL)"


def check_fits(about: About, keyring: Keyring, source: str) -> None:
    """Raises `NotRestorable` where this Upheld does not know the backup's tables, or its master key is another one."""
    if about.migration[:4] > migrations.newest()[:4]:
        raise NotRestorable(f"the backup was made by Upheld {about.upheld}, which is later than this one: install that")
    if not hmac.compare_digest(about.fingerprint, keyring.fingerprint.hex()):
        raise NotRestorable(
            f"{source} holds another master key than the one that the backup was made under; without that one nobody "
            "can read what is personal in it. Nothing was changed"
        )


@contextlib.asynccontextmanager
async def restoring(conn: Connection, archive: Archive) -> AsyncIterator[bool]:
    """Have the database say that a restore goes on in it, until `settle`. Yields whether all is loaded already.

    Raises `NotRestorable`, before anything is changed, where the database is not empty: what it holds would be lost.
    """
    if conn.info.server_version < _OLDEST * 10_000:
        raise NotRestorable(
            f"PostgreSQL {conn.info.server_version // 10_000} is too old for the programs that come with Upheld; "
            f"take {_OLDEST} or later, or restore `database.dump`, which is in the backup, with its own pg_restore"
        )
    with reaching_the_database():
        got = await (await conn.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,))).fetchone()
        # The program of one that was killed has what it needs, and may still come to its end.
        if got != (True,) or await (await conn.execute(SQL["still_loading"])).fetchone() is not None:
            raise NotRestorable("another restore goes on in this database")
        async with migrations.alone(conn):
            is_loaded = await _mark(conn, archive.about)
        yield is_loaded


async def _mark(conn: Connection, about: About) -> bool:
    tables = await (await conn.execute(SQL["tables"])).fetchone()
    begun = await migrations.half_restored(conn)
    if begun is not None:
        if begun != about.sha256:
            raise NotRestorable("the restore of another backup was begun in this database, and has not ended")
        return tables != (0,)
    if tables != (0,):
        events = await _events(conn)
        holds = f"a log with events up to position {events}" if events else "tables already"
        raise NotRestorable(f"the database holds {holds}; a backup is restored into an empty one. Nothing was changed")
    async with conn.transaction():
        await conn.execute(_MARK)
        mark = (about.sha256, about.made_at, about.position)
        await conn.execute("INSERT INTO unfinished_restore VALUES (%s, %s, %s)", mark)
    return False


async def _events(conn: Connection) -> int:
    is_there = await (await conn.execute("SELECT to_regclass('stored_events') IS NOT NULL")).fetchone()
    if is_there != (True,):
        return 0
    row = await (await conn.execute("SELECT coalesce(max(notification_id), 0) FROM stored_events")).fetchone()
    return int(row[0]) if row else 0


async def load(database: Database, archive: Archive, tell: Tell = lambda _: None) -> None:
    """Load the dump, in one transaction: all of it is there afterwards, or nothing."""
    wanted = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--format=custom")
    async with running("pg_restore", database.dsn, *wanted, stdin=PIPE) as program:
        for chunk in archive.chunks():
            if program.stdin is not None:
                program.stdin.write(chunk)
                await program.stdin.drain()
            tell(len(chunk))


async def settle(conn: Connection, now: datetime) -> int:
    """Have the log go on in a timeline of its own, with nobody signed in, and the database say no more that a restore
    goes on; in the transaction of `conn`. Answers the position from which on it goes on.
    """
    await conn.execute(SQL["shut_out"])
    timeline = await begin(conn, now)
    await conn.execute("DROP TABLE unfinished_restore")
    return timeline.begins


async def analyse(conn: Connection) -> None:
    """Learn how much of what there is: without that, queries are planned for empty tables."""
    await conn.execute("ANALYZE")

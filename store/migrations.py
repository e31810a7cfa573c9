"""The database's tables, brought up to date by numbered files that are applied in order, each in one transaction.

>>> await apply(connection)
['0001_ledger']
>>> await apply(connection)
[]

A file that was applied is never edited: another file follows it.
"""

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib import resources
from typing import NamedTuple

import psycopg

from domain.errors import ConfigurationError
from store import queue
from store.database import Connection, reaching_the_database

__all__ = ["alone", "apply", "half_restored", "newest", "pending", "refuse_half_restored"]

# Any number will do, as long as nothing else in the database takes advisory locks under it: "upheld" in ASCII.
_LOCK = 0x7570_6865_6C64

_RECORD = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL
)"""


class _Migration(NamedTuple):
    number: int
    name: str
    sql: bytes

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql).hexdigest()


async def apply(connection: Connection, *, restoring: bool = False) -> list[str]:
    """Apply what is missing and return its names; of many processes at once one does it and the others wait.

    Raises ConfigurationError when an applied file was changed, the database is newer than this Upheld, or somebody
    else than who asks is `restoring` it; Unavailable when the database is out of reach. The connection must be in
    autocommit mode.
    """
    with reaching_the_database():
        async with alone(connection):
            if not restoring:
                await refuse_half_restored(connection)
            await connection.execute(_RECORD)
            missing = await _missing(connection)
            for migration in missing:
                await _apply_one(connection, migration)
            await queue.prepare(connection)
    return [migration.name for migration in missing]


@contextlib.asynccontextmanager
async def alone(connection: Connection) -> AsyncIterator[None]:
    """One process at a time makes tables."""
    await connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        yield
    finally:
        if not connection.closed:
            await connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


async def half_restored(connection: Connection) -> str | None:
    """Which backup is being restored into the database, or was when that ended too early; None where none is."""
    found = await (await connection.execute("SELECT to_regclass('unfinished_restore') IS NOT NULL")).fetchone()
    if found != (True,):
        return None
    row = await (await connection.execute("SELECT sha256 FROM unfinished_restore")).fetchone()
    return str(row[0]) if row else ""


async def refuse_half_restored(connection: Connection) -> None:
    """Raises `ConfigurationError` where a restore goes on, or ended too early: what is there is not a log yet."""
    if await half_restored(connection) is not None:
        raise ConfigurationError(
            "a backup is being restored into this database, or was and that ended too early: wait for it, or run the "
            "same `upheld restore` again"
        )


def newest() -> str:
    """The name of the last file there is.

    >>> newest() >= "0019_timelines"
    True
    """
    return _load()[-1].name


async def pending(dsn: str) -> list[str]:
    """The names of the files that the database still lacks, for `/readyz`; changes nothing and waits for nobody.

    >>> await pending(database.dsn)
    []

    Raises the errors of `apply`.
    """
    with reaching_the_database():
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True, connect_timeout=3) as connection:
            cursor = await connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL")
            exists = await cursor.fetchone()
            missing = await _missing(connection) if exists == (True,) else _load()
    return [migration.name for migration in missing]


async def _apply_one(connection: Connection, migration: _Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES (%s, %s, %s, %s)",
            (migration.number, migration.name, migration.checksum, datetime.now(UTC)),
        )


async def _missing(connection: Connection) -> list[_Migration]:
    cursor = await connection.execute("SELECT number, name, checksum FROM schema_migrations ORDER BY number")
    applied = {number: (name, checksum) for number, name, checksum in await cursor.fetchall()}
    known = _load()
    if newer := sorted(applied.keys() - {migration.number for migration in known}):
        name = applied[newer[-1]][0]
        raise ConfigurationError(f"the database is newer than this Upheld: it has '{name}', install a later version")
    for migration in known:
        if applied.get(migration.number, (migration.name, migration.checksum)) != (migration.name, migration.checksum):
            raise ConfigurationError(
                f"the migration '{migration.name}' is not the one that made this database: restore the file"
            )
    return [migration for migration in known if migration.number not in applied]


def _load() -> list[_Migration]:
    found = []
    for file in resources.files("store").joinpath("migrations").iterdir():
        if match := re.fullmatch(r"(\d{4})_\w+\.sql", file.name):
            # A checkout with other line ends is no change.
            sql = file.read_bytes().replace(b"\r\n", b"\n")
            found.append(_Migration(int(match[1]), file.name.removesuffix(".sql"), sql))
    return sorted(found)

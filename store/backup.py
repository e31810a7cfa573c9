"""Backing up: all of the database as it stands at one moment, while everything goes on.

>>> await back_up(database, Path("upheld.backup"), version="1.0", now=clock.now())  # doctest: +SKIP
About(position=812, …)

The dump, and what is told about it, are of one snapshot: whatever is recorded meanwhile is in neither. The database
holds no master key, and so does no backup.
"""

from asyncio.subprocess import PIPE
from datetime import datetime
from pathlib import Path

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from domain.errors import NotFound
from store.archive import About, Tell, written
from store.database import Database, reaching_the_database
from store.migrations import refuse_half_restored
from store.programs import running
from store.queries import queries

__all__ = ["back_up"]

SQL = queries("store", "backup.sql")
_CHUNK = 1 << 20
_DUMP = (
    "--format=custom",
    "--compress=gzip:1",  # most of it is encrypted, and does not get smaller; any PostgreSQL reads it
    "--no-owner",
    "--no-privileges",
    "--exclude-extension=*",
)


async def back_up(database: Database, file: Path, *, version: str, now: datetime, tell: Tell = lambda _: None) -> About:
    """Write a backup to a file, which must not be there yet; answers what it is of.

    `tell` is told how many bytes have come. Raises NotFound where there is no log, ConfigurationError where the file
    cannot be written, Unavailable where the database is out of reach.
    """
    with reaching_the_database():
        patient = {"idle_in_transaction_session_timeout": "0"}
        async with await database.connect("backup", patient) as conn, conn.transaction():
            await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            about = await _facts(conn, version, now)
            row = await (await conn.execute("SELECT pg_export_snapshot()")).fetchone()
            snapshot = str(row[0]) if row else ""
            with written(file) as writing:
                dumping = running("pg_dump", database.dsn, *_DUMP, f"--snapshot={snapshot}", stdout=PIPE)
                async with dumping as program:
                    while program.stdout is not None and (chunk := await program.stdout.read(_CHUNK)):
                        writing.write(chunk)
                        tell(len(chunk))
                return writing.finish(about)


async def _facts(conn: AsyncConnection[TupleRow], version: str, now: datetime) -> About:
    is_there = await (await conn.execute(SQL["is_there"])).fetchone()
    await refuse_half_restored(conn)
    if is_there != (True,):
        raise NotFound("there is no log in this database yet; `upheld serve` begins one")
    row = await (await conn.execute(SQL["facts"])).fetchone()
    fingerprint, migration, position, recorded_at = row or (b"", "", 0, None)
    return About(
        upheld=version,
        migration=migration,
        postgresql=conn.info.server_version,
        made_at=now,
        position=position,
        recorded_at=recorded_at,
        fingerprint=bytes(fingerprint).hex(),
    )

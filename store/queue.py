"""The queue of jobs that carry messages out: the library `procrastinate`, in the same database.

>>> async with App(connector=connector(database)).open_async() as app:  # doctest: +SKIP
...     await app.run_worker_async(queues=["messages"])
"""

import asyncio
import logging
import re
from collections.abc import Iterable
from importlib import resources
from importlib.metadata import version
from typing import Any

import psycopg
import structlog
from procrastinate import PsycopgConnector
from procrastinate.connector import Notify
from procrastinate.exceptions import ConnectorException
from procrastinate.schema import SchemaManager
from psycopg.sql import SQL, Identifier, Literal

from domain.errors import Unavailable
from store.database import Connection, Database, hear

__all__ = ["connector", "prepare"]

log = structlog.get_logger("upheld.messages")

_LIBRARY = "procrastinate"
_LISTEN_SECONDS = 60.0
_PAUSE = 0.5


class _OneLine(logging.Filter):
    """That the database is away is told in one line, as everywhere else."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], ConnectorException):
            record.exc_info, record.levelno, record.levelname = None, logging.WARNING, "WARNING"
        return True


# It tells the log of each job that begins and ends.
logging.getLogger(_LIBRARY).setLevel(logging.WARNING)
for _name in ("utils", "worker", "manager", "psycopg_connector"):
    logging.getLogger(f"{_LIBRARY}.{_name}").addFilter(_OneLine())
_VERSION = "SELECT obj_description(to_regclass('procrastinate_jobs'))"
_CONNECTIONS = 3


async def prepare(connection: Connection) -> None:
    """Make the library's tables as its installed version wants them; which that is stands in a comment on one of them.

    Whoever calls it is alone.
    """
    row = await (await connection.execute(_VERSION)).fetchone()
    standing, installed = row[0] if row else None, version(_LIBRARY)
    if standing == installed:
        return
    async with connection.transaction():
        for sql in [SchemaManager.get_schema()] if standing is None else _migrations(standing):
            await connection.execute(sql.encode())
        note = SQL("COMMENT ON TABLE procrastinate_jobs IS {}").format(Literal(installed))
        await connection.execute(note)


def _migrations(standing: str) -> list[str]:
    """The library's own migrations from a version on, in order."""
    found = []
    for file in resources.files("procrastinate.sql").joinpath("migrations").iterdir():
        match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)_\d+_.*\.sql", file.name)
        if match and tuple(map(int, match.groups())) > tuple(map(int, standing.split(".")[:3])):
            found.append((file.name, file.read_text(encoding="utf-8")))
    return [sql for _, sql in sorted(found)]


def connector(database: Database) -> PsycopgConnector:
    """How the library reaches the queue: with connections of its own, once it is opened."""
    return _Connector(database, conninfo=database.conninfo("messages"), min_size=1, max_size=_CONNECTIONS)


class _Connector(PsycopgConnector):
    """The library's own, which listens as we do: the driver's way wakes up ten times a second."""

    def __init__(self, database: Database, **options: Any) -> None:
        super().__init__(**options)
        self._database = database

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        wanted = [SQL("LISTEN {}").format(Identifier(channel)) for channel in channels]
        while True:
            try:
                async with await self._database.connect("messages") as conn:
                    for listen in wanted:
                        await conn.execute(listen)
                    while True:
                        for told in await hear(conn, within=_LISTEN_SECONDS):
                            await on_notification(channel=told.channel, payload=told.payload)
            except (Unavailable, psycopg.OperationalError, psycopg.InterfaceError) as error:
                log.warning("interrupted", error=str(error).strip())
            await asyncio.sleep(_PAUSE)

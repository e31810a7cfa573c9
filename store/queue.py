"""The queue of jobs that carry messages out: the library `procrastinate`, in the same database.

>>> async with App(connector=connector(database)).open_async() as app:  # doctest: +SKIP
...     await app.run_worker_async(queues=["messages"])
"""

import logging
import re
from importlib import resources
from importlib.metadata import version

from procrastinate import PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.schema import SchemaManager
from psycopg.sql import SQL, Literal

from store.database import Connection, Database

__all__ = ["connector", "prepare"]

_LIBRARY = "procrastinate"


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
    return PsycopgConnector(conninfo=database.conninfo("messages"), min_size=1, max_size=_CONNECTIONS)

"""The way to the database: one address, a pool for reading, connections of one's own, one translation of failures.

>>> async with Database.open(None, Path(".upheld")) as database:
...     with reaching_the_database():
...         async with database.pool.connection() as connection:
...             await (await connection.execute("SELECT 1")).fetchone()
(1,)
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import LiteralString, TypeAlias

import psycopg
from psycopg.abc import Params
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from domain.errors import ConfigurationError, Unavailable, UpheldError
from store.embedded import EmbeddedServer

__all__ = ["PLANNED_FOR_FULL_TABLES", "Connection", "Database", "configure", "hear", "reaching_the_database"]

Connection: TypeAlias = psycopg.AsyncConnection[TupleRow]
logger = logging.getLogger("upheld.database")

_OLDEST = 15
_STEADY_CONNECTIONS = 2
_ASKS_OTHERS_FOR = 1.0  # seconds: as many as a pool has fail in a moment, where the server is there to say so
_LOOK_EVERY = 0.5  # seconds between two looks at the embedded server
_DRAIN_SECONDS = 0.1
# A peer that vanished without a word is noticed within about ten seconds; what the address says goes first.
_PATIENCE: dict[str, str | int] = {
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


PLANNED_FOR_FULL_TABLES = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
}
"""For a connection that asks the same few queries for as long as it lives: their plans are made once, perhaps on empty
tables, and must be the ones for full ones, which go by one index."""


async def configure(connection: Connection, settings: Mapping[str, str]) -> None:
    """Set parameters of PostgreSQL for a connection, until it ends."""
    for name, value in settings.items():
        await connection.execute("SELECT set_config(%s, %s, false)", (name, value))


async def hear(connection: Connection, *, within: float) -> list[psycopg.Notify]:
    """Wait until a connection that listens is told something, at most `within` seconds; answers what it was.

    >>> await connection.execute("LISTEN stored_events")
    >>> await hear(connection, within=0.5)
    []

    The driver waits in steps of a tenth of a second, which costs more than all else that an idle process does.
    """
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    descriptor = connection.fileno()
    loop.add_reader(descriptor, told.set)
    try:
        async with asyncio.timeout(within):
            await told.wait()
    except TimeoutError:
        return []
    finally:
        loop.remove_reader(descriptor)
    # One stands for all that came along with it; each must be taken in, or the server is left with a full buffer.
    return [notify async for notify in connection.notifies(timeout=_DRAIN_SECONDS, stop_after=1)]


@contextlib.contextmanager
def reaching_the_database() -> Iterator[None]:
    """Turn the driver's errors about a database that cannot be reached, or not in time, into Unavailable.

    >>> with reaching_the_database():
    ...     await connection.execute("SELECT pg_sleep(60)")
    Unavailable: the database took too long to answer

    Errors in what was asked (a violated constraint, wrong SQL) pass through. The words of the driver stay in
    `__cause__`, because they name hosts and users.
    """
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise Unavailable("the database took too long to answer") from error
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction) as error:
        # Read-only is what a primary becomes when another one took over.
        raise Unavailable("the database is out of reach") from error


class Database:
    """The PostgreSQL at `url`, or the embedded one in `data_dir` if there is no `url`.

    >>> database = Database(None, Path("/srv/upheld"))
    >>> await database.start()
    >>> database.dsn
    'postgresql://postgres@/upheld?host=%2Fsrv%2Fupheld%2Fpostgres&port=5432'
    >>> await database.close()

    `pool` is for reads: autocommit, plain tuples, 10 s a statement, 3 s to get a connection. Both loops, asyncio's
    and uvloop's, will do. Starting raises Unavailable when the database is out of reach, ConfigurationError when
    it cannot serve: older than PostgreSQL 15, not in UTF-8, a damaged address or folder.
    """

    def __init__(self, url: str | None, data_dir: Path, *, max_connections: int = 8) -> None:
        self._url = url
        self.dsn = url or ""
        self._data_dir = data_dir
        self._server: EmbeddedServer | None = None
        self._max_connections = max_connections
        self._pool: AsyncConnectionPool[Connection] | None = None
        self._steady: AsyncConnectionPool[Connection] | None = None
        self._open = contextlib.AsyncExitStack()
        self.connections = 0
        """How many connections the pool has made so far; a new one may stand in for one that broke."""

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: str | None, data_dir: Path, *, max_connections: int = 8) -> AsyncIterator["Database"]:
        """A database that is started on entering and closed on leaving."""
        database = cls(url, data_dir, max_connections=max_connections)
        await database.start()
        try:
            yield database
        finally:
            await database.close()

    @property
    def pool(self) -> AsyncConnectionPool[Connection]:
        """The pool of connections for reading; the database must have been started."""
        return _started(self._pool)

    async def start(self) -> None:
        """Start or join the embedded server if it is asked for, look at the database, and fill the pool."""
        async with contextlib.AsyncExitStack() as stack:
            if not self._url:
                self._server = await asyncio.to_thread(EmbeddedServer.start, self._data_dir)
                stack.push_async_callback(asyncio.to_thread, self._server.stop)
                self.dsn = self._server.dsn
            await self._look_at_the_database()
            self._pool = self._make_pool("read", self._prepare_for_reading, 1, self._max_connections)
            self._steady = self._make_pool("steady", self._prepare_for_full_tables, 0, _STEADY_CONNECTIONS)
            for pool in (self._pool, self._steady):
                await pool.open()
                stack.push_async_callback(pool.close)
            if self._server is not None:
                monitor = asyncio.create_task(self._keep_alive(self._server), name="embedded PostgreSQL")
                stack.push_async_callback(_end, monitor)
            self._open = stack.pop_all()

    async def close(self) -> None:
        """Close the pool and give back the embedded server; what `connect` made is closed by whoever asked for it."""
        await self._open.aclose()

    async def fetch(
        self, query: LiteralString, params: Params | None = None, *, steady: bool = False
    ) -> list[TupleRow]:
        """All rows of a query that only reads.

        A `steady` one is asked again and again for as long as the process lives: its plan, which is made once and
        perhaps while the tables are empty, is the one for full tables.

        Any of the connections of the pool may have died unnoticed while it was idle; then another one is asked, and
        whatever fails is thrown away. Raises Unavailable when the database is out of reach.
        """
        until = asyncio.get_running_loop().time() + _ASKS_OTHERS_FOR
        with reaching_the_database():
            while True:
                try:
                    return await self._fetch(query, params, steady=steady)
                except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                    if not _is_lost(error) or asyncio.get_running_loop().time() > until:
                        raise

    async def _fetch(self, query: LiteralString, params: Params | None, *, steady: bool) -> list[TupleRow]:
        async with _started(self._steady if steady else self._pool).connection() as connection:
            return await (await connection.execute(query, params, binary=True)).fetchall()

    async def connect(self, name: str, settings: Mapping[str, str] = MappingProxyType({})) -> Connection:
        """A connection of one's own, for the writer, a listener, a leader; autocommit, and no limit on statements.

        `settings` are parameters of PostgreSQL that hold for it. A replica is out of reach until it has taken over: who
        listens or writes can do neither there.

        >>> connection = await database.connect("writer")
        >>> connection.info.parameter_status("application_name")
        'upheld-writer'

        Raises Unavailable when the database is out of reach.
        """
        with reaching_the_database():
            connection = await psycopg.AsyncConnection.connect(
                self.conninfo(name), autocommit=True, target_session_attrs="primary"
            )
            try:
                await configure(connection, {"TimeZone": "UTC", **settings})
            except BaseException:
                await connection.close()
                raise
            return connection

    def conninfo(self, name: str) -> str:
        """The address as the driver wants it, for a connection of that name."""
        try:
            given = conninfo_to_dict(self.dsn)
        except psycopg.ProgrammingError:
            # The parser quotes what it could not read, which may be the password.
            raise ConfigurationError("UPHELD_DATABASE_URL is not an address of a PostgreSQL database") from None
        return make_conninfo("", **{**_PATIENCE, **given, "application_name": f"upheld-{name}"})

    async def _look_at_the_database(self) -> None:
        try:
            connection = await self.connect("start")
        except Unavailable as error:
            raise Unavailable(f"the database is out of reach: {_first_line(error.__cause__)}") from error
        try:
            encoding = connection.info.parameter_status("server_encoding") or "unknown"
            if problem := _problem(connection.info.server_version, encoding):
                raise ConfigurationError(f"UPHELD_DATABASE_URL: {problem}")
        finally:
            await connection.close()

    def _make_pool(
        self, name: str, configure: Callable[[Connection], Awaitable[None]], least: int, most: int
    ) -> AsyncConnectionPool[Connection]:
        return AsyncConnectionPool(
            self.conninfo(name),
            kwargs={"autocommit": True},
            min_size=least,
            max_size=most,
            open=False,
            check=None,
            configure=configure,
            name=f"upheld-{name}",
            timeout=3.0,
            # Giving up early leaves it to the next reader to try: a long backoff would outlast the outage.
            reconnect_timeout=2.0,
        )

    async def _prepare_for_reading(self, connection: Connection) -> None:
        await connection.execute(
            "SELECT set_config('TimeZone', 'UTC', false), set_config('statement_timeout', '10s', false),"
            # Reading one row of an index costs no seek on today's disks; the planner would otherwise read long
            # stretches of another index beside it.
            " set_config('random_page_cost', '1.1', false), set_config('jit', 'off', false)"
        )
        self.connections += 1

    async def _prepare_for_full_tables(self, connection: Connection) -> None:
        await configure(connection, {"TimeZone": "UTC", "statement_timeout": "10s", **PLANNED_FOR_FULL_TABLES})

    async def _keep_alive(self, server: EmbeddedServer) -> None:
        """Start the embedded server again whenever it died."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                if await asyncio.to_thread(server.is_running):
                    continue
                if await asyncio.to_thread(server.revive):
                    logger.warning("the embedded PostgreSQL had died and was started again")
            except (UpheldError, OSError) as error:
                logger.error("the embedded PostgreSQL died and does not start again: %s", error)
                await asyncio.sleep(2.0)
            else:
                # Without this, each connection of the old server would still fail whoever is given it.
                for pool in (self._pool, self._steady):
                    await _started(pool).check()


def _started(pool: "AsyncConnectionPool[Connection] | None") -> "AsyncConnectionPool[Connection]":
    if pool is None:
        raise RuntimeError("the database was not started")
    return pool


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _is_lost(error: psycopg.Error) -> bool:
    """Whether it was the connection that failed, and not what was asked on it, nor the wait for one."""
    if error.sqlstate is None:  # nothing came of the server
        return not isinstance(error, PoolTimeout)
    return error.sqlstate.startswith(("08", "57P"))


def _problem(server_version: int, encoding: str) -> str | None:
    """Why a database of this version (as in libpq: 150004 is 15.4) and encoding cannot serve, or `None`."""
    if server_version < _OLDEST * 10_000:
        return f"PostgreSQL {server_version // 10_000} is too old, Upheld needs {_OLDEST} or later"
    if encoding != "UTF8":
        return f"the database is in {encoding}, Upheld needs one in UTF8"
    return None


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().partition("\n")[0]

"""What tests stand on: a real PostgreSQL, an empty database for each test, and a ledger with a clock that is set."""

import asyncio
import gc
import itertools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID, uuid4

import hypothesis
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from domain.catalogue import Catalogue, parse_catalogue
from domain.commitment import Commitment
from domain.deadlines import DueRule
from domain.moment import Moment
from domain.order import Assignment, assign_order
from domain.promising import Making, Wanted, make
from domain.values import Origin
from projections.checkpoints import prepare
from projections.projection import Projection
from projections.rebuild import rebuild
from projections.worker import catch_up
from store.clock import SetClock
from store.database import Database
from store.embedded import EmbeddedServer
from store.keyring import Keyring
from store.ledger import Ledger
from store.migrations import apply
from store.restore import settle
from store.writer import Writer
from tests.api.serving import EmptyDatabase

# How long an example takes is for the machine to say.
hypothesis.settings.register_profile("upheld", deadline=None)
hypothesis.settings.load_profile("upheld")

_numbers = itertools.count(1)


def pytest_collection_finish() -> None:
    """What was collected stays until the end, and is looked through for garbage no more."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """A PostgreSQL whose database `upheld` has all tables and no rows."""
    # Not in pytest's folder: another session that starts shuts it to all but root, as whom PostgreSQL does not run.
    with tempfile.TemporaryDirectory(prefix="upheld-tests-") as folder:
        server = EmbeddedServer.start(Path(folder))
        try:
            asyncio.run(_migrate(server.dsn))
            yield server
        finally:
            server.stop()


async def _migrate(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        await apply(conn)
        # No test pulls the machine's plug: what a killed process or server leaves, the system keeps all the same.
        for setting in ("fsync", "full_page_writes"):
            await conn.execute(SQL("ALTER SYSTEM SET {} = off").format(Identifier(setting)))
        await conn.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def fresh_database(server: EmbeddedServer) -> Iterator[Callable[..., str]]:
    """Makes empty databases: `fresh_database()` is the address of one, `fresh_database(clock=MONDAY)` of another."""
    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(EmptyDatabase(server.dsn, **more))


@pytest.fixture(scope="session")
def bare_database(server: EmbeddedServer) -> Iterator[Callable[[], str]]:
    """Makes databases with nothing in them, not even tables: `bare_database()` is the address of one."""
    with ExitStack() as stack:

        def make() -> str:
            name = f"bare_{next(_numbers)}"
            _administer(server, "CREATE DATABASE {}", name)
            stack.callback(_administer, server, "DROP DATABASE {} WITH (FORCE)", name)
            return make_conninfo(server.dsn, dbname=name)

        yield make


@pytest.fixture
async def database(server: EmbeddedServer) -> AsyncIterator[Database]:
    """An empty database of the test's own."""
    name = f"test_{next(_numbers)}"
    _administer(server, "CREATE DATABASE {} TEMPLATE upheld STRATEGY file_copy", name)
    async with Database.open(make_conninfo(server.dsn, dbname=name, connect_timeout=30), Path()) as database:
        yield database
    _administer(server, "DROP DATABASE {} WITH (FORCE)", name)


def _administer(server: EmbeddedServer, command: LiteralString, name: str) -> None:
    with psycopg.connect(make_conninfo(server.dsn, dbname="postgres"), autocommit=True) as conn:
        conn.execute(SQL(command).format(Identifier(name)))


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(bytes(range(32)))


@pytest.fixture
def catalogue() -> Catalogue:
    """The built-in kinds; a promise counts in UTC."""
    return parse_catalogue("")


@pytest.fixture
def clock() -> SetClock:
    """A clock that stands at a quarter past two on a Friday, until the test moves it."""
    return SetClock(datetime(2026, 11, 20, 2, 15, tzinfo=UTC))


@pytest.fixture
async def ledger(database: Database, keyring: Keyring, clock: SetClock) -> AsyncIterator[Ledger]:
    writer = Writer(database, clock)
    running = asyncio.create_task(writer.run())
    yield Ledger(database, keyring, writer, clock)
    await writer.close()
    await running


@pytest.fixture
def restored(database: Database, clock: SetClock) -> Callable[[], Awaitable[int]]:
    """Has the log go on as one that was just restored from a backup, and answers from where: `await restored()`."""

    async def settled() -> int:
        async with database.pool.connection() as conn:
            await conn.execute("CREATE TABLE unfinished_restore ()")
            return await settle(conn, clock.now())

    return settled


@pytest.fixture
def project(database: Database, keyring: Keyring) -> Callable[..., Awaitable[None]]:
    """Brings projections up to the end of the log, built from it where they are new: `await project(HISTORY)`."""

    async def follow(*projections: Projection) -> None:
        async with await database.connect("feed") as conn:
            if outdated := await prepare(conn, projections):
                async with await database.connect("rebuild") as own:
                    await rebuild(database, keyring, outdated, own)
            await catch_up(conn, database, keyring, projections)

    return follow


class Given:
    """Records what happens, at the time that the clock shows.

    >>> refund = await given.promise("refund", value=Value("39.00", "CNY"))  # doctest: +SKIP
    >>> given.later(hours=2)  # doctest: +SKIP
    >>> await given.that(
    ...     refund, lambda commitment, moment: fulfil(commitment, moment, note=None, at=None)
    ... )  # doctest: +SKIP
    """

    def __init__(self, ledger: Ledger, clock: SetClock, catalogue: Catalogue) -> None:
        self._ledger, self._clock, self._catalogue = ledger, clock, catalogue

    @property
    def now(self) -> datetime:
        return self._clock.now()

    def later(self, **span: float) -> None:
        self._clock.set(self.now + timedelta(**span))

    def moment(self, by: str | Origin) -> Moment:
        return Moment(self.now, by if isinstance(by, Origin) else Origin(by), self._catalogue)

    async def promise(
        self, kind: str, promise: str = "By noon", *, due: timedelta, by: str | Origin = "agent:ling", **terms: Any
    ) -> UUID:
        making = Making(
            kind=kind,
            promise=promise,
            customer_id=terms.pop("customer_id", "CU-7"),
            due=Wanted(DueRule(at=self.now + due)),
            **terms,
        )
        id, moment = uuid4(), self.moment(by)
        await self._ledger.begin(id, making.order_id, lambda order, siblings: make(id, making, order, siblings, moment))
        return id

    async def that(
        self, id: UUID, decide: Callable[[Commitment, Moment], object], by: str | Origin = "agent:ling"
    ) -> None:
        moment = self.moment(by)
        await self._ledger.change(id, lambda commitment, _: decide(commitment, moment))

    async def assignment(self, order_id: str, role: str, assignment: Assignment, by: str = "system:oms") -> None:
        moment = self.moment(by)
        await self._ledger.change_order(order_id, lambda order: assign_order(order, role, assignment, moment))


@pytest.fixture
def given(ledger: Ledger, clock: SetClock, catalogue: Catalogue) -> Given:
    return Given(ledger, clock, catalogue)

"""Durable appends in process: single facts and whole commands, beside what the database and the library do."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from bench.measure import Contender, Figure, Goal, Options, interleaved
from bench.yardsticks import ONE_ROW_TABLE, library, one_row_inserts
from domain.catalogue import parse_catalogue
from domain.commitment import Commitment
from domain.deadlines import DueRule
from domain.keeping import Contact, contact
from domain.moment import Moment
from domain.promising import Making, Wanted, make
from domain.receiving import ReceiptGiven, receive
from domain.values import Origin
from store import migrations
from store.clock import SystemClock
from store.codec import FactMapper
from store.database import Database
from store.keyring import Keyring
from store.ledger import Ledger
from store.writer import Append, NewStream, Writer

__all__ = ["GOALS", "appended", "appenders_on", "appends", "clients", "commitment", "facts"]

Appender = Callable[[], Awaitable[None]]
"""Appends one event, and waits until it is durable."""

_CATALOGUE = parse_catalogue("")
_DUE = Wanted(DueRule(at=SystemClock().now() + timedelta(days=30)))
_THREADS = (1, 4, 16)
_LIBRARY = tuple(f"eventsourcing as it comes, {threads} thread{'s' * (threads > 1)}" for threads in _THREADS)


def facts(in_flight: int) -> str:
    return f"Upheld, single facts, {in_flight} in flight"


def clients(number: int) -> str:
    return f"pgbench one-row INSERT, {number} client{'s' * (number > 1)}"


GOALS = (
    Goal(facts(16), "events/s", per=(clients(16),), at_least=0.8),
    Goal(facts(256), "events/s", per=(clients(16),), at_least=1.5),
    Goal(facts(16), "events/s", per=_LIBRARY, at_least=7, others="eventsourcing as it comes, at its best"),
)


async def appends(options: Options) -> list[Figure]:
    """Events a second, by how many are in flight; nothing of it is projected."""
    async with appenders_on(options.folder / "appends", options.seconds) as appenders:
        return await interleaved(appenders.contenders(), options.rounds)


@asynccontextmanager
async def appenders_on(data_dir: Path, seconds: float) -> AsyncIterator["_Appenders"]:
    """Whoever appends, on a server of their own."""
    async with Database.open(None, data_dir) as database:
        async with await database.connect("bench") as conn:
            await migrations.apply(conn)
            await conn.execute(ONE_ROW_TABLE)
        writer = Writer(database, SystemClock())
        running = asyncio.create_task(writer.run())
        try:
            yield _Appenders(database, writer, seconds)
        finally:
            await writer.close()
            await running


class _Appenders:
    """The contenders, all on one server."""

    def __init__(self, database: Database, writer: Writer, seconds: float) -> None:
        self.dsn, self._writer, self._seconds = database.dsn, writer, seconds
        self._keyring = Keyring(bytes(32))
        self._ledger = Ledger(database, self._keyring, writer, SystemClock())

    def contenders(self) -> dict[str, Contender]:
        seconds = self._seconds
        found: dict[str, Contender] = {
            clients(number): partial(one_row_inserts, self.dsn, number, seconds) for number in (1, 16)
        }
        for threads, name in zip(_THREADS, _LIBRARY, strict=True):
            found[name] = partial(library, self.dsn, threads, seconds)
        for in_flight in (1, 16, 64, 256):
            found[facts(in_flight)] = partial(self.single_facts, in_flight)
        for in_flight in (16, 256):
            found[f"Upheld, creations, {in_flight} in flight"] = partial(self._measure, self._creations, in_flight)
            found[f"Upheld, receipts, {in_flight} in flight"] = partial(self._measure, self._receipts, in_flight)
        return found

    async def single_facts(self, in_flight: int) -> dict[str, float]:
        """Facts that are decided already: encoded, encrypted, committed, each waited for."""
        return await appended(self._writer, self._keyring, in_flight, self._seconds)

    async def _measure(
        self, prepare: Callable[[], Coroutine[None, None, Appender]], in_flight: int
    ) -> dict[str, float]:
        return await _measured(prepare, in_flight, self._seconds)

    async def _creations(self) -> Appender:
        """Whole creations: decided, encrypted under a new key, committed."""

        async def append() -> None:
            id = uuid4()
            await self._ledger.begin(id, None, lambda *_: commitment(id))

        return append

    async def _receipts(self) -> Appender:
        """Whole receipts, each of them news: what was acknowledged is declined, and acknowledged again."""
        id = uuid4()
        await self._ledger.begin(id, None, lambda *_: commitment(id, "refund"))
        turns = itertools.cycle(
            (ReceiptGiven(1, "acknowledged"), ReceiptGiven(1, "declined", reason="The van is full"))
        )

        async def append() -> None:
            given = next(turns)
            await self._ledger.change(id, lambda commitment, _: receive(commitment, given, _moment("finance:zhao")))

        return append


async def appended(writer: Writer, keyring: Keyring, in_flight: int, seconds: float) -> dict[str, float]:
    """Facts that are decided already: encoded, encrypted, committed, each waited for; so many beside each other."""
    return await _measured(partial(_single_facts, writer, keyring), in_flight, seconds)


async def _measured(
    prepare: Callable[[], Coroutine[None, None, Appender]], in_flight: int, seconds: float
) -> dict[str, float]:
    """Events a second, where so many append one after another beside each other."""
    appenders = await asyncio.gather(*(prepare() for _ in range(in_flight)))
    began, done = time.perf_counter(), 0

    async def one_after_another(append: Appender) -> None:
        nonlocal done
        while time.perf_counter() < began + seconds:
            await append()
            done += 1

    await asyncio.gather(*map(one_after_another, appenders))
    return {"events/s": done / (time.perf_counter() - began)}


async def _single_facts(writer: Writer, keyring: Keyring) -> Appender:
    """Another contact of the customer, and another, on a commitment that exists."""
    begun, key = commitment(uuid4()), keyring.new_key()
    contact(begun, Contact("phone", "inbound", "Where is it?", 4), _moment("agent:ling"))
    made, fact = begun.collect_events()
    mapper, id = FactMapper(keyring, key), begun.id
    begins = NewStream(id, "commitment", None, "CU-7", keyring.wrap(id, key))
    await writer.append(Append([mapper.to_stored_event(made)], {id: 0}, (begins,)))
    fields, contacted = vars(fact), type(fact)
    versions = itertools.count(fact.originator_version)

    async def append() -> None:
        version = next(versions)
        stored = mapper.to_stored_event(contacted(**{**fields, "originator_version": version}))
        await writer.append(Append([stored], {id: version - 1}))

    return append


def commitment(id: UUID, kind: str = "redelivery") -> Commitment:
    """A promise; of a redelivery nothing more is recorded, a refund goes to whoever is of the finance team."""
    making = Making(customer_id="CU-7", kind=kind, promise="Tomorrow before noon, at the back door", due=_DUE)
    return make(id, making, None, [], _moment("agent:ling"))


def _moment(by: str) -> Moment:
    return Moment(SystemClock().now(), Origin(by), _CATALOGUE)

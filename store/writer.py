"""The writer: one task a process that appends everything that waits, in one transaction (group commit).

A batch is one call of `append_events` in the database, which holds the lock of the log while it looks and writes,
so that no position is committed before a smaller one, and never longer than it works: a process that stands still
holds nothing. What conflicts fails alone; what was lost with a connection is looked up and written again.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from uuid import UUID

import psycopg
import structlog
from eventsourcing.persistence import StoredEvent
from prometheus_client import Counter, Gauge, Histogram
from psycopg import AsyncConnection
from psycopg.errors import ReadOnlySqlTransaction

from domain.errors import Unavailable, UpheldError
from store.clock import Clock
from store.database import PLANNED_FOR_FULL_TABLES, Database
from store.queries import queries
from store.timelines import keep_up

__all__ = ["Append", "Committed", "NewStream", "StaleVersion", "Writer"]

log = structlog.get_logger("upheld.writer")
SQL = queries("store", "writer.sql")

_BATCH_EVENTS = 512
"""At most this many events in one transaction, so that the lock is held for a few milliseconds only."""

_FEW, _MANY = 24, 128
"""Of more commands than a few, half are taken at once, but not too many: while they are committed, whoever was
answered before prepares the next ones. To take all would let the process and the database wait for each other."""

_SESSION = {**PLANNED_FOR_FULL_TABLES, "lock_timeout": "2s", "idle_in_transaction_session_timeout": "2s"}
"""What holds for the writer's connection."""

_batch_events = Histogram(
    "upheld_append_batch_events", "Events in one append", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
)
_batch_seconds = Histogram(
    "upheld_append_seconds",
    "Duration of one append, waiting for the lock and the commit included",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
_queue_depth = Gauge("upheld_append_queue_depth", "Appends that wait for the writer", multiprocess_mode="livesum")
_refused = Counter("upheld_append_conflicts", "Appends refused because a stream had moved on")
_interrupted = Counter("upheld_append_interruptions", "Appends whose connection or lock was lost")


class StaleVersion(UpheldError):
    """A stream has moved on since it was read; the append wrote nothing."""

    code = "conflict"
    status = 409
    title = "Somebody else changed it first"


@dataclass(slots=True)
class NewStream:
    """A stream that begins: what it is about, and its wrapped key."""

    id: UUID
    category: str
    order_id: str | None
    customer_id: str | None
    key: bytes


@dataclass(slots=True)
class Append:
    """Events to append together, if every stream in `expected` still has the version named there.

    `expected` may name streams that get no event: the append then depends on what was read of them.
    """

    events: Sequence[StoredEvent]
    expected: Mapping[UUID, int]
    begins: Sequence[NewStream] = ()


@dataclass(slots=True)
class Committed:
    """Where the events came to stand in the log, and when they were recorded."""

    positions: Sequence[int]
    recorded_at: datetime

    @property
    def position(self) -> int:
        return self.positions[-1]


@dataclass(slots=True, eq=False)
class _Waiting:
    append: Append
    done: "asyncio.Future[Committed]"

    def succeed(self, committed: Committed) -> None:
        if not self.done.done():
            self.done.set_result(committed)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Writer:
    """Appends to the log; `run` is its one task.

    >>> committed = await writer.append(Append(events, {stream: 3}))  # doctest: +SKIP
    >>> committed.position
    42
    """

    def __init__(self, database: Database, clock: Clock, *, capacity: int = 4096) -> None:
        self._database = database
        self._clock = clock
        self._queue: deque[_Waiting] = deque()
        self._capacity = capacity
        self._something = asyncio.Event()
        self._closing = False
        self._conn: AsyncConnection[Any] | None = None
        self.last_position = 0
        """Where the newest event stands that this process has recorded."""

    async def append(self, append: Append) -> Committed:
        """Append durably, and wait for it.

        Raises `StaleVersion` where a stream moved on, `Unavailable` where the queue is full or the database away.
        """
        if self._closing:
            raise Unavailable("the server is stopping")
        if len(self._queue) >= self._capacity:
            raise Unavailable(f"{self._capacity} commands are waiting to be recorded already")
        waiting = _Waiting(append, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        _queue_depth.set(len(self._queue))
        self._something.set()
        return await waiting.done

    async def run(self) -> None:
        """Append what waits until `close`; what waits then is appended still."""
        try:
            while not self._closing or self._queue:
                await self._something.wait()
                if batch := self._gather():
                    await self._commit(batch)
        finally:
            await self._disconnect()

    async def close(self) -> None:
        """Take nothing more, and let `run` finish what it took."""
        self._closing = True
        self._something.set()

    def _gather(self) -> list[_Waiting]:
        """What goes into one transaction: all of it is held against the streams as they stand before it.

        What expects a stream that an earlier one in the batch moves on waits for the next batch.
        """
        batch: list[_Waiting] = []
        events, moved = 0, set[UUID]()
        commands = min(_MANY, max(_FEW, len(self._queue) // 2))
        while len(batch) < commands and events < _BATCH_EVENTS and self._queue:
            if not moved.isdisjoint(self._queue[0].append.expected):
                break
            waiting = self._queue.popleft()
            batch.append(waiting)
            events += len(waiting.append.events)
            moved.update(event.originator_id for event in waiting.append.events)  # type: ignore[misc]
        _queue_depth.set(len(self._queue))
        if not self._queue and not self._closing:
            self._something.clear()
        return batch

    async def _commit(self, batch: list[_Waiting]) -> None:
        """Write a batch; after a lost connection look what of it is durable, and write the rest once more."""
        for again in (False, True):
            try:
                with _batch_seconds.time():
                    await self._write(batch, again=again)
                return
            except (psycopg.OperationalError, psycopg.InterfaceError, ReadOnlySqlTransaction, Unavailable) as error:
                log.warning("append interrupted", error=str(error).strip(), commands=len(batch), again=again)
                _interrupted.inc()
                await self._disconnect()
            except Exception as error:
                await self._disconnect()
                await self._isolate(batch, error)
                return
        for waiting in batch:
            waiting.fail(Unavailable("the database is out of reach; nothing is known to be recorded"))

    async def _isolate(self, batch: list[_Waiting], error: Exception) -> None:
        """One command cannot be written: find it, so that it alone fails."""
        if len(batch) == 1:
            log.error("append refused", exc_info=error)
            batch[0].fail(error)
            return
        for waiting in batch:
            await self._commit([waiting])

    async def _write(self, batch: list[_Waiting], *, again: bool) -> None:
        conn = await self._connection()
        cursor = await conn.execute(SQL["append"], self._parameters(batch), prepare=True, binary=True)
        row = await cursor.fetchone()
        if row is None:
            raise RuntimeError("append_events answered nothing")
        refused, positions, recorded_at = frozenset(row[0] or ()), row[1] or [], row[2].astimezone(UTC)
        _batch_events.observe(len(positions))
        self.last_position = max(self.last_position, positions[-1] if positions else 0)
        reached = 0
        for number, waiting in enumerate(batch):
            if number in refused:
                await self._refuse(conn, waiting, look=again)
            else:
                first, reached = reached, reached + len(waiting.append.events)
                waiting.succeed(Committed(positions[first:reached], recorded_at))

    def _parameters(self, batch: list[_Waiting]) -> tuple[object, ...]:
        appends = [waiting.append for waiting in batch]
        expected = [(n, id, version) for n, append in enumerate(appends) for id, version in append.expected.items()]
        events = [(n, event) for n, append in enumerate(appends) for event in append.events]
        begun = list(chain.from_iterable(append.begins for append in appends))
        return (
            self._clock.now(),
            self._clock.ticking,
            [n for n, _, _ in expected],
            [id for _, id, _ in expected],
            [version for _, _, version in expected],
            [stream.id for stream in begun],
            [stream.category for stream in begun],
            [stream.order_id for stream in begun],
            [stream.customer_id for stream in begun],
            [stream.key for stream in begun],
            [n for n, _ in events],
            [event.originator_id for _, event in events],
            [event.originator_version for _, event in events],
            [event.topic for _, event in events],
            [event.state for _, event in events],
        )

    async def _refuse(self, conn: AsyncConnection[Any], waiting: _Waiting, *, look: bool) -> None:
        """Fail one command whose stream moved on, unless it was our own lost commit that moved it."""
        own = await self._find_own(conn, waiting.append) if look else None
        if own is not None:
            waiting.succeed(own)
        else:
            _refused.inc()
            waiting.fail(StaleVersion("the stream moved on since it was read"))

    async def _find_own(self, conn: AsyncConnection[Any], append: Append) -> Committed | None:
        """Whether these very bytes are in the log: each encryption is unique, so equal bytes are ours."""
        found: list[tuple[int, datetime, bytes]] = []
        for stream in {event.originator_id for event in append.events}:
            versions = [e.originator_version for e in append.events if e.originator_id == stream]
            found += await (await conn.execute(SQL["find_own"], (versions, stream))).fetchall()
        ours = {event.state for event in append.events}
        mine = sorted((position, recorded_at) for position, recorded_at, state in found if state in ours)
        if len(mine) != len(append.events):
            return None
        return Committed([position for position, _ in mine], mine[0][1].astimezone(UTC))

    async def _connection(self) -> AsyncConnection[Any]:
        if self._conn is None or self._conn.closed:
            self._conn = await self._database.connect("writer", _SESSION)
            await keep_up(self._conn, self._clock.now())
        return self._conn

    async def _disconnect(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            with contextlib.suppress(psycopg.Error):
                await conn.close()

"""The writer: one task a process that appends everything that waits, in one transaction (group commit).

It holds the table's lock while it looks and writes, as the library does, so that no position is committed before
a smaller one. What conflicts fails alone; what was lost with a connection is looked up and written again.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import structlog
from eventsourcing.persistence import StoredEvent
from prometheus_client import Gauge, Histogram
from psycopg import AsyncConnection

from domain.errors import Unavailable, UpheldError
from store.clock import Clock
from store.database import Database
from store.queries import queries

__all__ = ["Append", "Committed", "NewStream", "StaleVersion", "Writer"]

log = structlog.get_logger("upheld.writer")
SQL = queries("store", "writer.sql")

_BATCH_EVENTS = 512
"""At most this many events in one transaction, so that the lock is held for a few milliseconds only."""

_batch_events = Histogram(
    "upheld_append_batch_events", "Events in one append", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
)
_batch_seconds = Histogram("upheld_append_seconds", "Duration of one append, lock and commit included")
_queue_depth = Gauge("upheld_append_queue_depth", "Appends that wait for the writer")


class StaleVersion(UpheldError):
    """A stream has moved on since it was read; the append wrote nothing."""

    code = "conflict"
    status = 409
    title = "Somebody else changed it first"


@dataclass(frozen=True, slots=True)
class NewStream:
    """A stream that begins: what it is about, and its wrapped key."""

    id: UUID
    category: str
    order_id: str | None
    customer_id: str | None
    key: bytes


@dataclass(frozen=True, slots=True)
class Append:
    """Events to append together, if every stream in `expected` still has the version named there.

    `expected` may name streams that get no event: the append then depends on what was read of them.
    """

    events: Sequence[StoredEvent]
    expected: Mapping[UUID, int]
    begins: Sequence[NewStream] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """Where the events came to stand in the log, and when they were recorded."""

    positions: tuple[int, ...]
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
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue()
        self._capacity = capacity
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
        if self._queue.qsize() >= self._capacity:
            raise Unavailable(f"{self._capacity} commands are waiting to be recorded already")
        waiting = _Waiting(append, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(waiting)
        return await waiting.done

    async def run(self) -> None:
        """Append what waits until `close`; what waits then is appended still."""
        try:
            while (first := await self._queue.get()) is not None:
                await self._commit(self._gather(first))
        finally:
            await self._disconnect()

    async def close(self) -> None:
        """Take nothing more, and let `run` finish what it took."""
        self._closing = True
        self._queue.put_nowait(None)

    def _gather(self, first: _Waiting) -> list[_Waiting]:
        batch, events = [first], len(first.append.events)
        while events < _BATCH_EVENTS and not self._queue.empty():
            waiting = self._queue.get_nowait()
            if waiting is None:
                self._queue.put_nowait(None)
                break
            batch.append(waiting)
            events += len(waiting.append.events)
        _queue_depth.set(self._queue.qsize())
        return batch

    async def _commit(self, batch: list[_Waiting]) -> None:
        """Write a batch; after a lost connection look what of it is durable, and write the rest once more."""
        for again in (False, True):
            try:
                with _batch_seconds.time():
                    await self._write(batch, again=again)
                return
            except (psycopg.OperationalError, psycopg.InterfaceError, Unavailable) as error:
                log.warning("append interrupted", error=str(error).strip(), commands=len(batch), again=again)
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
        wanted = {stream for waiting in batch for stream in waiting.append.expected}
        heads, last = await self._lock_and_look(conn, wanted)
        recorded_at = max(await self._clock.read(conn), last)
        accepted, refused = _divide(batch, heads)
        positions = await self._insert(conn, [waiting.append for waiting in accepted], recorded_at)
        _batch_events.observe(len(positions))
        self.last_position = max(positions, default=self.last_position)
        remaining = iter(positions)
        for waiting in accepted:
            own = tuple(next(remaining) for _ in waiting.append.events)
            waiting.succeed(Committed(own, recorded_at))
        for waiting in refused:
            await self._refuse(conn, waiting, look=again)

    async def _lock_and_look(
        self, conn: AsyncConnection[Any], streams: Iterable[UUID]
    ) -> tuple[dict[UUID, int], datetime]:
        async with conn.pipeline():
            await conn.execute("BEGIN")
            await conn.execute("LOCK TABLE stored_events IN EXCLUSIVE MODE")
            last = await conn.execute(SQL["last_recorded"])
            heads = await conn.execute(SQL["heads"], (list(streams),))
        row = await last.fetchone()
        versions = dict(await heads.fetchall())
        return versions, row[0].astimezone(UTC) if row else datetime.min.replace(tzinfo=UTC)

    async def _insert(self, conn: AsyncConnection[Any], appends: Sequence[Append], recorded_at: datetime) -> list[int]:
        begins = [stream for append in appends for stream in append.begins]
        events = [event for append in appends for event in append.events]
        if not events:
            await conn.execute("ROLLBACK")
            return []
        async with conn.pipeline():
            if begins:
                columns = zip(*((s.id, s.category, s.order_id, s.customer_id, s.key) for s in begins), strict=True)
                await conn.execute(SQL["insert_streams"], [list(column) for column in columns])
            rows = ((e.originator_id, e.originator_version, e.topic, e.state) for e in events)
            written = await conn.execute(
                SQL["insert_events"], [recorded_at, *(list(column) for column in zip(*rows, strict=True))]
            )
            await conn.execute("NOTIFY stored_events")
            await conn.execute("COMMIT")
        return [position for (position,) in await written.fetchall()]

    async def _refuse(self, conn: AsyncConnection[Any], waiting: _Waiting, *, look: bool) -> None:
        """Fail one command whose stream moved on, unless it was our own lost commit that moved it."""
        own = await self._find_own(conn, waiting.append) if look else None
        if own is not None:
            waiting.succeed(own)
        else:
            waiting.fail(StaleVersion("the stream moved on since it was read"))

    async def _find_own(self, conn: AsyncConnection[Any], append: Append) -> Committed | None:
        """Whether these very bytes are in the log: each encryption is unique, so equal bytes are ours."""
        found: list[tuple[int, datetime, bytes]] = []
        for stream in {event.originator_id for event in append.events}:
            versions = [e.originator_version for e in append.events if e.originator_id == stream]
            found += await (await conn.execute(SQL["find_own"], (stream, versions))).fetchall()
        ours = {event.state for event in append.events}
        mine = sorted((position, recorded_at) for position, recorded_at, state in found if state in ours)
        if len(mine) != len(append.events):
            return None
        return Committed(tuple(position for position, _ in mine), mine[0][1].astimezone(UTC))

    async def _connection(self) -> AsyncConnection[Any]:
        if self._conn is None or self._conn.closed:
            self._conn = await self._database.connect("writer")
            await self._conn.execute("SET lock_timeout = '2s'")
            await self._conn.execute("SET idle_in_transaction_session_timeout = '2s'")
        return self._conn

    async def _disconnect(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            with contextlib.suppress(psycopg.Error):
                await conn.close()


def _divide(batch: list[_Waiting], heads: dict[UUID, int]) -> tuple[list[_Waiting], list[_Waiting]]:
    """Who can be written, and whose streams have moved on."""
    accepted: list[_Waiting] = []
    refused: list[_Waiting] = []
    for waiting in batch:
        (accepted if _accept(waiting.append, heads) else refused).append(waiting)
    return accepted, refused


def _accept(append: Append, heads: dict[UUID, int]) -> bool:
    """Whether every stream stands where the append expects it; if so, move the heads on for what follows."""
    if any(heads[stream] != version for stream, version in append.expected.items()):
        return False
    for event in append.events:
        heads[event.originator_id] = event.originator_version  # type: ignore[index]
    return True

"""Streams: commitments and orders as the log has them, folded from their facts and remembered by version."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast
from uuid import UUID

import psycopg
import structlog

from domain.commitment import Commitment
from domain.customer import Customer
from domain.errors import NotFound, Unavailable
from domain.facts import CommitmentAmended
from domain.order import Order
from store.clock import Clock
from store.database import Database, reaching_the_database
from store.facts import read_fact
from store.keyring import Keyring
from store.queries import queries

__all__ = ["Known", "Streams"]

log = structlog.get_logger("upheld.streams")
SQL = queries("store", "streams.sql")

T = TypeVar("T")

_REMEMBERED = 10_000
_SIBLINGS = 50
_FOLDED_AT_ONCE = 100
_EVER = 2**62
_FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(slots=True)
class Known:
    """A stream as this process knows it: the state, and the key of its personal fields (None: erased)."""

    aggregate: Any
    key: bytes | None
    fresh: bool


class Streams:
    """Reads streams, now and as they were.

    >>> (await streams.commitment_at(id, as_of=noon)).status  # doctest: +SKIP
    'open'
    """

    def __init__(self, database: Database, keyring: Keyring, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self.clock = clock
        self._known: OrderedDict[UUID, Known] = OrderedDict()
        self._locks: dict[UUID, _Lock] = {}

    async def commitment(self, stream: UUID) -> Commitment:
        """The commitment as the log has it now. Raises `NotFound`."""
        async with self._alone(stream):
            return cast("Commitment", (await self._commitment(stream, fresh=True)).aggregate)

    async def commitments(self, streams: Sequence[UUID]) -> dict[UUID, Commitment]:
        """Those of these streams that are commitments, as the log has them now."""
        return await self.commitments_at(streams, _FOREVER)

    async def now(self) -> datetime:
        """The time. A clock that does not go by itself may have been moved by another process."""
        if self.clock.ticking:
            return self.clock.now()
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                return await self.clock.read(conn)

    async def readable(self, streams: Sequence[UUID]) -> dict[UUID, Commitment]:
        """The same, without those that cannot be read, of which the process's log tells; they hold up no other."""
        try:
            return await self.commitments(streams)
        except (Unavailable, psycopg.Error):
            raise
        except Exception:
            log.exception("some commitments are read one by one")
        found: dict[UUID, Commitment] = {}
        for stream in streams:
            try:
                found |= await self.commitments([stream])
            except (Unavailable, psycopg.Error):
                raise
            except Exception:
                log.exception("a commitment cannot be read", commitment_id=str(stream))
        return found

    async def look(self, wanted: Mapping[UUID, int], read: Callable[[Commitment], T]) -> dict[UUID, T]:
        """What `read` makes of these commitments, each at least as new as a version; what is remembered is not read.

        `read` must not wait: nobody changes the commitment meanwhile.
        """
        found: dict[UUID, T] = {}
        for stream, version in wanted.items():
            async with self._alone(stream):
                known = self._known.get(stream)
                if known is not None and known.aggregate.version >= version:
                    found[stream] = read(known.aggregate)
        forgotten = await self.commitments([stream for stream in wanted if stream not in found])
        return found | {stream: read(commitment) for stream, commitment in forgotten.items()}

    async def orders(self, order_ids: Collection[str]) -> dict[str, Order]:
        """Those of these orders of which something was recorded, as the log has them now."""
        return await self.orders_at(order_ids, _FOREVER)

    async def find(self, stream: UUID) -> Commitment | None:
        """The commitment as the log has it now, if there is one."""
        try:
            return await self.commitment(stream)
        except NotFound:
            return None

    async def customer(self, customer_id: str) -> Customer:
        """What was ordered about a customer since he was last erased; of version 0 where nothing was."""
        return cast("Customer", (await self._customer(customer_id)).aggregate)

    async def customers(self, customer_ids: Collection[str]) -> dict[str, Customer]:
        """The same of several, without those of whom nothing was recorded."""
        rows = await self._database.fetch(SQL["lives"], (list(customer_ids),))
        found = await self._all([stream for (stream,) in rows], "customer")
        return {known.aggregate.customer_id: known.aggregate for known in found.values()}

    def forget(self) -> None:
        """Remember no state: something was erased. Whoever works on one now is refused, since its stream moved on."""
        self._known.clear()

    async def surroundings(self, order_id: str | None) -> tuple[Order | None, list[Commitment]]:
        """An order as it stands now, and the commitments on it."""
        if order_id is None:
            return None, []
        return (await self._order(order_id, fresh=True)).aggregate, await self._siblings(order_id)

    async def commitment_at(self, stream: UUID, *, version: int = _EVER, as_of: datetime = _FOREVER) -> Commitment:
        """The commitment as it stood at a version, or by what was recorded until `as_of`. Raises `NotFound`."""
        known = await self._load(stream, None, version, as_of)
        if known is None or not isinstance(known.aggregate, Commitment):
            raise NotFound(f"there is no commitment {stream}")
        return known.aggregate

    async def commitment_in(self, stream: UUID, revision: int) -> Commitment:
        """The commitment as it stood last in a revision, before it was amended. Raises `NotFound`."""
        aggregate = None
        rows = await self._database.fetch(SQL["load"], (0, _EVER, _FOREVER, stream))
        for number, topic, state, wrapped in rows:
            fact = read_fact(self._keyring, self._keyring.key_of(stream, wrapped), stream, number, topic, state)
            if isinstance(fact, CommitmentAmended) and fact.revision > revision:
                break
            aggregate = fact.mutate(aggregate)
        if not isinstance(aggregate, Commitment):
            raise NotFound(f"there is no commitment {stream}")
        return aggregate

    async def commitments_at(self, streams: Sequence[UUID], as_of: datetime) -> dict[UUID, Commitment]:
        """Those of these streams that are commitments, by what was recorded until `as_of`."""
        return {stream: known.aggregate for stream, known in (await self._all(streams, "commitment", as_of)).items()}

    async def orders_at(self, order_ids: Collection[str], as_of: datetime) -> dict[str, Order]:
        """Those of these orders of which something was recorded until `as_of`, as they stood then."""
        found = await self._all([Order.id_of(order_id) for order_id in order_ids], "order", as_of)
        return {known.aggregate.order_id: known.aggregate for known in found.values()}

    async def _all(self, streams: Sequence[UUID], category: str, as_of: datetime = _FOREVER) -> dict[UUID, Known]:
        """A hundred at a time: to fold those takes so long that others want their turn in between."""
        found: dict[UUID, Known] = {}
        for start in range(0, len(streams), _FOLDED_AT_ONCE):
            chunk = list(streams[start : start + _FOLDED_AT_ONCE])
            for stream, number, topic, state, wrapped in await self._database.fetch(
                SQL["load_all"], (as_of, chunk, category)
            ):
                key, before = self._keyring.key_of(stream, wrapped), found.get(stream)
                fact = read_fact(self._keyring, key, stream, number, topic, state)
                found[stream] = Known(fact.mutate(before.aggregate if before else None), key, fresh=True)
        for known in found.values():
            _mark(known)
        return found

    async def position_of(self, stream: UUID, version: int) -> int:
        """Where a stream's event stands in the log."""
        rows = await self._database.fetch(SQL["position"], (version, stream))
        return cast(int, rows[0][0])

    async def known(self, streams: Sequence[UUID]) -> set[UUID]:
        """Which of these streams there are."""
        return {stream for (stream,) in await self._database.fetch(SQL["known"], (list(streams),))}

    async def knows_order(self, order_id: str) -> bool:
        """Whether anything was ever recorded about an order."""
        return bool(await self._database.fetch(SQL["knows_order"], (order_id,)))

    async def commitments_on(self, *order_ids: str) -> list[UUID]:
        """The commitments of some orders, closed ones too; complete up to the last append."""
        return [stream for (stream,) in await self._database.fetch(SQL["on_orders"], (list(order_ids),))]

    async def _siblings(self, order_id: str) -> list[Commitment]:
        streams = (await self.commitments_on(order_id))[:_SIBLINGS]
        return [(await self._commitment(stream, fresh=False)).aggregate for stream in streams]

    async def _order_of(self, commitment: Commitment, *, fresh: bool) -> Known | None:
        return await self._order(commitment.order_id, fresh=fresh) if commitment.order_id is not None else None

    async def _order(self, order_id: str, *, fresh: bool) -> Known:
        """An order is read beside other decisions about it, so that a fresh one is folded anew, never in place."""
        stream = Order.id_of(order_id)
        known = await self._load(stream, None) if fresh else await self._current(stream, fresh=False)
        return known or Known(Order.unassigned(order_id, self.clock.now()), None, fresh=True)

    async def _customer(self, customer_id: str) -> Known:
        """A customer is asked about so rarely that he is always read."""
        lives = await self._database.fetch(SQL["lives_of"], (customer_id,))
        last = await self._load(lives[-1][0], None) if lives else None
        if last is not None and not last.aggregate.is_erased:
            return last
        return Known(Customer.unknown(customer_id, len(lives), self.clock.now()), None, fresh=True)

    async def _commitment(self, stream: UUID, *, fresh: bool) -> Known:
        known = await self._current(stream, fresh=fresh)
        if known is None or not isinstance(known.aggregate, Commitment):
            raise NotFound(f"there is no commitment {stream}")
        return known

    async def _current(self, stream: UUID, *, fresh: bool) -> Known | None:
        """The stream as this process remembers it, or, where it must be fresh, as the log has it."""
        known = self._known.get(stream)
        if known is not None and not fresh:
            self._known.move_to_end(stream)
            known.fresh = False
            return known
        known = await self._load(stream, known)
        if known is not None:
            self._remember(stream, known)
        return known

    async def _load(
        self, stream: UUID, known: Known | None, version: int = _EVER, as_of: datetime = _FOREVER
    ) -> Known | None:
        """Fold what the log has of a stream, on top of what is known already."""
        after = known.aggregate.version if known else 0
        rows = await self._database.fetch(SQL["load"], (after, version, as_of, stream))
        if not rows:
            return Known(known.aggregate, known.key, fresh=True) if known else None
        wrapped = rows[0][3]
        key = self._keyring.key_of(stream, wrapped)
        aggregate = known.aggregate if known else None
        for number, topic, state, _ in rows:
            aggregate = read_fact(self._keyring, key, stream, number, topic, state).mutate(aggregate)
        return _mark(Known(aggregate, key, fresh=True))

    def _remember(self, stream: UUID, known: Known) -> None:
        self._known[stream] = known
        self._known.move_to_end(stream)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _alone(self, stream: UUID) -> "_Turn":
        """One decision at a time on one stream within this process; other processes meet at the writer."""
        return _Turn(self._locks, stream)


def _mark(known: Known) -> Known:
    """An order without its key is erased at every instant, also before that was recorded."""
    if known.key is None and isinstance(known.aggregate, Order):
        known.aggregate.is_erased = True
    return known


class _Lock(asyncio.Lock):
    users = 0


class _Turn:
    """A turn at a stream, behind those who asked for one before; its lock is there while somebody wants it."""

    __slots__ = ("_lock", "_locks", "_stream")

    def __init__(self, locks: dict[UUID, _Lock], stream: UUID) -> None:
        self._locks, self._stream = locks, stream

    async def __aenter__(self) -> None:
        self._lock = self._locks.get(self._stream) or self._locks.setdefault(self._stream, _Lock())
        self._lock.users += 1
        try:
            await self._lock.acquire()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
        self._leave()

    def _leave(self) -> None:
        self._lock.users -= 1
        if not self._lock.users:
            del self._locks[self._stream]

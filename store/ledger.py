"""The ledger: load what a decision needs, decide, append. Every command of the product goes through here.

A decision is taken on the state this process remembers; the writer refuses it where the state was stale, and
it is taken anew on what the log says. A refusal is final only when it was decided on a fresh state.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from domain.commitment import Commitment
from domain.errors import Conflict, NotFound, UpheldError
from domain.order import Order
from store.clock import Clock
from store.codec import FactMapper
from store.database import Database, reaching_the_database
from store.keyring import Keyring
from store.queries import queries
from store.writer import Append, NewStream, StaleVersion, Writer

__all__ = ["Change", "Ledger"]

T = TypeVar("T")
SQL = queries("store", "ledger.sql")

_REMEMBERED = 5_000
_SIBLINGS = 50
_ATTEMPTS = 20

_EVER = 2**62
_FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """What came of a command: the decision's answer, the state after it, and the last position it caused, if any."""

    result: T
    commitment: Commitment
    position: int | None


@dataclass(slots=True)
class _Known:
    """A stream as this process knows it: the state, and the key of its personal fields (None: erased)."""

    aggregate: Any
    key: bytes | None
    fresh: bool


class Ledger:
    """Loads aggregates and records decisions about them.

    >>> change = await ledger.change(id, lambda commitment, order: fulfil(commitment, moment))  # doctest: +SKIP
    >>> change.commitment.status, change.position
    ('kept', 17)
    """

    def __init__(self, database: Database, keyring: Keyring, writer: Writer, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._writer = writer
        self.clock = clock
        self._known: OrderedDict[UUID, _Known] = OrderedDict()
        self._locks: dict[UUID, tuple[asyncio.Lock, int]] = {}

    # -- recording ----------------------------------------------------------------------------------------------

    async def begin(
        self, stream: UUID, order_id: str | None, decide: Callable[[Order | None, list[Commitment]], Commitment]
    ) -> Change[None]:
        """Record a new commitment, against the order as it was read: whoever carries it then is its recipient."""
        async with self._alone(stream):
            for attempt in range(_ATTEMPTS):
                order = await self._order(order_id, fresh=attempt > 0) if order_id is not None else None
                siblings = await self._siblings(order_id) if order_id is not None else []
                commitment = decide(order.aggregate if order else None, siblings)
                known = _Known(commitment, self._keyring.new_key(), fresh=True)
                begins = self._begin_stream(known, "commitment", commitment.order_id, commitment.customer_id)
                try:
                    position = await self._append(known, begins, depends_on=order)
                except StaleVersion:
                    if await self._load(stream, None) is not None:
                        raise
                    continue
                self._remember(stream, known)
                return Change(None, commitment, position)
        raise Conflict("the order was assigned again and again while the promise was made")

    async def change(
        self, stream: UUID, decide: Callable[[Commitment, Order | None], T], *, with_order: bool = False
    ) -> Change[T]:
        """Record a decision about a commitment; one that triggers no event records nothing.

        Raises `NotFound`, whatever the decision raises, and `Conflict` where others were faster again and again.
        """
        async with self._alone(stream):
            for attempt in range(_ATTEMPTS):
                known = await self._commitment(stream, fresh=attempt > 0)
                commitment: Commitment = known.aggregate
                order = await self._order_of(commitment, fresh=attempt > 0) if with_order else None
                certain = known.fresh and (order is None or order.fresh)
                try:
                    result = decide(commitment, order.aggregate if order else None)
                    position = await self._append(known, depends_on=order) if commitment.pending_events else None
                except StaleVersion:
                    self._known.pop(stream, None)
                    continue
                except UpheldError:
                    self._known.pop(stream, None)
                    if certain:
                        raise
                    continue
                except BaseException:
                    self._known.pop(stream, None)
                    raise
                if position is None and not certain:
                    continue
                self._remember(stream, known)
                return Change(result, commitment, position)
        raise Conflict("others changed this commitment again and again")

    async def change_order(self, order_id: str, decide: Callable[[Order], None]) -> tuple[Order, int | None]:
        """Record a decision about an order; answers it, and the position of the last event, if there was one."""
        stream = Order.id_of(order_id)
        async with self._alone(stream):
            for attempt in range(_ATTEMPTS):
                known = await self._order(order_id, fresh=attempt > 0)
                order: Order = known.aggregate
                begins = self._begin_stream(known, "order", order_id, None) if order.version == 0 else None
                try:
                    decide(order)
                    position = await self._append(known, begins) if order.pending_events else None
                except StaleVersion:
                    self._known.pop(stream, None)
                    continue
                except BaseException:
                    self._known.pop(stream, None)
                    raise
                if position is None and not known.fresh:
                    continue
                self._remember(stream, known)
                return order, position
        raise Conflict("others changed this order again and again")

    async def begin_all(self, commitments: Sequence[Commitment], *, unassigned: Iterable[str] = ()) -> None:
        """Record many new commitments at once, as an import does: all of them, or none.

        `unassigned` are orders that were taken to have no assignment yet. Raises `StaleVersion` where one of them
        has, or where one of the commitments is known already.
        """
        events: list[StoredEvent] = []
        begins: list[NewStream] = []
        for commitment in commitments:
            known = _Known(commitment, None, fresh=True)
            begins.append(self._begin_stream(known, "commitment", commitment.order_id, commitment.customer_id))
            mapper = FactMapper(self._keyring, known.key)
            events += [mapper.to_stored_event(fact) for fact in commitment.collect_events()]
        expected = {stream.id: 0 for stream in begins} | {Order.id_of(order_id): 0 for order_id in unassigned}
        await self._writer.append(Append(events, expected, begins))

    async def known(self, streams: Sequence[UUID]) -> set[UUID]:
        """Which of these streams there are."""
        return {stream for (stream,) in await self._fetch(SQL["known"], (list(streams),))}

    async def _append(self, known: _Known, begins: NewStream | None = None, depends_on: _Known | None = None) -> int:
        aggregate = known.aggregate
        facts = aggregate.collect_events()
        mapper = FactMapper(self._keyring, known.key)
        expected = {aggregate.id: facts[0].originator_version - 1}
        if depends_on is not None:
            expected[depends_on.aggregate.id] = depends_on.aggregate.version
        events = [mapper.to_stored_event(fact) for fact in facts]
        committed = await self._writer.append(Append(events, expected, (begins,) if begins else ()))
        return committed.position

    def _begin_stream(self, known: _Known, category: str, order_id: str | None, customer_id: str | None) -> NewStream:
        if known.key is None:
            known.key = self._keyring.new_key()
        stream = known.aggregate.id
        return NewStream(stream, category, order_id, customer_id, self._keyring.wrap(stream, known.key))

    # -- reading ------------------------------------------------------------------------------------------------

    async def commitment(self, stream: UUID) -> Commitment:
        """The commitment as the log has it now. Raises `NotFound`."""
        async with self._alone(stream):
            return cast("Commitment", (await self._commitment(stream, fresh=True)).aggregate)

    async def commitments(self, streams: Sequence[UUID]) -> dict[UUID, Commitment]:
        """Those of these streams that are commitments, as the log has them now."""
        found: dict[UUID, Commitment] = {}
        for stream, number, topic, state, wrapped in await self._fetch(SQL["load_all"], (list(streams),)):
            key = self._keyring.unwrap(stream, wrapped) if wrapped is not None else None
            fact: Any = FactMapper(self._keyring, key).to_domain_event(StoredEvent(stream, number, topic, state))
            found[stream] = fact.mutate(found.get(stream))
        return found

    async def find(self, stream: UUID) -> Commitment | None:
        """The commitment as the log has it now, if there is one."""
        try:
            return await self.commitment(stream)
        except NotFound:
            return None

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

    async def order_at(self, order_id: str, as_of: datetime) -> Order:
        """The order by what was recorded until `as_of`."""
        known = await self._load(Order.id_of(order_id), None, _EVER, as_of)
        return known.aggregate if known else Order.unassigned(order_id, as_of)

    async def position_of(self, stream: UUID, version: int) -> int:
        """Where a stream's event stands in the log."""
        rows = await self._fetch(SQL["position"], (stream, version))
        return cast(int, rows[0][0])

    async def knows_order(self, order_id: str) -> bool:
        """Whether anything was ever recorded about an order."""
        return bool(await self._fetch(SQL["knows_order"], (order_id,)))

    async def commitments_on(self, order_id: str) -> list[UUID]:
        """The commitments of an order, closed ones too; complete up to the last append."""
        return [stream for (stream,) in await self._fetch(SQL["on_order"], (order_id,))]

    async def _siblings(self, order_id: str) -> list[Commitment]:
        streams = (await self.commitments_on(order_id))[:_SIBLINGS]
        return [(await self._commitment(stream, fresh=False)).aggregate for stream in streams]

    async def _order_of(self, commitment: Commitment, *, fresh: bool) -> _Known | None:
        return await self._order(commitment.order_id, fresh=fresh) if commitment.order_id is not None else None

    async def _order(self, order_id: str, *, fresh: bool) -> _Known:
        """An order is read beside other decisions about it, so that a fresh one is folded anew, never in place."""
        stream = Order.id_of(order_id)
        known = await self._load(stream, None) if fresh else await self._current(stream, fresh=False)
        return known or _Known(Order.unassigned(order_id, self.clock.now()), None, fresh=True)

    async def _commitment(self, stream: UUID, *, fresh: bool) -> _Known:
        known = await self._current(stream, fresh=fresh)
        if known is None or not isinstance(known.aggregate, Commitment):
            raise NotFound(f"there is no commitment {stream}")
        return known

    async def _current(self, stream: UUID, *, fresh: bool) -> _Known | None:
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
        self, stream: UUID, known: _Known | None, version: int = _EVER, as_of: datetime = _FOREVER
    ) -> _Known | None:
        """Fold what the log has of a stream, on top of what is known already."""
        after = known.aggregate.version if known else 0
        rows = await self._fetch(SQL["load"], (stream, after, version, as_of))
        if not rows:
            return _Known(known.aggregate, known.key, fresh=True) if known else None
        wrapped = rows[0][3]
        key = self._keyring.unwrap(stream, wrapped) if wrapped is not None else None
        mapper, aggregate = FactMapper(self._keyring, key), known.aggregate if known else None
        for number, topic, state, _ in rows:
            fact: Any = mapper.to_domain_event(StoredEvent(stream, number, topic, state))
            aggregate = fact.mutate(aggregate)
        return _Known(aggregate, key, fresh=True)

    async def _fetch(self, query: str, params: Sequence[object]) -> list[tuple[Any, ...]]:
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                return await (await conn.execute(query, params)).fetchall()

    def _remember(self, stream: UUID, known: _Known) -> None:
        self._known[stream] = known
        self._known.move_to_end(stream)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    @asynccontextmanager
    async def _alone(self, stream: UUID) -> AsyncIterator[None]:
        """One decision at a time on one stream within this process; other processes meet at the writer."""
        lock, users = self._locks.get(stream, (asyncio.Lock(), 0))
        self._locks[stream] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[stream]
            if users == 1:
                del self._locks[stream]
            else:
                self._locks[stream] = (lock, users - 1)

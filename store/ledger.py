"""The ledger: load what a decision needs, decide, append. Every command of the product goes through here.

A decision is taken on the state this process remembers; the writer refuses it where the state was stale, and
it is taken anew on what the log says. A refusal is final only when it was decided on a fresh state.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from domain.commitment import Commitment
from domain.errors import Conflict, UpheldError
from domain.order import Assignment, Order
from store.clock import Clock
from store.codec import FactMapper
from store.database import Database
from store.keyring import Keyring
from store.streams import Known, Streams
from store.writer import Append, NewStream, StaleVersion, Writer

__all__ = ["Change", "Ledger", "OrderChange"]

T = TypeVar("T")

_ATTEMPTS = 20


@dataclass(slots=True)
class Change(Generic[T]):
    """What came of a command: the decision's answer, the state after it, and where that stands in the log.

    `recorded` tells whether the command caused an event. The state goes on changing with the next command: whoever
    waits for something else first must take from it what he needs.
    """

    result: T
    commitment: Commitment
    position: int
    recorded: bool


@dataclass(frozen=True, slots=True)
class OrderChange:
    """What came of a command about an order: its assignments after it, by role, and the rest as in `Change`."""

    assignments: Mapping[str, Assignment]
    position: int
    recorded: bool


class Ledger(Streams):
    """Records decisions about streams, and reads them.

    >>> change = await ledger.change(id, lambda commitment, order: fulfil(commitment, moment))  # doctest: +SKIP
    >>> change.commitment.status, change.position, change.recorded
    ('kept', 17, True)
    """

    def __init__(self, database: Database, keyring: Keyring, writer: Writer, clock: Clock) -> None:
        super().__init__(database, keyring, clock)
        self._writer = writer

    async def begin(
        self, stream: UUID, order_id: str | None, decide: Callable[[Order | None, list[Commitment]], Commitment]
    ) -> Change[None]:
        """Record a new commitment, against the order as it was read: whoever carries it then is its recipient."""
        async with self._alone(stream):
            for attempt in range(_ATTEMPTS):
                order = await self._order(order_id, fresh=attempt > 0) if order_id is not None else None
                siblings = await self._siblings(order_id) if order_id is not None else []
                commitment = decide(order.aggregate if order else None, siblings)
                known = Known(commitment, self._keyring.new_key(), fresh=True)
                begins = self._begin_stream(known, "commitment", commitment.order_id, commitment.customer_id)
                try:
                    position = await self._append(known, begins, depends_on=order)
                except StaleVersion:
                    if await self._load(stream, None) is not None:
                        raise
                    continue
                self._remember(stream, known)
                return Change(None, commitment, position, True)
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
                # Within the lock: a moment later the state may be that of the next command.
                standing = position or await self.position_of(stream, commitment.version)
                return Change(result, commitment, standing, position is not None)
        raise Conflict("others changed this commitment again and again")

    async def change_order(self, order_id: str, decide: Callable[[Order], None]) -> OrderChange:
        """Record a decision about an order; one that triggers no event records nothing."""
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
                standing = position or (await self.position_of(stream, order.version) if order.version else 0)
                return OrderChange(dict(order.assignments), standing, position is not None)
        raise Conflict("others changed this order again and again")

    async def begin_all(self, commitments: Sequence[Commitment], *, unassigned: Iterable[str] = ()) -> None:
        """Record many new commitments at once, as an import does: all of them, or none.

        `unassigned` are orders that were taken to have no assignment yet. Raises `StaleVersion` where one of them
        has, or where one of the commitments is known already.
        """
        events: list[StoredEvent] = []
        begins: list[NewStream] = []
        for commitment in commitments:
            known = Known(commitment, None, fresh=True)
            begins.append(self._begin_stream(known, "commitment", commitment.order_id, commitment.customer_id))
            mapper = FactMapper(self._keyring, known.key)
            events += [mapper.to_stored_event(fact) for fact in commitment.collect_events()]
        expected = {stream.id: 0 for stream in begins} | {Order.id_of(order_id): 0 for order_id in unassigned}
        await self._writer.append(Append(events, expected, begins))

    async def _append(self, known: Known, begins: NewStream | None = None, depends_on: Known | None = None) -> int:
        aggregate = known.aggregate
        facts = aggregate.collect_events()
        mapper = FactMapper(self._keyring, known.key)
        expected = {aggregate.id: facts[0].originator_version - 1}
        if depends_on is not None:
            expected[depends_on.aggregate.id] = depends_on.aggregate.version
        events = [mapper.to_stored_event(fact) for fact in facts]
        committed = await self._writer.append(Append(events, expected, (begins,) if begins else ()))
        return committed.position

    def _begin_stream(self, known: Known, category: str, order_id: str | None, customer_id: str | None) -> NewStream:
        if known.key is None:
            known.key = self._keyring.new_key()
        stream = known.aggregate.id
        return NewStream(stream, category, order_id, customer_id, self._keyring.wrap(stream, known.key))

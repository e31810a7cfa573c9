"""The ledger: load what a decision needs, decide, append. Every command of the product goes through here.

A decision is taken on the state this process remembers; the writer refuses it where the state was stale, and
it is taken anew on what the log says. A refusal is final only when it was decided on a fresh state.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from domain.commitment import Commitment
from domain.customer import Customer
from domain.errors import Conflict, UpheldError
from domain.moment import Moment
from domain.order import Assignment, Order
from domain.route import Plan, Route, plan_route
from store.clock import Clock
from store.codec import FactMapper
from store.database import Database
from store.keyring import Keyring
from store.streams import SQL, Known, Streams
from store.writer import Append, NewStream, StaleVersion, Writer

__all__ = ["Change", "Ledger", "OrderChange", "RouteChange"]

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
    """What came of a command about an order: its assignments after it, by role, whether addresses of it are kept no
    more, and the rest as in `Change`.
    """

    assignments: Mapping[str, Assignment]
    is_erased: bool
    position: int
    recorded: bool


@dataclass(frozen=True, slots=True)
class RouteChange:
    """What came of planning a route: the orders whose assignment it changed, and the rest as in `Change`."""

    orders: Sequence[str]
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
                return OrderChange(dict(order.assignments), order.is_erased, standing, position is not None)
        raise Conflict("others changed this order again and again")

    async def change_customer(self, customer_id: str, decide: Callable[[Customer], None]) -> tuple[Customer, int]:
        """Record a decision about a customer himself; answers how he stands then, and where that is in the log."""
        for _ in range(_ATTEMPTS):
            known = await self._customer(customer_id)
            customer: Customer = known.aggregate
            begins = self._begin_stream(known, "customer", None, customer_id) if customer.version == 0 else None
            decide(customer)
            if not customer.pending_events:
                return customer, await self.position_of(customer.id, customer.version)
            try:
                return customer, await self._append(known, begins)
            except StaleVersion:
                continue
        raise Conflict("others changed what holds for this customer again and again")

    async def change_route(self, route_id: str, plan: Plan, moment: Moment) -> RouteChange:
        """Plan a route: all that changes on its orders is recorded at once, or none of it."""
        stream = Route.id_of(route_id)
        for _ in range(_ATTEMPTS):
            found = await self._load(stream, None)
            route = found or Known(Route.unplanned(route_id, self.clock.now()), None, fresh=True)
            orders = await self._orders(route.aggregate.with_those_of(plan))
            plan_route(route.aggregate, {id: known.aggregate for id, known in orders.items()}, plan, moment)
            changed = {id: known for id, known in orders.items() if known.aggregate.pending_events}
            planned = [route] if route.aggregate.pending_events else []
            try:
                position = await self._append_all([*changed.values(), *planned])
            except StaleVersion:
                continue
            if position is None:
                planned_at = await self.position_of(stream, route.aggregate.version) if route.aggregate.version else 0
                return RouteChange((), max(planned_at, await self._reached(orders)), recorded=False)
            return RouteChange(list(changed), position, recorded=True)
        raise Conflict("others changed the orders of this route again and again")

    async def _reached(self, order_ids: Collection[str]) -> int:
        """Where the last that was recorded of these orders stands, their commitments included."""
        return int((await self._database.fetch(SQL["reached"], (list(order_ids),)))[0][0])

    async def _orders(self, order_ids: Collection[str]) -> dict[str, Known]:
        """These orders as the log has them now, to be changed together."""
        ids = {Order.id_of(order_id): order_id for order_id in order_ids}
        found, now = await self._all(list(ids), "order"), self.clock.now()
        return {
            order_id: found.get(stream) or Known(Order.unassigned(order_id, now), None, fresh=True)
            for stream, order_id in ids.items()
        }

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

    async def _append_all(self, changed: Sequence[Known]) -> int | None:
        """Record what was decided about several orders and routes, all of it or nothing; None where it was nothing."""
        events: list[StoredEvent] = []
        expected: dict[UUID, int] = {}
        begins: list[NewStream] = []
        for known in changed:
            aggregate = known.aggregate
            expected[aggregate.id] = before = aggregate.version - len(aggregate.pending_events)
            if before == 0:
                category, order_id = ("order", aggregate.order_id) if isinstance(aggregate, Order) else ("route", None)
                begins.append(self._begin_stream(known, category, order_id, None))
            mapper = FactMapper(self._keyring, known.key)
            events += [mapper.to_stored_event(fact) for fact in aggregate.collect_events()]
        if not events:
            return None
        return (await self._writer.append(Append(events, expected, begins))).position

    def _begin_stream(self, known: Known, category: str, order_id: str | None, customer_id: str | None) -> NewStream:
        if known.key is None:
            known.key = self._keyring.new_key()
        stream = known.aggregate.id
        return NewStream(stream, category, order_id, customer_id, self._keyring.wrap(stream, known.key))

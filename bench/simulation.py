"""Simulated time: lives that act one after another, what they decide, and the clock that speaks in between.

A life is a generator: it acts, and yields the instant at which it goes on. Decisions are those of the domain, taken
in memory on the state that they led to; nothing is read.
"""

import heapq
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from bench.world import World
from domain.actors import UPHELD
from domain.catalogue import Catalogue
from domain.commitment import Commitment
from domain.moment import Moment
from domain.order import Order
from domain.passing import instants, let_pass
from domain.promising import Making, make
from domain.values import Origin
from store.codec import FactMapper
from store.keyring import Keyring
from store.writer import NewStream

__all__ = ["Life", "Simulation", "Stretch"]

Life = Generator[datetime, None, None]

_SIBLINGS = 50
"""As many commitments of an order as a creation looks at."""


@dataclass(slots=True)
class Stretch:
    """What happened within a stretch of time, to be appended at once; `until` is when the last of it happened."""

    until: datetime
    events: list[StoredEvent] = field(default_factory=list)
    expected: dict[UUID, int] = field(default_factory=dict)
    begins: list[NewStream] = field(default_factory=list)


class Simulation:
    """Lets lives go on in the order of time.

    >>> simulation.start(Lives(simulation).promise(None))  # doctest: +SKIP
    >>> sum(len(stretch.events) for stretch in simulation.run(tomorrow))  # doctest: +SKIP
    7
    """

    def __init__(self, world: World, catalogue: Catalogue, keyring: Keyring, begins: datetime) -> None:
        self.world = world
        self.now = begins
        self.live: dict[str, list[Commitment]] = {}
        """The commitments of each order on which something may happen still."""
        self._orders: dict[str, Order] = {}
        self._catalogue = catalogue
        self._keyring = keyring
        self._keys: dict[UUID, bytes] = {}
        self._instants: dict[UUID, datetime] = {}
        self._queue: list[tuple[datetime, int, Life | Commitment]] = []
        self._number = 0
        self._stretch = Stretch(begins)

    # -- what a life does -----------------------------------------------------------------------------------------

    def start(self, life: Life) -> None:
        """A life begins, now."""
        self._wait(self.now, life)

    def make(self, making: Making, by: str) -> Commitment:
        """The company gives its word; its order takes it in."""
        siblings = self.live.setdefault(making.order_id, []) if making.order_id is not None else []
        order = self.order(making.order_id) if making.order_id is not None else None
        id = UUID(int=self.world.random.getrandbits(128), version=4)
        commitment = make(id, making, order, siblings[:_SIBLINGS], self._moment(by, "commitments"))
        siblings.append(commitment)
        self._collect(commitment)
        return commitment

    def record(
        self, aggregate: Commitment | Order, by: str, decide: Callable[[Moment], object], command: str | None = None
    ) -> None:
        """Take a decision now; `command` is its name in the path, where it is one that brings a key."""
        decide(self._moment(by, command))
        self._collect(aggregate)

    def order(self, order_id: str) -> Order:
        known = self._orders.get(order_id)
        if known is None:
            known = self._orders[order_id] = Order.unassigned(order_id, self.now)
        return known

    def forget(self, commitment: Commitment) -> None:
        """Nothing more will happen to it; an order without any other is forgotten, too."""
        self._keys.pop(commitment.id)
        self._instants.pop(commitment.id, None)
        if commitment.order_id is None:
            return
        siblings = self.live[commitment.order_id]
        siblings.remove(commitment)
        if not siblings:
            del self.live[commitment.order_id]
            order = self._orders.pop(commitment.order_id)
            self._keys.pop(order.id, None)

    # -- time -----------------------------------------------------------------------------------------------------

    def run(self, until: datetime, *, events: int = 400, span: timedelta = timedelta(minutes=10)) -> Iterator[Stretch]:
        """Everything that happens until then, in stretches of at most about so many events and so much time."""
        while self._queue and self._queue[0][0] <= until:
            when, _, who = heapq.heappop(self._queue)
            if len(self._stretch.events) >= events or when - self._stretch.until > span:
                yield from self._cut(when)
            self.now = when
            if isinstance(who, Commitment):
                self._pass_time(who)
            elif (goes_on := next(who, None)) is not None:
                self._wait(max(goes_on, when), who)
        yield from self._cut(until)

    def _cut(self, begins: datetime) -> Iterator[Stretch]:
        done, self._stretch = self._stretch, Stretch(begins)
        if done.events:
            done.until = self.now
            yield done

    def _wait(self, until: datetime, who: Life | Commitment) -> None:
        self._number += 1
        heapq.heappush(self._queue, (until, self._number, who))

    def _pass_time(self, commitment: Commitment) -> None:
        at = self._instants.get(commitment.id)
        if at is not None and at <= self.now:
            self.record(commitment, UPHELD, lambda moment: let_pass(commitment, moment))

    def _moment(self, by: str, command: str | None) -> Moment:
        if command is None:
            return Moment(self.now, Origin(by), self._catalogue)
        key = f"{self.world.random.getrandbits(64):016x}"
        return Moment(self.now, Origin(by, None, command, key, self._keyring.digest(key.encode())), self._catalogue)

    def _collect(self, aggregate: Commitment | Order) -> None:
        facts, stretch, id = aggregate.collect_events(), self._stretch, aggregate.id
        if not facts:
            return
        before = facts[0].originator_version - 1
        stretch.expected.setdefault(id, before)
        if before == 0:
            stretch.begins.append(self._begin(aggregate))
        mapper = FactMapper(self._keyring, self._keys[id])
        stretch.events += [mapper.to_stored_event(fact) for fact in facts]
        if isinstance(aggregate, Commitment):
            self._watch(aggregate)

    def _watch(self, commitment: Commitment) -> None:
        """The clock looks at it again when it has something to say, unless something happens before."""
        ahead = instants(commitment)
        if not ahead:
            self._instants.pop(commitment.id, None)
        elif self._instants.get(commitment.id) != ahead[0]:
            self._instants[commitment.id] = ahead[0]
            self._wait(max(ahead[0], self.now), commitment)

    def _begin(self, aggregate: Commitment | Order) -> NewStream:
        id, key = aggregate.id, self._keyring.new_key()
        self._keys[id] = key
        wrapped = self._keyring.wrap(id, key)
        if isinstance(aggregate, Order):
            return NewStream(id, "order", aggregate.order_id, None, wrapped)
        return NewStream(id, "commitment", aggregate.order_id, aggregate.customer_id, wrapped)

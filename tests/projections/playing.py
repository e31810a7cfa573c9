"""Days of business played at random on a real ledger, and what they must lead to at every instant: the oracle.

Facts are sometimes recorded a while after they were decided, and often several at one instant.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from domain.actors import role_of
from domain.commitment import Commitment
from domain.deadlines import DueRule
from domain.errors import UpheldError
from domain.flags import flag_at, rescue_by
from domain.handing_over import assign_own, release_own
from domain.keeping import Attempt, Contact, attempt, contact, fulfil, pass_time, reopen
from domain.moment import Moment
from domain.order import Assignment, Order, unassign_order
from domain.promising import Amendment, Wanted, amend, withdraw
from domain.receiving import ReceiptGiven, receive
from domain.values import ReceiptState
from policies.routing import route_orders
from projections.flags import FlagRow
from projections.projection import Projection, Recorded, State
from store.clock import SetClock
from store.database import Database
from store.keyring import Keyring
from store.ledger import Ledger
from tests.conftest import Given

KINDS = ["delivery", "redelivery", "free_item", "refund", "callback", "repair"]
PEOPLE = ["courier:li", "courier:bo", "warehouse:hu", "finance:zhao", "agent:ling", "technician:wu", "supervisor:wang"]
ORDERS = ["SO-1", "SO-2", "SO-3", None]
TEAMS = ["team:courier", "team:warehouse", "team:finance"]
STATES: list[ReceiptState] = ["delivered", "seen", "acknowledged", "held", "declined"]
ALL = """
SELECT e.notification_id, e.originator_id, e.originator_version, e.topic, e.state, e.recorded_at, s.category, s.key
FROM stored_events e JOIN streams s ON s.id = e.originator_id ORDER BY e.notification_id
"""


@dataclass
class Play:
    """Plays random commands; what makes no sense is refused, as always."""

    random: Random
    given: Given
    ledger: Ledger
    clock: SetClock

    def __post_init__(self) -> None:
        self.made: list[UUID] = []
        self._commands: list[tuple[int, Callable[[], Awaitable[object]]]] = [
            (4, self._promise),
            (5, self._assignment),
            (2, self._unassignment),
            (24, self._decision),
        ]

    async def run(self, commands: int) -> None:
        """So many commands, hours and seconds apart, or at one instant."""
        await self._promise()
        weights, choices = zip(*self._commands, strict=True)
        for _ in range(commands):
            if self.random.random() < 0.7:
                self.given.later(minutes=self.random.choice([0.1, 7, 40, 200, 600]) * self.random.random())
            with suppress(UpheldError):
                await self.random.choices(choices, weights)[0]()

    def _moment(self, by: str) -> Moment:
        """The moment of a decision; what it leads to may be recorded a while later."""
        moment = self.given.moment(by)
        if self.random.random() < 0.3:
            self.given.later(seconds=self.random.choice([0.004, 900, 7200]))
        return moment

    async def _promise(self) -> None:
        kind, order = self.random.choice(KINDS), self.random.choice(ORDERS)
        due = timedelta(hours=self.random.choice([1, 5, 20, 50]))
        words = f"promise {len(self.made)}"
        self.made.append(await self.given.promise(kind, words, due=due, order_id=order))

    async def _assignment(self) -> None:
        order, role = self.random.choice(ORDERS[:3]) or "", self.random.choice(["courier", "warehouse"])
        departs = self.random.choice([None, timedelta(hours=2), timedelta(hours=9)])
        trip = Assignment(
            self.random.choice([person for person in PEOPLE + TEAMS if role in person]),
            None if departs is None else self.given.now + departs,
            stop=self.random.choice([None, 1, 2]),
            address=self.random.choice([None, "3 Willow Lane"]),
            depot=self.random.choice([None, "north", "south"]),
        )
        await self.given.assignment(order, role, trip)
        await self._route(order)

    async def _unassignment(self) -> None:
        order, moment = self.random.choice(ORDERS[:3]) or "", self._moment("system:oms")
        await self.ledger.change_order(order, lambda order: unassign_order(order, "courier", moment))
        await self._route(order)

    async def _route(self, order: str) -> None:
        """Sometimes a while after the assignment, as after a crash."""
        await route_orders(self.ledger, [order], self._moment("system:upheld"))

    async def _decision(self) -> None:
        id, by = self.random.choice(self.made), self.random.choice(PEOPLE)
        decide = self.random.choice([self._keeping, self._receipt, self._receipt, self._change])()
        now = self._moment(by)
        await self.ledger.change(id, lambda commitment, order: decide(commitment, order, now), with_order=True)

    def _keeping(self) -> Callable[[Commitment, Order | None, Moment], object]:
        return self.random.choice(
            [
                lambda commitment, _, moment: fulfil(commitment, moment, note=None, at=None),
                lambda commitment, _, moment: reopen(commitment, "disputed", None, moment),
                lambda commitment, _, moment: reopen(commitment, "mistaken", None, moment),
                lambda commitment, _, moment: attempt(commitment, Attempt("other"), moment),
                lambda commitment, _, moment: contact(commitment, Contact("phone"), moment),
                lambda commitment, _, moment: pass_time(commitment, moment),
                lambda commitment, _, moment: pass_time(commitment, moment),
                lambda commitment, _, moment: withdraw(commitment, "no need", "agreed", moment),
            ]
        )

    def _receipt(self) -> Callable[[Commitment, Order | None, Moment], object]:
        state, back = self.random.choice(STATES), self.random.random() < 0.2

        def decide(commitment: Commitment, _: Order | None, moment: Moment) -> None:
            role = self.random.choice(commitment.path)
            revision = max(1, commitment.revision - back)
            receive(
                commitment, ReceiptGiven(revision, state, role, reason="no" if state == "declined" else None), moment
            )

        return decide

    def _change(self) -> Callable[[Commitment, Order | None, Moment], object]:
        words = Amendment(frozenset({"promise"}), promise=f"other words, {self.given.now}")
        due = Wanted(DueRule(at=self.given.now + timedelta(hours=self.random.choice([1, 30]))))
        return self.random.choice(
            [
                lambda commitment, order, moment: amend(commitment, words, order, moment),
                lambda commitment, order, moment: amend(
                    commitment, Amendment(frozenset({"due"}), due=due), order, moment
                ),
                lambda commitment, order, moment: assign_own(
                    commitment, commitment.path[-1], self.random.choice(PEOPLE), order, moment
                ),
                lambda commitment, order, moment: release_own(commitment, commitment.path[-1], order, moment),
            ]
        )


@dataclass(frozen=True)
class Chronicle:
    """All that was recorded, and what it led to at an instant, by folding it up to there."""

    facts: Sequence[Recorded]

    @classmethod
    async def read(cls, database: Database, keyring: Keyring) -> "Chronicle":
        return cls([Recorded(keyring, row) for row in await database.fetch(ALL)])

    def states_at(self, at: datetime) -> list[State]:
        states: dict[UUID, State] = {}
        for recorded in self.facts:
            if recorded.recorded_at <= at:
                states[recorded.stream] = recorded.fact.mutate(states.get(recorded.stream))
        return list(states.values())

    def by_stream(self) -> list[Sequence[Recorded]]:
        """Whole streams, as a rebuild reads them."""
        streams: dict[UUID, list[Recorded]] = {}
        for recorded in self.facts:
            streams.setdefault(recorded.stream, []).append(recorded)
        return list(streams.values())

    def in_pages(self, size: int) -> list[Sequence[Recorded]]:
        return [self.facts[start : start + size] for start in range(0, len(self.facts), size)]

    def instants(self, random: Random, most: int) -> list[datetime]:
        """When something was recorded or was to happen by the clock, and just before; of these, so many."""
        turns = {recorded.recorded_at for recorded in self.facts}
        last, tick = max(turns), timedelta.resolution
        for recorded in self.facts:
            for name in ("receipt_due_at", "receipt_due", "due", "trip"):
                turns.update(_instants(getattr(recorded.fact, name, None)))
        seen = sorted({turn - back for turn in turns for back in (timedelta(), tick) if turn - back <= last})
        return random.sample(seen, min(most, len(seen)))

    def flags_at(self, at: datetime, **wanted: object) -> list[FlagRow]:
        """The flags of an instant for which a filter asks, most urgent first."""
        live = [state for state in self.states_at(at) if isinstance(state, Commitment)]
        found = [flag for state in live if (flag := _flag(state, at, wanted)) is not None]
        return sorted(found, key=lambda flag: (flag.rescue_by, flag.commitment_id.bytes))

    def tasks_at(self, at: datetime, recipient: str) -> tuple[dict[UUID, Commitment], dict[str, Order]]:
        """What a keeper had to do at an instant, and the orders it belongs to."""
        mine, states = {recipient, f"team:{role_of(recipient)}"}, self.states_at(at)
        orders = {state.order_id: state for state in states if isinstance(state, Order)}
        live = [state for state in states if isinstance(state, Commitment) and not state.is_closed]
        tasks = {state.id: state for state in live if mine & {handoff.recipient for handoff in state.handoffs}}
        return tasks, {order: state for order, state in orders.items() if order in {t.order_id for t in tasks.values()}}


class ByHand:
    """Feeds projections in pages of any size, each in a transaction of its own."""

    def __init__(self, conn: AsyncConnection[Any], keyring: Keyring, *projections: Projection) -> None:
        self._conn, self._keyring, self._projections = conn, keyring, projections
        self._states: dict[UUID, State] = {}

    async def create(self) -> None:
        for projection in self._projections:
            await self._conn.execute(projection.sql["schema"])
            await self._conn.execute(projection.sql["indexes"])

    async def page(self, facts: Iterable[Recorded]) -> None:
        pages = [projection.page(self._keyring) for projection in self._projections]
        for recorded in facts:
            state = self._states[recorded.stream] = recorded.fact.mutate(self._states.get(recorded.stream))
            for page in pages:
                page.see(recorded, state)
        async with self._conn.transaction():
            for page in pages:
                await page.write(self._conn)


def _instants(value: object) -> Iterator[datetime]:
    values: Iterable[object] = value.values() if isinstance(value, dict) else [value]
    for one in values:
        for part in (one, getattr(one, "at", None), getattr(one, "departs_at", None)):
            if isinstance(part, datetime):
                yield part


def _flag(state: Commitment, at: datetime, wanted: dict[str, object]) -> FlagRow | None:
    flag = flag_at(state, at)
    if flag is None:
        return None
    handoff = state.handoff(flag.role)
    row = FlagRow(
        commitment_id=state.id,
        order_id=state.order_id,
        kind=state.kind,
        promise=state.promise,
        reason=flag.reason,
        since=flag.since,
        role=flag.role,
        recipient=handoff.recipient,
        made_by=state.made_by,
        due_at=state.due.at,
        receipt_due_at=handoff.receipt_due_at,
        rescue_by=rescue_by(state, flag.role, at),
        depot=handoff.trip.depot,
    )
    has = asdict(row)
    before = wanted.get("rescue_before")
    matches = all(has[name] == value for name, value in wanted.items() if name != "rescue_before")
    return row if matches and (before is None or row.rescue_by < before) else None  # type: ignore[operator]

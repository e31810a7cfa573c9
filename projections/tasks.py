"""What a keeper has to do: GET `/v1/tasks`, now and as his screen stood then; and who carries an order.

The rows tell who had a promise from when until when; what the promise says is read where it is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from domain.commitment import Commitment
from domain.order import Assignment, Order
from projections.commitments import Commitments
from projections.projection import Page, Projection, Recorded, State, columns
from projections.reading import Reader
from projections.views import CommitmentView, view
from store.ledger import Ledger
from store.queries import queries

__all__ = ["TASKS", "AssignmentView", "TaskView", "Tasks", "assignments_of"]

SQL = queries("projections", "tasks.sql")

_Keepers = dict[str, str]


class TasksPage(Page):
    """Spans of who had what, and the assignments of the orders that a page of the log touched."""

    categories = frozenset({"commitment", "order"})

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._steps: list[tuple[UUID, datetime, _Keepers]] = []
        self._orders: dict[str, tuple[Order, bytes | None]] = {}

    def see(self, recorded: Recorded, state: State) -> None:
        if isinstance(state, Order):
            self._orders[state.order_id] = (state, recorded.key)
        elif isinstance(state, Commitment):
            self._steps.append((state.id, recorded.recorded_at, _keepers(state)))

    async def write(self, conn: AsyncConnection[Any]) -> None:
        if self._steps:
            await self._write_spans(conn)
        if self._orders:
            await conn.execute(SQL["delete_stops"], (list(self._orders),))
            rows = [row for order, key in self._orders.values() for row in self._stops(order, key)]
            if rows:
                await conn.execute(SQL["insert_stops"], columns(rows, 10))

    async def _write_spans(self, conn: AsyncConnection[Any]) -> None:
        touched = list({step[0] for step in self._steps})
        live: dict[UUID, _Keepers] = {id: {} for id in touched}
        for id, role, recipient in await (await conn.execute(SQL["live"], (touched,))).fetchall():
            live[id][role] = recipient
        ended, begun = _spans(live, self._steps)
        if ended:
            await conn.execute(SQL["end"], columns(ended, 3))
        if begun:
            await conn.execute(SQL["begin"], columns(begun, 5))

    def _stops(self, order: Order, key: bytes | None) -> list[tuple[object, ...]]:
        return [
            (
                order.order_id,
                role,
                order.id,
                a.recipient,
                a.departs_at,
                a.planned_start,
                a.planned_end,
                a.stop,
                a.depot,
                self.keyring.seal(key, a.address.encode(), _context(order.id)) if a.address and key else None,
            )
            for role, a in order.assignments.items()
        ]


def _keepers(state: Commitment) -> _Keepers:
    """Who has what to do for a commitment, by role; for one that is closed, nobody."""
    if state.is_closed:
        return {}
    return {handoff.role: handoff.recipient for handoff in state.handoffs if handoff.recipient is not None}


def _spans(
    live: dict[UUID, _Keepers], steps: list[tuple[UUID, datetime, _Keepers]]
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """From who has what, and how it changes step by step: the rows that end, and those that begin.

    >>> _spans({id: {"courier": "courier:li"}}, [(id, noon, {"courier": "courier:bo"})])  # doctest: +SKIP
    ([(id, 'courier', noon)], [(id, 'courier', 'courier:bo', noon, None)])
    """
    ended: list[tuple[object, ...]] = []
    begun: dict[tuple[UUID, str], tuple[object, ...]] = {}
    over: list[tuple[object, ...]] = []
    for id, at, keepers in steps:
        before = live[id]
        for role, recipient in before.items():
            if keepers.get(role) == recipient:
                continue
            row = begun.pop((id, role), None)
            if row is None:
                ended.append((id, role, at))
            else:
                over.append((*row[:4], at))
        for role, recipient in keepers.items():
            if before.get(role) != recipient:
                begun[id, role] = (id, role, recipient, at, None)
        live[id] = keepers
    return ended, [*over, *begun.values()]


def _context(stream: UUID) -> bytes:
    return b"stop/" + stream.bytes


TASKS = Projection("tasks", 3, SQL, TasksPage)


@dataclass(frozen=True, slots=True)
class AssignmentView:
    """Who carries a role for an order, as the contract has it."""

    role: str
    recipient: str
    departs_at: datetime | None
    planned_start: datetime | None
    planned_end: datetime | None
    stop: int | None
    address: str | None
    depot: str | None
    erased: bool


@dataclass(frozen=True, slots=True)
class TaskView:
    """One stop of a keeper with what was promised there; commitments without an order stand alone."""

    order_id: str | None
    stop: int | None
    address: str | None
    departs_at: datetime | None
    planned_start: datetime | None
    planned_end: datetime | None
    commitments: list[CommitmentView]
    erased: bool = False
    """Whether the address is gone for good."""


def assignments_of(assignments: Mapping[str, Assignment], *, erased: bool) -> list[AssignmentView]:
    """The assignments of an order, by role; `erased` where its addresses are gone for good."""
    return [
        AssignmentView(
            role, a.recipient, a.departs_at, a.planned_start, a.planned_end, a.stop, a.address, a.depot, erased
        )
        for role, a in sorted(assignments.items())
    ]


class Tasks(Reader):
    """Reads what keepers have to do.

    >>> [stop.order_id for stop in await tasks.of(roster.recipients("courier:li"))]  # doctest: +SKIP
    ['SO-1001', None]
    """

    async def position(self) -> int:
        """Up to which event it is known; what is read after that shows at least so much."""
        return int((await self.fetch(SQL["position"], {}))[0][0])

    async def of(self, recipients: list[str]) -> list[TaskView]:
        """What a keeper has to do now, in planned order, as each of those that he receives as."""
        rows = await self.fetch(SQL["of_recipients"], {"recipients": recipients})
        views = await Commitments(self.database, self.keyring).some([id for (id,) in rows])
        live = [shown for shown in views.values() if shown.status in ("open", "broken")]
        orders = await self.assignments([shown.order_id for shown in live if shown.order_id is not None])
        return _stops(recipients, live, orders)

    async def of_at(self, recipients: list[str], at: datetime, ledger: Ledger) -> list[TaskView]:
        """What that keeper's screen could show at an instant, by what was recorded until then."""
        rows = await self.fetch(SQL["of_recipients_at"], {"recipients": recipients, "at": at})
        states = await ledger.commitments_at([id for (id,) in rows], at)
        shown = [view(state) for state in states.values() if not state.is_closed]
        orders = await ledger.orders_at({c.order_id for c in shown if c.order_id is not None}, at)
        carried = {id: assignments_of(one.assignments, erased=one.is_erased) for id, one in orders.items()}
        return _stops(recipients, shown, carried)

    async def touched(self, after: int, until: int) -> list[tuple[int, UUID | None, str | None, list[str]]]:
        """What was recorded about behind a position, up to another, in order: the last position of its own there, the
        commitment, or none where it was an order, that order, and in whose tasks it is, or was until then.
        """
        return [(*row,) for row in await self.fetch(SQL["touched"], {"after": after, "until": until})]

    async def keepers(self, limit: int) -> dict[str, int]:
        """Who has something to do now, without teams, and how many promises that is; most first."""
        return dict(await self.fetch(SQL["keepers"], {"limit": limit}))

    async def assignments(self, orders: list[str]) -> dict[str, list[AssignmentView]]:
        """Who carries these orders, by order."""
        found: dict[str, list[AssignmentView]] = {}
        for row in await self.fetch(SQL["stops"], {"orders": orders}) if orders else []:
            order_id, role, stream, recipient, departs_at, start, end, stop, depot, address, wrapped = row
            words = self._address(stream, address, wrapped)
            found.setdefault(order_id, []).append(
                AssignmentView(role, recipient, departs_at, start, end, stop, words, depot, wrapped is None)
            )
        return found

    def _address(self, stream: UUID, address: bytes | None, wrapped: bytes | None) -> str | None:
        if address is None or wrapped is None:
            return None
        return self.keyring.open(self.keyring.unwrap(stream, wrapped), address, _context(stream)).decode()


def _stops(
    recipients: list[str], shown: list[CommitmentView], orders: Mapping[str, list[AssignmentView]]
) -> list[TaskView]:
    """Stops in planned order, then what has no order, by due."""
    by_order: dict[str, list[CommitmentView]] = {}
    alone: list[CommitmentView] = []
    for commitment in sorted(shown, key=lambda c: (c.due.at, c.id)):
        if commitment.order_id is None:
            alone.append(commitment)
        else:
            by_order.setdefault(commitment.order_id, []).append(commitment)
    stops = [_stop(order_id, found, recipients, orders.get(order_id, [])) for order_id, found in by_order.items()]
    return [*sorted(stops, key=_planned), *(TaskView(None, None, None, None, None, None, [c]) for c in alone)]


def _stop(
    order_id: str, commitments: list[CommitmentView], recipients: list[str], assignments: list[AssignmentView]
) -> TaskView:
    """The stop of this keeper, where he (or his team) carries the order; the address helps whoever keeps a promise."""
    mine = next((a for a in assignments if a.recipient in recipients), None)
    if mine is None:
        return TaskView(order_id, None, None, None, None, None, commitments)
    return TaskView(
        order_id,
        mine.stop,
        mine.address,
        mine.departs_at,
        mine.planned_start,
        mine.planned_end,
        commitments,
        mine.erased,
    )


def _planned(task: TaskView) -> tuple[object, ...]:
    """By the plan: departure, then stop, then start; what is not planned comes last, by due."""
    last = datetime.max.replace(tzinfo=task.commitments[0].due.at.tzinfo)
    return (
        task.stop is None and task.planned_start is None,
        task.departs_at or task.planned_start or last,
        task.stop if task.stop is not None else 2**31,
        task.planned_start or last,
        task.commitments[0].due.at,
        task.order_id,
    )

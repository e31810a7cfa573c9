"""An order, as far as promises are concerned: who carries which role for it."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import TAggregate

from domain.facts import register
from domain.moment import Moment
from domain.recording import Recorded, Recording
from domain.values import ErasureCause, Trip

__all__ = [
    "Assignment",
    "Order",
    "OrderAssigned",
    "OrderErased",
    "OrderFact",
    "OrderUnassigned",
    "assign_order",
    "unassign_order",
]

_NAMESPACE = UUID("7c7f9a3e-0d52-5a6e-9d6e-1f0c5a5b6d21")


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who carries a role for an order, when, at which stop of which route; `address` reads None once erased."""

    recipient: str
    departs_at: datetime | None = None
    planned_start: datetime | None = None
    planned_end: datetime | None = None
    stop: int | None = None
    address: str | None = None
    depot: str | None = None
    route: str | None = None

    @property
    def trip(self) -> Trip:
        return Trip(self.departs_at, self.planned_start, self.depot)


class OrderFact(Recorded):
    """A fact about who carries a role for an order."""

    order_id: str
    role: str

    def mutate(self, aggregate: TAggregate | None) -> TAggregate | None:
        """The first fact about an order begins it."""
        if aggregate is None:
            aggregate = Order._begin(self.originator_id, self.order_id, self.timestamp)  # type: ignore[assignment]
        return super().mutate(aggregate)


class OrderAssigned(OrderFact):
    """Somebody carries this role for the order."""

    assignment: Assignment
    address: str | None

    personal = frozenset({"address"})

    def apply(self, order: "Order") -> None:
        order.assignments[self.role] = replace(self.assignment, address=self.address)


class OrderUnassigned(OrderFact):
    """Nobody carries this role for the order any more."""

    recipient: str

    def apply(self, order: "Order") -> None:
        del order.assignments[self.role]


class OrderErased(Recorded):
    """The addresses of the order are gone for good, and no later one is kept."""

    cause: ErasureCause

    def apply(self, order: "Order") -> None:
        order.is_erased = True
        order.assignments = {role: replace(one, address=None) for role, one in order.assignments.items()}


class Order(Recording):
    """The assignments of an order, by role. An order of which nothing was recorded has version 0."""

    order_id: str
    assignments: dict[str, Assignment]
    is_erased: bool

    INITIAL_VERSION = 0

    @classmethod
    def unassigned(cls, order_id: str, at: datetime) -> "Order":
        return cls._begin(cls.id_of(order_id), order_id, at)

    @classmethod
    def _begin(cls, id: UUID, order_id: str, at: datetime) -> "Order":
        order = cls.__new__(cls)
        order.__base_init__(id, 0, at)
        order.order_id, order.assignments, order.is_erased = order_id, {}, False
        return order

    @staticmethod
    def id_of(order_id: str) -> UUID:
        """The id of the order's stream, which follows from its own id."""
        return uuid5(_NAMESPACE, order_id)


def assign_order(order: Order, role: str, assignment: Assignment, moment: Moment) -> None:
    """Name who carries `role`; naming the same again, word for word, records nothing."""
    if order.is_erased:
        assignment = replace(assignment, address=None)
    if order.assignments.get(role) != assignment:
        moment.record(
            order,
            OrderAssigned,
            order_id=order.order_id,
            role=role,
            assignment=replace(assignment, address=None),
            address=assignment.address,
        )


def unassign_order(order: Order, role: str, moment: Moment) -> None:
    """Take the role from whoever carries it; where nobody does, nothing is recorded."""
    if role in order.assignments:
        moment.record(
            order,
            OrderUnassigned,
            order_id=order.order_id,
            role=role,
            recipient=order.assignments[role].recipient,
        )


register(OrderAssigned, OrderUnassigned, OrderErased)

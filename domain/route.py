"""A route: which orders one recipient carries on one trip, and in which order he comes to them.

The route itself remembers only which orders it has, so that those which a later plan drops can be taken from it; who
carries an order is the order's own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from eventsourcing.domain import TAggregate
from eventsourcing.utils import register_topic

from domain.moment import Moment
from domain.order import Assignment, Order, assign_order, unassign_order
from domain.recording import Recorded, Recording

__all__ = ["Plan", "Route", "RoutePlanned", "Stop", "plan_route"]

_NAMESPACE = UUID("0a5be0b5-43d1-5c9e-8f52-6a4d1d5c7b3e")


@dataclass(frozen=True, slots=True)
class Stop:
    """One order on a route: at which stop, when, and where."""

    order_id: str
    stop: int
    planned_start: datetime | None = None
    planned_end: datetime | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A route as it is planned now, as a whole."""

    recipient: str
    role: str
    departs_at: datetime
    depot: str | None
    stops: tuple[Stop, ...]


class RoutePlanned(Recorded):
    """The route consists of these orders now. It says no more than what the orders say themselves."""

    TOPIC = "RoutePlanned"

    route_id: str
    role: str
    orders: tuple[str, ...]

    def mutate(self, aggregate: TAggregate | None) -> TAggregate | None:
        """The first plan begins the route."""
        if aggregate is None:
            aggregate = Route.unplanned(self.route_id, self.timestamp)  # type: ignore[assignment]
        return super().mutate(aggregate)

    def apply(self, route: "Route") -> None:
        route.role, route.orders = self.role, self.orders


register_topic(RoutePlanned.TOPIC, RoutePlanned)


class Route(Recording):
    """The orders of a route. One of which nothing was recorded has version 0."""

    route_id: str
    role: str | None
    orders: tuple[str, ...]

    INITIAL_VERSION = 0

    @classmethod
    def unplanned(cls, route_id: str, at: datetime) -> "Route":
        route = cls.__new__(cls)
        route.__base_init__(cls.id_of(route_id), 0, at)
        route.route_id, route.role, route.orders = route_id, None, ()
        return route

    @staticmethod
    def id_of(route_id: str) -> UUID:
        """The id of the route's stream, which follows from its own id."""
        return uuid5(_NAMESPACE, route_id)

    def with_those_of(self, plan: Plan) -> set[str]:
        """The orders that a plan concerns: those that it has, and those that the route had."""
        return {*self.orders, *(stop.order_id for stop in plan.stops)}


def plan_route(route: Route, orders: Mapping[str, Order], plan: Plan, moment: Moment) -> None:
    """Replace the route as a whole: orders that are dropped become unassigned, unchanged ones stay as they are.

    `orders` holds all that the plan concerns. An order that somebody has put on another route since is that route's.
    """
    for stop in plan.stops:
        assign_order(orders[stop.order_id], plan.role, _assignment(route, plan, stop), moment)
    kept = {stop.order_id for stop in plan.stops} if plan.role == route.role else set()
    _take_off(route, (orders[order_id] for order_id in route.orders if order_id not in kept), moment)
    order_ids = tuple(stop.order_id for stop in plan.stops)
    if (plan.role, order_ids) != (route.role, route.orders):
        moment.record(route, RoutePlanned, route_id=route.route_id, role=plan.role, orders=order_ids)


def _assignment(route: Route, plan: Plan, stop: Stop) -> Assignment:
    return Assignment(
        recipient=plan.recipient,
        departs_at=plan.departs_at,
        planned_start=stop.planned_start,
        planned_end=stop.planned_end,
        stop=stop.stop,
        address=stop.address,
        depot=plan.depot,
        route=route.route_id,
    )


def _take_off(route: Route, dropped: Iterable[Order], moment: Moment) -> None:
    if (role := route.role) is None:
        return
    for order in dropped:
        assignment = order.assignments.get(role)
        if assignment is not None and assignment.route == route.route_id:
            unassign_order(order, role, moment)

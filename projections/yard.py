"""What each vehicle still lacks before it leaves: GET `/v1/yard`.

It asks the rows of the tasks, which say who carries what, and those of the commitments, which say what was promised.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from projections.commitments import Commitments
from projections.reading import Reader, where
from projections.tasks import AssignmentView, Tasks
from projections.views import CommitmentView, HandoffView
from store.queries import queries

__all__ = ["Lack", "LoadView", "StopLacking", "VehicleView", "Yard", "lacking"]

SQL = queries("projections", "yard.sql")

What = Literal["not_packed", "not_loaded", "not_read", "not_acknowledged", "declined"]

_MOST = 5_000
_DEPOTS = 200
_UNREAD = ("unassigned", "assigned", "sent", "delivered")


@dataclass(frozen=True, slots=True)
class Lack:
    """What a promise still lacks, and with whom it lies."""

    what: What
    role: str
    recipient: str | None


@dataclass(frozen=True, slots=True)
class LoadView:
    """One promise that cannot be kept yet on this trip, and what it lacks."""

    commitment: CommitmentView
    lacks: list[Lack]


@dataclass(frozen=True, slots=True)
class StopLacking:
    """A stop with the promises that lack something there."""

    order_id: str
    stop: int | None
    address: str | None
    planned_start: datetime | None
    planned_end: datetime | None
    loads: list[LoadView]


@dataclass(frozen=True, slots=True)
class VehicleView:
    """Who leaves when, how many promises he carries, and the stops at which something is missing."""

    recipient: str
    role: str
    departs_at: datetime
    depot: str | None
    promises: int
    lacking: int
    stops: list[StopLacking]


def lacking(handoffs: Iterable[HandoffView], role: str) -> list[Lack]:
    """What a promise lacks, up to the hand-off of whoever drives: what comes after him is no matter of the yard.

    A thing must be packed by those before him and loaded by himself; whatever he has to know he must have read.

    >>> packed = HandoffView("warehouse", "warehouse:hu", "held", "held", 1, True, 1, None)
    >>> unread = HandoffView("courier", "courier:li", "held", "sent", 1, False, None, None)
    >>> [lack.what for lack in lacking([packed, unread], "courier")]
    ['not_loaded', 'not_read']
    """
    found: list[Lack] = []
    for handoff in handoffs:
        found += [Lack(what, handoff.role, handoff.recipient) for what in _of(handoff, role)]
        if handoff.role == role:
            break
    return found


def _of(handoff: HandoffView, role: str) -> list[What]:
    if handoff.state == "declined":
        return ["declined"]
    if handoff.received:
        return []
    drives, unread = handoff.role == role, handoff.state in _UNREAD
    if handoff.asked == "held":
        thing: What = "not_loaded" if drives else "not_packed"
        return [thing, "not_read"] if drives and unread else [thing]
    return ["not_read" if unread else "not_acknowledged"]


class Yard(Reader):
    """Reads what leaves, and what is missing.

    >>> vehicles = await Yard(database, keyring).vehicles("north", six, noon)  # doctest: +SKIP
    >>> [(one.recipient, one.promises, one.lacking) for one in vehicles]  # doctest: +SKIP
    [('courier:li', 7, 2)]
    """

    async def vehicles(self, depot: str | None, from_: datetime, to: datetime) -> list[VehicleView]:
        """The vehicles that leave from `from_` until before `to`, earliest first; each with what it lacks alone."""
        filters, params = where(("t.depot = %(depot)s", "depot", depot))
        asked = params | {"from": from_, "to": to, "limit": _MOST}
        rows = await self.fetch(SQL["loads"].format(filters=filters), asked)
        views = await Commitments(self.database, self.keyring).some(list({id for _, _, id in rows}))
        orders = await Tasks(self.database, self.keyring).assignments(list({order_id for order_id, _, _ in rows}))
        return _vehicles(rows, views, orders)

    async def around(
        self, depot: str | None, recipients: list[str] | None, from_: datetime, to: datetime
    ) -> tuple[datetime | None, datetime | None]:
        """When the last vehicle leaves before `from_`, and the first from `to` on; None where none does in a month.

        With `recipients` only what they drive counts.
        """
        filters, params = where(
            ("t.depot = %(depot)s", "depot", depot), ("t.recipient = ANY(%(recipients)s)", "recipients", recipients)
        )
        ((before, after),) = await self.fetch(SQL["around"].format(filters=filters), params | {"from": from_, "to": to})
        return before, after

    async def depots(self, recipients: list[str] | None, from_: datetime, to: datetime) -> list[str]:
        """From where vehicles leave then. With `recipients` only what they drive counts."""
        filters, params = where(("recipient = ANY(%(recipients)s)", "recipients", recipients))
        rows = await self.fetch(
            SQL["depots"].format(filters=filters), params | {"from": from_, "to": to, "limit": _DEPOTS}
        )
        return [depot for (depot,) in rows]


def _vehicles(
    rows: Iterable[tuple[str, str, UUID]],
    views: dict[UUID, CommitmentView],
    orders: dict[str, list[AssignmentView]],
) -> list[VehicleView]:
    found: dict[tuple[object, ...], VehicleView] = {}
    for order_id, role, id in rows:
        trip = next((one for one in orders.get(order_id, []) if one.role == role), None)
        if trip is None or trip.departs_at is None or id not in views or not _carries(views[id], trip):
            continue
        key = (trip.recipient, role, trip.departs_at, trip.depot)
        vehicle = found.get(key) or VehicleView(trip.recipient, role, trip.departs_at, trip.depot, 0, 0, [])
        found[key] = _with(vehicle, trip, order_id, views[id])
    return list(found.values())


def _carries(commitment: CommitmentView, trip: AssignmentView) -> bool:
    """Whether it is this vehicle that has the promise, and nobody whom the promise names by itself."""
    handoff = next((one for one in commitment.handoffs if one.role == trip.role), None)
    return handoff is not None and (trip.recipient.startswith("team:") or handoff.recipient == trip.recipient)


def _with(vehicle: VehicleView, trip: AssignmentView, order_id: str, commitment: CommitmentView) -> VehicleView:
    lacks = lacking(commitment.handoffs, trip.role)
    if not lacks:
        return replace(vehicle, promises=vehicle.promises + 1)
    stop = next((one for one in vehicle.stops if one.order_id == order_id), None)
    if stop is None:
        stop = StopLacking(order_id, trip.stop, trip.address, trip.planned_start, trip.planned_end, [])
        vehicle.stops.append(stop)
    stop.loads.append(LoadView(commitment, lacks))
    return replace(vehicle, promises=vehicle.promises + 1, lacking=vehicle.lacking + 1)

"""For supervisors and whoever loads: what each vehicle still lacks before it leaves."""

from datetime import datetime, timedelta
from typing import Annotated, NotRequired

from fastapi import Query, Response
from pydantic import Field
from typing_extensions import TypedDict

from api.commanding import answer
from api.fields import Body, Instant, Line
from api.querying import READING, completeness, reads
from api.routes import routes
from api.who import Inquiry
from domain.access import Operation
from domain.errors import Invalid
from projections.yard import VehicleView, Yard

__all__ = ["router"]

router = routes("/v1", "supervisors")

_JUST_LEFT = timedelta(hours=2)
_A_DAY = timedelta(hours=24)


class YardQuery(Body):
    depot: Line | None = None
    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None


class YardAnswer(TypedDict):
    """The vehicles, earliest departure first; from which depots any leaves then; and when the last one before them
    leaves, and the first one after them, of the same depot, within a month.
    """

    items: list[VehicleView]
    depots: list[str]
    previous: datetime | None
    next: datetime | None
    incomplete: NotRequired[bool]


@router.get("/yard", response_model=YardAnswer)
async def show_yard(
    inquiry: Annotated[Inquiry, reads("tasks", "commitments"), READING], asked: Annotated[YardQuery, Query()]
) -> Response:
    """What each vehicle lacks that leaves from two hours ago until a day from now, or from `from` until before `to`."""
    runtime = inquiry.runtime
    now = await runtime.now()
    from_ = asked.from_ or (asked.to or now) - _JUST_LEFT
    to = asked.to or max(now, from_) + _A_DAY
    if to <= from_:
        raise Invalid("/query/to", "does not lie behind from")
    reader = Yard(runtime.database, runtime.keyring)
    own = inquiry.access.keepers(Operation.READ, None)
    vehicles, depots = await reader.vehicles(asked.depot, from_, to), await reader.depots(own, from_, to)
    if own is not None:
        vehicles = [vehicle for vehicle in vehicles if vehicle.recipient in own]
    previous, following = await reader.around(asked.depot, own, from_, to)
    found = {"items": vehicles, "depots": depots, "previous": previous, "next": following}
    return answer(found | await completeness(reader, "tasks", "commitments"))

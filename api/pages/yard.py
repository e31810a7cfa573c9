"""The yard: what each vehicle still lacks, at half past six on a phone, and on paper."""

from collections.abc import Mapping
from datetime import date, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode

from fastapi import Response

from api.pages.board_view import board_page, instant, people_of, problem_of
from api.pages.visiting import Visiting, without_the_empty
from api.routes import routes
from domain.deadlines import midnight_after

__all__ = ["router"]

router = routes("", "pages", documented=False)


@router.get("/board/yard")
async def yard(visitor: Visiting) -> Response:
    """The vehicles of a depot, earliest departure first, each with what is missing."""
    if visitor.actor is None:
        return visitor.who_are_you()
    if (plain := without_the_empty(visitor)) is not None:
        return plain
    asked = visitor.request.query_params
    depot, day = asked.get("depot", "").strip() or None, asked.get("day", "").strip()
    answered = await visitor.ask("GET", "/v1/yard", query={"depot": depot, **_leaving(day, visitor.tz)})
    found = answered.json()
    shared: dict[str, Any] = {"depot": depot, "day": day}
    if answered.is_refused:
        return board_page(visitor, "yard.html", status=422, depots=[], problem=problem_of(found), **shared)
    people = await people_of(visitor, _actors(found["items"]))
    return board_page(
        visitor,
        "yard.html",
        problem=None,
        vehicles=[_vehicle(one) for one in found["items"]],
        depots=found["depots"],
        incomplete="incomplete" in found,
        elsewhere=[_elsewhere(found[which], depot, visitor.tz) for which in ("previous", "next")],
        people=people,
        **shared,
    )


def _leaving(day: str, tz: tzinfo) -> dict[str, str]:
    """Between which instants the vehicles of a day leave; of no day, or of what is none, as the API has it.

    >>> from domain.deadlines import zone
    >>> _leaving("2026-11-25", zone("Asia/Shanghai"))
    {'from_': '2026-11-24T16:00:00+00:00', 'to': '2026-11-25T16:00:00+00:00'}
    """
    if not day:
        return {}
    try:
        wanted = date.fromisoformat(day)
        begins, ends = midnight_after(wanted - timedelta(days=1), tz), midnight_after(wanted, tz)
        return {"from_": begins.isoformat(), "to": ends.isoformat()}
    except (ValueError, OverflowError):
        return {"from_": day}


def _elsewhere(departs_at: str | None, depot: str | None, tz: tzinfo) -> dict[str, Any] | None:
    """When a vehicle leaves beyond what is shown, and where that day is looked at."""
    if (at := instant(departs_at)) is None:
        return None
    asked = {"depot": depot, "day": at.astimezone(tz).date().isoformat()}
    return {"at": at, "href": f"/board/yard?{urlencode({name: value for name, value in asked.items() if value})}"}


def _vehicle(vehicle: Mapping[str, Any]) -> dict[str, Any]:
    """A vehicle with its instants; those of a stop are there, too."""
    stops = [
        {**stop, "planned_start": instant(stop["planned_start"]), "planned_end": instant(stop["planned_end"])}
        for stop in vehicle["stops"]
    ]
    return {**vehicle, "departs_at": instant(vehicle["departs_at"]), "stops": stops}


def _actors(vehicles: list[Mapping[str, Any]]) -> set[str]:
    drivers = {vehicle["recipient"] for vehicle in vehicles}
    loads = (load for vehicle in vehicles for stop in vehicle["stops"] for load in stop["loads"])
    return drivers | {lack["recipient"] for load in loads for lack in load["lacks"] if lack["recipient"]}

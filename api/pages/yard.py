"""The yard: what each vehicle still lacks, at half past six on a phone, and on paper."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from api.pages.board_view import board_page, instant, people_of, problem_of
from api.pages.visiting import Visiting, without_the_empty
from api.routes import routes

__all__ = ["router"]

router = routes("", "pages", documented=False)


@router.get("/board/yard")
async def yard(visitor: Visiting) -> Response:
    """The vehicles of a depot, earliest departure first, each with what is missing."""
    if visitor.actor is None:
        return visitor.who_are_you()
    if (plain := without_the_empty(visitor)) is not None:
        return plain
    depot = visitor.request.query_params.get("depot", "").strip() or None
    answered = await visitor.ask("GET", "/v1/yard", query={"depot": depot})
    found = answered.json()
    if answered.is_refused:
        return board_page(visitor, "yard.html", status=422, depot=depot, depots=[], problem=problem_of(found))
    people = await people_of(visitor, _actors(found["items"]))
    return board_page(
        visitor,
        "yard.html",
        depot=depot,
        problem=None,
        vehicles=[_vehicle(one) for one in found["items"]],
        depots=found["depots"],
        incomplete="incomplete" in found,
        people=people,
    )


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

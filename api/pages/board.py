"""The board: the promises in danger, most urgent first, live, and the next step for each."""

from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Header, Response
from fastapi.responses import StreamingResponse
from pydantic import ValidationError

from api.pages.board_view import GROUPED_BY, board_page, group_links, shown_flags, wanted
from api.pages.visiting import Visiting, Visitor, without_the_empty
from api.problems import validation_problem
from api.querying import FlagsWanted
from api.routes import routes
from api.streaming import hints
from domain.access import Operation
from domain.errors import Invalid

__all__ = ["router"]

router = routes("", "pages", documented=False)


@router.get("/board")
async def board(visitor: Visiting) -> Response:
    """The promises in danger, most urgent first, or counted by what they have in common."""
    if visitor.actor is None:
        return visitor.who_are_you()
    if (plain := without_the_empty(visitor)) is not None:
        return plain
    return board_page(visitor, "board.html", **await _listed(visitor))


@router.get("/board/known")
async def board_known(visitor: Visiting) -> Response:
    """What the fields of the filter can name: a part of the page, once the filter is opened."""
    return board_page(visitor, "board_known.html", known=await _known(visitor))


@router.get("/board/list")
async def board_list(visitor: Visiting) -> Response:
    """The list of the board alone, for a page that asks for it anew."""
    return board_page(visitor, "board_list.html", **await _listed(visitor))


@router.get("/board/group")
async def board_group(visitor: Visiting) -> Response:
    """The flags of one group, once it is opened."""
    query = urlencode(wanted(visitor))
    return board_page(visitor, "board_group.html", listing=await shown_flags(visitor), query=query)


@router.get("/board/stream", response_class=StreamingResponse)
async def board_stream(visitor: Visiting, last_event_id: Annotated[str, Header()] = "") -> Response:
    """`changed`, where the flags of the address are not any more what they were."""
    try:
        asked = FlagsWanted.model_validate(wanted(visitor)).filter()
    except ValidationError as error:
        faults = validation_problem(error.errors())["errors"]
        raise Invalid(faults[0]["pointer"], faults[0]["detail"]) from None
    asked = replace(asked, made_by=visitor.access.maker(Operation.WATCH, asked.made_by))
    watch = visitor.runtime.flag_watch
    return await hints(visitor.request, watch, lambda change: change.concerns(asked), last_event_id)


async def _known(visitor: Visitor) -> dict[str, list[tuple[str, str]]]:
    """What each field of the filter can name, as far as there is anything in danger with it; with what it is called."""
    known = {"kind": [(kind, "") for kind in visitor.runtime.catalogue.kinds]}
    for by in ("recipient", "made_by", "depot"):
        found = await visitor.read("/v1/flags/groups", by=by, limit=100) or {"items": []}
        named = [group for group in found["items"] if group["group"] is not None]
        people = await visitor.people(group["group"] for group in named) if by != "depot" else {}
        known[by] = [(each["group"], people[each["group"]].name if each["group"] in people else "") for each in named]
    return known


async def _listed(visitor: Visitor) -> dict[str, Any]:
    """What the list shows: groups where the address asks for them, else a page of flags."""
    by = visitor.request.query_params.get("by", "")
    by = by if by in GROUPED_BY else ""
    filters = wanted(visitor)
    shared = {"by": by, "query": urlencode({**({"by": by} if by else {}), **filters}), "choices": GROUPED_BY}
    cursor = visitor.request.query_params.get("cursor", "")
    if cursor:
        shared["query"] = urlencode({"cursor": cursor, **({"by": by} if by else {}), **filters})
    listing = await shown_flags(visitor, **({"limit": "1"} if by else {}))
    if not by or listing.problem:
        return {**shared, "listing": listing, "groups": None}
    found = await visitor.read("/v1/flags/groups", by=by, limit=100, **filters)
    return {**shared, "listing": listing, "groups": await group_links(visitor, by, found["items"])}

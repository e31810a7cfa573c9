"""One promise as an auditor looks at it, at two instants side by side; and all promises to one customer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlencode

import msgspec
from fastapi import Response

from api.fields import PathText
from api.inside import Answered
from api.pages.history_found import collected, days_of, told
from api.pages.history_handoffs import handed
from api.pages.history_search import instant_in, local_value
from api.pages.history_standing import Compared, compared, standing
from api.pages.visiting import Visiting, Visitor, encoded
from api.pages.wording import Wording, msg, wording_for
from api.routes import routes
from projections.history import HistoryItem
from projections.views import CommitmentView

__all__ = ["router"]

router = routes("", "pages", documented=False)

_SHOWN_AT_MOST: Final = 1000
_SIDES: Final = ("at", "and")
NOT_YET: Final = msg("It had not been promised yet")
IN_THE_FUTURE: Final = msg("That lies in the future")
NO_TIME: Final = msg("This is no time: write it as 2026-11-24 12:05")


@dataclass(frozen=True, slots=True)
class Revision:
    """The words of one revision, and from when they stood."""

    number: int
    promise: str | None
    items: Sequence[str]
    due_at: datetime
    since: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Side:
    """One of two instants: as it was written, the promise then, or why there is nothing to show."""

    name: Literal["at", "and"]
    value: str
    at: datetime | None = None
    shown: CommitmentView | None = None
    fault: str | None = None
    note: str | None = None


@router.get("/history/commitments/{id}")
async def commitment(visitor: Visiting, id: PathText) -> Response:
    """A promise: how it stands, its revisions, who received it when, and everything that happened."""
    if visitor.actor is None:
        return visitor.who_are_you()
    if (clean := _clean(visitor)) is not None:
        return Response(status_code=303, headers={"Location": clean, "Cache-Control": "no-store"})
    answered = await visitor.ask("GET", f"/v1/commitments/{encoded(id)}")
    if answered.is_refused:
        return visitor.page("history_nothing.html", status=answered.status)
    shown = msgspec.json.decode(bytes(answered.body), type=CommitmentView)
    found = await collected(visitor, {"commitment_id": str(shown.id)}, _SHOWN_AT_MOST)
    items, is_cut = ([], False) if isinstance(found, Answered) else found
    handoffs = handed(items, {one.role: one.asked for one in shown.handoffs})
    words = await wording_for(visitor, [shown.made_by, *(one.recipient for one in handoffs), *_actors(items)])
    sides = [await _side(visitor, name, f"/v1/commitments/{shown.id}") for name in _SIDES]
    return visitor.page(
        "history_commitment.html",
        shown=shown,
        words=words,
        standing=standing(shown, words),
        revisions=[_revision(item, words) for item in items if item.type in ("CommitmentMade", "CommitmentAmended")],
        handoffs=handoffs,
        sides=sides,
        compared=_compared(sides, words),
        days=days_of(await told(visitor, items)),
        cut=is_cut,
        newest=max((item.position for item in items), default=0),
    )


@router.get("/history/customers/{id}")
async def customer(visitor: Visiting, id: PathText) -> Response:
    """What was promised to one customer, over all his orders, newest first, and how each stands."""
    if visitor.actor is None:
        return visitor.who_are_you()
    query = {"customer_id": id, "cursor": visitor.request.query_params.get("cursor")}
    answered = await visitor.ask("GET", "/v1/commitments", query=query)
    if answered.is_refused:
        return visitor.page("history_nothing.html", status=answered.status)
    page = msgspec.json.decode(bytes(answered.body), type=_Commitments)
    words = await wording_for(visitor, [one.made_by for one in page.items])
    return visitor.page(
        "history_customer.html",
        customer=id,
        promises=[(one, standing(one, words)) for one in page.items],
        words=words,
        older=urlencode({"cursor": page.next_cursor}) if page.next_cursor else None,
        is_first="cursor" not in visitor.request.query_params,
    )


class _Commitments(msgspec.Struct):
    items: list[CommitmentView]
    next_cursor: str | None = None


def _actors(items: Sequence[HistoryItem]) -> list[str | None]:
    return [item.on_behalf_of or item.actor for item in items]


def _revision(item: HistoryItem, words: Wording) -> Revision:
    told = msgspec.convert(item.data, _Terms)
    things = [f"{one.quantity} × {one.sku}" for one in told.items or ()]
    by = words.who(item.on_behalf_of or item.actor)
    return Revision(item.revision or 1, told.promise, things, told.due.at, item.recorded_at, by)


class _Thing(msgspec.Struct):
    sku: str
    quantity: int


class _DueAt(msgspec.Struct):
    at: datetime


class _Terms(msgspec.Struct):
    promise: str | None
    items: list[_Thing] | None
    due: _DueAt


def _clean(visitor: Visitor) -> str | None:
    """The address with instants for local times, where it names such: whoever is sent it sees the same."""
    given = [(name, value) for name, value in visitor.request.query_params.multi_items() if name in _SIDES]
    read = [(name, instant_in(value, visitor.tz)) for name, value in given]
    named = [
        (name, at.isoformat().replace("+00:00", "Z") if at is not None else value)
        for (name, value), (_, at) in zip(given, read, strict=True)
        if value
    ]
    return f"{visitor.request.url.path}?{urlencode(named)}#then" if named != given else None


async def _side(visitor: Visitor, name: Literal["at", "and"], path: str) -> Side:
    written = visitor.request.query_params.get(name, "")
    if not written:
        return Side(name, "")
    at = instant_in(written, visitor.tz)
    if at is None:
        return Side(name, written, fault=visitor.gettext(NO_TIME))
    value = local_value(at, visitor.tz)
    answered = await visitor.ask("GET", path, query={"as_of": at.isoformat().replace("+00:00", "Z")})
    if answered.status == 422:
        return Side(name, value, at, fault=visitor.gettext(IN_THE_FUTURE))
    if answered.is_refused:
        return Side(name, value, at, note=visitor.gettext(NOT_YET))
    return Side(name, value, at, msgspec.json.decode(bytes(answered.body), type=CommitmentView))


def _compared(sides: Sequence[Side], words: Wording) -> list[Compared]:
    """What is to be said of the promise at both instants; nothing where only one is named."""
    if any(side.at is None or side.fault is not None for side in sides):
        return []
    return compared(sides[0].shown, sides[1].shown, words)

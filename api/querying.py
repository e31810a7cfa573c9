"""How every query is answered: not behind what its reader has written, page by page, and never from the future."""

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import Query, Request, Response
from pydantic import AfterValidator, Field

from api.commanding import answer
from api.fields import ActorText, Body, Id, Instant, Line, Role
from api.parameters import IF_NONE_MATCH, UPHELD_MIN_POSITION, X_ACTOR, X_ON_BEHALF_OF
from api.routes import From
from api.runtime import Runtime
from api.who import Inquiry, inquiry
from domain.errors import Invalid
from domain.flags import FlagReason
from domain.integrations import event_types
from domain.values import Status
from projections.commitments import CommitmentFilter
from projections.flags import FlagFilter, FlagGroupBy, Without
from projections.history import HistoryFilter
from projections.reading import Reader
from projections.scorecard import GroupBy

__all__ = [
    "READING",
    "AsOf",
    "CommitmentsQuery",
    "FlagGroupsQuery",
    "FlagsQuery",
    "FlagsWanted",
    "HistoryQuery",
    "Paged",
    "ScorecardQuery",
    "TasksQuery",
    "Wanted",
    "completeness",
    "cursor",
    "not_behind",
    "page",
    "past",
    "position_in",
    "reads",
    "unless_held",
]


READING = (X_ACTOR, X_ON_BEHALF_OF, UPHELD_MIN_POSITION)
"""The headers of every query, for its documentation."""


def reads(*projections: str) -> From:
    """A query of these projections, which answers from no earlier position than its reader asks for.

    It stands in the type of the parameter: `inquiry: Annotated[Inquiry, reads("flags"), READING]`.
    """

    async def reading(request: Request) -> Inquiry:
        asked = await inquiry(request)
        await not_behind(request, asked.runtime, projections)
        return asked

    return From(reading)


async def not_behind(request: Request, runtime: Runtime, projections: Sequence[str]) -> None:
    """Wait until these projections have come as far as a request asks for. Raises `Invalid` and `ProjectionBehind`."""
    position = UPHELD_MIN_POSITION.read(request)
    if position is None:
        await runtime.see_own_writes(projections)
        return
    if not (position.isascii() and position.isdigit() and len(position) <= 18):
        raise Invalid("/header/upheld-min-position", "is not a position")
    await runtime.wait_for(int(position), projections)


AsOf = Annotated[Instant | None, Query(description="An instant that is past")]


def _fact(name: str) -> str:
    if name not in (known := event_types()):
        raise ValueError(f"is no type of event; there are {', '.join(sorted(known))}")
    return name


FactName = Annotated[Line, AfterValidator(_fact)]


class Paged(Body):
    """What every paged query takes; a parameter that is not known is an error, never ignored."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[str | None, Field(description="`next_cursor` of the page before", max_length=400)] = None


class Wanted(Body):
    """The filters of the commitments."""

    order_id: Id | None = None
    customer_id: Id | None = None
    status: Status | None = None
    kind: Line | None = None
    made_by: ActorText | None = None
    role: Role | None = None
    recipient: ActorText | None = None
    channel: Line | None = None
    conversation: Line | None = None
    due_before: Instant | None = None
    due_after: Instant | None = None

    def filter(self) -> CommitmentFilter:
        return CommitmentFilter(**self.model_dump(include=set(Wanted.model_fields)))


class CommitmentsQuery(Paged, Wanted):
    pass


class FlagsWanted(Body):
    """The filters of the flags."""

    reason: FlagReason | None = None
    recipient: ActorText | None = None
    role: Role | None = None
    made_by: ActorText | None = None
    kind: Line | None = None
    depot: Line | None = None
    rescue_before: Instant | None = None
    without: Annotated[Without | None, Field(description="Those that have none of it")] = None
    commitment_id: UUID | None = None

    def filter(self) -> FlagFilter:
        return FlagFilter(**self.model_dump(include=set(FlagsWanted.model_fields)))


class FlagsQuery(Paged, FlagsWanted):
    as_of: Instant | None = None
    include: Annotated[Literal["commitment"] | None, Field(description="What comes with each flag")] = None


class FlagGroupsQuery(FlagsWanted):
    by: FlagGroupBy
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class HistoryQuery(Paged):
    commitment_id: UUID | None = None
    order_id: Id | None = None
    customer_id: Id | None = None
    actor: ActorText | None = None
    recipient: ActorText | None = None
    channel: Line | None = None
    conversation: Line | None = None
    type: FactName | None = None
    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None
    after: Annotated[int, Field(ge=0, le=2**62)] = 0
    before: Annotated[int | None, Field(ge=0, le=2**62)] = None
    order: Annotated[Literal["oldest_first", "newest_first"], Field(description="An export is oldest first")] = (
        "oldest_first"
    )

    @property
    def is_newest_first(self) -> bool:
        return self.order == "newest_first"

    def filter(self, place: int | None) -> HistoryFilter:
        """What is asked for, from where the page before has ended, if there was one."""
        after, before = self.after, self.before
        if place is not None and self.is_newest_first:
            before = min(place, before) if before is not None else place
        elif place is not None:
            after = max(place, after)
        named = self.model_dump(exclude={"limit", "cursor", "after", "before", "order"})
        return HistoryFilter(**named, after=after, before=before)


class ScorecardQuery(Body):
    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None
    group_by: GroupBy | None = None


class TasksQuery(Body):
    recipient: ActorText | None = None
    as_of: Instant | None = None


def past(instant: datetime, now: datetime) -> datetime:
    """The instant, which must not lie in the future: nothing is known of it yet."""
    if instant > now:
        raise Invalid("/query/as_of", "lies in the future")
    return instant


def cursor(*place: object) -> str:
    """Where a page ended, as an opaque text.

    >>> cursor(42)
    'WzQyXQ'
    """
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def position_in(text: str | None, form: Any) -> Any:
    """What a cursor holds, of the form of its query; None where there is none. Raises `Invalid`."""
    if text is None:
        return None
    try:
        raw = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True)
        place = msgspec.json.decode(raw, type=form)
        if any(isinstance(part, str) and "\x00" in part for part in place):
            raise ValueError("holds the character NUL")
        return place
    except (ValueError, msgspec.MsgspecError):
        raise Invalid("/query/cursor", "is not the cursor of a page before") from None


_TAG = re.compile(r'(?:W/)?"([^"]*)"')


def unless_held(request: Request, found: Response) -> Response:
    """An answer that says by its ETag what it is; without its body (304) where its reader holds it already.

    Each reader asks again every time, and no cache between him and us keeps it (RFC 9110 and 9111).
    """
    tag = hashlib.blake2b(found.body, digest_size=16).hexdigest()
    found.headers.update({"ETag": f'W/"{tag}"', "Cache-Control": "private, no-cache"})
    held = ", ".join(request.headers.getlist(IF_NONE_MATCH.name))
    if held.strip() == "*" or tag in _TAG.findall(held):
        headers = {name: value for name, value in found.headers.items() if not name.startswith("content-")}
        return Response(status_code=304, headers=headers)
    return found


async def completeness(reader: Reader, *projections: str) -> dict[str, bool]:
    """What an answer says beside its items where a projection had to leave something out."""
    return {"incomplete": True} if await reader.incomplete(*projections) else {}


def page(request: Request, items: Sequence[object], next_cursor: str | None, **more: object) -> Response:
    """One page, with a link to the next where there is one (RFC 8288)."""
    headers = {}
    if next_cursor is not None:
        url = request.url.include_query_params(cursor=next_cursor)
        headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return answer({"items": items, "next_cursor": next_cursor, **more}, headers=headers)

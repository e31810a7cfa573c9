"""The flags as server-sent events: `flagged` and `cleared`, and `reset` where something was lost."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from api.querying import READING, FlagsQuery, reads
from api.routes import routes
from api.who import Inquiry
from domain.errors import Invalid
from projections.flag_stream import FlagWatch, Look
from projections.flags import FlagFilter

__all__ = ["router"]

router = routes("/v1", "supervisors")

_ALIVE_SECONDS = 15.0
_RETRY_MS = 2_000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get("/flags/stream", response_class=StreamingResponse)
async def stream_flags(
    request: Request,
    inquiry: Annotated[Inquiry, reads("flags"), READING],
    asked: Annotated[FlagsQuery, Query()],
    last_event_id: Annotated[str, Header(description="Where the stream before ended")] = "",
) -> Response:
    """The flags as they come and go, with the filters of the page. `id` is the position of the event that caused it.

    With `Last-Event-ID` it goes on where a stream before has ended; `reset` says that this was too long ago: read the
    page again. What stands at that very position may be told once more.
    """
    for name in ("limit", "cursor", "as_of"):
        if name in asked.model_fields_set:
            raise Invalid(f"/query/{name}", "is not a parameter of this request")
    if last_event_id and not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 18):
        raise Invalid("/header/last-event-id", "is not the id of an event")
    after = int(last_event_id) if last_event_id else None
    events = _events(inquiry.runtime.watch, asked.filter(), after, request.app.state.stopping)
    return StreamingResponse(events, media_type="text/event-stream", headers=_HEADERS)


async def _events(
    watch: FlagWatch, wanted: FlagFilter, after: int | None, stopping: asyncio.Event
) -> AsyncIterator[bytes]:
    ends = asyncio.ensure_future(stopping.wait())
    try:
        async with watch.look(after) as look:
            # Where it begins, so that who loses it at once knows where to go on.
            yield format_sse_event(id=str(look.position), retry=_RETRY_MS)
            while not ends.done():
                for event in _told(look, wanted):
                    yield event
                something = asyncio.ensure_future(look.wait())
                done, _ = await asyncio.wait((something, ends), timeout=_ALIVE_SECONDS, return_when="FIRST_COMPLETED")
                if something not in done:
                    something.cancel()
                if not done:
                    yield KEEPALIVE_COMMENT
    finally:
        ends.cancel()


def _told(look: Look, wanted: FlagFilter) -> list[bytes]:
    events = []
    if look.reset:
        look.reset = False
        events.append(format_sse_event(event="reset", data_str="{}", id=str(look.position)))
    for change in look.take():
        if (told := change.told(wanted)) is not None:
            name, row = told
            events.append(
                format_sse_event(event=name, data_str=msgspec.json.encode(row).decode(), id=str(change.position))
            )
    return events

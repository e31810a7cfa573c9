"""The flags as server-sent events: `flagged` and `cleared`, and `reset` where something was lost."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
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
from projections.log import end_of_the_log

__all__ = ["as_they_come", "router"]

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
    if after is not None and after > await end_of_the_log(inquiry.runtime.database):
        after = -1  # it was told by a log that went on from here in another way
    events = _events(inquiry.runtime.watch, asked.filter(), after, request.app.state.stopping)
    return StreamingResponse(events, media_type="text/event-stream", headers=_HEADERS)


async def _events(
    watch: FlagWatch, wanted: FlagFilter, after: int | None, stopping: asyncio.Event
) -> AsyncIterator[bytes]:
    async with watch.look(after) as look:
        # Where it begins, so that who loses it at once knows where to go on.
        begins = look.position if after is None or look.reset else after
        yield format_sse_event(id=str(begins), retry=_RETRY_MS)
        async with contextlib.aclosing(as_they_come(look, wanted, stopping)) as events:
            async for event in events:
                yield event


async def as_they_come(
    look: Look, wanted: FlagFilter, stopping: asyncio.Event, *, alive_seconds: float = _ALIVE_SECONDS
) -> AsyncGenerator[bytes, None]:
    """The events for one who looks on, and a sign of life where for some time there was none for him."""
    loop, ends = asyncio.get_running_loop(), asyncio.ensure_future(stopping.wait())
    something: asyncio.Future[None] | None = None
    said_at = loop.time()
    try:
        while not ends.done():
            something = something or asyncio.ensure_future(look.wait())
            patience = max(said_at + alive_seconds - loop.time(), 0.0)
            await asyncio.wait((something, ends), timeout=patience, return_when="FIRST_COMPLETED")
            if something.done():
                something = None
            events = _told(look, wanted)
            if not events and loop.time() >= said_at + alive_seconds:
                events = [KEEPALIVE_COMMENT]
            for event in events:
                yield event
                said_at = loop.time()
    finally:
        ends.cancel()
        if something is not None:
            something.cancel()


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

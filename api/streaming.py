"""How every stream of server-sent events is answered: what its reader is to be told, `reset` where that was lost."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Annotated, TypeVar

import msgspec
from fastapi import Header, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from api.refusing import WHO
from api.runtime import Runtime, together
from api.sessions import ending, session_in
from api.who import Who
from domain.errors import Invalid, Unavailable
from projections.log import end_of_the_log
from projections.watching import Change, Look, Watch

__all__ = ["LastEventId", "as_they_come", "hints", "stream"]

C = TypeVar("C", bound=Change)

LastEventId = Annotated[str, Header(description="Where the stream before ended")]

_ALIVE_SECONDS = 15.0
_LOOK_AGAIN_SECONDS = 5.0
"""How long a stream may outlast the key or the session of whoever reads it."""
_RETRY_MS = 2_000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def stream(
    request: Request,
    watch: Watch[C],
    tell: Callable[[C], tuple[str, object] | None],
    last_event_id: str,
) -> Response:
    """The changes that a watch sees, as events: `tell` says which of them one is for this reader, and `id` is the
    position of what caused it.

    With `Last-Event-ID` it goes on where a stream before has ended; `reset` says that this was too long ago. What
    stands at that very position may be told once more.
    """
    runtime: Runtime = request.app.state.runtime
    if last_event_id and not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 18):
        raise Invalid("/header/last-event-id", "is not the id of an event")
    after = int(last_event_id) if last_event_id else None
    if after is not None and (runtime.lost(after) or after > await end_of_the_log(runtime.database)):
        after = -1  # it was told by a log that went on from here in another way
    events = _events(request, watch, tell, after)
    return StreamingResponse(events, media_type="text/event-stream", headers=_HEADERS)


async def _events(
    request: Request, watch: Watch[C], tell: Callable[[C], tuple[str, object] | None], after: int | None
) -> AsyncIterator[bytes]:
    async with _until_over(request) as over, watch.look(after, tell) as look:
        # Where it begins, so that who loses it at once knows where to go on.
        begins = look.position if after is None or look.reset else after
        yield format_sse_event(id=str(begins), retry=_RETRY_MS)
        async with contextlib.aclosing(as_they_come(look, over)) as events:
            async for event in events:
                yield event


@contextlib.asynccontextmanager
async def _until_over(request: Request) -> AsyncIterator[asyncio.Event]:
    """What is set once the process stops, or that by which the reader is known is good no more."""
    if session_in(request) is not None:
        async with ending(request) as over:
            yield over
        return
    stopping: asyncio.Event = request.app.state.stopping
    who: Who | None = request.scope.get(WHO)
    if who is None or who.holds is None:
        yield stopping
        return
    over = asyncio.Event()
    async with together([_watch_over(stopping, who.holds, over)]):
        yield over


async def _watch_over(stopping: asyncio.Event, holds: Callable[[], Awaitable[bool]], over: asyncio.Event) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _LOOK_AGAIN_SECONDS)
        try:
            if stopping.is_set() or not await holds():
                break
        except Unavailable:
            break  # he asks again, and is known then or not
    over.set()


async def as_they_come(
    look: Look[C], stopping: asyncio.Event, *, alive_seconds: float = _ALIVE_SECONDS
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
            events = _told(look)
            if not events and loop.time() >= said_at + alive_seconds:
                events = [KEEPALIVE_COMMENT]
            for event in events:
                yield event
                said_at = loop.time()
    finally:
        ends.cancel()
        if something is not None:
            something.cancel()


def _told(look: Look[C]) -> list[bytes]:
    events = []
    if look.reset:
        look.reset = False
        events.append(format_sse_event(event="reset", data_str="{}", id=str(look.position)))
    for position, name, row in look.take():
        events.append(format_sse_event(event=name, data_str=msgspec.json.encode(row).decode(), id=str(position)))
    return events


async def hints(
    request: Request, watch: Watch[C], concerns: Callable[[C], bool], last_event_id: str, *, pause_seconds: float = 1.0
) -> Response:
    """That something has changed which concerns this reader, and not what: `changed`, once in `pause_seconds` at most.

    For a page that asks for itself anew. It is told so at once, too: what changed since it was made is not lost. Who
    comes back hears of it only where he missed something.
    """
    after = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else None
    if after is not None and request.app.state.runtime.lost(after):
        after = None  # he is told to ask for everything anew
    told = _hints(request, watch, concerns, after, pause_seconds)
    return StreamingResponse(told, media_type="text/event-stream", headers=_HEADERS)


async def _hints(
    request: Request, watch: Watch[C], concerns: Callable[[C], bool], after: int | None, pause_seconds: float
) -> AsyncIterator[bytes]:
    def tell(change: C) -> tuple[str, object] | None:
        return ("changed", None) if concerns(change) else None

    async with _until_over(request) as over, watch.look(after, tell) as look:
        ends = asyncio.ensure_future(over.wait())
        try:
            position, news = look.position if after is None or look.reset else after, after is None
            yield format_sse_event(id=str(position), retry=_RETRY_MS)
            while not ends.done():
                if news:
                    yield format_sse_event(event="changed", data_str="{}", id=str(position))
                    await asyncio.wait((ends,), timeout=pause_seconds)
                something = asyncio.ensure_future(look.wait())
                try:
                    await asyncio.wait((something, ends), timeout=_ALIVE_SECONDS, return_when="FIRST_COMPLETED")
                finally:
                    something.cancel()
                told, news = [*look.take()], look.reset
                position = max((one.position for one in told), default=look.position if look.reset else position)
                look.reset, news = False, news or bool(told)
                if not news:
                    yield KEEPALIVE_COMMENT
        finally:
            ends.cancel()

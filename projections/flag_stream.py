"""The flags as they come and go: one watch a process, whatever the number of those who look on.

The watch knows which flags hold. Whenever something was recorded, and twice a second, it asks which of those hold that
may have changed meanwhile: the commitments that were recorded about, and those whose flag the clock has raised. What
changed goes to everybody who looks on, and is remembered for a while, for who comes back.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import dropwhile
from uuid import UUID

import psycopg
import structlog
from prometheus_client import Gauge

from domain.errors import Unavailable
from projections.flags import FlagFilter, FlagRow, Flags, Raised
from projections.log import Log, end_of_the_log

__all__ = ["FlagChange", "FlagWatch", "Look"]

log = structlog.get_logger("upheld.flag_stream")

_REMEMBERED = 10_000
_WAITING = 1_000
"""Changes that may wait for somebody who takes them slowly."""
_LINGER_SECONDS = 60.0
_GATHER_SECONDS = 0.03
_PAUSE = 0.5

_looking = Gauge("upheld_flag_streams", "Who looks on as flags come and go", multiprocess_mode="livesum")


@dataclass(frozen=True, slots=True)
class FlagChange:
    """What became of the flag of a commitment, by the event at `position`, or by the clock after it."""

    position: int
    before: Raised | None
    after: Raised | None

    def told(self, wanted: FlagFilter) -> tuple[str, FlagRow] | None:
        """The event for somebody who asks for certain flags: `flagged`, `cleared`, or none."""
        if self.after is not None and self.after.matches(wanted):
            return "flagged", self.after.flag
        if self.before is not None and self.before.matches(wanted):
            return "cleared", self.before.flag
        return None


class Look:
    """What one who looks on is still to be told.

    Where `reset` is set, he must read the page of flags again: what came before `position` is lost to him.
    """

    def __init__(self, after: int | None) -> None:
        self.after = after
        self.position: int | None = None
        self.reset = False
        self._changes: deque[FlagChange] = deque()
        self._something = asyncio.Event()

    def put(self, change: FlagChange) -> None:
        """Something that he is to be told; who takes too little must begin anew."""
        self._changes.append(change)
        if len(self._changes) > _WAITING:
            self.start_anew(change.position)
        self._something.set()

    def start_anew(self, position: int) -> None:
        """What he was to be told is lost to him."""
        self._changes.clear()
        self.position, self.reset = position, True
        self._something.set()

    async def wait(self) -> None:
        """Until there is something to be told."""
        await self._something.wait()

    def take(self) -> Iterator[FlagChange]:
        """What there is now."""
        self._something.clear()
        while self._changes:
            yield self._changes.popleft()


class FlagWatch:
    """Watches the flags for as long as somebody looks on, and a minute longer.

    >>> async with watch.look(after=None) as look:  # doctest: +SKIP
    ...     await look.wait()
    ...     [change.told(FlagFilter()) for change in look.take()]
    [('flagged', FlagRow(reason='overdue', …))]
    """

    def __init__(self, flags: Flags, events: Log, now: Callable[[], Awaitable[datetime]]) -> None:
        self._flags = flags
        self._log = events
        self._now = now
        self._looks: set[Look] = set()
        self._wanted, self._ready = asyncio.Event(), asyncio.Event()
        self._known: dict[UUID, Raised] = {}
        self._remembered: deque[FlagChange] = deque(maxlen=_REMEMBERED)
        self._since = self._position = 0
        self._looked_at = datetime.min

    @contextlib.asynccontextmanager
    async def look(self, after: int | None) -> AsyncIterator[Look]:
        """Look on: from now, or from behind a position that one was told before.

        What happened at that very position is told again: several changes may stand there, of which only some were
        heard of.
        """
        look = Look(after)
        self._looks.add(look)
        self._wanted.set()
        _looking.inc()
        try:
            if self._ready.is_set():
                self._welcome(look)
            await self._ready.wait()
            yield look
        finally:
            self._looks.discard(look)
            _looking.dec()

    def _welcome(self, look: Look) -> None:
        if look.position is not None or (look.after is not None and look.after < self._since):
            look.start_anew(self._position)
            return
        look.position = self._position
        if look.after is not None:
            for change in dropwhile(lambda change: change.position < (look.after or 0), list(self._remembered)):
                look.put(change)

    async def run(self) -> None:
        """Watch whenever somebody looks on, until cancelled. Needs the log to be followed."""
        while True:
            await self._wanted.wait()
            try:
                await self._begin()
                await self._watch()
            except (Unavailable, psycopg.Error) as error:
                log.warning("interrupted", error=str(error).strip())
                await asyncio.sleep(_PAUSE)
            self._ready.clear()
            self._known = {}
            if not self._looks:
                self._wanted.clear()

    async def _begin(self) -> None:
        """Read which flags hold. Whoever looked on before an interruption must read them, too."""
        self._position, self._looked_at = await self._flags.position(), await self._now()
        self._known = await self._flags.all(now=self._looked_at)
        self._since = self._position
        self._remembered.clear()
        for look in self._looks:
            self._welcome(look)
        self._ready.set()

    async def _watch(self) -> None:
        loop, turn, behind = asyncio.get_running_loop(), 0, False
        needed_at = loop.time()
        while self._looks or loop.time() - needed_at < _LINGER_SECONDS:
            # What was recorded is projected a moment later.
            turn = turn if behind else await self._log.turn_after(turn)
            await asyncio.sleep(_GATHER_SECONDS)
            behind = await self._look_again()
            if self._looks:
                needed_at = loop.time()

    async def _look_again(self) -> bool:
        """Tell what has changed; answers whether more was recorded than the flags have taken in."""
        end = await end_of_the_log(self._flags.database)
        position, now = await self._flags.position(), await self._now()
        touched = await self._flags.touched(self._position, position)
        for id in await self._flags.raised_between(self._looked_at, now):
            touched.setdefault(id, position)
        if touched:
            hold = await self._flags.of(list(touched), now=now)
            for id, at in sorted(touched.items(), key=lambda item: item[1]):
                self._note(id, FlagChange(at, self._known.get(id), hold.get(id)))
        self._position, self._looked_at = max(position, self._position), now
        return position < end and bool(self._looks)

    def _note(self, id: UUID, change: FlagChange) -> None:
        if change.before == change.after:
            return
        if change.after is not None:
            self._known[id] = change.after
        else:
            del self._known[id]
        self._remembered.append(change)
        if len(self._remembered) == _REMEMBERED:
            self._since = self._remembered[0].position + 1
        for look in self._looks:
            look.put(change)

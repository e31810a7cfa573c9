"""Looking on as things change: one watch a process for each kind of change, whatever the number of those who look on.

Whenever something was recorded, and twice a second, a watch asks what has changed. That goes to everybody who looks on
and whom it concerns, and is remembered for a while, for who comes back.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import dropwhile
from typing import ClassVar, Generic, NamedTuple, Protocol, TypeVar

import psycopg
import structlog
from prometheus_client import Gauge

from domain.errors import Unavailable
from projections.log import Log, end_of_the_log
from store.database import Database

__all__ = ["Change", "Look", "Told", "Watch"]

log = structlog.get_logger("upheld.watch")

_REMEMBERED = 10_000
_WAITING = 1_000
"""Changes that may wait for somebody who takes them slowly."""
_GATHER_SECONDS = 0.03
_PAUSE = 0.5


class Change(Protocol):
    """Something that changed by the event at `position`, or by the clock after it."""

    @property
    def position(self) -> int: ...


C = TypeVar("C", bound=Change)


class Told(NamedTuple):
    """What somebody is told of a change: where it stands, the name of the event, and what that holds."""

    position: int
    name: str
    row: object


class Look(Generic[C]):
    """What one who looks on is still to be told; `tell` finds the event for him, or none where it concerns him not.

    Where `reset` is set, he must read anew how everything stands: what came before `position` is lost to him.
    """

    def __init__(self, after: int | None, tell: Callable[[C], tuple[str, object] | None]) -> None:
        self.after = after
        self.position: int | None = None
        self.reset = False
        self._tell = tell
        self._waiting: deque[Told] = deque()
        self._something = asyncio.Event()

    def put(self, change: C) -> None:
        """Something that he may have to be told; who takes too little must begin anew."""
        if (told := self._tell(change)) is None:
            return
        self._waiting.append(Told(change.position, *told))
        if len(self._waiting) > _WAITING:
            self.start_anew(change.position)
        self._something.set()

    def start_anew(self, position: int) -> None:
        """What he was to be told is lost to him."""
        self._waiting.clear()
        self.position, self.reset = position, True
        self._something.set()

    @property
    def waits(self) -> bool:
        """Whether there is something that he was not told yet."""
        return bool(self._waiting)

    async def wait(self) -> None:
        """Until there is something to be told."""
        await self._something.wait()

    def take(self) -> Iterator[Told]:
        """What there is now."""
        self._something.clear()
        while self._waiting:
            yield self._waiting.popleft()


class Watch(ABC, Generic[C]):
    """Watches for as long as somebody looks on, and `linger_seconds` longer.

    >>> async with watch.look(None, lambda change: change.told(FlagFilter())) as look:  # doctest: +SKIP
    ...     await look.wait()
    ...     list(look.take())
    [Told(position=4720, name='flagged', row=FlagRow(reason='overdue', …))]
    """

    looking: ClassVar[Gauge]
    linger_seconds: ClassVar[float]

    def __init__(self, database: Database, events: Log) -> None:
        self._database = database
        self._log = events
        self._looks: set[Look[C]] = set()
        self._wanted, self._ready = asyncio.Event(), asyncio.Event()
        self._remembered: deque[C] = deque(maxlen=_REMEMBERED)
        self._since = self._position = self._forgotten = 0
        self._is_stale = False

    @abstractmethod
    async def _reached(self) -> int:
        """Up to which event the projections show everything that a change is read from."""

    @abstractmethod
    async def _begin_at(self, position: int) -> tuple[int, Iterable[C]]:
        """Make ready to watch from a position on; answers since when changes are known, and which those are."""

    @abstractmethod
    async def _changes(self, after: int, until: int) -> Iterable[C]:
        """What has changed by what was recorded behind a position, up to another, and by the clock, in order."""

    @contextlib.asynccontextmanager
    async def look(self, after: int | None, tell: Callable[[C], tuple[str, object] | None]) -> AsyncIterator[Look[C]]:
        """Look on: from now, or from behind a position that one was told before.

        What happened at that very position is told again: several changes may stand there, of which only some were
        heard of.
        """
        look = Look(after, tell)
        self._looks.add(look)
        self._wanted.set()
        self.looking.inc()
        try:
            if self._ready.is_set():
                self._welcome(look)
            await self._ready.wait()
            yield look
        finally:
            self._looks.discard(look)
            self.looking.dec()

    def _welcome(self, look: Look[C]) -> None:
        if look.position is not None or (look.after is not None and look.after < self._since):
            look.start_anew(self._position)
            return
        look.position = self._position
        if look.after is not None:
            for change in dropwhile(lambda change: change.position < (look.after or 0), list(self._remembered)):
                look.put(change)

    def forget(self) -> None:
        """Something was erased: tell nobody what was known before, not even who waits for it; he reads it anew."""
        self._forgotten += 1
        self._remembered.clear()
        self._since = self._position + 1
        for look in self._looks:
            if look.waits:
                look.start_anew(self._position)

    def begin_anew(self) -> None:
        """The log is not the one any more that was watched: whoever looks on must read how everything stands."""
        self._is_stale = True

    async def run(self) -> None:
        """Watch whenever somebody looks on, until cancelled. Needs the log to be followed."""
        while True:
            await self._wanted.wait()
            try:
                await self._begin()
                await self._watch()
            except (Unavailable, psycopg.Error) as error:
                log.warning("interrupted", watch=type(self).__name__, error=str(error).strip())
                await asyncio.sleep(_PAUSE)
            self._ready.clear()
            self._remembered.clear()
            if not self._looks:
                self._wanted.clear()

    async def _begin(self) -> None:
        """Learn how it stands. Whoever looked on before an interruption must read it, too."""
        self._is_stale = False
        self._position = await self._reached()
        self._since, known = await self._begin_at(self._position)
        self._remembered.extend(known)
        for look in self._looks:
            self._welcome(look)
        self._ready.set()

    async def _watch(self) -> None:
        loop, turn, behind = asyncio.get_running_loop(), 0, False
        needed_at = loop.time()
        while self._looks or loop.time() - needed_at < self.linger_seconds:
            # What was recorded is projected a moment later.
            turn = turn if behind else await self._log.turn_after(turn)
            await asyncio.sleep(_GATHER_SECONDS)
            if self._is_stale:
                return
            behind = await self._look_again()
            if self._looks:
                needed_at = loop.time()

    async def _look_again(self) -> bool:
        """Tell what has changed; answers whether more was recorded than the projections have taken in."""
        forgotten = self._forgotten
        end, position = await end_of_the_log(self._database), await self._reached()
        for change in await self._changes(self._position, position):
            self._remembered.append(change)
            if len(self._remembered) == _REMEMBERED:
                self._since = self._remembered[0].position + 1
            for look in self._looks:
                look.put(change)
        self._position = max(position, self._position)
        if forgotten != self._forgotten:
            self.forget()  # what was read meanwhile may be of before
        return position < end and bool(self._looks)

"""The flags as they come and go.

The watch knows which flags hold. It asks again about those that may have changed meanwhile: the commitments that were
recorded about, and those whose flag the clock has raised.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from prometheus_client import Gauge

from projections.flags import FlagFilter, FlagRow, Flags, Raised
from projections.log import Log
from projections.watching import Watch

__all__ = ["FlagChange", "FlagWatch"]


@dataclass(frozen=True, slots=True)
class FlagChange:
    """What became of the flag of a commitment, by the event at `position`, or by the clock after it."""

    position: int
    before: Raised | None
    after: Raised | None
    erased: bool = False
    """Whether the words of its promise are gone now, which whoever has them on his screen must be told."""

    def told(self, wanted: FlagFilter) -> tuple[str, FlagRow] | None:
        """The event for somebody who asks for certain flags: `flagged`, `cleared`, or none.

        What else a board shows of its promise is no part of the flag.
        """
        if self.after is not None and self.after.matches(wanted):
            is_known = self.before is not None and self.before.flag == self.after.flag and not self.erased
            return None if is_known else ("flagged", self.after.flag)
        if self.before is not None and self.before.matches(wanted):
            return "cleared", self.before.flag
        return None

    def concerns(self, wanted: FlagFilter) -> bool:
        """Whether a board that shows certain flags shows another picture now."""
        return any(raised is not None and raised.matches(wanted) for raised in (self.before, self.after))


class FlagWatch(Watch[FlagChange]):
    """Watches the flags; it lingers, since to begin it reads them all."""

    looking = Gauge("upheld_flag_streams", "Who looks on as flags come and go", multiprocess_mode="livesum")
    linger_seconds = 60.0

    def __init__(self, flags: Flags, events: Log, now: Callable[[], Awaitable[datetime]]) -> None:
        super().__init__(flags.database, events)
        self._flags = flags
        self._now = now
        self._known: dict[UUID, Raised] = {}
        self._looked_at = datetime.min

    async def _reached(self) -> int:
        return await self._flags.position()

    async def _begin_at(self, position: int) -> tuple[int, list[FlagChange]]:
        self._looked_at = await self._now()
        self._known = await self._flags.all(now=self._looked_at)
        return position, []

    async def _changes(self, after: int, until: int) -> list[FlagChange]:
        now = await self._now()
        touched = await self._flags.touched(after, until)
        for id in await self._flags.raised_between(self._looked_at, now):
            touched.setdefault(id, (until, False))
        hold = await self._flags.of(list(touched), now=now) if touched else {}
        self._looked_at = now
        changes = []
        for id, (at, is_erased) in sorted(touched.items(), key=lambda item: item[1][0]):
            before, after_it = self._known.pop(id, None), hold.get(id)
            if after_it is not None:
                self._known[id] = after_it
            if before != after_it:
                is_news = is_erased and before is not None and not before.flag.erased
                changes.append(FlagChange(at, _without_words(before) if is_erased else before, after_it, is_news))
        return changes


def _without_words(raised: Raised | None) -> Raised | None:
    """A flag as it is told once its promise is erased."""
    return raised and raised._replace(flag=replace(raised.flag, promise=None, erased=True))

"""The flags of a replayed day as a supervisor sees them, each from when it came until it went.

>>> board.look(now, await office.flags())  # doctest: +SKIP
>>> [(one.flag.reason, one.gone_at) for one in board.seen]  # doctest: +SKIP
[('not_received', datetime.datetime(2027, 3, 3, 7, 4, tzinfo=…))]
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bench.day_office import Flag

__all__ = ["Board", "Raised"]

_Key = tuple[str, str, str, datetime]


@dataclass(slots=True)
class Raised:
    """A flag that was there; `helped` where somebody dealt with it before it went."""

    flag: Flag
    night_alone: bool = False
    gone_at: datetime | None = None
    helped: bool = False


class Board:
    """All flags that were seen, and the one that each promise has now."""

    def __init__(self) -> None:
        self.seen: list[Raised] = []
        self.standing: dict[str, Raised] = {}

    def look(self, now: datetime, flags: Iterable[Flag]) -> list[Raised]:
        """Take in the flags of this minute; answers those that are new."""
        there = {flag.commitment_id: flag for flag in flags}
        for id in [id for id, raised in self.standing.items() if id not in there]:
            self.standing.pop(id).gone_at = now
        fresh = []
        for id, flag in there.items():
            before = self.standing.get(id)
            if before is not None and _key(before.flag) == _key(flag):
                continue
            if before is not None:
                before.gone_at = now
            self.standing[id] = raised = Raised(flag)
            fresh.append(raised)
        self.seen += fresh
        return fresh

    def reason(self, id: str) -> str | None:
        """Why a promise is flagged, if it is."""
        raised = self.standing.get(id)
        return raised.flag.reason if raised is not None else None

    def help(self, id: str) -> None:
        """Note that somebody deals with what a promise is flagged for."""
        if raised := self.standing.get(id):
            raised.helped = True


def _key(flag: Flag) -> _Key:
    return flag.commitment_id, flag.reason, flag.role, flag.since

"""Which promises were truly not received when it was too late, and whether the board had said so before."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bench.day_replay import Case, Replay

__all__ = ["Lost", "Rescue"]

_BEFORE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Lost:
    """A hand-off without its receipt a minute before it could not be mended any more."""

    commitment_id: str
    kind: str
    role: str
    rescue_by: datetime
    flagged: bool


class Rescue:
    """Looks at each promise a minute before its keeper leaves, and a minute before it is due."""

    def __init__(self, replay: Replay) -> None:
        self._of = replay
        self.lost: list[Lost] = []

    def watch_due(self, case: Case) -> None:
        due_at = case.commitment.due.at
        self._of.later(due_at - _BEFORE, partial(self._check, case, due_at, None), case)

    def watch_departure(self, case: Case, departs_at: datetime) -> None:
        """Whoever drives must have it before he leaves."""
        self._of.later(departs_at - _BEFORE, partial(self._check, case, departs_at, "courier"), case)

    async def _check(self, case: Case, rescue_by: datetime, role: str | None) -> None:
        stands = await self._of.look(case)
        if stands.is_closed or (role is None and stands.due.at != rescue_by):
            return
        flagged = self._of.board.reason(case.id) is not None
        for handoff in stands.handoffs:
            if not handoff.received and role in (None, handoff.role):
                self.lost.append(Lost(case.id, stands.kind, handoff.role, rescue_by, flagged))

"""What happens on a replayed day while those concerned are not at work."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bench.day_board import Raised
from bench.day_model import ZONE, Model, at
from bench.day_office import Event
from bench.day_replay import Case, Replay

__all__ = ["Disturbed", "Hours", "is_night"]

_INSTANT = timedelta(seconds=1)
_NIGHT_BEGINS, _NIGHT_ENDS = 21, 6


def is_night(instant: datetime) -> bool:
    """Between nine in the evening and six in the morning."""
    hour = instant.astimezone(ZONE).hour
    return hour >= _NIGHT_BEGINS or hour < _NIGHT_ENDS


@dataclass(frozen=True, slots=True)
class Disturbed:
    """Somebody was told something off duty.

    `in_vain` where it could have waited until he begins, `too_late` where nothing was to be saved any more.
    """

    who: str
    at: datetime
    in_vain: bool
    too_late: bool


class Hours:
    """Looks at the hours at which flags begin and people are told something."""

    def __init__(self, replay: Replay, model: Model) -> None:
        self._of, self._model = replay, model
        self.disturbed: list[Disturbed] = []

    def sees(self, raised: Raised) -> None:
        """Note of a flag that begins at night whether its keeper could not have been at work.

        What is overdue gives him all the time from the promise on, a missed receipt the time until then; so nothing
        is the night's fault that begins as his work ends.
        """
        flag, staff = raised.flag, self._of.staff
        if not is_night(flag.since):
            return
        before = flag.since - _INSTANT
        if flag.reason == "overdue":
            made_at = self._of.cases[flag.commitment_id].commitment.made_at
            raised.night_alone = flag.recipient is not None and staff.begins(flag.recipient, made_at) >= flag.since
        else:
            raised.night_alone = flag.recipient is None or not staff.is_at_work(flag.recipient, before)

    async def hears(self, case: Case, event: Event) -> None:
        """Note who is told something off duty. What left as his work ended reaches him still."""
        to, role, now, staff = event.data.recipient, event.data.role, self._of.now, self._of.staff
        if event.type != "HandoffSent" or to is None or role is None:
            return
        if staff.begins(to, self._of.before) <= now:
            return
        rescue_by = self._rescue_by(case, role)
        self.disturbed.append(Disturbed(to, now, staff.begins(to, now) <= rescue_by, rescue_by <= now))

    def _rescue_by(self, case: Case, role: str) -> datetime:
        if role == "courier" and case.day is not None:
            departs_at = at(case.day, self._model.departs_at)
            planned_at = departs_at - timedelta(hours=24 + self._model.departs_at - self._model.plans_at)
            if planned_at <= self._of.now < departs_at:
                return departs_at
        return case.commitment.due.at

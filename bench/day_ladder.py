"""Whoever is asked up the ladder on a replayed day: he deals with it some minutes later, by what it is flagged for."""

from datetime import timedelta
from functools import partial

from bench.day_desk import Desk
from bench.day_keepers import Keepers
from bench.day_model import at
from bench.day_office import Event
from bench.day_replay import Case, Replay
from domain.actors import role_of

__all__ = ["Ladder"]

_ASKED = ("agent", "supervisor", "manager")
_A_CALL = timedelta(minutes=3)


class Ladder:
    """Makers, supervisors and managers who are told that a promise is in danger."""

    def __init__(self, replay: Replay, desk: Desk, keepers: Keepers) -> None:
        self._of, self._staff, self._office = replay, replay.staff, replay.office
        self._desk, self._keepers = desk, keepers

    async def hears(self, case: Case, event: Event) -> None:
        """Somebody was told who is asked on the ladder: he acts when he has a moment."""
        to = event.data.recipient
        if event.type != "HandoffSent" or to is None or role_of(to) not in _ASKED or to in case.asked:
            return
        case.asked.add(to)
        acts_at = self._staff.after_work_of(to, self._of.now, case.random.uniform(5, 20))
        self._of.later(acts_at, partial(self._act, case, to), case)

    async def _act(self, case: Case, who: str) -> None:
        case.asked.discard(who)
        stands = await self._of.look(case)
        if stands.is_closed:
            return
        raised = self._of.board.standing.get(case.id)
        is_supervisor = role_of(who) != "agent"
        if is_supervisor:
            case.commitment = await self._office.escalate(case.id, who, "taken")
        if raised is None:
            return
        self._of.board.help(case.id)
        flag = raised.flag
        if stands.kind in ("callback", "answer"):
            case.commitment = await self._office.keep(case.id, who)
        elif flag.reason in ("attempted", "overdue") or self._is_too_late(case, flag.role):
            await self._desk.amend(case, who)
        elif flag.reason in ("not_received", "stale_revision") and flag.recipient is not None:
            await self._ring(case, who, flag.role, flag.recipient)
        elif is_supervisor:
            await self._reassign(case, who, flag.role, flag.recipient)
        else:
            case.commitment = await self._office.escalate(case.id, who, "raised")

    def _is_too_late(self, case: Case, role: str) -> bool:
        """The van has left without it."""
        if case.day is None or role not in ("courier", "warehouse"):
            return False
        left = at(case.day, self._of.model.departs_at) <= self._of.now
        return left and case.commitment.revision == 1 and case.commitment.kind == "free_item"

    async def _ring(self, case: Case, who: str, role: str, recipient: str) -> None:
        """Ring up whoever has not answered; where he is off duty, when he begins."""
        now = self._of.now
        begins = self._staff.begins(recipient, now)
        if begins > now:
            case.asked.add(who)
            self._of.later(max(begins, self._staff.begins(who, begins)) + _A_CALL, partial(self._act, case, who), case)
            return
        answer = partial(self._keepers.answer, case, role, recipient, case.commitment.revision, "in_time")
        self._of.later(now + _A_CALL, answer, case)

    async def _reassign(self, case: Case, who: str, role: str, recipient: str | None) -> None:
        other = self._staff.another(recipient or f"{role}:", self._of.now, case.random)
        if other is None:
            case.asked.add(who)
            self._of.later(self._staff.after_work_of(who, self._of.now, 30), partial(self._act, case, who), case)
        else:
            case.commitment = await self._office.assign(case.id, who, role, other)

"""Whoever must keep a promise on a replayed day: they hear of it, mostly answer, and mostly keep it."""

from datetime import datetime, timedelta
from functools import partial

from bench.day_model import Answers, at
from bench.day_office import Commitment, Event
from bench.day_replay import Case, Replay
from domain.actors import is_member

__all__ = ["Keepers"]

_MINUTE = timedelta(minutes=1)
_LOADING_MINUTES = 55
_THINGS = ("free_item",)
_BRING = ("redelivery", "free_item")


class Keepers:
    """Couriers, the hall, finance and technicians."""

    def __init__(self, replay: Replay) -> None:
        self._of, self._model, self._staff, self._office = replay, replay.model, replay.staff, replay.office

    async def hears(self, case: Case, event: Event) -> None:
        """A message has left, or a receipt is missed: who has not answered yet answers, or forgets to."""
        role, to, revision = event.data.role, event.data.recipient, event.revision or 1
        if role is None or to is None or event.type not in ("HandoffSent", "ReceiptMissed"):
            return
        if event.type == "ReceiptMissed":
            case.missed.add((role, to, revision))
            return
        handoff = (await self._of.look(case)).handoff(role)
        recipient = handoff.recipient
        if recipient is None or handoff.received or not is_member(to, recipient):
            return
        key = (role, recipient, revision)
        how = case.answers.setdefault((role, recipient), self._model.answers(case.random))
        if key not in case.told:
            case.told.add(key)
            if how in ("in_time", "declines"):
                self._of.later(self._answers_at(case, role, recipient), partial(self.answer, case, *key, how), case)
        elif key in case.missed and how == "nagged":
            answers_at = self._staff.after_work_of(recipient, self._of.now, case.random.uniform(3, 12))
            self._of.later(answers_at, partial(self.answer, case, *key, how), case)

    async def answer(self, case: Case, role: str, recipient: str, revision: int, how: Answers) -> None:
        """Say that one has it, or that one cannot, as soon as somebody is there to say so."""
        stands, now = await self._of.look(case), self._of.now
        handoff = stands.handoff(role)
        if stands.is_closed or handoff.received or (handoff.recipient, stands.revision) != (recipient, revision):
            return
        person = self._staff.speaks_for(recipient, now, case.random)
        again = partial(self.answer, case, role, recipient, revision, how)
        if person is None:
            self._of.later(self._staff.begins(recipient, now) + 5 * _MINUTE, again, case)
        elif how != "declines" and _lacks_the_thing(role, stands):
            if now < self._departs(case):
                self._of.later(now + 5 * _MINUTE, again, case)
        else:
            state = "declined" if how == "declines" else "held" if stands.kind in _THINGS else "acknowledged"
            reason = "There is none left" if how == "declines" else None
            case.commitment = await self._office.receipt(case.id, person, revision, state, role, reason)
            self._plan_keeping(case)

    def _departs(self, case: Case) -> datetime:
        return at(case.day, self._model.departs_at) if case.day is not None else self._of.now

    # -- when ---------------------------------------------------------------------------------------------------

    def _answers_at(self, case: Case, role: str, recipient: str) -> datetime:
        draw, now, day = case.random, self._of.now, case.day
        if role == "warehouse" and case.commitment.revision == 1 and day is not None:
            return self._packed_at(case)
        if role == "courier" and day is not None:
            begins = at(day, self._model.loading_begins)
            loads_at = begins + timedelta(minutes=1 + draw.betavariate(2, 4) * _LOADING_MINUTES)
            if begins <= now < self._departs(case):
                return max(loads_at, now + _MINUTE)
        minutes = draw.uniform(10, 100) if role in ("finance", "technician") else draw.uniform(2, 30)
        return self._staff.after_work_of(recipient, now, minutes)

    def _packed_at(self, case: Case) -> datetime:
        """In the evening before it goes, or in the morning before it is loaded."""
        draw, now, day = case.random, self._of.now, case.day or self._of.now.date()
        evening = at(day, draw.uniform(-7, -2.5))
        morning = at(day, draw.uniform(6, 6.9))
        return max(evening if draw.random() < 0.7 and evening > now else morning, now + 5 * _MINUTE)

    # -- keeping ------------------------------------------------------------------------------------------------

    def _plan_keeping(self, case: Case) -> None:
        """Once everybody on its path has it, it takes its course."""
        stands, revision = case.commitment, case.commitment.revision
        if revision in case.keeps or not all(handoff.received for handoff in stands.handoffs):
            return
        case.keeps.add(revision)
        if stands.kind in _BRING:
            self._plan_bringing(case)
        else:
            part = self._model.finance_in_time
            in_time = case.random.random() < part
            self._of.later(self._kept_at(case, in_time=in_time), partial(self._keep, case, revision), case)

    def _plan_bringing(self, case: Case) -> None:
        brings_at = max(case.stop_at or self._of.now, self._of.now + case.random.uniform(5, 40) * _MINUTE)
        drawn, revision = case.random.random(), case.commitment.revision
        if drawn < self._model.delivered:
            self._of.later(brings_at, partial(self._keep, case, revision), case)
        elif drawn < self._model.delivered + self._model.absent:
            self._of.later(brings_at, partial(self._try, case, revision), case)
        else:
            self._of.later(brings_at + timedelta(days=1), partial(self._keep, case, revision), case)

    def _kept_at(self, case: Case, *, in_time: bool) -> datetime:
        """In office hours, some time before the due or some hours after it."""
        who, now, due = case.commitment.handoffs[-1].recipient or "", self._of.now, case.commitment.due.at
        if not in_time:
            return self._staff.after_work_of(who, due, case.random.uniform(60, 300))
        wished = now + (due - now) * case.random.uniform(0.1, 0.9)
        begins = self._staff.begins(who, wished)
        return begins if begins < due else wished

    async def _keep(self, case: Case, revision: int) -> None:
        stands = await self._of.look(case)
        if not stands.is_closed and stands.revision == revision:
            case.commitment = await self._office.keep(case.id, _keeper(stands))

    async def _try(self, case: Case, revision: int) -> None:
        stands = await self._of.look(case)
        if not stands.is_closed and stands.revision == revision:
            case.commitment = await self._office.attempt(case.id, _keeper(stands))


def _keeper(stands: Commitment) -> str:
    return stands.handoffs[-1].recipient or stands.made_by


def _lacks_the_thing(role: str, stands: Commitment) -> bool:
    """What the hall has not packed cannot be loaded."""
    packed = stands.kind not in _THINGS or stands.handoff("warehouse").received
    return role == "courier" and stands.revision == 1 and not packed

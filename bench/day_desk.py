"""The desks of a replayed day: agents who promise and are rung up again, the planner, and who sends technicians."""

import datetime as dt
import itertools
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from bench.day_model import at
from bench.day_office import Said, Stop
from bench.day_replay import Case, Replay
from bench.day_rescue import Rescue
from bench.world import PROMISES

__all__ = ["Desk"]

_MINUTE = timedelta(minutes=1)
_BRING = ("redelivery", "free_item")
_CALLS = ("callback", "answer")


class Desk:
    """What happens without anybody being told of it before."""

    def __init__(self, replay: Replay, rescue: Rescue) -> None:
        self._of, self._model, self._staff, self._office = replay, replay.model, replay.staff, replay.office
        self._rescue = rescue
        self._planned: dict[dt.date, list[Case]] = {}
        self._cases: list[Case] = []
        self._numbers = itertools.count(1)

    def open(self, day: dt.date) -> None:
        """All that is going to happen on a day: the calls, and the planning in the evening."""
        random = Random(f"{self._model.seed}/{day}")
        for call in self._model.calls(day, self._model.promises_a_day, random):
            self._of.later(call, partial(self._promise, next(self._numbers), call))
        for call in self._model.calls(day, self._model.contacts_a_day, random):
            self._of.later(call, partial(self._asks_again, Random(random.random()), call))
        self._of.later(at(day, self._model.plans_at), partial(self._plan, day + timedelta(days=1)))

    # -- calls --------------------------------------------------------------------------------------------------

    async def _promise(self, number: int, call: datetime) -> None:
        draw, now = Random(f"{self._model.seed}/{number}"), self._of.now
        kind = self._model.kind(draw)
        agent = draw.choice(self._staff.at_work("agent", call)).actor
        brought_on = self._brought_on(draw) if kind in _BRING else None
        due = self._due(draw, kind, agent, brought_on)
        order_id = f"SO-{number}" if brought_on is not None else None
        made = await self._office.promise(agent, kind, draw.choice(PROMISES), order_id, due)
        case = Case(number, draw, made, brought_on)
        self._of.cases[made.id] = case
        self._cases.append(case)
        self._rescue.watch_due(case)
        if brought_on is not None:
            self._goes_on(case, brought_on)
        elif kind in _CALLS and draw.random() < self._model.calls_in_time:
            self._of.later(now + (made.due.at - now) * draw.uniform(0.3, 0.9), partial(self._ring, case), case)
        elif kind == "repair":
            sent_at = self._staff.after_work_of("technician:t0", now, draw.uniform(30, 180))
            self._of.later(sent_at, partial(self._send_technician, case), case)

    def _brought_on(self, draw: Random) -> dt.date:
        """The next day mostly, as long as it can still be planned for it."""
        planned = self._of.now < at(self._of.now.date(), self._model.next_day_until)
        return self._of.now.date() + timedelta(days=1 if planned and draw.random() < 0.7 else 2)

    def _due(self, draw: Random, kind: str, agent: str, brought_on: dt.date | None) -> Said | None:
        if brought_on is not None:
            return {"date": brought_on.isoformat()}
        if kind not in _CALLS:
            return None
        now, duty = self._of.now, self._staff.people[agent].duty
        leaves_at = next(duty.spans(now))[1] - 10 * _MINUTE
        wished = min(now + draw.uniform(30, 240) * _MINUTE, leaves_at)
        if wished < now + 30 * _MINUTE:
            wished = duty.next_on(leaves_at + 60 * _MINUTE) + 120 * _MINUTE
        return {"at": wished}

    async def _ring(self, case: Case) -> None:
        if not (await self._of.look(case)).is_closed:
            case.commitment = await self._office.keep(case.id, case.commitment.made_by)

    async def _asks_again(self, draw: Random, call: datetime) -> None:
        """A customer asks about a promise that is not kept yet."""
        for case in draw.sample(self._cases, min(5, len(self._cases))):
            if not (await self._of.look(case)).is_closed:
                agent = draw.choice(self._staff.at_work("agent", call)).actor
                case.commitment = await self._office.contact(case.id, agent)
                return

    async def _send_technician(self, case: Case) -> None:
        technician = case.random.choice(self._staff.of_role("technician")).actor
        case.commitment = await self._office.assign(case.id, "system:oms", "technician", technician)

    # -- bringing -----------------------------------------------------------------------------------------------

    def _goes_on(self, case: Case, day: dt.date) -> None:
        case.day, case.stop_at = day, at(day, case.random.uniform(8, 18)).astimezone(UTC)
        self._planned.setdefault(day, []).append(case)

    async def amend(self, case: Case, by: str) -> None:
        """Agree with the customer on the next day."""
        day = self._of.now.date() + timedelta(days=1)
        case.commitment = await self._office.amend(case.id, by, {"date": day.isoformat()})
        self._rescue.watch_due(case)
        if case.day is not None:
            self._goes_on(case, day)

    async def _plan(self, day: dt.date) -> None:
        """The routes of the next day, one a courier."""
        couriers, departs_at = self._staff.of_role("courier"), at(day, self._model.departs_at)
        loads: dict[str, list[Case]] = {}
        for case in self._planned.pop(day, []):
            if not (await self._of.look(case)).is_closed and case.day == day:
                loads.setdefault(couriers[case.number % len(couriers)].actor, []).append(case)
        for courier, load in loads.items():
            load.sort(key=lambda case: case.stop_at or departs_at)
            stops: list[Stop] = [(c.order_id, n, c.stop_at or departs_at) for n, c in enumerate(load, 1)]
            await self._office.route(f"{courier.partition(':')[2]}-{day}", courier, departs_at, stops)
            for case in load:
                self._rescue.watch_departure(case, departs_at)

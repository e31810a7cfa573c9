"""Moving the clock through some days: what is planned for a minute is done in it, then people hear of it and look.

>>> replay.later(at(day, 20), plan_routes)  # doctest: +SKIP
>>> await replay.run(at(day, 24))  # doctest: +SKIP
"""

import asyncio
import datetime as dt
import heapq
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from bench.day_board import Board, Raised
from bench.day_model import Answers, Model
from bench.day_office import Commitment, Event, Office
from bench.day_staff import Staff
from store.database import Database

__all__ = ["Act", "Case", "Replay"]

Act = Callable[[], Awaitable[None]]
_WAITING = "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))"
_LOOK_SECONDS = 0.005


@dataclass(slots=True)
class Case:
    """A promise and what chance has in store for it, which depends on its number alone.

    `day` is when it is brought, `stop_at` about when, where somebody drives there.
    """

    number: int
    random: Random
    commitment: Commitment
    day: dt.date | None = None
    stop_at: datetime | None = None
    answers: dict[tuple[str, str], Answers] = field(default_factory=dict)
    told: set[tuple[str, str, int]] = field(default_factory=set)
    missed: set[tuple[str, str, int]] = field(default_factory=set)
    keeps: set[int] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        return self.commitment.id

    @property
    def order_id(self) -> str:
        return f"SO-{self.number}"


class Replay:
    """The days: what is planned, who hears of what, what is to be seen.

    `hears` is called for every event on a promise, `sees` for every flag that is new. The clock shows `now`, and showed
    `before` until it was moved.
    """

    def __init__(self, model: Model, office: Office, staff: Staff, database: Database, begins: datetime) -> None:
        self.model, self.office, self.staff, self.board = model, office, staff, Board()
        self.now = self.before = begins
        self.cases: dict[str, Case] = {}
        self.events: list[tuple[datetime, str]] = []
        self.hears: list[Callable[[Case, Event], Awaitable[None]]] = []
        self.sees: list[Callable[[Raised], None]] = []
        self._database = database
        self._agenda: list[tuple[datetime, int, int, Act]] = []
        self._numbers = itertools.count(1)
        self._position = 0

    def later(self, at: datetime, act: Act, case: Case | None = None) -> None:
        """Do it then; one after another what is about the same promise."""
        number = next(self._numbers)
        heapq.heappush(self._agenda, (at.astimezone(UTC), number, case.number if case is not None else -number, act))

    async def look(self, case: Case) -> Commitment:
        """How a promise stands now."""
        found = await self.office.look(case.id)
        if found.version >= case.commitment.version:
            case.commitment = found
        return case.commitment

    async def run(self, until: datetime) -> None:
        while self.now < until:
            ahead = self._agenda[0][0] if self._agenda else until
            step = min(max(ahead - self.now, self.model.step), self.model.longest_step)
            self.before, self.now = self.now, min(_whole_minute(self.now + step), until)
            await self._step()

    async def _step(self) -> None:
        await self.office.move_clock(self.now)
        if due := self._due():
            await self._do(due)
            await self.office.move_clock(self.now)
        if await self._carried():
            # What was sent is recorded, and those who look now are to see it.
            await self.office.move_clock(self.now)
        for raised in self.board.look(self.now, await self.office.flags()):
            for sees in self.sees:
                sees(raised)
        await self._hear()

    def _due(self) -> list[tuple[int, Act]]:
        due = []
        while self._agenda and self._agenda[0][0] <= self.now:
            _, _, about, act = heapq.heappop(self._agenda)
            due.append((about, act))
        return due

    async def _do(self, due: Sequence[tuple[int, Act]]) -> None:
        one_by_one: dict[int, list[Act]] = {}
        for about, act in due:
            one_by_one.setdefault(about, []).append(act)
        await asyncio.gather(*(_in_turn(acts) for acts in one_by_one.values()))

    async def _carried(self) -> bool:
        """Wait until every message has been carried out; answers whether there was one."""
        waited = False
        while (await self._database.fetch(_WAITING))[0][0]:
            waited = True
            await asyncio.sleep(_LOOK_SECONDS)
        return waited

    async def _hear(self) -> None:
        for event in await self.office.history(self._position):
            self._position = event.position
            self.events.append((event.recorded_at, event.type))
            case = self.cases.get(event.commitment_id or "")
            if case is not None:
                for hears in self.hears:
                    await hears(case, event)


async def _in_turn(acts: Sequence[Act]) -> None:
    for act in acts:
        await act()


def _whole_minute(at: datetime) -> datetime:
    return at - timedelta(seconds=at.second, microseconds=at.microsecond)

"""A replayed day, as it is supposed to go: how many people, calls and promises, and how reliable everybody is.

>>> Model(scale=0.05).crowd(300), Model(scale=0.05).promises_a_day
(15, 120)
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Literal
from zoneinfo import ZoneInfo

from bench.world import BY_HOUR

__all__ = ["CONFIGURATION", "SUGGESTED", "ZONE", "Answers", "Model", "at", "first_day"]

ZONE = ZoneInfo("Asia/Shanghai")
CONFIGURATION = """
[defaults]
time_zone = "Asia/Shanghai"
calendar = "CN"
[roles.manager]
"""
"""The defaults of the contract."""
SUGGESTED = """
[kinds.free_item]
receipt_within = "PT12H"
remind_before_due = "PT6H"
[kinds.redelivery]
remind_before_due = "PT6H"
[kinds.invoice]
remind_before_due = "PT7H"
"""
"""What fits such a company better: its hall packs in the evening for the next day, and nobody is at work an hour before
midnight to be reminded of what is due then.
"""

Answers = Literal["in_time", "nagged", "never", "declines"]
"""How a keeper takes it: by himself, only when he is asked again, only when somebody rings him up, or not at all."""

_OPENS, _CLOSES = 8, 21


def first_day(now: datetime) -> dt.date:
    """The first Tuesday of the next March: a test clock moves forward only, and no holiday of China is near.

    >>> first_day(datetime(2026, 11, 28, tzinfo=ZONE)).isoformat()
    '2027-03-02'
    """
    march = dt.date(now.year + 1, 3, 1)
    return march + timedelta(days=(1 - march.weekday()) % 7)


def at(day: dt.date, hours: float) -> datetime:
    """So many hours into a day, on the clocks of Shanghai.

    >>> at(dt.date(2027, 3, 2), 7.5).isoformat()
    '2027-03-02T07:30:00+08:00'
    """
    return datetime.combine(day, dt.time(), ZONE) + timedelta(hours=hours)


@dataclass(frozen=True, slots=True)
class Model:
    """What the days are like. All chance comes from `seed`; `scale` makes a smaller company of the same habits.

    `step` is how far the clock moves at the least, `longest_step` at the most.
    """

    seed: int = 1
    scale: float = 1.0
    days: int = 2
    step: timedelta = timedelta(minutes=1)
    longest_step: timedelta = timedelta(minutes=5)
    team_channels: bool = True
    """Whether a team has a channel of its own, such as a screen in the hall; else each of its members is told."""

    agents: int = 300
    supervisors: int = 20
    managers: int = 2
    couriers: int = 60
    warehouse: int = 20
    finance: int = 20
    technicians: int = 15

    contacts: int = 24_000
    promises: int = 2_400
    asks_again: float = 0.03
    kinds: Mapping[str, int] = field(
        default_factory=lambda: {
            "redelivery": 30,
            "free_item": 20,
            "refund": 20,
            "compensation": 5,
            "invoice": 5,
            "callback": 12,
            "answer": 3,
            "repair": 5,
        }
    )
    plans_at: float = 20.0
    loading_begins: float = 6.5
    departs_at: float = 7.5
    next_day_until: float = 19.5
    """Until when an agent promises the next day: what comes later misses the planning."""

    declines: float = 0.01
    nagged: float = 0.03
    never: float = 0.02
    delivered: float = 0.94
    absent: float = 0.03
    finance_in_time: float = 0.97
    calls_in_time: float = 0.94

    def crowd(self, people: int, least: int = 1) -> int:
        """How many there are of so many in a company of this scale."""
        return max(round(people * self.scale), least)

    @property
    def promises_a_day(self) -> int:
        return round(self.promises * self.scale)

    @property
    def contacts_a_day(self) -> int:
        """How many calls are about a promise that there is already."""
        return round(self.contacts * self.asks_again * self.scale)

    def calls(self, day: dt.date, count: int, random: Random) -> list[datetime]:
        """When so many calls of a day come, in order."""
        weights = list(accumulate(BY_HOUR[_OPENS:_CLOSES]))
        hours = random.choices(range(_OPENS, _CLOSES), cum_weights=weights, k=count)
        return sorted(at(day, hour + random.random()) for hour in hours)

    def kind(self, random: Random) -> str:
        return random.choices(list(self.kinds), weights=list(self.kinds.values()))[0]

    def answers(self, random: Random) -> Answers:
        """How a keeper takes a promise that is handed to him."""
        parts: dict[Answers, float] = {"declines": self.declines, "nagged": self.nagged, "never": self.never}
        drawn = random.random()
        for how, part in parts.items():
            if drawn < part:
                return how
            drawn -= part
        return "in_time"

"""The company that is simulated: its customers, its people, its depots, and how busy each of them is.

Some are far busier than others, as everywhere: the n-th of a crowd is met about n to the power of -`skew` as often
as the first.
"""

import datetime as dt
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

from domain.deadlines import DueRule
from domain.durations import Within
from domain.promising import Making, Wanted
from domain.values import Item, Value

__all__ = ["BY_HOUR", "PROMISES", "Crowd", "World"]

_KINDS = {
    "delivery": 22,
    "redelivery": 24,
    "free_item": 11,
    "repair": 9,
    "refund": 11,
    "compensation": 5,
    "price_adjustment": 4,
    "invoice": 5,
    "callback": 6,
    "answer": 3,
}
"""How often each kind is promised, in percent."""

BY_HOUR = (1, 1, 1, 1, 1, 2, 4, 9, 20, 34, 38, 36, 28, 32, 36, 35, 33, 30, 26, 22, 16, 9, 4, 2)
"""How much is promised in each hour of a day."""

_WORTH = frozenset({"refund", "compensation", "price_adjustment"})
PROMISES = (
    "It comes tomorrow before noon; ring at the back door",
    "The missing HDMI cable comes along with the redelivery",
    "明天送货时顺便带上遗漏的遥控器",
    "下午三点前给您回电话，说明退款进度",
    "The whole amount is paid back to the card that was used",
    "A technician looks at the washing machine, and brings a new pump along",
)
_CHANNELS = ("phone", "phone", "chat", "wechat", "email")


class Crowd:
    """Names that are met with different frequency.

    >>> Crowd([f"courier:c{n}" for n in range(300)], skew=0.6).one(Random(1))
    'courier:c5'
    """

    def __init__(self, names: Sequence[str], skew: float) -> None:
        self._names = names
        self._weights = list(accumulate((n + 1) ** -skew for n in range(len(names))))

    def one(self, random: Random) -> str:
        return random.choices(self._names, cum_weights=self._weights)[0]


class World:
    """Who there is, and what they say; all of it drawn from one source of chance."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._kinds = list(_KINDS), list(accumulate(_KINDS.values()))
        self._hours = list(accumulate(BY_HOUR))
        self._customers = Crowd([f"CU-{n}" for n in range(100_000)], skew=0.7)
        self._depots = [f"depot-{n}" for n in range(20)]
        self._people = {
            "agent": Crowd([f"agent:a{n}" for n in range(200)], skew=0.5),
            "courier": Crowd([f"courier:c{n}" for n in range(300)], skew=0.6),
            "technician": Crowd([f"technician:t{n}" for n in range(60)], skew=0.4),
            "warehouse": Crowd([f"warehouse:w{n}" for n in range(80)], skew=0.4),
            "finance": Crowd([f"finance:f{n}" for n in range(40)], skew=0.4),
            "supervisor": Crowd([f"supervisor:s{n}" for n in range(15)], skew=0.3),
        }

    def chance(self, of: float) -> bool:
        return self.random.random() < of

    def person(self, role: str) -> str:
        return self._people[role].one(self.random)

    def customer(self) -> str:
        return self._customers.one(self.random)

    def depot_of(self, person: str) -> str:
        """Where somebody who carries orders leaves from, always the same."""
        number = int(person.rpartition(":")[2][1:])
        return self._depots[number % len(self._depots)]

    def day(self, begins: datetime, promises: int) -> list[datetime]:
        """When the promises of 24 hours are made, in order."""
        hours = self.random.choices(range(24), cum_weights=self._hours, k=promises)
        spread = self.random.random
        seconds = ((hour - begins.hour) % 24 * 3600 + spread() * 3600 for hour in hours)
        return sorted(begins + timedelta(seconds=second) for second in seconds)

    def making(self, now: datetime, order_id: str | None, customer: str) -> Making:
        """A promise as an agent records it."""
        kind = self.random.choices(self._kinds[0], cum_weights=self._kinds[1])[0]
        worth = Value(f"{self.random.randint(5, 900)}.{self.random.randint(0, 99):02d}", "CNY")
        return Making(
            customer_id=customer,
            kind=kind,
            promise=self.random.choice(PROMISES),
            order_id=None if kind == "answer" else order_id,
            due=Wanted(self._due(kind, now)),
            items=(Item(f"SKU-{self.random.randint(1, 5000)}", self.random.randint(1, 3)),)
            if kind == "free_item"
            else (),
            channel=self.channel(),
            direction="inbound",
            conversation=f"call-{self.random.getrandbits(32)}",
            value=worth if kind in _WORTH else None,
        )

    def channel(self) -> str:
        return self.random.choice(_CHANNELS)

    def _due(self, kind: str, now: datetime) -> DueRule | None:
        """When it is promised for; None where the kind says so."""
        if kind in ("delivery", "redelivery"):
            return DueRule(date=dt.date.fromordinal(now.toordinal() + self.random.choice((1, 1, 1, 2, 2, 3))))
        if kind in ("callback", "answer"):
            return DueRule(within=Within(self.random.randint(1, 8), "hours"))
        return None

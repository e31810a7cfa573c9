"""What one expression says: its slots, each filled at most once.

>>> said = Said()
>>> said.lasts(3, "hours"), said.span  # three halves of an hour
(True, Within(amount=90, unit='minutes'))
>>> said.at(25)
False
"""

from dataclasses import dataclass, field

from api.phrases.terms import Term, Value
from domain.durations import Unit, Within

__all__ = ["Clock", "Said"]

_MOST: dict[str, int] = {"minutes": 100_000, "hours": 80_000, "days": 3_600, "working_hours": 8_000}
"""Of each unit, and of all others 2000: within ten years, as far as a promise reaches."""

_UNITS: dict[Value, Unit] = {
    "minutes": "minutes",
    "hours": "hours",
    "days": "days",
    "working_days": "working_days",
    "working_hours": "working_hours",
}


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of the day; `half` is am or pm, or midnight, where said; `24` where the hours count through."""

    hour: int
    minute: int = 0
    half: str = ""


@dataclass(slots=True)
class Said:
    """The slots of one cluster."""

    bounds: set[str] = field(default_factory=set)
    span: Within | None = None
    hours: int | None = None
    """Of "до 3 часа", which is three hours or three o'clock."""
    abbreviated: bool = False
    """Whether that was said as "ч."."""
    dotted: tuple[int, int] | None = None
    """Of 10.12, which is a day or an hour."""
    days: list[tuple[Value, ...]] = field(default_factory=list)
    clock: Clock | None = None
    part: str = ""
    this: bool = False
    strong: bool = False
    loose: Term | None = None
    """The bare number, if the hour or the day is one: what follows must allow it."""
    unit_only: bool = False

    def day(self, *day: Value) -> bool:
        """A day; a second one only where it is the weekday of a date."""
        self.days.append(day)
        sorts = sorted(str(sort) for sort, *_ in self.days)
        return len(sorts) == 1 or sorts in (["date", "weekday"], ["nth", "weekday"])

    def at(self, hour: Value, minute: Value = 0, half: str = "") -> bool:
        if self.clock is not None or not isinstance(hour, int) or not isinstance(minute, int):
            return False
        self.clock = Clock(hour, minute, half)
        fits = 1 <= hour <= 12 if half in ("am", "pm") else 0 <= hour <= 24
        return fits and 0 <= minute < 60 and hour * 60 + minute <= 24 * 60

    def lasts(self, halves: int, unit: Value) -> bool:
        """A span of so many halves of a unit."""
        if self.span is not None:
            return False
        amount, rest = divmod(halves, 2)
        if unit == "quarters":
            amount, unit = amount * 15, "minutes"
        elif unit == "weeks":
            amount, unit = amount * 7, "days"
        elif unit == "hours" and rest:
            amount, rest, unit = halves * 30, 0, "minutes"
        if rest or unit not in _UNITS or not 1 <= amount <= _MOST.get(str(unit), 2_000):
            return False
        self.span = Within(amount, _UNITS[unit])
        return True

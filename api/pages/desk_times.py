"""Times as an agent says them on the phone: the day, the hour or the end of the day, and where the clock hangs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time

from babel.dates import format_skeleton, get_timezone_location

from domain.deadlines import day_ending_at, zone

__all__ = ["Clock", "clocks"]


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of a place, in a language.

    >>> at = datetime.fromisoformat("2026-11-25T16:00:00+00:00")
    >>> Clock("Asia/Shanghai", "en").ends_a_day(at), Clock("Asia/Shanghai", "en").day(at), Clock("UTC", "en").hour(at)
    (True, 'Wed, Nov 25, 2026', '16:00')
    """

    time_zone: str
    locale: str

    @property
    def city(self) -> str:
        """Where the clock hangs, in the words of the language; an offset or UTC is called by its own name."""
        if "/" not in self.time_zone or self.time_zone.startswith("Etc/"):
            return self.time_zone
        return get_timezone_location(self.time_zone, self.locale, return_city=True)

    def ends_a_day(self, at: datetime) -> bool:
        """Whether it is the midnight with which a day ends."""
        return day_ending_at(at, zone(self.time_zone)) is not None

    def day(self, at: datetime) -> str:
        """The day on which it falls; of a midnight, the day that ends with it."""
        tz = zone(self.time_zone)
        day = day_ending_at(at, tz) or at.astimezone(tz).date()
        return format_skeleton("yMMMEd", datetime.combine(day, time()), locale=self.locale)

    def hour(self, at: datetime) -> str:
        return format_skeleton("Hm", at.astimezone(zone(self.time_zone)), locale=self.locale)

    def is_on(self, at: datetime, now: datetime) -> bool:
        """Whether it falls on the same day as now."""
        tz = zone(self.time_zone)
        return at.astimezone(tz).date() == now.astimezone(tz).date()


def clocks(locale: str) -> Callable[[str], Clock]:
    """By which a template gets the clock of a place."""
    return lambda time_zone: Clock(time_zone, locale)

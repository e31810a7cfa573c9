"""When people work: the hours of a week, less the holidays, plus the make-up days.

>>> from datetime import date
>>> china = Calendar(country_calendar("CN"))
>>> china.is_working_day(date(2026, 10, 6)), china.is_working_day(date(2026, 10, 10))  # a holiday; a make-up Saturday
(False, True)
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache, cached_property, lru_cache
from hashlib import sha256

import holidays
from holidays.version import __version__ as holidays_version
from opening_hours import OpeningHours, State

from domain.errors import CalendarHasNoWorkingTime, ConfigurationError, Invalid

__all__ = [
    "OFFICE_HOURS",
    "Calendar",
    "CalendarConfig",
    "Shift",
    "Span",
    "country_calendar",
    "instant_of",
    "is_country",
    "overlap",
    "pass_within",
]

Shift = tuple[datetime, datetime]
"""One stretch of work in local time, without an offset: its begin and its end."""

Span = tuple[datetime, datetime]
"""A stretch of time between two instants (UTC)."""

OFFICE_HOURS = "Mo-Fr 09:00-18:00"

_A_DAY = timedelta(days=1)
_FARTHEST = 3653
"""Ten years: no promise to a customer is longer, and a search must come to an end."""
_HOPELESS = 731
"""Two years without an hour of work: there will be none."""
_WEEKDAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_SPAN = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)")
_ELSEWHERE = {
    re.compile(r"sunrise|sunset|dawn|dusk", re.IGNORECASE): "names the sun, but a calendar has no place",
    re.compile(r"\b[PS]H\b(?!\s+(?:off|closed)\b)"): "gives hours for holidays, but no holiday is a working day",
}
"""What opening-hours syntax allows, and what would silently mean something else here."""


@dataclass(frozen=True, slots=True)
class CalendarConfig:
    """What a calendar is made of.

    `holidays`: an ISO 3166-1 country, a country-subdivision such as `GB-ENG`, or `none`.
    `working_hours`: opening-hours syntax, `24/7` and `off` included.
    """

    holidays: str = "none"
    working_hours: str = OFFICE_HOURS
    extra_holidays: tuple[date, ...] = ()
    extra_working_days: tuple[date, ...] = ()


@cache
def _subdivisions() -> dict[str, list[str]]:
    return holidays.list_supported_countries()


def is_country(name: str) -> bool:
    """Whether `name` is a country or a country-subdivision whose holidays are known.

    >>> is_country("BG"), is_country("GB-SCT"), is_country("GB-XXX")
    (True, True, False)
    """
    country, dash, part = name.partition("-")
    return country in _subdivisions() and (not dash or part in _subdivisions()[country])


@lru_cache(maxsize=1024)
def country_calendar(name: str) -> CalendarConfig:
    """The calendar of a country or subdivision of which nothing else is said: its holidays, and 09:00 to 18:00
    on the days that are no weekend there.

    >>> country_calendar("GB-ENG").working_hours, country_calendar("IL").working_hours
    ('Mo-Fr 09:00-18:00', 'Mo-Th,Su 09:00-18:00')
    """
    known = _holidays_of(name)
    last_week = [date(known.end_year, 12, day) for day in range(1, 8)]
    working = sorted(day.weekday() for day in last_week if not known.is_weekend(day))
    return CalendarConfig(holidays=name, working_hours=f"{','.join(_runs(working))} 09:00-18:00")


def _runs(weekdays: list[int]) -> Iterator[str]:
    """Neighbouring weekdays as ranges: 0, 1, 2, 3, 6 as Mo-Th and Su."""
    start = previous = weekdays[0]
    for day in [*weekdays[1:], 99]:
        if day != previous + 1:
            yield _WEEKDAYS[start] if start == previous else f"{_WEEKDAYS[start]}-{_WEEKDAYS[previous]}"
            start = day
        previous = day


def _holidays_of(name: str, years: range | None = None) -> holidays.HolidayBase:
    country, _, part = name.partition("-")
    return holidays.country_holidays(country, subdiv=part or None, years=years)


def _last_published_year(known: holidays.HolidayBase) -> int:
    """The last year for which a country moved days off by decree (0: it never does)."""
    decreed: dict[int, tuple[object, ...]] = getattr(known, "special_public_holidays", None) or {}
    # An entry of three is one more holiday (month, day, name); a longer one moves a day off, and names both days.
    return max((year for year, days in decreed.items() if any(len(entry) > 3 for entry in _entries(days))), default=0)


def _entries(days: tuple[object, ...]) -> list[tuple[object, ...]]:
    """The library writes a year of one entry without the outer brackets."""
    several = [entry for entry in days if isinstance(entry, tuple)]
    return several if len(several) == len(days) else [days]


@cache
def _horizon() -> int:
    """The newest year for which the library knows a decree of any country."""
    return max(_last_published_year(_holidays_of(country)) for country in _subdivisions())


def instant_of(local: datetime, tz: tzinfo) -> datetime:
    """The instant (UTC) of a local time without offset.

    >>> from zoneinfo import ZoneInfo
    >>> str(instant_of(datetime(2026, 3, 29, 3, 30), ZoneInfo("Europe/Sofia")))  # 03:00 to 04:00 did not exist
    '2026-03-29 01:30:00+00:00'

    One that does not exist moves forward by the gap; of an ambiguous one the later counts. Both are the later
    of Python's two readings.
    """
    earlier, later = local.replace(tzinfo=tz, fold=0), local.replace(tzinfo=tz, fold=1)
    return max(earlier.astimezone(UTC), later.astimezone(UTC))


class Calendar:
    """Answers which days and hours are worked. Compiled once, it keeps what it has worked out.

    >>> office = Calendar(CalendarConfig())
    >>> friday = datetime(2026, 1, 30, 17, 30, tzinfo=UTC)
    >>> str(office.add_working_time(friday, timedelta(hours=1), UTC))
    '2026-02-02 09:30:00+00:00'

    Raises `ConfigurationError`, beginning with the key, where the configuration cannot be read.
    """

    def __init__(self, config: CalendarConfig) -> None:
        if config.holidays != "none" and not is_country(config.holidays):
            raise ConfigurationError(f"holidays: '{config.holidays}' is no country, no country-subdivision, nor 'none'")
        if both := set(config.extra_holidays) & set(config.extra_working_days):
            raise ConfigurationError(f"extra_working_days: {min(both)} stands in extra_holidays, too")
        self.config = config
        self._hours = _parse_hours(config.working_hours)
        self._over_midnight = any(end <= begin or end > "24:00" for begin, end in _SPAN.findall(str(self._hours)))
        self._days_of_year = lru_cache(maxsize=64)(self._read_year)
        self._shifts = lru_cache(maxsize=4096)(self._work_out)
        self._nth = lru_cache(maxsize=4096)(self._count_working_days)

    def __repr__(self) -> str:
        return f"Calendar({self.config!r})"

    @cached_property
    def version(self) -> str:
        """Which holidays and which configuration a due was computed with, such as `0.109-1c9a77f0`."""
        return f"{holidays_version}-{sha256(repr(self.config).encode()).hexdigest()[:8]}"

    def is_working_day(self, day: date) -> bool:
        """Whether the day has working hours and is no holiday."""
        return bool(self._shifts(day))

    def shifts(self, day: date) -> tuple[Shift, ...]:
        """The work that begins on this day; what goes on after midnight belongs to it."""
        return self._shifts(day)

    def intervals(self, first: date, last: date) -> Iterator[Shift]:
        """The shifts in local time of all days from the first to the last, both included."""
        for number in range((last - first).days + 1):
            yield from self._shifts(first + timedelta(days=number))

    def nth_working_day_after(self, day: date, n: int, pointer: str = "/due/within") -> date:
        """The n-th working day after a day, which itself is not counted.

        Raises `CalendarHasNoWorkingTime` where two years hold none, `Invalid` where it lies ten years ahead.
        """
        return self._nth(day, n, pointer)  # whatever is promised on one day ends on a few days only

    def add_working_time(
        self, from_utc: datetime, amount: timedelta, tz: tzinfo, pointer: str = "/due/within"
    ) -> datetime:
        """The instant (UTC) at which so much real time has passed inside the working hours.

        Raises `CalendarHasNoWorkingTime` where two years hold none, `Invalid` where it lies ten years ahead.
        """
        if amount <= timedelta(days=_FARTHEST):
            found = pass_within(self.working_time(from_utc, tz, pointer), amount)
            if found is not None:
                return found
        raise _too_far(pointer)

    def working_time(self, from_utc: datetime, tz: tzinfo, pointer: str = "/due/within") -> Iterator[Span]:
        """The stretches of work from an instant on, for ten years.

        Raises `CalendarHasNoWorkingTime` where two years hold none.
        """
        now = from_utc.astimezone(UTC)
        # The shift of the day before may still be on after midnight.
        for day in self._working_days(now.astimezone(tz).date() - _A_DAY, pointer):
            for begin, end in self._shifts(day):
                now, until = max(now, instant_of(begin, tz)), instant_of(end, tz)
                if now < until:
                    yield now, until

    def missing_years(self, first: date, last: date) -> tuple[int, ...]:
        """The years, of those that the two dates span, whose holidays are not published yet.

        >>> Calendar(country_calendar("BG")).missing_years(date(2026, 1, 1), date(2030, 1, 1))
        ()

        A country that moves days off by decree (China, Hungary, Russia) is known up to the last decree that the
        library holds. Where that is older by three years than the newest of any country, the custom has ended
        (Bulgaria, Ukraine) and what can be computed is complete.
        """
        if last.year <= self._complete_until:
            return ()
        return tuple(year for year in range(first.year, last.year + 1) if year > self._complete_until)

    @cached_property
    def _complete_until(self) -> int:
        if self.config.holidays == "none":
            return date.max.year
        known = _holidays_of(self.config.holidays)
        published = _last_published_year(known)
        return published if published and published > _horizon() - 3 else known.end_year

    def _count_working_days(self, day: date, n: int, pointer: str) -> date:
        if n <= _FARTHEST:
            for found in self._working_days(day + _A_DAY, pointer):
                n -= 1
                if n == 0:
                    return found
        raise _too_far(pointer)

    def _working_days(self, first: date, pointer: str) -> Iterator[date]:
        idle = 0
        for number in range(_FARTHEST):
            day = first + timedelta(days=number)
            idle = 0 if self._shifts(day) else idle + 1
            if idle == 0:
                yield day
            elif idle > _HOPELESS:
                raise CalendarHasNoWorkingTime(pointer, "the calendar has no working time within two years")

    def _work_out(self, day: date) -> tuple[Shift, ...]:
        free, made_up = self._days_of_year(day.year)
        if day in self.config.extra_working_days or (day in made_up and day not in self.config.extra_holidays):
            monday = day - timedelta(days=day.weekday())
            return tuple((begin + (day - monday), end + (day - monday)) for begin, end in self._regular_shifts(monday))
        if day in free or day in self.config.extra_holidays:
            return ()
        return self._regular_shifts(day)

    def _regular_shifts(self, day: date) -> tuple[Shift, ...]:
        """The hours of the day as the week has them, holiday or not."""
        midnight = datetime.combine(day, time())
        if not self._over_midnight:
            return tuple(self._open(midnight, midnight + _A_DAY))
        # Three shifts a day run on for a week, and only their begin says where a day's work ends.
        runs = self._open(midnight - 8 * _A_DAY, midnight + 3 * _A_DAY)
        pieces = (piece for run in runs for piece in _in_days(*run))
        return tuple(piece for piece in pieces if piece[0].date() == day)

    def _open(self, begin: datetime, end: datetime) -> Iterator[Shift]:
        for start, stop, state, _ in self._hours.intervals(begin, end):
            if state == State.OPEN:
                yield start, stop

    def _read_year(self, year: int) -> tuple[frozenset[date], frozenset[date]]:
        """The holidays and the make-up days of a year; a decree may move a day of the year before."""
        if self.config.holidays == "none":
            return frozenset(), frozenset()
        known = _holidays_of(self.config.holidays, range(year - 1, year + 2))
        return frozenset(known), frozenset(known.weekend_workdays)


def pass_within(spans: Iterable[Span], amount: timedelta) -> datetime | None:
    """The instant at which so much time has passed within the stretches; None where they end before.

    >>> nine, noon = datetime(2026, 1, 30, 9, tzinfo=UTC), datetime(2026, 1, 30, 12, tzinfo=UTC)
    >>> str(pass_within([(nine, noon)], timedelta(hours=1)))
    '2026-01-30 10:00:00+00:00'
    """
    left = amount
    for begin, end in spans:
        if left <= end - begin:
            return begin + left
        left -= end - begin
    return None


def overlap(some: Iterator[Span], others: Iterator[Span]) -> Iterator[Span]:
    """The time that lies in a stretch of both; each comes in order, without end or not."""
    one, other = next(some, None), next(others, None)
    while one is not None and other is not None:
        begin, end = max(one[0], other[0]), min(one[1], other[1])
        if begin < end:
            yield begin, end
        if one[1] <= other[1]:
            one = next(some, None)
        else:
            other = next(others, None)


def _in_days(begin: datetime, end: datetime) -> Iterator[Shift]:
    while begin < end:
        yield begin, min(begin + _A_DAY, end)
        begin += _A_DAY


def _parse_hours(text: str) -> OpeningHours:
    for form, fault in _ELSEWHERE.items():
        if form.search(text):
            raise ConfigurationError(f"working_hours: '{text}' {fault}")
    try:
        # Its own holidays are wrong for China: without a country it knows none, and ours are laid over it.
        return OpeningHours(text, auto_country=False, auto_timezone=False)
    except Exception as error:  # its ParserError is not exported
        raise ConfigurationError(f"working_hours: '{text}' cannot be read as opening hours") from error


def _too_far(pointer: str) -> Invalid:
    return Invalid(pointer, "lies more than ten years ahead")

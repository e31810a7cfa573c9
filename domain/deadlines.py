"""By when: from what was asked ("within 3 working days") to the instant that counts.

>>> from domain.calendars import Calendar, country_calendar
>>> due = resolve_due(
...     DueRule(within=Within(3, "working_days")),
...     counted_from=datetime(2026, 11, 20, 2, 15, tzinfo=UTC),
...     time_zone="Asia/Shanghai",
...     calendar_name="CN",
...     calendar=Calendar(country_calendar("CN")),
... )
>>> due.at.isoformat(), local(due.at, zone("Asia/Shanghai"))
('2026-11-25T16:00:00+00:00', '2026-11-26T00:00:00+08:00')

Days end at the local midnight after the last of them, and the day of the promise is not counted
(Regulation 1182/71, article 3). Local time is the truth of a promise, so a `Due` keeps its rule, zone and
calendar version beside the instant.
"""

import datetime as dt
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from typing import cast
from zoneinfo import ZoneInfo, available_timezones

from domain.calendars import Calendar, instant_of
from domain.durations import Unit, Within
from domain.errors import Invalid

__all__ = [
    "Due",
    "DueRule",
    "Shift",
    "calendar_warnings",
    "day_ending_at",
    "elapse",
    "end_of_day",
    "local",
    "midnight_after",
    "resolve_due",
    "shifted",
    "zone",
]

_EARLIEST, _LATEST = 1900, 9980
"""Years: opening hours begin in 1900; ten years after the other, dates still can be written."""
_FARTHEST = timedelta(days=3653)


@dataclass(frozen=True, slots=True)
class DueRule:
    """What was asked: exactly one of an instant, a span of time, and a date with which it ends.

    >>> DueRule(date=dt.date(2026, 11, 25)).to_json()
    {'date': '2026-11-25'}

    Raises `Invalid` where it is none of them, or several.
    """

    at: datetime | None = None
    within: Within | None = None
    date: dt.date | None = None

    def __post_init__(self) -> None:
        if (self.at is None) + (self.within is None) + (self.date is None) != 2:
            raise Invalid("/due", "names exactly one of at, within and date")

    def to_json(self) -> dict[str, str | dict[str, str | int]]:
        """The rule as the contract writes it."""
        if self.within is not None:
            return {"within": {"amount": self.within.amount, "unit": self.within.unit}}
        if self.at is not None:
            return {"at": self.at.astimezone(UTC).isoformat().replace("+00:00", "Z")}
        return {"date": str(self.date)}


@dataclass(frozen=True, slots=True)
class Due:
    """By when a promise is to be kept: the instant (UTC), and what it was computed from."""

    at: datetime
    not_before: datetime | None
    time_zone: str
    calendar: str
    rule: DueRule
    calendar_version: str


def resolve_due(
    rule: DueRule,
    *,
    counted_from: datetime,
    time_zone: str,
    calendar_name: str,
    calendar: Calendar,
    not_before: datetime | None = None,
) -> Due:
    """The due that a rule comes to, counted from the making or the amendment.

    Raises `Invalid` with a pointer into the request: an unknown zone, a span of more than ten years, a date that
    cannot be written; `CalendarHasNoWorkingTime` where working time never comes.
    """
    tz = zone(time_zone)
    if rule.within is not None:
        at = elapse(rule.within, counted_from=counted_from, tz=tz, calendar=calendar)
    elif rule.at is not None:
        _check_year(rule.at.year, "/due/at")
        at = rule.at.astimezone(UTC)
    else:
        day = cast(dt.date, rule.date)
        _check_year(day.year, "/due/date")
        at = midnight_after(day, tz)
    return Due(at, not_before, time_zone, calendar_name, rule, calendar.version)


def elapse(
    within: Within, *, counted_from: datetime, tz: tzinfo, calendar: Calendar, pointer: str = "/due/within"
) -> datetime:
    """The instant (UTC) at which a span of time is over.

    >>> from domain.calendars import CalendarConfig
    >>> noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    >>> str(elapse(Within(1, "days"), counted_from=noon, tz=UTC, calendar=Calendar(CalendarConfig())))
    '2026-11-22 00:00:00+00:00'

    Raises `Invalid` with the pointer where that lies more than ten years ahead.
    """
    _check_year(counted_from.year, pointer)
    amount, start = within.amount, counted_from.astimezone(UTC)
    if within.unit == "working_hours":
        return calendar.add_working_time(start, timedelta(hours=amount), tz, pointer)
    if within.unit == "working_days":
        return midnight_after(calendar.nth_working_day_after(start.astimezone(tz).date(), amount, pointer), tz)
    span = timedelta(**{within.unit: amount})
    if span > _FARTHEST:
        raise Invalid(pointer, "lies more than ten years ahead")
    return midnight_after(start.astimezone(tz).date() + span, tz) if within.unit == "days" else start + span


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much a due is moved: later, or, in minutes, hours and days, earlier."""

    amount: int
    unit: Unit


def shifted(at: datetime, shift: Shift, time_zone: str, calendar: Calendar) -> datetime:
    """The instant (UTC) so much later; by days and working days the time on the wall stays the same.

    >>> from domain.calendars import CalendarConfig
    >>> friday = datetime(2026, 11, 21, tzinfo=UTC)  # the midnight with which Friday ends
    >>> str(shifted(friday, Shift(1, "working_days"), "UTC", Calendar(CalendarConfig())))
    '2026-11-24 00:00:00+00:00'

    Raises `Invalid` where that lies more than ten years away, or working time is to pass backwards.
    """
    pointer, tz = "/due/shift", zone(time_zone)
    if abs(shift.amount) > _FARTHEST.days * 24 * 60:
        raise Invalid(pointer, "lies more than ten years away")
    if shift.unit in ("minutes", "hours"):
        found = at + timedelta(**{shift.unit: shift.amount})
    elif shift.unit == "days":
        found = instant_of(at.astimezone(tz).replace(tzinfo=None) + timedelta(days=shift.amount), tz)
    elif shift.amount < 1:
        raise Invalid(f"{pointer}/amount", "is not 1 or more, and working time passes forward only")
    elif shift.unit == "working_hours":
        found = calendar.add_working_time(at, timedelta(hours=shift.amount), tz, pointer)
    else:
        there = at.astimezone(tz).replace(tzinfo=None)
        # The end of a day belongs to that day.
        day = (there - timedelta.resolution).date()
        moved = calendar.nth_working_day_after(day, shift.amount, pointer)
        found = instant_of(there + (moved - day), tz)
    if abs(found - at) > _FARTHEST:
        raise Invalid(pointer, "lies more than ten years away")
    return found


@lru_cache(maxsize=4096)
def midnight_after(day: dt.date, tz: tzinfo) -> datetime:
    """The instant (UTC) with which a local day ends.

    >>> str(midnight_after(dt.date(2017, 10, 14), zone("America/Sao_Paulo")))  # the clocks went from 23:59 to 01:00
    '2017-10-15 03:00:00+00:00'
    """
    return instant_of(datetime.combine(day + timedelta(days=1), dt.time()), tz)


def end_of_day(at: datetime, tz: tzinfo) -> datetime:
    """The instant (UTC) with which the local day of an instant ends.

    >>> str(end_of_day(datetime(2026, 11, 20, 17, tzinfo=UTC), zone("Asia/Shanghai")))  # one o'clock on Saturday
    '2026-11-21 16:00:00+00:00'
    """
    return midnight_after(at.astimezone(tz).date(), tz)


def day_ending_at(at: datetime, tz: tzinfo) -> dt.date | None:
    """The local day that ends with an instant; None where that is no midnight there.

    >>> str(day_ending_at(datetime(2026, 11, 21, 16, tzinfo=UTC), zone("Asia/Shanghai")))
    '2026-11-21'
    """
    there = at.astimezone(tz)
    return there.date() - timedelta(days=1) if there.time() == dt.time() else None


def calendar_warnings(due: Due, counted_from: datetime, calendar: Calendar) -> list[str]:
    """`calendar_incomplete` where working time was counted over a year whose holidays are not published yet."""
    if due.rule.within is None or not due.rule.within.counts_working_time:
        return []
    tz = zone(due.time_zone)
    # A working day ends with midnight, which is already the next year's after the last of December.
    last = (due.at - timedelta.resolution).astimezone(tz).date()
    missing = calendar.missing_years(counted_from.astimezone(tz).date(), last)
    return ["calendar_incomplete"] if missing else []


def zone(name: str, pointer: str = "/time_zone") -> ZoneInfo:
    """The time zone of an IANA name.

    >>> zone("Europe/Sofia")
    zoneinfo.ZoneInfo(key='Europe/Sofia')

    Raises `Invalid` with the pointer where there is no such zone; the name never reaches the file system.
    """
    if name not in _zone_names():
        raise Invalid(pointer, "is not the IANA name of a time zone, as in Europe/Sofia")
    return ZoneInfo(name)


@cache
def _zone_names() -> frozenset[str]:
    # What one machine calls localtime, and what is set on none, says no place.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def local(at: datetime, tz: tzinfo) -> str:
    """An instant as the clock on the wall shows it, with its offset.

    >>> local(datetime(2026, 7, 1, 12, tzinfo=UTC), zone("Europe/Sofia"))
    '2026-07-01T15:00:00+03:00'
    """
    return at.astimezone(tz).isoformat()


def _check_year(year: int, pointer: str) -> None:
    if not _EARLIEST < year < _LATEST:
        raise Invalid(pointer, f"lies outside the years {_EARLIEST + 1} to {_LATEST - 1}")

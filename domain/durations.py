"""How long: what a promise says ("within 3 working days") and what a setting says ("PT60M").

>>> Within(3, "working_days")
Within(amount=3, unit='working_days')
>>> parse_duration("PT60M")
datetime.timedelta(seconds=3600)
>>> parse_age("P2Y").before(datetime(2028, 2, 29, tzinfo=UTC)).date()
datetime.date(2026, 2, 28)
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from domain.errors import Invalid

__all__ = ["Age", "Unit", "Within", "parse_age", "parse_duration"]

Unit = Literal["minutes", "hours", "days", "working_hours", "working_days"]

_UNITS: tuple[str, ...] = get_args(Unit)
_MOST = 100_000
_MONTHS = re.compile(r"P(?:(?P<years>\d{1,3})Y)?(?:(?P<months>\d{1,4})M)?(?P<rest>(?:\d.*)?(?:T.*)?)", re.ASCII)
_FORM = re.compile(
    r"P(?=\d|T\d)(?:(?P<weeks>\d{1,5})W)?(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,7})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Within:
    """A number of minutes, hours, days, working hours or working days.

    >>> Within(4, "working_hours").counts_working_time
    True
    >>> Within(0, "days")
    Traceback (most recent call last):
    domain.errors.Invalid: is not a whole number from 1 to 100000

    Raises `Invalid` with a pointer into a request's `due`.
    """

    amount: int
    unit: Unit

    def __post_init__(self) -> None:
        whole = isinstance(self.amount, int) and not isinstance(self.amount, bool)
        if not whole or not 1 <= self.amount <= _MOST:
            raise Invalid("/due/within/amount", f"is not a whole number from 1 to {_MOST}")
        if self.unit not in _UNITS:
            raise Invalid("/due/within/unit", f"is none of {', '.join(_UNITS)}")

    @property
    def counts_working_time(self) -> bool:
        """Whether a calendar decides how long it takes."""
        return self.unit in ("working_hours", "working_days")


def parse_duration(text: str, pointer: str = "") -> timedelta:
    """The elapsed time that an ISO 8601 duration names.

    >>> parse_duration("P1D"), parse_duration("P1WT12H")
    (datetime.timedelta(days=1), datetime.timedelta(days=7, seconds=43200))

    Weeks, days, hours, minutes and seconds; months and years have no fixed length. A day is 24 hours.
    Raises `Invalid` with the pointer where the text is anything else.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise Invalid(pointer, "is not an ISO 8601 duration in weeks, days, hours, minutes and seconds, as in PT60M")
    return timedelta(**{unit: int(number) for unit, number in match.groupdict().items() if number})


@dataclass(frozen=True, slots=True)
class Age:
    """How old something is: so many months of the calendar, and so much time beside."""

    months: int
    rest: timedelta

    def before(self, instant: datetime) -> datetime:
        """The instant before which everything is so old; a day that its month does not have is the month's last.

        Before the calendar begins there is nothing.
        """
        year, month = divmod(instant.year * 12 + instant.month - 1 - self.months, 12)
        try:
            day = min(instant.day, monthrange(year, month + 1)[1])
            return instant.replace(year=year, month=month + 1, day=day) - self.rest
        except (ValueError, OverflowError):
            return datetime.min.replace(tzinfo=UTC)


def parse_age(text: str) -> Age:
    """The age that an ISO 8601 duration names, in years and months, too. Raises `Invalid`.

    >>> parse_age("P1Y6M"), parse_age("P90D")
    (Age(months=18, rest=datetime.timedelta(0)), Age(months=0, rest=datetime.timedelta(days=90)))
    """
    match = _MONTHS.fullmatch(text)
    if match is None or text == "P":
        raise Invalid("", "is not an ISO 8601 duration, as in P2Y or P90D")
    months = int(match["years"] or 0) * 12 + int(match["months"] or 0)
    age = Age(months, parse_duration("P" + match["rest"]) if match["rest"] else timedelta())
    if age == Age(0, timedelta()):
        raise Invalid("", "is no time at all")
    return age

"""Reading the times in somebody's CSV file.

>>> from domain.deadlines import zone
>>> sao_paulo = Times(zone("America/Sao_Paulo"), now=datetime(2026, 1, 1, tzinfo=UTC))
>>> str(sao_paulo.instant("2016-10-04 19:41:32"))
'2016-10-04 22:41:32+00:00'
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from domain.calendars import instant_of
from domain.deadlines import midnight_after

__all__ = ["Times", "day_of"]

_TIMESTAMP = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[Tt ](?P<time>\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)"
    r"(?: ?(?P<offset>Z|z|UTC|[+-]\d\d(?::?\d\d)?))?)?",
    re.ASCII,
)
_FIRST_YEAR, _LAST_YEAR = 1901, 9979


def day_of(text: str) -> date:
    """The date as it is written, whatever time stands behind it.

    >>> str(day_of("2016-11-16 00:00:00"))
    '2016-11-16'

    Raises `ValueError`.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError("is no date, as in 2026-11-25")
    try:
        day = date.fromisoformat(match["day"])
    except ValueError:
        raise ValueError("is not a date that there is") from None
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ValueError(f"lies outside the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return day


@dataclass(frozen=True, slots=True)
class Times:
    """The times of one file: those without an offset are in `zone`.

    A local time that does not exist moves forward by the gap; of an ambiguous one the later counts.
    """

    zone: tzinfo
    now: datetime

    def instant(self, text: str) -> datetime:
        """The instant (UTC) of a timestamp. Raises `ValueError`, also for a date alone."""
        match = _TIMESTAMP.fullmatch(text)
        if match is None or match["time"] is None:
            raise ValueError("is no timestamp, as in 2026-11-20 14:30:00 or 2026-11-20T14:30:00+08:00")
        day, offset = day_of(text), (match["offset"] or "").replace("UTC", "Z").upper()
        try:
            found = datetime.fromisoformat(f"{day}T{match['time']}{offset}")
        except ValueError:
            raise ValueError("is not a time that there is") from None
        return found.astimezone(UTC) if found.tzinfo is not None else instant_of(found, self.zone)

    def begin(self, text: str) -> datetime:
        """When something began: of a date alone its first instant. Raises `ValueError`."""
        return self._first_of(day_of(text)) if _is_date(text) else self.instant(text)

    def end(self, text: str) -> datetime:
        """When something was done: of a date alone its last instant, or now where that day is not over.

        >>> str(Times(UTC, now=datetime(2026, 1, 1, 9, tzinfo=UTC)).end("2026-01-01"))
        '2026-01-01 09:00:00+00:00'

        Raises `ValueError`.
        """
        if not _is_date(text):
            return self.instant(text)
        day = day_of(text)
        last = midnight_after(day, self.zone) - timedelta.resolution
        return self.now if self._first_of(day) <= self.now < last else last

    def _first_of(self, day: date) -> datetime:
        return instant_of(datetime.combine(day, time()), self.zone)


def _is_date(text: str) -> bool:
    return len(text) == len("2026-11-25")

"""Which day was meant: those that a word may name, today and ahead.

>>> friday = date(2026, 11, 20)
>>> days_of(("weekday", 0), friday, small_hours=False)
Days(options=[(datetime.date(2026, 11, 23), ())], sure=True)
>>> days_of(("weekday", 4), friday, small_hours=False).options
[(datetime.date(2026, 11, 20), ('weekday.today',)), (datetime.date(2026, 11, 27), ('weekday.in_a_week',))]
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from api.phrases.terms import Value

__all__ = ["Days", "days_of"]

_SOON = 183
"""Days: a date of no year that lies farther ahead was rather meant of the year that is."""
_WEEK = 7
_FRIDAY, _SUNDAY = 4, 6

Option = tuple[date, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Days:
    """The days that may have been meant, each with the keys of its answer; and whether one alone is certain."""

    options: list[Option]
    sure: bool = True


def days_of(day: tuple[Value, ...], today: date, *, small_hours: bool) -> Days:
    """The days that a word may name; none where it names none that is ahead.

    In the small hours "tomorrow" may be the day that has begun.
    """
    sort, *rest = day
    numbers = [value if isinstance(value, int) else -1 for value in rest]
    if sort == "day":
        return _offset(numbers[0], today, small_hours)
    rule = _RULES.get(str(sort))
    return Days([]) if rule is None else rule(numbers, today)


def _offset(ahead: int, today: date, small_hours: bool) -> Days:
    there = today + timedelta(ahead)
    if ahead and small_hours:
        return Days([(there - timedelta(1), ("night.before_sleep",)), (there, ("night.by_date",))])
    return Days([(there, ())])


def _weekday(which: str, weekday: int, today: date) -> Days:
    nearest = today + timedelta((weekday - today.weekday()) % _WEEK)
    if which == "next" and nearest == today:
        return Days([(nearest + timedelta(_WEEK), ())])
    if which == "next":
        return Days([(nearest, ("next.coming",)), (nearest + timedelta(_WEEK), ("next.week_after",))])
    if which == "this" or nearest != today:
        return Days([(nearest, ())])
    return Days([(nearest, ("weekday.today",)), (nearest + timedelta(_WEEK), ("weekday.in_a_week",))])


def _of_week(weeks: int, weekday: int, today: date) -> Days:
    """A day of this week or a later one. On a Sunday the next week has begun for some."""
    there = _monday(today) + timedelta(weeks * _WEEK + weekday)
    if weeks and today.weekday() == _SUNDAY:
        return Days([(there, ("week.begins_monday",)), (there + timedelta(_WEEK), ("week.begins_sunday",))])
    return Days([(there, ())] if there >= today else [])


def _end_of_week(weeks: int, today: date) -> Days:
    monday = _monday(today) + timedelta(weeks * _WEEK)
    ends = (("week_end.friday", _FRIDAY), ("week_end.sunday", _SUNDAY))
    options = [(monday + timedelta(number), (key,)) for key, number in ends]
    return Days([option for option in options if option[0] >= today], sure=False)


def _monday(day: date) -> date:
    return day - timedelta(day.weekday())


def _next_month(day: date, months: int) -> date:
    """The first of the month so many months on."""
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)


def _made(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _date(year: int, month: int, day: int, today: date) -> Days:
    """A date, with or without its year; of no year the next is meant, and asked for where it is far."""
    if year:
        there = _made(year + 2000 if year < 100 else year, month, day)
        return Days([(there, ())] if there is not None and today <= there <= today + timedelta(3653) else [])
    for ahead in range(9):  # a leap day may be eight years away
        there = _made(today.year + ahead, month, day)
        if there is not None and there >= today:
            near = there <= today + timedelta(_SOON)
            return Days([(there, () if near else ("date.far_ahead",))], sure=near)
    return Days([])


def _day_of_month(day: int, today: date) -> Days:
    """The next month that has the day; one that this month lacks, or that is today, is asked for."""
    months = [_next_month(today, ahead) for ahead in range(3)]
    found = [there for month in months if (there := _made(month.year, month.month, day)) and there >= today]
    if found and found[0] == today:
        return Days([(today, ("date.today",)), (found[1], ("date.next_month",))] if found[1:] else [(today, ())])
    lacking = bool(found) and _made(today.year, today.month, day) is None
    return Days([(there, ("date.next_month",) if lacking else ()) for there in found[:1]], sure=not lacking)


def _dotted(first: int, second: int, today: date) -> Days:
    """The day comes first; 11.25 is 25 November all the same."""
    days = _date(0, second, first, today)
    return days if days.options else _date(0, first, second, today)


def _slash(year: int, first: int, second: int, today: date) -> Days:
    day_first = [(day, ("date.day_first", *keys)) for day, keys in _date(year, second, first, today).options]
    month_first = [(day, ("date.month_first", *keys)) for day, keys in _date(year, first, second, today).options]
    both = dict((*day_first, *month_first))
    if len(both) > 1:
        return Days(list(both.items()))
    # A reading that is no date at all leaves the other certain; one that is past does not.
    other = _made(2000, second, first) is not None and _made(2000, first, second) is not None and first != second
    far = any("date.far_ahead" in keys for keys in both.values())
    return Days(list(both.items()), sure=not other and not far)


_RULES: dict[str, Callable[[list[int], date], Days]] = {
    "tonight": lambda _, today: Days([(today, ())]),
    "weekday": lambda numbers, today: _weekday("weekday", numbers[0], today),
    "this": lambda numbers, today: _weekday("this", numbers[0], today),
    "next": lambda numbers, today: _weekday("next", numbers[0], today),
    "of_week": lambda numbers, today: _of_week(numbers[0], numbers[1], today),
    "week": lambda numbers, today: _end_of_week(numbers[0], today),
    "eom": lambda _, today: Days([(_next_month(today, 1) - timedelta(1), ("month_end.last_day",))], sure=False),
    "date": lambda numbers, today: _date(numbers[0], numbers[1], numbers[2], today),
    "nth": lambda numbers, today: _day_of_month(numbers[0], today),
    "dotted": lambda numbers, today: _dotted(numbers[0], numbers[1], today),
    "slash": lambda numbers, today: _slash(numbers[0], numbers[1], numbers[2], today),
}

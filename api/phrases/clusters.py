"""What stands together, sorted into what was said: a span of time, a day, an hour.

Each rule is a row of sorts and what it tells; the longest row that fits is taken. Every slot is filled once, in any
order: "by 6 pm tomorrow" is "tomorrow by 6 pm".

>>> from api.phrases.tokens import tokens_of
>>> from api.phrases.terms import clusters_of
>>> said = sort_out(clusters_of(tokens_of("tomorrow by 6 pm"))[0])
>>> said.days, said.clock, sorted(said.bounds)
([('day', 1)], Clock(hour=6, minute=0, half='pm'), ['by'])
"""

from collections.abc import Callable

from api.phrases.said import Said
from api.phrases.terms import Term, Value

__all__ = ["sort_out"]

_BOUNDS = frozenset({"by", "do", "before", "pre", "at", "on", "in", "within", "inside", "later", "po"})
_SILENT = frozenset({"filler", "comma", "of"})


Values = list[Value]


def _n(value: Value) -> int:
    return value if isinstance(value, int) else -1


def _pair(value: Value) -> tuple[int, int]:
    return (value[0], value[1]) if isinstance(value, tuple) else (-1, -1)


def _part(said: Said, part: Value, this: bool = False) -> bool:
    said.part, said.this, free = str(part), this, not said.part
    return free


def _hours(said: Said, hours: Value, word: Value) -> bool:
    free, said.hours, said.abbreviated = said.hours is None, _n(hours), word == "ч"
    return free


def _dotted(said: Said, value: Value) -> bool:
    free, said.dotted = said.dotted is None, _pair(value)
    return free


def _only_unit(said: Said, unit: Value) -> bool:
    said.unit_only = True
    return said.lasts(2, unit)


def _days_inside(said: Said, days: Value) -> bool:
    said.bounds.add("inside")
    return said.lasts(2 * _n(days), "days")


def _decimal(said: Said, value: Value, unit: Value) -> bool:
    whole, tenths = _pair(value)
    return tenths in (0, 5) and said.lasts(whole * 2 + tenths // 5, unit)


def _hours_and_minutes(said: Said, hours: Value, big: Value, minutes: Value, small: Value) -> bool:
    fits = (big, small) == ("hours", "minutes") and _n(minutes) < 60
    return fits and said.lasts((_n(hours) * 60 + _n(minutes)) * 2, "minutes")


def _past(said: Said, minutes: Value, hour: Value, half: str = "") -> bool:
    turn = (_n(hour) * 60 + _n(minutes)) % (12 * 60) or 12 * 60
    fits = 1 <= _n(hour) <= 12
    return fits and said.at(turn // 60 or 12, turn % 60, half)


def _time(said: Said, value: Value) -> bool:
    through = isinstance(value, tuple) and len(value) > 2
    return said.at(*_pair(value), "24" if through else "")


def _tonight(said: Said) -> bool:
    return said.day("tonight") and _part(said, "evening")


Rule = Callable[[Said, Values], bool]

_RULES: dict[str, Rule] = {
    # spans of time
    "number unit": lambda s, v: s.lasts(2 * _n(v[0]), v[1]),
    "number half unit": lambda s, v: s.lasts(2 * _n(v[0]) + 1, v[2]),
    "number and half unit": lambda s, v: s.lasts(2 * _n(v[0]) + 1, v[3]),
    "number and one half unit": lambda s, v: s.lasts(2 * _n(v[0]) + 1, v[4]),
    "number unit and half": lambda s, v: s.lasts(2 * _n(v[0]) + 1, v[1]),
    "number unit and one half": lambda s, v: s.lasts(2 * _n(v[0]) + 1, v[1]),
    "number and half hours_or_oclock": lambda s, v: s.lasts(2 * _n(v[0]) + 1, "hours"),
    "number hours_or_oclock and half": lambda s, v: s.lasts(2 * _n(v[0]) + 1, "hours"),
    "one unit": lambda s, v: s.lasts(2, v[1]),
    "one half unit": lambda s, v: s.lasts(1, v[2]),
    "half one unit": lambda s, v: s.lasts(1, v[2]),
    "half unit": lambda s, v: s.lasts(1, v[1]),
    "one unit and one half": lambda s, v: s.lasts(3, v[1]),
    "one unit and half": lambda s, v: s.lasts(3, v[1]),
    "unit and half": lambda s, v: s.lasts(3, v[0]),
    "unit and one half": lambda s, v: s.lasts(3, v[0]),
    "decimal unit": lambda s, v: _decimal(s, v[0], v[1]),
    "comma_decimal unit": lambda s, v: _decimal(s, v[0], v[1]),
    "decimal hours_or_oclock": lambda s, v: _decimal(s, v[0], "hours"),
    "comma_decimal hours_or_oclock": lambda s, v: _decimal(s, v[0], "hours"),
    "number unit number unit": lambda s, v: _hours_and_minutes(s, *v),
    "number unit and number unit": lambda s, v: _hours_and_minutes(s, *v[:2], *v[3:]),
    "one unit and number unit": lambda s, v: _hours_and_minutes(s, 1, v[1], *v[3:]),
    "number hours_or_oclock and number unit": lambda s, v: _hours_and_minutes(s, v[0], "hours", *v[3:]),
    "number hours_or_oclock": lambda s, v: _hours(s, *v),
    "number day_mark inside": lambda s, v: _days_inside(s, v[0]),
    "unit": lambda s, v: _only_unit(s, v[0]),
    # hours of the day
    "time": lambda s, v: _time(s, v[0]),
    "time half_of_day": lambda s, v: s.at(*_pair(v[0]), str(v[1])),
    "time oclock": lambda s, v: _time(s, v[0]),
    "time hours_or_oclock": lambda s, v: _time(s, v[0]),
    "dotted half_of_day": lambda s, v: s.at(*_pair(v[0]), str(v[1])),
    "dotted oclock": lambda s, v: s.at(*_pair(v[0])),
    "dotted hours_or_oclock": lambda s, v: s.at(*_pair(v[0])),
    "number half_of_day": lambda s, v: s.at(v[0], 0, str(v[1])),
    "number oclock": lambda s, v: s.at(v[0]),
    "number oclock half_of_day": lambda s, v: s.at(v[0], 0, str(v[2])),
    "number oclock half": lambda s, v: s.at(v[0], 30),
    "number oclock number": lambda s, v: s.at(v[0], v[2]),
    "number oclock number minute_mark": lambda s, v: s.at(v[0], v[2]),
    "number oclock number unit": lambda s, v: v[3] == "minutes" and s.at(v[0], v[2]),
    "number oclock number quarter_mark": lambda s, v: s.at(v[0], 15 * _n(v[2])),
    "past number": lambda s, v: _past(s, v[0], v[1]),
    "past number half_of_day": lambda s, v: _past(s, v[0], v[1], str(v[2])),
    "number": lambda s, v: s.at(v[0]),
    "number and half": lambda s, v: s.at(v[0], 30),
    "midnight": lambda s, _: s.at(24, 0, "midnight"),
    # days and their parts
    "day": lambda s, v: s.day("day", v[0]),
    "tonight": lambda s, _: _tonight(s),
    "weekday": lambda s, v: s.day("weekday", v[0]),
    "next weekday": lambda s, v: s.day("next", v[1]),
    "this weekday": lambda s, v: s.day("this", v[1]),
    "week weekday": lambda s, v: s.day("of_week", v[0], v[1]),
    "weekday week": lambda s, v: s.day("of_week", v[1], v[0]),
    "week": lambda s, v: s.day("week", v[0]),
    "eow": lambda s, _: s.day("week", 0),
    "eod": lambda s, _: _part(s, "end"),
    "eom": lambda s, _: s.day("eom"),
    "number month": lambda s, v: s.day("date", 0, v[1], v[0]),
    "number month year": lambda s, v: s.day("date", v[2], v[1], v[0]),
    "number nth month": lambda s, v: s.day("date", 0, v[2], v[0]),
    "number nth month year": lambda s, v: s.day("date", v[3], v[2], v[0]),
    "month number": lambda s, v: s.day("date", 0, v[0], v[1]),
    "month number year": lambda s, v: s.day("date", v[2], v[0], v[1]),
    "month number nth": lambda s, v: s.day("date", 0, v[0], v[1]),
    "month number nth year": lambda s, v: s.day("date", v[3], v[0], v[1]),
    "number month_mark number day_mark": lambda s, v: s.day("date", 0, v[0], v[2]),
    "number month_mark number": lambda s, v: s.day("date", 0, v[0], v[2]),
    "year year_mark number month_mark number day_mark": lambda s, v: s.day("date", v[0], v[2], v[4]),
    "number nth": lambda s, v: s.day("nth", v[0]),
    "number day_mark": lambda s, v: s.day("nth", v[0]),
    "iso": lambda s, v: isinstance(v[0], tuple) and s.day("date", *v[0]),
    "dmy": lambda s, v: isinstance(v[0], tuple) and s.day("date", *reversed(v[0])),
    "dm": lambda s, v: s.day("date", 0, *reversed(_pair(v[0]))),
    "dotted": lambda s, v: _dotted(s, v[0]),
    "decimal": lambda s, v: _dotted(s, v[0]),
    "slash": lambda s, v: s.day("slash", 0, *_pair(v[0])),
    "slashes": lambda s, v: isinstance(v[0], tuple) and s.day("slash", v[0][2], v[0][0], v[0][1]),
    "part": lambda s, v: _part(s, v[0]),
    "this part": lambda s, v: _part(s, v[1], this=True),
}
_LOOSE = frozenset({"number", "number and half", "number nth", "dotted", "decimal", "slash"})


def _by_first() -> dict[str, list[tuple[tuple[str, ...], str, Rule]]]:
    table: dict[str, list[tuple[tuple[str, ...], str, Rule]]] = {}
    for row, rule in sorted(_RULES.items(), key=lambda entry: -len(entry[0].split())):
        table.setdefault(row.split()[0], []).append((tuple(row.split()), row, rule))
    return table


_TABLE = _by_first()


def sort_out(cluster: list[Term]) -> Said | None:
    """What a cluster says, or None where any of it fits no rule."""
    terms = _joined([term for term in cluster if term.sort not in _SILENT])
    said = Said(strong=any(not term.weak for term in terms))
    place = 0
    while place < len(terms):
        if terms[place].sort in _BOUNDS:
            said.bounds.add(terms[place].sort)
            place += 1
            continue
        taken = _take(said, terms, place)
        if not taken:
            return None
        place += taken
    return said


def _take(said: Said, terms: list[Term], place: int) -> int:
    """How many terms the longest rule takes here; none where no rule does, or its slot is full."""
    for row, name, rule in _TABLE.get(terms[place].sort, ()):
        here = terms[place : place + len(row)]
        if tuple(term.sort for term in here) == row:
            if name in _LOOSE:
                said.loose = here[-1]
            return len(row) if rule(said, [term.value for term in here]) else 0
    return 0


def _joined(terms: list[Term]) -> list[Term]:
    """Twenty and five, or twenty-five, as one number."""
    joined: list[Term] = []
    for term in terms:
        at = -2 if len(joined) > 1 and joined[-1].sort == "and" else -1
        tens = joined[at] if joined else None
        if term.sort == "number" and tens is not None and tens.sort == "tens" and 1 <= _n(term.value) <= 9:
            joined[at:] = [Term("number", _n(tens.value) + _n(term.value), tens.first, term.last)]
        else:
            joined.append(term)
    return [Term("number", t.value, t.first, t.last) if t.sort == "tens" else t for t in joined]

"""From what was said to the due that it means: one, or those between which only the agent can choose.

>>> from api.phrases.clusters import sort_out
>>> from api.phrases.terms import clusters_of
>>> from api.phrases.tokens import tokens_of
>>> from domain.deadlines import zone
>>> said = sort_out(clusters_of(tokens_of("by 6"))[0])
>>> afternoon = datetime(2026, 11, 20, 14, tzinfo=zone("Europe/Sofia"))
>>> for option in dues_of(said, afternoon).options:
...     print(option.rule.to_json(), option.keys)
{'at': '2026-11-20T16:00:00Z'} ('half.pm',)
{'at': '2026-11-21T04:00:00Z'} ('half.am',)
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from api.phrases.days import Days, days_of
from api.phrases.hours import Times, hours_of
from api.phrases.said import Clock, Said
from domain.calendars import instant_of
from domain.deadlines import DueRule, midnight_after
from domain.durations import Within

__all__ = ["Dues", "Option", "dues_of", "end_of"]

_NIGHT_ENDS = 6
_SMALL_HOURS = 4
"""Until then tomorrow may be the day that begins after sleep."""
_PARTS = {"morning": (6, 12), "noon": (12, 12), "afternoon": (12, 18), "evening": (18, 24), "end": (24, 24)}
"""From which hour to which; what is promised for a part of the day is due when that ends."""
_SPANS = frozenset({"within", "in", "inside", "later", "po", "do"})
_HOURS_AT_MOST = 6
"""След 3 часа is in three hours; след 18 часа is rather after six in the evening."""


@dataclass(frozen=True, slots=True)
class Option:
    """One way to understand it, and the keys of the answers that lead to it."""

    rule: DueRule
    keys: tuple[str, ...] = ()


@dataclass(slots=True)
class Dues:
    """All ways to understand it; where it is `sure` and there is one, nothing is left to ask."""

    options: list[Option] = field(default_factory=list)
    sure: bool = True


def dues_of(said: Said, now: datetime) -> Dues:
    """The dues that are ahead of `now`, which is in the zone in which the words were said; none if it says none."""
    if said.span is not None or said.hours is not None:
        return _spans(said, now)
    if not said.bounds.isdisjoint({"po", "later"}):
        return Dues()
    if said.dotted is not None:
        return _dotted(said, said.dotted, now)
    return _moments(said, now)


def _dotted(said: Said, value: tuple[int, int], now: datetime) -> Dues:
    """10.12 is twelve past ten beside a day, a day beside an hour, either one alone; 18.30 is no day."""
    hour, minute = value
    day = replace(said, dotted=None, days=[*said.days, ("dotted", hour, minute)])
    clock = replace(said, dotted=None, clock=Clock(hour, minute))
    written = said.loose is None or said.loose.sort != "decimal"  # nobody writes 21.5 for five past nine
    fits = written and said.clock is None and 0 <= hour < 24 and 0 <= minute < 60
    if said.days or said.part:
        return _moments(clock, now) if fits else Dues()
    dates = _moments(day, now)
    hours = _moments(clock, now) if fits else Dues()
    if not dates.options or not hours.options:
        return dates if dates.options else hours
    options = [Option(one.rule, ("dotted.date", *one.keys)) for one in dates.options]
    return Dues([*options, *(Option(one.rule, ("dotted.hour", *one.keys)) for one in hours.options)], sure=False)


def _moments(said: Said, now: datetime) -> Dues:
    days = _days(said, now)
    if days is not None and not days.options:
        return Dues()
    if said.clock is None and not said.part:
        return Dues() if days is None else _ahead(_dates(said, days, now), days.sure, now)
    if said.clock is None and said.part in _PARTS:
        return _parts(said, days, now)
    if said.clock is None or (times := hours_of(said, named=days is not None)) is None:
        return Dues()
    if days is None:
        # "By 18" may be the day of the month.
        bare = said.loose is not None and said.loose.sort == "number" and not said.part and len(times) == 1
        doubt = ("number.hour",) if bare else ()
        found = _next(times, now)
        return Dues([Option(one.rule, (*doubt, *one.keys)) for one in found.options], found.sure and not doubt)
    return _on_days(days, times, now)


def _on_days(days: Days, times: Times, now: datetime) -> Dues:
    """The hours of each day. Where they are past on one of the days, the other is a guess; of today, tomorrow is."""
    found = _ahead((_at(day, one, now, keys) for day, keys in days.options for one in times), days.sure, now)
    if not found.options and days.options[0][0] == now.date():
        tomorrow = now.date() + timedelta(1)
        return _ahead((_at(tomorrow, one, now, ("past.tomorrow",)) for one in times), False, now)
    if any(all(_is_past(_at(day, one, now).rule, now) for one in times) for day, _ in days.options):
        found.sure = False
    return found


def _spans(said: Said, now: datetime) -> Dues:
    bounds = said.bounds
    if said.days or said.clock or said.part:
        # "В петък до 18 часа" is an hour, whatever else it could be.
        return Dues() if said.span is not None or said.hours is None else _moments(_as_clock(said), now)
    if said.span is not None:
        if bounds & {"before", "pre"} or (bounds - {"at", "on"} and not bounds & _SPANS):
            return Dues()
        surely = bool(bounds & _SPANS)
        if said.unit_only and not bounds & ({"po", "do"} if said.span.unit == "days" else {"po", "do", "in", "within"}):
            return Dues()
        sure = surely or said.span.unit == "working_days"
        return Dues([Option(DueRule(within=said.span), () if sure else ("span.due",))], sure)
    return _hours(said, now)


def _hours(said: Said, now: datetime) -> Dues:
    """До 3 часа: within three hours, or by three o'clock. До 18 ч. is by six in the evening."""
    bounds, hours = said.bounds, said.hours or 0
    if "do" in bounds and said.abbreviated and 12 < hours <= 24:
        return _moments(_as_clock(said), now)
    if not bounds & (_SPANS | {"on"}):
        return _moments(_as_clock(said), now) if bounds else Dues()
    spans = [] if not 1 <= hours <= 2_000 else [Option(DueRule(within=Within(hours, "hours")), ("hours.span",))]
    if "po" in bounds:
        return Dues(spans if hours <= _HOURS_AT_MOST else [])
    if not bounds & {"do", "on"} or hours > 24:
        return Dues(spans)
    clocks = [Option(one.rule, ("hours.clock", *one.keys)) for one in _moments(_as_clock(said), now).options]
    return Dues([*spans, *clocks], sure=False)


def _as_clock(said: Said) -> Said:
    clock = Clock(said.hours) if said.hours is not None and 0 <= said.hours <= 24 and said.clock is None else None
    return replace(said, clock=clock, hours=None, strong=True)


def _days(said: Said, now: datetime) -> Days | None:
    """The days that were named; a weekday beside a date must be its own."""
    today, small = now.date(), now.hour < _SMALL_HOURS
    named = sorted(said.days, key=lambda day: day[0] == "weekday")
    if not named:
        return Days([(today, ())]) if said.part == "end" or said.this else None
    days = days_of(named[0], today, small_hours=small)
    if len(named) == 1:
        return days
    if len(named) > 2 or named[0][0] not in ("date", "nth") or named[1][0] != "weekday":
        return Days([])
    return Days([option for option in days.options if option[0].weekday() == named[1][1]], days.sure)


def _is_before(said: Said) -> bool:
    return bool(said.bounds & {"before", "pre"})


def _dates(said: Said, days: Days, now: datetime) -> Iterable[Option]:
    for day, keys in days.options:
        if _is_before(said):
            yield Option(DueRule(date=day - timedelta(1)), (*keys, "before.begin"))
            yield Option(DueRule(date=day), (*keys, "before.end"))
        elif ("tonight",) in said.days:
            yield from _tonight(day, now)
        else:
            yield Option(DueRule(date=day), keys)


def _tonight(day: date, now: datetime) -> Iterable[Option]:
    """After midnight a night has begun, and another begins in the evening."""
    if now.hour < _NIGHT_ENDS:
        yield _at(day, (_NIGHT_ENDS, 0, "night.begun"), now)
        yield Option(DueRule(date=day), ("night.ahead",))
    else:
        yield Option(DueRule(date=day))


def _parts(said: Said, days: Days | None, now: datetime) -> Dues:
    begin, end = _PARTS[said.part]
    if ("tonight",) in said.days and days is not None:
        return _ahead(_tonight(now.date(), now), not _is_before(said), now)
    times: Times = [(end, 0, "")]
    if _is_before(said) and begin != end:
        times = [(begin, 0, "before.begin"), (end, 0, "before.end")]
    if days is not None:
        return _on_days(days, times, now)
    if not said.strong and not said.bounds & {"by", "do", "before", "pre"}:
        return Dues()
    found = _next(times, now)
    # "In the morning" is of the next; "by noon" is of this.
    if not said.bounds & {"by", "do", "before", "pre"}:
        return Dues([Option(one.rule, one.keys or ("day.not_said",)) for one in found.options], sure=False)
    return found


def _at(day: date, one: tuple[int, int, str], now: datetime, keys: tuple[str, ...] = ()) -> Option:
    hour, minute, key = one
    keys = (*keys, key) if key else keys
    if hour == 24:
        return Option(DueRule(date=day), keys)
    there = instant_of(datetime.combine(day, time(hour, minute)), now.tzinfo or UTC)
    return Option(DueRule(at=there.astimezone(now.tzinfo)), keys)


def _next(times: Times, now: datetime) -> Dues:
    """An hour of no day: the next time that it comes; where there is one, and it is past, tomorrow is asked for."""
    today, tomorrow = now.date(), now.date() + timedelta(1)
    options, sure = [], True
    for one in times:
        option = _at(today, one, now)
        if _is_past(option.rule, now):
            option, sure = _at(tomorrow, one, now, () if len(times) > 1 else ("past.tomorrow",)), False
        options.append(option)
    return _ahead(options, sure, now)


def _ahead(options: Iterable[Option], sure: bool, now: datetime) -> Dues:
    """Those ahead, each once, the earliest first."""
    found = {option.rule: option for option in options if not _is_past(option.rule, now)}
    return Dues(sorted(found.values(), key=lambda option: end_of(option.rule, now)), sure)


def _is_past(rule: DueRule, now: datetime) -> bool:
    return end_of(rule, now) <= now.astimezone(UTC)


def end_of(rule: DueRule, now: datetime) -> datetime:
    """About when it ends: to the second but for working time, of which it knows no calendar."""
    if rule.date is not None:
        return midnight_after(rule.date, now.tzinfo or UTC)
    if rule.at is not None:
        return rule.at.astimezone(UTC)
    within = rule.within or Within(1, "minutes")
    unit = within.unit.removeprefix("working_")
    span = timedelta(**{unit: within.amount})
    there = now.astimezone(UTC)
    return there + min(span, datetime.max.replace(tzinfo=UTC) - there)

"""What the replayed days came to: flags a supervisor, flags at night, messages, and what was lost.

>>> figures(lived, "")[0]  # doctest: +SKIP
Figure(name='promises', unit='a day', median=2400, least=2400, most=2400)
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from bench.day_board import Raised
from bench.day_hours import Disturbed, Hours, is_night
from bench.day_model import ZONE, at
from bench.day_replay import Replay
from bench.day_rescue import Lost, Rescue
from bench.inbox import Inbox, Message
from bench.measure import Figure, Goal, figure, percentile
from domain.values import OF_THE_RECEIPT

__all__ = ["Lived", "figures", "goals"]

_SHIFTS_BEGIN, _SHIFTS_END = 6, 21
_SLOT = timedelta(minutes=10)
_SLOTS = (_SHIFTS_END - _SHIFTS_BEGIN) * 6
_MEAN = "flags a supervisor in ten minutes"
_NIGHT = "flags caused by the night alone"
_UNSEEN = "not received when it was too late, and not flagged before"
_TWICE = "messages that came twice"
_HURRIED = "messages within a minute of another to the same person"
_IN_VAIN = "told off duty what could have waited"

T = TypeVar("T")


@dataclass(slots=True)
class Lived:
    """Days that have passed: all that was done, seen and told in them, and how long the replay took."""

    replay: Replay
    inbox: Inbox
    hours: Hours
    rescue: Rescue
    seconds: float = 0.0

    @property
    def days(self) -> list[date]:
        first = min(case.commitment.made_at for case in self.replay.cases.values())
        return [(first.astimezone(ZONE) + timedelta(days=n)).date() for n in range(self.replay.model.days)]

    @property
    def seen(self) -> list[Raised]:
        return self.replay.board.seen


def goals(configuration: str) -> tuple[Goal, ...]:
    """What the days are to show under a configuration; EEMUA 191 allows an operator one alarm in ten minutes."""
    nothing = (_NIGHT, _UNSEEN, _TWICE, _HURRIED, _IN_VAIN)
    return (
        Goal(_named(_MEAN, configuration), "mean", at_most=1),
        *(Goal(_named(name, configuration), "in all", at_most=0) for name in nothing),
    )


def figures(lived: Lived, configuration: str) -> list[Figure]:
    """Everything that is told of the days under a configuration; what is told by the day with its least and most."""
    parts = (_load, _flags, _nights, _losses, _messages)
    found = [each for part in parts for each in part(lived)]
    return [Figure(_named(f.name, configuration), f.unit, f.median, f.least, f.most) for f in found]


def _named(name: str, configuration: str) -> str:
    return f"{configuration}: {name}"


# -- the parts --------------------------------------------------------------------------------------------------


def _load(lived: Lived) -> Iterator[Figure]:
    made = (case.commitment.made_at for case in lived.replay.cases.values())
    yield _by_day("promises", lived, made)
    yield _by_day("events", lived, (instant for instant, _ in lived.replay.events))
    yield figure("the replay took", "s", [lived.seconds])


def _flags(lived: Lived) -> Iterator[Figure]:
    yield _by_day("flags", lived, (raised.flag.since for raised in lived.seen))
    for (reason, kind), raised in _grouped(lived.seen, lambda one: (one.flag.reason, one.flag.kind)):
        yield _by_day(f"flags, {reason}, {kind}", lived, (one.flag.since for one in raised))
    alone = [
        one for one in lived.seen if one.flag.reason in OF_THE_RECEIPT and one.gone_at is not None and not one.helped
    ]
    yield _by_day("flags that needed nobody: the keeper answered by himself", lived, (o.flag.since for o in alone))
    counts = {day: _in_ten_minutes(lived, day) for day in lived.days}
    means = [sum(of_day) / len(of_day) for of_day in counts.values()]
    yield Figure(_MEAN, "mean", sum(means) / len(means), min(means), max(means))
    whole = [float(count) for of_day in counts.values() for count in of_day]
    yield figure(_MEAN, "p95", [percentile(whole, 0.95)])
    yield figure(_MEAN, "max", [max(whole)])


def _in_ten_minutes(lived: Lived, day: date) -> list[int]:
    """How many flags began for each supervisor in each ten minutes of a day, of the promises of his agents."""
    begins, people = at(day, _SHIFTS_BEGIN), lived.replay.staff.people
    counted: Counter[tuple[str | None, int]] = Counter(
        (people[raised.flag.made_by].reports_to, (raised.flag.since - begins) // _SLOT) for raised in lived.seen
    )
    supervisors = [member.actor for member in lived.replay.staff.of_role("supervisor")]
    return [counted[supervisor, slot] for supervisor in supervisors for slot in range(_SLOTS)]


def _nights(lived: Lived) -> Iterator[Figure]:
    at_night = [raised for raised in lived.seen if is_night(raised.flag.since)]
    for (reason, kind), raised in _grouped(at_night, lambda one: (one.flag.reason, one.flag.kind)):
        yield figure(f"flags that began at night, {reason}, {kind}", "in all", [len(raised)])
    yield figure(_NIGHT, "in all", [sum(raised.night_alone for raised in at_night)])


def _losses(lived: Lived) -> Iterator[Figure]:
    def about(lost: Lost) -> tuple[str, str]:
        return lost.kind, lost.role

    for (kind, role), lost in _grouped(lived.rescue.lost, about):
        yield figure(f"not received when it was too late, {kind}, {role}", "in all", [len(lost)])
    yield figure(_UNSEEN, "in all", [sum(not lost.flagged for lost in lived.rescue.lost)])


def _messages(lived: Lived) -> Iterator[Figure]:
    def role(message: Message) -> str:
        return message.to.partition(":")[0]

    got, people = lived.inbox.got, lived.replay.staff.people
    yield _by_day("messages", lived, (message.at for message in got))
    for (to, about), messages in _grouped(got, lambda message: (role(message), message.about)):
        yield _by_day(f"messages to {to}, {about}", lived, (message.at for message in messages))
    crowd = Counter(member.role for member in people.values())
    hourly = Counter((role(one), one.at.astimezone(ZONE).replace(minute=0, second=0)) for one in got)
    for to in sorted(crowd.keys() & {to for to, _ in hourly}):
        busiest = max(count for (whom, _), count in hourly.items() if whom == to)
        yield figure(f"messages to one {to} in the busiest hour", "mean", [busiest / crowd[to]])
    yield figure(_TWICE, "in all", [len(got) - len({message.id for message in got})])
    yield figure(_HURRIED, "in all", [_hurried(got)])
    yield from _off_duty(lived)
    yield figure(_IN_VAIN, "in all", [sum(one.in_vain for one in lived.hours.disturbed)])


def _off_duty(lived: Lived) -> Iterator[Figure]:
    def told(one: Disturbed) -> tuple[str, str]:
        return one.who.partition(":")[0], "when it was too late" if one.too_late else "while it could be saved"

    for (to, when), disturbed in _grouped(lived.hours.disturbed, told):
        yield figure(f"told off duty, {to}, {when}", "in all", [len(disturbed)])


def _hurried(got: Iterable[Message]) -> int:
    times: dict[str, list[datetime]] = {}
    for message in got:
        times.setdefault(message.to, []).append(message.at)
    return sum(
        later - earlier < timedelta(minutes=1) for each in times.values() for earlier, later in pairwise(sorted(each))
    )


# -- counting ---------------------------------------------------------------------------------------------------


def _by_day(name: str, lived: Lived, instants: Iterable[datetime]) -> Figure:
    """How many a day, on average and at the least and the most; midnight still belongs to the day that ends then."""
    of_day = Counter((instant - timedelta.resolution).astimezone(ZONE).date() for instant in instants)
    counts = [of_day[day] for day in lived.days]
    return Figure(name, "a day", sum(counts) / len(counts), min(counts), max(counts))


def _grouped(those: Iterable[T], by: Callable[[T], tuple[str, str]]) -> list[tuple[tuple[str, str], list[T]]]:
    groups: dict[tuple[str, str], list[T]] = {}
    for one in those:
        groups.setdefault(by(one), []).append(one)
    return sorted(groups.items())

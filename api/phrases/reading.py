"""One line, as an agent types it with the customer on the phone, read into fields that he can edit."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from api.phrases.dues import Dues, end_of
from api.phrases.expressions import Expression, expressions_of, together
from api.phrases.kinds import Named, kinds_of
from api.phrases.orders import orders_of, tidy, without_order
from api.phrases.terms import clusters_of, words
from api.phrases.tokens import Excerpt, Token, excerpt, tokens_of
from api.phrases.words import LANGUAGES
from domain.deadlines import DueRule
from domain.deadlines import zone as zone_of

__all__ = ["Choice", "KindChoice", "Reading", "read"]

_MOST_CHOICES = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to understand a time, and why it is to be asked for: `QUESTION.ANSWER` of each doubt."""

    due: DueRule
    keys: tuple[str, ...]
    text: Excerpt


@dataclass(frozen=True, slots=True)
class KindChoice:
    """One of several kinds that were promised, and the words that say so."""

    kind: str
    text: Excerpt


@dataclass(frozen=True, slots=True)
class Reading:
    """What was understood. Where something could mean several things, it is None and all of them are its choices.

    `promise`: the words as typed, without the order's number. `not_understood`: words that speak of time and
    could not be read.
    """

    promise: str
    due: DueRule | None = None
    due_text: Excerpt | None = None
    choices: tuple[Choice, ...] = ()
    kind: str | None = None
    kind_text: Excerpt | None = None
    kind_choices: tuple[KindChoice, ...] = ()
    order_id: str | None = None
    order_choices: tuple[str, ...] = ()
    not_understood: tuple[str, ...] = ()


def read(line: str, *, now: datetime, zone: str, kinds: Collection[str]) -> Reading:
    """What a line says of the promise, its kind, its order and its due; never a due that is not ahead of `now`.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 20, 10, tzinfo=UTC)
    >>> reading = read("refund within three working days, SO-1001", now=noon, zone="Europe/Sofia", kinds=["refund"])
    >>> reading.kind, reading.order_id, reading.promise
    ('refund', 'SO-1001', 'refund within three working days')
    >>> reading.due.within, reading.due_text
    (Within(amount=3, unit='working_days'), Excerpt(text='within three working days', start=7, end=32))
    >>> [choice.keys for choice in read("call back by 6", now=noon, zone="Europe/Sofia", kinds=["callback"]).choices]
    [('half.pm',), ('half.am',)]

    Raises `Invalid` where the zone is none.
    """
    tokens = tokens_of(line)
    orders = orders_of(tokens)
    numbers = tuple(dict.fromkeys(excerpt(line, tokens, *order).text for order in orders))
    taken = frozenset(at for order in orders for at in range(*order))
    named = kinds_of(tokens, kinds)
    there = now.astimezone(zone_of(zone))
    found = expressions_of(tokens, clusters_of(tokens, taken), there)
    reading = Reading(
        without_order(line, tokens, orders[0]) if len(orders) == 1 else tidy(line),
        order_id=numbers[0] if len(numbers) == 1 else None,
        order_choices=numbers if len(numbers) > 1 else (),
        not_understood=(
            *(excerpt(line, tokens, one.first, one.last).text for one in found if one.said is None),
            *(excerpt(line, tokens, first, last).text for first, last in _past(tokens)),
        ),
    )
    settled = _settled(found, named)
    return _with_due(_with_kind(reading, line, tokens, named), line, tokens, settled, there)


@cache
def _past_dues() -> list[tuple[str, ...]]:
    return [text for language in LANGUAGES for text in words(language.PAST)]


def _past(tokens: list[Token]) -> list[tuple[int, int]]:
    """Where a due is named that is over: "by yesterday"."""
    texts = tuple(token.text for token in tokens)
    return [
        (place, place + len(due))
        for due in _past_dues()
        for place in range(len(texts) - len(due) + 1)
        if texts[place : place + len(due)] == due
    ]


def _with_kind(reading: Reading, line: str, tokens: list[Token], named: list[Named]) -> Reading:
    choices = tuple(KindChoice(kind, excerpt(line, tokens, first, last)) for kind, first, last in named)
    if len(choices) == 1:
        return replace(reading, kind=choices[0].kind, kind_text=choices[0].text)
    return replace(reading, kind_choices=choices)


def _settled(found: list[Expression], named: list[Named]) -> list[Expression]:
    """With what the rest of the line says of each.

    A span right before the thing is its time: three-day refund. An hour is not of today where another day was named
    that could not be read.
    """
    starts = {first for _, first, _ in named}
    lost = any(one.said is None and one.names_a_day for one in found)
    settled = []
    for one in found:
        dues = one.dues
        if one.last in starts and _is_short(dues):
            dues = Dues([replace(dues.options[0], keys=())])
        elif lost and one.said is not None and not one.said.days and one.said.span is None:
            dues = Dues([replace(option, keys=(*option.keys, "day.not_said")) for option in dues.options], sure=False)
        settled.append(replace(one, dues=dues))
    return settled


def _is_short(dues: Dues) -> bool:
    """Whether it is but a span, of at most a week: longer ones are rather a warranty's."""
    span = dues.options[0].rule.within if len(dues.options) == 1 else None
    if span is None or dues.options[0].keys != ("span.due",):
        return False
    return span.amount <= {"days": 7, "hours": 48}.get(span.unit, 120)


def _with_due(reading: Reading, line: str, tokens: list[Token], found: list[Expression], now: datetime) -> Reading:
    readable = [one for one in found if one.said is not None]
    choices = [
        Choice(option.rule, option.keys, excerpt(line, tokens, one.first, one.last))
        for one in readable
        for option in one.dues.options
    ]
    rules = {choice.due for choice in choices}
    if len(rules) == 1 and all(one.dues.sure for one in readable):
        return replace(reading, due=choices[0].due, due_text=choices[0].text)
    if len(readable) > 1:
        choices = [replace(choice, keys=("several.this", *choice.keys)) for choice in choices]
        choices += [
            Choice(
                option.rule,
                ("several.together", *option.keys),
                excerpt(line, tokens, readable[0].first, readable[-1].last),
            )
            for option in together(readable, now).options
        ]
    first = {choice.due: choice for choice in reversed(choices)}
    ordered = sorted(first.values(), key=lambda choice: end_of(choice.due, now))
    return replace(reading, choices=tuple(ordered[:_MOST_CHOICES]))

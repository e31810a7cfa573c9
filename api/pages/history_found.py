"""Events as the history shows them: day by day, each with its sentence, its times and its stored form."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

import msgspec

from api.inside import Answered
from api.pages.sentences import Sentence, actors_of, sentence
from api.pages.visiting import Visitor
from api.pages.wording import Wording, wording_for
from projections.history import HistoryItem

__all__ = ["Day", "Row", "collected", "days_of", "events_in", "told"]

_SAME = timedelta(minutes=1)
_AT_ONCE = 500


class _Page(msgspec.Struct):
    items: list[HistoryItem]
    next_cursor: str | None = None
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One event. `happened` is None where it was recorded within a minute of happening."""

    item: HistoryItem
    sentence: Sentence
    day: str
    recorded: str
    happened: str | None
    recorded_exactly: str
    happened_exactly: str
    actor: str
    on_behalf_of: str | None
    stored: str
    is_erased: bool


@dataclass(frozen=True, slots=True)
class Day:
    """The events that were recorded on one day of the reader."""

    name: str
    rows: Sequence[Row]


def events_in(answered: Answered) -> _Page:
    """The events of an answer of the API."""
    return msgspec.json.decode(bytes(answered.body), type=_Page)


async def collected(
    visitor: Visitor, filters: Mapping[str, str], at_most: int
) -> tuple[list[HistoryItem], bool] | Answered:
    """The first events that match, oldest first, and whether there are more; or the answer that refused them."""
    items: list[HistoryItem] = []
    cursor: str | None = None
    while len(items) < at_most:
        query = {**filters, "cursor": cursor, "limit": _AT_ONCE}
        answered = await visitor.ask("GET", "/v1/history", query=query)
        if answered.is_refused:
            return answered
        page = events_in(answered)
        items += page.items
        if (cursor := page.next_cursor) is None:
            break
    return items, cursor is not None


async def told(visitor: Visitor, items: Sequence[HistoryItem]) -> list[Row]:
    """Events in the words of a visitor."""
    words = await wording_for(visitor, (actor for item in items for actor in actors_of(item)))
    return [_row(item, words) for item in items]


def days_of(rows: Iterable[Row]) -> list[Day]:
    """Rows by the day on which they were recorded, in the order in which they come."""
    return [Day(name, list(those)) for name, those in groupby(rows, key=lambda row: row.day)]


def _row(item: HistoryItem, words: Wording) -> Row:
    apart = abs(item.recorded_at - item.occurred_at) > _SAME
    same_day = words.day(item.occurred_at) == words.day(item.recorded_at)
    happened = words.clock(item.occurred_at) if same_day else words.when(item.occurred_at)
    return Row(
        item=item,
        sentence=sentence(item, words),
        day=words.day(item.recorded_at),
        recorded=words.clock(item.recorded_at),
        happened=happened if apart else None,
        recorded_exactly=words.to_the_second(item.recorded_at),
        happened_exactly=words.to_the_second(item.occurred_at),
        actor=words.who(item.actor),
        on_behalf_of=words.who(item.on_behalf_of) if item.on_behalf_of is not None else None,
        stored=json.dumps(msgspec.to_builtins(item), indent=2, ensure_ascii=False),
        is_erased=item.data.get("erased") is True,
    )

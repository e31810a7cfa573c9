"""Events as the history shows them: day by day, each with its sentence, its times and its stored form."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from uuid import UUID

import msgspec

from api.inside import Answered
from api.pages.events import Sentence
from api.pages.sentences import actors_of, sentence
from api.pages.visiting import Visitor
from api.pages.wording import Wording, wording_for
from projections.commitments import Commitments
from projections.history import HistoryItem

__all__ = ["Day", "Row", "collected", "days_of", "events_in", "told"]

_SAME = timedelta(minutes=1)
_AT_ONCE = 500
_FIRST_WORDS = 40


class _Page(msgspec.Struct):
    items: list[HistoryItem]
    next_cursor: str | None = None
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One event. `happened` is None where it was recorded within a minute of happening; `promise` begins as the words
    do of the promise that it is about, as that stood then, and is None where the event itself says them.
    """

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
    promise: str | None


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
    await visitor.runtime.see_own_writes(["commitments"])
    commitments = Commitments(visitor.runtime.database, visitor.runtime.keyring)
    promises = await commitments.some(list({item.commitment_id for item in items if item.commitment_id is not None}))
    said = {(id, promise.revision): promise.promise for id, promise in promises.items()}
    for item in items:
        id, revision = item.commitment_id, item.revision
        if id in promises and revision is not None and (id, revision) not in said:
            # An event is about the words that counted then: nobody was handed what was promised later.
            said[id, revision] = (await visitor.runtime.ledger.commitment_in(id, revision)).promise
    return [_row(item, words, said) for item in items]


def days_of(rows: Iterable[Row]) -> list[Day]:
    """Rows by the day on which they were recorded, in the order in which they come."""
    return [Day(name, list(those)) for name, those in groupby(rows, key=lambda row: row.day)]


def _row(item: HistoryItem, words: Wording, said: Mapping[tuple[UUID, int], str | None]) -> Row:
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
        promise=_first_words(item, said),
    )


def _first_words(item: HistoryItem, said: Mapping[tuple[UUID, int], str | None]) -> str | None:
    if item.commitment_id is None or item.revision is None or item.data.get("promise") is not None:
        return None
    promised = said.get((item.commitment_id, item.revision))
    return _shortened(promised, _FIRST_WORDS) if promised is not None else None


def _shortened(text: str, most: int) -> str:
    """The beginning of a text, whole words of it where it has spaces.

    >>> _shortened("A free HDMI cable comes with it", 20), _shortened("免费送您一根 HDMI 线", 6)
    ('A free HDMI cable…', '免费送您一根…')
    """
    if len(text) <= most:
        return text
    begun = text[: most + 1]
    head, space, _ = begun.rpartition(" ")
    return (head if space and len(head) > most // 2 else text[:most]).rstrip() + "…"

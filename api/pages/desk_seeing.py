"""What the desk shows of promises: as they stand, what is wrong with them, and what those concerned are called."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from api.inside import Answered
from api.pages.visiting import Visitor, encoded
from domain.errors import ProjectionRebuilding, Unavailable
from projections.flags import FlagRow, Flags
from projections.history import HistoryItem
from projections.views import CommitmentView

__all__ = ["Place", "Shown", "answered_as", "names_of", "one", "own", "shown", "those_of", "told"]

T = TypeVar("T")

_MOST = 100
_CLOSED = ("kept", "withdrawn")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the desk stands: by itself, or inside another program that says whom the agent speaks with.

    >>> Place(True, "SO-1", "", "").link("/desk", made="0199")
    '/desk?embed=1&order_id=SO-1&made=0199'
    """

    embed: bool = False
    order_id: str = ""
    customer_id: str = ""
    conversation: str = ""

    @classmethod
    def of(cls, visitor: Visitor) -> "Place":
        asked = visitor.request.query_params
        names = ("order_id", "customer_id", "conversation")
        return cls(asked.get("embed") == "1", *(asked.get(name, "").strip()[:200] for name in names))

    def link(self, path: str, **more: object) -> str:
        """An address of the desk that stays in this place."""
        about = {"order_id": self.order_id, "customer_id": self.customer_id, "conversation": self.conversation}
        asked = {"embed": "1" if self.embed else "", **about, **more}
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"{path}?{query}" if query else path


@dataclass(slots=True)
class Shown:
    """Promises with what is wrong with them, and by what name each of the staff is called.

    `are_all` is False where there are more, `is_away` True where not everything can be told at the moment.
    """

    commitments: Sequence[CommitmentView] = ()
    flags: dict[UUID, FlagRow] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    are_all: bool = True
    is_away: bool = False


def answered_as(answered: Answered, kind: type[T]) -> T:
    """What the API answered, with its times as times."""
    return msgspec.json.decode(bytes(answered.body), type=kind)


class _Commitments(msgspec.Struct):
    items: list[CommitmentView]
    next_cursor: str | None = None
    is_away: bool = msgspec.field(default=False, name="incomplete")


class _History(msgspec.Struct):
    items: list[HistoryItem]


async def one(visitor: Visitor, id: str) -> CommitmentView | None:
    """A commitment; None where there is none of that id. Raises `Unavailable` where that cannot be told now."""
    answered = await visitor.ask("GET", f"/v1/commitments/{encoded(id)}")
    if answered.status >= 500:
        raise Unavailable("it cannot be told at the moment how the promise stands")
    return None if answered.is_refused else answered_as(answered, CommitmentView)


async def told(visitor: Visitor, id: UUID) -> list[HistoryItem]:
    """What happened to a commitment, in order, where the visitor may see that."""
    query = {"commitment_id": id, "limit": 500}
    answered = await visitor.ask("GET", "/v1/history", query=query, is_beside=True)
    return [] if answered.is_refused else answered_as(answered, _History).items


async def those_of(visitor: Visitor, *, order_id: str = "", customer_id: str = "") -> Shown:
    """The promises of an order and of a customer: those that are not closed first, the newest before older ones."""
    asked = [{name: value} for name, value in (("order_id", order_id), ("customer_id", customer_id)) if value]
    pages = [await _page_of(visitor, query) for query in asked]
    found = {each.id: each for page in pages for each in page.items}
    in_order = sorted(found.values(), key=lambda each: (each.status in _CLOSED, -each.made_at.timestamp()))
    seen = await shown(visitor, in_order)
    seen.are_all = all(page.next_cursor is None for page in pages)
    seen.is_away = seen.is_away or any(page.is_away for page in pages)
    return seen


async def own(visitor: Visitor) -> Shown:
    """What the agent himself promised: those in danger first, most urgent before others, then those by due."""
    pages = [await _page_of(visitor, {"made_by": visitor.actor, "status": status}) for status in ("broken", "open")]
    seen = await shown(visitor, [each for page in pages for each in page.items])
    seen.commitments = sorted(seen.commitments, key=lambda each: _urgency(seen.flags.get(each.id), each))
    seen.are_all = all(page.next_cursor is None for page in pages)
    seen.is_away = seen.is_away or any(page.is_away for page in pages)
    return seen


def _urgency(flag: FlagRow | None, commitment: CommitmentView) -> tuple[bool, datetime]:
    return (False, flag.rescue_by) if flag is not None else (True, commitment.due.at)


async def _page_of(visitor: Visitor, query: Mapping[str, str | None]) -> _Commitments:
    """The newest commitments that match; what the API refuses to look for matches nothing."""
    answered = await visitor.ask("GET", "/v1/commitments", query={**query, "limit": _MOST})
    if answered.is_refused:
        return _Commitments([], is_away=answered.status >= 500)
    return answered_as(answered, _Commitments)


async def shown(visitor: Visitor, commitments: Sequence[CommitmentView]) -> Shown:
    """Promises with their flags, which stand beside them in the same process."""
    names = await names_of(visitor, commitments)
    if not commitments:
        return Shown()
    reader = Flags(visitor.runtime.database, visitor.runtime.keyring)
    try:
        raised = await reader.of([each.id for each in commitments], now=visitor.now)
    except ProjectionRebuilding:
        return Shown(commitments, names=names, is_away=True)
    return Shown(commitments, {id: one.flag for id, one in raised.items()}, names)


async def names_of(visitor: Visitor, commitments: Iterable[CommitmentView], *others: str) -> dict[str, str]:
    """What those are called who made promises and who are to keep them, as far as the book of people knows."""
    actors = set(others)
    for each in commitments:
        actors |= {each.made_by, *(handoff.recipient for handoff in each.handoffs if handoff.recipient is not None)}
    found = await visitor.runtime.people.find_all(sorted(actors)) if actors else {}
    return {actor: person.name for actor, person in found.items()}

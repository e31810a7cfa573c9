"""What can honestly be said of a promise: what its history tells beside how it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from projections.history import HistoryItem
from projections.views import CommitmentView, DueView

__all__ = ["Had", "Moved", "Said", "said_of"]

_RECEIPTS = {"HandoffAcknowledged": "acknowledged", "HandoffHeld": "held"}


@dataclass(frozen=True, slots=True)
class Moved:
    """The promise was changed: when, by whom, why, and what it was before."""

    at: datetime
    by: str
    reason: str | None
    promise: str | None
    due: DueView | None


@dataclass(frozen=True, slots=True)
class Had:
    """Since when somebody has it, or knows of it."""

    role: str
    recipient: str
    since: datetime
    state: str


@dataclass(slots=True)
class Said:
    """What happened to a promise, as far as a customer may hear of it."""

    moved: list[Moved] = field(default_factory=list)
    had: dict[str, Had] = field(default_factory=dict)
    declined: tuple[datetime, str | None] | None = None
    attempted: tuple[datetime, str] | None = None
    taken_back: tuple[datetime, str | None] | None = None
    asked: list[datetime] = field(default_factory=list)


def said_of(commitment: CommitmentView, facts: Sequence[HistoryItem]) -> Said:
    """What the facts of a commitment tell, in order: what moved, who has this revision since when, what went wrong."""
    said = Said()
    before: HistoryItem | None = None
    for fact in facts:
        match fact.type:
            case "CommitmentMade":
                before = fact
            case "CommitmentAmended":
                said.moved.append(_moved(fact, before))
                before = fact
                said.had.clear()
            case "HandoffAcknowledged" | "HandoffHeld" if fact.revision == commitment.revision:
                role = str(fact.data["role"])
                state = _RECEIPTS[fact.type]
                said.had[role] = Had(role, str(fact.data["recipient"]), fact.occurred_at, state)
            case "HandoffDeclined":
                said.declined = (fact.occurred_at, _text(fact, "reason"))
            case "FulfilmentAttempted":
                said.attempted = (fact.occurred_at, str(fact.data["outcome"]))
            case "CommitmentWithdrawn":
                said.taken_back = (fact.occurred_at, _text(fact, "reason"))
            case "CustomerContacted":
                said.asked.append(fact.occurred_at)
    return said


def _moved(fact: HistoryItem, before: HistoryItem | None) -> Moved:
    was = before.data if before is not None else {}
    changed = fact.data["changed"]
    names = changed if isinstance(changed, list) else []
    due = msgspec.convert(was["due"], DueView) if "due" in names and was.get("due") else None
    promise = was.get("promise") if "promise" in names else None
    by = fact.on_behalf_of or fact.actor
    return Moved(fact.occurred_at, by, _text(fact, "reason"), str(promise) if promise is not None else None, due)


def _text(fact: HistoryItem, name: str) -> str | None:
    value = fact.data.get(name)
    return str(value) if value is not None else None

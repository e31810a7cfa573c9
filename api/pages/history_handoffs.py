"""Who had to know of a promise, of which revision, from when, and when he did: read from the events of one promise."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.values import Receipt
from projections.history import HistoryItem

__all__ = ["Held", "handed"]


@dataclass(slots=True)
class Held:
    """One keeper and one revision of a promise; `recipient` is None while nobody was named."""

    role: str
    recipient: str | None
    revision: int
    since: datetime
    asked: Receipt
    received_at: datetime | None = None
    declined_at: datetime | None = None
    missed_at: datetime | None = None
    ended_at: datetime | None = None


class _Folding:
    """Goes through the events of one promise; `live` is who has which role now."""

    def __init__(self, asked: Mapping[str, Receipt]) -> None:
        self.asked = asked
        self.done: list[Held] = []
        self.live: dict[str, Held] = {}

    def begin(self, role: str, recipient: str | None, revision: int, at: datetime) -> Held:
        self.end(role, at)
        self.live[role] = Held(role, recipient, revision, at, self.asked.get(role, "acknowledged"))
        return self.live[role]

    def end(self, role: str, at: datetime) -> None:
        before = self.live.pop(role, None)
        if before is None:
            return
        before.ended_at = at
        if before.recipient is not None or before.since != at:
            self.done.append(before)

    def promise(self, item: HistoryItem) -> None:
        """A revision begins: everybody has to know of it anew, but for those who gave it."""
        path, known = _names(item, "path"), _names(item, "known_to")
        for role in [role for role in self.live if role not in path]:
            self.end(role, item.recorded_at)
        for role in path:
            before = self.live.get(role)
            held = self.begin(role, before.recipient if before else None, item.revision or 1, item.recorded_at)
            if role in known:
                held.received_at = item.recorded_at

    def assign(self, role: str, recipient: str | None, item: HistoryItem) -> None:
        before = self.live.get(role)
        if before is None or before.recipient != recipient:
            before = self.begin(role, recipient, item.revision or 1, item.recorded_at)
        if item.data.get("known") is True:
            before.received_at = before.received_at or item.recorded_at

    def report(self, held: Held, item: HistoryItem) -> None:
        """A receipt that counts; of a team's the first makes its giver the keeper."""
        if item.type == "HandoffDeclined":
            held.declined_at, held.received_at = item.recorded_at, None
            return
        held.recipient = str(item.data["recipient"])
        if item.type == "HandoffHeld" or held.asked == "acknowledged":
            held.received_at, held.declined_at = held.received_at or item.recorded_at, None


_REPORTS = frozenset({"HandoffAcknowledged", "HandoffHeld", "HandoffDeclined"})


def handed(items: Iterable[HistoryItem], asked: Mapping[str, Receipt]) -> list[Held]:
    """The hand-offs of one promise, role by role as they began; `asked` is what each role had to confirm.

    >>> [(held.recipient, held.revision, held.received_at) for held in handed(items, asked)]  # doctest: +SKIP
    [('warehouse:hu', 1, datetime(…)), ('courier:bo', 1, None)]
    """
    folding = _Folding(asked)
    for item in items:
        role = str(item.data.get("role", ""))
        held = folding.live.get(role)
        if item.type in ("CommitmentMade", "CommitmentAmended"):
            folding.promise(item)
        elif item.type == "HandoffAssigned":
            folding.assign(role, str(item.data["recipient"]), item)
        elif item.type == "HandoffReleased":
            folding.assign(role, None, item)
        elif item.type in _REPORTS and held is not None and item.data.get("why_not") is None:
            folding.report(held, item)
        elif item.type == "ReceiptMissed" and held is not None:
            held.missed_at = item.recorded_at
    path = list(asked)
    every = [*folding.done, *folding.live.values()]
    return sorted(every, key=lambda held: (path.index(held.role) if held.role in path else len(path), held.since))


def _names(item: HistoryItem, name: str) -> list[str]:
    found = item.data.get(name)
    return [str(one) for one in found] if isinstance(found, list) else []

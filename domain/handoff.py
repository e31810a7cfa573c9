"""One hand-off of a commitment: who must have it, and how far it came."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from domain.actors import is_member
from domain.receipts import advanced, satisfies
from domain.values import HandoffState, Receipt, ReceiptState, Source, Trip

__all__ = ["Handoff"]


@dataclass(slots=True)
class Handoff:
    """The state of one hand-off.

    `assigned_to` is who was named (a team, perhaps), `recipient` who is accountable (the member who claimed it).
    `based_at` is the recorded time from which the receipt window runs.
    """

    role: str
    asked: Receipt
    default: str | None
    based_at: datetime
    receipt_due_at: datetime | None
    assigned_to: str | None = None
    recipient: str | None = None
    source: Source | None = None
    state: HandoffState = "unassigned"
    revision: int = 1
    received: bool = False
    received_at: datetime | None = None
    received_revision: int | None = None
    trip: Trip = Trip()
    declined_at: datetime | None = None
    lapsed_at: datetime | None = None
    missed: bool = False
    nagged_at: datetime | None = None
    """When somebody asked this recipient again, by hand, about this revision."""
    former: set[str] = field(default_factory=set)
    members: set[tuple[str, str]] = field(default_factory=set)
    """Who spoke for which team, of those that somebody put him in by name."""
    reported: dict[tuple[str, int, ReceiptState], bool] = field(default_factory=dict)
    """The receipts that were recorded, and whether each of them counted."""

    def __post_init__(self) -> None:
        self.received = self.asked == "none"

    @property
    def awaits_receipt(self) -> bool:
        """Whether a receipt is asked for that did not come."""
        return not self.received and self.receipt_due_at is not None

    @property
    def received_another(self) -> bool:
        """Whether this recipient received an older revision than the one that counts."""
        return self.received_revision is not None and self.received_revision < self.revision

    def names(self, recipient: str) -> bool:
        """Whether `recipient` is already the one named here, or the member who claimed it."""
        return recipient in (self.assigned_to, self.recipient)

    def is_recipient(self, person: str, teams: Collection[str | None] = ()) -> bool:
        """Whether it is with `person`, or with a team of his: his role's, or one of `teams`."""
        return self.recipient is not None and (is_member(person, self.recipient) or self.recipient in teams)

    def was_recipient(self, person: str, teams: Collection[str | None] = ()) -> bool:
        return any(is_member(person, former) or former in teams for former in self.former)

    def knows(self, person: str, revision: int, state: ReceiptState, *, counts: bool) -> bool:
        """Whether this very fact was recorded already. One that did not count, and would count now, is news."""
        counted = self.reported.get((person, revision, state))
        return counted is not None and counted >= counts

    def assign(self, recipient: str, source: Source, trip: Trip, at: datetime, due_at: datetime | None) -> None:
        """Another recipient starts anew; the same one, with other times, keeps the receipt."""
        self.source, self.trip = source, trip
        if due_at != self.receipt_due_at:
            self.receipt_due_at, self.missed = due_at, False
        if self.names(recipient):
            self.assigned_to = recipient
            return
        self._start_anew(at)
        if self.reported:
            said = self.reported.items()
            anew = {person for person, team in self.members if team == recipient}
            self.reported = {
                fact: counted for fact, counted in said if not is_member(fact[0], recipient) and fact[0] not in anew
            }
        self.assigned_to = self.recipient = recipient
        self.state = "assigned"

    def release(self, at: datetime, due_at: datetime | None) -> None:
        """Nobody has it from `at` on; what is due of it may have been due before."""
        self._start_anew(at)
        self.lapsed_at = at
        self.assigned_to = self.recipient = self.source = None
        self.trip, self.state, self.receipt_due_at = Trip(), "unassigned", due_at

    def _start_anew(self, at: datetime) -> None:
        if self.recipient is not None and self.assigned_to is not None:
            self.former |= {self.recipient, self.assigned_to}
        self.based_at, self.missed = at, False
        self._void()
        self.received_revision = None

    def amend(self, revision: int, at: datetime, due_at: datetime | None) -> None:
        """A new revision voids what was received of the old one."""
        self.revision, self.based_at, self.receipt_due_at, self.missed = revision, at, due_at, False
        self.state = "assigned" if self.recipient else "unassigned"
        self._void()

    def _void(self) -> None:
        self.received = self.asked == "none"
        self.received_at = self.declined_at = self.lapsed_at = self.nagged_at = None

    def receive(self, at: datetime) -> None:
        self.received, self.received_at, self.received_revision = True, at, self.revision

    def note(self, person: str, revision: int, state: ReceiptState, *, counts: bool) -> None:
        """Remember a fact, so that it is not recorded twice; a decline and a receipt make room for one another."""
        undone: tuple[ReceiptState, ...] = ("acknowledged", "held") if state == "declined" else ("declined",)
        if state in ("acknowledged", "held", "declined"):
            for other in undone:
                self.reported.pop((person, revision, other), None)
        self.reported[person, revision, state] = counts

    def sent(self, recipient: str, revision: int) -> None:
        """A message left; what the recipient has said already counts for more."""
        if recipient == self.recipient and revision == self.revision and self.state == "assigned":
            self.state = "sent"

    def report(self, person: str, state: ReceiptState, at: datetime) -> None:
        """A receipt that counts: for this revision, from this recipient."""
        self.state = advanced(self.state, state)
        if state == "declined":
            self.declined_at, self.received, self.received_at = at, self.asked == "none", None
            return
        if state in ("acknowledged", "held"):
            self.declined_at = None
        if state in ("acknowledged", "held") and person != self.recipient and self.recipient is not None:
            self.former.add(self.recipient)
            self.recipient = person
        if satisfies(state, self.asked) and not self.received:
            self.receive(at)

    def report_older(self, revision: int, state: ReceiptState, at: datetime) -> None:
        """A receipt for an older revision tells that this recipient has heard something else."""
        if satisfies(state, self.asked) and revision > (self.received_revision or 0):
            if self.received_revision is None:
                self.lapsed_at = at
            self.received_revision = revision

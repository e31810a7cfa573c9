"""The facts: everything that may be recorded about a commitment, and what each one changes.

Whoever reads the names of this file from top to bottom knows the business. A fact is never updated.
`timestamp` is when it was decided (the basis of receipts and flags), `occurred_at` when it happened in
the world; `personal` names the fields that are encrypted before they are stored, and read None once erased.
"""

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from eventsourcing.domain import AggregateEvent
from eventsourcing.utils import register_topic

from domain.deadlines import Due
from domain.recording import Beginning, Recorded
from domain.values import (
    OF_THE_RECEIPT,
    OF_THE_RECIPIENT,
    AttemptOutcome,
    Direction,
    ErasureCause,
    Item,
    ReceiptState,
    ReopeningReason,
    Source,
    Terms,
    Trip,
    Value,
    Via,
    WhyNot,
    WithdrawalCause,
)

if TYPE_CHECKING:
    from domain.commitment import Commitment

__all__ = [
    "FACTS",
    "CommitmentAmended",
    "CommitmentBroken",
    "CommitmentErased",
    "CommitmentEscalated",
    "CommitmentKept",
    "CommitmentMade",
    "CommitmentReopened",
    "CommitmentWithdrawn",
    "CustomerContacted",
    "CustomerInformed",
    "EscalationTaken",
    "Fact",
    "FulfilmentAttempted",
    "HandoffAcknowledged",
    "HandoffAssigned",
    "HandoffDeclined",
    "HandoffDelivered",
    "HandoffFailed",
    "HandoffHeld",
    "HandoffNagged",
    "HandoffReleased",
    "HandoffReported",
    "HandoffSeen",
    "HandoffSent",
    "ReceiptMissed",
    "register",
]


class Fact(Recorded):
    """A fact about a commitment."""

    def apply(self, commitment: "Commitment") -> None:
        if self.origin.key is not None:
            warnings, why_not = getattr(self, "warnings", ()), getattr(self, "why_not", None)
            commitment.remember(self.origin, self.originator_version, warnings, why_not)
        self.change(commitment)

    def change(self, commitment: "Commitment") -> None:
        raise NotImplementedError


# -- the promise ------------------------------------------------------------------------------------------------


class CommitmentMade(Fact, Beginning):
    """An agent gave the company's word. `receipt_due` holds, for each role of the path, when a recipient is due."""

    order_id: str | None
    customer_id: str
    kind: str
    promise: str | None
    items: tuple[Item, ...] | None
    made_by: str
    channel: str | None
    direction: Direction | None
    conversation: str | None
    value: Value | None
    due: Due
    terms: Terms
    path: tuple[str, ...]
    defaults: dict[str, str]
    receipt_due: dict[str, datetime | None]
    warnings: tuple[str, ...]

    personal = frozenset({"promise", "items", "channel", "conversation"})

    def change(self, commitment: "Commitment") -> None:
        commitment.begin(self)


class CommitmentAmended(Fact):
    """The promise changed: all its terms as they stand now, and in `changed` which of them are new."""

    revision: int
    changed: tuple[str, ...]
    promise: str | None
    items: tuple[Item, ...] | None
    value: Value | None
    due: Due
    path: tuple[str, ...]
    defaults: dict[str, str]
    receipt_due: dict[str, datetime | None]
    known_to: tuple[str, ...]
    postponed: bool
    reason: str | None
    customer_agreed: bool | None
    warnings: tuple[str, ...]

    personal = frozenset({"promise", "items", "reason"})

    def change(self, commitment: "Commitment") -> None:
        commitment.amend(self)


class CommitmentWithdrawn(Fact):
    """The company took its word back: by agreement, without it, or because it was never meant."""

    reason: str | None
    cause: WithdrawalCause

    personal = frozenset({"reason"})

    def change(self, commitment: "Commitment") -> None:
        commitment.status, commitment.withdrawal_cause = "withdrawn", self.cause
        commitment.close(self)


# -- keeping it -------------------------------------------------------------------------------------------------


class CommitmentKept(Fact):
    """The word was kept at `occurred_at`; on time even where it is reported after the due."""

    note: str | None
    evidence: tuple[str, ...] | None

    personal = frozenset({"note", "evidence"})

    def change(self, commitment: "Commitment") -> None:
        commitment.keep(self)


class CommitmentBroken(Fact):
    """The due came and the word was not kept. Only the clock says so."""

    def change(self, commitment: "Commitment") -> None:
        commitment.status, commitment.broken_at = "broken", self.occurred_at
        commitment.times_broken += 1
        commitment.changed_version = self.originator_version


class CommitmentReopened(Fact):
    """It was closed and is not: the customer says otherwise, or it was a wrong tap."""

    reason: ReopeningReason
    note: str | None

    personal = frozenset({"note"})

    def change(self, commitment: "Commitment") -> None:
        commitment.reopen(self)


class FulfilmentAttempted(Fact):
    """The keeper tried and could not."""

    outcome: AttemptOutcome
    note: str | None
    evidence: tuple[str, ...] | None

    personal = frozenset({"note", "evidence"})

    def change(self, commitment: "Commitment") -> None:
        commitment.attempted_at, commitment.attempt_excuses = self.timestamp, True


class CustomerContacted(Fact):
    """The customer had to ask again."""

    channel: str | None
    direction: Direction | None
    note: str | None
    minutes: int | None

    personal = frozenset({"channel", "note"})

    def change(self, commitment: "Commitment") -> None:
        commitment.contacts += 1


class CommitmentEscalated(Fact):
    """Somebody higher up must look at it: 1 the maker, 2 the supervisor, 3 the manager."""

    level: int
    cause: str
    role: str | None = None
    """Of the hand-off that is flagged; None where it was no flag that lifted it."""
    note: str | None = None

    personal = frozenset({"note"})

    def change(self, commitment: "Commitment") -> None:
        if self.role is not None:
            commitment.climbed, commitment.climbs_for = self.level, (self.cause, self.role)
        else:
            commitment.lifted = max(commitment.lifted, self.level)


class EscalationTaken(Fact):
    """Somebody deals with it: the climb pauses."""

    note: str | None

    personal = frozenset({"note"})

    def change(self, commitment: "Commitment") -> None:
        commitment.escalation_taken_by = self.origin.person
        commitment.paused_until = self.timestamp + commitment.terms.escalation_pause


class CustomerInformed(Fact):
    """The customer was told how it stands with the promise, in its current revision."""

    revision: int
    channel: str | None

    personal = frozenset({"channel"})

    def change(self, commitment: "Commitment") -> None:
        commitment.informed_revision = self.revision


class CommitmentErased(Fact):
    """Its personal words are gone for good, the key that opened them being destroyed; the rest of it stays."""

    cause: ErasureCause

    def change(self, commitment: "Commitment") -> None:
        commitment.promise = commitment.items = commitment.channel = commitment.conversation = None


# -- handing it over --------------------------------------------------------------------------------------------


class HandoffFact(Fact):
    """What every fact about one hand-off carries."""

    role: str
    revision: int


class HandoffAssigned(HandoffFact):
    """Somebody is accountable for the hand-off. `known` where the recipient gave the promise himself."""

    recipient: str
    source: Source
    trip: Trip
    receipt_due_at: datetime | None
    known: bool

    def change(self, commitment: "Commitment") -> None:
        handoff = commitment.handoff(self.role)
        if not handoff.names(self.recipient):
            commitment.attempted_at = None
            commitment.end_climb(self.role, OF_THE_RECIPIENT)
        handoff.assign(self.recipient, self.source, self.trip, self.timestamp, self.receipt_due_at)
        if self.known and not handoff.received:
            handoff.receive(self.timestamp)


class HandoffReleased(HandoffFact):
    """Nobody is accountable for the hand-off any more."""

    recipient: str
    receipt_due_at: datetime | None

    def change(self, commitment: "Commitment") -> None:
        commitment.attempted_at = None
        commitment.end_climb(self.role, OF_THE_RECIPIENT)
        commitment.handoff(self.role).release(self.timestamp, self.receipt_due_at)


class HandoffSent(HandoffFact):
    """A message left for somebody. Sent is a fact, not a receipt."""

    recipient: str
    channel: str | None
    team: str | None = None
    """The team as one of which the recipient was told, where it is accountable and not he."""

    personal = frozenset({"channel"})

    def change(self, commitment: "Commitment") -> None:
        commitment.handoff(self.role).sent(self.team or self.recipient, self.revision)


class HandoffFailed(HandoffFact):
    """A message to somebody did not leave, and why."""

    recipient: str
    channel: str | None
    reason: str | None
    team: str | None = None

    personal = frozenset({"channel", "reason"})

    def change(self, commitment: "Commitment") -> None:
        """What failed changes nothing: the recipient has it no more than before."""


class HandoffNagged(HandoffFact):
    """Somebody asked the recipient again, by hand."""

    recipient: str
    note: str | None

    personal = frozenset({"note"})

    def change(self, commitment: "Commitment") -> None:
        commitment.handoff(self.role).nagged_at = self.timestamp


class HandoffReported(HandoffFact):
    """A receipt, true as a fact; `why_not` says why it does not count, if it does not."""

    recipient: str
    via: Via | None
    why_not: WhyNot | None
    team: str | None = None
    """The team for which the recipient spoke, where he was put in it by name."""

    state: ClassVar[ReceiptState]

    def change(self, commitment: "Commitment") -> None:
        handoff = commitment.handoff(self.role)
        handoff.note(self.recipient, self.revision, self.state, counts=self.why_not is None)
        if self.team is not None:
            handoff.members.add((self.recipient, self.team))
        if self.why_not is None:
            handoff.report(self.recipient, self.state, self.timestamp)
            if handoff.received:
                commitment.end_climb(self.role, OF_THE_RECEIPT)
        elif self.why_not == "older_revision" and handoff.is_recipient(self.recipient, (self.team,)):
            handoff.report_older(self.revision, self.state, self.timestamp)


class HandoffDelivered(HandoffReported):
    """The recipient's phone has it."""

    state = "delivered"


class HandoffSeen(HandoffReported):
    """The recipient opened it."""

    state = "seen"


class HandoffAcknowledged(HandoffReported):
    """The recipient said: I know."""

    state = "acknowledged"


class HandoffHeld(HandoffReported):
    """The recipient said: I have the thing."""

    state = "held"


class HandoffDeclined(HandoffReported):
    """The recipient said: I cannot."""

    reason: str | None = None

    personal = frozenset({"reason"})
    state = "declined"


class ReceiptMissed(HandoffFact):
    """The receipt was due and did not come."""

    recipient: str | None
    receipt_due_at: datetime

    def change(self, commitment: "Commitment") -> None:
        commitment.handoff(self.role).missed = True


FACTS: dict[str, type[AggregateEvent]] = {}
"""Each fact by the name under which it is stored, told in the history and sent to other systems."""


def register(*facts: type[AggregateEvent]) -> None:
    """Give facts the stable names under which they are stored, whatever becomes of this module."""
    for fact in facts:
        fact.TOPIC = fact.__name__  # type: ignore[attr-defined]
        register_topic(fact.__name__, fact)
        FACTS[fact.__name__] = fact


register(
    CommitmentMade,
    CommitmentAmended,
    CommitmentWithdrawn,
    CommitmentKept,
    CommitmentBroken,
    CommitmentReopened,
    FulfilmentAttempted,
    CustomerContacted,
    CommitmentEscalated,
    EscalationTaken,
    CustomerInformed,
    CommitmentErased,
    HandoffAssigned,
    HandoffReleased,
    HandoffSent,
    HandoffFailed,
    HandoffNagged,
    HandoffDelivered,
    HandoffSeen,
    HandoffAcknowledged,
    HandoffHeld,
    HandoffDeclined,
    ReceiptMissed,
)

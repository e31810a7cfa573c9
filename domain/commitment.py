"""A commitment: what was promised to a customer, who must know of it, and what became of it.

The state only; the facts that change it are in `facts`, the decisions in `promising`, `keeping`,
`receiving` and `handing_over`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from domain.deadlines import Due
from domain.handoff import Handoff
from domain.recording import Recording
from domain.values import Direction, Item, Origin, ReopeningReason, Status, Terms, Value, WhyNot, WithdrawalCause

if TYPE_CHECKING:
    from domain.facts import CommitmentAmended, CommitmentKept, CommitmentMade, CommitmentReopened, Fact

__all__ = ["Answered", "Commitment"]


@dataclass(slots=True)  # one is made for most facts that are folded, and a frozen one takes three times as long
class Answered:
    """What a command with an Idempotency-Key came to: the version it led to, and what its answer said besides."""

    version: int
    body_hash: str | None
    warnings: tuple[str, ...] = ()
    why_not: WhyNot | None = None


class Commitment(Recording):
    """The state of one commitment, folded from its facts."""

    order_id: str | None
    customer_id: str
    kind: str
    promise: str | None
    items: tuple[Item, ...] | None
    made_by: str
    made_at: datetime
    author: str
    stated_at: datetime
    channel: str | None
    direction: Direction | None
    conversation: str | None
    value: Value | None
    due: Due
    first_due_at: datetime
    agreed_due_at: datetime
    terms: Terms
    made_with: tuple[str, ...]
    waived: bool
    handoffs: list[Handoff]

    def __init__(self) -> None:
        self.revision = 1
        self.status: Status = "open"
        self.kept_at: datetime | None = None
        self.broken_at: datetime | None = None
        self.closed_at: datetime | None = None
        self.late = False
        self.times_broken = 0
        self.contacts = 0
        self.postponements = 0
        self.reopenings = 0
        self.climbed = 0
        self.climbs_for: tuple[str, str] | None = None  # for which reason, and over which role
        self.lifted = 0
        self.escalation_taken_by: str | None = None
        self.paused_until: datetime | None = None
        self.informed_revision: int | None = None
        self.withdrawal_cause: WithdrawalCause | None = None
        self.reopened_as: ReopeningReason | None = None
        self.disputed_at: datetime | None = None
        self.attempted_at: datetime | None = None
        self.attempt_excuses = False
        self.closed_by: Origin | None = None
        self.closed_as: datetime | None = None
        self.changed_version = 1
        self.dropped: list[Handoff] = []  # hand-offs of roles no longer on the path: their keepers may still report
        self.answers: dict[tuple[str, str, str], Answered] = {}

    # -- questions ----------------------------------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        return self.status in ("kept", "withdrawn")

    @property
    def is_erased(self) -> bool:
        """Whether its personal words are gone for good; no promise is without any."""
        return self.promise is None

    @property
    def escalation_level(self) -> int:
        """How high it has come: by its climb, which ends with its cause, or by hand and by the limits, for good."""
        return max(self.climbed, self.lifted)

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(handoff.role for handoff in self.handoffs)

    @property
    def asks_for_a_thing(self) -> bool:
        return self.terms.receipt == "held"

    def handoff(self, role: str) -> Handoff:
        for handoffs in (self.handoffs, self.dropped):
            for handoff in handoffs:
                if handoff.role == role:
                    return handoff
        raise KeyError(role)

    def answer_to(self, origin: Origin) -> Answered | None:
        """What this very command came to before, if its Idempotency-Key is known here."""
        return self.answers.get((origin.sender, origin.command or "", origin.key)) if origin.key is not None else None

    # -- what the facts change ----------------------------------------------------------------------------------

    def remember(self, origin: Origin, version: int, warnings: tuple[str, ...], why_not: WhyNot | None) -> None:
        """Note the answer to a command with an Idempotency-Key; several facts of one command make one answer."""
        key = (origin.sender, origin.command or "", origin.key or "")
        known = self.answers.get(key)
        if known is None:
            self.answers[key] = Answered(version, origin.body_hash, warnings, why_not)
        else:
            said, why_not = warnings or known.warnings, why_not or known.why_not
            self.answers[key] = Answered(version, known.body_hash, said, why_not)

    def end_climb(self, role: str, reasons: Collection[str]) -> None:
        """What was wrong with a hand-off, for one of these reasons, climbs no further."""
        if self.climbs_for is not None and self.climbs_for[1] == role and self.climbs_for[0] in reasons:
            self.climbed, self.climbs_for = 0, None

    def begin(self, made: "CommitmentMade") -> None:
        self.order_id, self.customer_id, self.kind = made.order_id, made.customer_id, made.kind
        self.promise, self.items, self.value = made.promise, made.items, made.value
        self.made_by, self.made_at, self.author = made.made_by, made.occurred_at, made.made_by
        self.stated_at = made.timestamp
        self.channel, self.direction, self.conversation = made.channel, made.direction, made.conversation
        self.due, self.first_due_at, self.agreed_due_at = made.due, made.due.at, made.due.at
        self.terms, self.made_with = made.terms, made.warnings
        self.waived = not any(made.receipt_due.values())
        self.handoffs = [self._handoff(role, made) for role in made.path]

    def _handoff(self, role: str, fact: "CommitmentMade | CommitmentAmended") -> Handoff:
        return Handoff(
            role=role,
            asked=self.terms.receipt,
            default=fact.defaults.get(role),
            based_at=fact.timestamp,
            receipt_due_at=fact.receipt_due[role],
            revision=self.revision,
        )

    def amend(self, fact: "CommitmentAmended") -> None:
        self.revision, self.changed_version = fact.revision, fact.originator_version
        self.promise, self.items, self.value = fact.promise, fact.items, fact.value
        self.author, self.waived, self.stated_at = fact.origin.person, False, fact.timestamp
        self.attempted_at, self.attempt_excuses = None, False
        self.climbed, self.climbs_for = 0, None
        self.postponements += fact.postponed
        if fact.due.at > self.due.at and self.status == "broken":
            self.status, self.broken_at = "open", None
        self.due = fact.due
        if fact.customer_agreed:
            self.agreed_due_at = max(self.agreed_due_at, fact.due.at)
        known = {handoff.role: handoff for handoff in (*self.handoffs, *self.dropped)}
        self.handoffs = [known.pop(role) if role in known else self._handoff(role, fact) for role in fact.path]
        self.dropped = list(known.values())
        for handoff in self.dropped:
            handoff.release(fact.timestamp, None)
        for handoff in self.handoffs:
            handoff.default = fact.defaults.get(handoff.role)
            handoff.amend(fact.revision, fact.timestamp, fact.receipt_due[handoff.role])
            if handoff.role in fact.known_to:
                handoff.receive(fact.timestamp)

    def close(self, fact: "Fact") -> None:
        self.reopened_as = None
        self.climbed, self.climbs_for = 0, None
        self.closed_at, self.closed_as, self.closed_by = fact.timestamp, fact.occurred_at, fact.origin
        self.changed_version = fact.originator_version

    def keep(self, fact: "CommitmentKept") -> None:
        self.status, self.kept_at = "kept", fact.occurred_at
        self.late = fact.occurred_at > self.due.at
        if not self.late and self.broken_at is not None:
            self.broken_at = None
            self.times_broken -= 1
        self.close(fact)

    def reopen(self, fact: "CommitmentReopened") -> None:
        self.status = "broken" if self.broken_at is not None else "open"
        self.kept_at = self.closed_at = self.closed_as = self.closed_by = self.withdrawal_cause = None
        self.late = False
        self.reopenings += 1
        self.reopened_as = fact.reason
        if fact.reason == "disputed":
            self.disputed_at = fact.timestamp
        self.changed_version = fact.originator_version

"""Decisions about keeping the word: kept, tried, reopened, asked for again, and what the clock has to say."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.actors import role_of
from domain.commitment import Commitment
from domain.errors import CommitmentClosed, CommitmentNotClosed, Forbidden
from domain.escalating import escalate_on_limits
from domain.facts import (
    CommitmentBroken,
    CommitmentKept,
    CommitmentReopened,
    CustomerContacted,
    FulfilmentAttempted,
    ReceiptMissed,
)
from domain.moment import Moment
from domain.values import AttemptOutcome, Direction, ReopeningReason

__all__ = [
    "Attempt",
    "Contact",
    "attempt",
    "contact",
    "fulfil",
    "next_instants",
    "pass_time",
    "reopen",
]

TAKE_BACK_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The keeper tried: how it ended, and when."""

    outcome: AttemptOutcome
    note: str | None = None
    at: datetime | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contact:
    """The customer asked again."""

    channel: str
    direction: Direction | None = None
    note: str | None = None
    minutes: int | None = None


def pass_time(commitment: Commitment, moment: Moment) -> None:
    """Record what the clock alone decides: a missed receipt, a broken promise. Doing it twice records nothing."""
    for handoff in commitment.handoffs:
        due_at = handoff.receipt_due_at
        if due_at is not None and due_at <= moment.now and _misses(commitment, handoff.role):
            moment.record(
                commitment,
                ReceiptMissed,
                at=due_at,
                role=handoff.role,
                revision=commitment.revision,
                recipient=handoff.recipient,
                receipt_due_at=due_at,
            )
    if commitment.status == "open" and commitment.due.at <= moment.now:
        moment.record(commitment, CommitmentBroken, at=commitment.due.at)


def next_instants(commitment: Commitment) -> list[datetime]:
    """The instants at which the clock will have something to say, unless something happens before.

    A commitment that is closed has none.
    """
    instants = [
        handoff.receipt_due_at
        for handoff in commitment.handoffs
        if handoff.receipt_due_at is not None and _misses(commitment, handoff.role)
    ]
    return sorted([*instants, commitment.due.at] if commitment.status == "open" else instants)


def _misses(commitment: Commitment, role: str) -> bool:
    handoff = commitment.handoff(role)
    return not commitment.is_closed and handoff.awaits_receipt and not handoff.missed and handoff.state != "declined"


def fulfil(
    commitment: Commitment, moment: Moment, *, note: str | None, at: datetime | None, evidence: tuple[str, ...] = ()
) -> None:
    """Record that the word was kept, on time where it happened in time. Saying so twice records nothing.

    Raises `CommitmentClosed` where it was withdrawn, or kept at another instant.
    """
    if commitment.status == "kept" and at in (None, commitment.kept_at):
        return
    if commitment.is_closed:
        raise CommitmentClosed(f"the commitment is {commitment.status}")
    kept_at = moment.when(at, not_before=[commitment.made_at])
    if kept_at > commitment.due.at:
        pass_time(commitment, moment.by_itself())
    moment.record(commitment, CommitmentKept, at=kept_at, note=note, evidence=evidence)


def attempt(commitment: Commitment, tried: Attempt, moment: Moment) -> None:
    """Record that the keeper tried and could not. The status stays; two attempts are two facts."""
    if commitment.is_closed:
        raise CommitmentClosed(f"the commitment is {commitment.status}")
    moment.record(
        commitment,
        FulfilmentAttempted,
        at=moment.when(tried.at, not_before=[commitment.made_at]),
        outcome=tried.outcome,
        note=tried.note,
        evidence=tried.evidence,
    )


def reopen(commitment: Commitment, reason: ReopeningReason, note: str | None, moment: Moment) -> None:
    """Open again what was closed: the customer disputes it, or it was a wrong tap. Saying so twice records nothing.

    Raises `CommitmentNotClosed`, or `Forbidden` where somebody takes back another's tap, or after a day.
    """
    if not commitment.is_closed:
        if commitment.reopened_as == reason:
            return
        raise CommitmentNotClosed(f"the commitment is {commitment.status}")
    if reason == "mistaken":
        _may_take_back(commitment, moment)
    moment.record(commitment, CommitmentReopened, reason=reason, note=note)
    pass_time(commitment, moment.by_itself())


def _may_take_back(commitment: Commitment, moment: Moment) -> None:
    if role_of(moment.origin.actor) in ("supervisor", "admin"):
        return
    recorder, closed_at = commitment.closed_by, commitment.closed_at
    if recorder is None or closed_at is None or recorder.person != moment.origin.person:
        raise Forbidden("only who recorded it, or a supervisor, may call it a mistake")
    if moment.now - closed_at > TAKE_BACK_WITHIN:
        raise Forbidden("it was recorded more than 24 hours ago; only a supervisor may call it a mistake")


def contact(commitment: Commitment, asked: Contact, moment: Moment) -> None:
    """Record that the customer had to ask again; it is a fact, whatever became of the promise.

    Too many of them go to the supervisor at once.
    """
    moment.record(
        commitment,
        CustomerContacted,
        channel=asked.channel,
        direction=asked.direction,
        note=asked.note,
        minutes=asked.minutes,
    )
    escalate_on_limits(commitment, moment)

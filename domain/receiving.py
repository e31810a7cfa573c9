"""Decisions about receipts: what the keeper of a promise says about having heard of it."""

from dataclasses import dataclass
from datetime import datetime

from domain.actors import role_of
from domain.commitment import Commitment
from domain.errors import Forbidden, Invalid
from domain.facts import (
    HandoffAcknowledged,
    HandoffDeclined,
    HandoffDelivered,
    HandoffHeld,
    HandoffReported,
    HandoffSeen,
)
from domain.handoff import Handoff
from domain.moment import Moment
from domain.values import ReceiptState, Via, WhyNot

__all__ = ["ReceiptGiven", "Received", "receive"]

_FACT: dict[ReceiptState, type[HandoffReported]] = {
    fact.state: fact for fact in (HandoffDelivered, HandoffSeen, HandoffAcknowledged, HandoffHeld, HandoffDeclined)
}


@dataclass(frozen=True, slots=True)
class ReceiptGiven:
    """What a keeper reports: which revision he has seen, and how far he has it."""

    revision: int
    state: ReceiptState
    role: str | None = None
    reason: str | None = None
    at: datetime | None = None
    via: Via | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """Whether the receipt was recorded (or known already), and whether it counts."""

    recorded: bool
    why_not: WhyNot | None

    @property
    def counts(self) -> bool:
        return self.why_not is None


def receive(commitment: Commitment, receipt: ReceiptGiven, moment: Moment) -> Received:
    """Record a receipt. It is a fact from the world: what no longer counts is recorded all the same.

    Raises `Forbidden` from somebody who never was the recipient, `Invalid` for a revision that does not exist yet.
    """
    if receipt.revision > commitment.revision:
        raise Invalid("/revision", f"does not exist yet; the commitment is at revision {commitment.revision}")
    if receipt.state == "declined" and receipt.reason is None:
        raise Invalid("/reason", "is required with a decline")
    occurred_at = moment.when(receipt.at, not_before=[commitment.made_at])
    handoff, giver = _whose(commitment, receipt, moment)
    teams = moment.roster.teams(giver)
    why_not = _why_not(commitment, is_recipient=handoff.is_recipient(giver, teams), revision=receipt.revision)
    if handoff.knows(giver, receipt.revision, receipt.state, counts=why_not is None):
        return Received(False, why_not)
    extra = {"reason": receipt.reason} if receipt.state == "declined" else {}
    moment.record(
        commitment,
        _FACT[receipt.state],
        at=occurred_at,
        role=handoff.role,
        revision=receipt.revision,
        recipient=giver,
        via=receipt.via,
        why_not=why_not,
        team=next((team for team in teams if team in (handoff.recipient, *handoff.former)), None),
        **extra,
    )
    return Received(True, why_not)


def _why_not(commitment: Commitment, *, is_recipient: bool, revision: int) -> WhyNot | None:
    if revision < commitment.revision:
        return "older_revision"
    if not is_recipient:
        return "no_longer_recipient"
    return "commitment_closed" if commitment.is_closed else None


def _whose(commitment: Commitment, receipt: ReceiptGiven, moment: Moment) -> tuple[Handoff, str]:
    """The hand-off that a receipt is about, and for whom it is given; a supervisor speaks for the recipient, but not
    whoever holds a link to a supervisor's own tasks.
    """
    every = (*commitment.handoffs, *commitment.dropped)
    handoffs = [handoff for handoff in every if receipt.role in (None, handoff.role)]
    if not handoffs:
        raise Invalid("/role", f"is not on the path of this commitment: {', '.join(commitment.path)}")
    person = moment.origin.person
    teams = moment.roster.teams(person)
    for theirs in (Handoff.is_recipient, Handoff.was_recipient):
        if found := [(handoff, person) for handoff in handoffs if theirs(handoff, person, teams)]:
            return _meant(found, receipt)
    if role_of(person) in ("supervisor", "admin") and receipt.via != "link":
        named = [(handoff, handoff.recipient) for handoff in handoffs if handoff.recipient is not None]
        if not named:
            raise Invalid("/role", "nobody is accountable for this hand-off yet")
        return _meant(named, receipt)
    raise Forbidden(f"{person} never was the recipient of this commitment")


def _meant(those: list[tuple[Handoff, str]], receipt: ReceiptGiven) -> tuple[Handoff, str]:
    """Of several hand-offs the one of which this very thing was said before, else the first that misses its receipt."""
    said = (one for one in those if (one[1], receipt.revision, receipt.state) in one[0].reported)
    missing = (one for one in those if not one[0].received)
    return next(said, None) or next(missing, None) or those[0]

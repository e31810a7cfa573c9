"""Decisions about telling people: what left for whom, and what the customer was told."""

from domain.commitment import Commitment
from domain.facts import CustomerInformed, HandoffFailed, HandoffSent
from domain.handoff import Handoff
from domain.moment import Moment

__all__ = ["failed", "inform", "sent"]


def sent(commitment: Commitment, handoff: Handoff, channel: str, moment: Moment) -> None:
    """Record that a message left for the recipient of a hand-off; it is a fact, not a receipt."""
    moment.record(
        commitment,
        HandoffSent,
        role=handoff.role,
        revision=commitment.revision,
        recipient=handoff.recipient,
        channel=channel,
    )


def failed(commitment: Commitment, handoff: Handoff, channel: str, reason: str, moment: Moment) -> None:
    """Record that a message to the recipient of a hand-off did not leave, and why."""
    moment.record(
        commitment,
        HandoffFailed,
        role=handoff.role,
        revision=commitment.revision,
        recipient=handoff.recipient,
        channel=channel,
        reason=reason,
    )


def inform(commitment: Commitment, channel: str, moment: Moment) -> None:
    """Record that the customer was told how it stands with the promise."""
    moment.record(commitment, CustomerInformed, revision=commitment.revision, channel=channel)

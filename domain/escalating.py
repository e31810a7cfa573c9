"""Decisions about the ladder: who must look at a promise that is in danger, and who deals with it."""

from typing import Final

from domain.commitment import Commitment
from domain.errors import CommitmentClosed
from domain.facts import CommitmentEscalated, EscalationTaken
from domain.moment import Moment

__all__ = ["MAKER", "MANAGER", "SUPERVISOR", "escalate", "escalate_on_limits", "lift", "take"]

MAKER: Final = 1
SUPERVISOR: Final = 2
MANAGER: Final = 3
"""The steps of the ladder (contract, section 12); nobody but the recipient is asked below the first."""


def escalate(commitment: Commitment, level: int, cause: str, moment: Moment, note: str | None = None) -> None:
    """Record that it goes up to `level`; where it is that high already, nothing is recorded."""
    if commitment.escalation_level < level:
        moment.record(commitment, CommitmentEscalated, level=level, cause=cause, note=note)


def escalate_on_limits(commitment: Commitment, moment: Moment) -> None:
    """Too many postponements or contacts go to the supervisor at once (story 4)."""
    terms = commitment.terms
    if commitment.is_closed:
        return
    if commitment.postponements >= terms.escalate_on_postponements:
        escalate(commitment, SUPERVISOR, "postponements", moment.by_itself())
    elif commitment.contacts >= terms.escalate_on_contacts:
        escalate(commitment, SUPERVISOR, "contacts", moment.by_itself())


def lift(commitment: Commitment, note: str | None, moment: Moment) -> None:
    """Somebody who cannot solve it hands it one step up, now; from the manager it goes nowhere.

    Raises `CommitmentClosed` where there is nothing to solve any more.
    """
    _check_live(commitment)
    escalate(commitment, min(commitment.escalation_level + 1, MANAGER), "raised", moment, note)


def take(commitment: Commitment, note: str | None, moment: Moment) -> None:
    """Record that somebody deals with it. Saying so twice records nothing.

    Raises `CommitmentClosed` where there is nothing to deal with any more.
    """
    _check_live(commitment)
    if commitment.escalation_taken_by != moment.origin.person:
        moment.record(commitment, EscalationTaken, note=note)


def _check_live(commitment: Commitment) -> None:
    if commitment.is_closed:
        raise CommitmentClosed(f"the commitment is {commitment.status}")

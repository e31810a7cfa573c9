"""Decisions about the ladder: who must look at a promise that is in danger, and who deals with it.

What is flagged climbs: from the missed receipt to the maker, the supervisor, the manager, by the kind's
`escalate_after`; what a keeper or the customer says, and what is overdue, goes to the maker at once and climbs from
there. A receipt, a new revision, another recipient end the climb, and so does the end of the promise.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from domain.commitment import Commitment
from domain.errors import CommitmentClosed, Unreachable
from domain.facts import CommitmentEscalated, EscalationTaken, HandoffNagged
from domain.flags import Flag, flag_at, flag_spans, rescue_by
from domain.moment import Moment
from domain.values import OF_THE_RECEIPT, FlagReason

__all__ = [
    "MAKER",
    "MANAGER",
    "SUPERVISOR",
    "climb",
    "climb_instants",
    "escalate_on_limits",
    "lift",
    "nag",
    "responsible",
    "take",
]

MAKER: Final = 1
SUPERVISOR: Final = 2
MANAGER: Final = 3
"""The steps of the ladder (contract, section 12); nobody but the recipient is asked below the first."""

_ASKED_FIRST: Final[frozenset[FlagReason]] = OF_THE_RECEIPT - {"declined"}
"""What the recipient himself is asked about first, before the maker is."""


def climb(commitment: Commitment, moment: Moment) -> datetime | None:
    """Record the highest step of the ladder that is due; doing it twice records nothing.

    Answers when the next one is, where somebody must be at work before.
    """
    now = moment.now
    if commitment.paused_until is not None and commitment.paused_until > now:
        return None
    flag = flag_at(commitment, now)
    if flag is None or not _climbs(commitment, flag.reason):
        return None
    reached = _reached(commitment, flag)
    ahead = [(level, at) for level, at in _steps_at_work(commitment, flag, moment) if level > reached]
    due = max((level for level, at in ahead if at <= now), default=None)
    if due is None:
        return min((at for _, at in ahead), default=None)
    # It may be told later than it was due, when others are at work.
    begins = _at_work(commitment, due, moment, now)
    if now < begins < rescue_by(commitment, flag.role, now):
        return begins
    higher = range(due, len(commitment.terms.escalate_after) + 1)
    awake = next((level for level in higher if _at_work(commitment, level, moment, now) == now), due)
    _escalate(commitment, awake, flag.reason, moment, role=flag.role)
    return None


def _steps_at_work(commitment: Commitment, flag: Flag, moment: Moment) -> list[tuple[int, datetime]]:
    """The steps, each when its person is at work.

    Who is not is waited for, where the promise can be saved then still, and what follows waits as long; else he is
    passed over for the next who is. Where nobody is, the step is taken all the same.
    """
    found: list[tuple[int, datetime]] = []
    passed_over: tuple[int, datetime] | None = None
    delay = timedelta()
    first_ahead = _reached(commitment, flag) + 1
    for level, planned in _steps(commitment, flag):
        if level == first_ahead:
            # Whoever was passed over up to here is no reason to leave out what is still ahead.
            passed_over = None
        at = passed_over[1] if passed_over is not None else planned + delay
        begins = _at_work(commitment, level, moment, at)
        if begins > at and begins >= rescue_by(commitment, flag.role, at):
            passed_over = passed_over or (level, at)
            continue
        delay = max(begins - planned, delay)
        found.append((level, begins))
        passed_over = None
    if passed_over is not None:
        found.append(passed_over)
    return found


def _at_work(commitment: Commitment, level: int, moment: Moment, at: datetime) -> datetime:
    """From when on, at an instant, whoever is asked at a step is at work; that instant where it is not known."""
    return moment.roster.next_on(responsible(commitment, level, moment), at)


def climb_instants(commitment: Commitment) -> Iterator[datetime]:
    """The instants at which a step of the ladder falls due, unless something happens before."""
    for span in flag_spans(commitment):
        if not _climbs(commitment, span.reason):
            continue
        flag = Flag(span.reason, span.role, span.since)
        reached = _reached(commitment, flag)
        for level, at in _steps(commitment, flag):
            falls_due = max(at, span.begins_at, commitment.paused_until or at)
            if level > reached and (span.ends_at is None or falls_due < span.ends_at):
                yield falls_due


def responsible(commitment: Commitment, level: int, moment: Moment) -> str | None:
    """Who is asked at a step: the maker, to whom he reports, and to whom that one does; None where nobody is known."""
    person: str | None = commitment.made_by
    for _ in range(level - MAKER):
        person = moment.roster.superior(person) if person is not None else None
    return person


def _climbs(commitment: Commitment, reason: FlagReason) -> bool:
    """What was overdue when it was recorded, as an import records it, asks nobody for anything."""
    return reason != "overdue" or commitment.due.at > commitment.stated_at


def _reached(commitment: Commitment, flag: Flag) -> int:
    """How far it has climbed for this very reason."""
    return commitment.climbed if commitment.climbs_for == (flag.reason, flag.role) else 0


def _steps(commitment: Commitment, flag: Flag) -> Iterator[tuple[int, datetime]]:
    """Each step with the instant at which it is due."""
    for level, after in enumerate(commitment.terms.escalate_after, MAKER):
        at_once = level == MAKER and flag.reason not in _ASKED_FIRST
        yield level, flag.since + (timedelta() if at_once else after)


def escalate_on_limits(commitment: Commitment, moment: Moment) -> None:
    """Too many postponements or contacts go to the supervisor at once (story 4)."""
    terms = commitment.terms
    if commitment.is_closed or commitment.lifted >= SUPERVISOR:
        return
    if commitment.postponements >= terms.escalate_on_postponements:
        _escalate(commitment, SUPERVISOR, "postponements", moment.by_itself())
    elif commitment.contacts >= terms.escalate_on_contacts:
        _escalate(commitment, SUPERVISOR, "contacts", moment.by_itself())


def lift(commitment: Commitment, note: str | None, moment: Moment) -> None:
    """Somebody who cannot solve it hands it one step up, now; from the manager it goes nowhere.

    Raises `CommitmentClosed` where there is nothing to solve any more.
    """
    _check_live(commitment)
    if commitment.escalation_level < MANAGER:
        _escalate(commitment, commitment.escalation_level + 1, "raised", moment, note=note)


def take(commitment: Commitment, note: str | None, moment: Moment) -> None:
    """Record that somebody deals with it: the climb pauses. Saying so again while it does records nothing.

    Raises `CommitmentClosed` where there is nothing to deal with any more.
    """
    _check_live(commitment)
    pauses = commitment.paused_until is not None and commitment.paused_until > moment.now
    if not pauses or commitment.escalation_taken_by != moment.origin.person:
        moment.record(commitment, EscalationTaken, note=note)


def nag(commitment: Commitment, note: str | None, moment: Moment) -> None:
    """Ask the keeper again, who is told now: of the hand-off that is flagged, else of the first that is not received.

    It raises no level. Raises `CommitmentClosed` where nothing is asked of him any more, and `Unreachable` where
    nobody is named, or of nobody who would be told is known how he is reached.
    """
    _check_live(commitment)
    flag = flag_at(commitment, moment.now)
    waiting = next((one for one in commitment.handoffs if not one.received), commitment.handoffs[-1])
    handoff = commitment.handoff(flag.role) if flag is not None else waiting
    if handoff.recipient is None:
        raise Unreachable(f"nobody is named to keep it, as {handoff.role}")
    if not moment.roster.can_be_told(handoff.recipient, moment.now):
        raise Unreachable(f"nobody has said how {handoff.recipient} is reached")
    moment.record(
        commitment,
        HandoffNagged,
        role=handoff.role,
        revision=commitment.revision,
        recipient=handoff.recipient,
        note=note,
    )


def _escalate(
    commitment: Commitment, level: int, cause: str, moment: Moment, *, role: str | None = None, note: str | None = None
) -> None:
    moment.record(commitment, CommitmentEscalated, level=level, cause=cause, role=role, note=note)


def _check_live(commitment: Commitment) -> None:
    if commitment.is_closed:
        raise CommitmentClosed(f"the commitment is {commitment.status}")

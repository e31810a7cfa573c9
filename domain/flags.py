"""The flags: what a commitment that is going wrong is flagged for, when it begins, and how long there is to mend it.

A flag is a function of the state and the time. `flag_spans` tells the future of a state that nothing
more happens to, so that a reader need only ask which span holds now; no event is needed for a flag to appear.

>>> [(span.reason, span.begins_at, span.ends_at) for span in flag_spans(commitment)]  # doctest: +SKIP
[('not_received', ten_o_clock, six_o_clock), ('overdue', six_o_clock, None)]
"""

from datetime import datetime
from typing import NamedTuple, get_args

from domain.commitment import Commitment
from domain.handoff import Handoff
from domain.values import FlagReason

__all__ = ["FLAG_REASONS", "Flag", "FlagReason", "FlagSpan", "flag_at", "flag_spans", "rescue_by"]

FLAG_REASONS: tuple[FlagReason, ...] = get_args(FlagReason)
"""In the order in which they count: the first that holds is the flag."""


class Flag(NamedTuple):
    """Why a commitment is flagged, over which hand-off, and since when its condition holds."""

    reason: FlagReason
    role: str
    since: datetime


class FlagSpan(NamedTuple):
    """A flag that holds from `begins_at` until `ends_at` (None: until something happens)."""

    reason: FlagReason
    role: str
    since: datetime
    rescue_by: datetime
    begins_at: datetime
    ends_at: datetime | None


def flag_at(commitment: Commitment, now: datetime) -> Flag | None:
    """The one flag of a commitment at `now`: the first reason that holds, over its hand-offs in order."""
    if commitment.is_closed:
        return None
    return _standing(commitment) or _by_time(commitment, now)


def _standing(commitment: Commitment) -> Flag | None:
    """What holds whatever the time."""
    if commitment.disputed_at is not None:
        return Flag("disputed", commitment.handoffs[-1].role, commitment.disputed_at)
    for handoff in commitment.handoffs:
        if handoff.declined_at is not None:
            return Flag("declined", handoff.role, handoff.declined_at)
    if commitment.attempted_at is not None:
        return Flag("attempted", commitment.handoffs[-1].role, commitment.attempted_at)
    return None


def _by_time(commitment: Commitment, now: datetime) -> Flag | None:
    if commitment.due.at <= now:
        return Flag("overdue", commitment.handoffs[-1].role, commitment.due.at)
    late = [Flag(_lacks(h), h.role, at) for h in commitment.handoffs if (at := _receipt_late_since(h, now)) is not None]
    return min(late, key=lambda flag: FLAG_REASONS.index(flag.reason), default=None)


def _lacks(handoff: Handoff) -> FlagReason:
    """What is wrong with a hand-off whose receipt is late."""
    if handoff.recipient is None:
        return "unassigned"
    return "stale_revision" if handoff.received_another else "not_received"


def _receipt_late_since(handoff: Handoff, now: datetime) -> datetime | None:
    due_at = handoff.receipt_due_at
    if due_at is None or handoff.received or due_at > now:
        return None
    return max(due_at, handoff.lapsed_at) if handoff.lapsed_at is not None else due_at


def rescue_by(commitment: Commitment, role: str, now: datetime) -> datetime:
    """Until when it can be mended: the recipient's departure where that is still ahead, else the due."""
    departure = commitment.handoff(role).trip.departure
    return departure if departure is not None and departure > now else commitment.due.at


def flag_spans(commitment: Commitment) -> list[FlagSpan]:
    """Every flag that the clock will raise on this state, in order; between two instants nothing changes."""
    if commitment.is_closed:
        return []
    begins, later, standing = commitment.modified_on, sorted(_turning_points(commitment)), _standing(commitment)
    instants = [begins, *(instant for instant in later if instant > begins)]
    spans: list[FlagSpan] = []
    for instant, until in zip(instants, [*instants[1:], None], strict=True):
        flag = standing or _by_time(commitment, instant)
        if flag is not None:
            due = rescue_by(commitment, flag.role, instant)
            spans.append(FlagSpan(flag.reason, flag.role, flag.since, due, instant, until))
    return spans


def _turning_points(commitment: Commitment) -> set[datetime]:
    points = {commitment.due.at}
    for handoff in commitment.handoffs:
        points.update(at for at in (handoff.receipt_due_at, handoff.trip.departure) if at is not None)
    return points

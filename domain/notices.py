"""Notices: what somebody is to be told of a promise, whether it still makes sense, and what came of it.

A notice that has lost its sense by the time at which it would leave is not told any more.

>>> holds(notice, commitment, now)  # doctest: +SKIP
False
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from domain.commitment import Commitment
from domain.facts import CustomerInformed, HandoffFailed, HandoffSent
from domain.handoff import Handoff
from domain.moment import Moment

__all__ = ["TO_CUSTOMERS", "About", "Notice", "ToCustomers", "ToStaff", "failed", "holds", "sent"]

ToStaff = Literal["assigned", "amended", "reassigned", "withdrawn", "missed", "nagged", "due_soon", "escalated"]
ToCustomers = Literal["made", "moved", "kept", "broken"]
About = ToStaff | ToCustomers
TO_CUSTOMERS: tuple[ToCustomers, ...] = get_args(ToCustomers)


@dataclass(frozen=True, slots=True)
class Notice:
    """Somebody is to be told something about a promise, not before `at`.

    `to` is an actor, or a customer's id where it is about one of `TO_CUSTOMERS`. `addressee` is the recipient of the
    hand-off as whom he is told, perhaps his team. `anchor` tells it from others of its kind: the same is told once.
    """

    commitment_id: UUID
    about: About
    to: str
    at: datetime
    anchor: str
    revision: int
    role: str | None = None
    addressee: str | None = None
    level: int = 0
    cause: str | None = None

    @property
    def key(self) -> str:
        return "/".join((str(self.commitment_id), self.about, self.anchor, self.addressee or "", self.to))

    @property
    def is_for_customer(self) -> bool:
        return self.about in TO_CUSTOMERS


# -- what came of it --------------------------------------------------------------------------------------------


def sent(notice: Notice, commitment: Commitment, channel: str, moment: Moment) -> None:
    """Record that somebody was told, as far as we know; it is a fact, not a receipt."""
    if notice.is_for_customer:
        moment.record(commitment, CustomerInformed, revision=notice.revision, channel=channel)
    else:
        _to_whom(HandoffSent, notice, commitment, moment, channel=channel)


def failed(notice: Notice, commitment: Commitment, channel: str | None, reason: str, moment: Moment) -> None:
    """Record that a message to one of the staff did not leave, and why."""
    _to_whom(HandoffFailed, notice, commitment, moment, channel=channel, reason=reason)


def _to_whom(
    fact: type[HandoffSent | HandoffFailed],
    notice: Notice,
    commitment: Commitment,
    moment: Moment,
    **outcome: str | None,
) -> None:
    team = notice.addressee if notice.addressee != notice.to else None
    role, revision = notice.role or commitment.path[-1], notice.revision
    fields: dict[str, Any] = {"role": role, "revision": revision, "recipient": notice.to, "team": team}
    moment.record(commitment, fact, **(fields | outcome))


# -- whether it still makes sense -------------------------------------------------------------------------------


def holds(notice: Notice, commitment: Commitment, now: datetime) -> bool:
    """Whether it still makes sense to tell it."""
    return _HOLDS[notice.about](notice, commitment, now)


def _awaits(notice: Notice, commitment: Commitment, _: datetime) -> bool:
    """The very hand-off that it is about still waits for its receipt."""
    handoff = commitment.handoff(notice.role or "")
    return _is_theirs(notice, handoff, commitment) and handoff.awaits_receipt


def _has_it(notice: Notice, commitment: Commitment, now: datetime) -> bool:
    handoff = commitment.handoff(notice.role or "")
    return _is_theirs(notice, handoff, commitment) and handoff.received and now < commitment.due.at


def _is_still_with(notice: Notice, commitment: Commitment, _: datetime) -> bool:
    return _is_theirs(notice, commitment.handoff(notice.role or ""), commitment)


def _is_theirs(notice: Notice, handoff: Handoff, commitment: Commitment) -> bool:
    standing = not commitment.is_closed and commitment.revision == notice.revision
    return standing and handoff.recipient == notice.addressee


def _is_gone(notice: Notice, commitment: Commitment, _: datetime) -> bool:
    handoff = commitment.handoff(notice.role or "")
    return not commitment.is_closed and handoff.recipient != notice.to


def _needs_somebody(notice: Notice, commitment: Commitment, _: datetime) -> bool:
    """It stands as high as that, for that cause."""
    if commitment.is_closed:
        return False
    if commitment.climbs_for == (notice.cause, notice.role):
        return commitment.climbed >= notice.level
    return commitment.lifted == notice.level and notice.cause in ("postponements", "contacts", "raised")


def _is(*statuses: str) -> Callable[[Notice, Commitment, datetime], bool]:
    def is_one(notice: Notice, commitment: Commitment, _: datetime) -> bool:
        return commitment.status in statuses and commitment.revision == notice.revision

    return is_one


_HOLDS: dict[About, Callable[[Notice, Commitment, datetime], bool]] = {
    "assigned": _awaits,
    "amended": _awaits,
    "missed": _awaits,
    "nagged": _is_still_with,
    "due_soon": _has_it,
    "reassigned": _is_gone,
    "withdrawn": _is("withdrawn"),
    "escalated": _needs_somebody,
    "made": _is("open"),
    "moved": _is("open", "broken"),
    "kept": _is("kept"),
    "broken": _is("broken"),
}

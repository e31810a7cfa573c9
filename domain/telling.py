"""Decisions about who must be told what, and when: from what happened, and how the promise stands now.

>>> notices(missed, commitment, moment)  # doctest: +SKIP
[Notice(commitment_id=UUID('…'), about='missed', to='courier:li', …)]
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from domain.actors import IMPORTER
from domain.commitment import Commitment
from domain.escalating import MAKER, MANAGER, responsible
from domain.facts import (
    CommitmentAmended,
    CommitmentBroken,
    CommitmentEscalated,
    CommitmentKept,
    CommitmentMade,
    CommitmentWithdrawn,
    Fact,
    HandoffAssigned,
    HandoffNagged,
    HandoffReleased,
    ReceiptMissed,
)
from domain.flags import flag_at, rescue_by
from domain.handoff import Handoff
from domain.moment import Moment
from domain.notices import Notice, ToCustomers, ToStaff, holds
from domain.people import Duty
from domain.promising import IN_BULK

__all__ = ["GATHERED", "TOLD_OF", "notices", "of_the_customer", "reminder", "reminder_at"]

GATHERED = timedelta(minutes=1)
"""How long what is not urgent waits for more, so that ten flags in a minute are one message."""

_SUPERVISORS = "team:supervisor"
"""Who is asked where nobody is known to whom the maker reports, or who can be told."""


def notices(fact: Fact, commitment: Commitment, moment: Moment) -> list[Notice]:
    """What is to be told because of a fact, as far as it still is true. Nobody is told what he did himself."""
    found = TOLD_OF[type(fact)](fact, commitment, moment)
    himself = fact.origin.person
    return [notice for notice in found if notice.to != himself and holds(notice, commitment, moment.now)]


# -- to whoever must keep it ------------------------------------------------------------------------------------


def _of_assignment(fact: HandoffAssigned, commitment: Commitment, moment: Moment) -> Iterator[Notice]:
    """A new recipient hears of it, and whoever knew of it that it is gone; the same one, with other times, does not."""
    handoff = commitment.handoff(fact.role)
    if not fact.known and handoff.based_at == fact.timestamp:
        anchor = f"{fact.role}/{fact.timestamp.isoformat()}"
        yield from _to_recipient("assigned", handoff, commitment, moment, anchor)
    yield from _to_former(handoff, commitment, moment)


def _of_release(fact: HandoffReleased, commitment: Commitment, moment: Moment) -> Iterator[Notice]:
    yield from _to_former(commitment.handoff(fact.role), commitment, moment)


def _to_former(handoff: Handoff, commitment: Commitment, moment: Moment) -> Iterator[Notice]:
    """Whoever has confirmed it, in whatever revision, believes that he has it."""
    for (person, revision, state), counted in handoff.reported.items():
        if counted and state in ("acknowledged", "held"):
            yield _notice(
                "reassigned", person, commitment, moment, anchor=f"{handoff.role}/{revision}", role=handoff.role
            )


def _of_amendment(fact: CommitmentAmended, commitment: Commitment, moment: Moment) -> Iterator[Notice]:
    for handoff in commitment.handoffs:
        if handoff.role not in fact.known_to:
            yield from _to_recipient("amended", handoff, commitment, moment, f"{fact.revision}/{handoff.role}")
    for handoff in commitment.dropped:
        yield from _to_former(handoff, commitment, moment)
    if fact.origin.command != IN_BULK and {"due", "promise"} & set(fact.changed):
        yield from _to_customer("moved", fact, commitment, moment)


def _of_missing(fact: ReceiptMissed, commitment: Commitment, moment: Moment) -> Iterator[Notice]:
    handoff = commitment.handoff(fact.role)
    anchor = f"{fact.role}/{fact.receipt_due_at.isoformat()}"
    waits = max(fact.receipt_due_at + GATHERED - moment.now, timedelta())
    yield from _to_recipient("missed", handoff, commitment, moment, anchor, waits=waits)


def _of_nagging(fact: HandoffNagged, commitment: Commitment, moment: Moment) -> Iterator[Notice]:
    handoff = commitment.handoff(fact.role)
    yield from _to_recipient("nagged", handoff, commitment, moment, f"{fact.role}/{fact.timestamp.isoformat()}")


def _of_withdrawal(_: CommitmentWithdrawn, commitment: Commitment, moment: Moment) -> Iterator[Notice]:
    """Whoever has heard of it must hear that it is over."""
    for handoff in commitment.handoffs:
        has_heard = handoff.received_revision is not None or handoff.state not in ("unassigned", "assigned")
        if has_heard and handoff.recipient is not None and handoff.asked != "none":
            anchor = f"{commitment.revision}/{handoff.role}"
            yield _notice("withdrawn", handoff.recipient, commitment, moment, anchor=anchor, role=handoff.role)


def _to_recipient(
    about: ToStaff,
    handoff: Handoff,
    commitment: Commitment,
    moment: Moment,
    anchor: str,
    waits: timedelta = timedelta(),
) -> Iterator[Notice]:
    """To whoever has it, or, of a team without a contact point of its own, to its members."""
    if handoff.recipient is None:
        return
    for person in moment.roster.told(handoff.recipient, moment.now):
        yield _notice(
            about,
            person,
            commitment,
            moment,
            anchor=anchor,
            role=handoff.role,
            addressee=handoff.recipient,
            waits=waits,
        )


def _notice(
    about: ToStaff,
    person: str,
    commitment: Commitment,
    moment: Moment,
    *,
    anchor: str,
    role: str,
    addressee: str | None = None,
    waits: timedelta = timedelta(),
) -> Notice:
    """A notice to somebody of the staff; what can wait until he is at work waits."""
    wanted = moment.now + waits
    begins = moment.roster.next_on(person, wanted)
    at = begins if begins < rescue_by(commitment, role, moment.now) else wanted
    return Notice(commitment.id, about, person, at, anchor, commitment.revision, role, addressee or person)


# -- up the ladder ----------------------------------------------------------------------------------------------


def _of_escalation(fact: CommitmentEscalated, commitment: Commitment, moment: Moment) -> Iterator[Notice]:
    """Whoever is asked at this step; those who were passed over because they are off duty hear of it when they begin.

    A lower step that fell due while nothing ran is not told any more.
    """
    flag = flag_at(commitment, moment.now)
    since = flag.since if fact.role is not None and flag is not None else fact.timestamp
    role = fact.role or commitment.path[-1]
    for level in range(MAKER, fact.level + 1):
        asked = _asked(commitment, level, moment)
        if level == fact.level and fact.role is None:
            asked = _above(fact, commitment, moment)
        for person in moment.roster.told(asked, moment.now):
            begins = moment.roster.next_on(person, moment.now)
            if level < fact.level and (begins == moment.now or fact.role is None):
                continue
            waits = level < fact.level or begins < rescue_by(commitment, role, moment.now)
            anchor = f"{fact.cause}/{role}/{since.isoformat()}/{level}"
            at = begins if waits else moment.now
            revision = commitment.revision
            yield Notice(commitment.id, "escalated", person, at, anchor, revision, role, person, level, fact.cause)


def _asked(commitment: Commitment, level: int, moment: Moment) -> str:
    asked = responsible(commitment, level, moment)
    return asked if asked is not None and (level == MAKER or moment.roster.reaches(asked)) else _SUPERVISORS


def _above(fact: CommitmentEscalated, commitment: Commitment, moment: Moment) -> str:
    """To whom somebody hands it up, or a limit lifts it: the first from that step on who is at work, not himself."""
    others = [_asked(commitment, level, moment) for level in range(fact.level, MANAGER + 1)]
    others = [asked for asked in others if asked != fact.origin.person] or others
    at_work = (asked for asked in others if moment.roster.next_on(asked, moment.now) == moment.now)
    return next(at_work, others[0])


# -- before it is due -------------------------------------------------------------------------------------------


def reminder_at(commitment: Commitment) -> datetime | None:
    """When whoever has it is reminded; None where nobody is: nothing is asked of him, or it is due too soon."""
    before = commitment.terms.remind_before_due
    if before is None or commitment.is_closed or commitment.terms.receipt == "none":
        return None
    at = commitment.due.at - before
    return at if at > commitment.stated_at else None


def reminder(commitment: Commitment, moment: Moment) -> list[Notice]:
    """Remind the last of its path who has it."""
    has_it = [h for h in commitment.handoffs if h.received and h.recipient is not None]
    if reminder_at(commitment) is None or not has_it:
        return []
    anchor = f"{commitment.revision}/{has_it[-1].role}"
    found = _to_recipient("due_soon", has_it[-1], commitment, moment, anchor)
    return [notice for notice in found if holds(notice, commitment, moment.now)]


# -- to the customer --------------------------------------------------------------------------------------------


def _to_customer(about: ToCustomers, fact: Fact, commitment: Commitment, moment: Moment) -> Iterator[Notice]:
    """What the kind tells customers of. What an import says happened elsewhere, and is no news."""
    kind = moment.catalogue.kinds.get(commitment.kind)
    imported = fact.origin.actor == IMPORTER or commitment.due.at <= commitment.stated_at
    if kind is not None and about in kind.inform_customer and not imported:
        yield of_the_customer(about, commitment, moment, not_before=fact.timestamp + GATHERED)


def of_the_customer(
    about: ToCustomers, commitment: Commitment, moment: Moment, not_before: datetime | None = None
) -> Notice:
    """A notice to the customer, by day where he is."""
    hours = Duty(moment.catalogue.messages.customer_hours, commitment.due.time_zone)
    at = hours.next_on(max(moment.now, not_before or moment.now))
    anchor = f"{commitment.revision}/{commitment.reopenings}"
    return Notice(commitment.id, about, commitment.customer_id, at, anchor, commitment.revision)


TOLD_OF: dict[type[Fact], Callable[[Any, Commitment, Moment], Iterator[Notice]]] = {
    CommitmentMade: partial(_to_customer, "made"),
    CommitmentAmended: _of_amendment,
    CommitmentWithdrawn: _of_withdrawal,
    CommitmentKept: partial(_to_customer, "kept"),
    CommitmentBroken: partial(_to_customer, "broken"),
    CommitmentEscalated: _of_escalation,
    HandoffAssigned: _of_assignment,
    HandoffNagged: _of_nagging,
    HandoffReleased: _of_release,
    ReceiptMissed: _of_missing,
}
"""Who tells of which facts."""

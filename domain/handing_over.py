"""Decisions about the hand-off: who is accountable, and by when that person must have given the receipt."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from domain.calendars import Calendar, Span, overlap, pass_within
from domain.commitment import Commitment
from domain.deadlines import elapse, zone
from domain.errors import CalendarHasNoWorkingTime, CommitmentClosed, Invalid, NotFound
from domain.facts import HandoffAssigned, HandoffReleased
from domain.handoff import Handoff
from domain.moment import Moment
from domain.order import Assignment, Order
from domain.receipts import assignment_due, receipt_due
from domain.values import Source, Terms, Trip

__all__ = ["Named", "ReceiptRule", "assign_own", "hand_over", "name_recipient", "release_own", "route"]


@dataclass(frozen=True, slots=True)
class Named:
    """Who is named for a role, by what, and when that person leaves."""

    recipient: str
    source: Source
    trip: Trip = Trip()


@dataclass(frozen=True, slots=True)
class ReceiptRule:
    """When receipts of one promise are due: its terms, its due, and the calendar that counts for it.

    >>> rule.due_for(Named("courier:li", "order", Trip(departs_at=half_past_seven)), base=six)  # doctest: +SKIP
    datetime.datetime(2026, 11, 20, 7, 0, tzinfo=datetime.timezone.utc)
    """

    terms: Terms
    due_at: datetime
    time_zone: str
    calendar: str
    moment: Moment
    waived: bool = False

    @classmethod
    def of(cls, commitment: Commitment, moment: Moment) -> "ReceiptRule":
        due = commitment.due
        return cls(commitment.terms, due.at, due.time_zone, due.calendar, moment, commitment.waived)

    def window_ends_at(self, base: datetime, recipient: str | None) -> datetime:
        """The end of the time that a recipient has, which passes only while he is at work, where that is known.

        Where there is no working time it never ends, and so the due counts.
        """
        within, duty = self.terms.receipt_within, self.moment.roster.duty(recipient)
        try:
            if isinstance(within, timedelta):
                return base + within if duty is None else self._pass(duty.spans(base), within)
            tz, calendar = zone(self.time_zone), self._calendar()
            if duty is not None and within.unit == "working_hours":
                at_work = overlap(duty.spans(base), calendar.working_time(base, tz))
                return self._pass(at_work, timedelta(hours=within.amount))
            return elapse(within, counted_from=base, tz=tz, calendar=calendar)
        except CalendarHasNoWorkingTime:
            return max(base, self.due_at)

    def _pass(self, spans: Iterator[Span], amount: timedelta) -> datetime:
        """The end of that much time; what ends after the due need not be looked for."""
        after = self.due_at + timedelta.resolution
        return pass_within(takewhile(lambda span: span[0] <= self.due_at, spans), amount) or after

    def _calendar(self) -> Calendar:
        """The promise's calendar, or the default one where it is configured no longer."""
        catalogue = self.moment.catalogue
        try:
            return catalogue.calendar(self.calendar)
        except Invalid:
            return catalogue.calendar(catalogue.default_calendar)

    def due_for(self, named: Named | None, base: datetime) -> datetime | None:
        """When the receipt of whoever is named (or of nobody yet) is due.

        None where the kind asks for none, and for what was over when it was imported.
        """
        if self.asks_nothing:
            return None
        return self.due_in(self.window_ends_at(base, named.recipient if named is not None else None), named, base)

    @property
    def asks_nothing(self) -> bool:
        return self.terms.receipt == "none" or self.waived

    def due_in(self, window_ends_at: datetime, named: Named | None, base: datetime) -> datetime:
        """As `due_for`, where the window is known."""
        if named is None:
            return assignment_due(
                base=base, due_at=self.due_at, window_ends_at=window_ends_at, assign_before=self.terms.assign_before
            )
        return receipt_due(
            base=base,
            due_at=self.due_at,
            window_ends_at=window_ends_at,
            departure=named.trip.departure,
            lead=self.terms.receipt_lead,
        )


def name_recipient(role: str, default: str | None, order: Order | None) -> Named | None:
    """Who is accountable for `role`: whoever carries the order, else the kind's default, else nobody."""
    assignment = order.assignments.get(role) if order is not None else None
    if assignment is not None:
        return Named(assignment.recipient, "order", assignment.trip)
    return Named(default, "kind") if default is not None else None


def route(commitment: Commitment, order: Order | None, moment: Moment) -> None:
    """Give every hand-off without an assignment of its own to whoever the order, or the kind, names.

    What is named already stays as it is, so that routing twice records nothing the second time.
    """
    if commitment.is_closed:
        return
    for handoff in commitment.handoffs:
        if handoff.source == "own":
            continue
        named = name_recipient(handoff.role, handoff.default, order)
        if named is not None:
            assign(commitment, handoff, named, moment)
        elif handoff.recipient is not None:
            release(commitment, handoff, moment)


def assign(commitment: Commitment, handoff: Handoff, named: Named, moment: Moment) -> None:
    same = handoff.names(named.recipient)
    if same and handoff.source == named.source and handoff.trip == named.trip:
        return
    base = handoff.based_at if same else moment.now
    due_at = ReceiptRule.of(commitment, moment).due_for(named, base)
    hand_over(commitment, handoff.role, named, due_at, moment, known=not same and named.recipient == commitment.author)


def hand_over(
    commitment: Commitment, role: str, named: Named, due_at: datetime | None, moment: Moment, *, known: bool
) -> None:
    """Record who is accountable, and by when; `known` where it is who gave the promise."""
    moment.record(
        commitment,
        HandoffAssigned,
        role=role,
        revision=commitment.revision,
        recipient=named.recipient,
        source=named.source,
        trip=named.trip,
        receipt_due_at=due_at,
        known=known,
    )


def release(commitment: Commitment, handoff: Handoff, moment: Moment) -> None:
    """Take a hand-off from its recipient. The window of what nobody has runs from when it was promised."""
    moment.record(
        commitment,
        HandoffReleased,
        role=handoff.role,
        revision=commitment.revision,
        recipient=handoff.recipient,
        receipt_due_at=ReceiptRule.of(commitment, moment).due_for(None, commitment.stated_at),
    )


def assign_own(commitment: Commitment, role: str, recipient: str, order: Order | None, moment: Moment) -> None:
    """Name a recipient for this commitment alone; it stands until it is removed, whoever carries the order."""
    handoff = _open_handoff(commitment, role)
    carried = order.assignments.get(role) if order is not None else None
    assign(commitment, handoff, Named(recipient, "own", _trip_with(recipient, carried)), moment)


def release_own(commitment: Commitment, role: str, order: Order | None, moment: Moment) -> None:
    """Remove the commitment's own assignment: the order's, or the kind's default, counts again.

    Raises `NotFound` where there is none.
    """
    handoff = _open_handoff(commitment, role)
    if handoff.source != "own":
        raise NotFound(f"the commitment has no assignment of its own for the role '{role}'")
    named = name_recipient(role, handoff.default, order)
    if named is not None:
        assign(commitment, handoff, named, moment)
    else:
        release(commitment, handoff, moment)


def _open_handoff(commitment: Commitment, role: str) -> Handoff:
    if commitment.is_closed:
        raise CommitmentClosed(f"the commitment is {commitment.status}")
    if role not in commitment.path:
        raise Invalid("/role", f"is not on the path of this commitment: {', '.join(commitment.path)}")
    return commitment.handoff(role)


def _trip_with(recipient: str, carried: Assignment | None) -> Trip:
    return carried.trip if carried is not None and carried.recipient == recipient else Trip()

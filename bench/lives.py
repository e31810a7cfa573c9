"""How promises live: made, handed over, received or not, amended, tried, kept in time or late, disputed.

Every life comes to an end, so that what is open at any time does not depend on how long the log is.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from bench.simulation import Life, Simulation
from domain.actors import UPHELD, role_of
from domain.commitment import Commitment
from domain.deadlines import DueRule
from domain.escalating import take
from domain.handing_over import assign_own, release_own, route
from domain.handoff import Handoff
from domain.keeping import Attempt, Contact, attempt, contact, fulfil, reopen
from domain.moment import Moment
from domain.notices import About, Notice, failed, sent
from domain.order import Assignment, assign_order, unassign_order
from domain.promising import Amendment, Wanted, amend, withdraw
from domain.receiving import ReceiptGiven, receive
from domain.values import AttemptOutcome, ReceiptState, WithdrawalCause

__all__ = ["Lives"]

_OMS = "system:oms"
_OUTCOMES: tuple[AttemptOutcome, ...] = ("customer_absent", "customer_absent", "no_access", "wrong_address", "damaged")
_CAUSES: tuple[WithdrawalCause, ...] = ("agreed", "agreed", "agreed", "not_agreed", "mistake")


class Lives:
    """The lives of promises in one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self._of = simulation
        self._record = simulation.record
        self._world = simulation.world
        self._random = simulation.world.random
        self._chance = simulation.world.chance
        self._stops = 0

    def promise(self, order_id: str | None, customer: str) -> Life:
        """A promise like most others: about six events."""
        making = self._world.making(self._of.now, order_id, customer)
        commitment = self._of.make(making, self._world.person("agent"))
        yield from self._hand_over(commitment)
        if self._chance(0.07):
            yield from self._ask_again(commitment)
        if self._chance(0.06):
            yield self._before_due(commitment, 0.5)
            yield from self._change(commitment, later=self._chance(0.5))
        yield from self._come_to_an_end(commitment)
        self._of.forget(commitment)

    def case(self, order_id: str, customer: str, *, events: int, over: timedelta) -> Life:
        """A case that everybody has a hand in again and again: thousands of events on one promise."""
        due = Wanted(DueRule(at=self._of.now + over))
        making = replace(self._world.making(self._of.now, order_id, customer), kind="invoice", due=due)
        commitment = self._of.make(making, self._world.person("agent"))
        yield from self._hand_over(commitment)
        pause = (commitment.due.at - self._of.now) / events
        for number in range(events):
            if number % 3 == 0:
                self._contact(commitment)
            elif number % 3 == 1:
                self._attempt(commitment)
            else:
                self._record(
                    commitment,
                    UPHELD,
                    lambda moment: sent(_notice(commitment, "moved"), commitment, self._world.channel(), moment),
                )
            yield self._of.now + pause * self._random.random() * 2
        yield from self._come_to_an_end(commitment)
        self._of.forget(commitment)

    # -- handing over -----------------------------------------------------------------------------------------------

    def _hand_over(self, commitment: Commitment) -> Life:
        """Each role of the path gets a recipient, who mostly gives the receipt that is asked for."""
        for role in commitment.path:
            if commitment.handoff(role).recipient is None:
                yield self._after(minutes=90)
                self._assign(commitment, role)
            if commitment.terms.receipt != "none" and not commitment.handoff(role).received:
                yield from self._tell(commitment, role)

    def _assign(self, commitment: Commitment, role: str) -> None:
        """Plan the order, and with it all promises on it; what belongs to no order is given to somebody by hand."""
        if commitment.handoff(role).recipient is not None:
            return
        recipient = self._world.person(role)
        if commitment.order_id is None:
            self._assign_own(commitment, role, recipient)
            return
        start = max(self._of.now, commitment.due.at - self._span(hours=6))
        self._stops = self._stops % 120 + 1
        plan = Assignment(
            recipient,
            departs_at=max(self._of.now, start - self._span(hours=2)),
            planned_start=start,
            planned_end=start + timedelta(hours=1),
            stop=self._stops,
            address=f"{self._random.randint(1, 999)} Harbour Street, 2nd floor",
            depot=self._world.depot_of(recipient),
        )
        order = self._of.order(commitment.order_id)
        self._record(order, _OMS, lambda moment: assign_order(order, role, plan, moment))
        self._route(commitment.order_id)
        if self._chance(0.02):
            self._record(order, _OMS, lambda moment: unassign_order(order, role, moment))
            self._route(commitment.order_id)
            self._record(order, _OMS, lambda moment: assign_order(order, role, plan, moment))
            self._route(commitment.order_id)

    def _route(self, order_id: str) -> None:
        order = self._of.order(order_id)
        for each in self._of.live[order_id]:
            self._record(each, UPHELD, partial(route, each, order))

    def _assign_own(self, commitment: Commitment, role: str, recipient: str) -> None:
        order = self._of.order(commitment.order_id) if commitment.order_id is not None else None
        supervisor = self._world.person("supervisor")
        self._record(commitment, supervisor, lambda moment: assign_own(commitment, role, recipient, order, moment))

    def _tell(self, commitment: Commitment, role: str) -> Life:
        """A message leaves, and the recipient hears of it: step by step, too late, or not at all."""
        yield self._after(seconds=20)
        handoff = commitment.handoff(role)
        if self._chance(0.02):
            self._record(
                commitment,
                UPHELD,
                lambda moment: failed(_notice(commitment, "assigned", handoff), commitment, "push", "timeout", moment),
            )
        if self._chance(0.5):
            self._record(
                commitment,
                UPHELD,
                lambda moment: sent(_notice(commitment, "assigned", handoff), commitment, "push", moment),
            )
        if self._chance(0.05):
            return
        if self._chance(0.3):
            yield self._after(minutes=1)
            self._receive(commitment, role, "delivered")
        if self._chance(0.45):
            yield self._after(minutes=10)
            self._receive(commitment, role, "seen")
        yield self._after(minutes=15)
        if self._chance(0.03):
            self._receive(commitment, role, "declined")
            yield self._after(minutes=20)
            self._assign_own(commitment, role, self._world.person(role))
            if self._chance(0.3):
                self._record(commitment, self._world.person("supervisor"), self._released(commitment, role))
            yield self._after(minutes=20)
        self._receive(commitment, role, "held" if commitment.asks_for_a_thing else "acknowledged")

    def _released(self, commitment: Commitment, role: str) -> Callable[[Moment], object]:
        order = self._of.order(commitment.order_id) if commitment.order_id is not None else None
        return lambda moment: release_own(commitment, role, order, moment)

    def _receive(self, commitment: Commitment, role: str, state: ReceiptState, revision: int | None = None) -> None:
        person = self._keeper(commitment, role)
        if person is None or commitment.is_closed:
            return
        reason = "The van is full" if state == "declined" else None
        given = ReceiptGiven(revision or commitment.revision, state, role, reason, via="tap")
        self._record(commitment, person, lambda moment: receive(commitment, given, moment), "receipts")

    def _keeper(self, commitment: Commitment, role: str) -> str | None:
        """Who has the hand-off; of a team one of its members."""
        recipient = commitment.handoff(role).recipient
        if recipient is not None and role_of(recipient) == "team":
            return self._world.person(recipient.partition(":")[2])
        return recipient

    # -- on the way -------------------------------------------------------------------------------------------------

    def _ask_again(self, commitment: Commitment) -> Life:
        """The customer asks where it is; who asks too often is heard by a supervisor."""
        for _ in range(self._random.choice((1, 1, 1, 2, 4))):
            yield self._before_due(commitment, 0.2)
            self._contact(commitment)
        if commitment.escalation_level:
            yield self._after(minutes=10)
            supervisor = self._world.person("supervisor")
            self._record(commitment, supervisor, lambda moment: take(commitment, "I call them", moment), "escalations")

    def _contact(self, commitment: Commitment) -> None:
        asked = Contact(self._world.channel(), "inbound", "Where is it?", self._random.randint(1, 9))
        agent = self._world.person("agent")
        self._record(commitment, agent, lambda moment: contact(commitment, asked, moment), "contacts")

    def _change(self, commitment: Commitment, *, later: bool) -> Life:
        """Another revision, which its keepers must receive anew; now and then one still answers to the older."""
        due = Wanted(DueRule(at=max(commitment.due.at, self._of.now) + timedelta(days=1))) if later else None
        given = frozenset({"due"}) if later else frozenset({"promise"})
        words = "In the afternoon instead, and to the neighbour if nobody is there"
        amendment = Amendment(given, words, due, reason="The customer asked for it", customer_agreed=self._chance(0.6))
        order = self._of.order(commitment.order_id) if commitment.order_id is not None else None
        agent = self._world.person("agent")
        self._record(commitment, agent, lambda moment: amend(commitment, amendment, order, moment), "amendments")
        if self._chance(0.5):
            self._record(
                commitment,
                UPHELD,
                lambda moment: sent(_notice(commitment, "moved"), commitment, self._world.channel(), moment),
            )
        if self._chance(0.2):
            yield self._after(minutes=5)
            self._receive(commitment, commitment.path[-1], "acknowledged", commitment.revision - 1)
        yield from self._hand_over(commitment)

    def _attempt(self, commitment: Commitment) -> None:
        tried = Attempt(self._random.choice(_OUTCOMES), "Nobody answered the door")
        person = self._keeper(commitment, commitment.path[-1]) or self._world.person("agent")
        self._record(commitment, person, lambda moment: attempt(commitment, tried, moment), "attempts")

    # -- the end ----------------------------------------------------------------------------------------------------

    def _come_to_an_end(self, commitment: Commitment) -> Life:
        """Kept mostly, in time mostly; withdrawn, tried in vain, kept late, or kept and disputed now and then."""
        if self._chance(0.04):
            yield self._before_due(commitment, 0.6)
            cause, agent = self._random.choice(_CAUSES), self._world.person("agent")
            self._record(
                commitment, agent, lambda moment: withdraw(commitment, "It was returned", cause, moment), "withdrawal"
            )
            return
        if self._chance(0.08):
            yield self._before_due(commitment, 0.9)
            self._attempt(commitment)
            if self._chance(0.4):
                yield from self._change(commitment, later=True)
        if self._chance(0.07):
            yield commitment.due.at + self._span(hours=5)
        else:
            yield self._before_due(commitment, 0.9)
        self._keep(commitment)
        if self._chance(0.015):
            yield self._after(hours=3)
            yield from self._dispute(commitment)

    def _keep(self, commitment: Commitment) -> None:
        person = self._keeper(commitment, commitment.path[-1]) or self._world.person("agent")
        note = "Handed over at the door" if self._chance(0.3) else None
        self._record(commitment, person, lambda moment: fulfil(commitment, moment, note=note, at=None), "fulfilment")

    def _dispute(self, commitment: Commitment) -> Life:
        agent = self._world.person("agent")
        self._record(
            commitment, agent, lambda moment: reopen(commitment, "disputed", "It never came", moment), "reopening"
        )
        yield self._after(hours=8)
        self._keep(commitment)

    # -- when -------------------------------------------------------------------------------------------------------

    def _after(self, **mean: float) -> datetime:
        return self._of.now + self._span(**mean)

    def _span(self, **mean: float) -> timedelta:
        """A while: mostly shorter than its mean, now and then much longer, never more than five times as long."""
        return timedelta(**mean) * min(self._random.expovariate(1.0), 5.0)

    def _before_due(self, commitment: Commitment, part: float) -> datetime:
        """An instant within the first part of the time that is left."""
        left = max(commitment.due.at - self._of.now, timedelta())
        return self._of.now + left * part * self._random.random()


def _notice(commitment: Commitment, about: About, handoff: Handoff | None = None) -> Notice:
    """That somebody is told about a promise: the recipient of a hand-off, or the customer."""
    to = handoff.recipient if handoff is not None else None
    role = handoff.role if handoff is not None else None
    told = to or commitment.customer_id
    return Notice(commitment.id, about, told, commitment.stated_at, "", commitment.revision, role, told)

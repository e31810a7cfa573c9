"""Any commands in any order: what must be true of a commitment whatever happened to it.

A small model beside it, which knows nothing of the domain's code, folds the same facts: who is accountable for what,
and who has received what.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.catalogue import parse_catalogue
from domain.commitment import Commitment
from domain.deadlines import DueRule
from domain.errors import Forbidden, UpheldError
from domain.flags import flag_at, flag_spans
from domain.handing_over import assign_own, release_own, route
from domain.keeping import Attempt, Contact, attempt, contact, fulfil, next_instants, pass_time, reopen
from domain.moment import Moment
from domain.order import Assignment, Order, assign_order, unassign_order
from domain.promising import Amendment, Making, Wanted, amend, make, withdraw
from domain.receiving import ReceiptGiven, receive
from domain.values import RECEIPT_STATES, Item, Origin, ReceiptState, ReopeningReason, WithdrawalCause
from store.codec import FactMapper
from store.keyring import Keyring

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CATALOGUE = parse_catalogue("")
MAPPER = FactMapper(Keyring(b"0" * 32), b"1" * 32)

COURIERS = ["courier:li", "courier:bo"]
KEEPERS = [*COURIERS, "warehouse:hu", "warehouse:chen", "agent:ling"]
EVERYBODY = [*KEEPERS, "agent:mei", "supervisor:wang", "system:oms"]
PATHS = [("courier",), ("warehouse", "courier"), ("courier", "warehouse"), ("technician", "courier")]
RECIPIENTS = {
    "courier": [*COURIERS, "team:courier"],
    "warehouse": ["warehouse:hu", "team:warehouse", "courier:li"],
    "agent": ["agent:ling", "agent:mei"],
    "technician": ["technician:tan"],
}

some_time = st.sampled_from(
    [timedelta(minutes=m) for m in (1, 10, 45, 61, 61, 300)] + [timedelta(days=d) for d in (1, 3)]
)
some_due = st.sampled_from([timedelta(hours=h) for h in (0.5, 6, 24, 30, 72, 96, 240)])
some_roles = st.sampled_from(sorted(RECIPIENTS))


def shown(aggregate: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(aggregate).items() if name != "_pending_events"}


# -- the model --------------------------------------------------------------------------------------------------


@dataclass
class Hand:
    """One role of the path: who was named, who has it, who ever had it, and whether it is received."""

    received: bool
    base: datetime
    named: str | None = None
    holder: str | None = None
    ever: set[str] = field(default_factory=set)

    def is_holder(self, person: str) -> bool:
        return self.holder is not None and belongs(person, self.holder)


def belongs(person: str, to: str) -> bool:
    return person == to or to == "team:" + person.partition(":")[0]


class Model:
    """What the facts come to, read by the sentences of the contract."""

    def __init__(self) -> None:
        self.hands: dict[str, Hand] = {}
        self.gone: dict[str, Hand] = {}
        self.status = "none"
        self.facts = self.contacts = self.postponements = self.broken = 0
        self.revision = 1
        self.excused = False

    def apply(self, fact: Any) -> None:
        self.facts += 1
        assert fact.originator_version == self.facts
        getattr(self, f"_{type(fact).__name__}", lambda _: None)(fact)

    def _CommitmentMade(self, fact: Any) -> None:  # noqa: N802
        self.asked, self.author, self.due, self.status = fact.terms.receipt, fact.made_by, fact.due.at, "open"
        self.stated = fact.timestamp
        self.hands = {role: self._anew(fact) for role in fact.path}

    def _anew(self, fact: Any) -> Hand:
        return Hand(received=self.asked == "none", base=fact.timestamp)

    def _CommitmentAmended(self, fact: Any) -> None:  # noqa: N802
        assert self.status in ("open", "broken")
        assert fact.revision == self.revision + 1
        later = fact.due.at > self.due
        assert fact.postponed == (later and not self.excused)
        self.postponements += fact.postponed
        if later and self.status == "broken":
            self.status = "open"
        self.revision, self.due, self.excused = fact.revision, fact.due.at, False
        self.author, self.stated = fact.origin.person, fact.timestamp
        every = self.gone | self.hands
        self.hands = {role: every.pop(role) if role in every else self._anew(fact) for role in fact.path}
        for hand in every.values():
            hand.named = hand.holder = None
        self.gone = every
        for hand in self.hands.values():
            hand.base = fact.timestamp
            hand.received = self.asked == "none" or hand.holder == self.author

    def _CommitmentBroken(self, fact: Any) -> None:  # noqa: N802
        assert (self.status, fact.occurred_at) == ("open", self.due)
        assert fact.timestamp >= self.due
        self.status = "broken"
        self.broken += 1

    def _CommitmentKept(self, fact: Any) -> None:  # noqa: N802
        assert self.status in ("open", "broken")
        if self.status == "broken" and fact.occurred_at <= self.due:
            self.broken -= 1
            self.status = "open"
        self.before, self.status = self.status, "kept"

    def _CommitmentWithdrawn(self, fact: Any) -> None:  # noqa: N802
        assert self.status in ("open", "broken")
        self.before, self.status = self.status, "withdrawn"

    def _CommitmentReopened(self, fact: Any) -> None:  # noqa: N802
        assert self.status in ("kept", "withdrawn")
        self.status = self.before

    def _FulfilmentAttempted(self, fact: Any) -> None:  # noqa: N802
        assert self.status in ("open", "broken")
        self.excused = True

    def _CustomerContacted(self, fact: Any) -> None:  # noqa: N802
        self.contacts += 1

    def _CommitmentEscalated(self, fact: Any) -> None:  # noqa: N802
        assert (fact.level, self.status in ("open", "broken")) == (2, True)
        assert self.postponements >= 2 if fact.cause == "postponements" else self.contacts >= 3

    def _HandoffAssigned(self, fact: Any) -> None:  # noqa: N802
        assert self.status in ("open", "broken")
        hand = self.hands[fact.role]
        if fact.recipient not in (hand.named, hand.holder):
            hand.holder, hand.base = fact.recipient, fact.timestamp
            hand.received = self.asked == "none" or fact.recipient == self.author
        hand.named = fact.recipient
        hand.ever.add(fact.recipient)

    def _HandoffReleased(self, fact: Any) -> None:  # noqa: N802
        hand = self.hands[fact.role]
        assert (hand.holder, self.status in ("open", "broken")) == (fact.recipient, True)
        hand.named = hand.holder = None
        hand.received, hand.base = self.asked == "none", self.stated

    def _reported(self, fact: Any) -> None:
        hand = (self.gone | self.hands)[fact.role]
        assert any(belongs(fact.recipient, name) for name in hand.ever)
        if fact.revision < self.revision:
            why_not: str | None = "older_revision"
        elif not hand.is_holder(fact.recipient):
            why_not = "no_longer_recipient"
        else:
            why_not = "commitment_closed" if self.status in ("kept", "withdrawn") else None
        assert fact.why_not == why_not
        if why_not is None:
            self._counts(hand, fact.recipient, fact.state)

    def _counts(self, hand: Hand, person: str, state: str) -> None:
        if state == "declined":
            hand.received = self.asked == "none"
        if state in ("acknowledged", "held"):
            hand.holder = person
            hand.ever.add(person)
            hand.received = hand.received or state == "held" or self.asked == "acknowledged"

    _HandoffDelivered = _HandoffSeen = _HandoffAcknowledged = _HandoffHeld = _HandoffDeclined = _reported

    def may_report(self, person: str) -> bool:
        names = {name for hand in (self.gone | self.hands).values() for name in hand.ever}
        return person == "supervisor:wang" or any(belongs(person, name) for name in names)


# -- the machine ------------------------------------------------------------------------------------------------


class CommitmentMachine(RuleBasedStateMachine):
    """Commands against one commitment and its order; every fact also goes through the codec, to a twin of each."""

    commitment: Commitment
    order: Order

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.model = Model()
        self.stored: list[Any] = []
        self.twin: Any = None
        self.order_twin: Any = None

    def by(self, who: str) -> Moment:
        return Moment(self.now, Origin(who), CATALOGUE)

    def record(self) -> int:
        """What was decided is recorded, as the ledger does; answers how many facts it was."""
        facts = self.commitment.collect_events()
        for fact in facts:
            stored = MAPPER.to_stored_event(fact)
            self.stored.append(stored)
            self.twin = MAPPER.to_domain_event(stored).mutate(self.twin)  # type: ignore[attr-defined]
            self.model.apply(fact)
        for fact in self.order.collect_events():
            stored = MAPPER.to_stored_event(fact)
            self.order_twin = MAPPER.to_domain_event(stored).mutate(self.order_twin)  # type: ignore[attr-defined]
        return len(facts)

    def command(self, decide: Callable[[], object], *, repeatable: bool = True) -> object:
        """Carry out a command, twice where the second must change nothing; answers what came of it, or the refusal."""
        try:
            result = decide()
        except UpheldError as refused:
            if self.commitment.pending_events:
                self.commitment = self.replayed()
            return refused
        self.record()
        if repeatable:
            decide()
            assert [type(fact).__name__ for fact in self.commitment.collect_events()] == []
        return result

    def replayed(self) -> Commitment:
        aggregate: Any = None
        for stored in self.stored:
            aggregate = MAPPER.to_domain_event(stored).mutate(aggregate)  # type: ignore[attr-defined]
        found: Commitment = aggregate
        return found

    # -- the promise

    @initialize(
        kind=st.sampled_from(["redelivery", "redelivery", "free_item", "free_item", "delivery", "callback", "refund"]),
        maker=st.sampled_from(["agent:ling", "courier:li", "supervisor:wang"]),
        due=some_due,
        back=st.sampled_from([timedelta(), timedelta(minutes=30), timedelta(days=1)]),
        carrier=st.none() | st.sampled_from(RECIPIENTS["courier"]),
    )
    def begin(self, kind: str, maker: str, due: timedelta, back: timedelta, carrier: str | None) -> None:
        self.order = Order.unassigned("SO-1001", NOON)
        if carrier is not None:
            assign_order(self.order, "courier", Assignment(carrier, NOON + timedelta(hours=2)), self.by("system:oms"))
        made_at = NOON - back
        wanted = Wanted(DueRule(at=made_at + due))
        making = Making("CU-7", kind, "The television", "SO-1001", wanted, items=(Item("TV", 1),), made_at=made_at)
        self.commitment = make(UUID(int=7), making, self.order, [], self.by(maker))
        self.record()

    @rule(
        who=st.sampled_from(["agent:ling", "agent:mei", "courier:li"]),
        what=st.sampled_from(["promise", "items", "due", "due", "path"]),
        due=some_due,
        path=st.sampled_from(PATHS),
        agreed=st.none() | st.booleans(),
    )
    def somebody_amends(self, who: str, what: str, due: timedelta, path: tuple[str, ...], agreed: bool | None) -> None:
        amendment = Amendment(
            frozenset({what}),
            promise=f"Revision {self.commitment.revision + 1}, by {self.now}",
            due=Wanted(DueRule(at=self.now + due)) if what == "due" else None,
            path=path,
            items=(Item("TV", self.commitment.revision),),
            customer_agreed=agreed,
        )
        self.command(lambda: amend(self.commitment, amendment, self.order, self.by(who)))

    @precondition(lambda self: self.model.facts > 12)
    @rule(cause=st.sampled_from(["agreed", "not_agreed", "mistake"]))
    def an_agent_withdraws(self, cause: WithdrawalCause) -> None:
        self.command(lambda: withdraw(self.commitment, "never mind", cause, self.by("agent:ling")))

    # -- keeping it

    @precondition(lambda self: self.model.facts > 6)
    @rule(who=st.sampled_from(["courier:li", "supervisor:wang"]), back=st.none() | some_time)
    def somebody_keeps(self, who: str, back: timedelta | None) -> None:
        at = None if back is None else self.now - back
        self.command(lambda: fulfil(self.commitment, self.by(who), note=None, at=at))

    @precondition(lambda self: self.model.status == "broken")
    @rule(before=st.sampled_from([timedelta(), timedelta(minutes=1)]))
    def it_was_kept_in_time_after_all(self, before: timedelta) -> None:
        at = self.commitment.due.at - before
        self.command(lambda: fulfil(self.commitment, self.by("supervisor:wang"), note=None, at=at))

    @rule(who=st.sampled_from(COURIERS), back=st.none() | some_time)
    def somebody_tries(self, who: str, back: timedelta | None) -> None:
        tried = Attempt("no_access", at=None if back is None else self.now - back)
        self.command(lambda: attempt(self.commitment, tried, self.by(who)), repeatable=False)

    @precondition(lambda self: self.commitment.is_closed)
    @rule(
        who=st.sampled_from(["courier:li", "agent:ling", "supervisor:wang", "supervisor:wang"]),
        reason=st.sampled_from(["disputed", "mistaken"]),
    )
    def somebody_reopens(self, who: str, reason: ReopeningReason) -> None:
        self.command(lambda: reopen(self.commitment, reason, None, self.by(who)))

    @precondition(lambda self: self.model.contacts < 4)
    @rule()
    def the_customer_asks_again(self) -> None:
        self.command(lambda: contact(self.commitment, Contact("phone"), self.by("agent:ling")), repeatable=False)

    @rule(passed=some_time, the_clock_runs=st.booleans())
    def time_passes(self, passed: timedelta, the_clock_runs: bool) -> None:
        self.now += passed
        if not the_clock_runs:
            return
        self.command(lambda: pass_time(self.commitment, self.by("system:upheld")))
        assert all(instant > self.now for instant in next_instants(self.commitment))

    # -- handing it over

    @rule(
        role=st.sampled_from(["courier", "courier", "warehouse"]),
        choice=st.integers(0, 2),
        departs=st.none() | some_time,
        routed=st.booleans(),
    )
    def the_order_is_assigned(self, role: str, choice: int, departs: timedelta | None, routed: bool) -> None:
        departs_at = None if departs is None else self.now + departs - timedelta(minutes=30)
        assignment = Assignment(RECIPIENTS[role][choice], departs_at, address="1 Long Street")
        assign_order(self.order, role, assignment, self.by("system:oms"))
        if routed:
            self.command(lambda: route(self.commitment, self.order, self.by("system:oms")))

    @rule(role=st.sampled_from(["courier", "warehouse"]))
    def the_order_is_taken_away(self, role: str) -> None:
        unassign_order(self.order, role, self.by("system:oms"))
        self.command(lambda: route(self.commitment, self.order, self.by("system:oms")))

    @rule(role=some_roles, choice=st.integers(0, 2))
    def a_supervisor_names_a_recipient(self, role: str, choice: int) -> None:
        names = RECIPIENTS[role]
        recipient = names[choice % len(names)]
        self.command(lambda: assign_own(self.commitment, role, recipient, self.order, self.by("supervisor:wang")))

    @rule(role=some_roles)
    def a_supervisor_removes_the_recipient(self, role: str) -> None:
        moment = self.by("supervisor:wang")
        self.command(lambda: release_own(self.commitment, role, self.order, moment), repeatable=False)

    # -- receiving it

    @rule(
        who=st.sampled_from(EVERYBODY),
        state=st.sampled_from(RECEIPT_STATES),
        older=st.sampled_from([0, 0, 0, 1, 2, -1]),
        role=st.none() | st.sampled_from(["courier", "warehouse"]),
    )
    def anybody_reports(self, who: str, state: ReceiptState, older: int, role: str | None) -> None:
        self.report(who, state, older, role)

    def report(self, who: str, state: ReceiptState, older: int, role: str | None = None) -> None:
        revision = max(1, self.commitment.revision - older)
        receipt = ReceiptGiven(revision, state, role, reason="no" if state == "declined" else None)
        result = self.command(lambda: receive(self.commitment, receipt, self.by(who)))
        if older >= 0 and role is None:
            assert isinstance(result, Forbidden) == (not self.model.may_report(who))

    @rule(
        choice=st.integers(0, 9),
        state=st.sampled_from(RECEIPT_STATES),
        older=st.sampled_from([0, 0, 1]),
    )
    def one_who_was_named_reports(self, choice: int, state: ReceiptState, older: int) -> None:
        """Now or once, himself or as a member of his team."""
        who = [name for name in [*KEEPERS, "technician:tan"] if self.model.may_report(name)]
        if who:
            self.report(who[choice % len(who)], state, older)

    @rule(state=st.sampled_from(["acknowledged", "held"]))
    def whoever_is_accountable_receives_it(self, state: ReceiptState) -> None:
        """Else a random walk seldom comes to a promise that is known to everybody."""
        for handoff in self.commitment.handoffs:
            who = (
                (handoff.recipient or "")
                .replace("team:courier", "courier:bo")
                .replace("team:warehouse", "warehouse:hu")
            )
            receipt = ReceiptGiven(self.commitment.revision, state, handoff.role)
            self.command(lambda who=who, receipt=receipt: receive(self.commitment, receipt, self.by(who)))  # type: ignore[misc]

    # -- what is always true

    @invariant()
    def it_is_what_the_facts_come_to(self) -> None:
        commitment, model = self.commitment, self.model
        assert commitment.version == model.facts
        assert (commitment.revision, commitment.status) == (model.revision, model.status)
        assert (commitment.contacts, commitment.postponements) == (model.contacts, model.postponements)
        assert commitment.times_broken == model.broken >= 0
        assert (commitment.broken_at is not None) >= (commitment.status == "broken")
        assert (commitment.kept_at is not None) == (commitment.status == "kept")
        assert commitment.late == (commitment.kept_at is not None and commitment.kept_at > commitment.due.at)

    @invariant()
    def each_hand_off_is_received_by_its_recipient_for_this_revision_or_not_at_all(self) -> None:
        assert list(self.commitment.path) == list(self.model.hands)
        for handoff, hand in zip(self.commitment.handoffs, self.model.hands.values(), strict=True):
            assert (handoff.recipient, handoff.received) == (hand.holder, hand.received)
            assert handoff.revision == self.commitment.revision
            assert (handoff.state == "unassigned") == (handoff.recipient is None)
            assert (handoff.state == "declined") == (handoff.declined_at is not None)

    @invariant()
    def each_receipt_is_due_between_its_base_and_the_due(self) -> None:
        for handoff, hand in zip(self.commitment.handoffs, self.model.hands.values(), strict=True):
            if handoff.asked == "none":
                assert handoff.receipt_due_at is None
            else:
                assert handoff.receipt_due_at is not None
                assert hand.base <= handoff.receipt_due_at <= max(hand.base, self.commitment.due.at)

    @invariant()
    def it_is_flagged_once_at_most_and_never_when_closed(self) -> None:
        flag = flag_at(self.commitment, self.now)
        holding = [
            span
            for span in flag_spans(self.commitment)
            if span.begins_at <= self.now and (span.ends_at is None or self.now < span.ends_at)
        ]
        assert [span.reason for span in holding] == ([] if flag is None else [flag.reason])
        if self.commitment.is_closed:
            assert flag is None
        elif self.now >= self.commitment.due.at:
            assert flag is not None

    @invariant()
    def the_log_says_the_same(self) -> None:
        assert shown(self.twin) == shown(self.commitment)
        self.record()
        if self.order.version:
            # Who asks for an order before anything is recorded of it sees it begin at that moment.
            began = {"_created_on": self.order.created_on}
            assert shown(self.order_twin) | began == shown(self.order)

    def teardown(self) -> None:
        if self.stored:
            assert shown(self.replayed()) == shown(self.commitment)


TestCommitmentMachine = CommitmentMachine.TestCase
TestCommitmentMachine.settings = settings(derandomize=True, max_examples=250, stateful_step_count=50, print_blob=False)

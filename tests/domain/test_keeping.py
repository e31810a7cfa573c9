"""Keeping the word: kept, tried, disputed, asked for again, and what the clock has to say."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from domain.commitment import Commitment
from domain.errors import CommitmentClosed, CommitmentNotClosed, Forbidden, Invalid
from domain.keeping import Attempt, Contact, attempt, contact, fulfil, next_instants, pass_time, reopen
from domain.moment import Moment
from domain.order import Order
from domain.promising import Amendment, amend, withdraw
from domain.receiving import ReceiptGiven, receive
from domain.values import AttemptOutcome, ReopeningReason

By = Callable[..., Moment]
Promise = Callable[..., Commitment]
Told = Callable[[Commitment | Order], list[str]]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DUE = NOON + timedelta(days=1)
TICK = timedelta.resolution


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def kept(commitment: Commitment, moment: Moment, at: datetime | None = None) -> None:
    fulfil(commitment, moment, note=None, at=at)


@pytest.fixture
def a_kept_commitment(an_acknowledged_commitment: Commitment, by: By) -> Commitment:
    """Li kept it two hours after noon."""
    kept(an_acknowledged_commitment, by("courier:li", hours(2)))
    an_acknowledged_commitment.collect_events()
    return an_acknowledged_commitment


@pytest.fixture
def a_withdrawn_commitment(an_acknowledged_commitment: Commitment, by: By) -> Commitment:
    """Ling took it back two hours after noon."""
    withdraw(an_acknowledged_commitment, "never mind", "agreed", by("agent:ling", hours(2)))
    an_acknowledged_commitment.collect_events()
    return an_acknowledged_commitment


@pytest.fixture
def a_broken_commitment(an_acknowledged_commitment: Commitment, by: By) -> Commitment:
    """The clock found, at the due, that nobody had kept it."""
    pass_time(an_acknowledged_commitment, by("system:upheld", hours(24)))
    an_acknowledged_commitment.collect_events()
    return an_acknowledged_commitment


# -- the clock --------------------------------------------------------------------------------------------------


def test_only_the_clock_breaks_a_promise_and_at_its_due(
    an_acknowledged_commitment: Commitment, by: By, told: Told
) -> None:
    pass_time(an_acknowledged_commitment, by("system:upheld", hours(24) - TICK))
    assert (told(an_acknowledged_commitment), an_acknowledged_commitment.status) == ([], "open")
    pass_time(an_acknowledged_commitment, by("system:upheld", hours(24)))
    assert (told(an_acknowledged_commitment), an_acknowledged_commitment.status) == (["CommitmentBroken"], "broken")
    assert (an_acknowledged_commitment.broken_at, an_acknowledged_commitment.times_broken) == (DUE, 1)


def test_a_promise_broke_at_its_due_however_late_the_clock_is(an_acknowledged_commitment: Commitment, by: By) -> None:
    pass_time(an_acknowledged_commitment, by("system:upheld", hours(50)))
    (fact,) = an_acknowledged_commitment.collect_events()
    assert (fact.occurred_at, fact.timestamp) == (DUE, NOON + hours(50))  # type: ignore[attr-defined]


def test_a_receipt_is_missed_at_its_due_and_once(an_open_commitment: Commitment, by: By, told: Told) -> None:
    pass_time(an_open_commitment, by("system:upheld", hours(4.5) - TICK))
    assert told(an_open_commitment) == []
    for later in (4.5, 4.5, 6):
        pass_time(an_open_commitment, by("system:upheld", hours(later)))
    assert told(an_open_commitment) == ["ReceiptMissed"]


def test_time_passing_twice_records_nothing_the_second_time(a_thing: Commitment, by: By, told: Told) -> None:
    for _ in range(2):
        pass_time(a_thing, by("system:upheld", hours(30)))
    assert told(a_thing) == ["ReceiptMissed", "ReceiptMissed", "CommitmentBroken"]


def test_a_receipt_that_came_is_not_missed(an_acknowledged_commitment: Commitment, by: By, told: Told) -> None:
    pass_time(an_acknowledged_commitment, by("system:upheld", hours(23)))
    assert told(an_acknowledged_commitment) == []


def test_a_receipt_that_was_declined_is_not_missed(an_open_commitment: Commitment, by: By, told: Told) -> None:
    receive(an_open_commitment, ReceiptGiven(1, "declined", reason="none in the van"), by("courier:li"))
    told(an_open_commitment)
    pass_time(an_open_commitment, by("system:upheld", hours(23)))
    assert told(an_open_commitment) == []


def test_a_receipt_that_was_missed_can_be_missed_again_after_an_amendment(
    an_open_commitment: Commitment, an_order: Order, by: By, told: Told
) -> None:
    pass_time(an_open_commitment, by("system:upheld", hours(5)))
    amend(an_open_commitment, Amendment(frozenset({"promise"}), promise="Other"), an_order, by("agent:ling", hours(6)))
    pass_time(an_open_commitment, by("system:upheld", hours(7)))
    assert told(an_open_commitment) == ["ReceiptMissed", "CommitmentAmended", "ReceiptMissed"]


def test_a_kind_that_asks_for_nothing_misses_nothing(promise: Promise, by: By, told: Told) -> None:
    delivery = promise("delivery")
    pass_time(delivery, by("system:upheld", hours(24)))
    assert told(delivery) == ["CommitmentBroken"]


@pytest.mark.parametrize("closed", ["a_kept_commitment", "a_withdrawn_commitment"])
def test_the_clock_has_nothing_to_say_about_what_is_closed(
    request: pytest.FixtureRequest, by: By, told: Told, closed: str
) -> None:
    commitment: Commitment = request.getfixturevalue(closed)
    pass_time(commitment, by("system:upheld", hours(100)))
    assert (told(commitment), next_instants(commitment)) == ([], [])


def test_the_clock_knows_when_it_will_have_something_to_say(a_thing: Commitment, by: By) -> None:
    assert next_instants(a_thing) == [NOON + hours(1), NOON + hours(4.5), DUE]
    pass_time(a_thing, by("system:upheld", hours(1)))
    assert next_instants(a_thing) == [NOON + hours(4.5), DUE]
    receive(a_thing, ReceiptGiven(1, "held"), by("courier:li", hours(2)))
    assert next_instants(a_thing) == [DUE]
    pass_time(a_thing, by("system:upheld", hours(24)))
    assert next_instants(a_thing) == []


# -- kept -------------------------------------------------------------------------------------------------------


def test_a_promise_is_kept(an_acknowledged_commitment: Commitment, by: By, told: Told) -> None:
    fulfil(an_acknowledged_commitment, by("courier:li", hours(2)), note="left at the door", at=None, evidence=("e-1",))
    assert (an_acknowledged_commitment.status, an_acknowledged_commitment.late) == ("kept", False)
    assert (an_acknowledged_commitment.kept_at, an_acknowledged_commitment.is_closed) == (NOON + hours(2), True)
    assert told(an_acknowledged_commitment) == ["CommitmentKept"]


def test_a_promise_can_be_kept_though_nobody_received_it(promise: Promise, by: By) -> None:
    commitment = promise()
    kept(commitment, by("supervisor:wang", hours(2)))
    assert (commitment.status, commitment.handoff("courier").received) == ("kept", False)


@pytest.mark.parametrize(("at", "late"), [(DUE - TICK, False), (DUE, False), (DUE + TICK, True)])
def test_what_is_kept_by_its_due_is_not_late(
    an_acknowledged_commitment: Commitment, by: By, at: datetime, late: bool
) -> None:
    kept(an_acknowledged_commitment, by("courier:li", hours(25)), at)
    assert (an_acknowledged_commitment.late, an_acknowledged_commitment.kept_at) == (late, at)


def test_a_broken_promise_can_be_kept_late(a_broken_commitment: Commitment, by: By) -> None:
    kept(a_broken_commitment, by("courier:li", hours(26)))
    assert (a_broken_commitment.status, a_broken_commitment.late) == ("kept", True)
    assert (a_broken_commitment.broken_at, a_broken_commitment.times_broken) == (DUE, 1)


def test_what_was_kept_in_time_was_not_broken_though_it_is_reported_later(
    a_broken_commitment: Commitment, by: By, told: Told
) -> None:
    kept(a_broken_commitment, by("courier:li", hours(26)), NOON + hours(23))
    assert (a_broken_commitment.status, a_broken_commitment.late) == ("kept", False)
    assert (a_broken_commitment.broken_at, a_broken_commitment.times_broken) == (None, 0)
    assert told(a_broken_commitment) == ["CommitmentKept"]


def test_keeping_it_late_says_that_it_was_broken_even_where_the_clock_is_slower(
    an_acknowledged_commitment: Commitment, by: By, told: Told
) -> None:
    kept(an_acknowledged_commitment, by("courier:li", hours(25)))
    assert told(an_acknowledged_commitment) == ["CommitmentBroken", "CommitmentKept"]
    assert an_acknowledged_commitment.times_broken == 1


def test_keeping_it_in_time_does_not_break_it_where_the_clock_is_slower(
    an_acknowledged_commitment: Commitment, by: By, told: Told
) -> None:
    kept(an_acknowledged_commitment, by("courier:li", hours(25)), NOON + hours(23))
    assert told(an_acknowledged_commitment) == ["CommitmentKept"]
    assert an_acknowledged_commitment.times_broken == 0


@pytest.mark.parametrize("at", [None, NOON + hours(2)])
def test_keeping_it_twice_records_nothing_the_second_time(
    a_kept_commitment: Commitment, by: By, told: Told, at: datetime | None
) -> None:
    kept(a_kept_commitment, by("courier:li", hours(3)), at)
    assert (told(a_kept_commitment), a_kept_commitment.kept_at) == ([], NOON + hours(2))


def test_it_was_not_kept_at_two_instants(a_kept_commitment: Commitment, by: By) -> None:
    with pytest.raises(CommitmentClosed):
        kept(a_kept_commitment, by("courier:li", hours(3)), NOON + hours(1))


def test_what_was_withdrawn_is_not_kept(a_withdrawn_commitment: Commitment, by: By, told: Told) -> None:
    with pytest.raises(CommitmentClosed):
        kept(a_withdrawn_commitment, by("courier:li", hours(3)))
    assert told(a_withdrawn_commitment) == []


@pytest.mark.parametrize(
    ("who", "at", "now", "allowed"),
    [
        ("courier:li", 0, 24, True),
        ("courier:li", 0, 24.1, False),
        ("courier:li", -0.1, 1, False),
        ("courier:li", 1.1, 1, False),
        ("supervisor:wang", 1, 100, True),
        ("system:oms", 1, 100, True),
        ("supervisor:wang", -0.1, 1, False),
    ],
)
@pytest.mark.parametrize("command", ["fulfilment", "attempt"])
def test_what_happened_lies_between_the_making_and_now_and_not_long_ago(
    an_open_commitment: Commitment, by: By, told: Told, command: str, who: str, at: float, now: float, allowed: bool
) -> None:
    moment, when = by(who, hours(now)), NOON + hours(at)

    def say() -> None:
        if command == "fulfilment":
            kept(an_open_commitment, moment, when)
        else:
            attempt(an_open_commitment, Attempt("other", at=when), moment)

    if allowed:
        say()
        fact = an_open_commitment.collect_events()[-1]
        assert (fact.occurred_at, fact.timestamp) == (when, moment.now)  # type: ignore[attr-defined]
        return
    with pytest.raises(Invalid) as refused:
        say()
    assert (refused.value.rejections[0].pointer, told(an_open_commitment)) == ("/at", [])


# -- tried ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outcome", ["customer_absent", "no_access", "wrong_address", "customer_refused", "damaged", "other"]
)
def test_an_attempt_leaves_the_promise_as_it_is(
    an_acknowledged_commitment: Commitment, by: By, told: Told, outcome: AttemptOutcome
) -> None:
    attempt(an_acknowledged_commitment, Attempt(outcome, note="nobody there"), by("courier:li", hours(2)))
    assert told(an_acknowledged_commitment) == ["FulfilmentAttempted"]
    assert (an_acknowledged_commitment.status, an_acknowledged_commitment.revision) == ("open", 1)
    assert an_acknowledged_commitment.handoff("courier").received


def test_two_equal_attempts_are_two_facts(an_open_commitment: Commitment, by: By, told: Told) -> None:
    for _ in range(2):
        attempt(an_open_commitment, Attempt("no_access"), by("courier:li", hours(2)))
    assert told(an_open_commitment) == ["FulfilmentAttempted"] * 2


def test_a_broken_promise_can_still_be_tried(a_broken_commitment: Commitment, by: By) -> None:
    attempt(a_broken_commitment, Attempt("no_access"), by("courier:li", hours(25)))
    assert a_broken_commitment.status == "broken"


@pytest.mark.parametrize("closed", ["a_kept_commitment", "a_withdrawn_commitment"])
def test_what_is_closed_is_not_tried(request: pytest.FixtureRequest, by: By, closed: str) -> None:
    with pytest.raises(CommitmentClosed):
        attempt(request.getfixturevalue(closed), Attempt("other"), by("courier:li", hours(3)))


# -- open again -------------------------------------------------------------------------------------------------


def test_the_customer_may_say_otherwise_at_any_time(a_kept_commitment: Commitment, by: By, told: Told) -> None:
    reopen(a_kept_commitment, "disputed", "it never came", by("agent:mei", hours(23)))
    assert (a_kept_commitment.status, a_kept_commitment.kept_at, a_kept_commitment.reopenings) == ("open", None, 1)
    assert told(a_kept_commitment) == ["CommitmentReopened"]


def test_a_withdrawal_can_be_disputed(a_withdrawn_commitment: Commitment, by: By) -> None:
    reopen(a_withdrawn_commitment, "disputed", "I still want it", by("agent:mei", hours(3)))
    assert (a_withdrawn_commitment.status, a_withdrawn_commitment.withdrawal_cause) == ("open", None)


def test_what_is_reopened_after_its_due_is_broken(a_kept_commitment: Commitment, by: By, told: Told) -> None:
    reopen(a_kept_commitment, "disputed", None, by("agent:ling", hours(30)))
    assert (a_kept_commitment.status, a_kept_commitment.broken_at, a_kept_commitment.times_broken) == ("broken", DUE, 1)
    assert told(a_kept_commitment) == ["CommitmentReopened", "CommitmentBroken"]


def test_what_was_kept_late_is_broken_again_and_no_more_often(a_broken_commitment: Commitment, by: By) -> None:
    kept(a_broken_commitment, by("courier:li", hours(26)))
    reopen(a_broken_commitment, "mistaken", None, by("courier:li", hours(27)))
    assert (a_broken_commitment.status, a_broken_commitment.late, a_broken_commitment.times_broken) == (
        "broken",
        False,
        1,
    )


def test_what_was_kept_in_time_after_all_and_then_was_not_is_broken_once(
    a_broken_commitment: Commitment, by: By
) -> None:
    kept(a_broken_commitment, by("courier:li", hours(26)), NOON + hours(23))
    reopen(a_broken_commitment, "disputed", None, by("agent:ling", hours(27)))
    assert (a_broken_commitment.status, a_broken_commitment.broken_at, a_broken_commitment.times_broken) == (
        "broken",
        DUE,
        1,
    )


def test_receipts_outlive_a_closing(a_kept_commitment: Commitment, by: By) -> None:
    reopen(a_kept_commitment, "disputed", None, by("agent:ling", hours(3)))
    assert a_kept_commitment.handoff("courier").received


@pytest.mark.parametrize(
    ("who", "after", "allowed"),
    [
        ("courier:li", 24, True),
        ("courier:li", 24.01, False),
        ("courier:bo", 1, False),
        ("agent:ling", 1, False),
        ("system:oms", 1, False),
        ("supervisor:wang", 1, True),
        ("supervisor:wang", 1000, True),
        ("admin:root", 1000, True),
    ],
)
def test_a_wrong_tap_is_taken_back_by_its_recorder_within_a_day_or_by_a_supervisor(
    a_kept_commitment: Commitment, by: By, told: Told, who: str, after: float, allowed: bool
) -> None:
    moment = by(who, hours(2 + after))
    if allowed:
        reopen(a_kept_commitment, "mistaken", None, moment)
        assert a_kept_commitment.disputed_at is None
        assert not a_kept_commitment.is_closed
        return
    with pytest.raises(Forbidden):
        reopen(a_kept_commitment, "mistaken", None, moment)
    assert told(a_kept_commitment) == []


def test_the_day_to_take_it_back_runs_from_the_recording(an_acknowledged_commitment: Commitment, by: By) -> None:
    kept(an_acknowledged_commitment, by("courier:li", hours(20)), NOON + hours(1))
    reopen(an_acknowledged_commitment, "mistaken", None, by("courier:li", hours(44)))
    assert not an_acknowledged_commitment.is_closed


def test_who_recorded_through_a_system_takes_it_back_himself(an_acknowledged_commitment: Commitment, by: By) -> None:
    kept(an_acknowledged_commitment, by("system:oms", hours(1), on_behalf_of="courier:li"))
    reopen(an_acknowledged_commitment, "mistaken", None, by("courier:li", hours(2)))
    assert not an_acknowledged_commitment.is_closed


@pytest.mark.parametrize("reason", ["disputed", "mistaken"])
def test_what_was_never_closed_cannot_be_reopened(
    an_open_commitment: Commitment, by: By, told: Told, reason: ReopeningReason
) -> None:
    with pytest.raises(CommitmentNotClosed):
        reopen(an_open_commitment, reason, None, by("supervisor:wang"))
    assert told(an_open_commitment) == []


@pytest.mark.parametrize("reason", ["disputed", "mistaken"])
def test_reopening_it_twice_records_nothing_the_second_time(
    a_kept_commitment: Commitment, by: By, told: Told, reason: ReopeningReason
) -> None:
    for _ in range(2):
        reopen(a_kept_commitment, reason, None, by("supervisor:wang", hours(3)))
    assert (told(a_kept_commitment), a_kept_commitment.reopenings) == (["CommitmentReopened"], 1)


def test_it_can_be_kept_and_disputed_again(a_kept_commitment: Commitment, by: By) -> None:
    reopen(a_kept_commitment, "disputed", None, by("agent:ling", hours(3)))
    kept(a_kept_commitment, by("courier:li", hours(4)))
    reopen(a_kept_commitment, "disputed", None, by("agent:ling", hours(5)))
    assert (a_kept_commitment.reopenings, a_kept_commitment.disputed_at) == (2, NOON + hours(5))


def test_the_answer_to_a_key_tells_what_the_clock_made_of_the_reopening(a_kept_commitment: Commitment, by: By) -> None:
    moment = by("agent:ling", hours(30), key="k-1")
    reopen(a_kept_commitment, "disputed", None, moment)
    answered = a_kept_commitment.answer_to(moment.origin)
    assert answered is not None
    assert (a_kept_commitment.status, answered.version) == ("broken", a_kept_commitment.version)
    assert a_kept_commitment.pending_events[-1].origin.actor == "system:upheld"  # type: ignore[attr-defined]


# -- asked for again --------------------------------------------------------------------------------------------


def test_two_equal_contacts_are_two_facts(an_open_commitment: Commitment, by: By, told: Told) -> None:
    for _ in range(2):
        contact(an_open_commitment, Contact("phone", "inbound", "where is it?", 5), by("agent:ling"))
    assert (told(an_open_commitment), an_open_commitment.contacts) == (["CustomerContacted"] * 2, 2)


def test_the_third_contact_goes_to_the_supervisor_by_itself(an_open_commitment: Commitment, by: By, told: Told) -> None:
    for _ in range(2):
        contact(an_open_commitment, Contact("phone"), by("agent:ling"))
    assert (told(an_open_commitment), an_open_commitment.escalation_level) == (["CustomerContacted"] * 2, 0)
    contact(an_open_commitment, Contact("phone"), by("agent:ling"))
    assert told(an_open_commitment) == ["CustomerContacted", "CommitmentEscalated"]
    assert an_open_commitment.escalation_level == 2
    contact(an_open_commitment, Contact("phone"), by("agent:ling"))
    assert (told(an_open_commitment), an_open_commitment.contacts) == (["CustomerContacted"], 4)


def test_a_customer_who_asks_about_what_is_closed_is_counted_and_wakes_nobody(
    a_kept_commitment: Commitment, by: By, told: Told
) -> None:
    for _ in range(3):
        contact(a_kept_commitment, Contact("phone"), by("agent:ling", hours(3)))
    assert (told(a_kept_commitment), a_kept_commitment.contacts) == (["CustomerContacted"] * 3, 3)
    assert a_kept_commitment.status == "kept"


def test_asking_again_changes_neither_words_nor_receipts(an_acknowledged_commitment: Commitment, by: By) -> None:
    contact(an_acknowledged_commitment, Contact("phone"), by("agent:ling"))
    assert (an_acknowledged_commitment.revision, an_acknowledged_commitment.handoffs[0].received) == (1, True)

"""What a commitment is flagged for, since when, and until when it can be mended."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue import parse_catalogue
from domain.commitment import Commitment
from domain.deadlines import DueRule
from domain.errors import UpheldError
from domain.flags import FLAG_REASONS, Flag, FlagReason, flag_at, flag_spans, rescue_by
from domain.handing_over import assign_own, release_own, route
from domain.keeping import Attempt, attempt, fulfil, pass_time, reopen
from domain.moment import Moment
from domain.order import Assignment, Order, assign_order, unassign_order
from domain.promising import Amendment, Making, Wanted, amend, make, withdraw
from domain.receiving import ReceiptGiven, receive
from domain.values import Origin, ReceiptState

By = Callable[..., Moment]
Promise = Callable[..., Commitment]
Carry = Callable[..., Order]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def reasons(commitment: Commitment) -> list[tuple[str, str, float, float | None]]:
    """What the clock alone will raise: reason, role, and its begin and end in hours after noon."""

    def after_noon(instant: datetime | None) -> float | None:
        return None if instant is None else (instant - NOON) / hours(1)

    spans = flag_spans(commitment)
    return [(s.reason, s.role, (s.begins_at - NOON) / hours(1), after_noon(s.ends_at)) for s in spans]


def amended(commitment: Commitment, order: Order | None, moment: Moment) -> None:
    amend(commitment, Amendment(frozenset({"promise"}), promise=f"Other words, {moment.now}"), order, moment)


# -- each reason ------------------------------------------------------------------------------------------------


def test_the_reasons_are_those_of_the_contract_in_their_order() -> None:
    assert FLAG_REASONS == (
        "disputed",
        "declined",
        "attempted",
        "overdue",
        "unassigned",
        "stale_revision",
        "not_received",
    )


def test_a_receipt_that_is_not_yet_due_is_no_flag(an_open_commitment: Commitment) -> None:
    assert flag_at(an_open_commitment, NOON + hours(4.49)) is None


def test_a_missing_receipt_is_a_flag_from_the_instant_it_is_due(an_open_commitment: Commitment) -> None:
    due = NOON + hours(4.5)
    assert flag_at(an_open_commitment, due) == Flag("not_received", "courier", due)
    assert flag_at(an_open_commitment, due + hours(3)) == Flag("not_received", "courier", due)


def test_seen_is_not_received(an_open_commitment: Commitment, by: By) -> None:
    receive(an_open_commitment, ReceiptGiven(1, "seen"), by("courier:li"))
    assert reasons(an_open_commitment)[0][:2] == ("not_received", "courier")


def test_a_promise_that_is_known_is_flagged_only_when_it_is_not_kept(an_acknowledged_commitment: Commitment) -> None:
    assert reasons(an_acknowledged_commitment) == [("overdue", "courier", 24, None)]


def test_a_promise_is_overdue_from_the_instant_it_was_due(an_acknowledged_commitment: Commitment) -> None:
    due = an_acknowledged_commitment.due.at
    assert flag_at(an_acknowledged_commitment, due - timedelta.resolution) is None
    assert flag_at(an_acknowledged_commitment, due) == Flag("overdue", "courier", due)


def test_a_broken_promise_stays_overdue(an_acknowledged_commitment: Commitment, by: By) -> None:
    pass_time(an_acknowledged_commitment, by("system:upheld", hours(24.1)))
    assert flag_at(an_acknowledged_commitment, NOON + hours(30)) == Flag("overdue", "courier", NOON + hours(24))


def test_a_promise_that_nobody_has_is_unassigned_when_somebody_should_have_it(promise: Promise) -> None:
    assert reasons(promise()) == [("unassigned", "courier", 12, 24), ("overdue", "courier", 24, None)]


def test_a_released_promise_is_unassigned(an_acknowledged_commitment: Commitment, by: By) -> None:
    route(an_acknowledged_commitment, None, by("system:oms", hours(2)))
    assert reasons(an_acknowledged_commitment) == [("unassigned", "courier", 12, 24), ("overdue", "courier", 24, None)]


def test_a_kind_that_asks_for_nothing_is_flagged_only_when_overdue(promise: Promise) -> None:
    assert reasons(promise("delivery")) == [("overdue", "courier", 24, None)]


def test_a_kind_that_asks_for_nothing_can_be_declined(promise: Promise, an_order: Order, by: By) -> None:
    commitment = promise("delivery", order=an_order)
    receive(commitment, ReceiptGiven(1, "declined", reason="the van is full"), by("courier:li", hours(1)))
    assert flag_at(commitment, NOON + hours(1)) == Flag("declined", "courier", NOON + hours(1))


def test_who_received_an_older_revision_has_a_stale_one(an_amended_commitment: Commitment) -> None:
    due = NOON + hours(4.5)
    assert flag_at(an_amended_commitment, NOON + hours(1)) is None
    assert flag_at(an_amended_commitment, due) == Flag("stale_revision", "courier", due)


def test_a_late_receipt_for_an_older_revision_makes_a_missing_one_stale(
    an_open_commitment: Commitment, an_order: Order, by: By
) -> None:
    amended(an_open_commitment, an_order, by("agent:ling", hours(1)))
    receive(an_open_commitment, ReceiptGiven(1, "acknowledged"), by("courier:li", hours(6)))
    assert flag_at(an_open_commitment, NOON + hours(6)) == Flag("stale_revision", "courier", NOON + hours(6))


def test_what_was_stale_already_is_so_since_the_receipt_was_due(
    an_amended_commitment: Commitment, an_order: Order, by: By
) -> None:
    amended(an_amended_commitment, an_order, by("agent:ling", hours(2)))
    receive(an_amended_commitment, ReceiptGiven(2, "acknowledged"), by("courier:li", hours(6)))
    assert an_amended_commitment.handoff("courier").received_revision == 2
    assert flag_at(an_amended_commitment, NOON + hours(6)) == Flag("stale_revision", "courier", NOON + hours(4.5))


def test_another_recipient_has_no_stale_revision(an_amended_commitment: Commitment, carry: Carry, by: By) -> None:
    route(an_amended_commitment, carry("courier:bo"), by("system:oms", hours(2)))
    assert flag_at(an_amended_commitment, NOON + hours(3)) == Flag("not_received", "courier", NOON + hours(3))


def test_who_gave_the_thing_back_has_not_received_it_but_nothing_older(a_handed_on_thing: Commitment, by: By) -> None:
    hu = by("warehouse:hu", hours(0.5))
    receive(a_handed_on_thing, ReceiptGiven(1, "declined", reason="it is broken"), hu)
    receive(a_handed_on_thing, ReceiptGiven(1, "acknowledged"), by("warehouse:hu", hours(0.6)))
    assert reasons(a_handed_on_thing)[0] == ("not_received", "warehouse", 1, 4.5)


def test_a_decline_is_a_flag_at_once(an_open_commitment: Commitment, by: By) -> None:
    receive(an_open_commitment, ReceiptGiven(1, "declined", reason="none in the van"), by("courier:li", hours(1)))
    assert flag_at(an_open_commitment, NOON + hours(1)) == Flag("declined", "courier", NOON + hours(1))
    assert reasons(an_open_commitment)[-1] == ("declined", "courier", 24, None)


@pytest.mark.parametrize("state", ["acknowledged", "held"])
def test_a_decline_that_is_taken_back_is_no_flag(an_open_commitment: Commitment, by: By, state: ReceiptState) -> None:
    receive(an_open_commitment, ReceiptGiven(1, "declined", reason="none in the van"), by("courier:li", hours(1)))
    receive(an_open_commitment, ReceiptGiven(1, state), by("courier:li", hours(2)))
    assert reasons(an_open_commitment) == [("overdue", "courier", 24, None)]


def test_a_decline_is_still_a_flag_when_only_the_phone_speaks(an_open_commitment: Commitment, by: By) -> None:
    receive(an_open_commitment, ReceiptGiven(1, "declined", reason="none in the van"), by("courier:li", hours(1)))
    receive(an_open_commitment, ReceiptGiven(1, "seen"), by("courier:li", hours(2)))
    assert flag_at(an_open_commitment, NOON + hours(2)) == Flag("declined", "courier", NOON + hours(1))


@pytest.mark.parametrize("what", ["amended", "reassigned", "released"])
def test_a_decline_ends_with_an_amendment_or_another_recipient(
    an_open_commitment: Commitment, an_order: Order, carry: Carry, by: By, what: str
) -> None:
    receive(an_open_commitment, ReceiptGiven(1, "declined", reason="none in the van"), by("courier:li", hours(1)))
    happened: dict[str, Callable[[], None]] = {
        "amended": lambda: amended(an_open_commitment, an_order, by("agent:ling", hours(2))),
        "reassigned": lambda: route(an_open_commitment, carry("courier:bo"), by("system:oms", hours(2))),
        "released": lambda: route(an_open_commitment, None, by("system:oms", hours(2))),
    }
    happened[what]()
    assert flag_at(an_open_commitment, NOON + hours(2)) is None


def test_a_failed_attempt_is_a_flag_at_once(an_acknowledged_commitment: Commitment, by: By) -> None:
    tried = Attempt("customer_absent", at=NOON + hours(1))
    attempt(an_acknowledged_commitment, tried, by("courier:li", hours(2)))
    assert flag_at(an_acknowledged_commitment, NOON + hours(2)) == Flag("attempted", "courier", NOON + hours(2))


@pytest.mark.parametrize("what", ["amended", "reassigned", "released"])
def test_a_failed_attempt_ends_with_an_amendment_or_another_recipient(
    an_acknowledged_commitment: Commitment, an_order: Order, carry: Carry, by: By, what: str
) -> None:
    attempt(an_acknowledged_commitment, Attempt("no_access"), by("courier:li", hours(1)))
    happened: dict[str, Callable[[], None]] = {
        "amended": lambda: amended(an_acknowledged_commitment, an_order, by("agent:ling", hours(2))),
        "reassigned": lambda: route(an_acknowledged_commitment, carry("courier:bo"), by("system:oms", hours(2))),
        "released": lambda: route(an_acknowledged_commitment, None, by("system:oms", hours(2))),
    }
    happened[what]()
    assert flag_at(an_acknowledged_commitment, NOON + hours(2)) is None


def test_a_failed_attempt_is_still_a_flag_when_the_same_courier_has_other_times(
    an_acknowledged_commitment: Commitment, carry: Carry, by: By
) -> None:
    attempt(an_acknowledged_commitment, Attempt("no_access"), by("courier:li", hours(1)))
    route(an_acknowledged_commitment, carry("courier:li", departs=hours(8)), by("system:oms", hours(2)))
    assert flag_at(an_acknowledged_commitment, NOON + hours(2)) == Flag("attempted", "courier", NOON + hours(1))


def test_a_failed_attempt_is_a_flag_again_when_a_wrong_tap_is_taken_back(
    an_acknowledged_commitment: Commitment, by: By
) -> None:
    attempt(an_acknowledged_commitment, Attempt("no_access"), by("courier:li", hours(1)))
    fulfil(an_acknowledged_commitment, by("courier:li", hours(2)), note=None, at=None)
    reopen(an_acknowledged_commitment, "mistaken", None, by("courier:li", hours(3)))
    assert flag_at(an_acknowledged_commitment, NOON + hours(3)) == Flag("attempted", "courier", NOON + hours(1))


def test_the_customer_s_word_is_a_flag_at_once(an_acknowledged_commitment: Commitment, by: By) -> None:
    fulfil(an_acknowledged_commitment, by("courier:li", hours(2)), note=None, at=None)
    reopen(an_acknowledged_commitment, "disputed", None, by("agent:ling", hours(30)))
    assert flag_at(an_acknowledged_commitment, NOON + hours(30)) == Flag("disputed", "courier", NOON + hours(30))


def test_a_dispute_stands_until_the_promise_is_closed_again(
    an_acknowledged_commitment: Commitment, an_order: Order, by: By
) -> None:
    fulfil(an_acknowledged_commitment, by("courier:li", hours(2)), note=None, at=None)
    reopen(an_acknowledged_commitment, "disputed", None, by("agent:ling", hours(3)))
    amended(an_acknowledged_commitment, an_order, by("agent:ling", hours(4)))
    assert flag_at(an_acknowledged_commitment, NOON + hours(5)) == Flag("disputed", "courier", NOON + hours(3))
    fulfil(an_acknowledged_commitment, by("courier:li", hours(6)), note=None, at=None)
    assert flag_at(an_acknowledged_commitment, NOON + hours(6)) is None


def test_a_wrong_tap_taken_back_is_no_dispute(an_acknowledged_commitment: Commitment, by: By) -> None:
    fulfil(an_acknowledged_commitment, by("courier:li", hours(2)), note=None, at=None)
    reopen(an_acknowledged_commitment, "mistaken", None, by("courier:li", hours(3)))
    assert reasons(an_acknowledged_commitment) == [("overdue", "courier", 24, None)]


@pytest.mark.parametrize("closing", ["kept", "withdrawn"])
def test_what_is_closed_is_never_flagged(an_open_commitment: Commitment, by: By, closing: str) -> None:
    receive(an_open_commitment, ReceiptGiven(1, "declined", reason="none in the van"), by("courier:li"))
    if closing == "kept":
        fulfil(an_open_commitment, by("courier:li", hours(1)), note=None, at=None)
    else:
        withdraw(an_open_commitment, "never mind", "agreed", by("agent:ling", hours(1)))
    assert flag_at(an_open_commitment, NOON + hours(100)) is None
    assert flag_spans(an_open_commitment) == []


# -- which of several -------------------------------------------------------------------------------------------


def declined(commitment: Commitment, who: str, moment: Moment) -> None:
    receive(commitment, ReceiptGiven(commitment.revision, "declined", reason="none"), moment)


def test_an_earlier_reason_of_the_list_counts_before_an_earlier_hand_off(a_thing: Commitment, by: By) -> None:
    """The warehouse's receipt is missing, and the courier, later in the path, declined."""
    declined(a_thing, "courier:li", by("courier:li", hours(3)))
    assert flag_at(a_thing, NOON + hours(3)) == Flag("declined", "courier", NOON + hours(3))


def test_among_hand_offs_the_first_of_the_path_counts(a_thing: Commitment, by: By) -> None:
    declined(a_thing, "courier:li", by("courier:li", hours(3)))
    declined(a_thing, "warehouse:hu", by("warehouse:hu", hours(4)))
    assert flag_at(a_thing, NOON + hours(4)) == Flag("declined", "warehouse", NOON + hours(4))


def test_each_hand_off_has_its_turn(a_thing: Commitment, a_handed_on_thing: Commitment) -> None:
    assert reasons(a_handed_on_thing) == [
        ("not_received", "courier", 4.5, 5),
        ("not_received", "courier", 5, 24),
        ("overdue", "courier", 24, None),
    ]


def test_nobody_for_a_later_hand_off_counts_before_an_earlier_receipt_that_is_missing(promise: Promise) -> None:
    assert reasons(promise("free_item")) == [
        ("not_received", "warehouse", 1, 12),
        ("unassigned", "courier", 12, 24),
        ("overdue", "courier", 24, None),
    ]


def test_a_stale_receipt_counts_before_an_earlier_missing_one(a_thing: Commitment, an_order: Order, by: By) -> None:
    receive(a_thing, ReceiptGiven(1, "held"), by("courier:li", hours(0.1)))
    amended(a_thing, an_order, by("agent:ling", hours(0.5)))
    assert [reason[:2] for reason in reasons(a_thing)][:2] == [
        ("not_received", "warehouse"),
        ("stale_revision", "courier"),
    ]


@pytest.mark.parametrize("count", range(1, 5))
def test_disputed_declined_attempted_overdue_count_in_this_order(
    an_acknowledged_commitment: Commitment, by: By, count: int
) -> None:
    """Everything is wrong at once; what comes first in the list is the flag, and behind it the next."""
    wrong: list[FlagReason] = ["disputed", "declined", "attempted", "overdue"][-count:]  # type: ignore[assignment]
    if "disputed" in wrong:
        fulfil(an_acknowledged_commitment, by("courier:li", hours(1)), note=None, at=None)
        reopen(an_acknowledged_commitment, "disputed", None, by("agent:ling", hours(2)))
    if "declined" in wrong:
        declined(an_acknowledged_commitment, "courier:li", by("courier:li", hours(3)))
    if "attempted" in wrong:
        attempt(an_acknowledged_commitment, Attempt("other"), by("courier:li", hours(4)))
    found = flag_at(an_acknowledged_commitment, NOON + hours(25))
    assert found is not None
    assert found.reason == wrong[0]


def test_what_concerns_the_whole_is_shown_at_the_last_of_the_path(a_thing: Commitment, by: By) -> None:
    attempt(a_thing, Attempt("damaged"), by("courier:li", hours(0.5)))
    assert flag_at(a_thing, NOON + hours(0.5)) == Flag("attempted", "courier", NOON + hours(0.5))
    assert flag_at(a_thing, NOON + hours(25)) == Flag("attempted", "courier", NOON + hours(0.5))


# -- until when -------------------------------------------------------------------------------------------------


def test_while_the_courier_is_still_here_it_can_be_mended_until_he_leaves(an_open_commitment: Commitment) -> None:
    leaves = NOON + hours(5)
    assert rescue_by(an_open_commitment, "courier", leaves - timedelta.resolution) == leaves
    assert rescue_by(an_open_commitment, "courier", leaves) == an_open_commitment.due.at


def test_the_flag_that_the_clock_raises_changes_its_rescue_when_the_courier_leaves(
    an_open_commitment: Commitment,
) -> None:
    due = NOON + hours(24)
    assert [(span.reason, span.since, span.rescue_by) for span in flag_spans(an_open_commitment)] == [
        ("not_received", NOON + hours(4.5), NOON + hours(5)),
        ("not_received", NOON + hours(4.5), due),
        ("overdue", due, due),
    ]


def test_a_planned_stop_is_a_departure_where_none_is_known(promise: Promise, carry: Carry) -> None:
    commitment = promise(order=carry("courier:li", starts=hours(6)))
    assert rescue_by(commitment, "courier", NOON) == NOON + hours(6)


def test_each_hand_off_has_its_own_departure(a_thing: Commitment) -> None:
    assert rescue_by(a_thing, "warehouse", NOON) == a_thing.due.at
    assert rescue_by(a_thing, "courier", NOON) == NOON + hours(5)


# -- whatever happened ------------------------------------------------------------------------------------------

CATALOGUE = parse_catalogue("")
PEOPLE = ["courier:li", "courier:bo", "warehouse:hu", "warehouse:chen", "supervisor:wang", "agent:ling"]
STATES: list[ReceiptState] = ["delivered", "seen", "acknowledged", "held", "declined"]
Step = Callable[[Commitment, Order, Moment], None]


def _receipt(person: str, state: ReceiptState, back: int) -> tuple[str, Step]:
    def step(commitment: Commitment, order: Order, moment: Moment) -> None:
        revision = max(1, commitment.revision - back)
        receive(commitment, ReceiptGiven(revision, state, reason="no" if state == "declined" else None), moment)

    return person, step


def _order(recipient: str | None, departs: timedelta | None) -> tuple[str, Step]:
    def step(commitment: Commitment, order: Order, moment: Moment) -> None:
        if recipient is None:
            unassign_order(order, "courier", moment)
        else:
            departs_at = None if departs is None else moment.now + departs
            assign_order(order, "courier", Assignment(recipient, departs_at), moment)
        route(commitment, order, moment)

    return "system:oms", step


def _amendment(due: timedelta | None) -> tuple[str, Step]:
    def step(commitment: Commitment, order: Order, moment: Moment) -> None:
        if due is None:
            amended(commitment, order, moment)
        else:
            wanted = Wanted(DueRule(at=moment.now + due))
            amend(commitment, Amendment(frozenset({"due"}), due=wanted), order, moment)

    return "agent:ling", step


SIMPLE: list[tuple[str, Step]] = [
    ("supervisor:wang", lambda commitment, _, moment: fulfil(commitment, moment, note=None, at=None)),
    ("supervisor:wang", lambda commitment, _, moment: reopen(commitment, "disputed", None, moment)),
    ("supervisor:wang", lambda commitment, _, moment: reopen(commitment, "mistaken", None, moment)),
    ("agent:ling", lambda commitment, _, moment: withdraw(commitment, "never mind", "agreed", moment)),
    ("courier:li", lambda commitment, _, moment: attempt(commitment, Attempt("other"), moment)),
    ("system:upheld", lambda commitment, _, moment: pass_time(commitment, moment)),
    (
        "supervisor:wang",
        lambda commitment, order, moment: assign_own(commitment, "courier", "courier:bo", order, moment),
    ),
    ("supervisor:wang", lambda commitment, order, moment: release_own(commitment, "courier", order, moment)),
]
some_while = st.sampled_from([hours(0.2), hours(1), hours(5), hours(13), hours(25)])
steps = st.lists(
    st.tuples(
        some_while,
        st.builds(_receipt, st.sampled_from(PEOPLE), st.sampled_from(STATES), st.integers(0, 1))
        | st.builds(_order, st.none() | st.sampled_from(PEOPLE[:2]), st.none() | some_while)
        | st.builds(_amendment, st.none() | some_while)
        | st.sampled_from(SIMPLE),
    ),
    max_size=12,
)


@settings(derandomize=True, max_examples=150)
@given(
    kind=st.sampled_from(["redelivery", "free_item", "delivery"]),
    happened=steps,
    looks=st.lists(st.integers(0, 72 * 60), min_size=1, max_size=6),
)
def test_what_the_clock_will_raise_is_what_holds_at_every_instant(
    kind: str, happened: list[tuple[timedelta, tuple[str, Step]]], looks: list[int]
) -> None:
    order, now = Order.unassigned("SO-1001", NOON), NOON
    making = Making("CU-7", kind, "The television", "SO-1001", Wanted(DueRule(at=NOON + hours(24))))
    commitment = make(UUID(int=7), making, order, [], Moment(NOON, Origin("agent:ling"), CATALOGUE))
    for passed, (who, step) in happened:
        now += passed
        with suppress(UpheldError):
            step(commitment, order, Moment(now, Origin(who), CATALOGUE))
    spans = flag_spans(commitment)
    begin = commitment.modified_on
    turns = [instant for span in spans for instant in (span.begins_at, span.ends_at) if instant is not None]
    near = [turn + tick for turn in turns for tick in (-timedelta.resolution, timedelta(), timedelta.resolution)]
    for instant in [begin + timedelta(minutes=look) for look in looks] + [turn for turn in near if turn >= begin]:
        holds = [s for s in spans if s.begins_at <= instant and (s.ends_at is None or instant < s.ends_at)]
        flag = flag_at(commitment, instant)
        assert [Flag(span.reason, span.role, span.since) for span in holds] == ([] if flag is None else [flag])
        for span in holds:
            assert span.rescue_by == rescue_by(commitment, span.role, instant)
            assert span.since <= instant

"""Receipts: what a keeper says about having heard of a promise, and what of it counts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from domain.commitment import Commitment
from domain.errors import Forbidden, Invalid
from domain.handing_over import route
from domain.keeping import fulfil, reopen
from domain.moment import Moment
from domain.order import Order
from domain.promising import Amendment, amend, withdraw
from domain.receiving import ReceiptGiven, Received, receive
from domain.values import RECEIPT_STATES, HandoffState, ReceiptState

By = Callable[..., Moment]
Promise = Callable[..., Commitment]
Carry = Callable[..., Order]
Told = Callable[[Commitment | Order], list[str]]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
COUNTS = Received(True, None)
KNOWN = Received(False, None)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def given(state: ReceiptState, revision: int = 1, role: str | None = None, at: datetime | None = None) -> ReceiptGiven:
    return ReceiptGiven(revision, state, role, "none in the van" if state == "declined" else None, at)


def pointer_of(refused: pytest.ExceptionInfo[Invalid]) -> str:
    return refused.value.rejections[0].pointer


@pytest.fixture
def li(by: By) -> Moment:
    """Li, an hour after noon."""
    return by("courier:li", hours(1))


@pytest.fixture
def bo(by: By) -> Moment:
    """Bo, an hour after noon."""
    return by("courier:bo", hours(1))


# -- a receipt that counts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "fact", "received"),
    [
        ("delivered", "HandoffDelivered", False),
        ("seen", "HandoffSeen", False),
        ("acknowledged", "HandoffAcknowledged", True),
        ("held", "HandoffHeld", True),
        ("declined", "HandoffDeclined", False),
    ],
)
def test_what_a_recipient_reports_is_a_fact_and_some_of_it_a_receipt(
    an_open_commitment: Commitment, li: Moment, told: Told, state: ReceiptState, fact: str, received: bool
) -> None:
    assert receive(an_open_commitment, given(state), li) == COUNTS
    handoff = an_open_commitment.handoff("courier")
    assert (handoff.state, handoff.received, told(an_open_commitment)) == (state, received, [fact])


@pytest.mark.parametrize(("state", "received"), [("acknowledged", False), ("held", True)])
def test_for_a_thing_only_holding_it_is_a_receipt(
    a_thing: Commitment, li: Moment, state: ReceiptState, received: bool
) -> None:
    receive(a_thing, given(state), li)
    assert a_thing.handoff("courier").received is received


def test_a_receipt_is_of_the_revision_that_it_names(an_amended_commitment: Commitment, li: Moment) -> None:
    assert receive(an_amended_commitment, given("acknowledged", 2), li) == COUNTS
    handoff = an_amended_commitment.handoff("courier")
    assert (handoff.received, handoff.received_revision, handoff.state) == (True, 2, "acknowledged")


def test_states_never_regress_but_each_is_recorded(an_open_commitment: Commitment, li: Moment, told: Told) -> None:
    for state in RECEIPT_STATES[2::-1]:
        receive(an_open_commitment, given(state), li)
    assert an_open_commitment.handoff("courier").state == "acknowledged"
    assert told(an_open_commitment) == ["HandoffAcknowledged", "HandoffSeen", "HandoffDelivered"]


@pytest.mark.parametrize(
    ("said", "state", "received"),
    [
        (["acknowledged", "declined"], "declined", False),
        (["held", "declined"], "declined", False),
        (["declined", "acknowledged"], "acknowledged", True),
        (["declined", "held"], "held", True),
        (["declined", "seen"], "declined", False),
        (["acknowledged", "declined", "acknowledged"], "acknowledged", True),
        (["held", "declined", "acknowledged"], "acknowledged", True),
        (["declined", "acknowledged", "declined"], "declined", False),
    ],
)
def test_a_decline_and_a_receipt_may_follow_one_another(
    an_open_commitment: Commitment, by: By, told: Told, said: list[ReceiptState], state: HandoffState, received: bool
) -> None:
    for number, word in enumerate(said):
        assert receive(an_open_commitment, given(word), by("courier:li", hours(number))) == COUNTS
    handoff = an_open_commitment.handoff("courier")
    assert (handoff.state, handoff.received, len(told(an_open_commitment))) == (state, received, len(said))


@pytest.mark.parametrize("state", RECEIPT_STATES)
def test_the_same_receipt_twice_is_recorded_once(
    an_open_commitment: Commitment, by: By, told: Told, state: ReceiptState
) -> None:
    assert receive(an_open_commitment, given(state), by("courier:li", hours(1))) == COUNTS
    assert receive(an_open_commitment, given(state), by("courier:li", hours(2))) == KNOWN
    assert len(told(an_open_commitment)) == 1


def test_a_receipt_says_when_and_how_it_was_given(an_open_commitment: Commitment, by: By) -> None:
    receive(
        an_open_commitment, ReceiptGiven(1, "acknowledged", at=NOON + hours(1), via="scan"), by("courier:li", hours(2))
    )
    (fact,) = an_open_commitment.collect_events()
    assert (fact.timestamp, fact.occurred_at, fact.via) == (NOON + hours(2), NOON + hours(1), "scan")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("who", "at", "now", "allowed"),
    [
        ("courier:li", 0, 24, True),
        ("courier:li", 0, 24.1, False),
        ("courier:li", -0.1, 1, False),
        ("courier:li", 1.1, 1, False),
        ("system:oms", 0, 100, True),
    ],
)
def test_a_receipt_was_given_between_the_making_and_now_and_not_long_ago(
    an_open_commitment: Commitment, by: By, who: str, at: float, now: float, allowed: bool
) -> None:
    moment = by(who, hours(now), on_behalf_of="courier:li")
    receipt = given("acknowledged", at=NOON + hours(at))
    if allowed:
        assert receive(an_open_commitment, receipt, moment) == COUNTS
        return
    with pytest.raises(Invalid) as refused:
        receive(an_open_commitment, receipt, moment)
    assert pointer_of(refused) == "/at"


def test_a_decline_without_a_reason_is_refused(an_open_commitment: Commitment, li: Moment, told: Told) -> None:
    with pytest.raises(Invalid) as refused:
        receive(an_open_commitment, ReceiptGiven(1, "declined"), li)
    assert (pointer_of(refused), told(an_open_commitment)) == ("/reason", [])


def test_a_revision_that_does_not_exist_yet_is_refused(an_open_commitment: Commitment, li: Moment, told: Told) -> None:
    with pytest.raises(Invalid) as refused:
        receive(an_open_commitment, given("acknowledged", 2), li)
    assert (pointer_of(refused), told(an_open_commitment)) == ("/revision", [])


# -- who may ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["courier:bo", "warehouse:hu", "agent:ling", "auditor:chen", "system:oms"])
def test_who_never_was_its_recipient_has_no_receipt_to_give(
    an_open_commitment: Commitment, by: By, told: Told, who: str
) -> None:
    with pytest.raises(Forbidden) as refused:
        receive(an_open_commitment, given("acknowledged"), by(who))
    assert (refused.value.code, told(an_open_commitment)) == ("forbidden", [])


def test_where_nobody_is_accountable_nobody_can_receive_it(promise: Promise, by: By) -> None:
    with pytest.raises(Forbidden):
        receive(promise(), given("acknowledged"), by("courier:li"))
    with pytest.raises(Invalid) as refused:
        receive(promise(), given("acknowledged"), by("supervisor:wang"))
    assert pointer_of(refused) == "/role"


def test_a_system_speaks_for_the_recipient(an_open_commitment: Commitment, by: By) -> None:
    assert receive(an_open_commitment, given("held"), by("system:oms", on_behalf_of="courier:li")) == COUNTS
    with pytest.raises(Forbidden):
        receive(an_open_commitment, given("held"), by("system:oms", on_behalf_of="courier:bo"))


@pytest.mark.parametrize("who", ["supervisor:wang", "admin:root"])
def test_a_supervisor_speaks_for_the_recipient(an_open_commitment: Commitment, by: By, who: str) -> None:
    assert receive(an_open_commitment, given("acknowledged"), by(who)) == COUNTS
    (fact,) = an_open_commitment.collect_events()
    assert (fact.recipient, fact.origin.actor) == ("courier:li", who)  # type: ignore[attr-defined]
    assert an_open_commitment.handoff("courier").recipient == "courier:li"


def test_a_supervisor_s_word_and_the_recipient_s_are_one_fact(an_open_commitment: Commitment, by: By) -> None:
    receive(an_open_commitment, given("acknowledged"), by("supervisor:wang"))
    assert receive(an_open_commitment, given("acknowledged"), by("courier:li")) == KNOWN


def test_a_supervisor_does_not_make_a_member_of_a_team_accountable(a_thing: Commitment, by: By) -> None:
    receive(a_thing, given("held", role="warehouse"), by("supervisor:wang"))
    warehouse = a_thing.handoff("warehouse")
    assert (warehouse.recipient, warehouse.received) == ("team:warehouse", True)


# -- which hand-off ---------------------------------------------------------------------------------------------


def test_a_receipt_is_about_the_giver_s_own_hand_off(a_thing: Commitment, by: By) -> None:
    receive(a_thing, given("held"), by("courier:li"))
    assert [handoff.received for handoff in a_thing.handoffs] == [False, True]


def test_who_has_two_hand_offs_receives_the_first_that_is_missing_or_the_one_he_names(
    promise: Promise, carry: Carry, by: By
) -> None:
    order = carry("courier:li")
    carry("courier:li", order, role="warehouse")
    first, named = promise("free_item", order=order), promise("free_item", order=order)
    receive(first, given("held"), by("courier:li"))
    receive(named, given("held", role="courier"), by("courier:li"))
    assert [handoff.received for handoff in first.handoffs] == [True, False]
    assert [handoff.received for handoff in named.handoffs] == [False, True]


def test_the_same_receipt_twice_is_not_taken_for_another_hand_off(a_thing: Commitment, by: By) -> None:
    assert receive(a_thing, given("held"), by("supervisor:wang")) == COUNTS
    assert receive(a_thing, given("held"), by("supervisor:wang")) == KNOWN
    assert [handoff.received for handoff in a_thing.handoffs] == [True, False]
    assert receive(a_thing, given("held", role="courier"), by("supervisor:wang")) == COUNTS
    assert [handoff.received for handoff in a_thing.handoffs] == [True, True]


def test_another_s_hand_off_is_not_received_by_naming_its_role(a_thing: Commitment, by: By) -> None:
    with pytest.raises(Forbidden):
        receive(a_thing, given("held", role="warehouse"), by("courier:li"))


def test_a_role_that_never_was_on_the_path_is_refused(an_open_commitment: Commitment, li: Moment) -> None:
    with pytest.raises(Invalid) as refused:
        receive(an_open_commitment, given("held", role="technician"), li)
    assert pointer_of(refused) == "/role"


# -- teams ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["acknowledged", "held"])
def test_the_first_member_of_a_team_to_step_forward_becomes_the_recipient(
    a_thing: Commitment, by: By, state: ReceiptState
) -> None:
    assert receive(a_thing, given(state), by("warehouse:hu")) == COUNTS
    assert a_thing.handoff("warehouse").recipient == "warehouse:hu"


@pytest.mark.parametrize("state", ["delivered", "seen", "declined"])
def test_a_member_s_other_receipts_are_recorded_and_claim_nothing(
    a_thing: Commitment, by: By, told: Told, state: ReceiptState
) -> None:
    assert receive(a_thing, given(state), by("warehouse:hu")) == COUNTS
    warehouse = a_thing.handoff("warehouse")
    assert (warehouse.recipient, warehouse.state, len(told(a_thing))) == ("team:warehouse", state, 1)


def test_when_one_member_declines_another_may_step_forward(a_thing: Commitment, by: By) -> None:
    receive(a_thing, given("declined"), by("warehouse:hu"))
    receive(a_thing, given("held"), by("warehouse:chen"))
    warehouse = a_thing.handoff("warehouse")
    assert (warehouse.recipient, warehouse.received, warehouse.declined_at) == ("warehouse:chen", True, None)


def test_who_comes_second_is_heard_and_does_not_count(a_claimed_thing: Commitment, by: By, told: Told) -> None:
    second = receive(a_claimed_thing, given("held"), by("warehouse:chen"))
    assert second == Received(True, "no_longer_recipient")
    warehouse = a_claimed_thing.handoff("warehouse")
    assert (warehouse.recipient, warehouse.received, told(a_claimed_thing)) == ("warehouse:hu", False, ["HandoffHeld"])


def test_who_claimed_it_goes_on(a_claimed_thing: Commitment, by: By) -> None:
    assert receive(a_claimed_thing, given("held"), by("warehouse:hu")) == COUNTS
    assert a_claimed_thing.handoff("warehouse").received


def test_who_claimed_it_is_still_accountable_after_an_amendment(
    a_handed_on_thing: Commitment, an_order: Order, by: By
) -> None:
    amend(a_handed_on_thing, Amendment(frozenset({"promise"}), promise="A longer one"), an_order, by("agent:ling"))
    warehouse = a_handed_on_thing.handoff("warehouse")
    assert (warehouse.recipient, warehouse.received) == ("warehouse:hu", False)


def test_only_members_of_the_team_are_in_it(a_thing: Commitment, by: By) -> None:
    with pytest.raises(Forbidden):
        receive(a_thing, given("held"), by("finance:zhao"))


# -- a receipt that does not count ------------------------------------------------------------------------------


def test_a_receipt_for_an_older_revision_is_recorded_and_does_not_count(
    an_amended_commitment: Commitment, li: Moment, told: Told
) -> None:
    assert receive(an_amended_commitment, given("held", 1), li) == Received(True, "older_revision")
    handoff = an_amended_commitment.handoff("courier")
    assert (handoff.state, handoff.received, told(an_amended_commitment)) == ("assigned", False, ["HandoffHeld"])


def test_a_late_receipt_for_an_older_revision_says_which_one_he_has(
    an_open_commitment: Commitment, an_order: Order, by: By
) -> None:
    amend(an_open_commitment, Amendment(frozenset({"promise"}), promise="A longer one"), an_order, by("agent:ling"))
    receive(an_open_commitment, given("seen", 1), by("courier:li"))
    assert an_open_commitment.handoff("courier").received_revision is None
    receive(an_open_commitment, given("acknowledged", 1), by("courier:li"))
    handoff = an_open_commitment.handoff("courier")
    assert (handoff.received_revision, handoff.revision, handoff.received) == (1, 2, False)


def test_an_older_receipt_after_the_current_one_takes_nothing_away(an_amended_commitment: Commitment, by: By) -> None:
    receive(an_amended_commitment, given("acknowledged", 2), by("courier:li", hours(1)))
    receive(an_amended_commitment, given("held", 1), by("courier:li", hours(2)))
    handoff = an_amended_commitment.handoff("courier")
    assert (handoff.received, handoff.received_revision) == (True, 2)


def test_a_replaced_recipient_is_heard_and_does_not_count(
    a_reassigned_commitment: Commitment, li: Moment, told: Told
) -> None:
    assert receive(a_reassigned_commitment, given("held"), li) == Received(True, "no_longer_recipient")
    handoff = a_reassigned_commitment.handoff("courier")
    assert (handoff.recipient, handoff.received, told(a_reassigned_commitment)) == (
        "courier:bo",
        False,
        ["HandoffHeld"],
    )


def test_what_a_replaced_recipient_said_before_is_not_recorded_again(
    a_reassigned_commitment: Commitment, li: Moment, told: Told
) -> None:
    """His phone sends its outbox once more."""
    assert receive(a_reassigned_commitment, given("acknowledged"), li) == Received(False, "no_longer_recipient")
    assert told(a_reassigned_commitment) == []


def test_a_replaced_recipient_who_never_heard_of_the_amendment_is_told_so(
    a_reassigned_commitment: Commitment, carry: Carry, by: By
) -> None:
    other = Amendment(frozenset({"promise"}), promise="A longer one")
    amend(a_reassigned_commitment, other, carry("courier:bo"), by("agent:ling", hours(1)))
    assert receive(a_reassigned_commitment, given("held"), by("courier:li", hours(2))) == Received(
        True, "older_revision"
    )
    assert a_reassigned_commitment.handoff("courier").received_revision is None


def test_whose_order_was_released_is_still_heard(an_acknowledged_commitment: Commitment, by: By, li: Moment) -> None:
    route(an_acknowledged_commitment, None, by("system:oms", hours(0.5)))
    assert receive(an_acknowledged_commitment, given("held"), li) == Received(True, "no_longer_recipient")
    assert an_acknowledged_commitment.handoff("courier").recipient is None


@pytest.mark.parametrize("role", [None, "warehouse"])
def test_whose_role_left_the_path_is_still_heard(
    a_claimed_thing: Commitment, an_order: Order, by: By, told: Told, role: str | None
) -> None:
    """The warehouse's phone was offline when the path was amended to the courier alone."""
    amend(a_claimed_thing, Amendment(frozenset({"path"}), path=("courier",)), an_order, by("agent:ling", hours(1)))
    told(a_claimed_thing)
    late = receive(a_claimed_thing, given("held", 1, role), by("warehouse:hu", hours(2)))
    again = receive(a_claimed_thing, given("held", 1, role), by("warehouse:hu", hours(2)))
    current = receive(a_claimed_thing, given("held", 2, role), by("warehouse:hu", hours(2)))
    assert (late, again) == (Received(True, "older_revision"), Received(False, "older_revision"))
    assert current == Received(True, "no_longer_recipient")
    assert told(a_claimed_thing) == ["HandoffHeld", "HandoffHeld"]
    assert [handoff.role for handoff in a_claimed_thing.handoffs] == ["courier"]


@pytest.mark.parametrize("closing", ["kept", "withdrawn"])
def test_a_receipt_on_what_is_closed_is_recorded_and_does_not_count(
    an_open_commitment: Commitment, by: By, li: Moment, told: Told, closing: str
) -> None:
    if closing == "kept":
        fulfil(an_open_commitment, by("supervisor:wang", hours(0.5)), note=None, at=None)
    else:
        withdraw(an_open_commitment, "never mind", "agreed", by("agent:ling", hours(0.5)))
    told(an_open_commitment)
    assert receive(an_open_commitment, given("acknowledged"), li) == Received(True, "commitment_closed")
    assert receive(an_open_commitment, given("acknowledged"), li) == Received(False, "commitment_closed")
    assert told(an_open_commitment) == ["HandoffAcknowledged"]
    assert not an_open_commitment.handoff("courier").received


def test_what_did_not_count_while_it_was_closed_can_be_said_again_when_it_is_open(
    an_open_commitment: Commitment, by: By
) -> None:
    fulfil(an_open_commitment, by("supervisor:wang"), note=None, at=None)
    receive(an_open_commitment, given("acknowledged"), by("courier:li", hours(1)))
    reopen(an_open_commitment, "disputed", None, by("agent:ling", hours(2)))
    assert receive(an_open_commitment, given("acknowledged"), by("courier:li", hours(3))) == COUNTS
    assert an_open_commitment.handoff("courier").received


def test_nobody_claims_a_team_s_promise_that_is_closed(a_thing: Commitment, by: By) -> None:
    withdraw(a_thing, "never mind", "agreed", by("agent:ling"))
    receive(a_thing, given("held"), by("warehouse:hu"))
    assert a_thing.handoff("warehouse").recipient == "team:warehouse"


def test_a_new_recipient_is_not_taken_for_the_old_one(a_reassigned_commitment: Commitment, bo: Moment) -> None:
    assert receive(a_reassigned_commitment, given("acknowledged"), bo) == COUNTS
    handoff = a_reassigned_commitment.handoff("courier")
    assert (handoff.received, handoff.received_revision) == (True, 1)

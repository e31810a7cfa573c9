"""Who is accountable: the commitment's own assignment, else the order's, else the kind's default, else nobody."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from domain.catalogue import parse_catalogue
from domain.commitment import Commitment
from domain.errors import CommitmentClosed, Invalid, NotFound
from domain.flags import Flag, flag_at
from domain.handing_over import Named, assign_own, name_recipient, release_own, route
from domain.keeping import fulfil, pass_time
from domain.moment import Moment
from domain.order import Assignment, Order, assign_order, unassign_order
from domain.promising import Amendment, amend, withdraw
from domain.receiving import ReceiptGiven, receive
from domain.values import Origin, Trip

By = Callable[..., Moment]
Promise = Callable[..., Commitment]
Carry = Callable[..., Order]
Told = Callable[[Commitment | Order], list[str]]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


@pytest.fixture
def oms(by: By) -> Moment:
    """The order system, half an hour after noon."""
    return by("system:oms", hours(0.5))


@pytest.fixture
def wang(by: By) -> Moment:
    """A supervisor, half an hour after noon."""
    return by("supervisor:wang", hours(0.5))


# -- an order's assignments -------------------------------------------------------------------------------------


def test_an_order_of_which_nothing_was_recorded_has_no_assignments() -> None:
    order = Order.unassigned("SO-1001", NOON)
    assert (order.version, order.assignments, order.id) == (0, {}, Order.id_of("SO-1001"))


def test_an_order_is_assigned_role_by_role(by: By, told: Told) -> None:
    order = Order.unassigned("SO-1001", NOON)
    li = Assignment("courier:li", NOON, NOON, NOON, 7, "1 Long Street", "east")
    assign_order(order, "courier", li, by("system:oms"))
    assign_order(order, "technician", Assignment("technician:tan"), by("system:oms"))
    assert order.assignments == {"courier": li, "technician": Assignment("technician:tan")}
    assert (told(order), order.version) == (["OrderAssigned", "OrderAssigned"], 2)


def test_naming_the_same_again_records_nothing(an_order: Order, by: By, told: Told) -> None:
    assign_order(an_order, "courier", an_order.assignments["courier"], by("system:oms", hours(1)))
    assert told(an_order) == []


def test_another_stop_is_another_assignment(an_order: Order, by: By, told: Told) -> None:
    other = Assignment("courier:li", NOON + hours(5), depot="east", stop=8)
    assign_order(an_order, "courier", other, by("system:oms", hours(1)))
    assert (told(an_order), an_order.assignments["courier"]) == (["OrderAssigned"], other)


def test_a_role_is_taken_back_once(an_order: Order, by: By, told: Told) -> None:
    for _ in range(2):
        unassign_order(an_order, "courier", by("system:oms"))
    assert (told(an_order), an_order.assignments) == (["OrderUnassigned"], {})


# -- who is named -----------------------------------------------------------------------------------------------


def test_the_order_names_before_the_kind_and_the_kind_before_nobody(an_order: Order) -> None:
    trip = Trip(NOON + hours(5), None, "east")
    assert name_recipient("courier", "team:courier", an_order) == Named("courier:li", "order", trip)
    assert name_recipient("warehouse", "team:warehouse", an_order) == Named("team:warehouse", "kind")
    assert name_recipient("courier", "team:courier", None) == Named("team:courier", "kind")
    assert name_recipient("technician", None, an_order) is None


def test_the_order_may_name_somebody_in_place_of_the_kind_s_team(
    a_thing: Commitment, an_order: Order, carry: Carry, by: By
) -> None:
    carry("warehouse:chen", an_order, role="warehouse")
    route(a_thing, an_order, by("system:oms"))
    warehouse = a_thing.handoff("warehouse")
    assert (warehouse.recipient, warehouse.source) == ("warehouse:chen", "order")


def test_where_the_order_names_nobody_any_more_the_kind_s_default_counts_again(
    a_thing: Commitment, an_order: Order, carry: Carry, by: By
) -> None:
    carry("warehouse:chen", an_order, role="warehouse")
    route(a_thing, an_order, by("system:oms"))
    unassign_order(an_order, "warehouse", by("system:oms"))
    route(a_thing, an_order, by("system:oms"))
    warehouse = a_thing.handoff("warehouse")
    assert (warehouse.recipient, warehouse.source, warehouse.received) == ("team:warehouse", "kind", False)


# -- routing ----------------------------------------------------------------------------------------------------


def test_an_order_that_is_assigned_gives_its_promises_to_whoever_carries_it(
    promise: Promise, carry: Carry, told: Told, oms: Moment
) -> None:
    commitment = promise(order=Order.unassigned("SO-1001", NOON))
    route(commitment, carry("courier:li", departs=hours(5)), oms)
    handoff = commitment.handoff("courier")
    assert (handoff.recipient, handoff.state, handoff.source) == ("courier:li", "assigned", "order")
    assert (handoff.receipt_due_at, handoff.based_at) == (NOON + hours(4.5), oms.now)
    assert told(commitment) == ["HandoffAssigned"]


def test_routing_twice_records_nothing_the_second_time(
    a_handed_on_thing: Commitment, an_order: Order, told: Told, oms: Moment
) -> None:
    route(a_handed_on_thing, an_order, oms)
    assert told(a_handed_on_thing) == []


def test_a_reassigned_courier_must_acknowledge_anew(a_reassigned_commitment: Commitment) -> None:
    handoff = a_reassigned_commitment.handoff("courier")
    assert (handoff.recipient, handoff.state, handoff.received) == ("courier:bo", "assigned", False)
    assert (handoff.received_revision, handoff.revision) == (None, 1)


def test_who_gets_the_order_back_must_acknowledge_anew(
    a_reassigned_commitment: Commitment, an_order: Order, by: By
) -> None:
    route(a_reassigned_commitment, an_order, by("system:oms", hours(1)))
    assert not a_reassigned_commitment.handoff("courier").received
    again = receive(a_reassigned_commitment, ReceiptGiven(1, "acknowledged"), by("courier:li", hours(1)))
    assert (again.recorded, again.counts) == (True, True)
    assert a_reassigned_commitment.handoff("courier").received


def test_the_receipt_of_another_recipient_is_due_anew(
    an_acknowledged_commitment: Commitment, carry: Carry, by: By
) -> None:
    route(an_acknowledged_commitment, carry("courier:bo"), by("system:oms", hours(3)))
    assert an_acknowledged_commitment.handoff("courier").receipt_due_at == NOON + hours(4)


def test_the_same_recipient_with_other_times_voids_nothing(
    an_acknowledged_commitment: Commitment, carry: Carry, oms: Moment, told: Told
) -> None:
    route(an_acknowledged_commitment, carry("courier:li", departs=hours(8)), oms)
    handoff = an_acknowledged_commitment.handoff("courier")
    assert (handoff.state, handoff.received, handoff.received_revision) == ("acknowledged", True, 1)
    assert handoff.trip.departure == NOON + hours(8)
    assert told(an_acknowledged_commitment) == ["HandoffAssigned"]


def test_other_times_of_the_same_recipient_move_the_receipt_s_due(
    an_open_commitment: Commitment, carry: Carry, by: By
) -> None:
    route(an_open_commitment, carry("courier:li", departs=hours(8)), by("system:oms", hours(2)))
    assert an_open_commitment.handoff("courier").receipt_due_at == NOON + hours(7.5)


def test_the_window_of_the_same_recipient_still_runs_from_when_he_was_named(
    an_open_commitment: Commitment, carry: Carry, by: By
) -> None:
    """Naming him again, now without a departure, gives him no new hour."""
    route(an_open_commitment, carry("courier:li"), by("system:oms", hours(2)))
    assert an_open_commitment.handoff("courier").receipt_due_at == NOON + hours(1)


def test_a_receipt_that_was_missed_can_be_missed_again_at_another_time(
    an_open_commitment: Commitment, carry: Carry, by: By, told: Told
) -> None:
    pass_time(an_open_commitment, by("system:upheld", hours(4.5)))
    route(an_open_commitment, carry("courier:li", departs=hours(8)), by("system:oms", hours(5)))
    assert told(an_open_commitment) == ["ReceiptMissed", "HandoffAssigned"]
    pass_time(an_open_commitment, by("system:upheld", hours(7)))
    assert told(an_open_commitment) == []
    pass_time(an_open_commitment, by("system:upheld", hours(7.5)))
    assert told(an_open_commitment) == ["ReceiptMissed"]


def test_an_order_that_nobody_carries_any_more_releases_its_promises(
    an_acknowledged_commitment: Commitment, an_order: Order, by: By, told: Told
) -> None:
    unassign_order(an_order, "courier", by("system:oms", hours(2)))
    route(an_acknowledged_commitment, an_order, by("system:oms", hours(2)))
    handoff = an_acknowledged_commitment.handoff("courier")
    assert (handoff.recipient, handoff.state, handoff.received) == (None, "unassigned", False)
    assert (handoff.receipt_due_at, handoff.trip) == (NOON + hours(12), Trip())
    assert told(an_acknowledged_commitment) == ["HandoffReleased"]


def test_a_released_promise_is_as_late_as_one_that_nobody_ever_had(
    an_acknowledged_commitment: Commitment, by: By
) -> None:
    route(an_acknowledged_commitment, None, by("system:oms", hours(20)))
    assert an_acknowledged_commitment.handoff("courier").receipt_due_at == NOON + hours(12)
    assert flag_at(an_acknowledged_commitment, NOON + hours(20)) == Flag("unassigned", "courier", NOON + hours(20))


def test_assigning_and_releasing_again_and_again_puts_no_flag_off(
    an_open_commitment: Commitment, carry: Carry, by: By
) -> None:
    for number in range(4):
        route(an_open_commitment, carry("courier:bo"), by("system:oms", hours(number)))
        route(an_open_commitment, None, by("system:oms", hours(number + 0.5)))
    assert an_open_commitment.handoff("courier").receipt_due_at == NOON + hours(12)


def test_a_broken_promise_is_handed_over_too(an_acknowledged_commitment: Commitment, carry: Carry, by: By) -> None:
    pass_time(an_acknowledged_commitment, by("system:upheld", hours(24)))
    route(an_acknowledged_commitment, carry("courier:bo"), by("system:oms", hours(25)))
    handoff = an_acknowledged_commitment.handoff("courier")
    assert (handoff.recipient, handoff.receipt_due_at) == ("courier:bo", NOON + hours(25))


@pytest.mark.parametrize("closing", ["kept", "withdrawn"])
def test_a_closed_promise_stays_with_whom_it_was(
    an_acknowledged_commitment: Commitment, carry: Carry, by: By, told: Told, oms: Moment, closing: str
) -> None:
    if closing == "kept":
        fulfil(an_acknowledged_commitment, by("courier:li", hours(0.2)), note=None, at=None)
    else:
        withdraw(an_acknowledged_commitment, "never mind", "agreed", by("agent:ling", hours(0.2)))
    told(an_acknowledged_commitment)
    route(an_acknowledged_commitment, carry("courier:bo"), oms)
    assert (told(an_acknowledged_commitment), an_acknowledged_commitment.handoffs[0].recipient) == ([], "courier:li")


def test_only_the_roles_of_the_path_are_handed_over(promise: Promise, carry: Carry, oms: Moment, told: Told) -> None:
    commitment = promise()
    route(commitment, carry("technician:tan", role="technician"), oms)
    assert told(commitment) == []


def test_who_made_the_promise_receives_it_when_he_gets_it_back(
    promise: Promise, an_order: Order, carry: Carry, by: By
) -> None:
    commitment = promise(who="courier:li", order=an_order)
    route(commitment, carry("courier:bo"), by("system:oms", hours(1)))
    assert not commitment.handoff("courier").received
    route(commitment, an_order, by("system:oms", hours(2)))
    assert commitment.handoff("courier").received


def test_who_made_the_promise_does_not_receive_what_another_amended_when_he_gets_it_back(
    promise: Promise, an_order: Order, carry: Carry, by: By
) -> None:
    commitment, bo = promise(who="courier:li", order=an_order), carry("courier:bo")
    route(commitment, bo, by("system:oms", hours(1)))
    amend(commitment, Amendment(frozenset({"promise"}), promise="Other words"), bo, by("agent:ling", hours(2)))
    route(commitment, carry("courier:li"), by("system:oms", hours(3)))
    assert not commitment.handoff("courier").received


def test_a_kind_that_asks_for_nothing_is_received_by_whoever_gets_it(
    promise: Promise, an_order: Order, carry: Carry, oms: Moment
) -> None:
    commitment = promise("delivery", order=an_order)
    route(commitment, carry("courier:bo"), oms)
    handoff = commitment.handoff("courier")
    assert (handoff.recipient, handoff.received, handoff.receipt_due_at) == ("courier:bo", True, None)


# -- teams ------------------------------------------------------------------------------------------------------


def test_naming_the_team_again_does_not_take_it_from_the_member_who_has_it(
    a_claimed_thing: Commitment, an_order: Order, carry: Carry, oms: Moment
) -> None:
    carry("team:warehouse", an_order, role="warehouse", departs=hours(3))
    route(a_claimed_thing, an_order, oms)
    warehouse = a_claimed_thing.handoff("warehouse")
    assert (warehouse.recipient, warehouse.state, warehouse.source) == ("warehouse:hu", "acknowledged", "order")


def test_naming_the_member_who_has_it_voids_nothing(
    a_handed_on_thing: Commitment, an_order: Order, carry: Carry, oms: Moment
) -> None:
    carry("warehouse:hu", an_order, role="warehouse")
    route(a_handed_on_thing, an_order, oms)
    assert a_handed_on_thing.handoff("warehouse").received


def test_naming_another_member_starts_anew(
    a_handed_on_thing: Commitment, an_order: Order, carry: Carry, oms: Moment
) -> None:
    carry("warehouse:chen", an_order, role="warehouse")
    route(a_handed_on_thing, an_order, oms)
    warehouse = a_handed_on_thing.handoff("warehouse")
    assert (warehouse.recipient, warehouse.received) == ("warehouse:chen", False)


# -- an assignment of its own -----------------------------------------------------------------------------------


def test_a_promise_may_be_given_to_somebody_else_than_the_order(
    an_acknowledged_commitment: Commitment, an_order: Order, wang: Moment, told: Told
) -> None:
    assign_own(an_acknowledged_commitment, "courier", "courier:bo", an_order, wang)
    handoff = an_acknowledged_commitment.handoff("courier")
    assert (handoff.recipient, handoff.source, handoff.received) == ("courier:bo", "own", False)
    assert (handoff.trip, handoff.receipt_due_at) == (Trip(), NOON + hours(1.5))
    assert told(an_acknowledged_commitment) == ["HandoffAssigned"]


def test_its_own_assignment_overrides_the_order_s_until_it_is_removed(
    an_open_commitment: Commitment, an_order: Order, carry: Carry, by: By, wang: Moment
) -> None:
    assign_own(an_open_commitment, "courier", "courier:bo", an_order, wang)
    route(an_open_commitment, carry("courier:mo"), by("system:oms", hours(1)))
    route(an_open_commitment, None, by("system:oms", hours(1)))
    assert an_open_commitment.handoff("courier").recipient == "courier:bo"
    release_own(an_open_commitment, "courier", an_order, by("supervisor:wang", hours(2)))
    handoff = an_open_commitment.handoff("courier")
    assert (handoff.recipient, handoff.source, handoff.receipt_due_at) == ("courier:li", "order", NOON + hours(4.5))


def test_an_amendment_leaves_its_own_assignment(
    an_open_commitment: Commitment, an_order: Order, by: By, wang: Moment
) -> None:
    assign_own(an_open_commitment, "courier", "courier:bo", an_order, wang)
    other = Amendment(frozenset({"promise"}), promise="Other words")
    amend(an_open_commitment, other, an_order, by("agent:ling", hours(1)))
    handoff = an_open_commitment.handoff("courier")
    assert (handoff.recipient, handoff.source) == ("courier:bo", "own")


def test_naming_the_order_s_own_courier_voids_nothing_and_holds_him_fast(
    an_acknowledged_commitment: Commitment, an_order: Order, carry: Carry, by: By, wang: Moment
) -> None:
    assign_own(an_acknowledged_commitment, "courier", "courier:li", an_order, wang)
    route(an_acknowledged_commitment, carry("courier:bo"), by("system:oms", hours(1)))
    handoff = an_acknowledged_commitment.handoff("courier")
    assert (handoff.recipient, handoff.source, handoff.received) == ("courier:li", "own", True)
    assert handoff.trip.departure == NOON + hours(5)


def test_naming_the_same_for_the_promise_again_records_nothing(
    an_open_commitment: Commitment, an_order: Order, wang: Moment, told: Told
) -> None:
    for _ in range(2):
        assign_own(an_open_commitment, "courier", "courier:bo", an_order, wang)
    assert told(an_open_commitment) == ["HandoffAssigned"]


def test_without_its_own_assignment_and_the_order_s_nobody_has_it(promise: Promise, wang: Moment, told: Told) -> None:
    commitment = promise()
    assign_own(commitment, "courier", "courier:bo", None, wang)
    release_own(commitment, "courier", None, wang)
    assert commitment.handoff("courier").recipient is None
    assert told(commitment) == ["HandoffAssigned", "HandoffReleased"]


def test_without_its_own_assignment_the_kind_s_default_counts_again(
    a_thing: Commitment, an_order: Order, wang: Moment
) -> None:
    assign_own(a_thing, "warehouse", "warehouse:chen", an_order, wang)
    release_own(a_thing, "warehouse", an_order, wang)
    warehouse = a_thing.handoff("warehouse")
    assert (warehouse.recipient, warehouse.source) == ("team:warehouse", "kind")


def test_an_assignment_that_is_not_there_cannot_be_removed(
    an_open_commitment: Commitment, an_order: Order, wang: Moment
) -> None:
    with pytest.raises(NotFound):
        release_own(an_open_commitment, "courier", an_order, wang)


def test_a_role_that_is_not_on_the_path_is_not_assigned(
    an_open_commitment: Commitment, an_order: Order, wang: Moment
) -> None:
    with pytest.raises(Invalid) as assigned:
        assign_own(an_open_commitment, "technician", "technician:tan", an_order, wang)
    with pytest.raises(Invalid) as released:
        release_own(an_open_commitment, "technician", an_order, wang)
    assert [refused.value.rejections[0].pointer for refused in (assigned, released)] == ["/role", "/role"]


def test_a_role_that_left_the_path_is_not_assigned(a_thing: Commitment, an_order: Order, by: By, wang: Moment) -> None:
    amend(a_thing, Amendment(frozenset({"path"}), path=("courier",)), an_order, by("agent:ling"))
    with pytest.raises(Invalid):
        assign_own(a_thing, "warehouse", "warehouse:chen", an_order, wang)


def test_a_closed_promise_is_not_assigned(an_open_commitment: Commitment, an_order: Order, wang: Moment) -> None:
    withdraw(an_open_commitment, "never mind", "agreed", wang)
    with pytest.raises(CommitmentClosed):
        assign_own(an_open_commitment, "courier", "courier:bo", an_order, wang)
    with pytest.raises(CommitmentClosed):
        release_own(an_open_commitment, "courier", an_order, wang)


def test_a_maker_who_is_the_default_recipient_may_hand_it_on(promise: Promise, by: By) -> None:
    commitment = promise("callback")
    assign_own(commitment, "agent", "agent:mei", None, by("agent:ling", hours(1)))
    handoff = commitment.handoff("agent")
    assert (handoff.recipient, handoff.received, handoff.receipt_due_at) == ("agent:mei", False, NOON + hours(1.25))


def test_the_default_of_a_kind_that_is_no_longer_configured_still_counts(
    a_thing: Commitment, an_order: Order, wang: Moment
) -> None:
    other = parse_catalogue('[kinds.free_item]\nrecipients = { warehouse = "warehouse:chen" }')
    later = Moment(NOON + hours(1), Origin("agent:ling"), other)
    amend(a_thing, Amendment(frozenset({"promise"}), promise="Other words"), an_order, later)
    route(a_thing, an_order, later)
    assert a_thing.handoff("warehouse").recipient == "team:warehouse"

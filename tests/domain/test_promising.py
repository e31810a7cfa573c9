"""The promise itself: made, amended, taken back."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.catalogue import Catalogue, parse_catalogue
from domain.commitment import Commitment
from domain.deadlines import DueRule
from domain.durations import Within
from domain.errors import CommitmentClosed, DueRequired, Invalid, PreconditionFailed
from domain.keeping import Attempt, Contact, attempt, contact, fulfil, pass_time, reopen
from domain.moment import Moment
from domain.order import Order
from domain.promising import Amendment, Making, Wanted, amend, check_version, make, withdraw
from domain.receiving import ReceiptGiven, receive
from domain.values import Item, Origin, Value

By = Callable[..., Moment]
Promise = Callable[..., Commitment]
Carry = Callable[..., Order]
Told = Callable[[Commitment | Order], list[str]]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""A Friday."""
ID = UUID("0199a000-0000-7000-8000-000000000001")


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def making(kind: str = "redelivery", due: DueRule | Wanted | None = None, **more: Any) -> Making:
    """A promise that is due in a day, unless something else is wanted."""
    wanted = due if isinstance(due, Wanted) else Wanted(due or DueRule(at=NOON + hours(24)))
    return Making(**{"customer_id": "CU-7", "kind": kind, "promise": "The television comes", "due": wanted, **more})


def made(what: Making, moment: Moment, order: Order | None = None) -> Commitment:
    return make(ID, what, order, [], moment)


def due_in(number: float) -> Amendment:
    """An amendment of the due, which is then so many hours after noon."""
    return Amendment(frozenset({"due"}), due=Wanted(DueRule(at=NOON + hours(number))))


def words(text: str) -> Amendment:
    return Amendment(frozenset({"promise"}), promise=text)


def pointer_of(refused: pytest.ExceptionInfo[Invalid]) -> str:
    return refused.value.rejections[0].pointer


# -- making -----------------------------------------------------------------------------------------------------


def test_a_promise_is_as_it_was_given(by: By) -> None:
    items, value = (Item("HDMI-2M", 1),), Value("39.00", "CNY")
    said = making(channel="phone", direction="inbound", conversation="call-8871", items=items, value=value)
    commitment = made(said, by("agent:ling"))
    assert (commitment.id, commitment.version, commitment.revision, commitment.status) == (ID, 1, 1, "open")
    assert (commitment.customer_id, commitment.order_id, commitment.kind) == ("CU-7", None, "redelivery")
    assert (commitment.promise, commitment.items, commitment.value) == ("The television comes", items, value)
    assert (commitment.channel, commitment.direction, commitment.conversation) == ("phone", "inbound", "call-8871")
    assert (commitment.made_by, commitment.made_at, commitment.due.at) == ("agent:ling", NOON, NOON + hours(24))
    assert (commitment.kept_at, commitment.broken_at, commitment.late, commitment.times_broken) == (
        None,
        None,
        False,
        0,
    )
    assert (commitment.contacts, commitment.postponements, commitment.escalation_level) == (0, 0, 0)


def test_who_made_it_is_the_person_on_whose_behalf_a_system_speaks(by: By) -> None:
    assert made(making(), by("system:oms", on_behalf_of="agent:ling")).made_by == "agent:ling"


@pytest.mark.parametrize("kind", ["delivery", "redelivery", "callback", "answer"])
def test_a_promise_without_a_time_is_not_a_promise(by: By, kind: str) -> None:
    with pytest.raises(DueRequired) as refused:
        made(making(kind, Wanted(None)), by("agent:ling"))
    assert refused.value.code == "due_required"
    assert pointer_of(refused) == "/due"


def test_a_kind_may_name_the_time_that_the_agent_does_not(by: By) -> None:
    commitment = made(making("refund", Wanted(None)), by("agent:ling"))
    assert commitment.due.rule == DueRule(within=Within(3, "working_days"))
    assert commitment.due.at == datetime(2026, 11, 26, tzinfo=UTC)


def test_a_time_counts_from_the_making_and_not_from_its_recording(by: By) -> None:
    said = making(due=DueRule(within=Within(90, "minutes")), made_at=NOON - hours(1))
    commitment = made(said, by("agent:ling"))
    assert (commitment.made_at, commitment.due.at) == (NOON - hours(1), NOON + hours(0.5))


def test_zone_and_calendar_are_those_asked_for_else_the_configured_ones(by: By, catalogue: Catalogue) -> None:
    day = DueRule(date=date(2026, 11, 25))
    usual = made(making(due=day), by("agent:ling")).due
    asked = made(making(due=Wanted(day, None, "Asia/Shanghai", "CN")), by("agent:ling")).due
    assert (usual.time_zone, usual.calendar, usual.at) == ("UTC", "default", datetime(2026, 11, 26, tzinfo=UTC))
    assert (asked.time_zone, asked.calendar, asked.at) == (
        "Asia/Shanghai",
        "CN",
        datetime(2026, 11, 25, 16, tzinfo=UTC),
    )


def test_not_before_is_kept_beside_the_due(by: By) -> None:
    early = NOON + hours(20)
    wanted = Wanted(DueRule(at=NOON + hours(24)), not_before=early)
    assert made(making(due=wanted), by("agent:ling")).due.not_before == early


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        pytest.param(Wanted(DueRule(at=NOON)), "/due/at", id="due when it is made"),
        pytest.param(Wanted(DueRule(at=NOON - hours(1))), "/due/at", id="due before it is made"),
        pytest.param(Wanted(DueRule(date=date(2026, 11, 19))), "/due/date", id="a day that is over"),
        pytest.param(
            Wanted(DueRule(at=NOON + hours(1)), NOON + hours(2)), "/due/not_before", id="begins after the due"
        ),
        pytest.param(Wanted(DueRule(at=NOON + hours(1)), time_zone="Mars/Olympus"), "/time_zone", id="no such zone"),
        pytest.param(Wanted(DueRule(at=NOON + hours(1)), calendar="XX"), "/calendar", id="no such calendar"),
    ],
)
def test_a_time_that_cannot_be_promised_is_refused(by: By, wanted: Wanted, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        made(making(due=wanted), by("agent:ling"))
    assert pointer_of(refused) == pointer


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"kind": "gift"}, "/kind"),
        ({"path": ("courier", "florist")}, "/path/1"),
        ({"path": ("team",)}, "/path/0"),
        ({"path": ("courier", "courier")}, "/path"),
    ],
)
def test_what_is_not_configured_cannot_be_promised(by: By, said: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        made(making(**said), by("agent:ling"))
    assert pointer_of(refused) == pointer


@pytest.mark.parametrize(
    ("who", "back", "allowed"),
    [
        ("agent:ling", 24, True),
        ("agent:ling", 24.01, False),
        ("supervisor:wang", 100, True),
        ("system:oms", 100, True),
        ("agent:ling", -0.01, False),
        ("system:oms", -0.01, False),
    ],
)
def test_only_a_supervisor_or_a_system_records_what_was_made_more_than_a_day_ago(
    by: By, who: str, back: float, allowed: bool
) -> None:
    said = making(made_at=NOON - hours(back))
    if allowed:
        assert made(said, by(who)).made_at == NOON - hours(back)
        return
    with pytest.raises(Invalid) as refused:
        made(said, by(who))
    assert pointer_of(refused) == "/made_at"


def test_a_promise_recorded_when_it_was_due_already_asks_for_its_receipt_at_once(by: By) -> None:
    said = making(due=DueRule(at=NOON - hours(1)), made_at=NOON - hours(2))
    assert made(said, by("agent:ling")).handoff("courier").receipt_due_at == NOON


def test_each_role_of_the_path_has_one_hand_off_in_order(promise: Promise) -> None:
    assert promise("free_item").path == ("warehouse", "courier")
    assert promise("free_item", path=("courier", "technician", "warehouse")).path == (
        "courier",
        "technician",
        "warehouse",
    )


def test_whoever_carries_the_order_is_the_recipient_from_the_first(by: By, an_order: Order, told: Told) -> None:
    commitment = made(making(order_id=an_order.order_id), by("agent:ling"), an_order)
    handoff = commitment.handoff("courier")
    assert (handoff.recipient, handoff.source, handoff.state, handoff.received) == (
        "courier:li",
        "order",
        "assigned",
        False,
    )
    assert handoff.receipt_due_at == NOON + hours(4.5)
    assert told(commitment) == ["CommitmentMade", "HandoffAssigned"]


def test_the_kind_names_whom_the_order_does_not(promise: Promise, an_order: Order) -> None:
    thing = promise("free_item", order=an_order)
    assert [(h.recipient, h.source) for h in thing.handoffs] == [("team:warehouse", "kind"), ("courier:li", "order")]


def test_nobody_may_be_named_yet(promise: Promise) -> None:
    handoff = promise().handoff("courier")
    assert (handoff.recipient, handoff.state, handoff.received) == (None, "unassigned", False)


def test_who_promises_a_call_himself_has_received_it(promise: Promise, told: Told) -> None:
    handoff = promise("callback").handoff("agent")
    assert (handoff.recipient, handoff.received, handoff.received_revision) == ("agent:ling", True, 1)


def test_who_promises_for_himself_as_a_carrier_has_received_it(promise: Promise, an_order: Order) -> None:
    assert promise(who="courier:li", order=an_order).handoff("courier").received


def test_a_kind_that_asks_for_nothing_is_received_from_the_start(promise: Promise, an_order: Order) -> None:
    for commitment in (promise("delivery"), promise("delivery", order=an_order)):
        handoff = commitment.handoff("courier")
        assert (handoff.received, handoff.receipt_due_at) == (True, None)


def test_what_is_imported_closed_asks_for_no_receipt(by: By, an_order: Order, told: Told) -> None:
    commitment = made(making(receipts=False, order_id=an_order.order_id), by("system:import"), an_order)
    assert told(commitment) == ["CommitmentMade"]
    assert commitment.handoff("courier").receipt_due_at is None


def test_a_later_configuration_changes_no_old_promise(by: By, promise: Promise) -> None:
    commitment = promise()
    changed = parse_catalogue(
        '[kinds.redelivery]\nreceipt = "none"\nreceipt_within = "PT5M"\nrecipients = { courier = "courier:bo" }'
    )
    amend(commitment, words("Other words"), None, Moment(NOON + hours(1), Origin("agent:ling"), changed))
    handoff = commitment.handoff("courier")
    assert (handoff.recipient, handoff.received, handoff.receipt_due_at) == (None, False, NOON + hours(12))


# -- warnings ---------------------------------------------------------------------------------------------------


def warnings(commitment: Commitment) -> tuple[str, ...]:
    fact = commitment.pending_events[0]
    found: tuple[str, ...] = fact.warnings  # type: ignore[attr-defined]
    return found


def test_a_good_promise_has_no_warnings(by: By, an_order: Order) -> None:
    assert warnings(made(making(order_id=an_order.order_id), by("agent:ling"), an_order)) == ()


@pytest.mark.parametrize(("due", "fits"), [(1, True), (0.99, False)])
def test_it_warns_where_there_is_no_time_left_for_the_receipt(by: By, carry: Carry, due: float, fits: bool) -> None:
    order = carry("courier:li")
    commitment = made(making(due=DueRule(at=NOON + hours(due)), order_id=order.order_id), by("agent:ling"), order)
    assert warnings(commitment) == (() if fits else ("receipt_window_does_not_fit",))


def test_who_keeps_it_himself_needs_no_time_for_a_receipt(by: By) -> None:
    assert warnings(made(making("callback", due=DueRule(at=NOON + hours(0.1))), by("agent:ling"))) == ()


@pytest.mark.parametrize(
    ("kind", "departs", "warned"),
    [
        ("free_item", -1, True),
        ("free_item", 0, True),
        ("free_item", 1, False),
        ("redelivery", -1, False),
    ],
)
def test_it_warns_where_a_thing_can_no_longer_be_loaded(
    by: By, carry: Carry, kind: str, departs: float, warned: bool
) -> None:
    order = carry("courier:li", departs=hours(departs))
    commitment = made(making(kind, order_id=order.order_id), by("agent:ling"), order)
    assert ("already_departed" in warnings(commitment)) is warned


def test_it_warns_where_nobody_is_named_yet(by: By) -> None:
    assert warnings(made(making(), by("agent:ling"))) == ("no_recipient_yet",)


def test_it_warns_of_a_second_promise_of_the_kind_on_the_order(by: By, an_order: Order, promise: Promise) -> None:
    first = promise(order=an_order)
    second = make(uuid4(), making(order_id=an_order.order_id), an_order, [first], by("agent:ling"))
    other = make(uuid4(), making("free_item", order_id=an_order.order_id), an_order, [first], by("agent:ling"))
    assert warnings(second) == ("duplicate_kind_on_order",)
    assert warnings(other) == ()


def test_a_closed_promise_is_no_duplicate(by: By, an_order: Order, promise: Promise) -> None:
    first = promise(order=an_order)
    withdraw(first, "entered twice", "mistake", by("agent:ling"))
    assert warnings(make(uuid4(), making(order_id=an_order.order_id), an_order, [first], by("agent:ling"))) == ()


def test_it_warns_where_the_holidays_of_the_year_are_not_published_yet(by: By, an_order: Order) -> None:
    far = Wanted(DueRule(within=Within(500, "working_days")), calendar="CN")
    commitment = made(making(order_id=an_order.order_id, due=far), by("agent:ling"), an_order)
    assert warnings(commitment) == ("calendar_incomplete",)


def test_an_amendment_warns_as_a_promise_does(an_open_commitment: Commitment, an_order: Order, by: By) -> None:
    assert amend(an_open_commitment, due_in(6.5), an_order, by("agent:ling", hours(6))) == (
        "receipt_window_does_not_fit",
    )


# -- amending ---------------------------------------------------------------------------------------------------


def test_an_amendment_raises_the_revision_and_voids_the_receipt(
    an_acknowledged_commitment: Commitment, an_order: Order, by: By, told: Told
) -> None:
    amend(an_acknowledged_commitment, words("A larger television"), an_order, by("agent:ling", hours(1)))
    handoff = an_acknowledged_commitment.handoff("courier")
    assert (an_acknowledged_commitment.revision, an_acknowledged_commitment.promise) == (2, "A larger television")
    assert (handoff.revision, handoff.state, handoff.received) == (2, "assigned", False)
    assert handoff.received_revision == 1
    assert told(an_acknowledged_commitment) == ["CommitmentAmended"]


def test_an_amended_promise_that_nobody_has_is_still_unassigned(promise: Promise, by: By) -> None:
    commitment = promise()
    amend(commitment, words("A larger television"), None, by("agent:ling", hours(1)))
    assert commitment.handoff("courier").state == "unassigned"


def test_the_receipt_of_an_amendment_is_due_anew(an_acknowledged_commitment: Commitment, by: By, carry: Carry) -> None:
    order = carry("courier:li", departs=hours(5))
    amend(an_acknowledged_commitment, words("A larger television"), order, by("agent:ling", hours(6)))
    assert an_acknowledged_commitment.handoff("courier").receipt_due_at == NOON + hours(7)


def test_who_amends_a_promise_of_his_own_knows_of_it(promise: Promise, by: By) -> None:
    commitment = promise("callback")
    amend(commitment, words("I call you about the refund"), None, by("agent:ling", hours(1)))
    handoff = commitment.handoff("agent")
    assert (handoff.received, handoff.received_revision) == (True, 2)


def test_who_made_a_promise_does_not_know_what_another_amends(promise: Promise, by: By) -> None:
    commitment = promise("callback")
    amend(commitment, words("He calls you about the refund"), None, by("agent:mei", hours(1)))
    assert not commitment.handoff("agent").received


@pytest.mark.parametrize(
    "amendment",
    [
        Amendment(frozenset()),
        words("The television comes tomorrow"),
        due_in(24),
        Amendment(frozenset({"path"}), path=("courier",)),
        Amendment(frozenset({"items", "value"})),
        Amendment(frozenset(), reason="nothing in particular", customer_agreed=True),
    ],
)
def test_what_changes_nothing_records_nothing(
    an_open_commitment: Commitment, an_order: Order, by: By, told: Told, amendment: Amendment
) -> None:
    assert amend(an_open_commitment, amendment, an_order, by("agent:ling", hours(1))) == ()
    assert told(an_open_commitment) == []


def test_the_same_due_in_other_words_is_the_same_due(an_open_commitment: Commitment, by: By, told: Told) -> None:
    wanted = Wanted(DueRule(within=Within(23, "hours")))
    amend(an_open_commitment, Amendment(frozenset({"due"}), due=wanted), None, by("agent:ling", hours(1)))
    assert told(an_open_commitment) == []


def test_in_an_amendment_a_time_counts_from_the_amendment(an_open_commitment: Commitment, by: By) -> None:
    wanted = Wanted(DueRule(within=Within(30, "minutes")))
    amend(an_open_commitment, Amendment(frozenset({"due"}), due=wanted), None, by("agent:ling", hours(5)))
    assert an_open_commitment.due.at == NOON + hours(5.5)


def test_an_amended_due_keeps_the_zone_and_calendar_of_the_promise(by: By) -> None:
    wanted = Wanted(DueRule(date=date(2026, 11, 25)), None, "Asia/Shanghai", "CN")
    commitment = made(making(due=wanted), by("agent:ling"))
    later = Wanted(DueRule(date=date(2026, 11, 26)))
    amend(commitment, Amendment(frozenset({"due"}), due=later), None, by("agent:ling", hours(1)))
    assert (commitment.due.time_zone, commitment.due.calendar) == ("Asia/Shanghai", "CN")
    assert commitment.due.at == datetime(2026, 11, 26, 16, tzinfo=UTC)


def test_a_promise_cannot_be_moved_into_the_past(an_open_commitment: Commitment, by: By, told: Told) -> None:
    with pytest.raises(Invalid) as refused:
        amend(an_open_commitment, due_in(2), None, by("agent:ling", hours(3)))
    assert pointer_of(refused) == "/due/at"
    assert told(an_open_commitment) == []


def test_a_due_is_not_taken_away_by_an_amendment(promise: Promise, by: By) -> None:
    with pytest.raises(DueRequired):
        amend(promise("refund", due=None), Amendment(frozenset({"due"}), due=Wanted(None)), None, by("agent:ling"))


def test_items_and_value_can_be_changed_and_taken_away(by: By) -> None:
    commitment = made(making(items=(Item("HDMI-2M", 1),), value=Value("39.00", "CNY")), by("agent:ling"))
    more = Amendment(frozenset({"items", "value"}), items=(Item("HDMI-5M", 2),), value=Value("59.00", "CNY"))
    amend(commitment, more, None, by("agent:ling"))
    assert (commitment.items, commitment.value) == ((Item("HDMI-5M", 2),), Value("59.00", "CNY"))
    amend(commitment, Amendment(frozenset({"items", "value"})), None, by("agent:ling"))
    assert (commitment.items, commitment.value, commitment.revision) == ((), None, 3)


@pytest.mark.parametrize("closing", ["kept", "withdrawn"])
def test_what_is_closed_is_not_amended(an_open_commitment: Commitment, by: By, told: Told, closing: str) -> None:
    if closing == "kept":
        fulfil(an_open_commitment, by("courier:li"), note=None, at=None)
    else:
        withdraw(an_open_commitment, "never mind", "agreed", by("agent:ling"))
    told(an_open_commitment)
    with pytest.raises(CommitmentClosed) as refused:
        amend(an_open_commitment, words("Other words"), None, by("agent:ling"))
    assert refused.value.code == "commitment_closed"
    assert told(an_open_commitment) == []


# -- postponing -------------------------------------------------------------------------------------------------


def test_a_later_due_is_a_postponement(an_open_commitment: Commitment, an_order: Order, by: By) -> None:
    amend(an_open_commitment, due_in(30), an_order, by("agent:ling", hours(1)))
    assert (an_open_commitment.postponements, an_open_commitment.due.at) == (1, NOON + hours(30))


def test_an_earlier_due_and_other_words_are_none(an_open_commitment: Commitment, an_order: Order, by: By) -> None:
    amend(an_open_commitment, due_in(20), an_order, by("agent:ling", hours(1)))
    amend(an_open_commitment, words("A larger television"), an_order, by("agent:ling", hours(1)))
    assert (an_open_commitment.postponements, an_open_commitment.revision) == (0, 3)


def test_the_first_amendment_after_a_failed_attempt_is_no_postponement(
    an_open_commitment: Commitment, an_order: Order, by: By
) -> None:
    attempt(an_open_commitment, Attempt("customer_absent"), by("courier:li", hours(1)))
    amend(an_open_commitment, due_in(30), an_order, by("agent:ling", hours(2)))
    assert an_open_commitment.postponements == 0
    amend(an_open_commitment, due_in(40), an_order, by("agent:ling", hours(3)))
    assert an_open_commitment.postponements == 1


def test_another_courier_does_not_use_up_the_excuse_of_an_attempt(
    an_open_commitment: Commitment, carry: Carry, by: By
) -> None:
    attempt(an_open_commitment, Attempt("customer_absent"), by("courier:li", hours(1)))
    amend(an_open_commitment, due_in(30), carry("courier:bo"), by("agent:ling", hours(2)))
    assert an_open_commitment.postponements == 0


def test_a_later_due_reopens_a_broken_promise_and_it_stays_once_broken(
    an_open_commitment: Commitment, an_order: Order, by: By
) -> None:
    pass_time(an_open_commitment, by("system:upheld", hours(24)))
    assert an_open_commitment.status == "broken"
    amend(an_open_commitment, due_in(30), an_order, by("agent:ling", hours(25)))
    assert (an_open_commitment.status, an_open_commitment.broken_at, an_open_commitment.times_broken) == (
        "open",
        None,
        1,
    )
    pass_time(an_open_commitment, by("system:upheld", hours(30)))
    assert (an_open_commitment.status, an_open_commitment.times_broken) == ("broken", 2)


def test_an_amendment_that_is_faster_than_the_clock_comes_too_late_all_the_same(
    an_open_commitment: Commitment, an_order: Order, by: By, told: Told
) -> None:
    amend(an_open_commitment, due_in(30), an_order, by("agent:ling", hours(25)))
    assert told(an_open_commitment) == ["ReceiptMissed", "CommitmentBroken", "CommitmentAmended"]
    assert (an_open_commitment.status, an_open_commitment.times_broken) == ("open", 1)


def test_other_words_do_not_reopen_a_broken_promise(an_open_commitment: Commitment, an_order: Order, by: By) -> None:
    pass_time(an_open_commitment, by("system:upheld", hours(24)))
    amend(an_open_commitment, words("A larger television"), an_order, by("agent:ling", hours(25)))
    assert (an_open_commitment.status, an_open_commitment.broken_at) == ("broken", NOON + hours(24))
    assert an_open_commitment.handoff("courier").receipt_due_at == NOON + hours(25)


def test_the_second_postponement_goes_to_the_supervisor_by_itself(
    an_open_commitment: Commitment, an_order: Order, by: By, told: Told
) -> None:
    amend(an_open_commitment, due_in(30), an_order, by("agent:ling", hours(1)))
    assert (told(an_open_commitment), an_open_commitment.escalation_level) == (["CommitmentAmended"], 0)
    amend(an_open_commitment, due_in(31), an_order, by("agent:ling", hours(1)))
    assert told(an_open_commitment) == ["CommitmentAmended", "CommitmentEscalated"]
    assert an_open_commitment.escalation_level == 2
    amend(an_open_commitment, due_in(32), an_order, by("agent:ling", hours(1)))
    assert (told(an_open_commitment), an_open_commitment.postponements) == (["CommitmentAmended"], 3)


def test_the_due_that_the_customer_agreed_to_is_remembered(
    an_open_commitment: Commitment, an_order: Order, by: By
) -> None:
    amend(an_open_commitment, due_in(30), an_order, by("agent:ling"))
    assert an_open_commitment.agreed_due_at == NOON + hours(24)
    agreed = Amendment(frozenset({"due"}), due=Wanted(DueRule(at=NOON + hours(40))), customer_agreed=True)
    amend(an_open_commitment, agreed, an_order, by("agent:ling"))
    assert (an_open_commitment.agreed_due_at, an_open_commitment.first_due_at) == (NOON + hours(40), NOON + hours(24))


# -- another path -----------------------------------------------------------------------------------------------


def along(*roles: str) -> Amendment:
    return Amendment(frozenset({"path"}), path=roles)


def test_another_path_keeps_the_hand_offs_of_the_roles_that_stay(
    an_acknowledged_commitment: Commitment, an_order: Order, by: By
) -> None:
    amend(an_acknowledged_commitment, along("technician", "courier"), an_order, by("agent:ling", hours(1)))
    technician, courier = an_acknowledged_commitment.handoffs
    assert (technician.role, technician.recipient, technician.receipt_due_at) == ("technician", None, NOON + hours(12))
    assert (courier.recipient, courier.received, courier.received_revision) == ("courier:li", False, 1)


def test_a_role_that_joins_is_named_by_the_order_or_the_kind(
    a_thing: Commitment, carry: Carry, an_order: Order, by: By
) -> None:
    amend(a_thing, along("courier"), an_order, by("agent:ling"))
    carry("technician:tan", an_order, role="technician")
    amend(a_thing, along("warehouse", "technician", "courier"), an_order, by("agent:ling"))
    assert [handoff.recipient for handoff in a_thing.handoffs] == ["team:warehouse", "technician:tan", "courier:li"]
    assert {handoff.revision for handoff in a_thing.handoffs} == {3}


def test_a_role_that_left_and_came_back_starts_anew(a_handed_on_thing: Commitment, an_order: Order, by: By) -> None:
    amend(a_handed_on_thing, along("courier"), an_order, by("agent:ling", hours(1)))
    amend(a_handed_on_thing, along("warehouse", "courier"), an_order, by("agent:ling", hours(2)))
    warehouse = a_handed_on_thing.handoff("warehouse")
    assert (warehouse.recipient, warehouse.received, warehouse.received_revision) == ("team:warehouse", False, None)
    assert warehouse.receipt_due_at == NOON + hours(3)


@pytest.mark.parametrize(("roles", "pointer"), [(("florist",), "/path/0"), (("courier", "courier"), "/path")])
def test_a_path_that_is_not_configured_is_refused(
    an_open_commitment: Commitment, by: By, roles: tuple[str, ...], pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        amend(an_open_commitment, along(*roles), None, by("agent:ling"))
    assert pointer_of(refused) == pointer


# -- taking it back ---------------------------------------------------------------------------------------------


def test_a_promise_can_be_taken_back(an_open_commitment: Commitment, by: By, told: Told) -> None:
    withdraw(an_open_commitment, "the customer changed his mind", "agreed", by("agent:ling", hours(1)))
    assert (an_open_commitment.status, an_open_commitment.is_closed) == ("withdrawn", True)
    assert told(an_open_commitment) == ["CommitmentWithdrawn"]


def test_taking_it_back_twice_records_nothing_the_second_time(
    an_open_commitment: Commitment, by: By, told: Told
) -> None:
    for _ in range(2):
        withdraw(an_open_commitment, "never mind", "agreed", by("agent:ling"))
    assert told(an_open_commitment) == ["CommitmentWithdrawn"]


def test_what_was_withdrawn_for_one_cause_is_not_for_another(an_open_commitment: Commitment, by: By) -> None:
    withdraw(an_open_commitment, "never mind", "agreed", by("agent:ling"))
    with pytest.raises(CommitmentClosed):
        withdraw(an_open_commitment, "it was never meant", "mistake", by("agent:ling"))


def test_what_was_kept_cannot_be_taken_back(an_open_commitment: Commitment, by: By) -> None:
    fulfil(an_open_commitment, by("courier:li"), note=None, at=None)
    with pytest.raises(CommitmentClosed):
        withdraw(an_open_commitment, "never mind", "agreed", by("agent:ling"))


def test_a_broken_promise_can_be_taken_back_and_was_broken(
    an_acknowledged_commitment: Commitment, by: By, told: Told
) -> None:
    withdraw(an_acknowledged_commitment, "too late", "not_agreed", by("agent:ling", hours(25)))
    assert told(an_acknowledged_commitment) == ["CommitmentBroken", "CommitmentWithdrawn"]
    assert (an_acknowledged_commitment.status, an_acknowledged_commitment.times_broken) == ("withdrawn", 1)


@pytest.mark.parametrize(
    ("at", "facts"), [(24, ["CommitmentWithdrawn"]), (24.1, ["CommitmentBroken", "CommitmentWithdrawn"])]
)
def test_what_an_import_knows_to_be_withdrawn_by_its_due_was_not_broken(
    an_acknowledged_commitment: Commitment, by: By, told: Told, at: float, facts: list[str]
) -> None:
    moment = by("system:import", hours(100))
    withdraw(an_acknowledged_commitment, "canceled", "agreed", moment, at=NOON + hours(at))
    assert told(an_acknowledged_commitment) == facts
    assert an_acknowledged_commitment.closed_as == NOON + hours(at)


# -- If-Match ---------------------------------------------------------------------------------------------------


def test_who_names_no_version_is_not_held_to_one(an_amended_commitment: Commitment) -> None:
    check_version(an_amended_commitment, None)


def test_a_receipt_a_contact_or_an_attempt_in_between_does_not_matter(an_open_commitment: Commitment, by: By) -> None:
    seen = an_open_commitment.version
    receive(an_open_commitment, ReceiptGiven(1, "acknowledged"), by("courier:li"))
    contact(an_open_commitment, Contact("phone"), by("agent:ling"))
    attempt(an_open_commitment, Attempt("other"), by("courier:li"))
    assert an_open_commitment.version == seen + 3
    check_version(an_open_commitment, frozenset({seen}))


@pytest.mark.parametrize("what", ["amended", "withdrawn", "kept", "broken", "reopened"])
def test_a_change_of_the_promise_or_its_status_in_between_matters(
    an_open_commitment: Commitment, an_order: Order, by: By, what: str
) -> None:
    if what == "reopened":
        fulfil(an_open_commitment, by("courier:li"), note=None, at=None)
    seen = an_open_commitment.version
    happened: dict[str, Callable[[], object]] = {
        "amended": lambda: amend(an_open_commitment, words("Other words"), an_order, by("agent:ling")),
        "withdrawn": lambda: withdraw(an_open_commitment, "never mind", "agreed", by("agent:ling")),
        "kept": lambda: fulfil(an_open_commitment, by("courier:li"), note=None, at=None),
        "broken": lambda: pass_time(an_open_commitment, by("system:upheld", hours(25))),
        "reopened": lambda: reopen(an_open_commitment, "disputed", None, by("agent:ling")),
    }
    happened[what]()
    with pytest.raises(PreconditionFailed):
        check_version(an_open_commitment, frozenset({seen}))
    check_version(an_open_commitment, frozenset({an_open_commitment.version}))


def test_a_version_that_does_not_exist_yet_does_not_match(an_open_commitment: Commitment) -> None:
    with pytest.raises(PreconditionFailed):
        check_version(an_open_commitment, frozenset({an_open_commitment.version + 1}))


def test_one_of_several_versions_is_enough_and_none_matches_none(an_open_commitment: Commitment) -> None:
    check_version(an_open_commitment, frozenset({99, an_open_commitment.version}))
    with pytest.raises(PreconditionFailed):
        check_version(an_open_commitment, frozenset())


# -- the same command again -------------------------------------------------------------------------------------


def test_the_answer_to_a_key_is_the_state_that_its_command_led_to(
    an_open_commitment: Commitment, an_order: Order, by: By
) -> None:
    amend(an_open_commitment, due_in(30), an_order, by("agent:ling"))
    first = by("agent:ling", key="k-1")
    amend(an_open_commitment, due_in(31), an_order, first)
    assert an_open_commitment.escalation_level == 2
    answered = an_open_commitment.answer_to(first.origin)
    assert answered is not None
    assert (answered.version, answered.body_hash) == (an_open_commitment.version, "a-hash")
    contact(an_open_commitment, Contact("phone"), by("agent:ling"))
    assert an_open_commitment.answer_to(first.origin) == answered
    assert an_open_commitment.answer_to(by("agent:mei", key="k-1").origin) is None
    assert an_open_commitment.answer_to(by("agent:ling", key="k-2").origin) is None


def test_the_answer_to_a_key_keeps_its_warnings_whatever_the_clock_said_first(
    an_acknowledged_commitment: Commitment, an_order: Order, by: By
) -> None:
    late = by("agent:ling", hours(25), key="k-1")
    warned = amend(an_acknowledged_commitment, due_in(25.5), an_order, late)
    answered = an_acknowledged_commitment.answer_to(late.origin)
    assert warned == ("receipt_window_does_not_fit",)
    assert answered is not None
    assert (answered.version, answered.warnings) == (an_acknowledged_commitment.version, warned)

"""Situations: what was promised and what happened to it before a test begins. It is always Friday noon, in UTC."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.catalogue import Catalogue, parse_catalogue
from domain.commitment import Commitment
from domain.deadlines import DueRule
from domain.handing_over import route
from domain.moment import Moment
from domain.order import Assignment, Order, assign_order
from domain.promising import Amendment, Making, Wanted, amend, make
from domain.receiving import ReceiptGiven, receive
from domain.values import Origin, ReceiptState

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID = UUID("0199a000-0000-7000-8000-000000000001")
ORDER = "SO-1001"
A_DAY = timedelta(days=1)
AN_HOUR = timedelta(hours=1)
AT_ONCE = timedelta()

By = Callable[..., Moment]
Promise = Callable[..., Commitment]
Carry = Callable[..., Order]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return parse_catalogue("")


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
def by(catalogue: Catalogue) -> By:
    """Who decides, and how long after noon."""

    def moment(
        who: str, after: timedelta = AT_ONCE, *, on_behalf_of: str | None = None, key: str | None = None
    ) -> Moment:
        origin = Origin(who, on_behalf_of, command="a-command", key=key, body_hash="a-hash" if key else None)
        return Moment(NOON + after, origin, catalogue)

    return moment


@pytest.fixture
def told() -> Callable[[Commitment | Order], list[str]]:
    """The names of the facts that were recorded since it was last asked."""

    def names(aggregate: Commitment | Order) -> list[str]:
        return [type(fact).__name__ for fact in aggregate.collect_events()]

    return names


@pytest.fixture
def promise(by: By) -> Promise:
    """A promise of Ling's, made at noon and due in a day unless said otherwise; nobody tells what was recorded."""

    def promised(
        kind: str = "redelivery",
        *,
        who: str = "agent:ling",
        due: timedelta | None = A_DAY,
        order: Order | None = None,
        path: tuple[str, ...] | None = None,
        after: timedelta = AT_ONCE,
    ) -> Commitment:
        rule = None if due is None else DueRule(at=NOON + due)
        making = Making(
            customer_id="CU-7",
            kind=kind,
            promise="The television comes tomorrow",
            order_id=None if order is None else order.order_id,
            due=Wanted(rule),
            path=path,
        )
        commitment = make(ID, making, order, [], by(who, after))
        commitment.collect_events()
        return commitment

    return promised


@pytest.fixture
def carry(by: By) -> Carry:
    """An order, or the one given, whose role is now carried by the recipient, leaving so long after noon."""

    def carried(
        recipient: str,
        order: Order | None = None,
        *,
        role: str = "courier",
        departs: timedelta | None = None,
        starts: timedelta | None = None,
        after: timedelta = AT_ONCE,
    ) -> Order:
        order = order or Order.unassigned(ORDER, NOON)
        departs_at = None if departs is None else NOON + departs
        planned_start = None if starts is None else NOON + starts
        assignment = Assignment(recipient, departs_at, planned_start, depot="east")
        assign_order(order, role, assignment, by("system:oms", after))
        order.collect_events()
        return order

    return carried


@pytest.fixture
def an_order(carry: Carry) -> Order:
    """Li carries the order and leaves in five hours."""
    return carry("courier:li", departs=timedelta(hours=5))


@pytest.fixture
def an_open_commitment(promise: Promise, an_order: Order) -> Commitment:
    """A redelivery due in a day, carried by Li, who has not said anything yet."""
    return promise(order=an_order)


@pytest.fixture
def an_acknowledged_commitment(an_open_commitment: Commitment, by: By) -> Commitment:
    """Li knows of it."""
    return _reported(an_open_commitment, "acknowledged", by("courier:li", timedelta(minutes=10)))


@pytest.fixture
def a_reassigned_commitment(an_acknowledged_commitment: Commitment, carry: Carry, by: By) -> Commitment:
    """Li acknowledged; half an hour after noon the order went to Bo."""
    after = timedelta(minutes=30)
    order = carry("courier:bo", departs=timedelta(hours=5), after=after)
    route(an_acknowledged_commitment, order, by("system:oms", after))
    an_acknowledged_commitment.collect_events()
    return an_acknowledged_commitment


@pytest.fixture
def an_amended_commitment(an_acknowledged_commitment: Commitment, an_order: Order, by: By) -> Commitment:
    """Li acknowledged; an hour after noon other words were promised: revision 2."""
    amendment = Amendment(frozenset({"promise"}), promise="The larger television comes tomorrow")
    amend(an_acknowledged_commitment, amendment, an_order, by("agent:ling", AN_HOUR))
    an_acknowledged_commitment.collect_events()
    return an_acknowledged_commitment


@pytest.fixture
def a_thing(promise: Promise, an_order: Order) -> Commitment:
    """A free item due in a day: the warehouse's team must hold it, and then Li."""
    return promise("free_item", order=an_order)


@pytest.fixture
def a_claimed_thing(a_thing: Commitment, by: By) -> Commitment:
    """Hu of the warehouse said: I know."""
    return _reported(a_thing, "acknowledged", by("warehouse:hu", timedelta(minutes=10)))


@pytest.fixture
def a_handed_on_thing(a_claimed_thing: Commitment, by: By) -> Commitment:
    """Hu holds the thing; Li does not yet."""
    return _reported(a_claimed_thing, "held", by("warehouse:hu", timedelta(minutes=20)))


def _reported(commitment: Commitment, state: ReceiptState, moment: Moment) -> Commitment:
    receive(commitment, ReceiptGiven(commitment.revision, state), moment)
    commitment.collect_events()
    return commitment

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from pydantic import TypeAdapter

from domain.commitment import Commitment
from domain.deadlines import DueRule
from domain.handing_over import assign_own
from domain.keeping import Contact, contact, fulfil, pass_time, reopen
from domain.moment import Moment
from domain.order import Assignment
from domain.promising import Amendment, Wanted, amend, withdraw
from domain.receiving import ReceiptGiven, receive
from domain.values import ReceiptState, Value, WithdrawalCause
from projections.scorecard import SCORECARD, BrokenBy, GroupBy, Scorecard, ScorecardGroup, Seconds
from store.database import Database
from store.keyring import Keyring
from tests.conftest import Given

pytestmark = pytest.mark.anyio

Decision = Callable[[Commitment, Moment], object]
Figures = Callable[..., Awaitable[list[ScorecardGroup]]]

FOUR_HOURS = timedelta(hours=4)


@pytest.fixture
def figures(database: Database, keyring: Keyring, given: Given, project: Callable[..., Awaitable[None]]) -> Figures:
    """The scorecard at the time that the clock shows."""

    async def read(
        group_by: GroupBy | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        time_zone: str = "UTC",
    ) -> list[ScorecardGroup]:
        await project(SCORECARD)
        return await Scorecard(database, keyring).groups(from_, to, group_by, time_zone, given.now)

    return read


def kept(at: datetime | None = None) -> Decision:
    return lambda commitment, moment: fulfil(commitment, moment, note=None, at=at)


def moved(by: timedelta, *, agreed: bool | None = None) -> Decision:
    def decide(commitment: Commitment, moment: Moment) -> object:
        due = Wanted(DueRule(at=commitment.due.at + by))
        return amend(commitment, Amendment(frozenset({"due"}), due=due, customer_agreed=agreed), None, moment)

    return decide


def withdrawn(cause: WithdrawalCause) -> Decision:
    return lambda commitment, moment: withdraw(commitment, "no need", cause, moment)


def received(state: ReceiptState = "acknowledged", role: str | None = None) -> Decision:
    receipt = ReceiptGiven(1, state, role, reason="none in the van" if state == "declined" else None)
    return lambda commitment, moment: receive(commitment, receipt, moment)


def assigned(role: str, recipient: str) -> Decision:
    return lambda commitment, moment: assign_own(commitment, role, recipient, None, moment)


def outcomes(figures: ScorecardGroup) -> dict[str, int]:
    counted = {
        name: getattr(figures, name) for name in ("kept", "kept_moved", "kept_late", "broken", "withdrawn", "open")
    }
    assert figures.made == sum(counted.values())
    return {name: number for name, number in counted.items() if number}


@pytest.mark.parametrize(
    ("decisions", "hours", "outcome"),
    [
        ([kept()], 4, "kept"),
        ([kept()], 4.1, "kept_late"),
        ([], 3.9, "open"),
        ([pass_time], 4, "broken"),
        ([withdrawn("agreed")], 1, "withdrawn"),
        ([withdrawn("agreed")], 5, "withdrawn"),
        ([withdrawn("not_agreed")], 1, "broken"),
        ([withdrawn("not_agreed"), lambda c, m: reopen(c, "mistaken", None, m)], 1, "open"),
        ([kept(), lambda c, m: reopen(c, "disputed", None, m)], 4.1, "broken"),
    ],
)
async def test_a_promise_counts_once_as(
    decisions: list[Decision], hours: float, outcome: str, figures: Figures, given: Given
) -> None:
    refund = await given.promise("refund", due=FOUR_HOURS)
    given.later(hours=hours)
    for decision in decisions:
        await given.that(refund, decision)
    (everything,) = await figures()
    assert outcomes(everything) == {outcome: 1}


@pytest.mark.parametrize(
    ("move", "hours", "outcome"),
    [
        (moved(FOUR_HOURS), 3, "kept"),
        (moved(FOUR_HOURS), 6, "kept_moved"),
        (moved(FOUR_HOURS, agreed=False), 6, "kept_moved"),
        (moved(FOUR_HOURS, agreed=True), 6, "kept"),
        (moved(FOUR_HOURS, agreed=True), 9, "kept_late"),
        (moved(FOUR_HOURS), 9, "kept_late"),
        (moved(-timedelta(hours=2)), 3, "kept"),
    ],
)
async def test_a_promise_that_moved_is_held_against_the_word_that_the_customer_agreed_to(
    move: Decision, hours: float, outcome: str, figures: Figures, given: Given
) -> None:
    refund = await given.promise("refund", due=FOUR_HOURS)
    await given.that(refund, move)
    given.later(hours=hours)
    await given.that(refund, kept())
    (everything,) = await figures()
    assert outcomes(everything) == {outcome: 1}


async def test_a_promise_kept_in_time_and_reported_late_is_kept(figures: Figures, given: Given) -> None:
    refund = await given.promise("refund", due=FOUR_HOURS)
    in_time = given.now + timedelta(hours=3)
    given.later(hours=6)
    await given.that(refund, pass_time)
    await given.that(refund, kept(at=in_time))
    (everything,) = await figures()
    assert outcomes(everything) == {"kept": 1}


async def test_a_promise_whose_due_is_past_counts_as_broken_before_the_clock_has_said_so(
    figures: Figures, given: Given
) -> None:
    await given.promise("refund", due=FOUR_HOURS)
    given.later(hours=4)
    (everything,) = await figures()
    assert outcomes(everything) == {"broken": 1}
    assert everything.broken_by == BrokenBy(never_received=1, declined=0, received_not_done=0)


async def test_what_was_promised_by_mistake_counts_nowhere(figures: Figures, given: Given) -> None:
    mistake = await given.promise("refund", due=FOUR_HOURS, value=Value("39.00", "CNY"))
    await given.that(mistake, received(), by="finance:zhao")
    await given.that(mistake, withdrawn("mistake"))
    (everything,) = await figures()
    assert (everything.made, everything.value, everything.receipt_seconds.p50) == (0, {}, None)
    assert await figures("kind") == []


async def test_the_kept_rate_is_of_those_that_had_to_be_kept_by_now(figures: Figures, given: Given) -> None:
    refunds = [await given.promise("refund", due=FOUR_HOURS) for _ in range(5)]
    await given.that(refunds[0], kept())
    await given.that(refunds[1], withdrawn("agreed"))
    await given.that(refunds[2], withdrawn("not_agreed"))
    (before,) = await figures()
    given.later(hours=5)
    await given.that(refunds[3], kept())
    (after,) = await figures()
    assert (before.kept_rate, after.kept_rate) == (1 / 2, 1 / 4)


async def test_where_nothing_was_promised_there_is_one_group_of_nothing(figures: Figures) -> None:
    (nothing,) = await figures()
    assert TypeAdapter(ScorecardGroup).dump_python(nothing) == {
        "group": "all",
        **dict.fromkeys(("made", "kept", "kept_moved", "kept_late", "broken", "withdrawn", "open"), 0),
        **dict.fromkeys(("contacts", "postponements", "reopened"), 0),
        "kept_rate": None,
        "received_in_time_rate": None,
        "receipt_seconds": {"p50": None, "p95": None},
        "keeping_seconds": {"p50": None, "p95": None},
        "broken_by": {"never_received": 0, "declined": 0, "received_not_done": 0},
        "value": {},
    }
    assert await figures("kind") == []


# -- receipts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "decisions", "then", "rate"),
    [
        (14, [received()], 0, None),
        (14, [received()], 1, 1.0),
        (16, [received()], 0, 0.0),
        (14, [], 0, None),
        (15, [], 0, 0.0),
        (14, [kept()], 60, None),
        (14, [received(), kept()], 0, 1.0),
        (16, [kept()], 0, 0.0),
        (14, [withdrawn("agreed")], 60, None),
    ],
    ids=[
        "received and not yet due",
        "received in time",
        "received late",
        "not received and not yet due",
        "not received when due",
        "kept before a receipt was due",
        "received and kept before it was due",
        "kept without a receipt after it was due",
        "withdrawn before a receipt was due",
    ],
)
async def test_of_the_receipts_that_fell_due_those_in_time(
    minutes: float, decisions: list[Decision], then: float, rate: float | None, figures: Figures, given: Given
) -> None:
    callback = await given.promise("callback", due=FOUR_HOURS)
    await given.that(callback, assigned("agent", "agent:mei"))
    given.later(minutes=minutes)
    for decision in decisions:
        await given.that(callback, decision, by="agent:mei")
    given.later(minutes=then)
    (everything,) = await figures()
    assert everything.received_in_time_rate == rate


async def test_a_kind_that_asks_for_no_receipt_has_none_in_the_figures(figures: Figures, given: Given) -> None:
    await given.assignment("SO-1", "courier", Assignment("courier:li"))
    delivery = await given.promise("delivery", due=FOUR_HOURS, order_id="SO-1")
    await given.that(delivery, received(), by="courier:li")
    given.later(hours=5)
    await given.that(delivery, pass_time)
    (everything,) = await figures()
    assert (everything.received_in_time_rate, everything.receipt_seconds) == (None, Seconds(None, None))
    assert everything.broken_by.received_not_done == 1


async def test_receipts_take_from_when_they_were_asked_for(figures: Figures, given: Given) -> None:
    refunds = [await given.promise("refund", due=FOUR_HOURS) for _ in range(3)]
    for refund in refunds[:2]:
        given.later(seconds=10)
        await given.that(refund, received(), by="finance:zhao")
    (everything,) = await figures()
    assert everything.receipt_seconds == Seconds(p50=15.0, p95=19.5)


async def test_keeping_takes_from_the_making_on(figures: Figures, given: Given) -> None:
    refunds = [await given.promise("refund", due=FOUR_HOURS) for _ in range(3)]
    for refund in refunds[:2]:
        given.later(hours=1)
        await given.that(refund, kept())
    (everything,) = await figures()
    assert everything.keeping_seconds == Seconds(p50=5400.0, p95=7020.0)


@pytest.mark.parametrize(
    ("decisions", "broken_by"),
    [
        ([], BrokenBy(never_received=1, declined=0, received_not_done=0)),
        ([received("held", "warehouse")], BrokenBy(never_received=1, declined=0, received_not_done=0)),
        (
            [received("held", "warehouse"), received("held", "courier")],
            BrokenBy(never_received=0, declined=0, received_not_done=1),
        ),
        ([received("declined", "courier")], BrokenBy(never_received=0, declined=1, received_not_done=0)),
        (
            [received("declined", "courier"), received("held", "courier"), received("held", "warehouse")],
            BrokenBy(never_received=0, declined=0, received_not_done=1),
        ),
    ],
)
async def test_a_broken_promise_is_broken_by(
    decisions: list[Decision], broken_by: BrokenBy, figures: Figures, given: Given
) -> None:
    cable = await given.promise("free_item", due=FOUR_HOURS)
    await given.that(cable, assigned("courier", "courier:li"))
    for decision in decisions:
        await given.that(cable, decision, by="supervisor:wang")
    (before,) = await figures()
    given.later(hours=4)
    await given.that(cable, pass_time)
    (after,) = await figures()
    assert (before.broken_by, after.broken_by) == (BrokenBy(0, 0, 0), broken_by)


# -- what it cost -----------------------------------------------------------------------------------------------


async def test_contacts_postponements_and_reopenings_are_summed(figures: Figures, given: Given) -> None:
    refunds = [await given.promise("refund", due=FOUR_HOURS) for _ in range(2)]
    for refund in refunds:
        await given.that(refund, lambda commitment, moment: contact(commitment, Contact("phone"), moment))
        await given.that(refund, moved(FOUR_HOURS))
        await given.that(refund, kept())
    await given.that(refunds[0], lambda commitment, moment: reopen(commitment, "disputed", None, moment))
    (everything,) = await figures()
    assert (everything.contacts, everything.postponements, everything.reopened) == (2, 2, 1)


async def test_what_promises_are_worth_is_exact_and_by_currency(figures: Figures, given: Given) -> None:
    for amount, currency in [("0.10", "CNY"), ("0.20", "CNY"), ("39.00", "CNY"), ("12345678901234567.0001", "BGN")]:
        await given.promise("refund", due=FOUR_HOURS, value=Value(amount, currency))
    await given.promise("callback", due=FOUR_HOURS)
    (everything,) = await figures()
    assert everything.value == {"CNY": "39.30", "BGN": "12345678901234567.0001"}
    assert [(row.group, row.value) for row in await figures("kind")] == [("callback", {}), ("refund", everything.value)]


# -- groups -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def two_cables(given: Given) -> list[UUID]:
    """One goes out with Li, from the depot north; the other has no courier yet. Hu holds both in the warehouse."""
    await given.assignment("SO-1", "courier", Assignment("courier:li", depot="north"))
    cables = [
        await given.promise("free_item", due=timedelta(days=2), order_id=order, by=maker)
        for order, maker in [("SO-1", "agent:ling"), ("SO-2", "agent:mei")]
    ]
    given.later(minutes=10)
    for cable in cables:
        await given.that(cable, received("held", "warehouse"), by="warehouse:hu")
    given.later(days=1, hours=23)
    return cables


@pytest.mark.parametrize(
    ("group_by", "groups"),
    [
        (None, {"all": 2}),
        ("kind", {"free_item": 2}),
        ("made_by", {"agent:ling": 1, "agent:mei": 1}),
        ("role", {"courier": 2, "warehouse": 2}),
        ("recipient", {"courier:li": 1, "warehouse:hu": 2}),
        ("depot", {"north": 1, None: 1}),
        ("day", {"2026-11-20": 2}),
    ],
)
async def test_promises_are_grouped_by(
    group_by: GroupBy | None,
    groups: dict[str | None, int],
    two_cables: list[UUID],
    figures: Figures,
) -> None:
    assert {row.group: row.made for row in await figures(group_by)} == groups


async def test_of_a_role_or_a_recipient_only_its_own_receipts_count(two_cables: list[UUID], figures: Figures) -> None:
    rates = {row.group: row.received_in_time_rate for row in await figures("role") + await figures("recipient")}
    assert rates == {"courier": 0.0, "warehouse": 1.0, "courier:li": 0.0, "warehouse:hu": 1.0}
    seconds = {row.group: row.receipt_seconds.p50 for row in await figures("role")}
    assert seconds == {"courier": None, "warehouse": 600.0}


async def test_of_any_other_group_all_receipts_count(two_cables: list[UUID], figures: Figures) -> None:
    for group_by in ("kind", "made_by", "depot", "day"):
        assert {row.received_in_time_rate for row in await figures(group_by)} == {0.5}


async def test_a_promise_that_nobody_has_is_in_a_group_of_its_own_with_its_receipt(
    figures: Figures, given: Given
) -> None:
    await given.promise("repair", due=FOUR_HOURS)
    given.later(hours=5)
    (nobody,) = await figures("recipient")
    assert (nobody.group, nobody.made, nobody.received_in_time_rate) == (None, 1, 0.0)


async def test_a_role_taken_off_the_path_is_no_group_any_more(
    two_cables: list[UUID], figures: Figures, given: Given
) -> None:
    await figures("role")
    shorter = Amendment(frozenset({"path"}), path=("warehouse",))
    for cable in two_cables:
        await given.that(cable, lambda commitment, moment: amend(commitment, shorter, None, moment))
    assert [row.group for row in await figures("role")] == ["warehouse"]


async def test_a_day_is_one_of_the_time_zone(figures: Figures, given: Given) -> None:
    given.later(hours=15)
    await given.promise("refund", due=FOUR_HOURS)
    assert [row.group for row in await figures("day", time_zone="Asia/Shanghai")] == ["2026-11-21"]
    assert [row.group for row in await figures("day", time_zone="Europe/Sofia")] == ["2026-11-20"]


async def test_promises_are_counted_from_an_instant_on_and_until_before_another(figures: Figures, given: Given) -> None:
    made_at = given.now
    await given.promise("refund", due=FOUR_HOURS)
    second = timedelta(seconds=1)
    spans = [(made_at, made_at + second), (made_at - second, made_at), (made_at + second, None), (None, None)]
    counted = [(await figures(from_=from_, to=to))[0].made for from_, to in spans]
    assert counted == [1, 0, 0, 1]

"""Who is at work when, and in which team: the receipt clock runs only while the recipient is at work."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from domain.calendars import Span, overlap, pass_within
from domain.catalogue import parse_catalogue
from domain.commitment import Commitment
from domain.deadlines import DueRule
from domain.errors import CalendarHasNoWorkingTime, Forbidden, Invalid
from domain.handing_over import assign_own
from domain.moment import Moment
from domain.order import Assignment, Order, assign_order
from domain.people import Duty, Post, Roster
from domain.promising import Amendment, Making, Wanted, amend, make
from domain.receiving import ReceiptGiven, Received, receive
from domain.values import Origin

By = Callable[..., Moment]

FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
SHANGHAI = "Asia/Shanghai"


def at(text: str) -> datetime:
    """A time of November 2026 in UTC: `23T08:30`."""
    return datetime.fromisoformat(f"2026-11-{text}+00:00")


def spans(*pairs: str) -> list[Span]:
    return [(at(begin), at(end)) for begin, end in (pair.split("/") for pair in pairs)]


# -- duty -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "moment", "on", "next_on"),
    [
        ("Mo-Fr 08:00-17:00", "20T12:00", True, "20T12:00"),
        ("Mo-Fr 08:00-17:00", "20T17:00", False, "23T08:00"),
        ("Mo-Fr 08:00-17:00", "21T12:00", False, "23T08:00"),
        ("Mo-Su 22:00-06:00", "20T23:00", True, "20T23:00"),
        ("Mo-Su 22:00-06:00", "21T05:59", True, "21T05:59"),
        ("Mo-Su 22:00-06:00", "21T06:00", False, "21T22:00"),
        ("24/7", "21T06:00", True, "21T06:00"),
    ],
)
def test_who_is_at_work(hours: str, moment: str, on: bool, next_on: str) -> None:
    duty = Duty(hours, "UTC")
    assert (duty.is_on(at(moment)), duty.next_on(at(moment))) == (on, at(next_on))


def test_the_hours_are_those_of_the_persons_own_zone() -> None:
    assert Duty("Mo-Fr 08:00-17:00", SHANGHAI).next_on(FRIDAY) == at("23T00:00")


def test_hours_follow_the_clock_through_its_changes() -> None:
    duty = Duty("Mo-Su 08:00-17:00", "Europe/Sofia")
    assert duty.next_on(datetime(2026, 10, 24, 16, tzinfo=UTC)) == datetime(2026, 10, 25, 6, tzinfo=UTC)
    assert duty.next_on(datetime(2026, 3, 28, 16, tzinfo=UTC)) == datetime(2026, 3, 29, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "zone", "error"),
    [
        ("whenever", "UTC", Invalid),
        ("Mo-Fr 25:99", "UTC", Invalid),
        ("sunrise-sunset", "UTC", Invalid),
        ("Mo-Fr 08:00-17:00", "Nowhere/Land", Invalid),
        ("off", "UTC", CalendarHasNoWorkingTime),
        ("2026 Mo-Fr 08:00-17:00", "UTC", CalendarHasNoWorkingTime),
    ],
)
def test_hours_that_cannot_be_are_refused(hours: str, zone: str, error: type[Invalid]) -> None:
    with pytest.raises(error):
        Duty(hours, zone).check()


def test_hours_that_have_ended_say_nothing() -> None:
    ended = Duty("2020 Mo-Fr 08:00-17:00", "UTC")
    assert ended.next_on(FRIDAY) == FRIDAY


# -- stretches of time ------------------------------------------------------------------------------------------


def test_time_passes_within_the_stretches_only() -> None:
    day = spans("20T09:00/20T12:00", "20T13:00/20T18:00")
    assert pass_within(day, timedelta(hours=3)) == at("20T12:00")
    assert pass_within(day, timedelta(hours=4)) == at("20T14:00")
    assert pass_within(day, timedelta(hours=8.5)) is None


@pytest.mark.parametrize(
    ("some", "others", "both"),
    [
        (["20T09:00/20T12:00"], ["20T10:00/20T11:00"], ["20T10:00/20T11:00"]),
        (["20T09:00/20T12:00"], ["20T12:00/20T13:00"], []),
        (["20T09:00/20T18:00"], ["20T08:00/20T10:00", "20T17:00/20T19:00"], ["20T09:00/20T10:00", "20T17:00/20T18:00"]),
        ([], ["20T08:00/20T10:00"], []),
    ],
)
def test_what_lies_in_both(some: list[str], others: list[str], both: list[str]) -> None:
    assert list(overlap(iter(spans(*some)), iter(spans(*others)))) == spans(*both)
    assert list(overlap(iter(spans(*others)), iter(spans(*some)))) == spans(*both)


# -- the receipt clock ------------------------------------------------------------------------------------------


@pytest.fixture
def promised(by: By) -> Callable[..., Commitment]:
    """A promise of Ling's on Friday at noon, due in five days; Li carries the order, whose hours are those given."""

    def make_it(hours: str | None, kind: str = "redelivery", who: str = "courier:li", days: float = 5) -> Commitment:
        posts = {who: Post(Duty(hours, "UTC"))} if hours is not None else {}
        moment = replace(by("agent:ling"), roster=Roster(posts))
        order = Order.unassigned("SO-1001", FRIDAY)
        role = who.partition(":")[0]
        assign_order(order, role, Assignment(who), moment)
        due = Wanted(DueRule(at=FRIDAY + timedelta(days=days)))
        return make(uuid4(), Making("CU-7", kind, "It comes", "SO-1001", due), order, [], moment)

    return make_it


@pytest.mark.parametrize(
    ("hours", "due"),
    [
        (None, "20T13:00"),
        ("Mo-Fr 08:00-17:00", "20T13:00"),
        ("Mo-Fr 08:00-12:30", "23T08:30"),
        ("Mo-Su 18:00-22:00", "20T19:00"),
        ("We 08:00-09:00", "25T09:00"),
        ("We 08:00-08:30", "25T12:00"),
        ("Th 08:00-09:00", "25T12:00"),
    ],
)
def test_the_window_runs_while_the_recipient_is_at_work(
    promised: Callable[..., Commitment], hours: str | None, due: str
) -> None:
    assert promised(hours).handoff("courier").receipt_due_at == at(due)


def test_working_hours_run_while_both_work(promised: Callable[..., Commitment]) -> None:
    """Four hours of an office that is open from nine to six, of somebody who comes at eight and leaves at three."""
    refund = promised("Mo-Fr 08:00-15:00", "refund", "finance:zhao")
    assert refund.handoff("finance").receipt_due_at == at("23T10:00")


def test_what_falls_due_before_anybody_is_at_work_is_warned_of(promised: Callable[..., Commitment]) -> None:
    assert "receipt_window_does_not_fit" in promised("We 13:00-17:00", days=5).made_with
    assert "receipt_window_does_not_fit" not in promised("Fr 13:00-17:00", days=5).made_with


def test_another_recipient_has_the_time_of_his_own_hours(promised: Callable[..., Commitment], by: By) -> None:
    commitment = promised("Mo-Fr 08:00-17:00")
    roster = Roster({"courier:bo": Post(Duty("Sa 09:00-12:00", "UTC"))})
    assign_own(commitment, "courier", "courier:bo", None, replace(by("supervisor:wang"), roster=roster))
    assert commitment.handoff("courier").receipt_due_at == at("21T10:00")


def test_an_amendment_gives_the_time_of_his_own_hours_anew(promised: Callable[..., Commitment], by: By) -> None:
    commitment = promised("Mo-Fr 08:00-12:30")
    roster = Roster({"courier:li": Post(Duty("Sa 09:00-12:00", "UTC"))})
    assign_own(commitment, "courier", "courier:li", None, by("supervisor:wang"))
    longer = Amendment(frozenset({"promise"}), promise="A longer cable", reason="It is too short")
    amend(commitment, longer, None, replace(by("agent:ling"), roster=roster))
    assert commitment.handoff("courier").receipt_due_at == at("21T10:00")


# -- teams ------------------------------------------------------------------------------------------------------

NORTH = Roster({"courier:li": Post(team="team:north"), "courier:bo": Post(team="team:south")})


@pytest.fixture
def with_the_north(by: By, promised: Callable[..., Commitment]) -> Commitment:
    """A redelivery that the team of the north has."""
    commitment = promised(None, who="courier:mei")
    assign_own(commitment, "courier", "team:north", None, by("supervisor:wang"))
    return commitment


def said(commitment: Commitment, who: str, roster: Roster = NORTH, *, revision: int = 1) -> Received:
    moment = Moment(FRIDAY + timedelta(hours=1), Origin(who), parse_catalogue(""), roster)
    return receive(commitment, ReceiptGiven(revision, "acknowledged"), moment)


def test_a_member_who_acknowledges_becomes_the_recipient(with_the_north: Commitment) -> None:
    assert said(with_the_north, "courier:li").counts
    handoff = with_the_north.handoff("courier")
    assert (handoff.recipient, handoff.received) == ("courier:li", True)


def test_who_is_in_another_team_was_never_the_recipient(with_the_north: Commitment) -> None:
    with pytest.raises(Forbidden):
        said(with_the_north, "courier:bo")


def test_what_a_member_said_stays_true_when_he_leaves_the_team(with_the_north: Commitment) -> None:
    said(with_the_north, "courier:li")
    facts = with_the_north.collect_events()
    again: Commitment | None = None
    for fact in facts:
        again = fact.mutate(again)
    assert again is not None
    assert again.handoff("courier").recipient == "courier:li"


def test_an_older_revision_that_a_member_knew_of_is_remembered(with_the_north: Commitment, by: By) -> None:
    amend(with_the_north, Amendment(frozenset({"promise"}), promise="Longer", reason="r"), None, by("agent:ling"))
    assert said(with_the_north, "courier:li").why_not == "older_revision"
    assert with_the_north.handoff("courier").received_revision == 1

"""Who must be told what: what leaves for somebody is a fact, never a receipt, and nobody is told what is over."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.actors import IMPORTER
from domain.commitment import Commitment
from domain.escalating import lift
from domain.facts import Fact
from domain.flags import flag_at
from domain.handing_over import assign_own, route
from domain.keeping import fulfil
from domain.moment import Moment
from domain.notices import Notice, failed, holds, sent
from domain.order import Order
from domain.passing import let_pass
from domain.people import Duty, Post, Roster
from domain.promising import IN_BULK, Amendment, amend, withdraw
from domain.receiving import ReceiptGiven, receive
from domain.telling import GATHERED, TOLD_OF, notices, reminder, reminder_at
from domain.values import Origin

By = Callable[..., Moment]
Carry = Callable[..., Order]
Promise = Callable[..., Commitment]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)


def told(commitment: Commitment, moment: Moment) -> list[Notice]:
    """What is to be told of all that was recorded since this was last asked."""
    facts: list[Fact] = [fact for fact in commitment.collect_events() if type(fact) in TOLD_OF]  # type: ignore[misc]
    return [notice for fact in facts for notice in notices(fact, commitment, moment)]


def summary(found: list[Notice]) -> list[tuple[str, str]]:
    return [(notice.about, notice.to) for notice in found]


def a_notice(commitment: Commitment, to: str = "courier:li", addressee: str | None = None) -> Notice:
    return Notice(commitment.id, "assigned", to, NOON, "", commitment.revision, "courier", addressee or to)


# -- outcomes ---------------------------------------------------------------------------------------------------


def test_what_left_for_the_recipient_is_sent_and_not_received(an_open_commitment: Commitment, by: By) -> None:
    sent(a_notice(an_open_commitment), an_open_commitment, "sms", by("system:upheld"))
    courier = an_open_commitment.handoff("courier")
    assert (courier.state, courier.received) == ("sent", False)


def test_what_left_for_a_member_has_left_for_his_team(a_thing: Commitment, by: By) -> None:
    notice = replace(a_notice(a_thing, "warehouse:hu", "team:warehouse"), role="warehouse")
    sent(notice, a_thing, "sms", by("system:upheld"))
    warehouse = a_thing.handoff("warehouse")
    assert (warehouse.state, warehouse.recipient) == ("sent", "team:warehouse")


def test_what_left_for_somebody_else_says_nothing_of_the_recipient(an_open_commitment: Commitment, by: By) -> None:
    sent(a_notice(an_open_commitment, "supervisor:wang"), an_open_commitment, "sms", by("system:upheld"))
    assert an_open_commitment.handoff("courier").state == "assigned"


def test_what_the_recipient_said_counts_for_more_than_what_left(an_acknowledged_commitment: Commitment, by: By) -> None:
    sent(a_notice(an_acknowledged_commitment), an_acknowledged_commitment, "sms", by("system:upheld", AN_HOUR))
    courier = an_acknowledged_commitment.handoff("courier")
    assert (courier.state, courier.received) == ("acknowledged", True)


def test_a_message_that_did_not_leave_changes_nothing(an_open_commitment: Commitment, by: By) -> None:
    courier = an_open_commitment.handoff("courier")
    before, due_at = flag_at(an_open_commitment, NOON), courier.receipt_due_at
    failed(a_notice(an_open_commitment), an_open_commitment, "sms", "no such number", by("system:upheld"))
    assert (courier.state, courier.receipt_due_at) == ("assigned", due_at)
    assert flag_at(an_open_commitment, NOON) == before


def test_the_customer_is_told_of_a_revision(an_open_commitment: Commitment, by: By) -> None:
    notice = Notice(an_open_commitment.id, "moved", "CU-7", NOON, "", 1)
    sent(notice, an_open_commitment, "sms", by("system:upheld"))
    assert an_open_commitment.informed_revision == an_open_commitment.revision == 1


# -- keepers ----------------------------------------------------------------------------------------------------


def test_the_same_recipient_with_other_times_is_not_told_again(
    an_open_commitment: Commitment, carry: Carry, by: By
) -> None:
    moment = by("system:oms", AN_HOUR)
    route(an_open_commitment, carry("courier:li", departs=timedelta(hours=6), after=AN_HOUR), moment)
    assert an_open_commitment.pending_events
    assert told(an_open_commitment, moment) == []


def test_another_recipient_is_told_and_whoever_knew_of_it(
    an_acknowledged_commitment: Commitment, carry: Carry, by: By
) -> None:
    moment = by("system:oms", AN_HOUR)
    route(an_acknowledged_commitment, carry("courier:bo", after=AN_HOUR), moment)
    assert summary(told(an_acknowledged_commitment, moment)) == [
        ("assigned", "courier:bo"),
        ("reassigned", "courier:li"),
    ]


def test_who_amends_what_he_keeps_himself_is_not_told(promise: Promise, by: By) -> None:
    callback = promise("callback")
    moment = by("agent:ling", AN_HOUR)
    amend(callback, Amendment(frozenset({"promise"}), promise="I call at three"), None, moment)
    assert "amended" not in [notice.about for notice in told(callback, moment)]


def test_a_nag_waits_a_minute_from_when_the_receipt_was_due(an_open_commitment: Commitment, by: By) -> None:
    due_at = an_open_commitment.handoff("courier").receipt_due_at
    assert due_at is not None
    moment = replace(by("system:upheld"), now=due_at + timedelta(seconds=10))
    let_pass(an_open_commitment, moment)
    (nag,) = told(an_open_commitment, moment)
    assert (nag.about, nag.at) == ("missed", due_at + GATHERED)


def test_a_nag_that_would_leave_after_work_waits_for_the_next_day(promise: Promise, by: By) -> None:
    until_two = Duty("06:00-14:00", "UTC")
    at_noon = replace(by("system:oms"), roster=Roster({"courier:li": Post(until_two)}))
    commitment = promise(due=timedelta(hours=30))
    assign_own(
        commitment, "courier", "courier:li", None, replace(at_noon, now=NOON + timedelta(minutes=59, seconds=30))
    )
    last_minute = replace(at_noon, now=NOON + timedelta(hours=1, minutes=59, seconds=30))
    told(commitment, last_minute)
    let_pass(commitment, last_minute)
    (nag,) = told(commitment, last_minute)
    assert (nag.about, nag.at) == ("missed", datetime(2026, 11, 21, 6, tzinfo=UTC))


def test_what_was_received_meanwhile_makes_no_sense_any_more(an_open_commitment: Commitment, by: By) -> None:
    notice = a_notice(an_open_commitment)
    assert holds(notice, an_open_commitment, NOON)
    receive(an_open_commitment, ReceiptGiven(1, "acknowledged"), by("courier:li"))
    assert not holds(notice, an_open_commitment, NOON)


@pytest.mark.parametrize("hours", [30, 10])
def test_who_is_off_duty_is_told_when_he_begins_unless_that_is_too_late(promise: Promise, by: By, hours: int) -> None:
    tomorrow = Duty("08:00-17:00", "Asia/Shanghai")
    moment = replace(by("system:oms"), roster=Roster({"courier:li": Post(tomorrow)}))
    commitment = promise(due=timedelta(hours=hours))
    assign_own(commitment, "courier", "courier:li", None, moment)
    (notice,) = told(commitment, moment)
    assert notice.at == (datetime(2026, 11, 21, 0, tzinfo=UTC) if hours == 30 else NOON)


def test_of_a_team_those_at_work_are_told_or_all_where_none_is(by: By) -> None:
    early, late = Duty("08:00-14:00", "UTC"), Duty("14:00-22:00", "UTC")
    posts = {"warehouse:hu": Post(early), "warehouse:ma": Post(late), "courier:li": Post(early, team="team:warehouse")}
    noon = replace(by("system:oms"), roster=Roster(posts))
    evening, night = (replace(noon, now=NOON.replace(hour=hour)) for hour in (15, 23))
    assert noon.roster.told("team:warehouse", noon.now) == ["courier:li", "warehouse:hu"]
    assert evening.roster.told("team:warehouse", evening.now) == ["warehouse:ma"]
    assert night.roster.told("team:warehouse", night.now) == ["courier:li", "warehouse:hu", "warehouse:ma"]
    assert noon.roster.told("team:finance", noon.now) == ["team:finance"]


def test_a_team_with_channels_of_its_own_is_told_by_these() -> None:
    roster = Roster({"team:warehouse": Post(), "warehouse:hu": Post()})
    assert roster.told("team:warehouse", NOON) == ["team:warehouse"]


def test_who_is_told_as_one_of_a_team_and_then_by_name_at_once_is_told_twice_over(a_thing: Commitment, by: By) -> None:
    roster = Roster({"warehouse:hu": Post()})
    moment = replace(by("supervisor:wang"), roster=roster)
    of_team = Notice(a_thing.id, "assigned", "warehouse:hu", NOON, "warehouse/at", 1, "warehouse", "team:warehouse")
    assert of_team.key != replace(of_team, addressee="warehouse:hu").key
    assign_own(a_thing, "warehouse", "warehouse:hu", None, moment)
    assert summary(told(a_thing, moment)) == [("assigned", "warehouse:hu")]


def test_of_a_team_without_channels_the_members_are_told() -> None:
    roster = Roster({"team:warehouse": Post(reachable=False), "warehouse:hu": Post()})
    assert roster.told("team:warehouse", NOON) == ["warehouse:hu"]


def test_who_confirmed_an_older_revision_hears_that_it_is_gone_or_over(
    an_amended_commitment: Commitment, carry: Carry, by: By
) -> None:
    later = by("system:oms", timedelta(hours=2))
    route(an_amended_commitment, carry("courier:bo", after=timedelta(hours=2)), later)
    assert ("reassigned", "courier:li") in summary(told(an_amended_commitment, later))


def test_who_confirmed_an_older_revision_hears_that_it_was_withdrawn(an_amended_commitment: Commitment, by: By) -> None:
    later = by("agent:ling", timedelta(hours=2))
    withdraw(an_amended_commitment, "not needed", "agreed", later)
    assert summary(told(an_amended_commitment, later)) == [("withdrawn", "courier:li")]


def test_who_is_taken_off_the_path_hears_that_it_is_no_longer_his(
    an_acknowledged_commitment: Commitment, by: By
) -> None:
    later = by("agent:ling", AN_HOUR)
    amend(an_acknowledged_commitment, Amendment(frozenset({"path"}), path=("warehouse",)), None, later)
    assert ("reassigned", "courier:li") in summary(told(an_acknowledged_commitment, later))


# -- handing it up ----------------------------------------------------------------------------------------------


def test_who_hands_up_his_own_promise_reaches_the_one_above_him(an_open_commitment: Commitment, by: By) -> None:
    posts = {"agent:ling": Post(reports_to="supervisor:wang"), "supervisor:wang": Post()}
    moment = replace(by("agent:ling"), roster=Roster(posts))
    lift(an_open_commitment, None, moment)
    assert an_open_commitment.escalation_level == 1
    assert summary(told(an_open_commitment, moment)) == [("escalated", "supervisor:wang")]


def test_what_is_handed_up_goes_to_whoever_is_at_work(an_open_commitment: Commitment, by: By) -> None:
    evening = Duty("20:00-23:00", "UTC")
    posts = {
        "agent:ling": Post(reports_to="supervisor:wang"),
        "supervisor:wang": Post(evening, reports_to="supervisor:zhao"),
        "supervisor:zhao": Post(),
    }
    moment = replace(by("agent:ling"), roster=Roster(posts))
    lift(an_open_commitment, None, moment)
    assert summary(told(an_open_commitment, moment)) == [("escalated", "supervisor:zhao")]


# -- before it is due -------------------------------------------------------------------------------------------


def test_whoever_has_it_is_reminded_an_hour_before(an_acknowledged_commitment: Commitment, by: By) -> None:
    at = reminder_at(an_acknowledged_commitment)
    assert at == an_acknowledged_commitment.due.at - AN_HOUR
    moment = replace(by("system:upheld"), now=at)
    assert summary(reminder(an_acknowledged_commitment, moment)) == [("due_soon", "courier:li")]


def test_who_does_not_know_of_it_is_asked_and_not_reminded(an_open_commitment: Commitment, by: By) -> None:
    assert reminder(an_open_commitment, by("system:upheld", timedelta(hours=23))) == []


def test_what_is_due_within_the_hour_and_what_asks_nothing_reminds_nobody(promise: Promise) -> None:
    assert reminder_at(promise(due=timedelta(minutes=59))) is None
    assert reminder_at(promise("delivery")) is None


# -- customers --------------------------------------------------------------------------------------------------


def test_what_an_import_says_is_no_news_to_a_customer(promise: Promise, by: By) -> None:
    for who, expected in ((IMPORTER, []), ("finance:zhao", [("kept", "CU-7")])):
        refund = promise("refund")
        fulfil(refund, by(who, AN_HOUR), note=None, at=None)
        assert summary(told(refund, by("system:upheld", AN_HOUR))) == expected


def test_of_one_notice_over_many_promises_the_job_tells_customers(an_open_commitment: Commitment, by: By) -> None:
    moment = by("supervisor:wang", AN_HOUR)
    in_bulk = replace(moment, origin=Origin("supervisor:wang", None, IN_BULK, "job 1", "a-hash"))
    amend(an_open_commitment, Amendment(frozenset({"promise"}), promise="It comes on Sunday"), None, in_bulk)
    assert "moved" not in [notice.about for notice in told(an_open_commitment, moment)]


def test_customers_are_told_by_day_where_the_promise_is_due(promise: Promise, by: By) -> None:
    refund = promise("refund")
    late = by("finance:zhao", timedelta(hours=10))
    fulfil(refund, late, note=None, at=None)
    (kept,) = told(refund, late)
    assert kept.at == datetime(2026, 11, 21, 8, tzinfo=UTC), "it was ten in the evening"


def test_whoever_knows_of_it_hears_that_it_was_withdrawn(a_handed_on_thing: Commitment, by: By) -> None:
    moment = by("agent:ling", AN_HOUR)
    withdraw(a_handed_on_thing, "not needed", "agreed", moment)
    assert summary(told(a_handed_on_thing, moment)) == [("withdrawn", "warehouse:hu")]

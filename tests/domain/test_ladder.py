"""The ladder: from the missed receipt to the maker, the supervisor, the manager, and where it stops."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.commitment import Commitment
from domain.escalating import lift, take
from domain.handing_over import assign_own, route
from domain.keeping import Attempt, attempt, fulfil, reopen
from domain.moment import Moment
from domain.order import Order
from domain.passing import instants, let_pass
from domain.people import Duty, Post, Roster
from domain.promising import Amendment, amend, withdraw
from domain.receiving import ReceiptGiven, receive

By = Callable[..., Moment]
Carry = Callable[..., Order]
Promise = Callable[..., Commitment]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""A Friday. The receipt of a redelivery that nobody leaves with is due at one."""
SATURDAY = "21T"


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}+00:00")


class Ladder:
    """A commitment, and what the clock makes of it."""

    def __init__(self, commitment: Commitment, by: By) -> None:
        self.commitment = commitment
        self._by = by
        self.roster = Roster()

    def wait(self, until: datetime) -> list[tuple[str, int, str]]:
        """The steps that the clock records until an instant: when, how high, and why."""
        steps: list[tuple[str, int, str]] = []
        while (ahead := instants(self.commitment)) and ahead[0] <= until:
            self.commitment.collect_events()
            self.tick(ahead[0])
            facts: Sequence[Any] = self.commitment.collect_events()
            assert facts, "the clock was asked for nothing"
            steps += [
                (f"{fact.timestamp:%dT%H:%M}", fact.level, fact.cause)
                for fact in facts
                if type(fact).__name__ == "CommitmentEscalated"
            ]
        return steps

    def tick(self, instant: datetime) -> datetime | None:
        """The clock strikes; answers until when the next step waits."""
        return let_pass(self.commitment, self.now(instant))

    def now(self, instant: datetime, who: str = "system:upheld") -> Moment:
        return replace(self._by(who, instant - NOON), roster=self.roster)


@pytest.fixture
def ladder(promise: Promise, carry: Carry, by: By) -> Ladder:
    """A redelivery of Ling's, due in a day, that Li has and says nothing about; its receipt is due at one."""
    return Ladder(promise(order=carry("courier:li")), by)


@pytest.fixture
def people() -> Roster:
    """Ling reports to Wang, who reports to Zhou."""
    return Roster(
        {
            "agent:ling": Post(Duty("Mo-Fr 08:00-18:00", "UTC"), reports_to="supervisor:wang"),
            "supervisor:wang": Post(Duty("Mo-Sa 08:00-20:00", "UTC"), reports_to="supervisor:zhou"),
            "supervisor:zhou": Post(Duty("24/7", "UTC")),
        }
    )


THE_CLIMB = [("20T13:15", 1, "not_received"), ("20T14:00", 2, "not_received"), ("20T17:00", 3, "not_received")]


def test_a_missed_receipt_climbs_by_the_kinds_times(ladder: Ladder) -> None:
    assert ladder.wait(at("21T11:59")) == THE_CLIMB
    assert ladder.commitment.escalation_level == 3


def test_after_downtime_only_the_highest_step_is_recorded(ladder: Ladder) -> None:
    ladder.tick(at("20T16:00"))
    assert [f.level for f in ladder.commitment.collect_events() if hasattr(f, "level")] == [2]
    ladder.tick(at("20T16:01"))
    assert ladder.commitment.collect_events() == []


def test_the_receipt_ends_the_climb(ladder: Ladder) -> None:
    ladder.wait(at("20T14:00"))
    receive(ladder.commitment, ReceiptGiven(1, "acknowledged"), ladder.now(at("20T14:30"), "courier:li"))
    assert ladder.commitment.escalation_level == 0
    assert ladder.wait(at("21T11:59")) == []


def test_what_is_short_of_a_receipt_ends_nothing(promise: Promise, carry: Carry, by: By) -> None:
    ladder = Ladder(promise("free_item", order=carry("courier:li"), path=("courier",)), by)
    ladder.wait(at("20T14:00"))
    receive(ladder.commitment, ReceiptGiven(1, "acknowledged"), ladder.now(at("20T14:30"), "courier:li"))
    assert ladder.commitment.escalation_level == 2
    assert ladder.wait(at("20T17:00")) == [("20T17:00", 3, "not_received")]


@pytest.mark.parametrize("end", ["kept", "withdrawn"])
def test_the_end_of_the_promise_ends_the_climb(ladder: Ladder, end: str) -> None:
    ladder.wait(at("20T14:00"))
    moment = ladder.now(at("20T14:30"), "agent:ling")
    if end == "kept":
        fulfil(ladder.commitment, moment, note=None, at=None)
    else:
        withdraw(ladder.commitment, "found it", "agreed", moment)
    assert ladder.wait(at("25T00:00")) == []


def test_a_new_revision_climbs_anew(ladder: Ladder) -> None:
    ladder.wait(at("20T14:00"))
    longer = Amendment(frozenset({"promise"}), promise="A longer cable", reason="too short")
    amend(ladder.commitment, longer, None, ladder.now(at("20T15:00"), "agent:ling"))
    assign_own(ladder.commitment, "courier", "courier:li", None, ladder.now(at("20T15:00"), "agent:ling"))
    assert ladder.commitment.escalation_level == 0
    assert ladder.wait(at("20T17:30")) == [("20T16:15", 1, "not_received"), ("20T17:00", 2, "not_received")]


def test_another_recipient_is_asked_anew(ladder: Ladder, carry: Carry) -> None:
    ladder.wait(at("20T14:00"))
    route(ladder.commitment, carry("courier:bo", after=timedelta(hours=3)), ladder.now(at("20T15:00"), "system:oms"))
    assert ladder.commitment.escalation_level == 0
    assert ladder.wait(at("20T17:00")) == [("20T16:15", 1, "not_received"), ("20T17:00", 2, "not_received")]


def test_a_decline_goes_to_the_maker_at_once_and_then_up(ladder: Ladder) -> None:
    declined = ReceiptGiven(1, "declined", reason="none in the van")
    receive(ladder.commitment, declined, ladder.now(at("20T12:30"), "courier:li"))
    assert ladder.wait(at("21T11:59")) == [
        ("20T12:30", 1, "declined"),
        ("20T13:30", 2, "declined"),
        ("20T16:30", 3, "declined"),
    ]


def test_a_failed_attempt_goes_to_the_maker_at_once(ladder: Ladder) -> None:
    receive(ladder.commitment, ReceiptGiven(1, "acknowledged"), ladder.now(at("20T12:10"), "courier:li"))
    attempt(ladder.commitment, Attempt("customer_absent"), ladder.now(at("20T12:30"), "courier:li"))
    assert ladder.wait(at("20T14:00")) == [("20T12:30", 1, "attempted"), ("20T13:30", 2, "attempted")]


def test_a_dispute_goes_to_the_maker_at_once(ladder: Ladder) -> None:
    fulfil(ladder.commitment, ladder.now(at("20T12:30"), "courier:li"), note=None, at=None)
    reopen(ladder.commitment, "disputed", None, ladder.now(at("20T12:40"), "agent:ling"))
    assert ladder.wait(at("20T14:00")) == [("20T12:40", 1, "disputed"), ("20T13:40", 2, "disputed")]


def test_a_broken_promise_goes_to_the_maker_at_once_and_then_up(ladder: Ladder) -> None:
    receive(ladder.commitment, ReceiptGiven(1, "acknowledged"), ladder.now(at("20T12:10"), "courier:li"))
    assert ladder.wait(at("23T00:00")) == [
        ("21T12:00", 1, "overdue"),
        ("21T13:00", 2, "overdue"),
        ("21T16:00", 3, "overdue"),
    ]


def test_a_receipt_of_what_is_overdue_changes_nothing(ladder: Ladder) -> None:
    ladder.wait(at("21T12:00"))
    receive(ladder.commitment, ReceiptGiven(1, "acknowledged"), ladder.now(at("21T12:10"), "courier:li"))
    assert ladder.commitment.escalation_level == 1


def test_who_takes_it_pauses_the_climb(ladder: Ladder) -> None:
    ladder.wait(at("20T13:15"))
    take(ladder.commitment, None, ladder.now(at("20T13:30"), "supervisor:wang"))
    assert ladder.wait(at("20T17:00")) == [("20T14:30", 2, "not_received"), ("20T17:00", 3, "not_received")]


def test_to_take_it_again_after_the_pause_pauses_it_again(ladder: Ladder) -> None:
    for hour, recorded in ((13.5, 1), (14, 0), (15, 1)):
        take(ladder.commitment, None, ladder.now(NOON + timedelta(hours=hour - 12), "supervisor:wang"))
        assert len([f for f in ladder.commitment.collect_events() if type(f).__name__ == "EscalationTaken"]) == recorded


def test_what_was_lifted_by_hand_stays_lifted(ladder: Ladder) -> None:
    lift(ladder.commitment, None, ladder.now(at("20T12:10"), "agent:ling"))
    receive(ladder.commitment, ReceiptGiven(1, "acknowledged"), ladder.now(at("20T12:20"), "courier:li"))
    assert ladder.commitment.escalation_level == 1


def test_a_kind_without_steps_climbs_nowhere(ladder: Ladder) -> None:
    ladder.commitment.terms = replace(ladder.commitment.terms, escalate_after=())
    assert ladder.wait(at("25T00:00")) == []


# -- who is at work ---------------------------------------------------------------------------------------------


def overnight(promise: Promise, by: By, people: Roster, due: str) -> Ladder:
    """A callback that Ling promised on Friday evening; it is due at the time given, and her day ends at six."""
    commitment = promise(order=None, after=timedelta(hours=5, minutes=40), due=at(due) - NOON)
    ladder = Ladder(commitment, by)
    ladder.roster = people
    assign_own(commitment, "courier", "courier:li", None, ladder.now(at("20T17:40"), "system:oms"))
    return ladder


def test_what_can_wait_until_the_maker_is_at_work_waits(promise: Promise, by: By, people: Roster) -> None:
    ladder = overnight(promise, by, people, "24T12:00")
    assert ladder.tick(at("20T18:55")) == at("23T08:00")
    assert ladder.commitment.escalation_level == 0


def test_what_waited_for_the_morning_climbs_from_there(promise: Promise, by: By, people: Roster) -> None:
    ladder = overnight(promise, by, people, "24T12:00")
    levels = []
    for time in ("23T08:00", "23T08:44", "23T08:45", "23T11:45"):
        ladder.tick(at(time))
        levels.append(ladder.commitment.escalation_level)
    assert levels == [1, 1, 2, 3]


def test_after_downtime_into_the_morning_the_highest_step_is_taken(promise: Promise, by: By, people: Roster) -> None:
    ladder = overnight(promise, by, people, "24T12:00")
    ladder.tick(at("23T09:00"))
    assert ladder.commitment.escalation_level == 2


def test_what_cannot_wait_goes_to_the_next_who_is_at_work(promise: Promise, by: By, people: Roster) -> None:
    ladder = overnight(promise, by, people, "21T07:00")
    assert ladder.tick(at("20T18:55")) is None
    assert ladder.commitment.escalation_level == 2


def test_in_the_night_it_goes_to_whoever_watches(promise: Promise, by: By, people: Roster) -> None:
    ladder = overnight(promise, by, people, "21T07:00")
    assert ladder.tick(at("20T20:30")) is None
    assert ladder.commitment.escalation_level == 3


def test_where_nobody_is_at_work_the_step_is_taken_all_the_same(promise: Promise, by: By) -> None:
    asleep = Post(Duty("Mo-Fr 08:00-18:00", "UTC"), reports_to="agent:ling")
    ladder = overnight(promise, by, Roster({"agent:ling": asleep}), "21T07:00")
    assert ladder.tick(at("20T18:55")) is None
    assert ladder.commitment.escalation_level == 1


def test_where_nobody_is_at_work_the_next_steps_follow_in_their_time(promise: Promise, by: By) -> None:
    asleep = Post(Duty("Mo-Fr 08:00-18:00", "UTC"), reports_to="agent:ling")
    ladder = overnight(promise, by, Roster({"agent:ling": asleep}), "21T07:00")
    assert ladder.wait(at("21T06:59")) == [
        ("20T18:55", 1, "not_received"),
        ("20T19:40", 2, "not_received"),
        ("20T22:40", 3, "not_received"),
    ]


def test_who_could_not_be_asked_before_the_departure_is_asked_after_it(promise: Promise, carry: Carry, by: By) -> None:
    late = Post(Duty("Mo-Fr 16:00-23:00", "UTC"), reports_to="agent:ling")
    ladder = Ladder(promise(order=carry("courier:li", departs=timedelta(hours=2)), due=timedelta(hours=9)), by)
    ladder.roster = Roster({"agent:ling": late})
    ladder.wait(at("20T13:45"))
    assert ladder.commitment.escalation_level == 1
    assert ladder.tick(at("20T14:30")) == at("20T16:00")
    ladder.tick(at("20T16:00"))
    assert ladder.commitment.escalation_level == 2

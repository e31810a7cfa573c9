"""A replayed day asks nobody in vain; a small company lives through it here, with the habits of the large one."""

import asyncio
import datetime as dt
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from bench.day import live
from bench.day_board import Board
from bench.day_figures import Lived, figures, goals
from bench.day_model import CONFIGURATION, Model, at, first_day
from bench.day_office import Flag
from bench.day_staff import Staff

SMALL = Model(scale=1 / 40, step=timedelta(minutes=15), longest_step=timedelta(minutes=20))
DAY = dt.date(2027, 3, 2)


@pytest.fixture(scope="module")
def lived() -> Iterator[Lived]:
    """Two days of a company of eight agents and two couriers."""
    # Not in pytest's folder, which is shut to all but root, as whom PostgreSQL does not run.
    with tempfile.TemporaryDirectory(prefix="upheld-day-") as folder:
        yield asyncio.run(live(SMALL, CONFIGURATION, Path(folder)))


def test_its_goals_are_reached_with_the_defaults(lived: Lived) -> None:
    measured = figures(lived, "defaults")

    reached = {goal.name: goal.measured(measured) for goal in goals("defaults")}

    assert None not in reached.values()
    assert [goal.name for goal in goals("defaults") if not goal.holds(reached[goal.name] or 0.0)] == []


def test_all_that_was_planned_happens_in_it(lived: Lived) -> None:
    types = Counter(type for _, type in lived.replay.events)

    assert types["CommitmentMade"] == 2 * SMALL.promises_a_day == 120
    assert types["CustomerContacted"] >= SMALL.contacts_a_day
    assert types["OrderAssigned"] > 25
    assert types["CommitmentKept"] > 25
    assert types["ReceiptMissed"] > 5


def test_messages_are_really_sent_to_keepers_and_up_the_ladder(lived: Lived) -> None:
    told = {message.to.partition(":")[0] for message in lived.inbox.got}

    assert {"courier", "team", "technician", "agent", "supervisor"} <= told
    assert len(lived.inbox.got) == len({message.id for message in lived.inbox.got})


def test_a_flag_goes_when_its_keeper_answers_or_somebody_has_helped(lived: Lived) -> None:
    ends = Counter((raised.gone_at is not None, raised.helped) for raised in lived.replay.board.seen)

    assert ends[True, False] > 0
    assert ends[True, True] > 0


def test_the_same_seed_makes_the_same_calls() -> None:
    calls = Model().calls(DAY, 2_400, Random(1))

    assert calls == Model().calls(DAY, 2_400, Random(1))
    assert calls != Model().calls(DAY, 2_400, Random(2))
    assert at(DAY, 8) <= calls[0] <= calls[-1] < at(DAY, 21)


def test_of_a_hundred_keepers_six_do_not_answer_by_themselves() -> None:
    draw = Random(1)
    answers = Counter(Model().answers(draw) for _ in range(10_000))

    assert 0.93 < answers["in_time"] / 10_000 < 0.95
    assert answers["declines"] < answers["never"] < answers["nagged"]


def test_fifteen_agents_report_to_each_supervisor() -> None:
    staff = Staff(Model())

    assert set(Counter(member.reports_to for member in staff.of_role("agent")).values()) == {15}
    assert len(staff.of_role("supervisor")) == 20
    assert all(staff.at_work("supervisor", at(DAY, hour)) for hour in range(6, 21))


@pytest.mark.parametrize("year", [2026, 2031, 2044])
def test_the_days_begin_on_a_tuesday_that_lies_ahead(year: int) -> None:
    now = datetime(year, 12, 31, 23, 59, tzinfo=UTC)

    assert first_day(now).weekday() == 1
    assert first_day(now).month == 3
    assert at(first_day(now), 0) > now


def test_a_flag_that_comes_again_counts_again() -> None:
    board, noon = Board(), datetime(2027, 3, 2, 12, tzinfo=UTC)
    flag = Flag("c1", "refund", "not_received", noon, "finance", "finance:f0", "agent:a0")

    assert [raised.flag for raised in board.look(noon, [flag])] == [flag]
    assert board.look(noon, [flag]) == []
    board.help("c1")
    assert board.look(noon + timedelta(minutes=1), []) == []
    assert board.reason("c1") is None
    again = Flag("c1", "refund", "overdue", noon, "finance", "finance:f0", "agent:a0")
    assert len(board.look(noon + timedelta(minutes=2), [again])) == 1
    assert [(one.flag.reason, one.helped) for one in board.seen] == [("not_received", True), ("overdue", False)]


def test_a_team_without_a_channel_is_at_work_with_the_first_of_its_members() -> None:
    staff = Staff(replace(Model(), team_channels=False))

    assert "team:finance" not in staff.people
    assert staff.begins("team:finance", at(DAY, 7)) == at(DAY, 9)

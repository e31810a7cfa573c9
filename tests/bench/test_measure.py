"""Figures are only worth something if the arithmetic behind them is right."""

import asyncio
import time

import pytest

from bench.chart import bars
from bench.measure import Figure, Goal, figure, interleaved, percentile, spread
from bench.pacing import paced

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("part", "expected"), [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.0, 1.0), (0.001, 1.0), (0.985, 99.0)]
)
def test_a_percentile_is_a_value_that_was_measured(part: float, expected: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], part) == expected


def test_latencies_are_told_in_milliseconds() -> None:
    assert spread([0.001, 0.002, 0.030]) == {"p50 ms": 2.0, "p99 ms": 30.0}


async def test_contenders_take_turns_after_one_round_to_warm_up() -> None:
    ran: list[str] = []

    async def run(name: str) -> dict[str, float]:
        ran.append(name)
        return {"events/s": float(len(ran))}

    figures = await interleaved({"one": lambda: run("one"), "other": lambda: run("other")}, rounds=3)

    assert ran == ["one", "other"] * 4
    assert figures == [Figure("one", "events/s", 5, 3, 7), Figure("other", "events/s", 6, 4, 8)]


def test_a_goal_is_a_ratio_to_the_best_of_what_was_measured_beside_it() -> None:
    figures = [figure("ours", "events/s", [900]), figure("slow", "events/s", [300]), figure("fast", "events/s", [450])]

    beside = Goal("ours", "events/s", per=("slow", "fast"), at_least=2)
    assert beside.measured(figures) == 2
    assert beside.holds(2)
    assert not beside.holds(1.9)


def test_a_goal_whose_yardstick_was_not_measured_says_nothing() -> None:
    assert Goal("ours", "events/s", per=("theirs",), at_least=1).measured([figure("ours", "events/s", [900])]) is None
    assert Goal("ours", "p99 ms", at_most=25).measured([figure("ours", "p50 ms", [3])]) is None


async def test_the_pace_does_not_depend_on_the_answers() -> None:
    began: list[float] = []

    async def slow(_: int) -> None:
        began.append(time.perf_counter())
        await asyncio.sleep(0.2)

    took = await paced(100, 0.3, slow)

    assert len(took) == len(began) == 30
    assert began[-1] - began[0] < 5.5, "one after another they take six seconds"
    assert all(latency >= 0.2 for latency in took)


async def test_what_begins_late_counts_as_late() -> None:
    async def blocks(number: int) -> None:
        if number == 0:
            time.sleep(0.2)  # noqa: ASYNC251 - nobody else can begin meanwhile, which is what is measured
        await asyncio.sleep(0)

    took = await paced(100, 0.1, blocks)

    assert max(took) >= 0.2
    assert sum(latency > 0.1 for latency in took) >= 9


async def test_a_failure_ends_the_load() -> None:
    async def fails(_: int) -> None:
        raise ValueError("refused")

    with pytest.raises(ExceptionGroup):
        await paced(100, 0.05, fails)


def test_a_chart_shows_every_figure_within_its_width() -> None:
    chart = bars(
        "Appends", [Figure("Upheld & co", "events/s", 9_000, 8_000, 9_500), Figure("other", "events/s", 1, 1, 1)]
    )

    assert chart.count("<rect") == 2
    assert "Upheld &amp; co" in chart
    assert "9,000" in chart
    assert 'class="theirs"' in chart

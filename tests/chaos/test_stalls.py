"""A process that stands still holds up nobody, and does no harm when it goes on."""

import random
import time
from collections.abc import Callable
from itertools import cycle

import httpx
import pytest

from tests.api.serving import Serving
from tests.chaos.faults import stalled
from tests.chaos.load import Load
from tests.chaos.truth import assert_the_log_agrees_with, assert_the_projections_agree_with_the_log

pytestmark = pytest.mark.timeout(900)

_COMMAND_WAITS = 2.0 + 8.0
"""Seconds that a command may wait for a process that stands still, and what a busy machine may add."""
_PROJECTIONS_WAIT = 5.0 + 8.0
"""The same for the projections; whoever takes them over first has to read what he has not followed."""


def test_a_process_that_stands_still_holds_up_neither_commands_nor_projections(
    serve: Callable[..., Serving], url: str, rounds: int
) -> None:
    """Of two processes now one stands still, now the other, each while it leads: from a random instant on."""
    one, other = serve(), serve()
    load, dice = Load(one.url, other.url), random.Random()
    stalls: list[tuple[str, float, float]] = []
    pairs = cycle([(one, other), (other, one)])
    with load.going_on():
        load.more(100)
        for _ in range(2 * rounds):
            stopped, healthy = next(pairs)
            time.sleep(dice.uniform(0, 0.3))
            with stalled(stopped) as since:
                position = load.more(20, url=healthy.url, within=30)[-1].position
                assert_it_shows(healthy, position, since + _PROJECTIONS_WAIT)
                time.sleep(dice.uniform(0, 1))
                stalls.append((stopped.url, since, time.monotonic()))
            load.more(20, url=stopped.url, within=30)

    slow = [command for command in load.accepted if command.waited > _COMMAND_WAITS]
    assert not [c for c in slow if not any(c.url == url and c.began < to and c.ended > at for url, at, to in stalls)]
    assert_the_log_agrees_with(load, url)
    assert_the_projections_agree_with_the_log(url)


def assert_it_shows(serving: Serving, position: int, deadline: float) -> None:
    """Projections reach a position in time, as who asks this process for it is told."""
    headers = {"X-Actor": "agent:ling", "Upheld-Min-Position": str(position)}
    while True:
        answer = httpx.get(f"{serving.url}/v1/history", params={"limit": 1}, headers=headers, timeout=10)
        late = time.monotonic() - deadline
        if answer.status_code == 200:
            break
        assert late < 0, f"the projections stand still: {answer.text}"
    assert late < 0, f"the projections went on {late:.1f} s too late"

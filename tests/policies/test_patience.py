"""What is not received is sent again for days, ever more rarely; who receives nothing is asked again soon enough."""

from datetime import timedelta
from itertools import pairwise

from policies.patience import USUAL


def test_an_event_is_tried_for_three_days_with_pauses_that_grow() -> None:
    waited = timedelta(0)
    pauses: list[timedelta] = []
    while not USUAL.gives_up(waited):
        pauses.append(USUAL.pause(len(pauses) + 1))
        waited += pauses[-1]

    assert timedelta(days=3) <= waited < timedelta(days=3, hours=5)
    assert pauses[0] < timedelta(seconds=3)
    assert all(later > earlier for earlier, later in pairwise(pauses[:9]))
    assert timedelta(hours=3.5) < max(pauses) < timedelta(hours=4.5)
    assert 20 < len(pauses) < 40


def test_an_address_rests_for_seconds_at_first_and_never_for_long() -> None:
    day, minute = timedelta(days=1), timedelta(minutes=1)

    assert USUAL.rest(timedelta(0)) < timedelta(seconds=2)
    assert 5 * minute < USUAL.rest(12 * minute) < 7 * minute
    assert USUAL.rest(300 * day) <= 11 * minute


def test_what_failed_together_is_not_tried_together() -> None:
    assert len({USUAL.pause(5) for _ in range(20)}) > 10

"""The ladder: who must look at a promise that is in danger, and who deals with it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from domain.commitment import Commitment
from domain.errors import CommitmentClosed
from domain.escalating import MANAGER, lift, take
from domain.keeping import fulfil
from domain.moment import Moment

By = Callable[..., Moment]


def test_whoever_cannot_solve_it_hands_it_one_step_up(an_open_commitment: Commitment, by: By) -> None:
    levels = []
    for _ in range(4):
        lift(an_open_commitment, "I cannot solve it", by("agent:ling"))
        levels.append(an_open_commitment.escalation_level)

    assert levels == [1, 2, 3, 3]


def test_above_the_manager_nothing_is_recorded(an_open_commitment: Commitment, by: By) -> None:
    for _ in range(MANAGER):
        lift(an_open_commitment, None, by("agent:ling"))
    an_open_commitment.collect_events()
    lift(an_open_commitment, None, by("agent:ling"))

    assert an_open_commitment.collect_events() == []


@pytest.mark.parametrize("decide", [lift, take])
def test_nothing_is_to_be_solved_about_what_is_closed(
    an_open_commitment: Commitment, by: By, decide: Callable[[Commitment, str | None, Moment], None]
) -> None:
    fulfil(an_open_commitment, by("courier:li", timedelta(hours=1)), note=None, at=None)
    with pytest.raises(CommitmentClosed):
        decide(an_open_commitment, None, by("supervisor:wang", timedelta(hours=2)))


def test_whoever_takes_it_is_named_once(an_open_commitment: Commitment, by: By) -> None:
    an_open_commitment.collect_events()
    for _ in range(2):
        take(an_open_commitment, "I ring the depot", by("supervisor:wang"))
    assert an_open_commitment.escalation_taken_by == "supervisor:wang"
    assert len(an_open_commitment.collect_events()) == 1

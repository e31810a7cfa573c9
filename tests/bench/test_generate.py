"""A generated log is a log like any other, and the same one for the same seed."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from bench.generate import Plan, generate, simulate
from domain.facts import FACTS
from policies.clock import CLOCK, anything_due
from projections.registry import PROJECTIONS
from store.database import Database
from store.facts import read_fact
from store.keyring import Keyring

pytestmark = pytest.mark.anyio

PLAN = Plan(1_000, until=datetime(2026, 11, 20, 12, tzinfo=UTC), per_day=250)
_NOT_SIMULATED = {
    "CommitmentErased",
    "CustomerErased",
    "CustomerHeld",
    "CustomerReleased",
    "OrderErased",
    "HandoffNagged",
}
"""What becomes of words and customers, which is no part of keeping a promise; and what asks for a book of people."""


def told(plan: Plan, keyring: Keyring) -> Iterator[tuple[datetime, str, object]]:
    """What a simulation says, decrypted."""
    keys: dict[object, bytes] = {}
    for stretch in simulate(plan, keyring):
        keys |= {begun.id: keyring.unwrap(begun.id, begun.key) for begun in stretch.begins}
        for stored in stretch.events:
            id, version = stored.originator_id, stored.originator_version
            fact: Any = read_fact(keyring, keys[id], id, version, stored.topic, stored.state)  # type: ignore[arg-type]
            yield stretch.until, stored.topic, vars(fact)


def test_all_that_can_happen_to_a_promise_happens_in_it(keyring: Keyring) -> None:
    assert set(FACTS) - _NOT_SIMULATED == {topic for _, topic, _ in told(PLAN, keyring)}


def test_it_follows_from_its_seed(keyring: Keyring) -> None:
    few = replace(PLAN, commitments=100)

    assert list(told(few, keyring)) == list(told(few, keyring))
    assert list(told(few, keyring)) != list(told(replace(few, seed=2), keyring))


def test_what_is_open_does_not_depend_on_how_long_it_is(keyring: Keyring) -> None:
    def still_open(plan: Plan) -> int:
        topics = [topic for _, topic, _ in told(plan, keyring)]
        closed = topics.count("CommitmentKept") + topics.count("CommitmentWithdrawn")
        return topics.count("CommitmentMade") + topics.count("CommitmentReopened") - closed

    assert 0.8 < still_open(PLAN) / still_open(replace(PLAN, commitments=2_000)) < 1.25


async def test_it_is_projected_like_any_other(
    database: Database, keyring: Keyring, project: Callable[..., Awaitable[None]]
) -> None:
    events = await generate(database, keyring, PLAN)

    log = await database.fetch("SELECT notification_id, recorded_at FROM stored_events ORDER BY notification_id")
    assert len(log) == events
    assert all(earlier <= later for (_, earlier), (_, later) in pairwise(log))
    assert PLAN.begins < log[0][1] <= log[-1][1] <= PLAN.until

    await project(*PROJECTIONS, CLOCK)
    reached = await database.fetch("SELECT DISTINCT position FROM checkpoints WHERE name <> 'telling'")
    assert reached == [(log[-1][0],)]
    shown = await database.fetch(
        "SELECT count(*), count(*) FILTER (WHERE status IN ('open', 'broken')) FROM commitments"
    )
    assert shown[0][0] == PLAN.commitments
    assert 0 < shown[0][1] < PLAN.per_day * 3


async def test_the_clock_has_said_all_that_it_has_to_say(
    database: Database, keyring: Keyring, project: Callable[..., Awaitable[None]]
) -> None:
    await generate(database, keyring, PLAN)
    await project(CLOCK)

    async with database.pool.connection() as conn:
        assert not await anything_due(conn, PLAN.until)

"""Who tries in vain too often has to wait, whichever process he asks."""

import asyncio
from datetime import timedelta

import pytest

from store.attempts import Attempts, Limit
from store.clock import SetClock
from store.database import Database
from store.keyring import Keyring

pytestmark = pytest.mark.anyio

GUESSES = Limit("guess", most=3)
HERE, ELSEWHERE = "192.0.2.7", "192.0.2.8"


@pytest.fixture
def attempts(database: Database, keyring: Keyring) -> Attempts:
    return Attempts(database, keyring)


async def test_one_attempt_too_many_has_to_wait_until_the_time_is_over(attempts: Attempts, clock: SetClock) -> None:
    began = clock.now()
    assert [await attempts.note(GUESSES, HERE, began) for _ in range(3)] == [None] * 3

    assert await attempts.note(GUESSES, HERE, began) == 60
    assert await attempts.note(GUESSES, HERE, began + timedelta(seconds=59.5)) == 1
    assert await attempts.note(GUESSES, HERE, began + timedelta(seconds=60)) is None


async def test_somebody_else_and_another_kind_of_attempt_are_counted_by_themselves(
    attempts: Attempts, clock: SetClock
) -> None:
    for _ in range(4):
        waits = await attempts.note(GUESSES, HERE, clock.now())
    assert waits is not None

    assert await attempts.note(GUESSES, ELSEWHERE, clock.now()) is None
    assert await attempts.note(Limit("other", most=3), HERE, clock.now()) is None


async def test_of_many_at_once_no_more_are_taken_than_may_be(
    attempts: Attempts, database: Database, keyring: Keyring, clock: SetClock
) -> None:
    others = Attempts(database, keyring)
    tried = [one.note(GUESSES, HERE, clock.now()) for one in (attempts, others) * 10]

    assert (await asyncio.gather(*tried)).count(None) == 3


async def test_what_is_over_leaves_no_row_and_no_row_says_who_it_was(
    attempts: Attempts, database: Database, clock: SetClock
) -> None:
    for number in range(10):
        await attempts.note(GUESSES, f"192.0.2.{number}", clock.now())
    for number in range(10):
        await attempts.note(GUESSES, f"198.51.100.{number}", clock.now() + timedelta(minutes=2))

    rows = await database.fetch("SELECT attempts::text FROM attempts")
    assert len(rows) == 10
    assert not any("192.0.2" in row or "198.51" in row for (row,) in rows)

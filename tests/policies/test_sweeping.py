"""One sweep of the clock: what there is nothing to say about keeps nobody else waiting."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from domain.catalogue import Catalogue
from domain.order import Assignment
from policies.clock import CLOCK, ClockPolicy
from store.database import Database
from store.keyring import Keyring
from store.ledger import Ledger
from store.people import People, Staff
from tests.conftest import Given

pytestmark = pytest.mark.anyio

MORE_THAN_A_SWEEP = 70


async def test_what_there_is_nothing_to_say_about_keeps_nobody_waiting(
    database: Database,
    keyring: Keyring,
    ledger: Ledger,
    catalogue: Catalogue,
    given: Given,
    project: Callable[..., Awaitable[None]],
) -> None:
    await given.assignment("SO-1", "courier", Assignment("courier:li"))
    for _ in range(MORE_THAN_A_SWEEP):
        await given.promise("redelivery", due=timedelta(days=1))
    missed = await given.promise("redelivery", due=timedelta(days=1), order_id="SO-1")
    await project(CLOCK)
    given.later(hours=1)
    policy = ClockPolicy(ledger, catalogue, Staff(database, People(database, keyring, ledger.clock)))

    async with await database.connect("clock") as conn:
        await conn.execute("UPDATE clock_instants SET at = '2020-01-01Z' WHERE commitment_id <> %s", (missed,))
        for _ in range(10):
            if await policy.sweep(conn):
                break
            await asyncio.sleep(0.001)

    assert (await ledger.commitment(missed)).handoffs[0].missed

"""A promise goes to whoever carries its order, also where a process died between the two."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.catalogue import Catalogue
from domain.commitment import Commitment
from domain.handing_over import assign_own
from domain.keeping import fulfil
from domain.moment import Moment
from domain.order import Assignment, unassign_order
from policies.routing import RoutingPolicy, route_orders
from projections.log import Log
from store.database import Connection, Database
from store.keyring import Keyring
from store.ledger import Ledger
from store.people import People, Staff
from tests.api.serving import MASTER_KEY, Serving
from tests.conftest import Given

pytestmark = pytest.mark.anyio

ORDER, LI, BO = "SO-1001", Assignment("courier:li"), Assignment("courier:bo")
A_DAY = timedelta(days=1)

Run = Callable[[], Awaitable[None]]


@contextlib.asynccontextmanager
async def following(
    policy: RoutingPolicy, database: Database, keyring: Keyring, conn: Connection
) -> AsyncIterator[None]:
    log = Log(database, keyring)
    tasks = [asyncio.create_task(work) for work in (log.follow(), policy.run(log, conn))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def staff(database: Database, keyring: Keyring, ledger: Ledger) -> Staff:
    """Of whom nothing is known."""
    return Staff(database, People(database, keyring, ledger.clock))


@pytest.fixture
def run(database: Database, keyring: Keyring, ledger: Ledger, catalogue: Catalogue, staff: Staff) -> Run:
    """Runs the policy until it has come to the end of the log."""

    async def run() -> None:
        policy = RoutingPolicy(ledger, catalogue, staff)
        async with await database.connect("routing") as conn, following(policy, database, keyring, conn):
            for _ in range(500):
                await asyncio.sleep(0.01)
                reached = await scalar(database, "SELECT position FROM checkpoints WHERE name = 'routing'")
                if reached == await end(database):
                    break
        assert reached == await end(database)

    return run


async def scalar(database: Database, query: Any) -> int:
    async with database.pool.connection() as conn:
        row = await (await conn.execute(query)).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


async def end(database: Database) -> int:
    return await scalar(database, "SELECT max(notification_id) FROM stored_events")


async def recipient(ledger: Ledger, id: UUID) -> str | None:
    return (await ledger.commitment(id)).handoff("courier").recipient


async def test_an_assignment_whose_process_died_is_routed_by_the_policy(
    given: Given, ledger: Ledger, run: Run, database: Database
) -> None:
    first, second = [await given.promise("redelivery", due=A_DAY, order_id=ORDER) for _ in range(2)]
    await given.assignment(ORDER, "courier", LI)
    assert await recipient(ledger, first) is None
    await run()

    assert [await recipient(ledger, id) for id in (first, second)] == ["courier:li", "courier:li"]
    assert await end(database) == 5


async def test_a_removal_whose_process_died_is_routed_too(given: Given, ledger: Ledger, run: Run) -> None:
    await given.assignment(ORDER, "courier", LI)
    id = await given.promise("redelivery", due=A_DAY, order_id=ORDER)
    moment = given.moment("system:oms")
    await ledger.change_order(ORDER, lambda order: unassign_order(order, "courier", moment))
    assert await recipient(ledger, id) == "courier:li"
    await run()

    assert await recipient(ledger, id) is None


async def test_running_it_again_from_the_beginning_records_nothing(
    given: Given, ledger: Ledger, run: Run, database: Database
) -> None:
    id = await given.promise("redelivery", due=A_DAY, order_id=ORDER)
    for assignment in (LI, BO):
        await given.assignment(ORDER, "courier", assignment)
    await run()
    assert await recipient(ledger, id) == "courier:bo"
    before = await end(database)
    for _ in range(2):
        async with database.pool.connection() as conn:
            await conn.execute("UPDATE checkpoints SET position = 0 WHERE name = 'routing'")
        await run()

    assert await end(database) == before


async def test_what_follows_a_restored_backup_is_routed_at_once_though_it_stands_far_ahead(
    given: Given,
    ledger: Ledger,
    run: Run,
    database: Database,
    catalogue: Catalogue,
    staff: Staff,
    restored: Callable[[], Awaitable[int]],
) -> None:
    id = await given.promise("redelivery", due=A_DAY, order_id=ORDER)
    await run()
    begins = await restored()
    await given.assignment(ORDER, "courier", LI)
    assert await end(database) == begins
    policy = RoutingPolicy(ledger, catalogue, staff)
    async with await database.connect("routing") as conn:
        assert await policy.repair(conn)

    assert await recipient(ledger, id) == "courier:li"


async def test_what_was_routed_at_once_is_left_alone(
    given: Given, ledger: Ledger, run: Run, database: Database
) -> None:
    await given.promise("redelivery", due=A_DAY, order_id=ORDER)
    await given.assignment(ORDER, "courier", LI)
    await route_orders(ledger, [ORDER], given.moment("system:oms"))
    before = await end(database)
    await run()

    assert await end(database) == before


async def test_many_appends_at_once_are_one_reason_to_look(
    given: Given, ledger: Ledger, catalogue: Catalogue, database: Database, keyring: Keyring, staff: Staff
) -> None:
    policy = RoutingPolicy(ledger, catalogue, staff)
    async with await database.connect("routing") as conn, following(policy, database, keyring, conn):
        await asyncio.sleep(0.2)  # It listens.
        await database.fetch("SELECT pg_notify('stored_events', n::text) FROM generate_series(1, 500) AS n")
        await asyncio.sleep(0.1)  # It was told.
        id = await given.promise("redelivery", due=A_DAY, order_id=ORDER)
        await given.assignment(ORDER, "courier", LI)
        for _ in range(500):
            if await recipient(ledger, id) == "courier:li":
                break
            await asyncio.sleep(0.01)

    assert await recipient(ledger, id) == "courier:li"


async def test_what_is_kept_or_has_a_recipient_of_its_own_is_left_alone(
    given: Given, ledger: Ledger, run: Run, database: Database
) -> None:
    kept, own = [await given.promise("redelivery", due=A_DAY, order_id=ORDER) for _ in range(2)]

    def keep(commitment: Commitment, moment: Moment) -> None:
        fulfil(commitment, moment, note=None, at=None)

    await given.that(kept, keep)
    await given.that(own, lambda c, moment: assign_own(c, "courier", "courier:mei", None, moment))
    await given.assignment(ORDER, "courier", LI)
    before = await end(database)
    await run()

    assert [await recipient(ledger, id) for id in (kept, own)] == [None, "courier:mei"]
    assert await end(database) == before


async def test_a_process_that_starts_repairs_what_another_left_undone(
    given: Given, ledger: Ledger, database: Database, serve: Callable[..., Serving]
) -> None:
    id = await given.promise("redelivery", due=timedelta(days=3650), order_id=ORDER)
    await given.assignment(ORDER, "courier", LI)
    serving = await asyncio.to_thread(serve(database_url=database.dsn, master_key=MASTER_KEY).wait)
    agent = serving.by("agent:ling")
    shown: list[dict[str, Any]] = []
    for _ in range(1500):
        # The log holds events and no projection stands yet: they are built first.
        answer = await asyncio.to_thread(agent.request, "GET", "/v1/history", order_id=ORDER)
        shown = answer.json()["items"] if answer.status_code == 200 else []
        if shown and shown[-1]["type"] == "HandoffAssigned":
            break
        assert answer.status_code in (200, 503)
        await asyncio.sleep(0.02)

    assert (shown[-1]["actor"], shown[-1]["data"]["recipient"]) == ("system:upheld", "courier:li")
    agent.end_of_the_log()
    assert agent.commitment(str(id))["handoffs"][0]["recipient"] == "courier:li"
    await asyncio.to_thread(serving.stop)

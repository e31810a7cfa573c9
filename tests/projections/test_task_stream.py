"""Who watches tasks, for whom, and when."""

import asyncio
from datetime import timedelta

import pytest

from domain.order import Assignment
from projections.commitments import COMMITMENTS
from projections.log import Log
from projections.task_stream import TaskWatch
from projections.tasks import TASKS, Tasks
from projections.watching import Told
from projections.worker import catch_up
from store.database import Database
from store.keyring import Keyring
from tests.conftest import Given
from tests.projections.explaining import Explaining, fill
from tests.projections.test_feeding import fed, prepared, until
from tests.projections.test_tasks import A_YEAR_OF_TASKS

pytestmark = pytest.mark.anyio

LI = ["courier:li", "team:courier"]


class Counted(Tasks):
    """Counts how often somebody asks how far the tasks have come."""

    asked = 0

    async def position(self) -> int:
        self.asked += 1
        return await super().position()


async def test_nobody_looks_while_nobody_looks_on(given: Given, database: Database, keyring: Keyring) -> None:
    tasks, events = Counted(database, keyring), Log(database, keyring)
    watch = TaskWatch(tasks, events)

    async def no_more_looks() -> bool:
        return not watch._wanted.is_set()

    await prepared(database, COMMITMENTS, TASKS)
    async with fed(database, keyring, COMMITMENTS, TASKS):
        working = [asyncio.create_task(work) for work in (events.follow(), watch.run())]
        await asyncio.sleep(0.2)
        assert tasks.asked == 0
        async with watch.look(None, lambda change: change.told(LI)) as look:
            await given.assignment("SO-1", "courier", Assignment("courier:li"))
            id = await given.promise("redelivery", due=timedelta(days=1), order_id="SO-1")
            told: list[Told] = []
            async with asyncio.timeout(30):
                # The assignment may be told first, and the promise a moment later.
                while {"commitment_id": id, "order_id": "SO-1"} not in [one.row for one in told]:
                    await look.wait()
                    told += look.take()
        await until(no_more_looks)
        asked = tasks.asked
        await given.promise("redelivery", due=timedelta(days=1), order_id="SO-1")
        await asyncio.sleep(0.3)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)

    assert {one.name for one in told} == {"changed"}
    assert 0 < asked == tasks.asked


async def test_an_order_concerns_whoever_has_a_promise_on_it(
    given: Given, database: Database, keyring: Keyring
) -> None:
    await prepared(database, COMMITMENTS, TASKS)
    tasks = Tasks(database, keyring)
    async with await database.connect("feed") as conn:
        await given.assignment("SO-1", "courier", Assignment("courier:li"))
        await given.promise("free_item", due=timedelta(days=1), order_id="SO-1")
        await given.promise("free_item", due=timedelta(days=1), order_id="SO-2")
        await catch_up(conn, database, keyring, [COMMITMENTS, TASKS])
        before = await tasks.position()
        await given.assignment("SO-1", "courier", Assignment("courier:li", stop=4))
        await catch_up(conn, database, keyring, [COMMITMENTS, TASKS])
    after = await tasks.position()
    rows = [row[1:] for row in await tasks.touched(before, after) if row[1] is None]

    assert rows == [(None, "SO-1", ["courier:li", "team:warehouse"])]
    assert await tasks.touched(after, after) == []


class Explained(Explaining, Tasks):
    """Keeps its plans."""


async def test_whom_a_fact_concerns_is_found_among_the_tasks_of_that_commitment(
    given: Given, database: Database, keyring: Keyring
) -> None:
    await fill(database, COMMITMENTS)
    await fill(database, TASKS, A_YEAR_OF_TASKS)
    await given.promise("redelivery", due=timedelta(days=1), order_id="SO-1")
    await given.assignment("SO-1", "courier", Assignment("courier:li"))
    tasks = Explained(database, keyring)
    await tasks.touched(0, 10)

    assert "tasks_commitment_id_idx" in tasks.plans[0]
    assert "Seq Scan on tasks" not in tasks.plans[0]

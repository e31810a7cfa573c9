"""What a keeper's screen could show at any instant, against the log folded up to there."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from domain.keeping import fulfil
from domain.order import Assignment
from domain.people import NOBODY
from projections.projection import Recorded
from projections.tasks import TASKS, Tasks, assignments_of
from projections.views import view
from store.clock import SetClock
from store.database import Database
from store.keyring import Keyring
from store.ledger import Ledger
from tests.conftest import Given
from tests.projections.explaining import Explaining, fill
from tests.projections.playing import PEOPLE, ByHand, Chronicle, Play

pytestmark = pytest.mark.anyio


@pytest.fixture
def tasks(database: Database, keyring: Keyring) -> Tasks:
    return Tasks(database, keyring)


@pytest.mark.parametrize("seed", range(3))
async def test_a_screen_of_any_instant_follows_from_what_was_recorded_until_then(
    seed: int, tasks: Tasks, given: Given, ledger: Ledger, clock: SetClock, database: Database, keyring: Keyring
) -> None:
    random = Random(seed)
    await Play(random, given, ledger, clock).run(220)
    log = await Chronicle.read(database, keyring)
    async with await database.connect("worker") as conn:
        feed = ByHand(conn, keyring, TASKS)
        await feed.create()
        for page in log.in_pages(random.choice([1, 3, 50, 500])):
            await feed.page(page)
    shown = 0
    for at in log.instants(random, 80):
        recipient = random.choice(PEOPLE)
        expected, orders = log.tasks_at(at, recipient)
        stops = await tasks.of_at(NOBODY.recipients(recipient), at, ledger)
        shown += len(stops)
        assert {c.id: c for stop in stops for c in stop.commitments} == {id: view(c) for id, c in expected.items()}
        for stop in stops:
            assert all(c.order_id == stop.order_id for c in stop.commitments)
            carried = assignments_of(orders[stop.order_id].assignments, erased=False) if stop.order_id in orders else []
            assert (stop.stop, stop.address) in {(a.stop, a.address) for a in carried} | {(None, None)}
    assert shown > 80, "the play was too quiet to say anything"


async def test_the_rows_do_not_depend_on_how_the_log_was_cut_into_pages(
    given: Given, ledger: Ledger, clock: SetClock, database: Database, keyring: Keyring
) -> None:
    await Play(Random(7), given, ledger, clock).run(250)
    log = await Chronicle.read(database, keyring)
    async with await database.connect("worker") as conn:
        await ByHand(conn, keyring, TASKS).create()

        async def rows(pages: Sequence[Sequence[Recorded]]) -> list[Any]:
            await conn.execute("TRUNCATE tasks, stops")
            feed = ByHand(conn, keyring, TASKS)
            for page in pages:
                await feed.page(page)
            spans = await conn.execute(
                "SELECT * FROM tasks ORDER BY commitment_id, role, begins_at, ends_at, recipient"
            )
            stops = await conn.execute(
                "SELECT order_id, role, recipient, stop, depot FROM stops ORDER BY order_id, role"
            )
            return [await spans.fetchall(), await stops.fetchall()]

        at_once = await rows([log.facts])
        assert all(at_once)
        for pages in (log.in_pages(1), log.in_pages(3), log.in_pages(500), log.by_stream()):
            assert await rows(pages) == at_once
        await conn.execute(TASKS.sql["forget"], {"streams": [recorded.stream for recorded in log.facts]})
        left = await conn.execute("SELECT 1 FROM tasks UNION ALL SELECT 1 FROM stops")
        assert await left.fetchall() == []


async def test_a_promise_kept_later_was_on_the_screen_as_it_stood(
    tasks: Tasks, given: Given, ledger: Ledger, project: Any
) -> None:
    await given.assignment("SO-1", "courier", Assignment("courier:li", stop=4, address="3 Willow Lane"))
    cable = await given.promise("redelivery", due=timedelta(hours=24), order_id="SO-1")
    before = given.now
    given.later(hours=2)
    await given.assignment("SO-1", "courier", Assignment("courier:li", stop=5))
    await given.that(cable, lambda commitment, moment: fulfil(commitment, moment, note=None, at=None))
    await project(TASKS)
    (stop,) = await tasks.of_at(NOBODY.recipients("courier:li"), before, ledger)
    assert (stop.stop, stop.address, [(c.id, c.status) for c in stop.commitments]) == (
        4,
        "3 Willow Lane",
        [(cable, "open")],
    )
    assert await tasks.of_at(NOBODY.recipients("courier:li"), given.now, ledger) == []
    assert await tasks.of_at(NOBODY.recipients("courier:li"), before - timedelta.resolution, ledger) == []


# -- at scale ---------------------------------------------------------------------------------------------------


class Explained(Explaining, Tasks):
    """Keeps its plans."""


A_YEAR_OF_TASKS = """
INSERT INTO tasks
SELECT gen_random_uuid(), 'courier', 'courier:' || number % 300, begins_at,
       CASE WHEN number % 20 > 0 THEN begins_at + interval '2 days' END
FROM generate_series(1, 60000) AS number,
     LATERAL (SELECT timestamptz '2026-11-01Z' - number * interval '1 year' / 60000 AS begins_at) AS made
"""


async def test_a_screen_of_long_ago_is_found_among_the_tasks_of_that_keeper(
    given: Given, ledger: Ledger, database: Database, keyring: Keyring
) -> None:
    await fill(database, TASKS, A_YEAR_OF_TASKS)
    tasks = Explained(database, keyring)
    for months in range(12):
        await tasks.of_at(NOBODY.recipients("courier:7"), given.now - timedelta(days=30 * months), ledger)
    for plan in tasks.plans:
        assert "tasks_past_idx" in plan
        assert "tasks_live_idx" in plan
        assert "Seq Scan" not in plan

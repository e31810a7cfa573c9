"""Feeding projections: each by itself, fenced, and past what it cannot take in."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.commitment import Commitment
from domain.keeping import Contact, contact
from domain.moment import Moment
from domain.order import Assignment
from projections.checkpoints import Checkpoint, Fenced, list_parked, prepare
from projections.feed import Feed, retry_parked
from projections.leader import Work, lead
from projections.log import SQL, Log
from projections.projection import Projection
from projections.registry import PROJECTIONS
from projections.worker import feeding
from store.database import Database
from store.keyring import Keyring
from tests.conftest import Given
from tests.projections.diary import Trouble, diary, rows

pytestmark = pytest.mark.anyio

A_DAY = timedelta(days=1)


async def ask(given: Given, id: UUID) -> None:
    def again(commitment: Commitment, moment: Moment) -> None:
        contact(commitment, Contact("phone"), moment)

    await given.that(id, again)


async def prepared(database: Database, *projections: Projection) -> None:
    async with await database.connect("start") as conn:
        assert await prepare(conn, projections) == []


async def standing(database: Database, name: str) -> Checkpoint:
    async with database.pool.connection() as conn:
        checkpoint = await Checkpoint.read(conn, name)
    assert checkpoint is not None
    return checkpoint


@asynccontextmanager
async def fed(database: Database, keyring: Keyring, *projections: Projection) -> AsyncIterator[None]:
    """As a process does it: it follows the log, contends for the lead, and feeds."""
    log = Log(database, keyring)
    tasks = [
        asyncio.create_task(log.follow()),
        asyncio.create_task(lead(database, feeding(database, keyring, log, projections))),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], Any], *, within: float = 30) -> None:
    """Wait until a condition holds."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() < began + within, "it did not happen in time"
        await asyncio.sleep(0.005)


async def reached(database: Database, *names: str) -> bool:
    end = (await database.fetch("SELECT max(notification_id) FROM stored_events"))[0][0]
    return all([(await standing(database, name)).position == end for name in names])


class TestFollowing:
    async def test_what_is_recorded_is_soon_in_every_projection(
        self, given: Given, database: Database, keyring: Keyring
    ) -> None:
        await prepared(database, diary(), diary("second"))
        async with fed(database, keyring, diary(), diary("second")):
            id = await given.promise("redelivery", "Tomorrow", due=A_DAY, order_id="SO-1")
            await until(lambda: reached(database, "diary", "second"))
            await given.assignment("SO-1", "courier", Assignment("courier:li"))
            await ask(given, id)
            await until(lambda: reached(database, "diary", "second"))
        assert await rows(database) == await rows(database, "second")
        assert [row[2] for row in await rows(database) if row[0] == id] == ["CommitmentMade", "CustomerContacted"]

    async def test_a_slow_projection_holds_up_nobody(self, given: Given, database: Database, keyring: Keyring) -> None:
        slow = Trouble()
        slow.goes_on.clear()
        both = (diary(), diary("slow", trouble=slow))
        await prepared(database, *both)
        async with fed(database, keyring, *both):
            await until(lambda: led(database, "feed-slow"))
            for _ in range(3):
                await given.promise("redelivery", due=A_DAY)
                await until(lambda: reached(database, "diary"))
            assert not await reached(database, "slow")
            slow.goes_on.set()
            await until(lambda: reached(database, "slow"))
        assert await rows(database) == await rows(database, "slow")

    async def test_no_fact_waits_for_the_poll_at_whatever_pace_the_log_is_followed(
        self, given: Given, database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("projections.log._POLL_SECONDS", 60)
        log = Log(database, keyring)
        id = await given.promise("redelivery", due=A_DAY)
        before = (await log.read(0))[-1].position

        async def follow(pause: float) -> list[int]:
            seen: list[int] = []
            while len(seen) < 100:
                seen += [fact.position for fact in await log.after(seen[-1] if seen else before)]
                await asyncio.sleep(pause)
            return seen

        following = asyncio.create_task(log.follow())
        paces = asyncio.gather(*(follow(pause) for pause in (0, 0.003, 0.007, 0.013, 0.04)))
        async with asyncio.timeout(50):
            for number in range(100):
                await ask(given, id)
                await asyncio.sleep(0.005 * (number % 3))
            all_seen = await paces
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

        assert all(seen == list(range(before + 1, before + 1 + len(seen))) for seen in all_seen)

    async def test_between_two_looks_at_the_end_of_the_log_there_is_a_pause(
        self, given: Given, database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("projections.log._POLL_SECONDS", 60)
        monkeypatch.setattr("projections.log._GATHER_SECONDS", 0.5)
        log, id = Log(database, keyring), await given.promise("redelivery", due=A_DAY)
        position, pages = (await log.read(0))[-1].position, list[int]()
        following = asyncio.create_task(log.follow())
        await asyncio.sleep(0.7)  # The first pause is over, and it waits to be told.

        async def ask_on() -> None:
            for _ in range(20):
                await ask(given, id)
                await asyncio.sleep(0.01)

        began = time.monotonic()
        asking = asyncio.create_task(ask_on())
        async with asyncio.timeout(50):
            while sum(pages) < 20:
                page = await log.after(position)
                position = page[-1].position
                pages.append(len(page))
                await asyncio.sleep(0.02)  # Meanwhile there is more.
        await asking
        pauses = (time.monotonic() - began) / 0.5
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

        # What was there when it was told, and what had gathered in each pause since; there were twenty.
        assert len(pages) <= 2 + pauses

    @pytest.mark.parametrize(("query", "params"), [("page", (0, 500)), ("earlier", ([UUID(int=1)], [7]))])
    async def test_the_log_is_read_the_same_way_whatever_the_planner_knows_of_it(
        self, given: Given, database: Database, query: str, params: tuple[object, ...]
    ) -> None:
        for _ in range(50):
            await given.promise("redelivery", due=A_DAY)
        rows = await database.fetch("EXPLAIN " + SQL[query], params, steady=True)
        plan = "\n".join(row[0] for row in rows)

        assert "Index Scan using streams_pkey" in plan
        assert not [way for way in ("Hash Join", "Merge Join", "Bitmap", "Seq Scan") if way in plan]

    async def test_a_lost_connection_is_made_anew(self, given: Given, database: Database, keyring: Keyring) -> None:
        await prepared(database, diary())
        async with fed(database, keyring, diary()):
            for name in ("upheld-feed-diary", "upheld-leader", "upheld-listen"):
                await until(lambda: led(database, "feed-diary"))
                kill = (
                    "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = %s"
                )
                assert len(await database.fetch(kill, (name,))) == 1
                id = await given.promise("redelivery", due=A_DAY)
                await until(lambda: reached(database, "diary"))
                assert id in {row[0] for row in await rows(database)}


async def led(database: Database, name: str) -> bool:
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
    return bool(await database.fetch(query, (f"upheld-{name}",)))


class TestFence:
    async def test_a_checkpoint_moves_only_from_where_it_was_read(self, given: Given, database: Database) -> None:
        await prepared(database, diary())
        one, other = await standing(database, "diary"), await standing(database, "diary")
        async with database.pool.connection() as conn:
            await one.move(conn, 5, given.now)
            for position in (5, 7):
                with pytest.raises(Fenced):
                    await other.move(conn, position, given.now)
            assert (await standing(database, "diary")).position == 5
            again = await standing(database, "diary")
            await conn.execute("UPDATE checkpoints SET parkings = parkings + 1")
            with pytest.raises(Fenced):
                await again.move(conn, 6, given.now)

    async def test_who_has_read_a_page_that_another_wrote_meanwhile_writes_nothing(
        self, given: Given, database: Database, keyring: Keyring
    ) -> None:
        await prepared(database, diary())
        slow, log = Trouble(), Log(database, keyring)
        made = [await given.promise("redelivery", due=A_DAY) for _ in range(3)]
        async with await database.connect("one") as one, await database.connect("other") as other:
            late = Feed(log, keyring, diary(trouble=slow))
            where = await late._where(one)
            await Feed(log, keyring, diary()).catch_up(other)
            await late._take(one, where, await log.read(0))
            assert await rows(database) == sorted(await rows(database))
            assert [row[0] for row in await rows(database)] == sorted(made)
            await ask(given, made[0])
            await late.catch_up(one)
        assert len(await rows(database)) == 4

    async def test_of_two_who_feed_at_once_each_fact_is_taken_in_once(
        self, given: Given, database: Database, keyring: Keyring
    ) -> None:
        await prepared(database, diary())
        log = Log(database, keyring)
        async with await database.connect("one") as one, await database.connect("other") as other:
            following = asyncio.create_task(log.follow())
            feeds = [asyncio.create_task(Feed(log, keyring, diary()).run(conn)) for conn in (one, other)]
            made = [await given.promise("redelivery", due=A_DAY) for _ in range(40)]
            await until(lambda: reached(database, "diary"))
            assert [feed.done() for feed in feeds] == [False, False]
            for task in (following, *feeds):
                task.cancel()
            await asyncio.gather(following, *feeds, return_exceptions=True)
        assert [row[0] for row in await rows(database)] == sorted(made)

    async def test_who_stands_still_in_a_page_lets_go_of_it_and_writes_nothing_later(
        self, given: Given, database: Database, keyring: Keyring
    ) -> None:
        stalled, trouble = Log(database, keyring), Trouble()
        await prepared(database, diary())
        id = await given.promise("redelivery", due=A_DAY)
        async with await database.connect("stalled") as conn:
            await conn.execute("SET idle_in_transaction_session_timeout = '1s'")
            trouble.seconds = 2.5  # in the middle of the transaction
            late = asyncio.create_task(Feed(stalled, keyring, diary(trouble=trouble)).catch_up(conn))
            await asyncio.wait_for(trouble.is_writing.wait(), 30)
            async with fed(database, keyring, diary()):
                await until(lambda: reached(database, "diary"))
            with contextlib.suppress(Exception):
                await late
            assert late.exception() is not None
        assert [row[0] for row in await rows(database)] == [id]


class TestLeading:
    async def test_one_leads_and_when_its_connection_ends_another_does(self, database: Database) -> None:
        leaders: list[str] = []

        def work(name: str) -> Work:
            async def run(_: Any) -> None:
                leaders.append(name)
                try:
                    await asyncio.sleep(60)
                finally:
                    leaders.remove(name)

            return run

        async def leading() -> bool:
            return bool(leaders)

        async def alone() -> bool:
            return len(leaders) == 1

        tasks = {name: asyncio.create_task(lead(database, {"thing": work(name)})) for name in ("one", "other")}
        await until(leading)
        await asyncio.sleep(1)
        await until(alone)  # one who stood still is deposed, and may not know it yet
        (first,) = leaders
        tasks[first].cancel()
        await asyncio.gather(tasks[first], return_exceptions=True)
        assert leaders == []
        await until(leading)
        assert leaders == [({"one", "other"} - {first}).pop()]
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def test_a_work_that_fails_is_begun_again_and_one_that_returns_is_done(self, database: Database) -> None:
        begun: list[str] = []

        async def fails(_: Any) -> None:
            begun.append("fails")
            raise ValueError("for a reason")

        async def returns(_: Any) -> None:
            begun.append("returns")

        async def often() -> bool:
            return begun.count("fails") >= 3

        leading = asyncio.create_task(lead(database, {"fails": fails, "returns": returns}))
        await until(often)
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)
        assert begun.count("returns") == 1


@pytest.mark.parametrize("kind", ["refused", "unwritable"])
class TestParking:
    async def test_a_fact_that_cannot_be_taken_in_is_parked_with_what_follows_and_retried_in_order(
        self, given: Given, database: Database, keyring: Keyring, kind: str
    ) -> None:
        trouble = Trouble()
        poisoned = diary(trouble=trouble)
        await prepared(database, poisoned, diary("healthy"), *PROJECTIONS)
        async with fed(database, keyring, poisoned, diary("healthy"), *PROJECTIONS):
            bad = await given.promise("redelivery", "Tomorrow", due=A_DAY)
            await until(lambda: reached(database, "diary"))
            getattr(trouble, kind).add(bad)
            await ask(given, bad)
            good = await given.promise("redelivery", due=A_DAY)
            await until(lambda: reached(database, "diary", "healthy", "commitments"))
            await ask(given, bad)
            await ask(given, good)
            await until(lambda: reached(database, "diary", "healthy", "commitments"))

            assert {row[0] for row in await rows(database)} == {good}
            assert {row[0] for row in await rows(database, "healthy")} == {good, bad}
            async with database.pool.connection() as conn:
                (parked,) = await list_parked(conn)
            assert (parked.projection, parked.stream, parked.events) == ("diary", bad, 2)
            assert "cannot be told" in parked.error if kind == "refused" else parked.error
            if kind == "refused":
                assert trouble.tries == 4  # three times with its page, and then alone

            async with await database.connect("retry") as conn:
                assert await retry_parked(conn, keyring, poisoned, bad) is not None
                assert bad not in {row[0] for row in await rows(database)}
                getattr(trouble, kind).clear()
                await ask(given, bad)
                assert await retry_parked(conn, keyring, poisoned, bad) is None
                assert await list_parked(conn) == []
            await ask(given, bad)
            await until(lambda: reached(database, "diary", "healthy"))
        assert await rows(database) == await rows(database, "healthy")
        assert [row[1] for row in await rows(database) if row[0] == bad] == [1, 2, 3, 4, 5, 6]

    async def test_what_is_taken_back_while_a_page_is_written_is_not_skipped(
        self, given: Given, database: Database, keyring: Keyring, kind: str
    ) -> None:
        trouble = Trouble()
        poisoned = diary(trouble=trouble)
        await prepared(database, poisoned)
        log = Log(database, keyring)
        bad = await given.promise("redelivery", due=A_DAY)
        getattr(trouble, kind).add(bad)
        feed = Feed(log, keyring, poisoned)
        async with await database.connect("feed") as conn, await database.connect("retry") as other:
            await feed.catch_up(conn)
            getattr(trouble, kind).clear()
            following = asyncio.create_task(log.follow())
            running = asyncio.create_task(feed.run(conn))
            await asyncio.sleep(0.2)  # It knows that the stream is parked, and waits for more.
            assert await retry_parked(other, keyring, poisoned, bad) is None
            await ask(given, bad)
            await until(lambda: reached(database, "diary"))
            for task in (running, following):
                task.cancel()
            await asyncio.gather(running, following, return_exceptions=True)
        assert [row[1] for row in await rows(database)] == [1, 2]


async def test_a_fact_that_cannot_be_read_is_parked_everywhere_and_nobody_else_waits(
    given: Given, database: Database, keyring: Keyring
) -> None:
    await prepared(database, diary(), diary("second"))
    bad = await given.promise("redelivery", due=A_DAY)
    await ask(given, bad)
    damage = "UPDATE stored_events SET state = 'no JSON' WHERE originator_version = 2"
    async with database.pool.connection() as conn:
        await conn.execute(damage)
    good = await given.promise("redelivery", due=A_DAY)
    async with fed(database, keyring, diary(), diary("second")):
        await until(lambda: reached(database, "diary", "second"))
    assert [row[0] for row in await rows(database)] == [good]
    async with database.pool.connection() as conn:
        assert {(p.projection, p.stream) for p in await list_parked(conn)} == {("diary", bad), ("second", bad)}


async def test_what_no_fact_is_to_blame_for_parks_nothing(given: Given, database: Database, keyring: Keyring) -> None:
    await prepared(database, diary())
    await given.promise("redelivery", due=A_DAY)
    async with database.pool.connection() as conn:
        await conn.execute("ALTER TABLE diary RENAME TO elsewhere")
        async with fed(database, keyring, diary()):
            await asyncio.sleep(1)
            assert await list_parked(conn) == []
            await conn.execute("ALTER TABLE elsewhere RENAME TO diary")
            await until(lambda: reached(database, "diary"))
    assert len(await rows(database)) == 1

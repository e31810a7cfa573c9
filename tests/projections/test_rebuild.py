"""Building projections anew beside those that are read."""

import asyncio
import random
from uuid import UUID

import pytest

from domain.commitment import Commitment
from domain.errors import ProjectionRebuilding
from domain.keeping import fulfil
from domain.moment import Moment
from domain.order import Assignment
from policies.clock import CLOCK
from projections.checkpoints import list_parked, prepare
from projections.commitments import COMMITMENTS, Commitments
from projections.feed import Feed, StandsAside
from projections.leader import hold
from projections.log import Log
from projections.projection import Projection
from projections.rebuild import Progress, rebuild
from projections.registry import PROJECTIONS
from projections.worker import catch_up
from store.database import Database
from store.keyring import Keyring
from tests.conftest import Given
from tests.projections.diary import Trouble, diary, rows
from tests.projections.test_feeding import A_DAY, ask, fed, prepared, reached, standing, until

pytestmark = pytest.mark.anyio


async def build(database: Database, keyring: Keyring, *projections: Projection) -> list[Progress]:
    told: list[Progress] = []
    async with await database.connect("rebuild") as conn, hold(conn, "rebuild"):
        await rebuild(database, keyring, projections, conn, told.append)
    return told


def keep(commitment: Commitment, moment: Moment) -> None:
    fulfil(commitment, moment, note=None, at=None)


async def some_life(given: Given, number: int, *, seed: int = 1) -> list[UUID]:
    """Commitments on orders, asked for, assigned and kept in no order of theirs."""
    chance = random.Random(seed)
    made: list[UUID] = []
    kept: set[UUID] = set()
    for n in range(number):
        made.append(await given.promise("redelivery", f"promise {n}", due=A_DAY, order_id=f"SO-{n % 7}"))
        if chance.random() < 0.5:
            await ask(given, chance.choice(made))
        if chance.random() < 0.2:
            who = Assignment(f"courier:{chance.choice('abc')}", stop=n, address="Nanjing Road 1")
            await given.assignment(f"SO-{chance.randrange(7)}", "courier", who)
        if n % 5 == 4 and (id := chance.choice(made)) not in kept:
            await given.that(id, keep)
            kept.add(id)
        given.later(minutes=90 * chance.random())
    return made


async def dump(database: Database, projection: Projection) -> dict[str, list[str]]:
    """All rows of a projection as text, but for what is encrypted anew each time it is written."""
    tables = (await database.fetch("SELECT tables FROM checkpoints WHERE name = %s", (projection.name,)))[0][0]
    found = {}
    for table in tables:
        columns = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"
        names = [name for (name,) in await database.fetch(columns, (table,)) if name not in ("personal", "address")]
        query = f"SELECT t::text FROM (SELECT {', '.join(names)} FROM {table}) t ORDER BY 1"
        found[table] = [row for (row,) in await database.fetch(query)]
    return found


async def test_what_is_built_anew_has_the_same_rows_as_what_was_fed(
    given: Given, database: Database, keyring: Keyring
) -> None:
    everything = (*PROJECTIONS, CLOCK)
    await prepared(database, *everything)
    async with fed(database, keyring, *everything):
        late = (await some_life(given, 60))[0]
        given.later(days=2)
        await given.that(late, lambda commitment, moment: fulfil(commitment, moment, note=None, at=None))
        await until(lambda: reached(database, *(projection.name for projection in everything)))
    before = [await dump(database, projection) for projection in everything]
    assert all(any(rows) for tables in before for rows in tables.values() if rows is not None)
    steps = await build(database, keyring, *everything)
    assert [await dump(database, projection) for projection in everything] == before
    assert steps[0].step == "folding"
    assert await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'building'") == []
    indexes = "SELECT count(*) FROM pg_indexes WHERE schemaname = 'public' AND indexname = 'flags_rescue_by_idx'"
    assert await database.fetch(indexes) == [(1,)]


async def test_what_is_recorded_while_it_is_built_is_in_it_and_it_never_stands_behind(
    given: Given, database: Database, keyring: Keyring
) -> None:
    await prepared(database, diary(), diary("fed"))
    await some_life(given, 30)
    async with fed(database, keyring, diary(), diary("fed")):
        await until(lambda: reached(database, "diary", "fed"))
        positions = []
        for number in range(5):
            living = asyncio.create_task(some_life(given, 15, seed=number))
            while not living.done():
                await build(database, keyring, diary())
                positions.append((await standing(database, "diary")).position)
            await living
        assert positions == sorted(positions)
        await until(lambda: reached(database, "diary", "fed"))
    assert await rows(database) == await rows(database, "fed")


async def test_rows_in_the_form_of_an_earlier_version_are_not_read_until_they_are_built_anew(
    given: Given, database: Database, keyring: Keyring
) -> None:
    await prepared(database, COMMITMENTS)
    id = await given.promise("redelivery", due=A_DAY)
    reader = Commitments(database, keyring)
    async with await database.connect("feed") as conn:
        await catch_up(conn, database, keyring, [COMMITMENTS])
        await conn.execute(
            "UPDATE commitments SET document = replace(convert_from(document, 'UTF8'), 'asked', 'a')::bytea"
        )
        with pytest.raises(ProjectionRebuilding):
            await reader.one(id)
        await build(database, keyring, COMMITMENTS)
        shown = await reader.one(id)
    assert shown is not None
    assert shown.handoffs[0].asked == "acknowledged"


async def test_a_later_version_is_built_while_the_one_before_is_read(
    given: Given, database: Database, keyring: Keyring
) -> None:
    await prepared(database, diary())
    made = await some_life(given, 20)
    async with await database.connect("feed") as conn:
        await catch_up(conn, database, keyring, [diary()])
        before = await rows(database)
        later = diary(version=2)
        assert await prepare(conn, [later]) == [later]
        with pytest.raises(StandsAside):
            await Feed(Log(database, keyring), keyring, later).catch_up(conn)
        assert await rows(database) == before
        await build(database, keyring, later)
        assert await rows(database, prefix="2: ") == before
        assert (await standing(database, "diary")).version == 2

        # Who still knows the version before leaves the later one alone.
        assert await prepare(conn, [diary()]) == []
        with pytest.raises(StandsAside):
            await Feed(Log(database, keyring), keyring, diary()).catch_up(conn)
        await ask(given, made[0])
        await catch_up(conn, database, keyring, [later])
        assert len(await rows(database)) > len(before)


async def test_a_new_projection_on_a_log_that_holds_events_is_built_from_it(
    given: Given, database: Database, keyring: Keyring
) -> None:
    await some_life(given, 10)
    async with await database.connect("feed") as conn:
        new = diary()
        assert await prepare(conn, [new]) == [new]
        await build(database, keyring, new)
    assert len(await rows(database)) == (await database.fetch("SELECT count(*) FROM stored_events"))[0][0]


async def test_a_build_that_is_interrupted_goes_on_where_it_was(
    given: Given, database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.rebuild._STREAMS", 5)
    await prepared(database, diary(), diary("fed"))
    await some_life(given, 60)
    async with await database.connect("feed") as conn:
        await catch_up(conn, database, keyring, [diary(), diary("fed")])
    trouble = Trouble()
    trouble.seconds = 0.2
    building = asyncio.create_task(build(database, keyring, diary(trouble=trouble)))
    await until(lambda: folded(database, 30))
    building.cancel()
    await asyncio.gather(building, return_exceptions=True)
    assert await rows(database) == await rows(database, "fed")
    before = (await database.fetch("SELECT folded FROM builds"))[0][0]

    steps = await build(database, keyring, diary())
    assert min(step.done for step in steps if step.step == "folding") > before >= 30
    assert await rows(database) == await rows(database, "fed")
    assert await database.fetch("SELECT 1 FROM builds") == []


async def folded(database: Database, least: int) -> bool:
    found = await database.fetch("SELECT folded FROM builds WHERE name = 'diary'")
    return bool(found and found[0][0] >= least)


async def test_what_cannot_be_taken_in_is_left_out_of_the_build_alone(
    given: Given, database: Database, keyring: Keyring
) -> None:
    trouble = Trouble()
    await prepared(database, diary(trouble=trouble), diary("fed"))
    made = await some_life(given, 20)
    async with await database.connect("feed") as conn:
        await catch_up(conn, database, keyring, [diary(), diary("fed")])
        trouble.refused, trouble.unwritable = {made[3]}, {made[7]}
        await build(database, keyring, diary(trouble=trouble))
        assert {parked.stream for parked in await list_parked(conn)} == {made[3], made[7]}
        left = [row for row in await rows(database, "fed") if row[0] not in (made[3], made[7])]
        assert await rows(database) == left

        # Built once more after the mend, nothing is left out.
        await build(database, keyring, diary())
        assert await list_parked(conn) == []
    assert await rows(database) == await rows(database, "fed")


async def test_what_an_interrupted_build_left_out_is_tried_again_by_whoever_goes_on_with_it(
    given: Given, database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.rebuild._STREAMS", 5)
    trouble = Trouble()
    await prepared(database, diary(), diary("fed"))
    made = await some_life(given, 60)
    async with await database.connect("feed") as conn:
        await catch_up(conn, database, keyring, [diary(), diary("fed")])
        trouble.refused, trouble.seconds = {made[3]}, 0.2
        building = asyncio.create_task(build(database, keyring, diary(trouble=trouble)))
        await until(lambda: folded(database, 30))
        building.cancel()
        await asyncio.gather(building, return_exceptions=True)
        assert await database.fetch("SELECT stream FROM parked WHERE building") == [(made[3],)]

        await build(database, keyring, diary())
        assert await list_parked(conn) == []
    assert await rows(database) == await rows(database, "fed")


async def test_a_reader_that_takes_long_delays_only_the_exchange(
    given: Given, database: Database, keyring: Keyring
) -> None:
    await prepared(database, diary())
    await some_life(given, 5)
    async with await database.connect("reader") as reader, reader.transaction():
        await reader.execute("SELECT * FROM diary")
        building = asyncio.create_task(build(database, keyring, diary()))
        await asyncio.sleep(1)
        assert not building.done()
        assert await asyncio.wait_for(rows(database), 15) == []
    await building
    assert len(await rows(database)) > 0

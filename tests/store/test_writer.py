"""The writer on its own: what is appended together, what fails alone, and what becomes of it when the line is cut."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from domain.errors import Unavailable
from store.clock import SetClock
from store.database import Database
from store.writer import Append, Committed, NewStream, StaleVersion, Writer
from tests.store.losing import Between

pytestmark = pytest.mark.anyio


def facts(stream: UUID, *versions: int) -> list[StoredEvent]:
    return [StoredEvent(stream, version, "CommitmentMade", b"%s/%d" % (uuid4().bytes, version)) for version in versions]


def beginning(stream: UUID, events: int = 1, **more: Any) -> Append:
    """A stream begins with so many facts."""
    named: dict[str, Any] = {"category": "commitment", "order_id": None, "customer_id": "CU-7", "key": b"key", **more}
    return Append(facts(stream, *range(1, events + 1)), {stream: 0}, [NewStream(stream, **named)])


def going_on(stream: UUID, version: int) -> Append:
    """The next fact of a stream that stands at a version."""
    return Append(facts(stream, version + 1), {stream: version})


@asynccontextmanager
async def running(writer: Writer) -> AsyncIterator[None]:
    task = asyncio.create_task(writer.run())
    try:
        yield
    finally:
        await writer.close()
        await task


async def together(writer: Writer, *appends: Append) -> list[Committed | BaseException]:
    """All of them wait before the writer begins: they are one batch, or as few as the writer can make of them."""
    waiting = [asyncio.create_task(writer.append(append)) for append in appends]
    await asyncio.sleep(0)
    async with running(writer):
        return await asyncio.gather(*waiting, return_exceptions=True)


@pytest.fixture
def writer(database: Database, clock: SetClock) -> Writer:
    return Writer(database, clock)


async def logged(database: Database) -> list[tuple[Any, ...]]:
    """Stream, version, position and state of all that is in the log."""
    return await database.fetch(
        "SELECT originator_id, originator_version, notification_id, state FROM stored_events ORDER BY notification_id"
    )


async def assert_logged(database: Database, *appends: Append) -> None:
    """Nothing but these is in the log, each once."""
    expected = sorted((e.originator_id, e.originator_version, e.state) for append in appends for e in append.events)
    assert sorted((id, version, state) for id, version, _, state in await logged(database)) == expected


@asynccontextmanager
async def locked(database: Database) -> AsyncIterator[None]:
    """Another session has the log's lock meanwhile."""
    async with await database.connect("test") as conn, conn.transaction():
        await conn.execute("LOCK TABLE stored_events IN EXCLUSIVE MODE")
        yield


# -- together, and alone ----------------------------------------------------------------------------------------


async def test_what_waits_is_recorded_at_one_instant_each_at_its_positions(
    writer: Writer, database: Database, clock: SetClock
) -> None:
    appends = [beginning(uuid4(), events) for events in (1, 3, 2)]
    committed = await together(writer, *appends)

    positions: list[int] = []
    for append, answer in zip(appends, committed, strict=True):
        assert isinstance(answer, Committed)
        assert answer.recorded_at == clock.now()
        assert answer.position == answer.positions[-1]
        assert len(answer.positions) == len(append.events)
        positions += answer.positions
    assert positions == sorted(positions)
    assert [(id, version, position) for id, version, position, _ in await logged(database)] == [
        (event.originator_id, event.originator_version, position)
        for event, position in zip((e for append in appends for e in append.events), positions, strict=True)
    ]


async def test_of_two_that_expect_the_same_version_one_fails_alone(writer: Writer, database: Database) -> None:
    stream, other = uuid4(), uuid4()
    first, second, third = beginning(stream), beginning(stream), beginning(other)
    answers = await together(writer, first, second, third)

    assert [type(answer) for answer in answers] == [Committed, StaleVersion, Committed]
    await assert_logged(database, first, third)


async def test_what_goes_on_where_another_in_the_queue_ended_succeeds(writer: Writer, database: Database) -> None:
    stream = uuid4()
    appends = [beginning(stream), going_on(stream, 1), going_on(stream, 2)]

    assert [type(answer) for answer in await together(writer, *appends)] == [Committed] * 3
    await assert_logged(database, *appends)


async def test_what_depends_on_a_stream_that_moved_on_fails_though_it_writes_nothing_there(
    writer: Writer, database: Database
) -> None:
    order, made = uuid4(), uuid4()
    assigned = beginning(order)
    promised = beginning(made)
    stale = Append(promised.events, {made: 0, order: 0}, promised.begins)
    answers = await together(writer, assigned, stale)

    assert [type(answer) for answer in answers] == [Committed, StaleVersion]
    await assert_logged(database, assigned)


async def test_what_cannot_be_written_fails_alone(writer: Writer, database: Database) -> None:
    good = [beginning(uuid4()) for _ in range(3)]
    impossible = beginning(uuid4(), category=None)  # the table takes no stream without one
    answers = await together(writer, good[0], impossible, *good[1:])

    assert isinstance(answers[1], psycopg.errors.NotNullViolation)
    assert [type(answer) for answer in (answers[0], *answers[2:])] == [Committed] * 3
    await assert_logged(database, *good)


async def test_the_writer_goes_on_after_what_it_could_not_write(writer: Writer, database: Database) -> None:
    good = beginning(uuid4())
    async with running(writer):
        with pytest.raises(psycopg.errors.NotNullViolation):
            await writer.append(beginning(uuid4(), category=None))
        await writer.append(good)
    await assert_logged(database, good)


async def test_of_two_processes_that_write_at_once_each_has_its_own_positions(
    writer: Writer, database: Database, clock: SetClock
) -> None:
    other = Writer(database, clock)
    appends = [beginning(uuid4(), events=2) for _ in range(100)]
    async with running(writer), running(other):
        answers = await asyncio.gather(
            *((writer, other)[number % 2].append(append) for number, append in enumerate(appends))
        )

    positions = [position for answer in answers for position in answer.positions]
    assert len(set(positions)) == len(positions) == 200
    await assert_logged(database, *appends)


async def test_of_two_processes_that_go_on_with_one_stream_one_wins(
    writer: Writer, database: Database, clock: SetClock
) -> None:
    other, stream = Writer(database, clock), uuid4()
    async with running(writer), running(other):
        await writer.append(beginning(stream))
        for version in range(1, 20):
            answers = await asyncio.gather(
                *(one.append(going_on(stream, version)) for one in (writer, other)), return_exceptions=True
            )
            assert {type(answer) for answer in answers} == {Committed, StaleVersion}
    assert len(await logged(database)) == 20


# -- time -------------------------------------------------------------------------------------------------------


async def test_the_recorded_time_does_not_fall_where_the_clock_does(
    writer: Writer, database: Database, clock: SetClock
) -> None:
    behind = Writer(database, SetClock(clock.now() - timedelta(minutes=5)))
    async with running(writer), running(behind):
        first = await writer.append(beginning(uuid4()))
        second = await behind.append(beginning(uuid4()))
        clock.set(clock.now() + timedelta(seconds=1))
        third = await writer.append(beginning(uuid4()))

    assert second.recorded_at == first.recorded_at
    assert third.recorded_at == clock.now()
    assert first.position < second.position < third.position


async def test_an_empty_log_takes_any_time(database: Database) -> None:
    early = datetime(1970, 1, 1, tzinfo=UTC)
    writer = Writer(database, SetClock(early))
    async with running(writer):
        assert (await writer.append(beginning(uuid4()))).recorded_at == early


# -- too much, and the end --------------------------------------------------------------------------------------


async def test_what_a_full_queue_has_no_room_for_is_turned_away_at_once(database: Database, clock: SetClock) -> None:
    writer = Writer(database, clock, capacity=3)
    appends = [beginning(uuid4()) for _ in range(5)]
    answers = await together(writer, *appends)

    assert [type(answer) for answer in answers] == [Committed] * 3 + [Unavailable] * 2
    assert all(answer.retry_after >= 1 for answer in answers if isinstance(answer, Unavailable))
    await assert_logged(database, *appends[:3])


async def test_what_was_taken_before_the_end_is_recorded_and_nothing_after_it(
    writer: Writer, database: Database
) -> None:
    appends = [beginning(uuid4()) for _ in range(50)]
    async with running(writer):
        async with locked(database):
            taken = [asyncio.create_task(writer.append(append)) for append in appends]
            await asyncio.sleep(0.1)
            await writer.close()
            with pytest.raises(Unavailable, match="stopping"):
                await writer.append(beginning(uuid4()))
        assert [type(answer) for answer in await asyncio.gather(*taken)] == [Committed] * 50
    await assert_logged(database, *appends)


async def test_who_goes_away_while_he_waits_does_not_disturb_the_others(writer: Writer, database: Database) -> None:
    appends = [beginning(uuid4()) for _ in range(3)]
    async with running(writer):
        async with locked(database):
            waiting = [asyncio.create_task(writer.append(append)) for append in appends]
            await asyncio.sleep(0.1)
            waiting[1].cancel()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        last = beginning(uuid4())
        await writer.append(last)

    assert [type(answer) for answer in answers] == [Committed, asyncio.CancelledError, Committed]
    await assert_logged(database, *appends, last)


# -- the line is cut --------------------------------------------------------------------------------------------


async def test_a_connection_that_was_cut_between_two_appends_is_noticed_by_nobody(
    writer: Writer, database: Database
) -> None:
    appends = [beginning(uuid4()) for _ in range(2)]
    async with running(writer):
        await writer.append(appends[0])
        await cut_the_writer_off(database)
        await writer.append(appends[1])
    await assert_logged(database, *appends)


async def test_a_connection_that_is_cut_while_it_waits_for_the_lock_is_made_anew(
    writer: Writer, database: Database
) -> None:
    appends = [beginning(uuid4()) for _ in range(5)]
    async with running(writer):
        async with locked(database):
            waiting = [asyncio.create_task(writer.append(append)) for append in appends]
            await until_the_writer_waits(database)
            await cut_the_writer_off(database)
        answers = await asyncio.gather(*waiting)

    assert len({position for answer in answers for position in answer.positions}) == 5
    await assert_logged(database, *appends)


async def test_a_log_that_stays_locked_is_unavailable_and_nothing_of_it_is_recorded(
    writer: Writer, database: Database
) -> None:
    async with running(writer):
        async with locked(database):
            began = asyncio.get_running_loop().time()
            with pytest.raises(Unavailable):
                await writer.append(beginning(uuid4()))
            assert asyncio.get_running_loop().time() - began < 30
        later = beginning(uuid4())
        await writer.append(later)
    await assert_logged(database, later)


@pytest.mark.parametrize("others", [0, 5])
async def test_a_commit_whose_answer_was_lost_is_found_and_not_repeated(
    database: Database, clock: SetClock, others: int
) -> None:
    """And what waits with it is none the worse."""
    lost = beginning(uuid4(), events=3)
    appends: Sequence[Append] = [*(beginning(uuid4()) for _ in range(others)), lost]
    async with badly_connected(database) as (bad, between):
        writer = Writer(bad, clock)
        between.lose_the_answer_to(lost.events[0].state)
        answers = await together(writer, *appends)

    assert between.lost == 1
    positions = {(id, version): position for id, version, position, _ in await logged(database)}
    for append, answer in zip(appends, answers, strict=True):
        assert isinstance(answer, Committed), answer
        assert list(answer.positions) == [positions[e.originator_id, e.originator_version] for e in append.events]
        assert answer.recorded_at == clock.now()
    await assert_logged(database, *appends)


async def test_a_conflict_behind_a_lost_answer_is_still_a_conflict(database: Database, clock: SetClock) -> None:
    """What was lost was a refusal, or somebody else's: the writer takes nothing of others for its own."""
    stream = uuid4()
    begun, theirs, mine = beginning(stream), going_on(stream, 1), going_on(stream, 1)
    await together(Writer(database, clock), begun, theirs)
    async with badly_connected(database) as (bad, between):
        between.lose_the_answer_to(mine.events[0].state)
        (answer,) = await together(Writer(bad, clock), mine)

    assert between.lost == 1
    assert isinstance(answer, StaleVersion)
    await assert_logged(database, begun, theirs)


async def until_the_writer_waits(database: Database) -> None:
    waits = (
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'upheld-writer'"
        " AND datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = asyncio.get_running_loop().time() + 30
    while not await database.fetch(waits):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


async def cut_the_writer_off(database: Database) -> None:
    cut = await database.fetch(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE application_name = 'upheld-writer' AND datname = current_database()"
    )
    assert cut == [(True,)]


@asynccontextmanager
async def badly_connected(database: Database) -> AsyncIterator[tuple[Database, Between]]:
    """The same database, over a line on which an answer can be lost."""
    with tempfile.TemporaryDirectory(prefix="upheld-tests-") as folder:
        async with Between.open(database.dsn, Path(folder)) as between, Database.open(between.dsn, Path()) as bad:
            yield bad, between

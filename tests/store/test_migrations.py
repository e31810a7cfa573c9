import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL

from domain.errors import ConfigurationError, Unavailable
from store.database import Connection
from store.embedded import EmbeddedServer
from store.migrations import _load, apply, pending
from store.queries import queries

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
STARTING_PROCESS = """
import asyncio, sys, psycopg
from store.migrations import apply
async def main():
    async with await psycopg.AsyncConnection.connect(sys.argv[1], autocommit=True) as connection:
        sys.stdin.readline()
        print(len(await apply(connection)))
print("ready", flush=True)
asyncio.run(main())
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer.start(tmp_path_factory.mktemp("migrations"))
    yield server
    server.stop()


@pytest.fixture
def dsn(server: EmbeddedServer) -> str:
    """The address of an empty database."""
    name = f"empty_{uuid4().hex}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.dsn.replace("/upheld?", f"/{name}?")


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        yield connection


async def test_each_file_is_applied_once_and_recorded(connection: Connection, dsn: str) -> None:
    missing = await pending(dsn)
    assert missing[0] == "0001_ledger"
    assert await apply(connection) == missing
    assert await apply(connection) == []
    assert await pending(dsn) == []
    cursor = await connection.execute("SELECT number, name, length(checksum) FROM schema_migrations ORDER BY number")
    assert (await cursor.fetchall())[0] == (1, "0001_ledger", 64)


async def test_asking_what_is_pending_changes_nothing(connection: Connection, dsn: str) -> None:
    await pending(dsn)
    cursor = await connection.execute("SELECT to_regclass('schema_migrations')")
    assert await cursor.fetchone() == (None,)


async def test_of_four_processes_that_start_at_once_one_applies_and_all_go_on(dsn: str) -> None:
    command = [sys.executable, "-W", "error", "-c", STARTING_PROCESS, dsn]
    processes = [
        await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    answers = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [errors for _, errors in answers] == [b""] * 4
    counts = sorted(int(count) for count, _ in answers)
    assert counts[:3] == [0, 0, 0]
    assert counts[3] > 0


async def test_a_file_that_fails_leaves_nothing_behind_and_releases_the_lock(connection: Connection, dsn: str) -> None:
    await connection.execute("CREATE TABLE keyring ()")  # the last table of the file
    with pytest.raises(psycopg.errors.DuplicateTable):
        await apply(connection)
    cursor = await connection.execute("SELECT to_regclass('stored_events'), count(*) FROM schema_migrations")
    assert await cursor.fetchone() == (None, 0)
    await connection.execute("DROP TABLE keyring")
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as another:
        assert await apply(another)


async def test_an_applied_file_that_was_changed_is_refused(connection: Connection, dsn: str) -> None:
    await apply(connection)
    await connection.execute("UPDATE schema_migrations SET checksum = 'another' WHERE number = 1")
    for attempt in (apply(connection), pending(dsn)):
        with pytest.raises(ConfigurationError, match="'0001_ledger' is not the one that made this database"):
            await attempt


async def test_a_database_newer_than_the_code_is_refused(connection: Connection, dsn: str) -> None:
    await apply(connection)
    await connection.execute("INSERT INTO schema_migrations VALUES (9999, '9999_of_tomorrow', 'x', now())")
    for attempt in (apply(connection), pending(dsn)):
        with pytest.raises(ConfigurationError, match="newer than this Upheld: it has '9999_of_tomorrow'"):
            await attempt


async def test_a_database_out_of_reach_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await pending(f"postgresql://postgres@/upheld?host={tmp_path}")


async def test_the_library_reads_the_rows_of_the_log(connection: Connection, dsn: str) -> None:
    await apply(connection)
    stream = UUID(int=7)
    await connection.execute(
        "INSERT INTO stored_events (originator_id, originator_version, topic, state, recorded_at) "
        "SELECT %s, version, 'made', 'state'::bytea, timestamptz '2026-11-23 08:00Z' "
        "FROM generate_series(1, 3) version",
        (stream,),
    )
    recorder = a_recorder(dsn)
    try:
        events = recorder.select_events(stream, gt=1)
        assert [(event.originator_id, event.originator_version, event.topic, event.state) for event in events] == [
            (stream, 2, "made", b"state"),
            (stream, 3, "made", b"state"),
        ]
        assert [notification.id for notification in recorder.select_notifications(start=2, limit=10)] == [2, 3]
        assert recorder.max_notification_id() == 3
    finally:
        recorder.datastore.close()


def a_recorder(dsn: str) -> PostgresApplicationRecorder:
    address = conninfo_to_dict(dsn)
    datastore = PostgresDatastore(str(address["dbname"]), str(address["host"]), 5432, "postgres", "")
    return PostgresApplicationRecorder(datastore)


async def test_the_last_position_before_an_instant_is_found_among_gaps_and_equal_times(connection: Connection) -> None:
    await apply(connection)
    # Three events each ten seconds, at positions of which every seventh is a gap.
    await connection.execute(
        "INSERT INTO stored_events (notification_id, originator_id, originator_version, recorded_at) "
        "SELECT n, gen_random_uuid(), 1, timestamptz '2026-11-23 08:00Z' + n / 3 * interval '10 seconds' "
        "FROM generate_series(1, 5000) n WHERE n % 7 <> 0"
    )
    cursor = await connection.execute(
        "SELECT n, last_position_before(at),"
        "       coalesce((SELECT max(notification_id) FROM stored_events e WHERE e.recorded_at < at), 0)"
        "FROM (SELECT n, timestamptz '2026-11-23 07:59Z' + n * interval '7 seconds' AS at"
        "      FROM generate_series(0, 2600, 13) n) AS instants"
    )
    found = await cursor.fetchall()
    assert [(n, position) for n, position, _ in found] == [(n, expected) for n, _, expected in found]
    assert found[0][1] == 0
    assert found[-1][1] == 5000


async def test_a_log_from_before_partitions_keeps_its_events_and_knows_its_streams(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = _load()
    with monkeypatch.context() as patch:
        patch.setattr("store.migrations._load", lambda: everything[:2])
        await apply(connection)
    one, other = UUID(int=1), UUID(int=2)
    for stream in (one, other):
        await connection.execute("INSERT INTO streams (id, category, key) VALUES (%s, 'order', 'k')", (stream,))
    for stream, version in ((one, 1), (other, 1), (one, 2)):
        await connection.execute(
            "INSERT INTO stored_events (originator_id, originator_version, recorded_at) VALUES (%s, %s, '2026-11-23Z')",
            (stream, version),
        )
    await apply(connection)
    cursor = await connection.execute("SELECT id, version, first_position, last_position FROM streams ORDER BY id")
    assert await cursor.fetchall() == [(one, 2, 1, 3), (other, 1, 2, 2)]
    cursor = await connection.execute("SELECT notification_id, originator_id FROM stored_events ORDER BY 1")
    assert await cursor.fetchall() == [(1, one), (2, other), (3, one)]


async def test_a_file_that_comes_later_with_a_lower_number_is_applied_all_the_same(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = _load()
    missing = next(migration for migration in everything if migration.name == "0010_webhooks")
    with monkeypatch.context() as patch:
        patch.setattr("store.migrations._load", lambda: [one for one in everything if one != missing])
        await apply(connection)

    assert await apply(connection) == [missing.name]
    assert await apply(connection) == []


async def test_partitions_are_made_ahead_and_a_stream_is_read_from_its_own(connection: Connection) -> None:
    await apply(connection)
    for position in (9_500_000, 10_500_000, 20_500_000):
        await connection.execute("SELECT make_partition_for(%s)", (position,))
    await connection.execute(
        "INSERT INTO stored_events (notification_id, originator_id, originator_version, recorded_at) "
        "SELECT n * 5000, gen_random_uuid(), 1, '2026-11-23Z' FROM generate_series(1, 5900) n"
    )
    await connection.execute(
        "INSERT INTO streams (id, category, key, version, first_position, last_position) "
        "SELECT originator_id, 'order', 'k', 1, notification_id, notification_id FROM stored_events"
    )
    await connection.execute("ANALYZE")
    load = queries("store", "streams.sql")["load"]
    cursor = await connection.execute("SELECT originator_id FROM stored_events WHERE notification_id = 15000000")
    (stream,) = await cursor.fetchone() or (None,)
    for _ in range(7):  # in the end the plan is a generic one
        cursor = await connection.execute(
            SQL("EXPLAIN (ANALYZE, COSTS OFF) {}").format(SQL(load)), (0, 99, "2027-01-01Z", stream)
        )
    plan = [line.strip() for (line,) in await cursor.fetchall()]
    read = [line for line in plan if "stored_events_p" in line and "never executed" not in line]
    assert len(read) == 1, plan
    assert "stored_events_p10000000_originator_id_originator_version_idx" in read[0]

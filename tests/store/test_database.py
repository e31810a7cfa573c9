import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from domain.errors import ConfigurationError, Unavailable
from store.database import Database, _problem, reaching_the_database
from store.embedded import EmbeddedServer

pytestmark = pytest.mark.anyio


on_both_loops = pytest.mark.parametrize(
    "anyio_backend", [("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})], ids=["asyncio", "uvloop"]
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with tempfile.TemporaryDirectory(prefix="upheld-tests-") as folder:
        server = EmbeddedServer.start(Path(folder))
        yield server
        server.stop()


def signal_postmaster(server: EmbeddedServer, number: signal.Signals) -> None:
    os.kill(int((server.pgdata / "postmaster.pid").read_text().split()[0]), number)


def stop_at_once(server: EmbeddedServer) -> None:
    signal_postmaster(server, signal.SIGQUIT)  # what pg_ctl stop -m immediate does
    while server.is_running():
        time.sleep(0.01)


async def one(database: Database) -> object:
    with reaching_the_database():
        async with database.pool.connection() as connection:
            cursor = await connection.execute("SELECT 1")
            return await cursor.fetchone()


async def answers_again_within(seconds: float, database: Database) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            return await one(database) == (1,)
        except Unavailable:
            await asyncio.sleep(0.05)
    return False


@on_both_loops
async def test_without_an_address_the_embedded_server_is_started_and_stopped(server: EmbeddedServer) -> None:
    async with Database.open(None, server.data_dir) as database:
        assert database.dsn == server.dsn
        assert await one(database) == (1,)
    assert server.is_running()


async def test_a_reader_gets_plain_tuples_in_utc_and_a_limit_on_its_patience(server: EmbeddedServer) -> None:
    async with Database.open(server.dsn, Path("unused")) as database, database.pool.connection() as connection:
        assert connection.autocommit
        cursor = await connection.execute(
            "SELECT current_setting('TimeZone'), current_setting('statement_timeout'), "
            "current_setting('application_name')"
        )
        assert await cursor.fetchone() == ("UTC", "10s", "upheld-read")


async def test_a_connection_of_ones_own_carries_its_name_and_has_no_limit(server: EmbeddedServer) -> None:
    async with Database.open(server.dsn, Path("unused")) as database, await database.connect("writer") as connection:
        assert connection.autocommit
        cursor = await connection.execute(
            "SELECT current_setting('statement_timeout'), current_setting('application_name')"
        )
        assert await cursor.fetchone() == ("0", "upheld-writer")


async def test_what_takes_too_long_is_unavailable(server: EmbeddedServer) -> None:
    async with Database.open(server.dsn, Path("unused")) as database, await database.connect("test") as connection:
        await connection.execute("SET statement_timeout = '20ms'")
        with pytest.raises(Unavailable, match="too long"), reaching_the_database():
            await connection.execute("SELECT pg_sleep(5)")


async def test_what_was_asked_wrongly_is_not_called_unavailable(server: EmbeddedServer) -> None:
    async with Database.open(server.dsn, Path("unused")) as database, await database.connect("test") as connection:
        with pytest.raises(psycopg.errors.UndefinedTable), reaching_the_database():
            await connection.execute("SELECT * FROM nothing")


async def test_a_primary_that_became_read_only_is_unavailable(server: EmbeddedServer) -> None:
    async with Database.open(server.dsn, Path("unused")) as database, await database.connect("test") as connection:
        await connection.execute("SET default_transaction_read_only = on")
        with pytest.raises(Unavailable, match="out of reach") as refused, reaching_the_database():
            await connection.execute("CREATE TABLE t ()")
        assert refused.value.retry_after == 1


async def test_a_pool_that_is_exhausted_is_unavailable_within_its_time(server: EmbeddedServer) -> None:
    async with Database.open(server.dsn, Path("unused"), max_connections=1) as database, database.pool.connection():
        begin = time.monotonic()
        with pytest.raises(Unavailable):
            await one(database)
        assert 2.5 < time.monotonic() - begin < 20


async def test_readers_fail_fast_while_the_server_is_away_and_succeed_when_it_is_back(server: EmbeddedServer) -> None:
    async with Database.open(server.dsn, Path("unused")) as database:
        await asyncio.gather(*(one(database) for _ in range(20)))
        stop_at_once(server)
        for _ in range(2):
            begin = time.monotonic()
            answers = await asyncio.gather(*(one(database) for _ in range(20)), return_exceptions=True)
            assert all(isinstance(answer, Unavailable) for answer in answers)
            assert time.monotonic() - begin < 20
        with pytest.raises(Unavailable):
            await database.connect("writer")
        await asyncio.to_thread(server.revive)
        assert await answers_again_within(30, database)
        await asyncio.sleep(0.1)
        assert await asyncio.gather(*(one(database) for _ in range(20))) == [(1,)] * 20


@on_both_loops
async def test_an_embedded_server_that_is_killed_comes_back_by_itself(server: EmbeddedServer) -> None:
    async with Database.open(None, server.data_dir) as database:
        await one(database)
        signal_postmaster(server, signal.SIGKILL)
        await asyncio.sleep(0.1)
        assert await answers_again_within(30, database)


async def test_a_database_out_of_reach_is_told_with_its_reason_in_one_line(server: EmbeddedServer) -> None:
    with pytest.raises(Unavailable, match=r"out of reach: .*refused") as refused:
        async with Database.open("postgresql://ling:secret@127.0.0.1:1/upheld", Path("unused")):
            pass
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


async def test_a_damaged_address_is_refused_without_showing_it(server: EmbeddedServer) -> None:
    with pytest.raises(ConfigurationError, match="UPHELD_DATABASE_URL") as refused:
        async with Database.open("postgresql//ling:secret@host", Path("unused")):
            pass
    assert "secret" not in str(refused.value)


async def test_a_database_in_another_encoding_is_refused(server: EmbeddedServer) -> None:
    async with Database.open(server.dsn, Path("unused")) as database, await database.connect("test") as connection:
        await connection.execute("DROP DATABASE IF EXISTS latin")
        await connection.execute(
            "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        )
    with pytest.raises(ConfigurationError, match="in LATIN1, Upheld needs one in UTF8"):
        async with Database.open(server.dsn.replace("/upheld?", "/latin?"), Path("unused")):
            pass


async def test_a_start_that_is_refused_leaves_no_server_behind(tmp_path: Path) -> None:
    server = EmbeddedServer.start(tmp_path)
    with psycopg.connect(server.dsn.replace("/upheld?", "/postgres?"), autocommit=True) as connection:
        connection.execute("ALTER DATABASE upheld ALLOW_CONNECTIONS false")
    server.stop()
    with pytest.raises(Unavailable, match="not currently accepting connections"):
        async with Database.open(None, tmp_path):
            pass
    assert not server.is_running()


@pytest.mark.parametrize(
    ("version", "encoding", "problem"),
    [
        (140012, "UTF8", "PostgreSQL 14 is too old, Upheld needs 15 or later"),
        (150000, "SQL_ASCII", "the database is in SQL_ASCII, Upheld needs one in UTF8"),
        (150000, "UTF8", None),
        (180004, "UTF8", None),
    ],
)
def test_postgresql_15_in_utf8_and_later_can_serve(version: int, encoding: str, problem: str | None) -> None:
    assert _problem(version, encoding) == problem

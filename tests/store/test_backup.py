"""What is backed up while everything goes on is restored whole or not at all, and goes on."""

import asyncio
import base64
import subprocess
from asyncio.subprocess import PIPE
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from domain.catalogue import Catalogue
from domain.errors import ConfigurationError, NotFound, NotRestorable, Unavailable
from store import migrations
from store.archive import About, Archive
from store.backup import back_up
from store.clock import SetClock
from store.database import Database
from store.embedded import PROGRAMS, EmbeddedServer
from store.keyring import Keyring
from store.ledger import Ledger
from store.programs import running
from store.restore import check_fits, load, restoring, settle
from store.seals import put_seal
from store.timelines import AHEAD, timelines
from store.verification import verify
from store.writer import Writer
from tests.conftest import Given

pytestmark = pytest.mark.anyio

LOG = "SELECT notification_id, originator_id, originator_version, recorded_at, topic, state FROM stored_events"
FINGERPRINT = "INSERT INTO keyring (fingerprint) VALUES (%s) ON CONFLICT DO NOTHING"


@pytest.fixture
async def log(database: Database, keyring: Keyring, given: Given) -> Database:
    """A log of forty events, the first thirty of which are sealed."""
    async with await database.connect("test") as conn:
        await conn.execute(FINGERPRINT, (keyring.fingerprint,))
        for number in range(20):
            await given.promise("refund", f"Promise {number}", due=timedelta(days=3))
            if number == 14:
                await put_seal(conn, keyring, given.now)
    return database


async def backed_up(database: Database, file: Path, clock: SetClock) -> About:
    return await back_up(database, file, version="1", now=clock.now())


async def restored(url: str, file: Path, keyring: Keyring, clock: SetClock) -> int:
    """Restore into a database, as the command does; answers where the log goes on."""
    async with Database.open(url, Path()) as database, await database.connect("restore") as conn:
        with Archive.open(file) as archive:
            check_fits(archive.about, keyring, "the key")
            archive.check(lambda _: None)
            async with restoring(conn, archive) as is_loaded:
                if not is_loaded:
                    await load(database, archive)
                await migrations.apply(conn, restoring=True)
                async with conn.transaction():
                    return await settle(conn, clock.now())


def content(file: Path) -> bytes:
    return file.read_bytes()


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def ran(*command: str, folder: Path) -> bytes:
    """What a program said that ended well."""
    return subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout


async def rows(url: str, query: str = LOG) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(url) as conn:
        return await (await conn.execute(f"{query} ORDER BY 1".encode())).fetchall()


# -- what is backed up ------------------------------------------------------------------------------------------


async def test_what_is_recorded_meanwhile_holds_up_nothing_and_the_backup_is_of_one_moment(
    log: Database, given: Given, keyring: Keyring, clock: SetClock, tmp_path: Path, bare_database: Callable[[], str]
) -> None:
    done = asyncio.Event()

    async def go_on() -> int:
        made = 0
        while not done.is_set():
            await given.promise("refund", f"Meanwhile {made}", due=timedelta(days=3), order_id=f"SO-{made}")
            made += 1
        return made

    writing = asyncio.create_task(go_on())
    file = tmp_path / "upheld.backup"
    about = await backed_up(log, file, clock)
    done.set()
    assert await writing > 5, "appends wait for no backup"
    url = bare_database()
    await restored(url, file, keyring, clock)

    assert await rows(url) == [row for row in await rows(log.dsn) if int(str(row[0])) <= about.position]
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        verdict = await verify(conn, keyring)
    assert (verdict.holds, verdict.seals, verdict.sealed_until) == (True, 1, 30), verdict.problems


async def test_a_restored_log_goes_on_behind_every_position_that_the_lost_one_may_have_had(
    log: Database,
    catalogue: Catalogue,
    keyring: Keyring,
    clock: SetClock,
    tmp_path: Path,
    bare_database: Callable[[], str],
) -> None:
    about = await backed_up(log, tmp_path / "upheld.backup", clock)
    url = bare_database()
    begins = await restored(url, tmp_path / "upheld.backup", keyring, clock)
    assert (about.position, begins) == (40, 40 + AHEAD + 1)

    async with Database.open(url, Path()) as database:
        writer = Writer(database, clock)
        running_writer = asyncio.create_task(writer.run())
        given = Given(Ledger(database, keyring, writer, clock), clock, catalogue)
        id = await given.promise("refund", "After the restore", due=timedelta(days=3))
        await writer.close()
        await running_writer
        async with await database.connect("test") as conn:
            # There are positions between that nobody has, and the next seal covers what comes behind them.
            await put_seal(conn, keyring, clock.now())
            verdict = await verify(conn, keyring)
            assert [(one.kept, one.begins) for one in await timelines(conn)] == [(40, begins)]
    partitions = await rows(url, "SELECT tableoid::regclass::text, notification_id FROM stored_events")
    assert partitions[-2:] == [("stored_events_p10000000", begins), ("stored_events_p10000000", begins + 1)]
    assert await rows(url, f"SELECT first_position FROM streams WHERE id = '{id}'") == [(begins,)]
    assert (verdict.holds, verdict.events, verdict.sealed_until) == (True, 42, begins + 1), verdict.problems


async def test_a_log_that_was_restored_twice_never_gives_a_position_twice(
    log: Database, keyring: Keyring, clock: SetClock, tmp_path: Path, bare_database: Callable[[], str]
) -> None:
    await backed_up(log, tmp_path / "first", clock)
    first, second = bare_database(), bare_database()
    begins = await restored(first, tmp_path / "first", keyring, clock)
    async with Database.open(first, Path()) as database:
        await backed_up(database, tmp_path / "second", clock)

    assert await restored(second, tmp_path / "second", keyring, clock) == begins + AHEAD + 1


async def test_neither_the_master_key_nor_what_it_keeps_secret_is_in_a_backup(
    log: Database, clock: SetClock, tmp_path: Path
) -> None:
    await backed_up(log, tmp_path / "upheld.backup", clock)
    ran("tar", "-xf", "upheld.backup", folder=tmp_path)
    plain = ran(str(PROGRAMS / "pg_restore"), "--file=-", "database.dump", folder=tmp_path)

    master = bytes(range(32))
    assert b"CommitmentMade" in plain, "any tar and any pg_restore read it"
    assert not any(
        secret in plain for secret in (b"Promise 1", master, master.hex().encode(), base64.b64encode(master))
    )
    assert (tmp_path / "upheld.backup").stat().st_mode & 0o777 == 0o600


async def test_a_backup_takes_no_other_files_place_and_leaves_none_behind_that_failed(
    log: Database, clock: SetClock, tmp_path: Path
) -> None:
    (tmp_path / "here").write_text("something else")
    with pytest.raises(ConfigurationError, match="is there already"):
        await backed_up(log, tmp_path / "here", clock)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        await backed_up(log, tmp_path / "nowhere" / "file", clock)
    missing = Database(make_conninfo(log.dsn, dbname="nobody_has_it"), Path())
    missing.dsn = make_conninfo(log.dsn, dbname="nobody_has_it")
    with pytest.raises(Unavailable):
        await backed_up(missing, tmp_path / "file", clock)
    assert names(tmp_path) == ["here"]
    assert (tmp_path / "here").read_text() == "something else"


async def test_where_there_is_no_log_there_is_nothing_to_back_up(
    bare_database: Callable[[], str], clock: SetClock, tmp_path: Path
) -> None:
    async with Database.open(bare_database(), Path()) as database:
        with pytest.raises(NotFound, match="no log in this database"):
            await backed_up(database, tmp_path / "file", clock)
    assert names(tmp_path) == []


async def test_a_password_is_no_argument_of_a_program(server: EmbeddedServer) -> None:
    dsn = make_conninfo(server.dsn, password="hush-hush")
    async with running("psql", dsn, stdin=PIPE, stdout=PIPE) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write(b"SELECT 'it runs';\n")
        await program.stdout.readuntil(b"it runs")
        arguments, known = (content(Path(f"/proc/{program.pid}/{name}")) for name in ("cmdline", "environ"))
    assert b"hush-hush" not in arguments
    assert b"PGPASSWORD=hush-hush" in known


# -- what cannot be restored ------------------------------------------------------------------------------------


@pytest.fixture
async def backup(log: Database, clock: SetClock, tmp_path: Path) -> Path:
    await backed_up(log, tmp_path / "upheld.backup", clock)
    return tmp_path / "upheld.backup"


async def test_a_file_that_ends_too_early_is_refused_wherever_it_ends(
    backup: Path, keyring: Keyring, clock: SetClock, tmp_path: Path, bare_database: Callable[[], str]
) -> None:
    whole, url = content(backup), bare_database()
    cut = tmp_path / "cut"
    for size in (0, 1, 511, 512, 513, 5_000, len(whole) // 2, len(whole) - 3_000, whole.index(b"backup.json") + 100):
        cut.write_bytes(whole[:size])
        with pytest.raises(NotRestorable, match=r"is not complete|is no backup of Upheld"):
            await restored(url, cut, keyring, clock)
    assert await tables(url) == []


async def test_a_file_in_which_a_byte_is_another_one_is_refused(
    backup: Path, keyring: Keyring, clock: SetClock, tmp_path: Path, bare_database: Callable[[], str]
) -> None:
    whole, url = content(backup), bare_database()
    with Archive.open(backup) as archive:
        size = archive.about.size
    for place in (512, 600, 512 + size // 2, 511 + size):
        changed = bytearray(whole)
        changed[place] ^= 1
        (tmp_path / "changed").write_bytes(changed)
        with pytest.raises(NotRestorable, match="is damaged"):
            await restored(url, tmp_path / "changed", keyring, clock)
    assert await tables(url) == []


@pytest.mark.parametrize("content", [b"", b"PGDMP", b"x" * 4_000, bytes(10_240)])
async def test_what_is_no_backup_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(NotRestorable, match="is no backup of Upheld"), Archive.open(tmp_path / "file"):
        pass


async def test_an_archive_of_something_else_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("{}")
    ran("tar", "-cf", "file", "page", "page", folder=tmp_path)
    with pytest.raises(NotRestorable, match="is no backup of Upheld"), Archive.open(tmp_path / "file"):
        pass
    with pytest.raises(NotRestorable, match="cannot be read: No such file"), Archive.open(tmp_path / "nowhere"):
        pass


async def test_another_master_key_is_refused_before_anything_is_changed(
    backup: Path, clock: SetClock, bare_database: Callable[[], str]
) -> None:
    url = bare_database()
    with pytest.raises(NotRestorable, match="the key holds another master key than the one"):
        await restored(url, backup, Keyring(bytes(32)), clock)
    assert await tables(url) == []


async def test_a_backup_of_a_later_upheld_is_refused(backup: Path, keyring: Keyring) -> None:
    with Archive.open(backup) as archive:
        later = msgspec.structs.replace(archive.about, migration="9999_later", upheld="99.0")
    with pytest.raises(NotRestorable, match=r"made by Upheld 99\.0, which is later than this one"):
        check_fits(later, keyring, "the key")


async def test_a_database_that_holds_anything_is_left_as_it_is(
    log: Database, backup: Path, keyring: Keyring, clock: SetClock, bare_database: Callable[[], str]
) -> None:
    before = await rows(log.dsn)
    with pytest.raises(NotRestorable, match="holds a log with events up to position 40"):
        await restored(log.dsn, backup, keyring, clock)
    other = bare_database()
    async with await psycopg.AsyncConnection.connect(other, autocommit=True) as conn:
        await conn.execute("CREATE TABLE of_somebody_else (n int)")
    with pytest.raises(NotRestorable, match="holds tables already"):
        await restored(other, backup, keyring, clock)

    assert await rows(log.dsn) == before
    assert await tables(other) == ["of_somebody_else"]


async def tables(url: str) -> list[str]:
    found = await rows(
        url,
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace >= 16384 "
        "OR relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace",
    )
    return [str(name) for (name,) in found]

"""What an operator does against loss: `upheld backup` and `upheld restore`."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from api.logs import configure_logs
from api.settings import Settings
from api.status import check_there_is_a_log
from api.verdicts import tell_verdict
from policies.silencing import silence
from projections.leader import hold
from store import migrations, verification
from store.archive import About, Archive
from store.backup import back_up
from store.clock import SystemClock
from store.database import Connection, Database, reaching_the_database
from store.keyring import Keyring, find_keyring
from store.restore import analyse, check_fits, load, restoring, settle
from store.verification import Verdict

__all__ = ["backup", "restore"]


def backup(
    target: Annotated[
        Path, typer.Argument(metavar="FILE|DIR", help="A file that is not there yet; in a folder, one is named.")
    ],
) -> None:
    """Back up the database, while everything goes on. The master key is not in it."""
    settings = Settings.load()
    now = SystemClock().now()
    file = target / f"upheld-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.backup" if target.is_dir() else target
    about = asyncio.run(_backup(settings, file, now))
    print(f"{file}: the log up to position {about.position}, {about.size} bytes, sha256 of the dump {about.sha256}")
    print(
        f"the master key is not in it: it is in {_key_lies_in(settings)}; keep a copy of it elsewhere than the backups"
    )


def _key_lies_in(settings: Settings) -> str:
    if settings.master_key is not None:
        return "UPHELD_MASTER_KEY"
    return str(settings.master_key_file or settings.data_dir / "master.key")


async def _backup(settings: Settings, file: Path, now: datetime) -> About:
    check_there_is_a_log(settings)
    configure_logs()
    async with (
        Database.open(settings.database_url, settings.data_dir) as database,
        await database.connect("backup") as conn,
    ):
        with reaching_the_database(), _showing("backing up") as tell:
            # A rebuild swaps tables, which would wait for the dump, and everybody who reads them for the rebuild.
            async with hold(conn, "rebuild"):
                return await back_up(database, file, version=version("upheld"), now=now, tell=tell)


@dataclass(frozen=True, slots=True)
class _Restored:
    """What became of it: where the log ends and where it goes on, and what nobody is told any more."""

    about: About
    begins: int
    silenced: int
    verdict: Verdict


def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    send_waiting: Annotated[
        bool, typer.Option("--send-waiting", help="Send what waited when it was made; for a move, after a stop.")
    ] = False,
) -> None:
    """Restore a backup into an empty database; exit status 1 where its seals do not hold."""
    done = asyncio.run(_restore(Settings.load(), file, send_waiting=send_waiting))
    print(f"restored: the log up to position {done.about.position}, as it was at {_told(done.about.made_at)}")
    print(f"it goes on at position {done.begins}; what was recorded since the backup is lost")
    if done.silenced:
        print(f"{done.silenced} things that people were to be told are not told by this copy: see --send-waiting")
    raise typer.Exit(0 if tell_verdict(done.verdict) else 1)


def _told(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


async def _restore(settings: Settings, file: Path, *, send_waiting: bool) -> _Restored:
    configure_logs()
    with Archive.open(file) as archive:
        # All that can be known before anything is touched.
        keyring, source = find_keyring(
            settings.data_dir, master_key=settings.master_key, master_key_file=settings.master_key_file
        )
        check_fits(archive.about, keyring, source)
        with _showing("reading", archive.about.size) as tell:
            archive.check(tell)
        async with (
            Database.open(settings.database_url, settings.data_dir) as database,
            await database.connect("restore") as conn,
        ):
            with reaching_the_database():
                return await _into(database, conn, archive, keyring, send_waiting=send_waiting)


async def _into(
    database: Database, conn: Connection, archive: Archive, keyring: Keyring, *, send_waiting: bool
) -> _Restored:
    async with restoring(conn, archive) as is_loaded:
        if not is_loaded:
            with _showing("restoring", archive.about.size) as tell:
                await load(database, archive, tell)
        await migrations.apply(conn, restoring=True)
        async with conn.transaction():
            now = await _now(conn)
            silenced = 0 if send_waiting else await silence(conn, now)
            begins = await settle(conn, now)
        await analyse(conn)
        return _Restored(archive.about, begins, silenced, await verification.verify(conn, keyring))


async def _now(conn: Connection) -> datetime:
    """The time by which the restored log goes: a test's clock comes along with it."""
    row = await (await conn.execute("SELECT now FROM test_clock")).fetchone()
    return row[0] if row else SystemClock().now()


@contextmanager
def _showing(what: str, size: int | None = None) -> Iterator[Callable[[int], None]]:
    """How far it has come, on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<12}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=size)
        yield lambda done: bar.advance(task, done)

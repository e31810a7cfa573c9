"""What an operator does about the master key: put another one in its place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from api.settings import Settings
from api.status import check_there_is_a_log
from store import migrations
from store.database import Connection, Database, reaching_the_database
from store.embedded import EmbeddedServer
from store.keyring import find_master, new_master
from store.rewrapping import rewrap

__all__ = ["master_key_app"]

master_key_app = typer.Typer(no_args_is_help=True, help="The key that wraps all others.")


@master_key_app.callback()
def master_key() -> None:
    """The key that wraps all others."""


@master_key_app.command()
def rotate(
    file: Annotated[Path, typer.Argument(help="Where the new key is, 32 bytes in base64, or is to be made.")],
) -> None:
    """Wrap all keys by another master key, while nothing else runs. What was interrupted goes on when it is run again.

    The key in use is the one that the settings name.
    """
    settings = Settings.load()
    check_there_is_a_log(settings)
    foreign = asyncio.run(_rotate(settings, file))
    print(f"the master key is the one in {file} from now on: UPHELD_MASTER_KEY_FILE must name it")
    print("the old one opens backups from before, and nothing else")
    if foreign:
        print(f"{foreign} keys were wrapped by neither of the two: see upheld verify")
        raise typer.Exit(1)


async def _rotate(settings: Settings, file: Path) -> int:
    """Answers how many keys were not ours."""
    old = find_master(settings.data_dir, settings.master_key, settings.master_key_file)
    console, foreign = Console(stderr=True), dict[str, int]()
    columns = (TextColumn("{task.description:<24}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    async with _connection(settings) as conn:
        with Bar(*columns, console=console, disable=not console.is_terminal) as bar, reaching_the_database():
            task = bar.add_task("wrapping")
            async for one in rewrap(conn, old, new_master(file)):
                bar.update(task, description=one.table, completed=one.done, total=max(one.total, 1))
                foreign[one.table] = one.foreign
    return sum(foreign.values())


@asynccontextmanager
async def _connection(settings: Settings) -> AsyncIterator[Connection]:
    """The only connection of this process, so that every other one is somebody else's."""
    server = None
    if settings.database_url is None:
        server = await asyncio.to_thread(EmbeddedServer.start, settings.data_dir)
    try:
        database = Database(settings.database_url or (server.dsn if server else None), settings.data_dir)
        async with await database.connect("master-key") as conn:
            await migrations.apply(conn)
            yield conn
    finally:
        if server is not None:
            await asyncio.to_thread(server.stop)

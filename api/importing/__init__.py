"""`upheld import`: loads commitments from a CSV or an NDJSON file (contract, section 7)."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from api.importing.rows import open_rows
from api.importing.run import Counts, import_file
from api.runtime import open_runtime
from api.settings import Settings
from domain.catalogue import load_catalogue
from domain.errors import UpheldError
from store.clock import SystemClock

__all__ = ["Counts", "import_file", "run_import"]


def run_import(file: Path, mapping: Path | None) -> int:
    """Import a file as the command does: print the counts, or one line about what is wrong; answer the exit code.

    >>> run_import(Path("orders.csv"), Path("olist.toml"))  # doctest: +SKIP
    {"rows": 2000, "imported": 2000, "updated": 0, "already_present": 0, "rejected": 0, "kept": 1816, …}
    0
    """
    try:
        counts = asyncio.run(_import(file, mapping))
    except UpheldError as error:
        print(f"upheld import: {error}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(counts)), flush=True)
    return 0


async def _import(file: Path, mapping: Path | None) -> Counts:
    settings = Settings.load()
    # A wrong name is told before anything is started on account of it.
    with open_rows(file, mapping, load_catalogue(settings.config), SystemClock().now()):
        pass
    async with open_runtime(settings) as runtime:
        with _progress(file) as progress:
            return await import_file(runtime, file, mapping, progress)


@contextmanager
def _progress(file: Path) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, and nothing anywhere else."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(file.name, total=file.stat().st_size)
        yield lambda bytes_read: bar.update(task, completed=bytes_read)

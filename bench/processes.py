"""Processes of Upheld as a user starts them, each on a data folder of its own, and what they cost."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import psycopg

from api.runtime import FED
from projections.leader import hold
from store.database import Database

__all__ = [
    "Served",
    "caught_up",
    "cpu_seconds",
    "environment",
    "finished",
    "memory",
    "serving",
    "started",
    "stop_servers",
    "worker_elsewhere",
]

UPHELD = ("-m", "api.cli")
_STOP_WITHIN = 15
_FOLLOW = [*(projection.name for projection in FED), "routing"]
_STALLED_SECONDS = 120
"""To build the indexes of a long log takes a while, in which nothing else moves."""
_REACHED = """
SELECT CASE WHEN count(*) = cardinality(%(names)s::text[]) AND NOT EXISTS (SELECT FROM builds) THEN min(position)
       ELSE 0 END,
       (SELECT coalesce(max(notification_id), 0) FROM stored_events),
       sum(position) + (SELECT coalesce(sum(folded + coalesce(position, 0)), 0) FROM builds)
FROM checkpoints WHERE name = ANY(%(names)s)"""


class Served:
    """A process that answers requests."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.process = psutil.Process(pid)


def environment(data_dir: Path, **settings: object) -> dict[str, str]:
    """Our environment without what it says about Upheld, and these settings, named as the variables are.

    >>> environment(Path("/srv/upheld"), test_clock=1)["UPHELD_TEST_CLOCK"]
    '1'
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("UPHELD_")}
    return ours | {f"UPHELD_{name.upper()}": str(value) for name, value in {"data_dir": data_dir, **settings}.items()}


async def finished(*command: str, within: float, **options: Any) -> None:
    """Run a command to its end. Raises `RuntimeError` with its last words where it fails."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options
    )
    async with asyncio.timeout(within):
        _, said = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {said.decode()[-2000:]}")


@contextlib.asynccontextmanager
async def started(data_dir: Path, *arguments: str, **settings: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that runs until we leave; then it is told to stop, and killed where it does not."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments),
        env=environment(data_dir, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_WITHIN)
        except TimeoutError:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def serving(data_dir: Path, *arguments: str, **settings: object) -> AsyncIterator[Served]:
    """`upheld serve` (or another server that says where it listens) in a process of its own, with these settings."""
    command = arguments or (*UPHELD, "serve", "--port", "0")
    async with started(data_dir, *command, **settings) as process:
        line = await process.stdout.readline() if process.stdout else b""
        if not line.startswith(b"listening on "):
            raise RuntimeError(f"{' '.join(command)} does not serve")
        yield Served(int(line.rsplit(b":", 1)[1]), process.pid)


@contextlib.asynccontextmanager
async def worker_elsewhere(database: Database) -> AsyncIterator[None]:
    """Projections and policies belong to another process, which is idle: whoever serves only answers requests."""
    async with contextlib.AsyncExitStack() as stack:
        conn = await stack.enter_async_context(await database.connect("elsewhere"))
        for work in (
            *(f"feed {projection.name}" for projection in FED),
            "clock",
            "routing",
            "amending",
            "telling",
            "sending",
            "rebuild",
        ):
            await stack.enter_async_context(hold(conn, work))
        yield


async def caught_up(dsn: str) -> None:
    """Wait until every projection and policy has reached the end of the log.

    Raises `RuntimeError` where none of them moves, nor what is built anew, for two minutes.
    """
    last, moved = None, time.monotonic()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        while True:
            row = await (await conn.execute(_REACHED, {"names": _FOLLOW})).fetchone()
            reached, head, progress = row or (0, 0, 0)
            if reached >= head:
                return
            if progress != last:
                last, moved = progress, time.monotonic()
            elif time.monotonic() - moved > _STALLED_SECONDS:
                raise RuntimeError(f"the projections have stood still at {reached} of {head} for two minutes")
            await asyncio.sleep(0.05)


def memory(served: Served) -> float:
    """What a process keeps in memory, in MB."""
    return float(served.process.memory_info().rss) / 2**20


async def cpu_seconds(served: Served, database: Database) -> dict[int, float]:
    """Seconds of CPU used so far, by process: the one that serves, and its connections within the database server."""
    rows = await database.fetch("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'upheld-%'")
    used = {served.process.pid: sum(served.process.cpu_times()[:2])}
    for (pid,) in rows:
        with contextlib.suppress(psutil.NoSuchProcess):
            used[pid] = sum(psutil.Process(pid).cpu_times()[:2])
    return used


def stop_servers(folder: Path) -> None:
    """Stop the database servers of a folder that is given up: an interruption may have come while one was starting."""
    for file in folder.glob("*/postgres/postmaster.pid"):
        with contextlib.suppress(psutil.NoSuchProcess):
            server = psutil.Process(int(file.read_text().split()[0]))
            server.send_signal(signal.SIGINT)
            server.wait(_STOP_WITHIN)

"""Another event store, in process on the same server: Emmett for Node, its versions named here and nowhere else."""

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from bench.appends import appenders_on, facts
from bench.measure import Contender, Figure, Goal, Options, interleaved
from bench.processes import finished

__all__ = ["GOALS", "peers"]

_PACKAGES = ("@event-driven-io/emmett@0.42.0", "@event-driven-io/emmett-postgresql@0.42.0")
_IN_FLIGHT = (1, 16)
_INSTALL_WITHIN = 300


def _emmett(in_flight: int) -> str:
    return f"Emmett, {in_flight} in flight"


GOALS = (Goal(facts(16), "events/s", per=(_emmett(16),), at_least=3.5),)


async def peers(options: Options) -> list[Figure]:
    """Single events appended to streams, each waited for; nothing where there is no Node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        print("peers: there is no node or no npm here; nothing to compare with")
        return []
    folder = options.folder / "emmett"
    folder.mkdir()
    await _install(npm, folder)
    async with (
        appenders_on(options.folder / "peers", options.seconds) as appenders,
        _Emmett.on(node, folder, appenders.dsn) as emmett,
    ):
        contenders: dict[str, Contender] = {}
        for in_flight in _IN_FLIGHT:
            contenders[_emmett(in_flight)] = partial(emmett.events, in_flight, options.seconds)
            contenders[facts(in_flight)] = partial(appenders.single_facts, in_flight)
        return await interleaved(contenders, options.rounds)


async def _install(npm: str, folder: Path) -> None:
    shutil.copy(Path(__file__).with_name("emmett.mjs"), folder)
    (folder / "package.json").write_text('{"private": true}')
    command = (npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", *_PACKAGES)
    await finished(*command, within=_INSTALL_WITHIN, cwd=folder)


class _Emmett:
    """A process of Node that appends when it is told to."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @contextlib.asynccontextmanager
    async def on(cls, node: str, folder: Path, dsn: str) -> AsyncIterator["_Emmett"]:
        process = await asyncio.create_subprocess_exec(
            *(node, "emmett.mjs", dsn), cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            yield cls(process)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def events(self, in_flight: int, seconds: float) -> dict[str, float]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("Emmett was started without its pipes")
        stdin.write(json.dumps({"in_flight": in_flight, "seconds": seconds}).encode() + b"\n")
        line = await stdout.readline()
        if not line:
            raise RuntimeError("Emmett ended before it answered")
        done = json.loads(line)
        return {"events/s": done["events"] / done["seconds"]}

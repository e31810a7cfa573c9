"""Sealing a long log, and checking it whole: what `upheld verify` does, from the start of the command to its end."""

import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench.logs import generated, scalar
from bench.measure import Contender, Figure, Goal, Options, figure, interleaved
from bench.processes import UPHELD, environment, finished
from store.database import Database
from store.keyring import open_keyring
from store.seals import put_seal

__all__ = ["GOALS", "seals"]

_COMMITMENTS = 60_000
_WITHIN = 3_600
_SEALING, _VERIFYING = "sealing, 1,000 events a seal", "upheld verify"

GOALS = (Goal(_VERIFYING, "events/s", at_least=50_000),)


async def seals(options: Options) -> list[Figure]:
    """Events of the log a second."""
    data_dir = options.data_dir or options.folder / "seals"
    async with generated(data_dir, options.commitments or _COMMITMENTS) as database:
        events = await scalar(database, "SELECT count(*) FROM stored_events")
        sealing = await _seal_all(database, data_dir, events)
        contenders: dict[str, Contender] = {_VERIFYING: partial(_verify, data_dir, events)}
        figures = await interleaved(contenders, options.rounds, warm_up=False)
        return [figure(_SEALING, "events/s", [sealing]), *figures, figure("events of the log", "events", [events])]


async def _seal_all(database: Database, data_dir: Path, events: int) -> float:
    """Seal the log from its begin, whatever was sealed before."""
    async with await database.connect("bench") as conn:
        keyring = await open_keyring(conn, data_dir)
        await conn.execute("TRUNCATE seals")
        began = time.perf_counter()
        while await put_seal(conn, keyring, datetime.now(UTC)) is not None:
            pass
    return events / (time.perf_counter() - began)


async def _verify(data_dir: Path, events: int) -> dict[str, float]:
    began = time.perf_counter()
    await finished(sys.executable, *UPHELD, "verify", within=_WITHIN, env=environment(data_dir))
    return {"events/s": events / (time.perf_counter() - began)}

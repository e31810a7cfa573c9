"""Durable appends in process, beside one-row inserts of `pgbench` on the same server."""

import asyncio
import re
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from bench.measure import Figure, interleaved
from domain.catalogue import parse_catalogue
from domain.commitment import Commitment
from domain.deadlines import DueRule
from domain.moment import Moment
from domain.promising import Making, Wanted, make
from domain.values import Origin
from store import migrations
from store.clock import SystemClock
from store.database import Database
from store.embedded import PROGRAMS
from store.keyring import Keyring
from store.ledger import Ledger
from store.writer import Writer

__all__ = ["appends"]

_SECONDS = 4
_IN_FLIGHT = (1, 16, 64)
_ONE_ROW = "INSERT INTO bench_rows (payload) VALUES (repeat('x', 400));\n"
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


async def appends(data_dir: Path, rounds: int) -> dict[str, Figure]:
    """Events a second: creations of real, encrypted commitments, by how many are in flight; and the limit."""
    async with Database.open(None, data_dir) as database:
        async with await database.connect("bench") as conn:
            await migrations.apply(conn)
            await conn.execute("CREATE TABLE IF NOT EXISTS bench_rows (id bigserial PRIMARY KEY, payload text)")
        clock = SystemClock()
        writer = Writer(database, clock)
        ledger = Ledger(database, Keyring(bytes(32)), writer, clock)
        running = asyncio.create_task(writer.run())
        contenders: dict[str, Callable[[], Awaitable[float]]] = {}
        for clients in (1, 16):
            contenders[f"pgbench one-row INSERT, {clients} clients"] = partial(_pgbench, database.dsn, clients)
        for in_flight in _IN_FLIGHT:
            contenders[f"Upheld appends, {in_flight} in flight"] = partial(_append, ledger, in_flight)
        try:
            return await interleaved(contenders, "events/s", rounds)
        finally:
            await writer.close()
            await running


async def _append(ledger: Ledger, in_flight: int) -> float:
    catalogue = parse_catalogue("")
    due = Wanted(DueRule(at=SystemClock().now() + timedelta(days=1)))
    making = Making(customer_id="CU-1", kind="redelivery", promise="Tomorrow before noon, at the back door", due=due)
    until, done = time.perf_counter() + _SECONDS, 0

    def made(id: UUID) -> Commitment:
        return make(id, making, None, [], Moment(ledger.clock.now(), Origin("agent:ling"), catalogue))

    async def one_after_another() -> None:
        nonlocal done
        while time.perf_counter() < until:
            id = uuid4()
            await ledger.begin(id, None, lambda *_, id=id: made(id))
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(one_after_another() for _ in range(in_flight)))
    return done / (time.perf_counter() - began)


async def _pgbench(dsn: str, clients: int) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(_ONE_ROW)
        script.flush()
        process = await asyncio.create_subprocess_exec(
            PROGRAMS / "pgbench",
            *("-n", "-f", script.name, "-c", str(clients), "-j", "2", "-T", str(_SECONDS), dsn),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await process.communicate()
    found = _TPS.search(out.decode())
    if found is None:
        raise RuntimeError(f"pgbench failed: {error.decode()}")
    return float(found[1])

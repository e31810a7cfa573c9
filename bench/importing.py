"""Loading a file of orders while another process projects, and what the import keeps in memory at either size."""

import asyncio
import csv
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

from bench.measure import Contender, Figure, Goal, Options, interleaved
from bench.processes import UPHELD, caught_up, environment, started
from bench.yardsticks import ONE_ROW_TABLE, one_row_inserts
from store.database import Database

__all__ = ["GOALS", "importing"]

_TIMES = 5
"""The larger file has so many times the rows of the smaller."""
_MAPPING = """
kind = "delivery"
time_zone = "America/Sao_Paulo"
calendar = "BR"
promise = "Delivered by {due_date}"
[columns]
order_id = "order_id"
customer_id = "customer_id"
made_at = "order_purchase_timestamp"
due_date = "order_estimated_delivery_date"
kept_at = "order_delivered_customer_date"
[withdrawn_when]
order_status = ["canceled", "unavailable"]
"""
_FEW, _MANY = "import of a file", f"import of a file {_TIMES} times as long"
_INSERTS = "pgbench one-row INSERT, 1 client"

GOALS = (
    Goal(_FEW, "rows/s", at_least=3_000),
    Goal(_FEW, "rows/s", per=(_INSERTS,)),
    Goal(_MANY, "MB", per=(_FEW,), at_most=1.1),
)


async def importing(options: Options) -> list[Figure]:
    """Rows a second and the most memory it had, each file into an empty log that a worker projects meanwhile."""
    mapping = options.folder / "orders.toml"
    mapping.write_text(_MAPPING)
    few, many = options.folder / "few.csv", options.folder / "many.csv"
    _write(few, options.rows)
    _write(many, options.rows * _TIMES)
    contenders: dict[str, Contender] = {
        _INSERTS: partial(_inserts, options),
        _FEW: partial(_import, few, mapping, options.rows),
        _MANY: partial(_import, many, mapping, options.rows * _TIMES),
    }
    return await interleaved(contenders, options.rounds, warm_up=False)


async def _inserts(options: Options) -> dict[str, float]:
    async with Database.open(None, options.folder / "yardstick") as database:
        async with await database.connect("bench") as conn:
            await conn.execute(ONE_ROW_TABLE)
        return {"rows/s": (await one_row_inserts(database.dsn, 1, options.seconds))["events/s"]}


async def _import(file: Path, mapping: Path, rows: int) -> dict[str, float]:
    """Every run begins with an empty log: what was imported before would only be recognised."""
    data_dir = file.with_name(f"log-{time.monotonic_ns()}")
    async with Database.open(None, data_dir) as database, started(data_dir, *UPHELD, "worker"):
        await _there(database)
        began = time.perf_counter()
        status, most = await asyncio.to_thread(_run, file, mapping, data_dir)
        took = time.perf_counter() - began
        if status != 0:
            raise RuntimeError(f"the import of {file.name} ended with {status}")
        await caught_up(database.dsn)
        projected = time.perf_counter() - began
    return {"rows/s": rows / took, "rows/s, projected": rows / projected, "MB": most}


async def _there(database: Database) -> None:
    """Wait until the worker works."""
    leads = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'upheld-feed-%'"
    async with asyncio.timeout(60):
        while True:
            if await database.fetch(leads):
                return
            await asyncio.sleep(0.05)


def _run(file: Path, mapping: Path, data_dir: Path) -> tuple[int, float]:
    """Its exit status, and the most memory that it had, in MB, as the system counted it."""
    process = subprocess.Popen(
        [sys.executable, *UPHELD, "import", str(file), "--mapping", str(mapping)],
        env=environment(data_dir),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used.ru_maxrss / 1024


def _write(file: Path, rows: int) -> None:
    """Orders of the last two years as a shop has them: most delivered in time, some late, some not at all."""
    random, now = Random(1), datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    with file.open("w", newline="") as opened:
        out = csv.writer(opened)
        out.writerow(("order_id", "customer_id", "order_status", *_TIMESTAMPS))
        for number in range(rows):
            made = now - timedelta(seconds=random.randrange(2 * 365 * 86_400))
            due = made + timedelta(days=random.randint(5, 30))
            kept = made + timedelta(days=random.expovariate(1 / 8) + 1)
            status = "canceled" if random.random() < 0.02 else "delivered"
            delivered = kept if status == "delivered" and kept < now else ""
            out.writerow((f"{number:032x}", f"CU-{random.randrange(rows)}", status, made, due.date(), delivered))


_TIMESTAMPS = ("order_purchase_timestamp", "order_estimated_delivery_date", "order_delivered_customer_date")

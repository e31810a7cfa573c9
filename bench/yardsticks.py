"""What the database, and the event-sourcing library as it comes, do on the same server."""

import asyncio
import re
import tempfile
import threading
import time
from collections.abc import Mapping
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg.conninfo import conninfo_to_dict

from store.embedded import PROGRAMS

__all__ = ["ONE_ROW_TABLE", "library", "library_settings", "one_row_inserts"]

ONE_ROW_TABLE = "CREATE TABLE IF NOT EXISTS bench_rows (id bigserial PRIMARY KEY, payload text)"
_ONE_ROW = "INSERT INTO bench_rows (payload) VALUES (repeat('x', 400));\n"
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


async def one_row_inserts(dsn: str, clients: int, seconds: float) -> dict[str, float]:
    """The database's limit: `pgbench` with one durable INSERT a transaction. It counts in whole seconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(_ONE_ROW)
        script.flush()
        process = await asyncio.create_subprocess_exec(
            PROGRAMS / "pgbench",
            *("-n", "-f", script.name, "-c", str(clients), "-j", "2", "-T", str(max(round(seconds), 1)), dsn),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await process.communicate()
    found = _TPS.search(out.decode())
    if found is None:
        raise RuntimeError(f"pgbench failed: {error.decode()}")
    return {"events/s": float(found[1])}


class Contacted(Aggregate):
    """As much as one fact of ours says, in the library's own words."""

    def __init__(self, customer: str) -> None:
        self.customer = customer
        self.contacts = 0

    @event("CustomerContacted")
    def contact(self, channel: str, direction: str, note: str, minutes: int, actor: str) -> None:
        del channel, direction, note, minutes, actor
        self.contacts += 1


def library_settings(dsn: str) -> Mapping[str, str]:
    """How `eventsourcing` is told where the database is; everything else stays as it comes."""
    address = conninfo_to_dict(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(address["dbname"]),
        "POSTGRES_HOST": str(address["host"]),
        "POSTGRES_PORT": str(address.get("port", "5432")),
        "POSTGRES_USER": str(address["user"]),
        "POSTGRES_PASSWORD": str(address.get("password", "")),
    }


async def library(dsn: str, threads: int, seconds: float) -> dict[str, float]:
    """`eventsourcing` as it comes: each thread saves an aggregate with one new event, again and again."""
    return {"events/s": await asyncio.to_thread(_save, dsn, threads, seconds)}


def _save(dsn: str, threads: int, seconds: float) -> float:
    application = Application[UUID](env=dict(library_settings(dsn)))
    done = [0] * threads
    until = time.perf_counter() + seconds

    def one_after_another(number: int) -> None:
        aggregate = Contacted("CU-7")
        application.save(aggregate)
        while time.perf_counter() < until:
            aggregate.contact("phone", "inbound", "Where is it?", 4, "agent:ling")
            application.save(aggregate)
            done[number] += 1

    workers = [threading.Thread(target=one_after_another, args=(number,)) for number in range(threads)]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.perf_counter() - began
    application.close()
    return sum(done) / took

"""One notice over very many promises: until all of them are amended, and each of their customers was told, once."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from bench.generate import append
from bench.inbox import Inbox
from bench.measure import Figure, Goal, Options, figure
from bench.opened import opened
from bench.processes import Served, caught_up, memory, serving
from bench.talking import Lines, head
from domain.people import Contact
from store import migrations
from store.clock import SystemClock
from store.database import Database
from store.keyring import Keyring, open_keyring
from store.people import Customers

__all__ = ["GOALS", "notice"]

_PROMISES = 10_000
_CONFIG = '[messages]\ncustomer_hours = "24/7"\n'
_AT_ONCE = 16
_STALLED_SECONDS = 120.0
_AMENDED = "promises of one notice, amended"
_TOLD = "customers of it, told"
_ONCE = "messages a customer"

GOALS = (Goal(_ONCE, "most", at_most=1),)


async def notice(options: Options) -> list[Figure]:
    """Amend all that is open by one notice, and wait until the last customer was told."""
    folder, config = options.folder / "notice", options.folder / "notice.toml"
    config.write_text(_CONFIG)
    async with Database.open(None, folder) as database, Inbox.open(lambda: datetime.now(UTC)) as inbox:
        keyring = await _prepare(database, folder)
        customers = await _promised(database, keyring, options.commitments or _PROMISES)
        await _reachable(database, keyring, customers, inbox.address)
        async with serving(folder, config=config) as served, Lines.open(served.port, 1) as lines:
            await caught_up(database.dsn)
            before, began = memory(served), time.perf_counter()
            job, matched = await _begin(lines)
            fixed = time.perf_counter() - began
            most = await _until_done(lines, job, served)
            amended = time.perf_counter() - began
            await _until_told(inbox, len(customers))
            told = time.perf_counter() - began
    messages = Counter(message.to for message in inbox.got)
    return [
        figure(_AMENDED, "promises", [matched]),
        figure("until what it touches is fixed", "s", [fixed]),
        figure("until all of them are amended", "s", [amended]),
        figure("until every customer was told", "s", [told]),
        figure(_AMENDED, "promises/s", [matched / amended]),
        figure(_TOLD, "customers", [len(messages)]),
        figure(_ONCE, "most", [max(messages.values())]),
        figure("memory of the process", "MB more", [most - before]),
    ]


async def _prepare(database: Database, folder: Path) -> Keyring:
    async with await database.connect("bench") as conn:
        await migrations.apply(conn)
        return await open_keyring(conn, folder)


async def _promised(database: Database, keyring: Keyring, count: int) -> list[str]:
    """Open promises on vans that leave in five days; answers their customers."""
    now = datetime.now(UTC)
    waiting = opened(count, keyring, now=now, first=now + timedelta(days=5), over=timedelta(days=1))
    await append(database, waiting, lambda _: None)
    rows = await database.fetch("SELECT DISTINCT customer_id FROM streams WHERE category = 'commitment'")
    return [customer for (customer,) in rows]


async def _reachable(database: Database, keyring: Keyring, customers: Iterable[str], address: str) -> None:
    book, waiting = Customers(database, keyring, SystemClock()), list(customers)
    while waiting:
        some, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        await asyncio.gather(*(_put(book, one, Contact(None, "en", (f"{address}/{one}",))) for one in some))


async def _put(book: Customers, customer: str, contact: Contact) -> None:
    await book.put(customer, lambda _: contact, by="system:bench")


async def _begin(lines: Lines) -> tuple[str, int]:
    body = {
        "where": {"kind": "redelivery"},
        "due": {"shift": {"amount": 1, "unit": "days"}},
        "reason": "Snow",
        "inform_customers": True,
    }
    answer = await lines.ask(head("POST", "/v1/amendments", "supervisor:wang", body))
    begun: dict[str, Any] = msgspec.json.decode(answer.body)
    return str(begun["job"]), int(begun["matched"])


async def _until_done(lines: Lines, job: str, served: Served) -> float:
    """The most memory that the process took until the job was done."""
    most, done, moved = 0.0, 0, time.monotonic()
    while True:
        shown = msgspec.json.decode((await lines.ask(head("GET", f"/v1/jobs/{job}", "supervisor:wang"))).body)
        most = max(most, memory(served))
        if shown["state"] == "done":
            if shown["skipped"] or shown["not_informed"]:
                raise RuntimeError(f"the job skipped {len(shown['skipped'])} and told not {shown['not_informed']}")
            return most
        if shown["done"] > done:
            done, moved = shown["done"], time.monotonic()
        elif time.monotonic() - moved > _STALLED_SECONDS:
            raise RuntimeError(f"the job stands still at {done}")
        await asyncio.sleep(0.25)


async def _until_told(inbox: Inbox, customers: int) -> None:
    told, moved = 0, time.monotonic()
    while len({message.to for message in inbox.got}) < customers:
        if len(inbox.got) > told:
            told, moved = len(inbox.got), time.monotonic()
        elif time.monotonic() - moved > _STALLED_SECONDS:
            raise RuntimeError(f"only {told} of {customers} customers were told")
        await asyncio.sleep(0.25)

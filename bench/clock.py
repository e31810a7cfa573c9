"""What waiting costs: many open promises of which none falls due, and then very many that fall due within a minute."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from bench.generate import append, generate_open
from bench.logs import scalar
from bench.measure import Figure, Goal, Options, figure, percentile
from bench.opened import opened
from bench.processes import Served, caught_up, cpu_seconds, serving
from store import migrations
from store.database import Database
from store.keyring import Keyring, open_keyring

__all__ = ["GOALS", "clock"]

_OPEN = 100_000
_DUE = 10_000
_IDLE_SECONDS = 10.0
_AHEAD = timedelta(seconds=60)
_WITHIN = timedelta(seconds=60)
_WAITING = "CPU while nothing falls due, many open"
_EMPTY = "CPU while nothing falls due, none open"
_LATE = "receipts missed, recorded after they were due"
_MISSED = "SELECT recorded_at, state FROM stored_events WHERE topic = 'ReceiptMissed' AND notification_id > %s"

GOALS = (
    Goal(_WAITING, "% of a core", at_most=1),
    Goal(_WAITING, "% of a core", per=(_EMPTY,)),
    Goal(_LATE, "max s", at_most=2),
)


async def clock(options: Options) -> list[Figure]:
    """The share of a core that serving and its database take while nothing happens, and how late the clock is."""
    many, none = options.data_dir or options.folder / "open", options.folder / "empty"
    async with Database.open(None, many) as database, Database.open(None, none) as empty:
        keyring = await _prepare(database, many)
        await _prepare(empty, none)
        if not await scalar(database, "SELECT count(*) FROM (SELECT FROM stored_events LIMIT 1) AS first"):
            await generate_open(database, keyring, options.commitments or _OPEN)
        async with serving(many) as served, serving(none) as idle:
            await caught_up(database.dsn)
            await asyncio.sleep(_IDLE_SECONDS)
            shares = [await _idle([(served, database), (idle, empty)]) for _ in range(options.rounds)]
            late = await _fall_due(database, keyring)
    waiting, nothing = zip(*shares, strict=True)
    return [
        figure(_WAITING, "% of a core", waiting),
        figure(_EMPTY, "% of a core", nothing),
        *(figure(_LATE, f"p{round(part * 100)} s", [percentile(late, part)]) for part in (0.5, 0.99)),
        figure(_LATE, "max s", [max(late)]),
    ]


async def _prepare(database: Database, data_dir: Path) -> Keyring:
    async with await database.connect("bench") as conn:
        await migrations.apply(conn)
        return await open_keyring(conn, data_dir)


async def _idle(those: list[tuple[Served, Database]]) -> list[float]:
    """The share of a core, in percent, of each process and its connections while nothing is asked of it."""
    before = [await cpu_seconds(served, database) for served, database in those]
    await asyncio.sleep(_IDLE_SECONDS)
    after = [await cpu_seconds(served, database) for served, database in those]
    used = [
        sum(seconds - then.get(pid, 0.0) for pid, seconds in now.items())
        for then, now in zip(before, after, strict=True)
    ]
    return [seconds / _IDLE_SECONDS * 100 for seconds in used]


async def _fall_due(database: Database, keyring: Keyring) -> list[float]:
    """Let very many fall due within a minute; answers how many seconds late each of them was recorded."""
    before = await scalar(database, "SELECT max(notification_id) FROM stored_events")
    now = datetime.now(UTC)
    first = now + _AHEAD
    await append(database, opened(_DUE, keyring, now=now, first=first, over=_WITHIN), lambda _: None)
    if datetime.now(UTC) > first:
        raise RuntimeError(f"it took more than {_AHEAD} to make what is to fall due")
    over = (first + 2 * _WITHIN - datetime.now(UTC)).total_seconds()
    await asyncio.sleep(over)
    rows = await database.fetch(_MISSED, (before,))
    if len(rows) != _DUE:
        raise RuntimeError(f"{len(rows)} of {_DUE} missed receipts were recorded within {over:.0f} s")
    return [
        (recorded_at - msgspec.json.decode(state, type=_Missed).receipt_due_at).total_seconds()
        for recorded_at, state in rows
    ]


class _Missed(msgspec.Struct):
    """What is looked at of the fact as it is stored; nothing of it is personal."""

    receipt_due_at: datetime

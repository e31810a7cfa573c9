"""Makes a log of any size as life would have made it, through the real decisions, up to now.

>>> python -m bench.generate --commitments 100000 --data-dir /tmp/hundred-thousand  # doctest: +SKIP

The same number of promises a day at any size: logs of different length differ in what is closed, not in what is open.
Deterministic by seed, but for keys and nonces.
"""

import argparse
import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import uvloop
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bench.lives import Lives
from bench.opened import opened
from bench.simulation import Life, Simulation, Stretch
from bench.world import World
from domain.catalogue import parse_catalogue
from store import migrations
from store.clock import SetClock
from store.database import Database
from store.keyring import Keyring, open_keyring
from store.writer import Append, Writer

__all__ = ["Plan", "append", "generate", "generate_open", "simulate"]

_A_DAY = timedelta(days=1)
_CASES = (0.2, 0.9)
"""Where in the log the two cases begin on which everybody works for long."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is to happen: `commitments` promises, `per_day` of them a day, the last just before `until`."""

    commitments: int
    until: datetime
    per_day: int = 3_000
    seed: int = 1

    @property
    def begins(self) -> datetime:
        return self.until - _A_DAY * -(-self.commitments // self.per_day)


class _Arrivals:
    """Promises as customers ask for them: mostly on an order of their own, some on one that has others already."""

    def __init__(self, plan: Plan, simulation: Simulation) -> None:
        self._plan = plan
        self._of = simulation
        self._world = simulation.world
        self._lives = Lives(simulation)
        self._recent: deque[tuple[str, str]] = deque(maxlen=500)
        self._large: tuple[str, str] | None = None
        self._orders = 0

    def __call__(self) -> Life:
        left, day = self._plan.commitments, self._plan.begins
        cases = [left - int(left * part) for part in _CASES]
        today = left % self._plan.per_day or self._plan.per_day
        while left:
            for at in self._world.day(day, today):
                yield at
                self._of.start(self._case() if left in cases else self._lives.promise(*self._asked()))
                left -= 1
            day, today, self._large = day + _A_DAY, self._plan.per_day, None

    def _case(self) -> Life:
        events = min(3_000, self._plan.commitments // 10)
        return self._lives.case(*self._another(), events=events, over=timedelta(days=2))

    def _asked(self) -> tuple[str, str]:
        """An order and its customer; one order is that of somebody who buys for many."""
        if self._world.chance(0.02):
            if self._large is None or self._large[0] not in self._of.live:
                self._large = self._another()
            return self._large
        if self._recent and self._world.chance(0.15):
            known = self._world.random.choice(self._recent)
            # What happened to an order that is over is not remembered.
            if known[0] in self._of.live:
                return known
        return self._another()

    def _another(self) -> tuple[str, str]:
        self._orders += 1
        order = f"SO-{self._orders}", self._world.customer()
        self._recent.append(order)
        return order


def simulate(plan: Plan, keyring: Keyring) -> Iterator[Stretch]:
    """Everything that happens, in stretches that are to be appended one after another.

    >>> sum(len(stretch.events) for stretch in simulate(Plan(1_000, now), keyring))  # doctest: +SKIP
    5983
    """
    simulation = Simulation(World(Random(plan.seed)), parse_catalogue(""), keyring, plan.begins)
    simulation.start(_Arrivals(plan, simulation)())
    return simulation.run(plan.until)


async def generate(database: Database, keyring: Keyring, plan: Plan) -> int:
    """Append all of it to an empty log; answers how many events it was."""
    events = 0
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), transient=True) as progress:
        bar = progress.add_task("", total=(plan.until - plan.begins).total_seconds())

        def tell(done: Stretch) -> None:
            nonlocal events
            events += len(done.events)
            so_far = (done.until - plan.begins).total_seconds()
            progress.update(bar, completed=so_far, description=f"{events:,} events, {done.until:%Y-%m-%d}")

        await append(database, simulate(plan, keyring), tell)
    return events


async def append(database: Database, stretches: Iterator[Stretch], tell: Callable[[Stretch], None]) -> None:
    """Append what happened, each stretch at its own time; `tell` hears of each that is durable."""
    clock = SetClock(datetime.min.replace(tzinfo=UTC))
    writer = Writer(database, clock)
    running = asyncio.create_task(writer.run())
    try:
        stretch = next(stretches, None)
        while stretch is not None:
            clock.set(stretch.until)
            durable = writer.append(Append(stretch.events, stretch.expected, stretch.begins))
            # What happens next is made up while this is written.
            _, following = await asyncio.gather(durable, asyncio.to_thread(next, stretches, None))
            tell(stretch)
            stretch = following
    finally:
        await writer.close()
        await running


async def generate_open(database: Database, keyring: Keyring, count: int) -> None:
    """Append promises that wait for their receipt, the first of which falls due in five days."""
    now = datetime.now(UTC)
    waiting = opened(count, keyring, now=now, first=now + 5 * _A_DAY, over=20 * _A_DAY)
    await append(database, waiting, lambda _: None)


async def _main(arguments: argparse.Namespace) -> None:
    per_day = -(-arguments.commitments // arguments.days) if arguments.days else arguments.per_day
    plan = Plan(arguments.commitments, datetime.now(UTC), per_day, arguments.seed)
    async with Database.open(arguments.database_url, arguments.data_dir) as database:
        async with await database.connect("generate") as conn:
            await migrations.apply(conn)
            keyring = await open_keyring(conn, arguments.data_dir)
            if await (await conn.execute("SELECT 1 FROM stored_events LIMIT 1")).fetchone() is not None:
                raise SystemExit(f"the log in {arguments.data_dir} is not empty")
        began = time.perf_counter()
        events = await generate(database, keyring, plan)
        seconds = time.perf_counter() - began
        await generate_open(database, keyring, arguments.open)
    print(
        f"{events:,} events of {plan.commitments:,} commitments in {seconds:,.0f} s, {events / seconds:,.0f} a second"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.generate", description="Makes a realistic log of any size.")
    parser.add_argument("--commitments", type=int, default=10_000)
    parser.add_argument("--per-day", type=int, default=3_000, help="promises a day; what is open follows from it")
    parser.add_argument("--days", type=int, help="spread over so many days, whatever that comes to a day")
    parser.add_argument("--open", type=int, default=0, help="so many more that wait for their receipt, made at the end")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-dir", type=Path, required=True, help="where the embedded server keeps its data")
    parser.add_argument("--database-url", help="a PostgreSQL of your own, instead of the embedded one")
    uvloop.run(_main(parser.parse_args()))


if __name__ == "__main__":
    main()

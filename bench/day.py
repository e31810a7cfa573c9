"""A replayed day: who is asked for what while a company keeps its word, and whether anybody is asked in vain.

>>> lived = await live(Model(scale=0.05), CONFIGURATION, folder)  # doctest: +SKIP
>>> len(lived.replay.cases), len(lived.inbox.got)  # doctest: +SKIP
(240, 1213)
"""

import asyncio
import contextlib
import time
from datetime import datetime, timedelta
from pathlib import Path

from bench.day_desk import Desk
from bench.day_figures import Lived, figures, goals
from bench.day_hours import Hours
from bench.day_keepers import Keepers
from bench.day_ladder import Ladder
from bench.day_model import CONFIGURATION, SUGGESTED, ZONE, Model, at, first_day
from bench.day_office import Office
from bench.day_replay import Replay
from bench.day_rescue import Rescue
from bench.day_staff import Staff
from bench.inbox import Inbox
from bench.measure import Figure, Options
from bench.processes import serving
from bench.talking import Lines
from store.database import Database

__all__ = ["CONFIGURATIONS", "GOALS", "day", "live"]

CONFIGURATIONS = {"defaults": CONFIGURATION, "suggested": CONFIGURATION + SUGGESTED}
GOALS = tuple(goal for name in CONFIGURATIONS for goal in goals(name))

_CONNECTIONS = 16
_BEGINS = 6.0


async def day(options: Options) -> list[Figure]:
    """The same days under each configuration."""
    found: list[Figure] = []
    for name, configuration in CONFIGURATIONS.items():
        lived = await live(Model(scale=options.scale), configuration, options.folder / name)
        found += figures(lived, name)
    return found


async def live(model: Model, configuration: str, folder: Path) -> Lived:
    """Let the days pass in a process of their own."""
    began, config = time.perf_counter(), _written(folder, configuration)
    async with contextlib.AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database.open(None, folder / "data"))
        served = await stack.enter_async_context(serving(folder / "data", test_clock=1, config=config))
        lines = await stack.enter_async_context(Lines.open(served.port, _CONNECTIONS))
        begins = first_day(datetime.now(ZONE))
        replay = Replay(model, Office(lines), Staff(model), database, at(begins, _BEGINS))
        inbox = await stack.enter_async_context(Inbox.open(lambda: replay.now))
        lived = await _pass(replay, inbox)
    lived.seconds = time.perf_counter() - began
    return lived


def _written(folder: Path, configuration: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "upheld.toml"
    file.write_text(configuration)
    return file


async def _pass(replay: Replay, inbox: Inbox) -> Lived:
    model, first = replay.model, replay.now.date()
    hours, rescue = Hours(replay, model), Rescue(replay)
    keepers, desk = Keepers(replay), Desk(replay, rescue)
    ladder = Ladder(replay, desk, keepers)
    replay.hears += [keepers.hears, ladder.hears, hours.hears]
    replay.sees += [hours.sees]
    await replay.office.move_clock(replay.now)
    await asyncio.gather(*(replay.office.register(each, inbox.address) for each in replay.staff.people.values()))
    for number in range(model.days):
        desk.open(first + timedelta(days=number))
    await replay.run(at(first + timedelta(days=model.days), 0))
    return Lived(replay, inbox, hours, rescue)

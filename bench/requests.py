"""POST /v1/commitments with everything it does, beside a bare no-op POST on the same server software."""

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from bench.measure import Contender, Figure, Goal, Options, interleaved, spread
from bench.processes import Served, caught_up, serving, worker_elsewhere
from bench.talking import Lines, head
from store.database import Database

__all__ = ["GOALS", "requests"]

_CONNECTIONS = (16, 64)
_POST = head(
    "POST",
    "/v1/commitments",
    "agent:ling",
    {
        "customer_id": "CU-1",
        "kind": "redelivery",
        "promise": "Tomorrow before noon, at the back door",
        "due": {"within": {"amount": 1, "unit": "days"}},
        "channel": "phone",
        "conversation": "call-8871",
    },
)


def _noop(connections: int) -> str:
    return f"no-op POST, {connections} connections"


def _alone(connections: int) -> str:
    return f"POST /v1/commitments, worker elsewhere, {connections} connections"


def _live(connections: int) -> str:
    return f"POST /v1/commitments, worker live, {connections} connections"


GOALS = (
    Goal(_alone(64), "requests/s", per=(_noop(64),), at_least=0.4),
    Goal(_alone(64), "p99 ms", per=(_noop(64),), at_most=4),
    Goal(_alone(16), "requests/s", per=(_noop(16),)),
    *(Goal(_live(connections), "requests/s", per=(_noop(connections),)) for connections in _CONNECTIONS),
)


async def requests(options: Options) -> list[Figure]:
    """Requests a second over loopback, and how long each took, by connections."""
    async with AsyncExitStack() as stack:
        noop = await stack.enter_async_context(serving(options.folder, "-m", "bench.noop"))
        alone, _ = await _upheld(stack, options.folder / "alone", elsewhere=True)
        live, dsn = await _upheld(stack, options.folder / "live", elsewhere=False)
        contenders: dict[str, Contender] = {}
        for connections in _CONNECTIONS:
            contenders[_noop(connections)] = partial(_load, noop, connections, options.seconds)
            contenders[_alone(connections)] = partial(_load, alone, connections, options.seconds)
            contenders[_live(connections)] = partial(_load, live, connections, options.seconds, dsn)
        return await interleaved(contenders, options.rounds)


async def _upheld(stack: AsyncExitStack, data_dir: Path, *, elsewhere: bool) -> tuple[Served, str]:
    """A process that serves, and its database."""
    database = await stack.enter_async_context(Database.open(None, data_dir))
    if elsewhere:
        await stack.enter_async_context(worker_elsewhere(database))
    return await stack.enter_async_context(serving(data_dir)), database.dsn


async def _load(served: Served, connections: int, seconds: float, dsn: str | None = None) -> dict[str, float]:
    """Requests one after another on each connection; what was recorded is projected before the next turn."""
    async with Lines.open(served.port, connections) as lines:
        began, took = time.perf_counter(), list[float]()

        async def one_after_another() -> None:
            while (asked := time.perf_counter()) < began + seconds:
                await lines.ask(_POST)
                took.append(time.perf_counter() - asked)

        await asyncio.gather(*(one_after_another() for _ in range(connections)))
        rate = len(took) / (time.perf_counter() - began)
    if dsn is not None:
        await caught_up(dsn)
    return {"requests/s": rate, **spread(took)}

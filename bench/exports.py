"""Every row of a long history, as a table and as lines, over HTTP; and what the process weighs while it tells them."""

import asyncio
import time
from functools import partial

import httpx

from bench.logs import generated, scalar
from bench.measure import Contender, Figure, Goal, Options, figure, interleaved
from bench.processes import Served, memory, serving

__all__ = ["GOALS", "exports"]

_COMMITMENTS = 170_000
"""Of which a life makes a good million events."""
_FORMATS = {"NDJSON": "application/x-ndjson", "CSV": "text/csv"}
_WEIGHT = "serving process while it exports"
_WITHIN = 900
_LOOK_SECONDS = 0.5

GOALS = (Goal(_WEIGHT, "MB", at_most=300),)


async def exports(options: Options) -> list[Figure]:
    """Rows a second from the request to the last of them, and how long the first takes."""
    data_dir = options.data_dir or options.folder / "exports"
    async with (
        generated(data_dir, options.commitments or _COMMITMENTS) as database,
        serving(data_dir) as served,
    ):
        events = await scalar(database, "SELECT count(*) FROM stored_events")
        weights: list[float] = []
        contenders: dict[str, Contender] = {
            f"export as {name}": partial(_export, served, accept, events, weights) for name, accept in _FORMATS.items()
        }
        # What takes minutes needs no second run to be warm.
        figures = await interleaved(contenders, options.rounds, warm_up=False)
        return [*figures, figure("rows of the history", "rows", [events]), figure(_WEIGHT, "MB", weights)]


async def _export(served: Served, accept: str, events: int, weights: list[float]) -> dict[str, float]:
    """Read it all. Raises `RuntimeError` where a row is missing."""
    headers = {"X-Actor": "auditor:chen", "Accept": accept}
    rows, first, began = 0, 0.0, time.perf_counter()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{served.port}", timeout=_WITHIN, trust_env=False
    ) as client:
        weighing = asyncio.create_task(_weigh(served, weights))
        try:
            async with client.stream("GET", "/v1/history", headers=headers) as answer:
                answer.raise_for_status()
                async for chunk in answer.aiter_bytes():
                    first = first or time.perf_counter() - began
                    rows += chunk.count(b"\n")
        finally:
            weighing.cancel()
    if rows < events:
        raise RuntimeError(f"the export tells {rows} of {events} events")
    return {"rows/s": rows / (time.perf_counter() - began), "first byte ms": first * 1000}


async def _weigh(served: Served, weights: list[float]) -> None:
    while True:
        weights.append(memory(served))
        await asyncio.sleep(_LOOK_SECONDS)

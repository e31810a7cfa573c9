"""The same questions to a log of 10,000 commitments and to a long one, over HTTP, and what the process then weighs."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from bench.logs import generated
from bench.measure import Contender, Figure, Goal, Options, figure, interleaved, spread
from bench.pacing import paced
from bench.processes import Served, memory, serving
from bench.talking import Lines, head

__all__ = ["GOALS", "scale"]

_SMALL = 10_000
_LONG = 100_000
_RATE = 50
_CONNECTIONS = 16
_PARTS, _EACH = 10, 50
"""From how many parts of the log, and how many of each, is what is asked about."""
_A_YEAR = timedelta(days=365)
_NOW = ("flags", "tasks of a courier", "history of an order", "a commitment")
_THEN = ("flags, as of then", "tasks of a courier, as of then", "a commitment, as of then")
_WEIGHT = "serving process on the long log"

Paths = dict[str, list[str]]
"""For each question the paths that are asked in turn."""


def _on(log: str, question: str) -> str:
    return f"{question}, {log} log"


GOALS = (
    *(Goal(_on("long", question), "p99 ms", at_most=25) for question in _NOW),
    *(
        Goal(_on("long", question), "p50 ms", per=(_on("small", question),), at_most=1.5)
        for question in (*_NOW, *_THEN)
    ),
    *(Goal(_on("long", question), "p99 ms", at_most=100) for question in _THEN),
    Goal(_WEIGHT, "MB", at_most=300),
)


async def scale(options: Options) -> list[Figure]:
    """Latencies at 50 requests a second, each question by itself, the two logs in turns."""
    small, long = options.small_data_dir or options.folder / "small", options.data_dir or options.folder / "long"
    async with AsyncExitStack() as stack:
        contenders: dict[str, Contender] = {}
        logs = [await _serve(stack, small, _SMALL), await _serve(stack, long, options.commitments or _LONG)]
        for question in (*_NOW, *_THEN):
            for log, (_, lines, paths) in zip(("small", "long"), logs, strict=True):
                ask = partial(_ask, lines, paths[question], options.seconds)
                contenders[_on(log, question)] = ask
        figures = await interleaved(contenders, options.rounds)
        return [*figures, figure(_WEIGHT, "MB", [memory(logs[1][0])])]


async def _serve(stack: AsyncExitStack, data_dir: Path, commitments: int) -> tuple[Served, Lines, Paths]:
    await stack.enter_async_context(generated(data_dir, commitments))
    served = await stack.enter_async_context(serving(data_dir))
    lines = await stack.enter_async_context(Lines.open(served.port, _CONNECTIONS))
    return served, lines, await _paths(lines)


async def _ask(lines: Lines, paths: list[str], seconds: float) -> dict[str, float]:
    requests = [head("GET", path, "supervisor:wang") for path in paths]
    return spread(await paced(_RATE, seconds, lambda number: lines.ask(requests[number % len(requests)])))


async def _paths(lines: Lines) -> Paths:
    """Who and what is asked about, found over HTTP as well, as often as it occurs: busy couriers more often."""
    now = datetime.now(UTC)
    oldest = (await _items(lines, "/v1/history?limit=1"))[0]
    first = datetime.fromisoformat(oldest["recorded_at"])
    # A log that is shorter than a year is asked about its second day.
    then = max(now - _A_YEAR, first + min(timedelta(days=1.5), (now - first) / 2))
    made = [
        item
        for part in range(_PARTS)
        for item in await _made(lines, first + (now - first) * part / _PARTS, now, limit=_EACH)
    ]
    early = await _made(lines, first, then, limit=_PARTS * _EACH)
    open_now = await _items(lines, f"/v1/commitments?role=courier&status=open&limit={_PARTS * _EACH}")
    given = await _items(lines, f"/v1/history?type=HandoffAssigned&{_between(first, then)}&limit={_PARTS * _EACH}")
    couriers = [
        handoff["recipient"] for item in open_now for handoff in item["handoffs"] if handoff["role"] == "courier"
    ]
    carried = [item["data"]["recipient"] for item in given if item["data"]["role"] == "courier"]
    as_of = f"as_of={_text(then)}"
    answers = (
        ["/v1/flags"],
        [f"/v1/tasks?recipient={courier}" for courier in couriers if courier is not None],
        [f"/v1/history?order_id={item['order_id']}" for item in made if item["order_id"] is not None],
        [f"/v1/commitments/{item['commitment_id']}" for item in made],
        [f"/v1/flags?{as_of}"],
        [f"/v1/tasks?recipient={courier}&{as_of}" for courier in carried],
        [f"/v1/commitments/{item['commitment_id']}?{as_of}" for item in early],
    )
    return dict(zip((*_NOW, *_THEN), answers, strict=True))


async def _made(lines: Lines, begin: datetime, end: datetime, *, limit: int) -> list[dict[str, Any]]:
    return await _items(lines, f"/v1/history?type=CommitmentMade&{_between(begin, end)}&limit={limit}")


async def _items(lines: Lines, path: str) -> list[dict[str, Any]]:
    answer = await lines.ask(head("GET", path, "supervisor:wang"))
    return list(msgspec.json.decode(answer.body)["items"])


def _between(begin: datetime, end: datetime) -> str:
    return f"from={_text(begin)}&to={_text(end)}"


def _text(instant: datetime) -> str:
    return quote(instant.isoformat())

"""How long after the answer to a command everybody sees it: until every projection has reached its position."""

import asyncio
import time
from bisect import bisect_left
from collections import deque
from random import Random
from typing import Any

import msgspec
from psycopg import AsyncConnection

from bench.measure import Figure, Goal, Options, percentile
from bench.pacing import paced
from bench.processes import caught_up, serving
from bench.talking import Lines, head
from projections.registry import PROJECTIONS
from store.database import Database

__all__ = ["GOALS", "lag"]

_CONNECTIONS = 64
_WARM_UP_SECONDS = 3.0
_POLL_SECONDS = 0.003
"""To look every millisecond takes a fifth of a core from what is looked at. What is seen late counts as late."""
_NAME = "from the answer until all projections have it"
_COMMIT = "one durable INSERT"

GOALS = (
    Goal(_NAME, "p50 ms", at_most=20),
    Goal(_NAME, "p99 ms", at_most=100),
    Goal(_NAME, "p50 ms", per=(_COMMIT,)),
)


async def lag(options: Options) -> list[Figure]:
    """Commands at a steady pace on a process that serves and projects, while another connection looks on."""
    async with (
        Database.open(None, options.folder / "lag") as database,
        serving(options.folder / "lag") as served,
        Lines.open(served.port, _CONNECTIONS) as lines,
        await database.connect("looker") as conn,
    ):
        await _Commands(lines).run(options.rate, _WARM_UP_SECONDS)
        await caught_up(database.dsn)
        commits = await _commits(conn)
        commands, looker = _Commands(lines), _Looker(conn)
        looking = asyncio.create_task(looker.run())
        took = await commands.run(options.rate, options.pace_seconds)
        await caught_up(database.dsn)
        await asyncio.sleep(0.1)
        looking.cancel()
        seen = [looker.seen(position) - answered for position, answered in commands.answered]
    return [
        *_spread(_NAME, [max(late, 0.0) for late in seen]),
        *_spread(f"commands, {options.rate} a second", took),
        *_spread(_COMMIT, commits),
    ]


class _Commands:
    """A mix of four promises in nine, three receipts, and two assignments of orders to whoever carries them."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._random = Random(1)
        self._run = f"{time.time():.0f}"
        self._refunds: deque[str] = deque()
        self._orders: list[str] = []
        self.answered: list[tuple[int, float]] = []
        """The position of each command's last event, and when the answer came."""

    async def run(self, rate: float, seconds: float) -> list[float]:
        return await paced(rate, seconds, self._one)

    async def _one(self, number: int) -> None:
        turn = number % 9
        if turn in (2, 5, 8) and self._refunds:
            await self._receipt(self._refunds.popleft())
        elif turn in (3, 7) and self._orders:
            await self._assign(self._random.choice(self._orders))
        elif turn in (0, 4):
            await self._promise("redelivery", f"SO-{self._run}-{number}")
        else:
            await self._promise("refund", None)

    async def _promise(self, kind: str, order: str | None) -> None:
        due = {"within": {"amount": 1, "unit": "days"}}
        body = {"customer_id": "CU-7", "kind": kind, "promise": "Tomorrow", "order_id": order, "due": due}
        made = await self._ask("POST", "/v1/commitments", "agent:ling", body)
        if order is None:
            self._refunds.append(made["id"])
        else:
            self._orders.append(order)

    async def _receipt(self, id: str) -> None:
        body = {"revision": 1, "state": "acknowledged"}
        await self._ask("POST", f"/v1/commitments/{id}/receipts", "finance:zhao", body)

    async def _assign(self, order: str) -> None:
        body = {"role": "courier", "recipient": f"courier:c{self._random.randrange(50)}", "stop": 7}
        await self._ask("PUT", f"/v1/orders/{order}/assignment", "system:oms", body)

    async def _ask(self, method: str, path: str, actor: str, body: object) -> dict[str, Any]:
        answer = await self._lines.ask(head(method, path, actor, body))
        self.answered.append((answer.position, time.perf_counter()))
        return msgspec.json.decode(answer.body, type=dict[str, Any])


class _Looker:
    """Looks again and again how far all projections are."""

    def __init__(self, conn: "AsyncConnection[Any]") -> None:
        self._conn = conn
        self._positions: list[int] = []
        self._times: list[float] = []

    async def run(self) -> None:
        names = [projection.name for projection in PROJECTIONS]
        query = "SELECT min(position) FROM checkpoints WHERE name = ANY(%s)"
        while True:
            row = await (await self._conn.execute(query, (names,), prepare=True)).fetchone()
            position = int(row[0]) if row is not None else 0
            if not self._positions or position > self._positions[-1]:
                self._positions.append(position)
                self._times.append(time.perf_counter())
            await asyncio.sleep(_POLL_SECONDS)

    def seen(self, position: int) -> float:
        """When all projections were first found to have reached a position."""
        return self._times[bisect_left(self._positions, position)]


async def _commits(conn: "AsyncConnection[Any]") -> list[float]:
    """What the smallest durable write takes on this machine."""
    await conn.execute("CREATE TABLE IF NOT EXISTS bench_rows (id bigserial PRIMARY KEY, payload text)")
    took = []
    for _ in range(200):
        began = time.perf_counter()
        await conn.execute("INSERT INTO bench_rows (payload) VALUES ('x')")
        took.append(time.perf_counter() - began)
    return took


def _spread(name: str, seconds: list[float]) -> list[Figure]:
    """Percentiles over everything, each with its spread over the tenths of the run."""
    tenths = [seconds[n * len(seconds) // 10 : (n + 1) * len(seconds) // 10] for n in range(10)]
    figures = []
    for part in (0.5, 0.99):
        each = [percentile(tenth, part) * 1000 for tenth in tenths if tenth]
        whole = percentile(seconds, part) * 1000
        figures.append(Figure(name, f"p{round(part * 100)} ms", whole, min(each), max(each)))
    return figures

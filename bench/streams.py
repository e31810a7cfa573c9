"""Very many who look on as flags come and go, on one process: what that costs, and how long the last one waits."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

from bench.measure import Figure, Goal, Options, figure, percentile
from bench.processes import caught_up, cpu_seconds, memory, serving
from bench.talking import Lines, head
from store.database import Database

__all__ = ["GOALS", "streams"]

_STREAMS = 1_000
_FLAGS = 20
_IDLE_SECONDS = 10.0
_WITHIN = 30.0
_LISTENERS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'upheld-listen'"
_ALL = f"from the answer until all {_STREAMS:,} streams have the flag"

GOALS = (Goal(_ALL, "p99 ms", at_most=1000),)


class _Looker:
    """Somebody who looks on: when each flag came."""

    def __init__(self) -> None:
        self.at: list[float] = []

    async def look(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head("GET", "/v1/flags/stream?role=courier", "supervisor:wang"))
        try:
            while line := await reader.readline():
                if line.startswith(b"event: flagged"):
                    self.at.append(time.perf_counter())
        finally:
            writer.close()


async def streams(options: Options) -> list[Figure]:
    """A thousand open streams; flags that somebody's word raises; and then nothing at all."""
    folder = options.folder / "streams"
    async with (
        Database.open(None, folder) as database,
        serving(folder) as served,
        Lines.open(served.port, 4) as lines,
        AsyncExitStack() as stack,
    ):
        await caught_up(database.dsn)
        before = memory(served)
        lookers = [_Looker() for _ in range(_STREAMS)]
        tasks = [asyncio.create_task(looker.look(served.port)) for looker in lookers]
        stack.callback(lambda: [task.cancel() for task in tasks])
        await _until_all_look_on(lines)
        waits = [await _flagged(lines, lookers, number) for number in range(_FLAGS)]
        then = sum((await cpu_seconds(served, database)).values())
        await asyncio.sleep(_IDLE_SECONDS)
        idle = (sum((await cpu_seconds(served, database)).values()) - then) / _IDLE_SECONDS * 100
        listeners = await database.fetch(_LISTENERS)
        after = memory(served)
    last = [max(wait) for wait in waits]
    return [
        *(figure(_ALL, f"p{round(part * 100)} ms", [percentile(last, part) * 1000]) for part in (0.5, 0.99)),
        figure("CPU while nothing happens, all streams open", "% of a core", [idle]),
        figure("memory of the process, all streams open", "MB more", [after - before]),
        figure("listeners of the process at the database", "connections", [listeners[0][0]]),
    ]


async def _until_all_look_on(lines: Lines) -> None:
    deadline = time.monotonic() + _WITHIN
    while True:
        shown = (await lines.ask(head("GET", "/metrics", "system:bench"))).body.decode()
        open_now = sum(
            float(line.rsplit(" ", 1)[1]) for line in shown.splitlines() if line.startswith("upheld_flag_streams")
        )
        if open_now >= _STREAMS:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {open_now:.0f} of {_STREAMS} streams are open")
        await asyncio.sleep(0.1)


async def _flagged(lines: Lines, lookers: Sequence[_Looker], number: int) -> list[float]:
    """A courier says that he cannot: how long after the answer each one sees the flag."""
    order = f"SO-{number}"
    assigned = {"role": "courier", "recipient": "courier:li"}
    await lines.ask(head("PUT", f"/v1/orders/{order}/assignment", "system:oms", assigned))
    due = {"within": {"amount": 2, "unit": "days"}}
    promised = {"kind": "redelivery", "customer_id": "CU-7", "order_id": order, "promise": "By noon", "due": due}
    made = await lines.ask(head("POST", "/v1/commitments", "agent:ling", promised))
    id = made.head.decode().lower().split("location: /v1/commitments/")[1].split("\r\n")[0]
    declined = {"revision": 1, "state": "declined", "reason": "The van is full"}
    await lines.ask(head("POST", f"/v1/commitments/{id}/receipts", "courier:li", declined))
    answered, deadline = time.perf_counter(), time.monotonic() + _WITHIN
    while any(len(looker.at) <= number for looker in lookers):
        if time.monotonic() > deadline:
            raise RuntimeError("some streams did not see a flag")
        await asyncio.sleep(0.005)
    return [looker.at[number] - answered for looker in lookers]

"""Load at a steady pace, whatever the answers take: a slow answer does not slow down who asks next."""

import asyncio
import time
from collections.abc import Awaitable, Callable

__all__ = ["paced"]


async def paced(rate: float, seconds: float, one: Callable[[int], Awaitable[object]]) -> list[float]:
    """Do `one(n)` `rate` times a second; answers how long each took from when it was due to begin.

    >>> await paced(100, 0.05, lambda n: asyncio.sleep(0.001))  # doctest: +SKIP
    [0.0012, 0.0011, 0.0012, 0.0011, 0.0012]

    What cannot begin in time is late from the beginning, and counted so. An error ends it.
    """
    begins = time.perf_counter()  # a clock finer than that of the event loop
    took: list[float] = []

    async def timed(number: int, due: float) -> None:
        await one(number)
        took.append(time.perf_counter() - due)

    async with asyncio.TaskGroup() as tasks:
        for number in range(round(rate * seconds)):
            due = begins + number / rate
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            tasks.create_task(timed(number, due))
    return took

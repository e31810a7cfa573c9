"""Rounds, medians and spread; the contenders of a comparison take turns, so that the machine is the same for all.

>>> median_of([3.0, 1.0, 2.0])
2.0
"""

import platform
import statistics
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import psutil

__all__ = ["Figure", "interleaved", "machine", "median_of"]


@dataclass(frozen=True, slots=True)
class Figure:
    """What one contender did: the median of its rounds, and the smallest and the largest of them."""

    name: str
    unit: str
    median: float
    least: float
    most: float


def median_of(values: list[float]) -> float:
    return statistics.median(values)


async def interleaved(
    contenders: Mapping[str, Callable[[], Awaitable[float]]], unit: str, rounds: int
) -> dict[str, Figure]:
    """Run every contender once to warm up, then in turns; the figures by name."""
    results: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            figure = await contender()
            if number:
                results[name].append(figure)
    return {name: Figure(name, unit, median_of(values), min(values), max(values)) for name, values in results.items()}


def machine() -> str:
    """The machine in a line: what a figure is worth without it is little."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{psutil.cpu_count()} cores, {memory:.0f} GiB, {system}"

"""Rounds, medians, percentiles, goals; contenders take turns, so that the machine is the same for all of them.

>>> percentile([3.0, 1.0, 2.0], 0.5), percentile([3.0, 1.0, 2.0], 0.99)
(2.0, 3.0)
"""

import math
import platform
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Contender", "Figure", "Goal", "Options", "figure", "interleaved", "machine", "percentile", "spread"]

Contender = Callable[[], Awaitable[Mapping[str, float]]]
"""Runs once, and answers what it came to, by unit: `{"requests/s": 1560.0, "p50 ms": 9.1}`."""


@dataclass(frozen=True, slots=True)
class Options:
    """What may be chosen on the command line; `folder` is empty, and gone when all is over."""

    folder: Path
    rounds: int = 5
    seconds: float = 3.0
    commitments: int | None = None
    rows: int = 20_000
    rate: int = 300
    pace_seconds: float = 60.0
    scale: float = 1.0
    data_dir: Path | None = None
    small_data_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """What one contender did: the median of its rounds, and the smallest and the largest of them."""

    name: str
    unit: str
    median: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure is to reach: by itself, or as a multiple of another from the same run.

    Of several others the best counts; `others` is then what they are called.

    >>> appends = Goal("16 in flight", "events/s", per=("pgbench",), at_least=0.8)
    >>> appends.measured([figure("16 in flight", "events/s", [900]), figure("pgbench", "events/s", [1000])])
    0.9
    """

    name: str
    unit: str
    per: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    others: str = ""

    def measured(self, figures: Iterable[Figure]) -> float | None:
        """What was reached, or None where it was not measured."""
        medians = {found.name: found.median for found in figures if found.unit == self.unit}
        others = [medians[name] for name in self.per if name in medians]
        if self.name not in medians or bool(self.per) != bool(others):
            return None
        return medians[self.name] / (max(others) if others else 1.0)

    def holds(self, measured: float) -> bool:
        return (self.at_least is None or measured >= self.at_least) and (
            self.at_most is None or measured <= self.at_most
        )

    @property
    def wanted(self) -> str:
        """The limit, as a reader sees it; nothing where the figure is only to be compared."""
        sign, limit = ("≥", self.at_least) if self.at_least is not None else ("≤", self.at_most)
        return f"{sign} {self.said(limit)}" if limit is not None else ""

    def said(self, value: float) -> str:
        number = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        return f"{number} {'×' if self.per else self.unit}"


def figure(name: str, unit: str, values: Sequence[float]) -> Figure:
    return Figure(name, unit, statistics.median(values), min(values), max(values))


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least this part of them does not exceed.

    >>> percentile([10.0, 20.0, 30.0, 40.0], 0.5)
    20.0
    """
    ranked = sorted(values)
    return ranked[max(math.ceil(part * len(ranked)), 1) - 1]


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Latencies by percentile, in milliseconds."""
    return {f"p{round(part * 100)} ms": percentile(seconds, part) * 1000 for part in (0.5, 0.99)}


async def interleaved(contenders: Mapping[str, Contender], rounds: int, *, warm_up: bool = True) -> list[Figure]:
    """Run every contender once to warm up, then in turns; a figure for each unit of each of them."""
    results: dict[tuple[str, str], list[float]] = {}
    for number in range(-warm_up, rounds):
        for name, contender in contenders.items():
            for unit, value in (await contender()).items():
                if number >= 0:
                    results.setdefault((name, unit), []).append(value)
    return [figure(name, unit, values) for (name, unit), values in results.items()]


def machine() -> str:
    """The machine in a line: what a figure is worth without it is little."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}"
    return f"{psutil.cpu_count()} cores ({_processor()}), {memory:.0f} GiB, {_filesystem()} with fsync, {system}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _filesystem() -> str:
    """What the embedded servers write to: durable appends to memory would be no news."""
    here = Path(tempfile.gettempdir()).resolve()
    mounted = {Path(disk.mountpoint): disk.fstype for disk in psutil.disk_partitions(all=True)}
    return next((mounted[folder] for folder in (here, *here.parents) if folder in mounted), "unknown file system")

"""What Prometheus is told: what the processes measure, and where everything stands in the database.

Of several serving processes each keeps its figures in files of one folder, so that any of them answers for all.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from importlib import metadata

import psutil
import psycopg
import structlog
from fastapi import FastAPI
from prometheus_client import REGISTRY, Counter, Gauge, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from api.runtime import Runtime, together
from api.status import standing
from domain.errors import Unavailable
from policies.clock import next_due
from policies.endpoints import EndpointStanding, endpoints
from projections.log import end_of_the_log
from store.database import Database

__all__ = ["FOLDER", "Scraping", "measuring"]

log = structlog.get_logger("upheld.metrics")

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder; the library reads it when it is imported, so only a parent can set it."""

_LOOK_EVERY = 1.0
_PATIENCE = 3.0
"""A scrape is given up by Prometheus after 10 s, and with it all that the process could have said of itself."""

disable_created_metrics()  # type: ignore[no-untyped-call]

_loop_delay = Gauge(
    "upheld_event_loop_delay_seconds",
    "How late the process came to its last look at itself",
    multiprocess_mode="livemax",
)
_pool_gauges = {
    "pool_size": Gauge("upheld_database_pool_connections", "Connections for reading", multiprocess_mode="livesum"),
    "pool_available": Gauge(
        "upheld_database_pool_idle_connections", "Connections for reading that are idle", multiprocess_mode="livesum"
    ),
    "pool_max": Gauge(
        "upheld_database_pool_max_connections", "Connections for reading, at most", multiprocess_mode="livesum"
    ),
    "requests_waiting": Gauge(
        "upheld_database_pool_waiting_requests", "Queries that wait for a connection", multiprocess_mode="livesum"
    ),
}
_pool_counters = {
    "requests_num": (Counter("upheld_database_pool_requests", "Queries that asked for a connection"), 1.0),
    "requests_errors": (Counter("upheld_database_pool_errors", "Queries that got no connection in time"), 1.0),
    "requests_wait_ms": (Counter("upheld_database_pool_wait_seconds", "Time that queries waited for one"), 0.001),
    "usage_ms": (Counter("upheld_database_pool_usage_seconds", "Time that connections were used"), 0.001),
    "connections_errors": (Counter("upheld_database_connection_errors", "Attempts to connect that failed"), 1.0),
    "connections_lost": (Counter("upheld_database_lost_connections", "Connections that were found dead"), 1.0),
}


@contextlib.asynccontextmanager
async def measuring(app: FastAPI) -> AsyncIterator[None]:
    """Measure the process for as long as the app answers."""
    runtime: Runtime = app.state.runtime
    app.state.scraping = Scraping(runtime)
    async with together([_keep_measuring(runtime.database)]):
        yield


async def _keep_measuring(database: Database) -> None:
    loop = asyncio.get_running_loop()
    while True:
        _measure_pool(database.pool.pop_stats())
        woken_at = loop.time() + _LOOK_EVERY
        await asyncio.sleep(_LOOK_EVERY)
        _loop_delay.set(max(loop.time() - woken_at, 0.0))


def _measure_pool(stats: Mapping[str, int]) -> None:
    """Take over what the pool counted since the last look."""
    for name, gauge in _pool_gauges.items():
        gauge.set(stats.get(name, 0))
    for name, (counter, unit) in _pool_counters.items():
        counter.inc(stats.get(name, 0) * unit)


class Scraping:
    """Answers one scrape after another.

    >>> print((await Scraping(runtime).answer()).decode())  # doctest: +SKIP
    # HELP upheld_append_queue_depth Appends that wait for the writer
    # TYPE upheld_append_queue_depth gauge
    upheld_append_queue_depth 0.0
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._asking: asyncio.Task[list[Metric]] | None = None

    async def answer(self) -> bytes:
        """All figures in the text format of Prometheus; without the database those of the processes."""
        figures = _Figures([_VERSION, *await self._in_the_database()])
        # Figures of several processes are read from files.
        return await asyncio.to_thread(generate_latest, figures)

    async def _in_the_database(self) -> list[Metric]:
        """What the database answers in time. It is left to finish: a query is cancelled only with its server's help."""
        asking = self._asking
        if asking is None or asking.done():
            asking = self._asking = asyncio.create_task(_ask(self._runtime))
        done, _ = await asyncio.wait((asking,), timeout=_PATIENCE)
        return asking.result() if done else _AWAY


async def _ask(runtime: Runtime) -> list[Metric]:
    """Where everything stands; all processes on a database tell the same."""
    try:
        now = await runtime.now()
        rows = await standing(runtime.database, now)
        webhooks = await endpoints(runtime.database, runtime.catalogue.webhooks, now)
        end = await end_of_the_log(runtime.database)
        async with runtime.database.pool.connection() as conn:
            due = await next_due(conn)
    except (Unavailable, psycopg.Error) as error:
        log.warning("the database told nothing", error=str(error).strip())
        return _AWAY
    overdue = max((now - due).total_seconds(), 0.0) if due is not None else 0.0
    built = {row.name: row.rebuild.percent / 100 for row in rows if row.rebuild is not None}
    return [
        _gauge("database_up", _UP, 1),
        _gauge("log_position", "The last position in the log", end),
        _gauge("clock_overdue_seconds", "How long the most overdue commitment waits for the clock", overdue),
        _each("projection_position", "Up to where the log was taken in", {row.name: row.position for row in rows}),
        _each("projection_lag_events", "Events not taken in yet", {row.name: row.lag_events for row in rows}),
        _each(
            "projection_lag_seconds", "How long the first of them waits", {row.name: row.lag_seconds for row in rows}
        ),
        _each("projection_parked_streams", "Streams that are left out", {row.name: row.parked for row in rows}),
        _each("rebuild_progress_ratio", "How much is built anew, in the step that is being done", built),
        *_of_webhooks(webhooks),
    ]


def _of_webhooks(rows: Sequence[EndpointStanding]) -> list[Metric]:
    """Where each webhook stands; where none is configured, there are names alone."""
    figures: Mapping[str, tuple[str, Callable[[EndpointStanding], float]]] = {
        "position": ("Up to where events were sent", lambda row: row.position),
        "lag_events": ("Events not sent yet", lambda row: row.lag_events),
        "lag_seconds": ("How long the first of them waits", lambda row: row.lag_seconds),
        "retries": ("Events that were not received and are sent again", lambda row: row.retries),
        "given_up_events": ("Events that were not received and wait for a replay", lambda row: row.given_up),
        "up": (
            "Whether it receives anything: 0 where it fails as a whole or is disabled",
            lambda row: row.state == "ok",
        ),
    }
    return [
        _each(f"webhook_{name}", about, {row.name: float(value(row)) for row in rows}, "endpoint")
        for name, (about, value) in figures.items()
    ]


class _Figures:
    """Everything that one scrape tells."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        yield from self._found
        if folder := os.environ.get(FOLDER):
            yield from MultiProcessCollector(None, folder).collect()  # type: ignore[no-untyped-call]
            yield from _processes()
        else:
            yield from REGISTRY.collect()


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"upheld_{name}", about, value=value)


def _each(name: str, about: str, values: Mapping[str, float], label: str = "projection") -> Metric:
    """A gauge with one value for each projection or policy."""
    family = GaugeMetricFamily(f"upheld_{name}", about, labels=[label])
    for one, value in values.items():
        family.add_metric([one], value)
    return family


_UP = "Whether the database answered this scrape"
_AWAY = [_gauge("database_up", _UP, 0)]
_VERSION = _each("build_info", "The version that runs", {metadata.version("upheld"): 1}, "version")


def _processes() -> Iterable[Metric]:
    """What the library tells of a process by itself, here of the parent and of each that serves."""
    memory = GaugeMetricFamily("process_resident_memory_bytes", "Resident memory size in bytes", labels=["pid"])
    started = GaugeMetricFamily("process_start_time_seconds", "Start time since the epoch in seconds", labels=["pid"])
    files = GaugeMetricFamily("process_open_fds", "Number of open file descriptors", labels=["pid"])
    cpu = CounterMetricFamily("process_cpu_seconds", "User and system CPU time spent in seconds", labels=["pid"])
    parent = psutil.Process(os.getppid())
    for process in (parent, *parent.children()):
        with contextlib.suppress(psutil.NoSuchProcess), process.oneshot():
            used = process.cpu_times()
            memory.add_metric([str(process.pid)], process.memory_info().rss)
            started.add_metric([str(process.pid)], process.create_time())
            files.add_metric([str(process.pid)], process.num_fds())
            cpu.add_metric([str(process.pid)], used.user + used.system)
    return memory, started, files, cpu

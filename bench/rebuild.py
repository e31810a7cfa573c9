"""Building projections anew from a long log, beside the library's own `ProjectionRunner` on the same rows."""

import asyncio
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import Mapper, Tracking, Transcoder
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from bench.logs import generated, scalar
from bench.measure import Contender, Figure, Goal, Options, interleaved
from bench.processes import UPHELD, environment, finished
from bench.yardsticks import library_settings
from domain.facts import CommitmentMade
from projections.registry import PROJECTIONS
from store.codec import FactMapper
from store.keyring import Keyring

__all__ = ["GOALS", "rebuild"]

_COMMITMENTS = 60_000
_WITHIN = 3_600
_RUNNER = "ProjectionRunner, commitments"
_RUNNER_SECONDS = 10.0
_ALL = "rebuild of all projections"


def _alone(name: str) -> str:
    return f"rebuild of {name}"


GOALS = (
    *(Goal(_alone(projection.name), "events/s", at_least=20_000) for projection in PROJECTIONS),
    Goal(_ALL, "events/s", at_least=8_000),
    Goal(_alone("commitments"), "events/s", per=(_RUNNER,), at_least=20),
)


async def rebuild(options: Options) -> list[Figure]:
    """Events of the log a second, from the start of the command to its end."""
    data_dir = options.data_dir or options.folder / "rebuild"
    async with generated(data_dir, options.commitments or _COMMITMENTS) as database:
        events = await scalar(database, "SELECT count(*) FROM stored_events")
        contenders: dict[str, Contender] = {
            _alone(projection.name): partial(_rebuild, data_dir, events, projection.name) for projection in PROJECTIONS
        }
        contenders[_ALL] = partial(_rebuild, data_dir, events)
        contenders["start of a command"] = partial(_start, data_dir)
        contenders[_RUNNER] = partial(_run_library, database.dsn)
        # What takes minutes needs no second run to be warm.
        return await interleaved(contenders, options.rounds, warm_up=False)


async def _rebuild(data_dir: Path, events: int, *names: str) -> dict[str, float]:
    return {"events/s": events / await _run(data_dir, "rebuild", *names)}


async def _start(data_dir: Path) -> dict[str, float]:
    """What every command costs before it does anything."""
    return {"s": await _run(data_dir, "status")}


async def _run(data_dir: Path, *command: str) -> float:
    """Seconds from the start of a command to its end."""
    began = time.perf_counter()
    await finished(sys.executable, *UPHELD, *command, within=_WITHIN, env=environment(data_dir))
    return time.perf_counter() - began


# -- the same with the library ----------------------------------------------------------------------------------------


class _Log(Application[UUID]):
    """Our log as the library's application reads it, without what is personal."""

    name = "stored"

    def construct_mapper(self, transcoder: Transcoder | None = None) -> Mapper[UUID]:
        del transcoder
        return FactMapper(Keyring(bytes(32)), None)


class _View(PostgresTrackingRecorder):
    """One row a commitment, written with the tracking in one transaction, as the library's manual has it."""

    _SCHEMA = SQL(
        "CREATE TABLE IF NOT EXISTS bench_commitments (id uuid PRIMARY KEY, customer_id text, kind text, "
        "due_at timestamptz, last text, version bigint)"
    ).format()
    _MADE = SQL("INSERT INTO bench_commitments VALUES (%s, %s, %s, %s, 'CommitmentMade', 1) ON CONFLICT DO NOTHING")
    _GOES_ON = SQL("UPDATE bench_commitments SET last = %s, version = %s WHERE id = %s")

    def __init__(self, datastore: PostgresDatastore, **more: Any) -> None:
        super().__init__(datastore, **more)
        self.sql_create_statements.append(self._SCHEMA)

    def show(self, fact: Any, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            if isinstance(fact, CommitmentMade):
                cursor.execute(self._MADE, (fact.originator_id, fact.customer_id, fact.kind, fact.due.at))
            else:
                cursor.execute(self._GOES_ON, (type(fact).__name__, fact.originator_version, fact.originator_id))
            self._insert_tracking(cursor, tracking)


class _Commitments(Projection[_View]):
    name = "bench"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.show(domain_event, tracking)


async def _run_library(dsn: str) -> Mapping[str, float]:
    return await asyncio.to_thread(_project, {**library_settings(dsn), "STORED_CREATE_TABLE": "no"})


def _project(env: dict[str, str]) -> dict[str, float]:
    """A while of it is enough: the library takes one event after another, at the end of the log as at its beginning."""
    with ProjectionRunner(application_class=_Log, projection_class=_Commitments, view_class=_View, env=env) as runner:
        first = runner.view.max_tracking_id("stored") or 0
        began = time.perf_counter()
        runner.run_forever(timeout=_RUNNER_SECONDS)
        last = runner.view.max_tracking_id("stored") or 0
        return {"events/s": (last - first) / (time.perf_counter() - began)}

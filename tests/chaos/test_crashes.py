"""Whatever is killed, what was accepted is there once, and nothing else is."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import psycopg
import pytest

from api.runtime import FED
from projections.leader import LOCKS
from store.embedded import EmbeddedServer
from tests.api.forking import Begun, begin
from tests.api.serving import MASTER_KEY, ROOT, Serving, environment
from tests.chaos.faults import kill_backend, kill_with_children, stop_at_once, terminate_backend
from tests.chaos.load import Load, until
from tests.chaos.truth import assert_the_log_agrees_with, assert_the_projections_agree_with_the_log

pytestmark = pytest.mark.timeout(900)

Serve = Callable[..., Serving]
POLICIES = ("amending", "clock", "retaining", "routing", "sealing", "sending", "telling")
BUSY = 8.0
"""Seconds that a busy machine may add."""


def test_serving_processes_that_are_killed_under_load_lose_nothing_and_double_nothing(
    serve_there: Serve, own_server: EmbeddedServer, rounds: int
) -> None:
    """All processes of one `serve` at once, and again; each time another one begins where they ended."""
    forms = cycle([("--workers", "2"), ()])

    def begin() -> Serving:
        return serve_there(*next(forms))

    serving = begin()
    load = Load(serving.url)
    for _ in range(rounds):
        with load.going_on():
            load.more(100)
            kill_with_children(serving.process)
            serving = begin()
            load.urls = (serving.url,)
            load.more(100)
        assert_the_log_agrees_with(load, own_server.dsn)
        assert_the_projections_agree_with_the_log(own_server.dsn)


def test_a_server_that_is_ended_under_load_comes_back_and_has_lost_nothing(
    serve_there: Serve, own_server: EmbeddedServer, rounds: int
) -> None:
    """The writer's connection is cut; the server's process behind it is killed; the server is stopped at once."""
    serving = serve_there()
    load = Load(serving.url)
    faults: list[Callable[[], None]] = [
        lambda: terminate_backend(own_server.dsn, "upheld-writer"),
        lambda: kill_backend(own_server, "upheld-writer"),
        lambda: stop_at_once(own_server),
    ]
    for _ in range(rounds):
        for befall in faults:
            with load.going_on():
                load.more(100)
                befall()
                load.more(100, within=30)
            assert_the_log_agrees_with(load, own_server.dsn)
        assert_the_projections_agree_with_the_log(own_server.dsn)
    assert "Traceback" not in serving.logged


def test_a_worker_that_is_killed_is_followed_by_a_serving_process_within_two_seconds(
    serve: Serve, url: str, tmp_path: Path, rounds: int
) -> None:
    """The worker leads, because it is alone when it begins; then it is killed, and whoever serves goes on."""
    load = Load()
    for _ in range(rounds):
        with working(tmp_path, url) as worker:
            until(led_by_others(url, ()), 40, "the worker leads")
            serving = serve()
            load.urls = (serving.url,)
            with load.going_on():
                load.more(100)
                led = led_by_others(url, leaders(url))
                worker.kill()
                load.wait(led, 2 + BUSY, "the serving process leads")
                load.wait(at_the_end(url), 3 + BUSY, "the projections go on")
                load.more(50)
        assert_the_log_agrees_with(load, url)
        assert_the_projections_agree_with_the_log(url)
        serving.stop()


@contextmanager
def working(folder: Path, url: str) -> Iterator[Begun]:
    """`upheld worker` in a process of its own."""
    settings = environment({"data_dir": folder, "database_url": url, "master_key": MASTER_KEY})
    with (folder / "worked").open("ab") as logged:
        worker = begin(["worker"], cwd=ROOT, env=settings, stdout=logged, stderr=logged)
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait()


def leaders(url: str) -> list[int]:
    """The server's process for whoever leads, once for each projection and each policy that he leads."""
    query = (
        "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s::bigint::oid"
    )
    with psycopg.connect(url, autocommit=True) as conn:
        return [pid for (pid,) in conn.execute(query, (LOCKS,))]


def led_by_others(url: str, before: Iterable[int]) -> Callable[[], bool]:
    """Whether all there is to lead is led, and nothing by those who led before."""
    former, works = set(before), len(FED) + len(POLICIES)
    return lambda: len(found := leaders(url)) == works and former.isdisjoint(found)


def at_the_end(url: str) -> Callable[[], bool]:
    """Whether all that the worker feeds has reached what is the end of the log now."""
    names = [projection.name for projection in FED]
    with psycopg.connect(url, autocommit=True) as conn:
        end = conn.execute("SELECT max(notification_id) FROM stored_events").fetchone()

    def reached() -> bool:
        with psycopg.connect(url, autocommit=True) as conn:
            query = "SELECT min(position) >= %s FROM checkpoints WHERE name = ANY(%s)"
            return conn.execute(query, (end[0] if end else 0, names)).fetchone() == (True,)

    return reached

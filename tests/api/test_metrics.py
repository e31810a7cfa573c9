"""What Prometheus is told, of processes as an operator runs them; and that the dashboard and the page know no more."""

import json
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from projections.leader import LOCKS, lock_of
from store.embedded import EmbeddedServer
from tests.api.serving import ROOT, Api, Serving

Serve = Callable[..., Serving]

POLICIES = {"routing", "telling"}
FOLLOWERS = {"clock", "commitments", "flags", "history", "scorecard", "tasks"} | POLICIES
WORKS = (
    {f"feed {name}" for name in FOLLOWERS - POLICIES}
    | {"amending", "clock", "retaining", "sealing", "sending"}
    | POLICIES
)
NAME = re.compile(r"\b(?:upheld|process)_[a-z_]+\b")


class Scrape:
    """What one scrape told.

    >>> Scrape(serving).value("upheld_http_seconds_count", route="/v1/commitments")  # doctest: +SKIP
    3.0
    """

    def __init__(self, serving: Serving) -> None:
        began = time.monotonic()
        answer = httpx.get(f"{serving.url}/metrics", timeout=30, trust_env=False)
        self.took = time.monotonic() - began
        assert answer.status_code == 200, answer.text
        self.families = list(text_string_to_metric_families(answer.text))
        self._samples = [sample for family in self.families for sample in family.samples]

    @property
    def names(self) -> set[str]:
        return {sample.name for sample in self._samples}

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels; what was never counted is 0."""
        return sum(s.value for s in self._samples if s.name == name and labels.items() <= s.labels.items())

    def each(self, name: str, label: str) -> dict[str, float]:
        return {sample.labels[label]: sample.value for sample in self._samples if sample.name == name}


def until(serving: Serving, holds: Callable[[Scrape], bool], within: float = 15) -> Scrape:
    """The first scrape of which something holds."""
    deadline = time.monotonic() + within
    while not holds(scrape := Scrape(serving)):
        assert time.monotonic() < deadline, [s for family in scrape.families for s in family.samples]
        time.sleep(0.1)
    return scrape


def caught_up(scrape: Scrape) -> bool:
    lag = scrape.each("upheld_projection_lag_events", "projection")
    return lag.keys() == FOLLOWERS and not any(lag.values())


def test_what_was_recorded_answered_and_taken_in_is_counted(serve: Serve) -> None:
    serving = serve().wait()
    agent = serving.by("agent:ling")
    before = until(serving, caught_up)
    for number in range(3):
        agent.promise(order_id=f"SO-{number}")
    agent.post("/v1/commitments", {"kind": "redelivery"})
    after = until(serving, lambda scrape: caught_up(scrape) and scrape.value("upheld_log_position") >= 3)

    def counted(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    events = counted("upheld_append_batch_events_sum")
    made = {"method": "POST", "route": "/v1/commitments"}
    assert events >= 3
    assert 1 <= counted("upheld_append_seconds_count") <= 3
    assert counted("upheld_http_seconds_count", status="201", **made) == 3
    assert counted("upheld_http_seconds_count", status="422", **made) == 1
    assert counted("upheld_http_seconds_sum", **made) > 0
    assert counted("upheld_projection_events_total", projection="flags") == events
    positions = after.each("upheld_projection_position", "projection")
    assert positions == dict.fromkeys(FOLLOWERS, after.value("upheld_log_position"))
    assert after.each("upheld_projection_lag_seconds", "projection") == dict.fromkeys(FOLLOWERS, 0)
    assert after.each("upheld_projection_parked_streams", "projection") == dict.fromkeys(FOLLOWERS, 0)
    assert after.each("upheld_leads", "work") == dict.fromkeys(WORKS, 1)
    assert after.value("upheld_database_up") == 1
    assert after.value("upheld_append_queue_depth") == 0
    assert until(serving, lambda scrape: scrape.value("upheld_database_pool_requests_total") > 0)
    assert after.value("upheld_database_pool_connections") >= 1
    assert after.value("process_resident_memory_bytes") > 10_000_000


def test_how_late_the_clock_was_is_told(serve: Serve) -> None:
    serving = serve().wait()
    agent = serving.by("agent:ling")
    agent.promise(due=agent.due(seconds=3))
    told = until(serving, lambda scrape: scrape.value("upheld_clock_delay_seconds") > 0)

    assert told.value("upheld_clock_delay_seconds") < 15
    assert until(serving, lambda scrape: scrape.value("upheld_clock_overdue_seconds") == 0)


@contextmanager
def led_by_nobody(url: str, *works: str) -> Iterator[None]:
    """Their locks are held by somebody who does nothing."""
    with psycopg.connect(url, autocommit=True) as conn:
        for work in works:
            conn.execute("SELECT pg_advisory_lock(%s, %s)", (LOCKS, lock_of(work)))
        yield


def test_a_projection_and_a_clock_that_nobody_leads_are_seen_to_lag(
    serve: Serve, fresh_database: Callable[[], str]
) -> None:
    url = fresh_database()
    with led_by_nobody(url, "feed flags", "clock"):
        serving = serve(database_url=url).wait()
        agent = serving.by("agent:ling")
        due, began = agent.due(seconds=3), time.monotonic()
        for _ in range(4):
            agent.promise(due=due)
        spread = time.monotonic() - began
        # The one that waits longest is told of; the one recorded last must have waited for a second, too.
        lagging = until(serving, lambda scrape: scrape.value("upheld_clock_overdue_seconds") > 1 + spread)
        end = lagging.value("upheld_log_position")
        seconds = lagging.each("upheld_projection_lag_seconds", "projection")

        assert lagging.each("upheld_projection_lag_events", "projection")["flags"] == end
        assert lagging.each("upheld_projection_position", "projection")["flags"] == 0
        assert seconds["flags"] > 1
        assert seconds["history"] == 0
        assert lagging.each("upheld_leads", "work") == dict.fromkeys(WORKS, 1) | {"feed flags": 0, "clock": 0}

    recovered = until(serving, lambda scrape: caught_up(scrape) and not scrape.value("upheld_clock_overdue_seconds"))
    assert recovered.value("upheld_log_position") >= 2 * end
    assert recovered.value("upheld_clock_delay_seconds") > 1
    assert recovered.each("upheld_leads", "work") == dict.fromkeys(WORKS, 1)


# -- several processes ------------------------------------------------------------------------------------------


def test_each_of_several_workers_answers_for_all_and_what_a_dead_one_counted_stays(serve: Serve) -> None:
    serving = serve("--workers", "2").wait()
    parent = psutil.Process(serving.process.pid)
    made = {"method": "POST", "route": "/v1/commitments", "status": "201"}
    for number in range(12):
        on_a_new_connection(serving, f"SO-{number}")
    for _ in range(6):
        # Of two workers the one that begins later opens its pool a moment later.
        scrape = until(
            serving, lambda seen: caught_up(seen) and seen.value("upheld_database_pool_max_connections") == 16
        )
        assert scrape.value("upheld_http_seconds_count", **made) == 12
        assert scrape.value("upheld_append_batch_events_sum") >= 12
        assert scrape.each("upheld_leads", "work") == dict.fromkeys(WORKS, 1)
        assert {int(pid) for pid in scrape.each("process_resident_memory_bytes", "pid")} == {
            parent.pid,
            *(child.pid for child in parent.children()),
        }

    folder = figures_of(parent)
    leader = max(parent.children(), key=lambda child: len(child.net_connections("unix")))
    leader.send_signal(signal.SIGKILL)
    leader.wait()
    until(serving, lambda scrape: scrape.each("upheld_leads", "work") == dict.fromkeys(WORKS, 1))
    on_a_new_connection(serving, "SO-12")
    again = until(serving, lambda scrape: scrape.value("upheld_database_pool_max_connections") == 16)
    assert again.value("upheld_http_seconds_count", **made) == 13
    assert str(leader.pid) not in again.each("process_resident_memory_bytes", "pid")
    assert folder.is_dir()
    serving.stop()
    assert not folder.exists()


def figures_of(parent: psutil.Process) -> Path:
    return Path(parent.children()[0].environ()["PROMETHEUS_MULTIPROC_DIR"])


def test_workers_whose_parent_was_killed_leave_no_figures_behind(serve: Serve) -> None:
    serving = serve("--workers", "2").wait()
    folder, workers = figures_of(psutil.Process(serving.process.pid)), psutil.Process(serving.process.pid).children()
    assert folder.is_dir()
    serving.kill()

    assert psutil.wait_procs(workers, timeout=20)[1] == []
    assert not folder.exists()


def on_a_new_connection(serving: Serving, order_id: str) -> None:
    with httpx.Client(base_url=serving.url, timeout=30, trust_env=False) as client:
        Api(client, "agent:ling").promise(order_id=order_id)


# -- without the database ---------------------------------------------------------------------------------------


@pytest.fixture
def outside() -> Iterator[EmbeddedServer]:
    """A PostgreSQL of its own that is stopped, and that processes do not start again."""
    with tempfile.TemporaryDirectory(prefix="upheld-tests-") as folder:
        server = EmbeddedServer.start(Path(folder))
        yield server
        server.stop()


def test_without_the_database_a_scrape_tells_what_the_process_knows(serve: Serve, outside: EmbeddedServer) -> None:
    serving = serve(database_url=outside.dsn).wait()
    serving.by("agent:ling").promise()
    until(serving, caught_up)
    outside.stop()
    away = Scrape(serving)

    assert away.value("upheld_database_up") == 0
    assert away.value("upheld_http_seconds_count", route="/v1/commitments", status="201") == 1
    assert not any(name.startswith("upheld_projection_lag") for name in away.names)
    assert until(serving, lambda scrape: not any(scrape.each("upheld_leads", "work").values()))
    again = EmbeddedServer.start(outside.data_dir)
    try:
        assert until(serving, caught_up).value("upheld_database_up") == 1
    finally:
        again.stop()


def test_a_database_that_stands_still_does_not_keep_a_scrape_waiting(serve: Serve, outside: EmbeddedServer) -> None:
    serving = serve(database_url=outside.dsn).wait()
    until(serving, caught_up)
    postmaster = psutil.Process(int((outside.pgdata / "postmaster.pid").read_text().splitlines()[0]))
    postmaster.suspend()
    # As it stands still it fetches the end of none.
    stood_still = [postmaster, *postmaster.children()]
    for process in stood_still:
        process.suspend()
    try:
        away = Scrape(serving)
    finally:
        for process in stood_still:
            process.resume()

    assert away.value("upheld_database_up") == 0
    assert away.took < 20
    assert until(serving, lambda scrape: scrape.value("upheld_database_up") == 1)


# -- what is written about it -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exposed(serving: Serving, everybody: Api) -> Scrape:
    """A scrape of a process that has done a bit of everything."""
    agent = everybody.by("agent:watched")
    agent.promise()
    return until(serving, caught_up)


def test_metrics_are_named_and_explained_as_prometheus_has_it(exposed: Scrape) -> None:
    ours = [family for family in exposed.families if family.name.startswith("upheld_")]

    assert len(ours) > 20
    for family in ours:
        assert family.documentation, family.name
        assert not re.search("milli|micro|minutes|_ms(_|$)", family.name), family.name
        assert all((family.type == "counter") == s.name.endswith("_total") for s in family.samples), family.name


def test_the_dashboard_shows_nothing_that_is_not_there(exposed: Scrape) -> None:
    board = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    asked = {name for panel in panels for target in panel["targets"] for name in NAME.findall(target["expr"])}
    chosen = {name for variable in board["templating"]["list"] for name in NAME.findall(variable["definition"])}
    source = f"${{{board['__inputs'][0]['name']}}}"

    assert asked >= {"upheld_append_seconds_bucket", "upheld_projection_lag_seconds", "upheld_leads"}
    # A rebuild has samples while it goes on only, a webhook where one is configured.
    sometimes = {"upheld_rebuild_progress_ratio", "upheld_webhook_lag_seconds", "upheld_webhook_deliveries_total"}
    assert asked | chosen <= exposed.names | sometimes
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels:
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert {panel["datasource"]["uid"], *(t["datasource"]["uid"] for t in panel["targets"])} == {source}


def test_operations_knows_every_metric_and_no_other(exposed: Scrape) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    written = {name for name in NAME.findall(page) if name.startswith("upheld_")}
    ours = {family.name for family in exposed.families if family.name.startswith("upheld_")}
    samples = {name for name in exposed.names if name.startswith("upheld_")}
    # A counter of what nobody configured has no samples yet.
    samples |= {f"{family.name}_total" for family in exposed.families if family.type == "counter"}

    assert {name for name in ours if not {name, f"{name}_total"} & written} == set()
    assert written - ours - samples == set()

"""A serving process from its start to its end: refusals, company, outages, kills (contract, sections 1 and 2)."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest

from api import cli
from store.embedded import EmbeddedServer
from store.keyring import open_keyring
from tests.api.serving import MASTER_KEY, ROOT, Serving, environment, instant, refused, run
from tests.chaos.faults import running, stop_at_once
from tests.messages.receivers import eventually

Serve = Callable[..., Serving]
AGENT = {"X-Actor": "agent:ling"}


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder for an embedded server, which does not run as root and so cannot enter pytest's own."""
    with tempfile.TemporaryDirectory(prefix="upheld-tests-") as folder:
        yield Path(folder)


# -- what is refused at the start -------------------------------------------------------------------------------

REFUSALS: dict[str, tuple[dict[str, str], str]] = {
    "an unknown key": ({"config": '[kinds.free_item]\nrecieve = "held"'}, r"kinds\.free_item\.recieve: "),
    "a wrong value": ({"config": '[kinds.free_item]\nreceipt_within = "soon"'}, r"kinds\.free_item\.receipt_within: "),
    "not TOML": ({"config": "[kinds"}, "is not TOML"),
    "a malformed key": ({"master_key": "short"}, "UPHELD_MASTER_KEY: .*32 bytes"),
    "nobody at the address": ({"database_url": "postgresql://postgres@127.0.0.1:1/upheld"}, "out of reach"),
    "a lost master key": ({"master_key": ""}, "is missing, the master key .* can never be read again"),
    "another master key": ({"master_key": "A" * 43 + "="}, "UPHELD_MASTER_KEY holds another master key"),
}


@pytest.fixture(scope="module")
def refusing(
    fresh_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, "subprocess.Popen[str]"]]:
    """All processes that must not start, started at once, on a database whose master key is in another folder."""
    url, known = fresh_database(), tmp_path_factory.mktemp("known")
    asyncio.run(begin_keyring(url, known))
    with ExitStack() as stack:
        started = {}
        for name, (given, _) in REFUSALS.items():
            folder = tmp_path_factory.mktemp("refused")
            (folder / "upheld.toml").write_text(given.get("config", ""))
            usual = {"database_url": url, "data_dir": str(folder)}
            if "master_key" not in given:
                usual["master_key_file"] = str(known / "master.key")
            process = subprocess.Popen(
                [sys.executable, "-m", "api.cli", "serve", "--port", "0"],
                cwd=ROOT,
                env=environment({**usual, **given, "config": str(folder / "upheld.toml")}),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.kill)
            started[name] = stack.enter_context(process)
        yield started


async def begin_keyring(url: str, folder: Path) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await open_keyring(conn, folder)


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_served_is_refused_in_one_line(refusing: dict[str, "subprocess.Popen[str]"], name: str) -> None:
    said, complained = refusing[name].communicate(timeout=60)

    assert refusing[name].returncode not in (0, None)
    assert said == ""
    assert len(complained.splitlines()) == 1, complained
    assert re.search(REFUSALS[name][1], complained), complained


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--host", "0.0.0.0"], {"UPHELD_AUTH": "open"}, r"UPHELD_AUTH: .*loopback"),
        (["--host", "::"], {"UPHELD_AUTH": "open"}, r"UPHELD_AUTH: .*loopback"),
        (["--host", "0.0.0.0"], {"UPHELD_TEST_CLOCK": "1"}, r"UPHELD_TEST_CLOCK: .*loopback"),
        ([], {"UPHELD_AUTH": "required", "UPHELD_TEST_CLOCK": "1"}, "UPHELD_TEST_CLOCK: "),
        ([], {"UPHELD_AUTH": "maybe"}, "UPHELD_AUTH: "),
        ([], {"UPHELD_FRAME_ANCESTORS": "'self' *"}, r"UPHELD_FRAME_ANCESTORS: '\*' is no origin"),
        ([], {"UPHELD_FRAME_ANCESTORS": "https://a.example; script-src *"}, "UPHELD_FRAME_ANCESTORS: "),
        (["--port", "{taken}"], {}, "cannot listen on 127.0.0.1"),
    ],
)
def test_what_must_not_be_served_is_refused_before_anything_is_opened(
    arguments: list[str],
    environment: dict[str, str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("DATABASE_URL", "AUTH", "CONFIG", "MASTER_KEY", "TEST_CLOCK"):
        monkeypatch.delenv(f"UPHELD_{name}", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = [part.replace("{taken}", str(taken.getsockname()[1])) for part in arguments]
        monkeypatch.setattr(sys, "argv", ["upheld", "serve", *given])
        with pytest.raises(SystemExit) as ended:
            cli.main()

    said, complained = capsys.readouterr()
    assert ended.value.code not in (0, None)
    assert (said, len(complained.splitlines())) == ("", 1)
    assert re.search(words, complained), complained


# -- load -------------------------------------------------------------------------------------------------------


class Load:
    """Several people who make promises without pause, each with a key, until told to stop.

    `made` holds the id of each promise that was answered, by its key; `unanswered` the keys of all others.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.made: dict[str, str] = {}
        self.unanswered: set[str] = set()
        self.patient = threading.Event()
        self._over = threading.Event()

    @staticmethod
    def body(key: str) -> dict[str, object]:
        due = {"at": "2036-01-01T00:00:00Z"}
        return {"customer_id": "CU-7", "kind": "redelivery", "promise": "By noon", "order_id": key, "due": due}

    def _promise(self, client: httpx.Client, key: str) -> bool:
        try:
            answer = client.post("/v1/commitments", json=self.body(key), headers={**AGENT, "Idempotency-Key": key})
        except httpx.TransportError:
            return False
        assert answer.status_code in (201, 503), answer.text
        if answer.status_code == 503:
            refused(answer, 503)
            assert int(answer.headers["retry-after"]) >= 1
            return False
        self.made[key] = answer.json()["id"]
        return True

    def _go_on(self) -> None:
        with httpx.Client(base_url=self.url, timeout=20, trust_env=False) as client:
            while not self._over.is_set():
                key = uuid4().hex
                while not self._promise(client, key):
                    if not self.patient.is_set():
                        self.unanswered.add(key)
                        time.sleep(0.05)
                        break
                    time.sleep(0.05)

    def again(self, url: str) -> None:
        """Send what was not answered once more, and what was answered, too."""
        with httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
            known = dict(self.made)
            for key in (*self.unanswered, *list(known)[-20:]):
                assert self._promise(client, key)
            assert {key: self.made[key] for key in known} == known

    @contextmanager
    def going_on(self, people: int = 6) -> Iterator[None]:
        with ThreadPoolExecutor(people) as pool:
            going = [pool.submit(self._go_on) for _ in range(people)]
            deadline = time.monotonic() + 20
            while len(self.made) < 50:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            try:
                yield
            finally:
                self._over.set()
            for one in going:
                one.result()


def in_the_log(url: str) -> dict[str | None, str]:
    """The ids of all commitments by the order that each is on; each of them once, and with its first event."""
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            "SELECT s.order_id, s.id::text, count(e.*) FROM streams s"
            " LEFT JOIN stored_events e ON e.originator_id = s.id AND e.topic = 'CommitmentMade'"
            " WHERE s.category = 'commitment' GROUP BY s.order_id, s.id"
        ).fetchall()
    assert Counter(order for order, _, _ in rows).most_common(1)[0][1] == 1
    assert {events for _, _, events in rows} == {1}
    return {order: id for order, id, _ in rows}


def test_a_process_that_is_told_to_stop_under_load_loses_nothing(
    serve: Serve, fresh_database: Callable[[], str]
) -> None:
    url = fresh_database()
    serving = serve(database_url=url).wait()
    load = Load(serving.url)
    refused(serving.by("agent:ling").put("/v1/test-clock", {"now": "2036-01-01T00:00:00Z"}), 404, "not_found")
    with load.going_on():
        began = time.monotonic()
        serving.stop()
        took = time.monotonic() - began

    assert took < 10
    log = in_the_log(url)
    assert {key: log.get(key) for key in load.made} == load.made
    assert "Traceback" not in serving.logged


def test_a_process_that_is_killed_under_load_loses_nothing_and_doubles_nothing(
    serve: Serve, fresh_database: Callable[[], str]
) -> None:
    url = fresh_database()
    serving = serve(database_url=url).wait()
    load = Load(serving.url)
    with load.going_on():
        serving.kill()
    again = serve(database_url=url).wait()
    load.again(again.url)

    assert in_the_log(url) == {**load.made}
    agent = again.by("agent:ling")
    for id in list(load.made.values())[:5]:
        assert agent.commitment(id)["status"] == "open"


# -- outages ----------------------------------------------------------------------------------------------------


@pytest.fixture
def outside(data_dir: Path) -> Iterator[EmbeddedServer]:
    """A PostgreSQL that is somebody else's: nobody starts it again but the test."""
    server = EmbeddedServer.start(data_dir)
    yield server
    server.stop()


def test_an_outage_of_the_database_is_told_and_survived(serve: Serve, outside: EmbeddedServer) -> None:
    serving = serve(database_url=outside.dsn).wait()
    agent, load = serving.by("agent:ling"), Load(serving.url)
    made, status = agent.promise(), serving.by("agent:status")
    load.patient.set()
    with load.going_on(people=3):
        stop_at_once(outside)
        asked = {
            f"/v1/commitments/{made['id']}": None,
            "/v1/flags": None,
            "/v1/history": None,
            "/v1/commitments": agent.promising(),
            f"/v1/commitments/{made['id']}/fulfilment": {},
            "/v1/orders/SO-1/assignment": {"role": "courier", "recipient": "courier:li"},
        }

        def ask(path: str) -> None:
            method = "GET" if asked[path] is None else "PUT" if path.endswith("assignment") else "POST"
            began = time.monotonic()
            answer = agent.client.request(method, path, json=asked[path], headers=AGENT)
            assert time.monotonic() - began < 15, path
            refused(answer, 503, "unavailable")
            assert int(answer.headers["retry-after"]) >= 1

        with ThreadPoolExecutor(len(asked)) as pool:
            assert list(pool.map(ask, asked)) == [None] * len(asked)
        assert status.client.get("/livez").status_code == 200
        refused(status.client.get("/readyz"), 503)
        outside.revive()
        before = len(load.made)
        deadline = time.monotonic() + 30
        while len(load.made) < before + 20:
            assert time.monotonic() < deadline, "it does not recover by itself"
            time.sleep(0.05)

    assert status.client.get("/readyz").status_code == 200
    made_of_it: dict[str | None, str] = {None: made["id"]}
    assert in_the_log(outside.dsn) == made_of_it | load.made
    assert agent.command(made["id"], "fulfilment", {})["status"] == "kept"
    assert agent.commitment(made["id"])["status"] == "kept"
    told = [json.loads(line) for line in serving.logged.splitlines()]
    assert any(line["event"] == "out of reach" and line["level"] == "warning" for line in told)
    assert "Traceback" not in serving.logged


# -- company ----------------------------------------------------------------------------------------------------


def test_processes_share_the_embedded_server_of_a_folder_and_one_survives_the_other(
    data_dir: Path, tmp_path: Path
) -> None:
    with Serving(tmp_path, data_dir=data_dir) as first, ExitStack() as stack:
        second = stack.enter_context(Serving(tmp_path, data_dir=data_dir))
        one, other = first.by("agent:one"), second.by("agent:other")
        other._seen = one._seen
        made, theirs = one.promise(), other.promise()
        assert other.commitment(made["id"])["made_by"] == "agent:one"
        assert one.get("/v1/commitments", made_by="agent:other")["items"][0]["id"] == theirs["id"]

        first.kill()
        assert other.command(made["id"], "fulfilment", {})["status"] == "kept"
        assert other.commitment(made["id"])["status"] == "kept"
        third = stack.enter_context(Serving(tmp_path, data_dir=data_dir)).by("agent:third")
        assert third.commitment(made["id"])["status"] == "kept"
        third.all_taken_in()
        lag = json.loads(run("status", "--json", folder=data_dir).stdout)

    assert {row["name"] for row in lag} >= {"commitments", "flags", "history", "tasks", "scorecard", "clock", "routing"}
    assert all(row["position"] > 0 and row["lag_events"] == 0 and row["parked"] == 0 for row in lag)
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


def test_several_workers_serve_one_address_and_one_that_dies_is_replaced(serve: Serve) -> None:
    serving = serve("--workers", "2").wait()
    parent = psutil.Process(serving.process.pid)
    workers = serving_children(parent)
    agent = serving.by("agent:ling")
    ids = {promise_on_a_new_connection(serving) for _ in range(20)}
    os.kill(workers[0].pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while len(serving_children(parent)) < 2 or workers[0] in serving_children(parent):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    ids |= {promise_on_a_new_connection(serving) for _ in range(5)}
    agent._seen[0] = max(agent._seen[0], 25)
    found = {item["id"] for item in agent.get("/v1/commitments", made_by="agent:ling")["items"]}

    assert len(workers) == 2
    assert found == ids
    serving.stop()
    assert not any(worker.is_running() for worker in workers)


def serving_children(parent: psutil.Process) -> list[psutil.Process]:
    return running(parent.children(), "api.server")


def promise_on_a_new_connection(serving: Serving) -> str:
    body = Load.body(uuid4().hex)
    answer = httpx.post(f"{serving.url}/v1/commitments", json=body, headers=AGENT, trust_env=False, timeout=30)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_with_sign_in_an_x_actor_counts_for_nothing_and_an_interrupt_ends_well(serve: Serve) -> None:
    serving = serve("--host", "0.0.0.0").wait()
    url = serving.url.replace("0.0.0.0", "127.0.0.1")
    refused(httpx.get(f"{url}/v1/tasks", headers=AGENT, trust_env=False, timeout=30), 401, "unauthenticated")
    assert httpx.get(f"{url}/livez", trust_env=False, timeout=30).status_code == 200
    serving.process.send_signal(signal.SIGINT)

    assert serving.process.wait(10) == 0


# -- the clock of a test ----------------------------------------------------------------------------------------


def test_the_test_clock_begins_with_the_real_time_and_stands_for_all_processes(serve: Serve) -> None:
    began = datetime.now(UTC)
    one, other = serve(test_clock="1"), serve(test_clock="1")
    first, second = one.wait().by("agent:ling"), other.wait().by("agent:bo")
    made_at = datetime.fromisoformat(first.promise(due={"at": "2036-01-01T00:00:00Z"})["made_at"])
    now = made_at + timedelta(hours=3)
    assert first.move_clock(now).json() == {"now": instant(now)}

    assert began <= made_at <= datetime.now(UTC)
    assert second.promise(due={"at": "2036-01-01T00:00:00Z"})["made_at"] == instant(now)
    refused(second.put("/v1/test-clock", {"now": instant(made_at)}), 422, "invalid", "/now")


def test_a_process_with_the_real_time_does_not_join_a_database_whose_clock_stands_still(
    fresh_database: Callable[[], str], serve: Serve, tmp_path: Path
) -> None:
    url = fresh_database()
    serve(database_url=url, test_clock="1").wait()
    ended = run("serve", "--port", "0", folder=tmp_path, database_url=url, master_key=MASTER_KEY)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1].startswith("upheld: UPHELD_TEST_CLOCK: this database has a test clock")


def test_who_only_looks_on_begins_no_test_clock(
    fresh_database: Callable[[], str], serve: Serve, tmp_path: Path
) -> None:
    url = fresh_database()
    serve(database_url=url).wait().by("agent:ling").promise()
    looks = {"folder": tmp_path, "database_url": url, "master_key": MASTER_KEY}
    ended = run("parked", **looks, test_clock="1")  # type: ignore[arg-type]

    assert ended.returncode == 2
    assert "has no test clock" in ended.stderr
    assert run("parked", **looks).stdout == "nothing is parked\n"  # type: ignore[arg-type]


# -- leaving ----------------------------------------------------------------------------------------------------


def test_who_never_sends_his_body_is_told_that_the_server_stops(serve: Serve) -> None:
    several = [serve(), serve("--workers", "2")]  # each waits for him as long as it may: at the same time
    halves = [half_a_promise(serving.wait()) for serving in several]
    for serving in several:
        serving.process.send_signal(signal.SIGTERM)
    for serving in several:
        eventually(lambda port=serving.port: not lets_in(port))  # type: ignore[misc]

    for serving, half in zip(several, halves, strict=True):
        with half:
            answered = half.recv(10_000).decode()
        assert serving.process.wait(10) == 0
        assert answered.startswith("HTTP/1.1 503")
        assert "problem+json" in answered
        assert "retry-after" in answered.lower()
        assert "Traceback" not in serving.logged


def test_a_connection_is_kept_longer_than_whoever_asks_keeps_one(serve: Serve) -> None:
    """Clients and proxies send the next request over one that was idle; it must not be closed in that very moment."""
    kept = HTTPConnection("127.0.0.1", serve().wait().port, timeout=30)
    kept.connect()
    first = kept.sock
    for pause in (0, 5.5):
        time.sleep(pause)
        kept.request("GET", "/livez")
        assert kept.getresponse().read() == b"ok"
    assert kept.sock is first
    kept.close()


def half_a_promise(serving: Serving) -> socket.socket:
    """A connection on which a body has begun, for which the server waits."""
    half = socket.create_connection(("127.0.0.1", serving.port), timeout=30)
    headers = ("Host: localhost", "X-Actor: agent:ling", "Content-Length: 9", "Expect: 100-continue")
    half.sendall("\r\n".join(["POST /v1/commitments HTTP/1.1", *headers, "", ""]).encode())
    assert half.recv(100).startswith(b"HTTP/1.1 100")
    half.sendall(b"{")
    return half


def lets_in(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except ConnectionError:
        return False
    return True

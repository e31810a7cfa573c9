"""What an operator does and sees, with processes as he runs them: status, rebuild, parked, readiness."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from api.runtime import FED
from tests.api.serving import MASTER_KEY, ROOT, Api, Serving, environment, refused, run

Upheld = Callable[..., "subprocess.CompletedProcess[str]"]

FED_NAMES = {projection.name for projection in FED}
STATUS = {"name", "position", "lag_events", "lag_seconds", "parked"}


@pytest.fixture(scope="module")
def url(fresh_database: Callable[[], str]) -> str:
    return fresh_database()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("operating")


@pytest.fixture(scope="module")
def upheld(url: str, folder: Path) -> Upheld:
    """Runs a command on the database of these tests: `upheld("status", "--json")`."""

    def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return run(*arguments, folder=folder, database_url=url, master_key=MASTER_KEY)

    return command


@pytest.fixture(scope="module")
def operated(url: str, folder: Path) -> Iterator[Api]:
    with Serving(folder, database_url=url, master_key=MASTER_KEY) as serving:
        agent = serving.by("agent:ling")
        for number in range(6):
            agent.promise(order_id=f"SO-{number}")
        yield agent


@pytest.fixture
def agent(operated: Api) -> Api:
    """Somebody who made a few promises at a process that serves the database of these tests; all is well there."""
    caught_up(operated)
    return operated


def standing(agent: Api) -> dict[str, dict[str, Any]]:
    """What `/readyz?verbose` tells, by name."""
    return {row["name"]: row for row in agent.client.get("/readyz?verbose").json()["standing"]}


def caught_up(agent: Api) -> None:
    eventually(lambda: not any(row["lag_events"] for row in standing(agent).values()))


def eventually(holds: Callable[[], object], within: float = 20) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def one_line(ended: "subprocess.CompletedProcess[str]", status: int = 1) -> str:
    """What a command that was refused said."""
    assert ended.returncode == status, ended
    (line,) = ended.stderr.splitlines()
    assert line.startswith("upheld: ")
    return line


# -- readiness --------------------------------------------------------------------------------------------------


def test_a_process_that_is_ready_tells_on_request_where_everything_stands(agent: Api) -> None:
    plain, told = agent.client.get("/readyz"), agent.client.get("/readyz?verbose")

    assert (plain.text, plain.headers["content-type"]) == ("ok", "text/plain; charset=utf-8")
    assert told.headers["content-type"] == "application/json"
    assert told.json().keys() == {"ready", "log_position", "standing"}
    assert told.json()["ready"] is True
    assert standing(agent).keys() == FED_NAMES | {"routing", "telling"}
    for row in told.json()["standing"]:
        assert row.keys() == STATUS | {"rebuild"}
        assert row | {"position": told.json()["log_position"], "parked": 0, "rebuild": None} == row
    head = agent.client.head("/readyz?verbose")
    assert (head.status_code, head.content) == (200, b"")


def test_a_migration_that_is_pending_makes_a_process_not_ready(agent: Api, url: str) -> None:
    add = "INSERT INTO schema_migrations VALUES (%s, %s, %s, %s)"
    with psycopg.connect(url, autocommit=True) as conn:
        first = conn.execute("DELETE FROM schema_migrations WHERE number = 1 RETURNING *").fetchone()
        assert first is not None
        refused(agent.client.get("/readyz"), 503)
        refused(agent.client.get("/readyz?verbose"), 503)
        conn.execute(add, first)
        # A later version has prepared the database already: this one serves until it is replaced.
        conn.execute(add, (9999, "9999_later", *first[2:]))
        later = agent.client.get("/readyz?verbose")
        conn.execute("DELETE FROM schema_migrations WHERE number = 9999")
    assert (later.status_code, later.json()["ready"]) == (200, True)


# -- status -----------------------------------------------------------------------------------------------------


def test_status_is_told_as_a_table_and_as_json(agent: Api, upheld: Upheld) -> None:
    shown, told = upheld("status"), upheld("status", "--json")

    assert (shown.returncode, told.returncode) == (0, 0)
    rows = json.loads(told.stdout)
    assert {row["name"] for row in rows} == FED_NAMES | {"routing", "telling"}
    assert all(row.keys() >= STATUS and row["lag_events"] == 0 for row in rows)
    for row in rows:
        assert row["name"] in shown.stdout
    assert standing(agent) == {row["name"]: row for row in rows}


def test_status_starts_the_embedded_server_where_it_does_not_run(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="upheld-tests-") as embedded:
        data_dir = Path(embedded)
        assert "there is no log" in one_line(run("status", folder=data_dir))
        with Serving(tmp_path, data_dir=data_dir) as serving:
            agent = serving.by("agent:ling")
            agent.promise()
            caught_up(agent)
            running = run("status", "--json", folder=data_dir)
        stopped = run("status", "--json", folder=data_dir)

        assert (running.returncode, stopped.returncode) == (0, 0)
        assert json.loads(stopped.stdout) == json.loads(running.stdout) != []
        assert not (data_dir / "postgres" / "postmaster.pid").exists()


# -- rebuilding -------------------------------------------------------------------------------------------------


def shown(agent: Api) -> list[Any]:
    paths = ("/v1/commitments", "/v1/history", "/v1/flags", "/v1/orders/SO-3")
    return [agent.get(path) for path in paths] + [agent.get("/v1/scorecard", group_by="kind")]


def test_a_projection_that_is_named_twice_is_built_once(agent: Api, upheld: Upheld) -> None:
    rebuilt = upheld("rebuild", "flags", "flags")

    assert (rebuilt.returncode, rebuilt.stdout.splitlines()[-1]) == (0, "1 rebuilt")


def test_rebuilding_all_or_one_changes_nothing_that_is_read(agent: Api, upheld: Upheld) -> None:
    before = shown(agent)
    every, one = upheld("rebuild"), upheld("rebuild", "flags")

    assert (every.returncode, one.returncode) == (0, 0), every.stderr + one.stderr
    assert every.stdout.splitlines()[-1] == f"{len(FED)} rebuilt"
    assert one.stdout.splitlines()[-1] == "1 rebuilt"
    assert shown(agent) == before
    agent.promise(order_id="SO-6")
    assert len(agent.get("/v1/orders/SO-6")["commitments"]) == 1
    assert not any(row["rebuild"] for row in standing(agent).values())


def test_a_projection_that_is_not_known_is_not_rebuilt(agent: Api, upheld: Upheld) -> None:
    line = one_line(upheld("rebuild", "flags", "flegs"))

    assert "'flegs'" in line
    assert all(name in line for name in FED_NAMES)
    assert standing(agent)["flags"]["rebuild"] is None


@contextmanager
def read_without_end(url: str, table: str) -> Iterator[None]:
    """Somebody reads a table in a transaction that goes on and on."""
    with psycopg.connect(url) as conn:
        conn.execute(psycopg.sql.SQL("SELECT 1 FROM {}").format(psycopg.sql.Identifier(table)))
        yield


def test_a_rebuild_is_seen_while_it_goes_on_and_after_it_was_interrupted(
    agent: Api, upheld: Upheld, url: str, folder: Path
) -> None:
    settings = {"database_url": url, "data_dir": folder, "master_key": MASTER_KEY}
    with read_without_end(url, "flags"), (folder / "rebuilding").open("wb") as said:
        rebuilding = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "rebuild", "flags"],
            cwd=ROOT,
            env=environment(settings),
            stdout=said,
            stderr=said,
        )
        try:
            finished = {"step": "following", "percent": 100.0}
            eventually(lambda: standing(agent)["flags"]["rebuild"] == finished | {"running": True})
            assert 'upheld_rebuild_progress_ratio{projection="flags"} 1.0' in agent.client.get("/metrics").text
            assert "following" in upheld("status").stdout
        finally:
            rebuilding.kill()
            rebuilding.wait()
    eventually(lambda: standing(agent)["flags"]["rebuild"] == finished | {"running": False})
    assert "interrupted" in upheld("status").stdout
    assert agent.client.get("/readyz").status_code == 200

    assert upheld("rebuild", "flags").returncode == 0
    assert standing(agent)["flags"]["rebuild"] is None


# -- what is parked ---------------------------------------------------------------------------------------------


def test_where_nothing_is_parked_that_is_said(agent: Api, upheld: Upheld) -> None:
    said, told, retried = upheld("parked"), upheld("parked", "--json"), upheld("parked", "retry")

    assert (said.returncode, said.stdout) == (0, "nothing is parked\n")
    assert (told.returncode, json.loads(told.stdout)) == (0, [])
    assert (retried.returncode, retried.stdout) == (0, "0 taken in, 0 still parked\n")
    assert "'nobody'" in one_line(upheld("parked", "retry", "nobody"))


@contextmanager
def damaged(url: str, order_id: str) -> Iterator[str]:
    """What was recorded of the commitment on an order cannot be read; answers its id."""
    stream = "(SELECT id FROM streams WHERE order_id = %s AND category = 'commitment')"
    with psycopg.connect(url, autocommit=True) as conn:
        rows = conn.execute(
            f"SELECT notification_id, state, originator_id FROM stored_events WHERE originator_id = {stream}",
            (order_id,),
        ).fetchall()
        damage = "UPDATE stored_events SET state = %s WHERE notification_id = %s"
        conn.cursor().executemany(damage, [(os.urandom(40), position) for position, _, _ in rows])
        yield str(rows[0][2])
        conn.cursor().executemany(damage, [(state, position) for position, state, _ in rows])


def test_what_cannot_be_taken_in_is_shown_as_parked_until_it_is_mended_and_retried(
    agent: Api, upheld: Upheld, url: str
) -> None:
    before = agent.get("/v1/orders/SO-3")
    with damaged(url, "SO-3") as id:
        rebuilt = upheld("rebuild")
        said = rebuilt.stdout.splitlines()[-1]
        assert (rebuilt.returncode, said) == (1, f"{len(FED)} rebuilt, {len(FED)} streams left out: see upheld parked")
        assert "parked" in rebuilt.stderr
        assert rebuilt.stdout.count("parked") == 1
        rows = json.loads(upheld("parked", "--json").stdout)
        lines, failed = upheld("parked"), upheld("parked", "retry", "history")

        assert {row["projection"] for row in rows} == FED_NAMES
        for row in rows:
            assert row["stream"] == id
            assert row["order_id"] == "SO-3"
            assert row["events"] >= 1
            assert row["error"]
        assert lines.returncode == 0
        assert lines.stdout.count(f" {id}, order SO-3, ") == len(lines.stdout.splitlines()) == len(FED)
        assert failed.returncode == 1
        assert failed.stdout.splitlines()[-1] == "0 taken in, 1 still parked"
        assert {name: row["parked"] for name, row in standing(agent).items()} == {
            **dict.fromkeys(FED_NAMES, 1),
            "routing": 0,
            "telling": 0,
        }
        unreadable = agent.request("GET", f"/v1/commitments/{id}", as_of=agent.now.isoformat())
        assert (unreadable.status_code, len(unreadable.headers["X-Request-Id"])) == (500, 32)
        assert 'upheld_projection_parked_streams{projection="flags"} 1.0' in agent.client.get("/metrics").text
        assert agent.client.get("/readyz").text == "ok"
        agent.promise(order_id="SO-7")
        refused(agent.request("GET", f"/v1/commitments/{id}"), 503)

    one, others = upheld("parked", "retry", "flags"), upheld("parked", "retry")
    assert (one.returncode, one.stdout.splitlines()) == (0, [f"flags {id}: taken in", "1 taken in, 0 still parked"])
    assert others.stdout.splitlines()[-1] == f"{len(FED) - 1} taken in, 0 still parked"
    assert not any(row["parked"] for row in standing(agent).values())
    assert agent.get("/v1/orders/SO-3") == before

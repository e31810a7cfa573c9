"""A fact that cannot be projected: who asks for it is told so, others are answered, and after the mend it is there."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.api.serving import MASTER_KEY, Api, Serving, run

Serve = Callable[..., Serving]

DAMAGE = """
CREATE FUNCTION damage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.state := 'damaged '::bytea || NEW.state;
    RETURN NEW;
END $$;
CREATE TRIGGER damage BEFORE INSERT ON stored_events
    FOR EACH ROW WHEN (NEW.topic = 'FulfilmentAttempted') EXECUTE FUNCTION damage()"""
MEND = "UPDATE stored_events SET state = substr(state, 9) WHERE topic = 'FulfilmentAttempted'"


@pytest.fixture
def url(fresh_database: Callable[[], str]) -> str:
    return fresh_database()


@pytest.fixture
def agent(serve: Serve, url: str) -> Api:
    serving = serve(database_url=url).wait()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(DAMAGE)
    return serving.by("agent:ling")


def parked(url: str, folder: Path) -> list[dict[str, Any]]:
    said = run("parked", "--json", folder=folder, database_url=url, master_key=MASTER_KEY)
    assert said.returncode == 0, said.stderr
    return list(json.loads(said.stdout))


def until_parked(url: str, number: int) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for _ in range(500):
            row = conn.execute("SELECT count(*) FROM parked").fetchone()
            if row and row[0] >= number:
                return
            time.sleep(0.02)
    raise AssertionError("nothing was parked")


def test_what_is_parked_is_said_so_and_left_out_and_after_the_mend_it_is_there(
    agent: Api, url: str, tmp_path: Path
) -> None:
    courier = agent.by("courier:li")
    agent.assign("SO-1", "courier:li")
    bad, good = agent.promise(order_id="SO-1"), agent.promise(order_id="SO-1")
    assert {item["id"] for item in agent.get("/v1/commitments", order_id="SO-1")["items"]} == {bad["id"], good["id"]}
    assert "incomplete" not in agent.get("/v1/tasks", recipient="courier:li")

    tried = courier.post(f"/v1/commitments/{bad['id']}/attempts", {"outcome": "customer_absent"})
    assert tried.status_code == 200
    until_parked(url, 6)

    answer = agent.request("GET", f"/v1/commitments/{bad['id']}")
    assert (answer.status_code, answer.json()["code"]) == (503, "projection_parked")
    assert int(answer.headers["Retry-After"]) > 0
    assert agent.request("GET", "/v1/commitments/00000000-0000-4000-8000-000000000000").status_code == 404
    assert agent.commitment(good["id"])["status"] == "open"
    lists: dict[str, Callable[[Any], set[str | None]]] = {
        "/v1/commitments": lambda found: {item["id"] for item in found["items"]},
        "/v1/tasks?recipient=courier:li": lambda found: {
            c["id"] for stop in found["items"] for c in stop["commitments"]
        },
        "/v1/orders/SO-1": lambda found: {item["id"] for item in found["commitments"]},
        "/v1/history?limit=500": lambda found: {item["commitment_id"] for item in found["items"]} - {None},
    }
    for path, ids in lists.items():
        found = agent.get(path)
        assert (path, ids(found), found["incomplete"]) == (path, {good["id"]}, True)
    for path in ("/v1/flags", "/v1/scorecard"):
        assert agent.get(path)["incomplete"] is True

    # Others go on, also on the same order.
    more = agent.promise(order_id="SO-1")
    assert agent.commitment(more["id"])["status"] == "open"
    listed = parked(url, tmp_path)
    assert {(row["projection"], row["stream"], row["events"]) for row in listed} == {
        (name, bad["id"], 1) for name in ("clock", "commitments", "flags", "history", "scorecard", "tasks")
    }
    status = run("status", "--json", folder=tmp_path, database_url=url, master_key=MASTER_KEY)
    assert {row["name"]: row["parked"] for row in json.loads(status.stdout)}["flags"] == 1
    still = run("parked", "retry", "flags", folder=tmp_path, database_url=url, master_key=MASTER_KEY)
    assert (still.returncode, still.stdout.splitlines()[-1]) == (1, "0 taken in, 1 still parked")

    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("DROP TRIGGER damage ON stored_events")
        conn.execute(MEND)
    done = run("parked", "retry", folder=tmp_path, database_url=url, master_key=MASTER_KEY)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "6 taken in, 0 still parked"), done.stderr
    assert parked(url, tmp_path) == []
    assert agent.told(bad["id"])[:3] == ["CommitmentMade", "HandoffAssigned", "FulfilmentAttempted"]
    assert agent.flag(bad["id"]) == "attempted"
    assert "incomplete" not in agent.get("/v1/commitments")
    unknown = run("parked", "retry", "weather", folder=tmp_path, database_url=url, master_key=MASTER_KEY)
    assert unknown.returncode == 1
    assert "there is no projection 'weather'" in unknown.stderr

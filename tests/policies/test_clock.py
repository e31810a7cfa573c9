"""What time alone decides, by the real clock: flags, missed receipts and broken promises, once, in time, always."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from projections.leader import LOCKS, lock_of
from tests.api.serving import MASTER_KEY, Api, Serving

Serve = Callable[..., Serving]

CONFIG = """
[kinds.quick]
path = ["courier"]
receipt_within = "PT2S"
"""
LOCK = (LOCKS, lock_of("clock"))
"""The advisory lock of whoever leads the clock."""
SOON = timedelta(seconds=10)
"""On a machine that is busy with much else. How soon it is on one that is not: `bench/lag.py`."""


@pytest.fixture(scope="module")
def settings(fresh_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    config = tmp_path_factory.mktemp("config") / "upheld.toml"
    config.write_text(CONFIG)
    return {"database_url": fresh_database(), "master_key": MASTER_KEY, "config": str(config)}


@pytest.fixture(scope="module")
def two(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Serving]]:
    """Two processes on one database, with a kind whose receipt is due in two seconds."""
    folder = tmp_path_factory.mktemp("two")
    one, other = Serving(folder, **settings), Serving(folder, **settings)
    with one, other:
        yield one, other


@pytest.fixture
def agent(two: tuple[Serving, Serving]) -> Api:
    return two[0].by("agent:ling")


def promise(api: Api, order: str, **due: float) -> dict[str, Any]:
    """A promise whose receipt is due in two seconds, by a courier who was told of it."""
    api.assign(order, "courier:li")
    return api.promise("quick", order_id=order, due=api.due(**(due or {"hours": 1})))


def receipt_due(commitment: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(commitment["handoffs"][0]["receipt_due_at"])


def until(condition: Callable[[], object], within: float = 30) -> datetime:
    """Wait for something; answers when it was first seen."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return datetime.now(UTC)


def sleep_until(at: datetime) -> None:
    time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))


def recorded(api: Api, id: str, type: str) -> list[dict[str, Any]]:
    return api.history(commitment_id=id, type=type)


def test_a_flag_appears_when_it_is_due_and_goes_when_it_is_received(agent: Api) -> None:
    made = promise(agent, "SO-flag")
    due = receipt_due(made)
    sleep_until(due - timedelta(seconds=0.3))
    before = agent.flag(made["id"])
    assert before is None or datetime.now(UTC) >= due
    shown = until(lambda: agent.flag(made["id"]))
    agent.by("courier:li").receipt(made["id"])
    received = datetime.now(UTC)
    gone = until(lambda: agent.flag(made["id"]) is None)

    assert due <= shown < due + SOON
    assert gone < received + SOON


def test_a_flag_needs_no_event_and_the_event_comes_when_it_can(agent: Api, settings: dict[str, str]) -> None:
    """While nobody can lead the clock, the flag is shown all the same."""
    with psycopg.connect(settings["database_url"], autocommit=True) as nobody:
        take_the_lead(nobody)
        agent.assign("SO-alone", "courier:li")
        until(lambda: agent.request("GET", "/v1/flags").status_code == 200)  # others feed by now
        made = promise(agent, "SO-alone")
        due = receipt_due(made)
        shown = until(lambda: agent.flag(made["id"]))
        time.sleep(0.5)
        assert due <= shown < due + SOON
        assert recorded(agent, made["id"], "ReceiptMissed") == []
    until(lambda: recorded(agent, made["id"], "ReceiptMissed"))


def take_the_lead(conn: "psycopg.Connection[tuple[Any, ...]]") -> None:
    """Hold the lock of the clock, and end whoever held it."""
    holders = (
        "SELECT pg_terminate_backend(pid, 2000) FROM pg_locks WHERE classid = %s AND objid = %s"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    while True:
        conn.execute(holders, LOCK)
        row = conn.execute("SELECT pg_try_advisory_lock(%s, %s)", LOCK).fetchone()
        if row == (True,):
            return


def test_what_falls_due_is_recorded_once_and_in_time_with_two_processes(agent: Api) -> None:
    made = [promise(agent, f"SO-{number}", seconds=3) for number in range(20)]
    until(lambda: all("CommitmentEscalated" in agent.told(commitment["id"]) for commitment in made), within=60)
    time.sleep(1.2)  # the clock looks twice more
    agent.end_of_the_log()

    for commitment in made:
        id = commitment["id"]
        assert agent.told(id)[2:] == ["ReceiptMissed", "CommitmentBroken", "CommitmentEscalated"]
        (missed,), (broken,) = recorded(agent, id, "ReceiptMissed"), recorded(agent, id, "CommitmentBroken")
        assert missed["occurred_at"] == commitment["handoffs"][0]["receipt_due_at"]
        assert broken["occurred_at"] == commitment["due"]["at"]
        for item in (missed, broken):
            delay = datetime.fromisoformat(item["recorded_at"]) - datetime.fromisoformat(item["occurred_at"])
            assert timedelta() <= delay < SOON
            assert item["actor"] == "system:upheld"


def test_when_the_leader_is_killed_another_takes_over_and_a_restart_catches_up(serve: Serve, tmp_path: Path) -> None:
    config = tmp_path / "upheld.toml"
    config.write_text(CONFIG)
    processes = [serve(config=str(config)), serve(config=str(config))]
    for process in processes:
        process.wait()
    leader, other = sorted(processes, key=lambda process: '"name": "clock"' in leads(process), reverse=True)
    agent = other.by("agent:ling")
    made = promise(agent, "SO-leader")
    leader.kill()
    killed = datetime.now(UTC)
    promise(agent, "SO-after")  # The projections have another leader, too.
    assert agent.commitment(made["id"])["status"] == "open"
    until(lambda: recorded(agent, made["id"], "ReceiptMissed"))
    (missed,) = recorded(agent, made["id"], "ReceiptMissed")
    assert datetime.fromisoformat(missed["recorded_at"]) < max(receipt_due(made), killed) + SOON

    # What falls due while nobody runs is recorded once, by the first who comes.
    slept = promise(agent, "SO-slept", seconds=3)
    other.stop()
    sleep_until(datetime.fromisoformat(slept["due"]["at"]) + timedelta(seconds=0.5))
    again = serve(config=str(config)).wait().by("agent:ling")
    until(lambda: recorded(again, slept["id"], "CommitmentBroken"))
    time.sleep(0.6)
    again.end_of_the_log()

    assert Counter(again.told(slept["id"])) == Counter(
        ["CommitmentMade", "HandoffAssigned", "ReceiptMissed", "CommitmentBroken", "CommitmentEscalated"]
    )
    (broken,) = recorded(again, slept["id"], "CommitmentBroken")
    assert broken["occurred_at"] == slept["due"]["at"] < broken["recorded_at"]
    assert again.commitment(slept["id"])["broken_at"] == slept["due"]["at"]
    assert Counter(again.told(made["id"]))["ReceiptMissed"] == 1


def leads(process: Serving) -> str:
    """What a process says it leads."""
    said = (json.loads(line) for line in process.logged.splitlines() if line.startswith("{"))
    return "\n".join(json.dumps(line) for line in said if line["event"] == "leads")

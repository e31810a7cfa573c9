"""Webhooks of processes as an operator runs them: sent, looked at, tried out, sent again, and after a power cut."""

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import Serve
from tests.api.serving import MASTER_KEY, Api, Serving, run
from tests.policies.receiving import SECRETS, Received, Receiver

Upheld = Callable[..., "subprocess.CompletedProcess[str]"]

HUSH = "T0-is-a-secret"


def configuration(folder: Path, *receivers: Receiver) -> Path:
    tables = [
        f'[[webhooks]]\nurl = "{receiver.url}"\nsecret = {list(SECRETS)}\nallow_private = true'
        for receiver in receivers
    ]
    file = folder / "upheld.toml"
    file.write_text("\n".join(tables))
    return file


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver(secrets=SECRETS) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def settings(
    fresh_database: Callable[[], str], receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("webhooks")
    config = configuration(folder, receiver)
    return {"database_url": fresh_database(), "master_key": MASTER_KEY, "config": config, "test_clock": 1}


@pytest.fixture(scope="module")
def sending(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A process that sends to the receiver; its test clock stands, while signatures go by the real one."""
    with Serving(tmp_path_factory.mktemp("sending"), **settings) as serving:
        yield serving


@pytest.fixture
def agent(sending: Serving, receiver: Receiver) -> Api:
    receiver.answer = 204
    return sending.by("agent:ling")


@pytest.fixture
def upheld(settings: dict[str, Any], tmp_path: Path) -> Upheld:
    return lambda *arguments: run(*arguments, folder=tmp_path, **settings)


def listed(upheld: Upheld) -> dict[str, Any]:
    """What `upheld webhooks list --json` tells of the only one."""
    said = upheld("webhooks", "list", "--json")
    assert said.returncode == 0, said.stderr
    (row,) = json.loads(said.stdout)
    return dict(row)


def standing(agent: Api) -> dict[str, Any]:
    rows = agent.client.get("/readyz?verbose").json()["standing"]
    return next(row for row in rows if row["name"].startswith("webhook "))


def until(holds: Callable[[], object], within: float = 15) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_is_sent_is_the_item_of_the_history_letter_by_letter(agent: Api, receiver: Receiver) -> None:
    agent.assign("SO-1", "courier:li")
    agent.promise(order_id="SO-1", promise="Една безплатна доставка – 明天")
    history = agent.history()
    receiver.wait(lambda: len(receiver.times) >= len(history))

    told = {message.position: message.body for message in receiver.received}
    assert [told[item["position"]] for item in history] == [
        {"type": item["type"], "timestamp": item["recorded_at"], "data": item} for item in history
    ]
    assert {"OrderAssigned", "CommitmentMade", "HandoffAssigned"} <= {item["type"] for item in history}
    until(lambda: standing(agent)["position"] == history[-1]["position"])


def test_where_it_stands_is_told_without_its_path_and_its_secrets(
    agent: Api, sending: Serving, receiver: Receiver, upheld: Upheld
) -> None:
    agent.promise()
    until(lambda: standing(agent)["lag_events"] == 0)
    row, told = listed(upheld), upheld("webhooks", "list")
    metrics = agent.client.get("/metrics").text
    status = upheld("status", "--json")

    assert (row["url"], row["state"], row["lag_events"], row["last_error"]) == (receiver.url, "ok", 0, None)
    assert told.stdout == f"{receiver.url} ({row['name']}): ok, at {row['position']}, 0 events (0.0 s) behind\n"
    assert standing(agent) in json.loads(status.stdout)
    assert f'upheld_webhook_lag_events{{endpoint="{row["name"]}"}} 0.0' in metrics
    assert f'upheld_webhook_up{{endpoint="{row["name"]}"}} 1.0' in metrics
    assert f'upheld_webhook_deliveries_total{{endpoint="{row["name"]}",outcome="received"}}' in metrics
    assert f'upheld_leads{{work="webhook {row["name"]}"}} 1.0' in metrics
    for said in (
        told.stdout,
        told.stderr,
        status.stdout,
        metrics,
        sending.logged,
        agent.client.get("/readyz?verbose").text,
    ):
        assert not any(secret in said for secret in SECRETS)
    assert "/hooks" not in metrics + status.stdout + sending.logged


def test_a_sample_tells_whether_it_is_received(agent: Api, receiver: Receiver, upheld: Upheld) -> None:
    before = len(receiver.asked)
    good = upheld("webhooks", "test", receiver.url)
    receiver.answer = 503
    bad = upheld("webhooks", "test", receiver.url)
    unknown = upheld("webhooks", "test", "http://127.0.0.1:1/hooks")

    assert (good.returncode, good.stdout.partition(": ")[2]) == (0, "answered with 204\n")
    assert (bad.returncode, bad.stdout.partition(": ")[2]) == (1, "answered with 503\n")
    assert (unknown.returncode, unknown.stderr.count("no webhook with this address")) == (1, 1)
    assert [message.body["type"] for message in receiver.asked[before:]] == ["test", "test"]


def test_one_that_is_gone_is_seen_enabled_and_replayed(
    agent: Api, sending: Serving, receiver: Receiver, upheld: Upheld
) -> None:
    until(lambda: standing(agent)["lag_events"] == 0)
    receiver.answer = 410
    id = agent.promise()["id"]
    until(lambda: listed(upheld)["state"] == "disabled")
    assert "disabled" in upheld("webhooks", "list").stdout
    assert "answered with 410" in sending.logged
    metrics = agent.client.get("/metrics").text
    assert f'upheld_webhook_up{{endpoint="{listed(upheld)["name"]}"}} 0.0' in metrics

    receiver.answer = 200
    assert upheld("webhooks", "enable", receiver.url).returncode == 0
    (item,) = agent.history(commitment_id=id)
    receiver.wait(lambda: item["position"] in receiver.positions)

    until(lambda: standing(agent)["lag_events"] == 0)
    replayed = upheld("webhooks", "replay", receiver.url, "--from", str(item["position"]))
    assert replayed.returncode == 0, replayed.stderr
    receiver.wait(lambda: receiver.positions.count(item["position"]) == 2)
    assert {message.id for message in receiver.received if message.position == item["position"]} == {
        message.id for message in receiver.asked if message.body["data"] == item
    }
    ahead = upheld("webhooks", "replay", receiver.url, "--from", "1000000")
    assert (ahead.returncode, ahead.stderr.startswith("upheld: lies behind ")) == (1, True)


def test_a_webhook_that_has_not_begun_is_told_as_such(
    sending: Serving, settings: dict[str, Any], tmp_path: Path
) -> None:
    with Receiver() as new:
        said = run("webhooks", "list", folder=tmp_path, **(settings | {"config": configuration(tmp_path, new)}))
        assert said.stdout.endswith(": begins when upheld serve is next started\n")
        enabled = run(
            "webhooks", "enable", new.url, folder=tmp_path, **(settings | {"config": tmp_path / "upheld.toml"})
        )
        assert (enabled.returncode, "has not begun" in enabled.stderr) == (1, True)


def test_a_fault_in_a_webhook_stops_the_start_with_one_line(tmp_path: Path) -> None:
    config = tmp_path / "upheld.toml"
    config.write_text(f'[[webhooks]]\nurl = "https://oms.example/{HUSH}"\nsecret = "whsec_{HUSH}"\n')
    said = run("serve", "--port", "0", folder=tmp_path, config=config)

    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == "upheld: webhooks[0].secret: is not whsec_ followed by the base64 of 24 to 64 bytes\n"


def test_after_a_power_cut_some_are_sent_again_with_their_ids_and_none_is_lost(serve: Serve, tmp_path: Path) -> None:
    with Receiver(secrets=SECRETS) as receiver:
        config = configuration(tmp_path, receiver)
        first = serve(config=config).wait()
        agent = first.by("agent:ling")

        def cut(message: Received) -> int:
            """The third one is received, and nobody is left to hear of it."""
            if len(receiver.asked) >= 3 and message is receiver.asked[2]:
                first.kill()
            return 200

        receiver.answer = cut
        with contextlib.suppress(httpx.HTTPError):  # nor to answer a request
            agent.assign("SO-1", "courier:li")
            for _ in range(20):
                agent.promise(order_id="SO-1")
        receiver.wait(lambda: first.process.poll() is not None)
        before = set(receiver.times)
        receiver.answer = 200
        second = serve(config=config).wait()
        agent = second.by("agent:ling")
        agent.all_taken_in()
        history = agent.history()
        receiver.wait(lambda: {item["position"] for item in history} <= set(receiver.positions))

        assert len(receiver.times) == len(history)
        assert before <= set(receiver.times)
        assert max(receiver.times.values()) >= 2
        assert all(
            len({message.body["data"]["recorded_at"] for message in receiver.received if message.id == id}) == 1
            for id in before
        )

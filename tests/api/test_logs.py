"""What a process writes to standard error: one form, whoever says it, and nothing of what was sent."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from api.parameters import X_ACTOR
from tests.api.conftest import Serve
from tests.api.serving import ROOT, Api, Serving

SAYING = """
import logging, structlog
from api.logs import configure_logs

configure_logs()
log = structlog.get_logger("upheld.test")
"""


def said(program: str) -> list[dict[str, Any]]:
    """What a process of its own says that runs this program."""
    done = subprocess.run(
        [sys.executable, "-c", SAYING + program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_our_lines_and_those_of_a_library_have_one_form() -> None:
    ours, theirs = said('log.info("ready", port=8000)\nlogging.getLogger("library").warning("hello %s", "you")\n')

    assert ours.pop("timestamp").endswith("Z")
    assert theirs.pop("timestamp").endswith("Z")
    assert ours == {"event": "ready", "port": 8000, "logger": "upheld.test", "level": "info"}
    assert theirs == {"event": "hello you", "logger": "library", "level": "warning"}


def test_a_level_between_two_counts_as_the_lower_one() -> None:
    (line,) = said('logging.getLogger("library").log(35, "odd")\n')

    assert line["level"] == "warning"


@pytest.mark.parametrize("logger", ["log", 'logging.getLogger("library")'])
def test_a_traceback_shows_code_and_no_values(logger: str) -> None:
    (line,) = said(
        f"""
def fail(promise):
    raise RuntimeError("it failed")
try:
    fail("A cable comes tomorrow")
except RuntimeError as error:
    {logger}.error("unexpected", exc_info=error)
"""
    )

    assert line["level"] == "error"
    assert "RuntimeError: it failed" in line["exception"]
    assert "A cable" not in line["exception"]


def test_what_no_json_can_hold_is_said_all_the_same() -> None:
    half, thing = said('log.info("half", name="\\ud800")\nlog.info("thing", what=int)\n')

    assert half["name"] == "\ud800"
    assert thing["what"] == "<class 'int'>"


def test_on_a_terminal_it_is_text_for_people() -> None:
    here, there = os.openpty()
    try:
        program = SAYING + 'log.info("ready", port=8000)\n'
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, stderr=there, timeout=30, check=True)
        shown = os.read(here, 10_000).decode()
    finally:
        os.close(here)
        os.close(there)

    assert "ready" in shown
    assert not shown.lstrip().startswith("{")


def test_a_request_is_logged_without_what_was_sent(serve: Serve) -> None:
    with serve() as serving:
        agent = serving.by("agent:a-name-of-its-own")
        made = agent.promise(promise="A cable comes tomorrow", conversation="call-8871")
        refused = agent.request("GET", f"/v1/commitments/{made['id']}", headers={X_ACTOR.name: "nobody-at-all"})

    lines = requests_of(serving)
    assert refused.status_code == 401
    assert [(line["method"], line["route"], line["status"]) for line in lines[:2]] == [
        ("POST", "/v1/commitments", 201),
        ("GET", "/v1/commitments/{id}", 401),
    ]
    assert all(line["ms"] >= 0 and line["level"] == "info" and line["logger"] == "upheld.http" for line in lines)
    for sent in ("cable", "call-8871", "a-name-of-its-own", "nobody-at-all", made["id"]):
        assert sent not in serving.logged


def requests_of(serving: Serving) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in serving.logged.splitlines()]
    return [line for line in lines if line["event"] == "request"]


def test_requests_are_measured_from_a_millisecond_to_ten_seconds(agent: Api) -> None:
    agent.promise()
    of_promises = [
        line
        for line in agent.client.get("/metrics").text.splitlines()
        if line.startswith("upheld_http_seconds_bucket") and 'route="/v1/commitments"' in line and '"201"' in line
    ]
    bounds = [float(line.split('le="')[1].split('"')[0]) for line in of_promises]

    assert bounds[0] == 0.001
    assert bounds[-2:] == [10.0, float("inf")]
    assert all('method="POST"' in line for line in of_promises)

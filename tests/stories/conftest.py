"""What the stories are told to: a server on a socket, with a database and a test clock of its own for each test."""

import base64
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from api.app import create_app
from api.settings import Settings
from api.stories.script import At, Story, Told
from domain.deadlines import zone
from store.clock import SystemClock
from store.embedded import EmbeddedServer
from tests.api.serving import patiently, take_in

_MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
_KEPT = {"checkpoints", "keyring", "schema_migrations"}
"""Tables that do not belong to any event; positions go on rising, so that checkpoints stay true."""


@pytest.fixture(scope="session")
def url(server: EmbeddedServer) -> str:
    """A database that all stories share, one after the other: to make one for each would take most of the time."""
    with psycopg.connect(server.dsn, autocommit=True) as conn:
        conn.execute("CREATE DATABASE stories")
    return make_conninfo(server.dsn, dbname="stories", options="-c synchronous_commit=off")


@pytest.fixture(scope="session")
def app(url: str) -> FastAPI:
    """The app of every server: to build it takes longer than to start one with it."""
    return create_app(_settings(url))


@pytest.fixture
def settings(url: str) -> Settings:
    """The settings of a process on a database without an event, whose test clock begins anew."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")  # whatever refers to what: all of it goes
        tables = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            if table not in _KEPT:
                conn.execute(SQL("DELETE FROM {}").format(Identifier(table)))
    return _settings(url)


def _settings(url: str) -> Settings:
    return Settings(database_url=url, data_dir=Path(), master_key=_MASTER_KEY, auth="open", test_clock=True)


class Api:
    """Somebody who talks to the server; what he reads is never behind what was written.

    >>> api.post("agent:ling", "/v1/commitments", kind="refund", customer_id="CU-7", promise="By Friday")[
    ...     "status"
    ... ]  # doctest: +SKIP
    'open'
    """

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=20)
        self._position = "0"

    def send(
        self, who: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        own = {"X-Actor": who, "Upheld-Min-Position": self._position, **(headers or {})}

        def ask() -> httpx.Response:
            return self._client.request(method, path, json=body, headers=own)

        answer = ask() if method == "POST" else patiently(ask)
        self._position = answer.headers.get("Upheld-Position", self._position)
        return answer

    def post(self, who: str, path: str, **body: object) -> dict[str, Any]:
        return _json(self.send(who, "POST", path, body))

    def get(self, path: str, who: str = "auditor:chen", **query: str) -> dict[str, Any]:
        return _json(self.send(who, "GET", str(httpx.URL(path, params=query))))

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(path, **query)["items"]
        return found

    def flags(self, **query: str) -> dict[str, str]:
        """The reason of every flag, by the id of its commitment."""
        return {flag["commitment_id"]: flag["reason"] for flag in self.items("/v1/flags", **query)}

    def history(self, **query: str) -> list[dict[str, Any]]:
        return self.items("/v1/history", limit="500", **query)

    def all_taken_in(self) -> None:
        """Wait until everything that was recorded is to be seen everywhere."""
        take_in(lambda: self.get("/readyz", verbose="true"), within=30)

    def set_clock(self, now: datetime) -> None:
        _json(self.send("system:test", "PUT", "/v1/test-clock", {"now": now.isoformat()}))

    def close(self) -> None:
        self._client.close()


def _json(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


class Telling:
    """A story as it is told to the server, as far as a test wants it.

    >>> telling.until(At(2, "12:00"))  # doctest: +SKIP
    >>> telling.commitment("cable")["status"], telling.flag("cable")  # doctest: +SKIP
    ('open', None)
    """

    def __init__(self, api: Api, story: Story) -> None:
        self.api, self.story = api, story
        self.anchor: date = story.next_anchor(SystemClock().now() + timedelta(minutes=5))
        self.ids: dict[str, str] = {}
        self.answers: dict[str, dict[str, Any]] = {}
        self._steps = story.told(self.anchor)

    def instant(self, day: int, time: str) -> datetime:
        return self.story.instant(self.anchor, At(day, time))

    def local(self, instant: str) -> tuple[int, str]:
        """The day of the story, and the time on its clock, of an instant in an answer."""
        local = datetime.fromisoformat(instant).astimezone(zone(self.story.time_zone))
        return (local.date() - self.anchor).days, local.strftime("%H:%M")

    def until(self, day: int, time: str) -> None:
        """Everything up to this time, the steps at this very minute too; the clock then shows it."""
        until = self.instant(day, time)
        while self._steps and self._steps[0].at <= until:
            self._tell(self._steps.pop(0))
        self.api.set_clock(until)

    def just_before(self, day: int, time: str) -> None:
        """Everything before this time; the clock stands a second before it."""
        at = self.instant(day, time)
        while self._steps and self._steps[0].at < at:
            self._tell(self._steps.pop(0))
        self.api.set_clock(at - timedelta(seconds=1))

    def to_the_end(self) -> None:
        self.until(self.story.ends.day, self.story.ends.time)

    def _tell(self, told: Told) -> None:
        self.api.set_clock(told.at)
        request = told.request(self.ids)
        answer = self.api.send(told.step.who, request.method, request.path, request.body, request.headers)
        assert answer.is_success, answer.text
        if told.step.name is not None:
            self.ids[told.step.name] = answer.json()["id"]
            self.answers[told.step.name] = answer.json()

    def path(self, name: str, of: str = "") -> str:
        return f"/v1/commitments/{self.ids[name]}{of}"

    def commitment(self, name: str, **query: str) -> dict[str, Any]:
        return self.api.get(self.path(name), **query)

    def handoff(self, name: str, role: str) -> dict[str, Any]:
        handoffs: list[dict[str, Any]] = self.commitment(name)["handoffs"]
        return next(handoff for handoff in handoffs if handoff["role"] == role)

    def flag(self, name: str, **query: str) -> dict[str, Any] | None:
        flags = self.api.items("/v1/flags", **query)
        return next((flag for flag in flags if flag["commitment_id"] == self.ids[name]), None)

    def reason(self, name: str) -> str | None:
        flag = self.flag(name)
        return flag["reason"] if flag is not None else None

    def history(self, name: str, type: str) -> list[dict[str, Any]]:
        return self.api.history(commitment_id=self.ids[name], type=type)

    def words(self, name: str) -> str:
        """What the customer was told when this was first promised."""
        return next(str(step.body["promise"]) for step in self.story.steps if step.name == name)


@pytest.fixture
def api(settings: Settings, app: FastAPI) -> Iterator[Api]:
    """A server of the test's own on the database of `settings`, reached through a socket."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", timeout_keep_alive=75)
    serving = uvicorn.Server(config)
    thread = threading.Thread(target=serving.run, args=([listener],))
    thread.start()
    while not serving.started and thread.is_alive():
        time.sleep(0.005)
    assert serving.started
    api = Api(f"http://127.0.0.1:{listener.getsockname()[1]}")
    try:
        yield api
    finally:
        api.close()
        serving.should_exit = True
        thread.join()
        listener.close()

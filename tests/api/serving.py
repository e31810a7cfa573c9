"""A serving process as a user starts it, and somebody who talks to it over HTTP."""

import base64
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from tests.api.forking import Begun, begin

__all__ = [
    "BROWSER_KEYS",
    "MASTER_KEY",
    "Api",
    "EmptyDatabase",
    "Serving",
    "instant",
    "patiently",
    "refused",
    "run",
    "take_in",
]

MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
"""The key of every database that several processes of a test share."""

BROWSER_KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}
"""What a browser says of itself when it asks for messages: the keys of the example in RFC 8291."""

ROOT = Path(__file__).parents[2]
_START_WITHIN, _STOP_WITHIN = 40.0, 30.0
_CATCHES_UP_WITHIN = 30.0
_numbers = itertools.count(1)


class EmptyDatabase:
    """An empty database on a server that runs, dropped when the test is over.

    Its test clock begins at `clock`, whenever the test is run.
    """

    def __init__(self, dsn: str, *, clock: datetime | None = None) -> None:
        self._clock = clock
        self._admin = make_conninfo(dsn, dbname="postgres")
        self._name = f"api_{os.getpid()}_{next(_numbers)}"
        self.url = make_conninfo(dsn, dbname=self._name)

    def __enter__(self) -> str:
        self._execute("CREATE DATABASE {} TEMPLATE upheld STRATEGY file_copy")
        if self._clock is not None:
            with psycopg.connect(self.url, autocommit=True) as conn:
                conn.execute("INSERT INTO test_clock (now) VALUES (%s)", (self._clock,))
        return self.url

    def __exit__(self, *_: object) -> None:
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)")

    def _execute(self, command: Any) -> None:
        with psycopg.connect(self._admin, autocommit=True) as conn:
            conn.execute(SQL(command).format(Identifier(self._name)))


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """The environment of a process: ours without what it says about Upheld, and these settings.

    It may keep what it compiles, whatever ours says.
    """
    left_out = ("UPHELD_", "PYTHONDONTWRITEBYTECODE")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return ours | {f"UPHELD_{name.upper()}": str(value) for name, value in settings.items()}


def run(*arguments: str, folder: Path, **settings: object) -> "subprocess.CompletedProcess[str]":
    """A command of `upheld` that ends by itself, and what it said."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
        process = begin(arguments, cwd=ROOT, env=environment({"data_dir": folder} | settings), stdout=said, stderr=told)
        try:
            code = process.wait(_START_WITHIN)
        finally:
            process.kill()
        said.seek(0)
        told.seek(0)
        return subprocess.CompletedProcess(arguments, code, said.read().decode(), told.read().decode())


class Serving:
    """`upheld serve --port 0` in a process of its own; what it says is kept in its folder.

    Settings are named as the variables are, without UPHELD_: `Serving(folder, "--workers", "2", database_url=url)`.
    `program` is where another copy of the program is.
    On leaving it must end well on SIGTERM, unless it was killed or something failed before.
    """

    process: "Begun | subprocess.Popen[bytes]"

    def __init__(self, folder: Path, *arguments: str, program: object = ROOT, **settings: object) -> None:
        number = next(_numbers)
        self.settings = settings
        self._said, self._logged = folder / f"said-{number}", folder / f"logged-{number}"
        self._clients: list[httpx.Client] = []
        command, env = ["serve", "--port", "0", *arguments], environment({"data_dir": folder} | settings)
        with self._said.open("wb") as said, self._logged.open("wb") as logged:
            if program == ROOT:
                self.process = begin(command, cwd=ROOT, env=env, stdout=said, stderr=logged)
            else:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "api.cli", *command], cwd=str(program), env=env, stdout=said, stderr=logged
                )

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def logged(self) -> str:
        return self._logged.read_text()

    @property
    def url(self) -> str:
        return self.said.split("listening on ", 1)[1].splitlines()[0]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def wait(self) -> Self:
        """Until it says that it listens."""
        deadline = time.monotonic() + _START_WITHIN
        while "listening on http://" not in self.said or not self.said.endswith("\n"):
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.logged}"
            assert time.monotonic() < deadline, f"it does not listen: {self.logged}"
            time.sleep(0.02)
        return self

    def by(self, actor: str) -> "Api":
        """Somebody who talks to it."""
        # Certificates, of which there are none here, take longer to read than most answers.
        client = httpx.Client(base_url=self.url, timeout=30, trust_env=False, verify=False)
        self._clients.append(client)
        return Api(client, actor)

    def stop(self) -> None:
        """End it as an operator does; it must end well, and in time."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(_STOP_WITHIN)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"it does not stop within {_STOP_WITHIN} s: {self.logged}") from None
        assert self.process.returncode == 0, self.logged

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self.wait()

    def __exit__(self, kind: object, *_: object) -> None:
        for client in self._clients:
            client.close()
        if kind is not None:
            self.kill()
        elif self.process.returncode is None:
            self.stop()


class Api:
    """One actor who talks to a serving process, and who reads what was written before, whoever wrote it.

    Instants are relative to `now`, the time of a test clock that was moved, else the real one.
    """

    def __init__(self, client: httpx.Client, actor: str, headers: Mapping[str, str] | None = None) -> None:
        self.client = client
        self.actor = actor
        self._headers = {"X-Actor": actor, **(headers or {})}
        self._seen = [0]
        self._now: list[datetime | None] = [None]

    def by(self, actor: str, *, on_behalf_of: str | None = None) -> "Api":
        """Somebody else at the same process, who knows of the same things."""
        other = Api(self.client, actor, {"X-On-Behalf-Of": on_behalf_of} if on_behalf_of else None)
        other._seen, other._now = self._seen, self._now
        return other

    def request(
        self, method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None, **params: Any
    ) -> httpx.Response:
        """Any request; the parameter `from_` is sent as `from`, and what is None is not sent."""
        asked = {name.rstrip("_"): value for name, value in params.items() if value is not None}
        sent = {**self._headers, **(headers or {})}
        if method == "GET" and self._seen[0]:
            sent.setdefault("Upheld-Min-Position", str(self._seen[0]))
        answer = self.client.request(method, path, params=asked or None, headers=sent, json=body)
        self.see(answer)
        return answer

    def see(self, answer: httpx.Response) -> None:
        """Whoever reads from now on reads what was written by a command, whoever sent it."""
        self._seen[0] = max(self._seen[0], int(answer.headers.get("Upheld-Position", 0)))

    def get(self, path: str, *, headers: Mapping[str, str] | None = None, **params: Any) -> Any:
        """What a GET answers, which must be 200."""
        answer = patiently(lambda: self.request("GET", path, headers=headers, **params))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(
        self,
        path: str,
        body: object,
        *,
        key: str | None = None,
        if_match: str | None = None,
        headers: Mapping[str, str] | None = None,
        **params: Any,
    ) -> httpx.Response:
        more = {"Idempotency-Key": key, "If-Match": if_match}
        sent = {name: value for name, value in more.items() if value is not None}
        return self.request("POST", path, body, headers={**sent, **(headers or {})}, **params)

    def put(self, path: str, body: object) -> httpx.Response:
        return self.request("PUT", path, body)

    def delete(self, path: str, **params: Any) -> httpx.Response:
        return self.request("DELETE", path, **params)

    # -- what is said most often --------------------------------------------------------------------------------

    def promise(self, kind: str = "redelivery", **terms: Any) -> dict[str, Any]:
        """A promise that is due in a day, unless `due` says otherwise; `due=None` sends none."""
        answer = self.post("/v1/commitments", self.promising(kind, **terms))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def promising(self, kind: str = "redelivery", **terms: Any) -> dict[str, Any]:
        """The body of such a promise."""
        body = {"customer_id": "CU-7", "kind": kind, "promise": "It comes by noon", "due": self.due(days=1), **terms}
        return {name: value for name, value in body.items() if value is not None}

    def command(self, id: str, name: str, body: object, **more: Any) -> dict[str, Any]:
        """A command on a commitment, which must be accepted."""
        answer = self.post(f"/v1/commitments/{id}/{name}", body, **more)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def receipt(self, id: str, state: str = "acknowledged", revision: int = 1, **more: Any) -> dict[str, Any]:
        return self.command(id, "receipts", {"revision": revision, "state": state, **more})

    def assign(self, order_id: str, recipient: str, role: str = "courier", **plan: Any) -> dict[str, Any]:
        """Somebody carries a role for an order."""
        answer = self.put(f"/v1/orders/{order_id}/assignment", {"role": role, "recipient": recipient, **plan})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def commitment(self, id: str, **params: Any) -> dict[str, Any]:
        return dict(self.get(f"/v1/commitments/{id}", **params))

    def history(self, **params: Any) -> list[dict[str, Any]]:
        return list(self.get("/v1/history", **{"limit": 500, **params})["items"])

    def told(self, id: str) -> list[str]:
        """The names of what was recorded about a commitment."""
        return [item["type"] for item in self.history(commitment_id=id)]

    def flag(self, id: str, made_by: str | None = None) -> str | None:
        """The reason for which a commitment is flagged now, if it is."""
        flags = self.get("/v1/flags", limit=500, made_by=made_by or self.actor)["items"]
        return next((str(flag["reason"]) for flag in flags if flag["commitment_id"] == id), None)

    def end_of_the_log(self) -> int:
        """The position of the last event of the log; whoever reads from now on reads it."""
        self._seen[0] = max(self._seen[0], int(self.get("/readyz", verbose="true")["log_position"]))
        return self._seen[0]

    def recorded(self, *, after: int) -> list[str]:
        """The names of what anybody recorded since a position, but for what becomes by itself of what was before."""
        self.end_of_the_log()
        return [item["type"] for item in self.history(after=after) if item["actor"] != "system:upheld"]

    def all_taken_in(self, *, within: float = 15) -> int:
        """Where the log ends, once everything in it is to be seen everywhere; whoever reads from now on reads it."""
        end = self.end_of_the_log()
        take_in(lambda: self.get("/readyz", verbose="true"), within=within)
        return end

    # -- time ---------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self._now[0] or datetime.now(UTC)

    def move_clock(self, now: datetime) -> httpx.Response:
        answer = patiently(lambda: self.put("/v1/test-clock", {"now": instant(now)}))
        if answer.status_code == 200:
            self._now[0] = now
        return answer

    def later(self, **span: float) -> datetime:
        """Let the test clock go on; answers the time it shows then."""
        answer = self.move_clock(self.now + timedelta(**span))
        assert answer.status_code == 200, answer.text
        return self.now

    def at(self, **span: float) -> str:
        """An instant so long after now, as it is written."""
        return instant(self.now + timedelta(**span))

    def due(self, **span: float) -> dict[str, str]:
        return {"at": self.at(**span)}


def patiently(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """What is answered; where what was written before is not yet to be seen, on a busy machine, it is asked again."""
    deadline = time.monotonic() + _CATCHES_UP_WITHIN
    while True:
        answer = ask()
        late = answer.status_code == 503 and answer.json()["code"] == "projection_behind"
        if not late or time.monotonic() > deadline:
            return answer


def take_in(look: Callable[[], Mapping[str, Any]], *, within: float) -> None:
    """Wait until everything that was recorded is to be seen everywhere, as `/readyz?verbose` tells to who looks."""
    deadline = time.monotonic() + within
    while any(row["lag_events"] for row in look()["standing"]):
        assert time.monotonic() < deadline, "it was not taken in in time"
        time.sleep(0.02)


def instant(at: datetime) -> str:
    """An instant as the answers write it.

    >>> instant(datetime(2026, 11, 20, 2, 15, tzinfo=UTC))
    '2026-11-20T02:15:00Z'
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def refused(answer: httpx.Response, status: int, code: str | None = None, pointer: str | None = None) -> dict[str, Any]:
    """The problem with which a request was refused; it must be one, and complete (RFC 9457)."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.headers
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= problem.keys(), problem
    assert problem["status"] == status
    assert all(isinstance(problem[name], str) and problem[name] for name in ("type", "title", "detail", "code"))
    if code is not None:
        assert problem["code"] == code, problem
    if status == 422:
        assert problem["errors"], problem
        assert all(error.keys() == {"pointer", "detail"} for error in problem["errors"]), problem
    if pointer is not None:
        assert pointer in [error["pointer"] for error in problem["errors"]], problem
    return problem

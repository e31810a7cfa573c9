"""How a delivery of another system is carried out: each rule that holds makes a command, and each command takes the
way of every request, with its checks, its Idempotency-Key and its problems.
"""

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
import structlog
from starlette.types import ASGIApp, Message, Scope

from api.problems import problem_body
from api.who import SENDER
from domain.errors import MappingFailed, Unavailable
from domain.hooks import Hook
from domain.rules import Command
from domain.templates import Json

__all__ = ["Result", "carry_out", "failure"]

log = structlog.get_logger("upheld.hooks")


@dataclass(frozen=True, slots=True)
class Result:
    """What one command came to: its answer, or the problem for which it was refused or could not be made.

    `position` is that of the last event that it caused; 0 where there is none.
    """

    command: str
    status: int
    body: msgspec.Raw
    position: int = 0

    @property
    def is_refused(self) -> bool:
        return self.status >= HTTPStatus.BAD_REQUEST

    @property
    def reason(self) -> str:
        """Why it was refused: the code, and the words for people."""
        problem = msgspec.json.decode(self.body)
        pointers = " ".join(error["pointer"] for error in problem.get("errors", ()) if error["pointer"])
        return f"{self.command}: {problem['code']}: {problem['detail']}" + (f" ({pointers})" if pointers else "")


async def carry_out(app: ASGIApp, hook: Hook, delivery_id: str, payload: Json) -> list[Result]:
    """Carry out every command that the hook makes of a payload, in order. A refused one holds up no other.

    >>> [result] = await carry_out(app, hook, "msg_1", {"ticket": {"id": 81}})  # doctest: +SKIP
    >>> result.command, result.status  # doctest: +SKIP
    ('POST /v1/commitments', 201)

    Raises `Unavailable` where something is out of reach: what was done already is not done twice by sending it again.
    """
    results = []
    for rule in hook.rules_for(payload):
        try:
            command = rule.command(payload)
        except MappingFailed as error:
            results.append(Result(rule.send, error.status, msgspec.Raw(msgspec.json.encode(problem_body(error)))))
            continue
        usual = delivery_id if rule.nth == 1 else f"{delivery_id}-{rule.nth}"
        results.append(await _send(app, hook.actor, command, command.key or usual))
    return results


def failure(results: list[Result]) -> str | None:
    """Why a delivery is to be tried again; None where everything was carried out."""
    return "; ".join(result.reason for result in results if result.is_refused) or None


async def _send(app: ASGIApp, actor: str, command: Command, key: str) -> Result:
    body = json.dumps(command.body).encode() if command.body is not None else b""
    answer = _Answer(body)
    # A task of its own: what the request binds for the log is not ours.
    try:
        await asyncio.create_task(_call(app, _scope(actor, command, key), answer))
    except Exception:
        # Logged where it happened, and answered as a failure of ours: the delivery is kept until that is mended.
        if answer.status == 0:
            raise
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        raise Unavailable("a command cannot be carried out now; send it again", answer.told("retry-after") or 1)
    name = f"{command.method} {command.target}"
    return Result(name, answer.status, msgspec.Raw(bytes(answer.body) or b"null"), answer.told("upheld-position"))


async def _call(app: ASGIApp, scope: Scope, answer: "_Answer") -> None:
    await app(scope, answer.receive, answer.send)


def _scope(actor: str, command: Command, key: str) -> Scope:
    """A request that says who sends it where no request from outside can say so."""
    path, _, query = command.target.partition("?")
    headers = [(b"content-type", b"application/json"), (b"idempotency-key", key.encode())]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": command.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": None,
        "server": None,
        SENDER: (actor, command.on_behalf_of),
    }


class _Answer:
    """The two ends of a request that is made in this process: the body that is read, the answer that comes."""

    def __init__(self, sent: bytes) -> None:
        self._sent = [sent]
        self.status = 0
        self.body = bytearray()
        self._headers: dict[bytes, bytes] = {}

    def told(self, name: str) -> int:
        """The number in a header of the answer; 0 where it has none."""
        return int(self._headers.get(name.encode(), b"0"))

    async def receive(self) -> Message:
        if self._sent:
            return {"type": "http.request", "body": self._sent.pop(), "more_body": False}
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = dict(message["headers"])
        else:
            self.body += message.get("body", b"")

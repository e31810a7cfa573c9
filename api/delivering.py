"""How a delivery of another system is carried out: each rule that holds makes a command, and each command takes the
way of every request, with its checks, its Idempotency-Key and its problems.
"""

from dataclasses import dataclass
from http import HTTPStatus

import msgspec
import structlog
from starlette.types import ASGIApp

from api.inside import Asked, ask
from api.problems import problem_body
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
    headers = {"idempotency-key": key}
    asked = Asked(actor, command.method, command.target, command.body, command.on_behalf_of, headers)
    answer = await ask(app, asked)
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        raise Unavailable("a command cannot be carried out now; send it again", answer.number("retry-after") or 1)
    name = f"{command.method} {command.target}"
    return Result(name, answer.status, msgspec.Raw(bytes(answer.body) or b"null"), answer.number("upheld-position"))

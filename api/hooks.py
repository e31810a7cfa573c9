"""For other systems: their webhooks, verified and made into commands by the configuration (contract, section 8)."""

from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import Path, Request, Response
from starlette.types import ASGIApp
from typing_extensions import TypedDict

from api.commanding import answer
from api.delivering import carry_out, failure
from api.fields import PathText
from api.routes import From, decoded, read_body, routes
from api.runtime import Runtime
from api.who import Process
from domain.errors import NotFound, Unauthenticated
from domain.hooks import Hook
from domain.signatures import Delivery
from store.clock import SystemClock
from store.deliveries import Deliveries

__all__ = ["router"]

router = routes("/v1", "systems")
log = structlog.get_logger("upheld.hooks")

_OTHERS = SystemClock()
"""The time by which another system signs. A test clock moves promises, and nobody else's clock (decision 018)."""


class HookResult(TypedDict):
    """What became of one command; `body` is its answer, or the problem."""

    command: str
    status: int
    body: Any


class HookAnswer(TypedDict):
    """What became of a delivery: one result for each rule that held, in order."""

    results: list[HookResult]


@dataclass(frozen=True, slots=True)
class Sent:
    """What came, byte for byte, and the app that carries out what is made of it."""

    app: ASGIApp
    delivery: Delivery


async def _sent(request: Request) -> Sent:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Sent(request.app, Delivery(headers, await read_body(request)))


HookName = Annotated[PathText, Path(description="The NAME of a table [hooks.NAME]", examples=["helpdesk"])]


@router.post(
    "/hooks/{name}",
    response_model=HookAnswer,
    responses={202: {"description": "Something was refused; the delivery is kept, and need not be sent again"}},
)
async def receive(runtime: Process, sent: Annotated[Sent, From(_sent)], name: HookName) -> Response:
    """A webhook of another system. It is verified over its bytes, and every rule that holds makes a command."""
    hook = runtime.catalogue.hooks.get(name)
    if hook is None:
        raise NotFound("no hook of that name is configured")
    try:
        hook.verification.check(sent.delivery, _OTHERS.now())
    except Unauthenticated as error:
        log.warning("a webhook was refused", hook=name, why=str(error))
        raise
    payload, id = decoded(sent.delivery.body), _delivery_id(runtime, hook, sent.delivery)
    results = await carry_out(sent.app, hook, id, payload)
    if (why := failure(results)) is not None:
        await Deliveries(runtime.database, runtime.keyring).keep(name, id, sent.delivery.body, why, await runtime.now())
        log.warning("a webhook was kept", hook=name, refused=sum(result.is_refused for result in results))
    position = max((result.position for result in results), default=0)
    told = {"Upheld-Position": str(position)} if position else None
    shown = [{"command": one.command, "status": one.status, "body": one.body} for one in results]
    return answer({"results": shown}, status=200 if why is None else 202, headers=told)


def _delivery_id(runtime: Runtime, hook: Hook, delivery: Delivery) -> str:
    """What tells deliveries apart: the id from the sender, where nobody else can give another, else the bytes."""
    given = delivery.headers.get("webhook-id", "") if hook.verification.signs_its_id else ""
    return given if given.isprintable() and 1 <= len(given) <= 200 else runtime.keyring.digest(delivery.body)

"""For admins: the API keys by which programs, and people without a browser, say who they are."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import Query, Request, Response
from pydantic import Field

from api.commanding import Commanding, answer
from api.fields import ActorText, Body, Instant, Line, PathText
from api.querying import Paged, cursor, page, position_in
from api.routes import routes
from api.runtime import Runtime
from api.schemas import example
from api.who import Inquiring, check_person
from domain.errors import IdempotencyKeyReused, Invalid, NotFound
from store.clock import SystemClock
from store.keys import Key

__all__ = ["router"]

router = routes("/v1", "admins")

_CLOCK = SystemClock()
"""A key ages by the machine's clock, as the signatures of others do (decision 018)."""
_SECRET = {"Cache-Control": "no-store"}


class KeyBody(Body):
    """Whose key it is to be: whoever has it is that actor."""

    model_config = example({"actor": "system:oms", "label": "Orders", "expires_at": "2027-02-26T00:00:00Z"})

    actor: ActorText
    label: Line | None = None
    expires_at: Annotated[Instant | None, Field(description="Until when it is good; else until it is revoked")] = None

    def check(self, runtime: Runtime) -> None:
        """Raises `Invalid` where nobody can be that actor, or the key would be good no more."""
        check_person(runtime, self.actor, "/actor")
        if self.expires_at is not None and self.expires_at <= _CLOCK.now():
            raise Invalid("/expires_at", "does not lie in the future")


@router.get("/keys")
async def list_keys(request: Request, inquiry: Inquiring, asked: Annotated[Paged, Query()]) -> Response:
    """The keys, the newest first, those that are good no more included; no secret is among what is known of them."""
    place = position_in(asked.cursor, tuple[datetime, str])
    found = await inquiry.runtime.keys.page(limit=asked.limit + 1, **({"after": place} if place else {}))
    shown = found[: asked.limit]
    next_cursor = cursor(shown[-1].created_at, shown[-1].prefix) if len(found) > asked.limit else None
    return page(request, [_shown(key) for key in shown], next_cursor)


@router.post("/keys", status_code=201)
async def add_key(command: Commanding, body: KeyBody) -> Response:
    """A new key. Its text is in this answer and nowhere else."""
    runtime = command.runtime
    body.check(runtime)
    id = command.new_id()
    text, key, is_new = await runtime.keys.add(
        body.actor,
        by=command.who.actor,
        label=body.label,
        expires_at=body.expires_at,
        seed=str(id) if id is not None else None,
    )
    if (key.actor, key.label, key.expires_at) != (body.actor, body.label, body.expires_at):
        raise IdempotencyKeyReused
    replayed = {} if is_new else {"Idempotency-Replayed": "true"}
    return answer({"key": text, **_shown(key)}, status=201, headers=_SECRET | replayed)


@router.delete("/keys/{prefix}", status_code=204)
async def revoke_key(command: Commanding, prefix: PathText) -> Response:
    """Revoke a key, named by what stands in front of its secret: it is refused from the next request on."""
    if not await command.runtime.keys.revoke(prefix, by=command.who.actor):
        raise NotFound("there is no such key, or it was revoked")
    return Response(status_code=204)


def _shown(key: Key) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(key)
    return shown

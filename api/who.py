"""Who asks, and on whose behalf (contract, section 2)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

from fastapi import Request

from api.origins import SENDER
from api.parameters import X_ACTOR, X_ON_BEHALF_OF
from api.routes import From
from api.runtime import Runtime
from api.sessions import session_of
from domain.actors import Actor, role_of
from domain.errors import Forbidden, Invalid, Unauthenticated

__all__ = [
    "SENDER",
    "Inquiring",
    "Inquiry",
    "Process",
    "Who",
    "check_person",
    "inquiry",
    "known_actor",
    "process",
]


@dataclass(slots=True)
class Who:
    """The actor, and the person on whose behalf a system speaks."""

    actor: str
    on_behalf_of: str | None = None

    @property
    def person(self) -> str:
        return self.on_behalf_of or self.actor


@dataclass(slots=True)
class Inquiry:
    """One request that changes nothing: who asks, and the process that answers."""

    runtime: Runtime
    who: Who


async def process(request: Request) -> Runtime:
    """The process that answers, whoever asks."""
    runtime: Runtime = request.app.state.runtime
    return runtime


async def inquiry(request: Request) -> Inquiry:
    """Who asks. Raises `Unauthenticated`: nobody is answered who does not say so."""
    runtime = await process(request)
    return Inquiry(runtime, await _who(request, runtime))


Process = Annotated[Runtime, From(process)]
Inquiring = Annotated[Inquiry, From(inquiry), X_ACTOR, X_ON_BEHALF_OF]


def check_person(runtime: Runtime, actor: str) -> None:
    """Raises `Invalid` where the actor in a path is not one person: nobody of such a role, or a team."""
    role = role_of(actor)
    if role not in runtime.catalogue.roles:
        raise Invalid("/path/actor", f"there is no role '{role}'")
    if role == "team":
        raise Invalid("/path/actor", "is a team; its members are asked one by one")


async def _who(request: Request, runtime: Runtime) -> Who:
    sender, person = request.scope.get(SENDER) or await _said(request, runtime)
    if sender is None:
        raise Unauthenticated("the header X-Actor is missing")
    actor = known_actor(sender, runtime, X_ACTOR.name)
    if person is None:
        return Who(str(actor))
    if actor.role != "system":
        raise Forbidden("only a system may speak on somebody's behalf")
    return Who(str(actor), str(known_actor(person, runtime, X_ON_BEHALF_OF.name)))


async def _said(request: Request, runtime: Runtime) -> tuple[str | None, str | None]:
    """Who a request itself says that it comes from, and on whose behalf."""
    if runtime.settings.auth == "required":
        if (session := await session_of(request, runtime)) is not None:
            return session.actor, None
        raise Unauthenticated("sign in first; X-Actor counts in open mode only")
    try:
        return X_ACTOR.read(request), X_ON_BEHALF_OF.read(request)
    except Invalid as error:
        raise Unauthenticated(f"a header that says who asks {error}") from None


_parsed = lru_cache(maxsize=4096)(Actor.parse)
"""The same few people ask again and again."""


def known_actor(text: str, runtime: Runtime, header: str) -> Actor:
    """The actor of that name, who is a person or a system. Raises `Unauthenticated`, and names where it was said."""
    try:
        actor = _parsed(text)
    except Invalid as error:
        raise Unauthenticated(f"{header} {error}") from None
    if actor.role not in runtime.catalogue.roles or actor.role == "team":
        raise Unauthenticated(f"{header}: there is no role '{actor.role}'")
    return actor

"""Who asks, and on whose behalf (contract, section 2); and whether he may (section 9)."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Annotated

from fastapi import Request

from api.access import Access
from api.bearer import key_of
from api.guarding import check
from api.origins import SENDER
from api.parameters import X_ACTOR, X_ON_BEHALF_OF, Parameter
from api.refusing import WHO
from api.routes import From
from api.runtime import Runtime
from api.sessions import holds, session_of
from domain.actors import Actor, role_of
from domain.errors import Forbidden, Invalid, Unauthenticated
from store.turns import turn

__all__ = [
    "SENDER",
    "Inquiring",
    "Inquiry",
    "Process",
    "Who",
    "access_of",
    "check_person",
    "giving_access",
    "identified",
    "inquiry",
    "is_anothers_admin",
    "known_actor",
    "process",
    "signed_in",
]

_SIGN_IN = "sign in first, or send a key as Authorization: Bearer; X-Actor counts in open mode only"


@dataclass(slots=True)
class Who:
    """The actor, and the person on whose behalf a system speaks.

    `holds` asks whether that by which he is known is still good, where it may cease to be.
    """

    actor: str
    on_behalf_of: str | None = None
    holds: Callable[[], Awaitable[bool]] | None = field(default=None, compare=False)

    @property
    def person(self) -> str:
        return self.on_behalf_of or self.actor


@dataclass(slots=True)
class Inquiry:
    """One request that changes nothing: who asks, what he may see, and the process that answers."""

    runtime: Runtime
    who: Who
    access: Access


async def process(request: Request) -> Runtime:
    """The process that answers, whoever asks."""
    runtime: Runtime = request.app.state.runtime
    return runtime


async def inquiry(request: Request) -> Inquiry:
    """Who asks, and that he may.

    Raises `Unauthenticated`: nobody is answered of whom it is not known who he is; and `Forbidden`.
    """
    runtime = await process(request)
    who = await identified(request, runtime)
    access = access_of(who, runtime)
    if not access.is_open:
        await check(request, runtime, access)
    return Inquiry(runtime, who, access)


Process = Annotated[Runtime, From(process)]
Inquiring = Annotated[Inquiry, From(inquiry), X_ACTOR, X_ON_BEHALF_OF]


async def identified(request: Request, runtime: Runtime) -> Who:
    """Who asks: whom our own code names; where people sign in whose key it is, or whose session; else who says so.

    Raises `Unauthenticated`, `Forbidden` where somebody speaks for another who may not, and `TooManyAttempts`.
    """
    is_open = runtime.settings.auth != "required"
    if (inside := request.scope.get(SENDER)) is not None:
        sender, person = inside
        who = Who(str(known_actor(sender, runtime, X_ACTOR.name)))
    else:
        person = _header(X_ON_BEHALF_OF, request)
        found = _as_he_says(request, runtime) if is_open else await signed_in(request, runtime)
        if found is None:
            raise Unauthenticated(_SIGN_IN)
        who = found
    request.scope[WHO] = who
    if person is not None:
        if role_of(who.actor) != "system":
            raise Forbidden("only a system may speak on somebody's behalf")
        who.on_behalf_of = str(known_actor(person, runtime, X_ON_BEHALF_OF.name))
    return who


def access_of(who: Who, runtime: Runtime) -> Access:
    """What somebody may do here."""
    return Access(who.actor, who.person, runtime.roster, is_open=runtime.settings.auth != "required")


async def signed_in(request: Request, runtime: Runtime) -> Who | None:
    """Whose key or session a request brings, where people sign in; None where it brings neither.

    Raises `Unauthenticated` where a key is not good, and `TooManyAttempts`.
    """
    if (key := await key_of(request, runtime)) is not None:
        # Its role may be one that the configuration names no more.
        return Who(str(known_actor(key.actor, runtime, "this key")), holds=partial(runtime.keys.holds, key.prefix))
    session = await session_of(request, runtime)
    if session is None:
        return None
    return Who(str(known_actor(session.actor, runtime, "this session")), holds=partial(holds, runtime, session))


@contextlib.asynccontextmanager
async def giving_access(runtime: Runtime, who: Who, actor: str) -> AsyncIterator[None]:
    """While somebody gives an actor what opens something; nobody takes that away meanwhile, nor has taken his own.

    Raises `Unauthenticated` where by now nothing is good any more by which he who asks was known.
    """
    async with turn(runtime.database, actor):
        if who.holds is not None and not await who.holds():
            raise Unauthenticated(_SIGN_IN)
        yield


def is_anothers_admin(runtime: Runtime, who: Who, actor: str) -> bool:
    """Whether that is an administrator, and who asks is none: only they look after one another."""
    is_required = runtime.settings.auth == "required"
    return is_required and role_of(actor) == "admin" and role_of(who.actor) != "admin"


def check_person(runtime: Runtime, actor: str, pointer: str = "/path/actor") -> None:
    """Raises `Invalid` where an actor is not one person, or system: nobody of such a role, or a team."""
    role = role_of(actor)
    if role not in runtime.catalogue.roles:
        raise Invalid(pointer, f"there is no role '{role}'")
    if role == "team":
        raise Invalid(pointer, "is a team; its members are asked one by one")


def _as_he_says(request: Request, runtime: Runtime) -> Who:
    """Who a request itself says that it comes from."""
    if (said := _header(X_ACTOR, request)) is None:
        raise Unauthenticated("the header X-Actor is missing")
    return Who(str(known_actor(said, runtime, X_ACTOR.name)))


def _header(parameter: Parameter, request: Request) -> str | None:
    try:
        return parameter.read(request)
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

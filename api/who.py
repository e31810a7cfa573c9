"""Who asks, and on whose behalf (contract, section 2)."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request

from api.runtime import Runtime
from domain.actors import Actor
from domain.errors import Forbidden, Invalid, Unauthenticated

__all__ = ["Asking", "Process", "SignedIn", "Who"]


@dataclass(frozen=True, slots=True)
class Who:
    """The actor, and the person on whose behalf a system speaks."""

    actor: str
    on_behalf_of: str | None = None

    @property
    def person(self) -> str:
        return self.on_behalf_of or self.actor


async def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


Process = Annotated[Runtime, Depends(_runtime)]


def _known(text: str, runtime: Runtime, header: str) -> Actor:
    try:
        actor = Actor.parse(text)
    except Invalid as error:
        raise Unauthenticated(f"{header} {error}") from None
    if actor.role not in runtime.catalogue.roles or actor.role == "team":
        raise Unauthenticated(f"{header}: there is no role '{actor.role}'")
    return actor


async def _who(
    runtime: Process,
    x_actor: Annotated[str | None, Header(description="ROLE:ID", examples=["agent:ling"])] = None,
    x_on_behalf_of: Annotated[str | None, Header(description="ROLE:ID, from a system only")] = None,
) -> Who:
    if runtime.settings.auth == "required":
        raise Unauthenticated("sign in first; X-Actor counts in open mode only")
    if x_actor is None:
        raise Unauthenticated("the header X-Actor is missing")
    actor = _known(x_actor, runtime, "X-Actor")
    if x_on_behalf_of is None:
        return Who(str(actor))
    if actor.role != "system":
        raise Forbidden("only a system may speak on somebody's behalf")
    return Who(str(actor), str(_known(x_on_behalf_of, runtime, "X-On-Behalf-Of")))


Asking = Annotated[Who, Depends(_who)]
SignedIn = Depends(_who)
"""Nobody is answered who does not say who asks."""

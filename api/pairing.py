"""For keepers' phones: the code by which one becomes somebody's, and the devices that are."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import Request, Response
from pydantic import StringConstraints
from typing_extensions import TypedDict

from api.bearer import address_of
from api.commanding import Command, Commanding, answer
from api.fields import ActorPath, Body
from api.routes import From, routes
from api.runtime import Runtime
from api.sessions import begin
from api.who import Inquiring, Who, check_person, giving_access, is_anothers_admin, process
from domain.actors import role_of
from domain.errors import Forbidden, Invalid, NotFound, TooManyAttempts
from store.attempts import Limit
from store.keeper_links import KeeperLinks
from store.pairings import Pairings
from store.push import Subscriptions
from store.sessions import Kind, Listed, Sessions
from store.turns import turn

__all__ = ["Redeemed", "check_may_sign_in", "redeem", "router"]

router = routes("/v1", "people")

log = structlog.get_logger("upheld.sign_in")

_BY_ADDRESS = Limit("pairing from", most=20)
_BY_ALL = Limit("pairing", most=300)
"""A minute: whoever guesses from everywhere has tried one code in two hundred million when those of now are void."""


class PairingBody(Body):
    code: Annotated[str, StringConstraints(min_length=1, max_length=40)]


class Pairing(TypedDict):
    """The code, which is told this once, and until when it is good."""

    code: str
    expires_at: datetime


class Device(TypedDict):
    """A device, or a browser, by which somebody is signed in. `ends_at` is when that is over at the latest."""

    id: UUID
    name: str
    created_at: datetime
    seen_at: datetime
    ends_at: datetime


class Redeemed(TypedDict):
    """Whose device it is from now on."""

    actor: str
    device: Device


class Devices(TypedDict):
    """The newest first."""

    items: list[Device]


async def _itself(request: Request) -> Request:
    """Of who brings a code nobody knows who it is, but for the code."""
    return request


@router.post("/people/{actor}/pairings", status_code=201, response_model=Pairing)
async def make_pairing(command: Commanding, actor: ActorPath) -> Response:
    """A code that makes one device somebody's, once and within ten minutes; the code before is void.

    It is told this once: who asks again, with the same key as well, gets another.
    """
    runtime = command.runtime
    check_person(runtime, actor)
    check_may_sign_in(runtime, command.who, actor)
    async with giving_access(runtime, command.who, actor):
        code, expires_at = await Pairings(runtime.database, runtime.keyring).make(actor, now=await runtime.now())
    log.info("pairing made", who=actor, by=command.who.actor)
    return answer(Pairing(code=code, expires_at=expires_at), status=201, headers={"Cache-Control": "no-store"})


@router.post("/pairings", status_code=201, response_model=Redeemed)
async def redeem_pairing(request: Annotated[Request, From(_itself)], body: PairingBody) -> Response:
    """Make this device somebody's: the answer brings the cookie that says so from then on. Needs no credentials."""
    cookie, redeemed = await redeem(request, await process(request), body.code)
    return answer(redeemed, status=201, headers={"Cache-Control": "no-store", "Set-Cookie": cookie})


@router.get("/people/{actor}/devices", response_model=Devices)
async def list_devices(inquiry: Inquiring, actor: ActorPath) -> Response:
    """The devices that were paired as somebody's, and when each was last used, to the minute."""
    check_may_sign_in(inquiry.runtime, inquiry.who, actor)
    return answer(await _listed(inquiry.runtime, actor, Kind.DEVICE))


@router.delete("/people/{actor}/devices/{id}", status_code=204)
async def revoke_device(command: Commanding, actor: ActorPath, id: str) -> Response:
    """A device is nobody's any more, from this very moment, whichever process it asks: its streams end, and so do his
    link, his code, and messages to his browsers, until he opens the page on another one.
    """
    await _revoke(command, actor, id, Kind.DEVICE)
    return Response(status_code=204)


@router.get("/people/{actor}/sessions", response_model=Devices)
async def list_sessions(inquiry: Inquiring, actor: ActorPath) -> Response:
    """By what somebody is signed in now, his devices included."""
    check_may_sign_in(inquiry.runtime, inquiry.who, actor)
    return answer(await _listed(inquiry.runtime, actor))


@router.delete("/people/{actor}/sessions", status_code=204)
async def end_sessions(command: Commanding, actor: ActorPath) -> Response:
    """Somebody is signed in nowhere any more; his link and a code that he was given open nothing, and his browsers are
    told nothing.
    """
    runtime = command.runtime
    check_may_sign_in(runtime, command.who, actor)
    async with turn(runtime.database, actor):
        number = await Sessions(runtime.database, runtime.keyring).revoke_all(actor)
        await _forget_what_it_made(runtime, actor)
    log.info("sessions ended", who=actor, by=command.who.actor, number=number)
    return Response(status_code=204)


@router.delete("/people/{actor}/sessions/{id}", status_code=204)
async def end_session(command: Commanding, actor: ActorPath, id: str) -> Response:
    """One of somebody's sessions ends at once."""
    await _revoke(command, actor, id)
    return Response(status_code=204)


async def redeem(request: Request, runtime: Runtime, code: str, *, embedded: bool = False) -> tuple[str, Redeemed]:
    """Sign in whoever brings a code: the cookie, and whose it was.

    Raises `TooManyAttempts` before a code is looked at, and `Invalid` alike for what was never one and what was.
    """
    now = await runtime.now()
    for limit, subject in ((_BY_ADDRESS, address_of(request)), (_BY_ALL, "")):
        if (wait := await runtime.attempts.note(limit, subject, now)) is not None:
            raise TooManyAttempts(wait)
    meant = code.replace("-", "").replace(" ", "").upper()
    pairings = Pairings(runtime.database, runtime.keyring)
    if (actor := await pairings.owner(meant)) is not None:
        # Whoever is shut out in this moment has no code any more, or no session.
        async with turn(runtime.database, actor):
            if await pairings.redeem(meant, now=now) is not None:
                cookie, listed = await begin(request, runtime, actor, Kind.DEVICE, embedded=embedded)
                return cookie, Redeemed(actor=actor, device=_device(listed))
    raise Invalid("/code", "is no code that is good now; ask for a new one")


def check_may_sign_in(runtime: Runtime, who: Who, actor: str) -> None:
    """Raises `Forbidden` where who asks would come to what he may not do by being this one: an administrator is made
    by administrators alone, and a system has keys.
    """
    if is_anothers_admin(runtime, who, actor):
        raise Forbidden("only an administrator looks after the devices of one")
    if runtime.settings.auth == "required" and role_of(actor) == "system":
        raise Forbidden("a system has a key, and no device")


async def _listed(runtime: Runtime, actor: str, *kinds: Kind) -> Devices:
    found = await Sessions(runtime.database, runtime.keyring).of(actor, *kinds, now=await runtime.now())
    return Devices(items=[_device(one) for one in found])


async def _revoke(command: Command, actor: str, id: str, *kinds: Kind) -> None:
    runtime = command.runtime
    check_may_sign_in(runtime, command.who, actor)
    async with turn(runtime.database, actor):
        if not await Sessions(runtime.database, runtime.keyring).revoke(actor, _uuid(id), *kinds):
            raise NotFound("there is no such device of this person")
        await _forget_what_it_made(runtime, actor)
    log.info("sessions ended", who=actor, by=command.who.actor, number=1)


async def _forget_what_it_made(runtime: Runtime, actor: str) -> None:
    """Whoever had the device may have made a code with it for another, and a link; and messages still came to it.

    What else is his, such as another phone, has itself told again when it is next opened.
    """
    await Pairings(runtime.database, runtime.keyring).forget(actor)
    await KeeperLinks(runtime.database, runtime.keyring).close(actor, now=await runtime.now())
    await Subscriptions(runtime.database, runtime.keyring).forget(actor)


def _uuid(id: str) -> UUID:
    try:
        return UUID(id)
    except ValueError:
        raise NotFound("there is no such device of this person") from None


def _device(listed: Listed) -> Device:
    one = listed.session
    return Device(id=one.id, name=listed.label, created_at=one.created_at, seen_at=one.seen_at, ends_at=one.ends_at)

"""For supervisors and systems: who the people are, how they and the customers are reached, when staff is at work."""

from dataclasses import replace
from typing import Annotated, Any

import msgspec
from fastapi import Query, Request, Response

from api.commanding import Command, Commanding, answer
from api.fields import ActorPath, CustomerId
from api.querying import Paged, cursor, page, position_in
from api.routes import routes
from api.runtime import Runtime
from api.schemas import ContactPointBody, PersonBody
from api.who import Inquiring, giving_access, is_anothers_admin
from domain.access import Operation
from domain.actors import role_of
from domain.errors import Forbidden, Invalid, NotFound
from domain.people import Contact, Person
from policies import channels
from policies.telling import try_again, unreached
from store.identities import Identities
from store.keeper_links import KeeperLinks
from store.pairings import Pairings
from store.people import Customers
from store.push import Subscriptions
from store.sessions import Sessions
from store.turns import turn

__all__ = ["router"]

router = routes("/v1", "people")


class PeopleQuery(Paged):
    unreachable: Annotated[bool | None, Query(description="Only who has no channel that works")] = None


@router.get("/people")
async def list_people(request: Request, inquiry: Inquiring, asked: Annotated[PeopleQuery, Query()]) -> Response:
    """Everybody of the staff, by actor; with `unreachable` those who have no channel, or whom the last message did not
    reach by any.
    """
    place = position_in(asked.cursor, tuple[str])
    after, people = place[0] if place else "", inquiry.runtime.people
    in_vain = await unreached(inquiry.runtime.database) if asked.unreachable is not None else set()
    found: list[tuple[str, Person]] = []
    while len(found) <= asked.limit and (more := await people.page(after=after, limit=asked.limit + 1)):
        after = more[-1][0]
        found += [one for one in more if asked.unreachable in (None, not one[1].channels or one[0] in in_vain)]
    shown = found[: asked.limit]
    next_cursor = cursor(shown[-1][0]) if len(found) > asked.limit else None
    return page(request, [_person(actor, person) for actor, person in shown], next_cursor)


@router.get("/people/{actor}")
async def show_person(inquiry: Inquiring, actor: ActorPath) -> Response:
    """Who somebody is; what is secret in the channels is masked."""
    person = await inquiry.runtime.people.find(actor)
    if person is None:
        raise NotFound("nothing is known of this person")
    return answer(_person(actor, person))


@router.put("/people/{actor}")
async def put_person(command: Commanding, actor: ActorPath, body: PersonBody) -> Response:
    """Say who somebody is, as a whole. A channel that is sent as it was shown stays as it is."""
    runtime = command.runtime
    _check_roles(runtime, **{"/path/actor": actor, "/team": body.team, "/reports_to": body.reports_to})
    _check_administers(command, actor)
    if body.reports_to == actor:
        raise Invalid("/reports_to", "is that person himself")
    wanted = body.person(runtime.catalogue.default_time_zone)
    if wanted.duty is not None:
        wanted.duty.check()

    def make(known: Person | None) -> Person:
        _check_post(command, known, wanted)
        return replace(wanted, channels=_checked(wanted.channels, known.channels if known else ()))

    async with giving_access(runtime, command.who, actor):
        person = await runtime.people.put(actor, make, by=command.who.actor)
    await try_again(runtime.database, actor)
    await runtime.staff.read()
    return answer(_person(actor, person))


def _check_post(command: Command, known: Person | None, wanted: Person | None) -> None:
    """Raises `Forbidden` where somebody gives himself a team, whose promises he could change, or another superior, or
    leaves those that he has.
    """
    before, after = ((one.team, one.reports_to) if one is not None else (None, None) for one in (known, wanted))
    if command.access.to(Operation.PEOPLE) == "self" and after != before:
        raise Forbidden("only a supervisor says in which team somebody is, and to whom he reports")


def _check_administers(command: Command, actor: str) -> None:
    """Raises `Forbidden` where somebody else would sign an administrator out, or have his messages come elsewhere."""
    if is_anothers_admin(command.runtime, command.who, actor):
        raise Forbidden("only an administrator says who an administrator is")


@router.delete("/people/{actor}", status_code=204)
async def delete_person(command: Commanding, actor: ActorPath) -> Response:
    """Forget who somebody is: he is signed in nowhere any more, no browser of his is told anything, and his link and
    his keys open nothing. The keys of a system are of programs, and stay until an administrator revokes them.
    """
    runtime = command.runtime
    _check_administers(command, actor)
    _check_post(command, await runtime.people.find(actor), None)
    async with turn(runtime.database, actor):
        is_known = await runtime.people.delete(actor, by=command.who.actor)
        await Subscriptions(runtime.database, runtime.keyring).forget(actor)
        await KeeperLinks(runtime.database, runtime.keyring).close(actor, now=await runtime.now())
        await Pairings(runtime.database, runtime.keyring).forget(actor)
        await Sessions(runtime.database, runtime.keyring).revoke_all(actor)
        if role_of(actor) != "system" and await runtime.keys.revoke_all(actor, by=command.who.actor):
            is_known = True
    await Identities(runtime.database, runtime.keyring).free(actor)
    await runtime.staff.read()
    if not is_known:  # he may have been signed in all the same, and is not any more
        raise NotFound("nothing is known of this person")
    return Response(status_code=204)


@router.get("/customers/{customer_id}/contact")
async def show_contact(inquiry: Inquiring, customer_id: CustomerId) -> Response:
    """How a customer is reached; what is secret in the channels is masked."""
    contact = await _customers(inquiry.runtime).find(customer_id)
    if contact is None:
        raise NotFound("nobody has said how this customer is reached")
    return answer(_contact(customer_id, contact))


@router.put("/customers/{customer_id}/contact")
async def put_contact(command: Commanding, customer_id: CustomerId, body: ContactPointBody) -> Response:
    """Say how a customer is reached, as a whole. A channel that is sent as it was shown stays as it is."""

    def make(known: Contact | None) -> Contact:
        return Contact(body.name, body.locale, _checked(body.channels, known.channels if known else ()))

    contact = await _customers(command.runtime).put(customer_id, make, by=command.who.actor)
    return answer(_contact(customer_id, contact))


@router.delete("/customers/{customer_id}/contact", status_code=204)
async def delete_contact(command: Commanding, customer_id: CustomerId) -> Response:
    """Forget how a customer is reached."""
    if not await _customers(command.runtime).delete(customer_id, by=command.who.actor):
        raise NotFound("nobody has said how this customer is reached")
    return Response(status_code=204)


def _customers(runtime: Runtime) -> Customers:
    return Customers(runtime.database, runtime.keyring, runtime.clock)


def _check_roles(runtime: Runtime, **actors: str | None) -> None:
    for pointer, actor in actors.items():
        if actor is not None and role_of(actor) not in runtime.catalogue.roles:
            raise Invalid(pointer, f"there is no role '{role_of(actor)}'")


def _checked(wanted: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    found = channels.merged(wanted, known)
    for number, channel in enumerate(found):
        if channel not in known:
            channels.check(channel, f"/channels/{number}")
    return found


def _person(actor: str, person: Person) -> dict[str, Any]:
    return {"actor": actor, **_shown(person)}


def _contact(customer_id: str, contact: Contact) -> dict[str, Any]:
    return {"customer_id": customer_id, **_shown(contact)}


def _shown(one: Person | Contact) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(one)
    return shown | {"channels": channels.shown(one.channels), "phone": channels.phone(one.channels)}

"""For the program on a keeper's phone: who its user is, and, where nobody signs in, who else could be."""

from typing import Annotated

from fastapi import Request, Response
from typing_extensions import TypedDict

from api.commanding import answer
from api.parameters import UPHELD_MIN_POSITION
from api.querying import not_behind
from api.routes import From, routes
from api.runtime import Runtime
from api.who import Inquiring, inquiry, process
from domain.actors import role_of
from domain.people import Locale
from projections.tasks import Tasks

__all__ = ["router"]

router = routes("/v1", "couriers")

_MOST = 200
_KEEP_NOTHING = frozenset({"agent", "supervisor", "auditor", "system", "admin", "team"})
"""Who is nobody to choose as a keeper for his role alone."""


class Myself(TypedDict):
    """Who asks; `known` is whether the book of people says anything of him, and `photos` whether any are taken.

    `recipients` are he and his teams: whose hand-offs are his.
    """

    actor: str
    recipients: list[str]
    name: str | None
    locale: Locale | None
    time_zone: str
    photos: bool
    known: bool


class Keeper(TypedDict):
    """Somebody who keeps promises, and how many he has to keep now; what lies with his team is not counted."""

    actor: str
    name: str | None
    tasks: int


class Keepers(TypedDict):
    """Those who have most to do come first."""

    items: list[Keeper]


@router.get("/me", response_model=Myself)
async def show_myself(inquiry: Inquiring) -> Response:
    """Who asks, as the book of people says, in whose language and time his screen is, and whether photos are taken."""
    runtime, actor = inquiry.runtime, inquiry.who.person
    person = await runtime.people.find(actor)
    return answer(
        Myself(
            actor=actor,
            recipients=runtime.roster.recipients(actor),
            name=person.name if person is not None else None,
            locale=person.locale if person is not None else None,
            time_zone=person.time_zone if person is not None else runtime.catalogue.default_time_zone,
            photos=runtime.catalogue.evidence_photos,
            known=person is not None,
        )
    )


async def _choosing(request: Request) -> Runtime:
    """In open mode it is asked before anybody has said who he is; else by who names keepers, as every request is."""
    runtime = await process(request)
    if runtime.settings.auth == "required":
        await inquiry(request)
    await not_behind(request, runtime, ["tasks"])
    return runtime


@router.get("/keepers", response_model=Keepers)
async def list_keepers(runtime: Annotated[Runtime, From(_choosing), UPHELD_MIN_POSITION]) -> Response:
    """Whom one can choose to be in open mode, or name as a keeper: who has something to keep, and who is known and has
    a keeper's role. Where people sign in, a phone is answered 401, and is paired.
    """
    busy = await Tasks(runtime.database, runtime.keyring).keepers(_MOST)
    idle = sorted(actor for actor in runtime.roster.posts if role_of(actor) not in _KEEP_NOTHING and actor not in busy)
    tasks = (busy | dict.fromkeys(idle[: _MOST - len(busy)], 0)).items()
    known = await runtime.people.find_all([actor for actor, _ in tasks])
    names = {actor: person.name for actor, person in known.items()}
    return answer(Keepers(items=[Keeper(actor=one, name=names.get(one), tasks=number) for one, number in tasks]))

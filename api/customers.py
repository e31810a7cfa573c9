"""For customers: the one promise that a link opens, in the words in which it was given, and a way to object."""

from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from fastapi import Header, Query, Response

from api.commanding import Commanding, answer
from api.fields import PathText, commitment_id
from api.problems import PAGES, problem
from api.rendering import page, wants_json
from api.routes import routes
from api.runtime import Runtime
from api.texts import chosen
from api.who import Inquiring, Process
from domain.commitment import Commitment
from domain.deadlines import zone
from domain.errors import CommitmentNotClosed, NotFound, UpheldError
from domain.handing_over import route
from domain.keeping import reopen
from domain.moment import Moment
from domain.order import Order
from domain.values import Item, Origin, Status
from store.links import CustomerLinks

__all__ = ["router"]

router = routes("", "customers")

Accept = Annotated[str, Header(include_in_schema=False)]
Lang = Annotated[str, Query(description="The language of the page: en, zh-CN or bg; else the browser's")]
_EARLIER = 20
"""How many revisions back a customer sees; more were hardly promised to anybody."""
Standing = Literal["kept", "kept_late", "disputed", "overdue", "withdrawn", "open"]


class DueTold(msgspec.Struct):
    """By when, as the customer's clock has it."""

    at: object
    not_before: object
    time_zone: str


class Before(msgspec.Struct):
    """What was promised before, and until when that stood."""

    promise: str | None
    due_at: object
    until: object


class PromiseTold(msgspec.Struct):
    """One promise as its customer may see it: nobody of the staff is named."""

    promise: str | None
    items: tuple[Item, ...] | None
    order_id: str | None
    status: Status
    standing: Standing
    made_at: object
    due: DueTold
    first_due_at: object
    moved: int
    kept_at: object
    known: bool | None
    """Whether whoever must keep it has confirmed that he knows of it; None where he is not asked to."""
    erased: bool
    before: list[Before]
    """The earlier words and times, the latest first."""


async def told(runtime: Runtime, commitment: Commitment) -> PromiseTold:
    """What a customer may see of a commitment."""
    due = commitment.due
    return PromiseTold(
        promise=commitment.promise,
        items=commitment.items,
        order_id=commitment.order_id,
        status=commitment.status,
        standing=_standing(commitment),
        made_at=commitment.made_at,
        due=DueTold(due.at, due.not_before, due.time_zone),
        first_due_at=commitment.first_due_at,
        moved=commitment.postponements,
        kept_at=commitment.kept_at,
        known=_known(commitment),
        erased=commitment.is_erased,
        before=await _before(runtime, commitment),
    )


async def _before(runtime: Runtime, commitment: Commitment) -> list[Before]:
    """What was promised in earlier revisions, where the customer heard something else than what came after."""
    found, later = [], commitment
    for revision in range(commitment.revision - 1, max(commitment.revision - 1 - _EARLIER, 0), -1):
        earlier = await runtime.ledger.commitment_in(commitment.id, revision)
        if (earlier.promise, earlier.due.at) != (later.promise, later.due.at):
            found.append(Before(earlier.promise, earlier.due.at, later.stated_at))
        later = earlier
    return found


def _known(commitment: Commitment) -> bool | None:
    if commitment.terms.receipt == "none":
        return None
    return all(handoff.received and handoff.recipient is not None for handoff in commitment.handoffs)


def _standing(commitment: Commitment) -> Standing:
    if commitment.status == "kept":
        return "kept_late" if commitment.late else "kept"
    if commitment.status == "withdrawn":
        return "withdrawn"
    if commitment.reopened_as == "disputed":
        return "disputed"
    return "overdue" if commitment.status == "broken" else "open"


@router.post("/v1/commitments/{id}/customer-link", status_code=201)
async def open_link(command: Commanding, id: PathText) -> Response:
    """A link with which the customer sees this promise, and nothing else; the same one until it is revoked."""
    runtime = command.runtime
    commitment = await runtime.ledger.commitment(commitment_id(id))
    token = await CustomerLinks(runtime.database, runtime.keyring).open(commitment.id)
    return answer({"url": command.link(f"/c/{token}")}, status=201)


@router.delete("/v1/commitments/{id}/customer-link", status_code=204)
async def close_link(inquiry: Inquiring, id: PathText) -> Response:
    """Revoke the link: it opens nothing any more."""
    runtime = inquiry.runtime
    if not await CustomerLinks(runtime.database, runtime.keyring).close(commitment_id(id)):
        raise NotFound("this commitment has no customer link")
    return Response(status_code=204)


@router.head("/c/{token}", include_in_schema=False)
@router.get("/c/{token}", response_class=Response, responses=PAGES)
async def see(
    runtime: Process,
    token: PathText,
    accept: Accept = "",
    accept_language: Annotated[str, Header()] = "",
    lang: Lang = "",
) -> Response:
    """The promise that a link opens: as JSON for who accepts `application/json`, else as a page."""
    locale = chosen(lang or accept_language)
    try:
        commitment = await runtime.ledger.commitment(await _linked(runtime, token))
    except NotFound as error:
        if wants_json(accept):
            return problem(error)
        return page("no_promise.html", locale, zone("UTC"), status=404)
    return await _shown(runtime, commitment, accept, locale)


@router.post("/c/{token}", response_class=Response, responses=PAGES)
async def object_to(
    runtime: Process,
    token: PathText,
    accept: Accept = "",
    accept_language: Annotated[str, Header()] = "",
    lang: Lang = "",
) -> Response:
    """The customer did not get what counts as kept: it is open again, as `disputed`."""
    try:
        id = await _linked(runtime, token)
        commitment = await _dispute(runtime, id)
    except UpheldError as error:
        if wants_json(accept):
            return problem(error)
        if isinstance(error, NotFound):
            return page("no_promise.html", chosen(lang or accept_language), zone("UTC"), status=404)
        if not isinstance(error, CommitmentNotClosed):
            raise
    else:
        if wants_json(accept):
            return answer(await told(runtime, commitment), headers=_PRIVATE)
    query = f"?{urlencode({'lang': lang})}" if lang else ""
    return Response(status_code=303, headers={"Location": f"/c/{token}{query}"})


async def _dispute(runtime: Runtime, id: UUID) -> Commitment:
    now = await runtime.now()

    def decide(commitment: Commitment, order: Order | None) -> None:
        moment = Moment(now, Origin(f"customer:{commitment.customer_id}"), runtime.catalogue, runtime.roster)
        reopen(commitment, "disputed", None, moment)
        route(commitment, order, moment.by_itself())

    return (await runtime.ledger.change(id, decide, with_order=True)).commitment


async def _linked(runtime: Runtime, token: str) -> UUID:
    id = await CustomerLinks(runtime.database, runtime.keyring).find(token)
    if id is None:
        raise NotFound("this link opens nothing, or nothing any more")
    return id


_PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex", "Vary": "Accept, Accept-Language"}


async def _shown(runtime: Runtime, commitment: Commitment, accept: str, locale: str) -> Response:
    shown = await told(runtime, commitment)
    if wants_json(accept):
        return answer(shown, headers=_PRIVATE)
    return page("promise.html", locale, zone(commitment.due.time_zone), told=shown, time_zone=commitment.due.time_zone)

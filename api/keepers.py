"""For keepers without an account: the tasks of a day by a link, and what they say about them."""

import contextlib
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field, ValidationError

from api.commanding import Commanding, answer
from api.couriers import receipt_answer
from api.day import Said, day_of, stops_of
from api.fields import ActorPath, Body, Note, PathText, Role
from api.forms import FORM, form_fields, once
from api.pairing import check_may_sign_in
from api.problems import PAGES, problem, validation_problem
from api.refusing import note_refusal
from api.rendering import page, wants_json
from api.routes import From, routes
from api.runtime import Runtime
from api.texts import chosen
from api.who import Inquiring, check_person, giving_access, process
from domain.commitment import Commitment
from domain.deadlines import end_of_day, zone
from domain.errors import Forbidden, Invalid, NotFound, ProjectionBehind, Rejection, UpheldError
from domain.moment import Moment
from domain.order import Order
from domain.people import Person
from domain.receiving import ReceiptGiven, Received, receive
from domain.values import Origin
from store.keeper_links import KeeperLinks, Opened

__all__ = ["router"]

router = routes("", "keepers")

_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex", "Vary": "Accept"}


@dataclass(slots=True)
class Visit:
    """Somebody who opens a link: nobody knows who it is, but for the token."""

    runtime: Runtime
    request: Request

    @property
    def wants_json(self) -> bool:
        return wants_json(self.request.headers.get("accept", ""))

    def locale(self, person: Person | None) -> str:
        """The language of the page: the keeper's own, else what the browser accepts."""
        if person is not None:
            return person.locale.replace("-", "_")
        return chosen(self.request.headers.get("accept-language", ""))


async def _visit(request: Request) -> Visit:
    return Visit(await process(request), request)


Visiting = Annotated[Visit, From(_visit)]


class LinkReceiptBody(Body):
    """What the forms of the page send; of several reasons all count."""

    commitment_id: UUID
    revision: Annotated[int, Field(ge=1)]
    state: Literal["acknowledged", "held", "declined"]
    role: Role | None = None
    reason: Note | None = None

    def said(self) -> Said:
        return Said(self.commitment_id, self.revision, self.state)


class SaidQuery(BaseModel):
    """What was said a moment ago, for the page that shows that it was recorded."""

    about: UUID | None = None
    revision: Annotated[int, Field(ge=1)] = 1
    said: Literal["acknowledged", "held", "declined"] = "acknowledged"

    def words(self) -> Said | None:
        return Said(self.about, self.revision, self.said) if self.about is not None else None


_FORM_SENT = {"requestBody": {"content": {FORM: {"schema": LinkReceiptBody.model_json_schema()}}, "required": True}}


@router.post("/v1/people/{actor}/keeper-link", status_code=201)
async def open_link(command: Commanding, actor: ActorPath) -> Response:
    """A link to somebody's tasks of today, good until midnight where he is; the same one until it is revoked."""
    runtime = command.runtime
    check_person(runtime, actor)
    check_may_sign_in(runtime, command.who, actor)
    now, person = await runtime.now(), await runtime.people.find(actor)
    ends_at = end_of_day(now, zone(_time_zone(runtime, person)))
    async with giving_access(runtime, command.who, actor):
        token = await KeeperLinks(runtime.database, runtime.keyring).open(actor, ends_at, now=now)
    return answer({"url": command.link(f"/k/{token}")}, status=201)


@router.delete("/v1/people/{actor}/keeper-link", status_code=204)
async def close_link(inquiry: Inquiring, actor: ActorPath) -> Response:
    """Revoke the link: it opens nothing any more."""
    runtime = inquiry.runtime
    if not await KeeperLinks(runtime.database, runtime.keyring).close(actor, now=await runtime.now()):
        raise NotFound("this person has no keeper link")
    return Response(status_code=204)


@router.head("/k/{token}", include_in_schema=False)
@router.get("/k/{token}", response_class=Response, responses=PAGES)
async def see(visit: Visiting, token: PathText, asked: Annotated[SaidQuery, Query()]) -> Response:
    """The tasks that a link opens, and nothing recorded: as JSON for who accepts `application/json`, else as a page."""
    opened = await _opened(visit.runtime, token)
    if opened is None:
        return _nothing(visit)
    if not visit.wants_json:
        return await _page(visit, opened, token, said=asked.words())
    stops, more = await stops_of(visit.runtime, opened.actor)
    return answer({"actor": opened.actor, "ends_at": opened.ends_at, "items": stops, **more}, headers=_PRIVATE)


@router.post("/k/{token}", response_class=Response, responses=PAGES, openapi_extra=_FORM_SENT)
async def record_by_link(visit: Visiting, token: PathText) -> Response:
    """A keeper's word about a revision of a promise, as from the form of the page, then back to the page."""
    opened = await _opened(visit.runtime, token)
    if opened is None:
        return _nothing(visit)
    try:
        sent = await _sent(visit.request)
        told, position = await _receive(visit.runtime, opened.actor, sent)
    except UpheldError as error:
        if visit.wants_json or error.status >= 500:
            raise
        note_refusal(visit.request.scope, error)
        return await _page(visit, opened, token, refused=error)
    headers = {**_PRIVATE, "Upheld-Position": str(position)}
    if visit.wants_json:
        return answer(told, headers=headers)
    # The page may be asked of another process: what it reads must be there by then.
    with contextlib.suppress(ProjectionBehind):
        await visit.runtime.wait_for(position, ["tasks", "commitments"])
    said = urlencode({"about": sent.commitment_id, "revision": sent.revision, "said": sent.state})
    return Response(status_code=303, headers=headers | {"Location": f"/k/{token}?{said}#c-{sent.commitment_id}"})


async def _opened(runtime: Runtime, token: str) -> Opened | None:
    return await KeeperLinks(runtime.database, runtime.keyring).find(token, now=await runtime.now())


def _nothing(visit: Visit) -> Response:
    if visit.wants_json:
        return problem(NotFound("this link opens nothing, or nothing any more"))
    return page("no_tasks.html", visit.locale(None), zone("UTC"), status=404)


async def _sent(request: Request) -> LinkReceiptBody:
    """What a form sent. Raises `Invalid`."""
    fields = await form_fields(request)
    reasons = [value.strip() for name, value in fields if name == "reason" and value.strip()]
    reason = {"reason": ": ".join(reasons)} if reasons else {}
    try:
        return LinkReceiptBody.model_validate({**once(fields, many=frozenset({"reason"})), **reason})
    except ValidationError as error:
        first, *more = (Rejection(**fault) for fault in validation_problem(error.errors())["errors"])
        raise Invalid(first.pointer, first.detail, *more) from None


async def _receive(runtime: Runtime, actor: str, sent: LinkReceiptBody) -> tuple[dict[str, Any], int]:
    """Record a receipt as every other one is; answers what is told of it, and where it stands in the log."""
    given = ReceiptGiven(sent.revision, sent.state, sent.role, sent.reason, None, "link")
    moment = Moment(await runtime.now(), Origin(actor), runtime.catalogue, runtime.roster)

    def decide(commitment: Commitment, _: Order | None) -> Received:
        return receive(commitment, given, moment)

    change = await runtime.ledger.change(sent.commitment_id, decide)
    return receipt_answer(change.commitment, change.result), change.position


async def _page(
    visit: Visit, opened: Opened, token: str, *, said: Said | None = None, refused: UpheldError | None = None
) -> Response:
    runtime = visit.runtime
    person = await runtime.people.find(opened.actor)
    stops, more = await stops_of(runtime, opened.actor)
    shown = await day_of(runtime, opened.actor, stops, said)
    time_zone = _time_zone(runtime, person)
    return page(
        "tasks.html",
        visit.locale(person),
        zone(time_zone),
        status=refused.status if refused is not None else 200,
        token=token,
        stops=shown,
        time_zone=time_zone,
        ends_at=opened.ends_at,
        is_gone=said is not None and all(task.commitment.id != said.about for stop in shown for task in stop.tasks),
        refused=_kind_of(refused) if refused is not None else None,
        incomplete=bool(more),
    )


def _kind_of(refused: UpheldError) -> Literal["no_reason", "not_yours", "unreadable"]:
    """Which words of the page say why something was not recorded."""
    if isinstance(refused, Invalid) and any(rejection.pointer == "/reason" for rejection in refused.rejections):
        return "no_reason"
    return "not_yours" if isinstance(refused, Forbidden | NotFound) else "unreadable"


def _time_zone(runtime: Runtime, person: Person | None) -> str:
    return person.time_zone if person is not None else runtime.catalogue.default_time_zone

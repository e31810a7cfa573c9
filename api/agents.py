"""For agents: recording a promise, amending it, taking it back, hearing from the customer again."""

from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Response

from api.commanding import Answer, Command, Commanding, answer, known_answer
from api.fields import PathText, commitment_id
from api.parameters import DRY_RUN, IF_MATCH
from api.routes import routes
from api.schemas import (
    AmendmentBody,
    ContactBody,
    DeadlineBody,
    MakingBody,
    MakingQuery,
    ReopeningBody,
    WithdrawalBody,
    wanted,
)
from api.who import Inquiring
from domain.commitment import Answered, Commitment
from domain.deadlines import calendar_warnings, local, resolve_due, zone
from domain.errors import UpheldError
from domain.handing_over import route
from domain.keeping import contact, reopen
from domain.moment import Moment
from domain.order import Order
from domain.promising import amend, check_version, make, withdraw
from projections.views import CommitmentView, view

__all__ = ["router"]

router = routes("/v1", "agents")

Against = Annotated[Commanding, IF_MATCH]
"""A command against the version that its sender saw."""

Rehearsable = Annotated[Commanding, DRY_RUN]
"""A command that may be tried, with nothing recorded."""


_REHEARSED: dict[int | str, dict[str, Any]] = {
    200: {"description": "With `dry_run`: what it would be", "model": CommitmentView}
}


@router.post("/commitments", status_code=201, response_model=CommitmentView, responses=_REHEARSED)
async def make_commitment(command: Rehearsable, body: MakingBody) -> Response:
    """Record a promise. With `dry_run` nothing is recorded, and the answer says what it would be."""
    asked, moment = command.query(MakingQuery), await command.moment(body)
    if asked.dry_run:
        return await _rehearse(command, body, moment)
    id = command.new_id() or uuid4()
    made = await _make(command, id, body, moment)
    return made.as_commitment(status=201, headers={"Location": f"/v1/commitments/{id}"})


async def _make(command: Command, id: UUID, body: MakingBody, moment: Moment) -> Answer:
    def decide(order: Order | None, siblings: list[Commitment]) -> Commitment:
        return make(id, body.making(), order, siblings, moment)

    try:
        change = await command.runtime.ledger.begin(id, body.order_id, decide)
    except UpheldError:
        # Stale, because it was made before; or refused now, and was not when it was sent first.
        known = await _known(command, id, moment)
        if known is None:
            raise
        return known
    made = change.commitment
    warnings = made.made_with
    return Answer(made, Answered(made.version, None, warnings), change.position, replayed=False)


async def _known(command: Command, id: UUID, moment: Moment) -> Answer | None:
    """What a creation with this key was answered before, if it was."""
    if command.key is None:
        return None
    known = await command.runtime.ledger.find(id)
    answered = known_answer(known, moment.origin) if known is not None else None
    return await command.replay(id, answered) if answered is not None else None


async def _rehearse(command: Command, body: MakingBody, moment: Moment) -> Response:
    order, siblings = await command.runtime.ledger.surroundings(body.order_id)
    made = make(uuid4(), body.making(), order, siblings, moment)
    return answer(view(made, made.made_with))


@router.post("/commitments/{id}/amendments", response_model=CommitmentView)
async def amend_commitment(command: Against, id: PathText, body: AmendmentBody) -> Response:
    """Change the promise: a new revision, which its keepers must receive anew."""
    versions, moment = command.versions(), await command.moment(body)

    def decide(commitment: Commitment, order: Order | None) -> Answered:
        check_version(commitment, versions)
        warnings = amend(commitment, body.amendment(), order, moment)
        return Answered(commitment.version, None, warnings)

    return (await command.change(commitment_id(id), moment, decide, with_order=True)).as_commitment()


@router.post("/commitments/{id}/withdrawal", response_model=CommitmentView)
async def withdraw_commitment(command: Against, id: PathText, body: WithdrawalBody) -> Response:
    """Take the word back: agreed with the customer, not agreed, or never meant."""
    versions, moment = command.versions(), await command.moment(body)

    def decide(commitment: Commitment, _: Order | None) -> None:
        check_version(commitment, versions)
        withdraw(commitment, body.reason, body.cause, moment)

    return (await command.change(commitment_id(id), moment, decide)).as_commitment()


@router.post("/commitments/{id}/reopening", response_model=CommitmentView)
async def reopen_commitment(command: Commanding, id: PathText, body: ReopeningBody) -> Response:
    """Open again what was closed: the customer says otherwise, or it was a wrong tap."""
    moment = await command.moment(body)

    def decide(commitment: Commitment, order: Order | None) -> None:
        command.access.check_reopening(commitment, is_mistaken=body.reason == "mistaken")
        reopen(commitment, body.reason, body.note, moment)
        # The order may have been assigned to somebody else while the commitment was closed.
        route(commitment, order, moment)

    return (await command.change(commitment_id(id), moment, decide, with_order=True)).as_commitment()


@router.post("/commitments/{id}/contacts", response_model=CommitmentView)
async def record_contact(command: Commanding, id: PathText, body: ContactBody) -> Response:
    """The customer had to ask again."""
    moment = await command.moment(body)

    def decide(commitment: Commitment, _: Order | None) -> None:
        contact(commitment, body.contact(), moment)

    return (await command.change(commitment_id(id), moment, decide)).as_commitment()


@router.post("/deadlines/preview")
async def preview_deadline(inquiry: Inquiring, body: DeadlineBody) -> Response:
    """When a due would be, before anything is promised."""
    runtime, catalogue = inquiry.runtime, inquiry.runtime.catalogue
    asked = wanted(body.due, body.time_zone, body.calendar)
    time_zone, name = asked.time_zone or catalogue.default_time_zone, asked.calendar or catalogue.default_calendar
    counted_from, calendar = body.counted_from or await runtime.now(), catalogue.calendar(name)
    due = resolve_due(
        body.due.rule(), counted_from=counted_from, time_zone=time_zone, calendar_name=name, calendar=calendar
    )
    warnings = calendar_warnings(due, counted_from, calendar)
    return answer({"at": due.at, "local": local(due.at, zone(time_zone)), "time_zone": time_zone, "warnings": warnings})

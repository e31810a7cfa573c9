"""For couriers and every other keeper: what there is to do, who knows of it, and what became of it."""

from dataclasses import replace
from typing import Annotated, Any, NotRequired
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import ValidationError
from typing_extensions import TypedDict

from api.commanding import Answer, Command, Commanding, answer, plain, told_at
from api.compressing import compressed
from api.evidence import claim_evidence, settle_evidence
from api.fields import ActorText, PathText, commitment_id
from api.parameters import IF_NONE_MATCH
from api.problems import problem_body, validation_problem
from api.querying import READING, TasksQuery, completeness, past, reads, unless_held
from api.refusing import note_refusal
from api.routes import routes
from api.schemas import AttemptBody, BatchBody, BatchItem, FulfilmentBody, ReceiptBody
from api.streaming import LastEventId, stream
from api.who import Inquiry
from domain.access import Operation
from domain.commitment import Answered, Commitment
from domain.errors import UpheldError
from domain.keeping import attempt, fulfil
from domain.order import Order
from domain.receiving import Received, receive
from projections.tasks import Tasks, TaskView
from projections.views import CommitmentView, view

__all__ = ["receipt_answer", "router"]

router = routes("/v1", "couriers")

_NOTHING_MORE = FulfilmentBody()
"""It was kept, and there is nothing more to say: a body may be left out."""


class TasksAnswer(TypedDict):
    """The stops in planned order; `incomplete` where something could not be shown."""

    items: list[TaskView]
    incomplete: NotRequired[bool]


@router.get("/tasks", response_model=TasksAnswer, responses={304: {"description": "It is what its reader holds"}})
async def tasks(
    request: Request,
    inquiry: Annotated[Inquiry, reads("tasks", "commitments"), READING, IF_NONE_MATCH],
    asked: Annotated[TasksQuery, Query()],
) -> Response:
    """What a keeper has to do, in planned order; with `as_of`, what his screen could show at that instant.

    What there is now comes with `Upheld-Position`, up to which event it shows everything at least, with `Upheld-Now`,
    and with an ETag: who sends that as `If-None-Match` is answered 304 where nothing has changed.
    """
    runtime, recipient = inquiry.runtime, asked.recipient or inquiry.who.person
    inquiry.access.keepers(Operation.READ if asked.as_of is None else Operation.AUDIT, recipient)
    recipients = runtime.roster.recipients(recipient)
    reader = Tasks(runtime.database, runtime.keyring)
    if asked.as_of is None:
        position = await reader.position()
        found = {"items": await reader.of(recipients), **await completeness(reader, "tasks", "commitments")}
        headers = {"Upheld-Position": str(position), **told_at(await runtime.now())}
        return compressed(request, unless_held(request, answer(found, headers=headers)))
    at = past(asked.as_of, await runtime.now())
    await runtime.wait_until(at, ["tasks"])
    items = await reader.of_at(recipients, at, runtime.ledger)
    return answer({"items": items, **await completeness(reader, "tasks")})


@router.get("/tasks/stream", response_class=StreamingResponse)
async def stream_tasks(
    request: Request,
    inquiry: Annotated[Inquiry, reads("tasks", "commitments"), READING],
    recipient: Annotated[ActorText | None, Query()] = None,
    last_event_id: LastEventId = "",
) -> Response:
    """What a keeper has to do, as it changes: `changed`, with the commitment or the order that was recorded about, and
    `reset` where something was lost: read the tasks again. `id` is the position of that event, and whoever reads the
    tasks then sees it there.
    """
    staff, actor = inquiry.runtime.staff, recipient or inquiry.who.person
    inquiry.access.keepers(Operation.READ, actor)
    return await stream(
        request, inquiry.runtime.task_watch, lambda change: change.told(staff.roster.recipients(actor)), last_event_id
    )


@router.post("/commitments/{id}/fulfilment", response_model=CommitmentView)
async def record_fulfilment(command: Commanding, id: PathText, body: FulfilmentBody = _NOTHING_MORE) -> Response:
    """The word was kept; on time where it happened in time, whenever it is reported."""
    await claim_evidence(command, body.evidence, commitment_id(id))
    moment = await command.moment(body)

    def decide(commitment: Commitment, _: Order | None) -> None:
        fulfil(commitment, moment, note=body.note, at=body.at, evidence=body.evidence)

    given = await command.change(commitment_id(id), moment, decide)
    await settle_evidence(command.runtime, given.commitment, body.evidence)
    return given.as_commitment()


@router.post("/commitments/{id}/attempts", response_model=CommitmentView)
async def record_attempt(command: Commanding, id: PathText, body: AttemptBody) -> Response:
    """The keeper tried and could not; the promise stands as it stood."""
    await claim_evidence(command, body.evidence, commitment_id(id))
    moment = await command.moment(body)

    def decide(commitment: Commitment, _: Order | None) -> None:
        attempt(commitment, body.attempt(), moment)

    given = await command.change(commitment_id(id), moment, decide)
    await settle_evidence(command.runtime, given.commitment, body.evidence)
    return given.as_commitment()


@router.post("/commitments/{id}/receipts")
async def record_receipt(command: Commanding, id: PathText, body: ReceiptBody) -> Response:
    """A keeper's word about a revision of the promise. What no longer counts is recorded all the same."""
    given = await _receive(command, commitment_id(id), body)
    return answer(given.body(), headers=given.answer.headers())


@router.post("/receipts")
async def record_receipts(command: Commanding, body: BatchBody) -> Response:
    """A phone's outbox: each receipt is judged by itself, in order, and answered by itself."""
    results, position = [], 0
    for item in body.receipts:
        try:
            receipt = BatchItem.model_validate(item)
            own = replace(command, key=receipt.idempotency_key)
            given = await _receive(own, receipt.commitment_id, receipt)
        except ValidationError as error:
            results.append(_refused(validation_problem(error.errors())))
        except UpheldError as error:
            if error.status >= 500:
                raise
            note_refusal(command.request.scope, error)
            results.append(_refused(problem_body(error)))
        else:
            position = max(position, given.answer.position)
            results.append({"status": 200, "body": plain(given.body())})
    reached = {"Upheld-Position": str(position)} if position else {}
    headers = reached | told_at(await command.runtime.now())
    return compressed(command.request, answer({"results": results}, headers=headers))


def _refused(body: dict[str, Any]) -> dict[str, Any]:
    return {"status": body["status"], "body": body}


def receipt_answer(commitment: Commitment, received: Received) -> dict[str, Any]:
    """The answer to a receipt, with the commitment as it stands after it."""
    return {
        "recorded": received.recorded,
        "counts": received.counts,
        "current_revision": commitment.revision,
        "why_not": received.why_not,
        "commitment": view(commitment),
    }


class _Given:
    """A receipt as it was answered: recorded or known already, counting or not, and why."""

    def __init__(self, answer: Answer, received: Received) -> None:
        self.answer = answer
        self.received = received

    def body(self) -> dict[str, Any]:
        return receipt_answer(self.answer.commitment, self.received)


async def _receive(command: Command, id: UUID, body: ReceiptBody) -> _Given:
    moment = await command.moment(body)
    received = Received(True, None)

    def decide(commitment: Commitment, _: Order | None) -> Answered | None:
        nonlocal received
        received = receive(commitment, body.receipt(), moment)
        return None

    given = await command.change(id, moment, decide)
    if given.replayed:
        received = Received(True, given.answered.why_not)
    return _Given(given, received)

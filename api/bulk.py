"""For supervisors and systems: one notice that moves many promises, and how far it has come."""

from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Response

from api.commanding import Command, Commanding, answer
from api.fields import PathText
from api.parameters import DRY_RUN
from api.routes import routes
from api.schemas import BulkBody, MakingQuery
from api.who import Inquiring
from domain.commitment import Commitment
from domain.errors import IdempotencyKeyReused, NotFound, UpheldError
from domain.moment import Moment
from domain.promising import amend
from policies.amending import Jobs
from projections.log import end_of_the_log

__all__ = ["router"]

router = routes("/v1", "supervisors")

_PREVIEWED = 20


_REHEARSED: dict[int | str, dict[str, Any]] = {
    200: {"description": "With `dry_run`: how many match, and what would become of the first"}
}


@router.post("/amendments", status_code=202, responses=_REHEARSED)
async def amend_many(command: Annotated[Commanding, DRY_RUN], body: BulkBody) -> Response:
    """Amend every open or broken promise that matches now, one after another; the job says how far it has come.

    With `dry_run` nothing is recorded: how many match, and what would become of the first of them.
    """
    runtime, moment = command.runtime, await command.moment(body)
    asked, jobs = command.query(MakingQuery), Jobs(runtime.database, runtime.keyring)
    # What was recorded before must be found.
    await runtime.wait_for(await end_of_the_log(runtime.database), ["commitments", "tasks"])
    if asked.dry_run:
        matched, first = await jobs.match(body.where.selection(), _PREVIEWED)
        return answer({"matched": matched, "preview": await _preview(command, body, first, moment)})
    id = command.new_id() or uuid4()
    begun = await jobs.begin(id, body.where.selection(), body.amendment(), moment.origin, moment.now)
    headers = {"Location": f"/v1/jobs/{id}"}
    if begun is None:
        if await jobs.body_hash(id) != moment.origin.body_hash:
            raise IdempotencyKeyReused
        headers["Idempotency-Replayed"] = "true"
    job = await jobs.find(id)
    return answer({"job": id, "matched": job.matched if job else begun}, status=202, headers=headers)


async def _preview(command: Command, body: BulkBody, ids: list[UUID], moment: Moment) -> list[dict[str, Any]]:
    """What would become of some promises, each by itself."""
    ledger, what = command.runtime.ledger, body.amendment()
    found = await ledger.commitments(ids)
    orders = await ledger.orders({c.order_id for c in found.values() if c.order_id is not None})

    def tried(commitment: Commitment) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "commitment_id": commitment.id,
            "order_id": commitment.order_id,
            "customer_id": commitment.customer_id,
            "promise": commitment.promise,
            "due_at": commitment.due.at,
        }
        try:
            order = orders.get(commitment.order_id) if commitment.order_id is not None else None
            amend(commitment, what.amendment(commitment, moment.catalogue), order, moment)
        except UpheldError as error:
            return shown | {"skipped": {"code": error.code, "detail": str(error)}}
        return shown | {"new_due_at": commitment.due.at}

    return [tried(found[id]) for id in ids if id in found]


@router.get("/jobs/{id}")
async def show_job(inquiry: Inquiring, id: PathText) -> Response:
    """How far a job has come, and what it skipped; its `Upheld-Position` is behind what the job has recorded."""
    runtime = inquiry.runtime
    try:
        job = await Jobs(runtime.database, runtime.keyring).find(UUID(id))
    except ValueError:
        job = None
    if job is None:
        raise NotFound("there is no such job")
    return answer(job, headers={"Upheld-Position": str(await end_of_the_log(runtime.database))})

"""For supervisors and systems: who carries what, and which promises are in danger."""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, Any, NotRequired
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from typing_extensions import TypedDict

from api.commanding import Commanding, answer
from api.fields import OrderId, PathText, Role, RouteId, commitment_id
from api.querying import (
    READING,
    FlagGroupsQuery,
    FlagsQuery,
    FlagsWanted,
    completeness,
    cursor,
    page,
    past,
    position_in,
    reads,
)
from api.routes import routes
from api.runtime import Runtime
from api.schemas import AssignmentBody, EscalationBody, OrderAssignmentBody, RouteBody
from api.streaming import LastEventId, stream
from api.who import Inquiry
from domain.access import Operation
from domain.actors import role_of
from domain.catalogue import Catalogue
from domain.commitment import Commitment
from domain.errors import Invalid, NotFound
from domain.escalating import lift, nag, take
from domain.handing_over import assign_own, release_own
from domain.order import Order, assign_order, unassign_order
from policies.routing import route_orders
from projections.commitments import Commitments
from projections.flags import COUNTED_TO, FlagFilter, FlagGroup, FlagRow, Flags
from projections.tasks import assignments_of
from projections.views import CommitmentView, view

__all__ = ["router"]

router = routes("/v1", "supervisors")


class FlagsPage(TypedDict):
    """A page of flags; `total` is exact to 10,000, and `total_capped` beyond."""

    items: list[FlagRow]
    next_cursor: str | None
    total: int
    total_capped: NotRequired[bool]
    incomplete: NotRequired[bool]


class FlagGroups(TypedDict):
    """The flags counted by what they have in common, the most urgent group first; at most `limit` groups."""

    items: list[FlagGroup]
    incomplete: NotRequired[bool]


def _checked(role: str, recipient: str, catalogue: Catalogue) -> None:
    if role not in catalogue.roles or role == "team":
        raise Invalid("/role", f"there is no role '{role}'")
    if role_of(recipient) not in catalogue.roles:
        raise Invalid("/recipient", f"there is no role '{role_of(recipient)}'")


@router.put("/commitments/{id}/assignment", response_model=CommitmentView)
async def assign_commitment(command: Commanding, id: PathText, body: AssignmentBody) -> Response:
    """Name a recipient for this commitment alone; it stands until it is removed."""
    _checked(body.role, body.recipient, command.runtime.catalogue)
    moment = await command.moment()

    def decide(commitment: Commitment, order: Order | None) -> None:
        assign_own(commitment, body.role, body.recipient, order, moment)

    return (await command.change(commitment_id(id), moment, decide, with_order=True)).as_commitment()


@router.delete("/commitments/{id}/assignment", status_code=204)
async def release_commitment(command: Commanding, id: PathText, role: Annotated[Role, Query()]) -> Response:
    """Remove the commitment's own assignment: whoever carries the order is its recipient again."""
    moment = await command.moment()

    def decide(commitment: Commitment, order: Order | None) -> None:
        release_own(commitment, role, order, moment)

    done = await command.change(commitment_id(id), moment, decide, with_order=True)
    return Response(status_code=204, headers={"Upheld-Position": str(done.position)})


@router.put("/orders/{order_id}/assignment")
async def assign(command: Commanding, order_id: OrderId, body: OrderAssignmentBody) -> Response:
    """Name who carries a role for an order; its open and broken commitments with that role go along."""
    runtime = command.runtime
    _checked(body.role, body.recipient, runtime.catalogue)
    moment = await command.moment()
    change = await runtime.ledger.change_order(
        order_id, lambda order: assign_order(order, body.role, body.assignment(), moment)
    )
    position = max(change.position, await route_orders(runtime.ledger, [order_id], moment))
    return answer(
        {"order_id": order_id, "assignments": assignments_of(change.assignments, erased=change.is_erased)},
        headers={"Upheld-Position": str(position)},
    )


@router.delete("/orders/{order_id}/assignment", status_code=204)
async def unassign(command: Commanding, order_id: OrderId, role: Annotated[Role, Query()]) -> Response:
    """Take a role from whoever carries it for an order."""
    runtime, moment = command.runtime, await command.moment()
    change = await runtime.ledger.change_order(order_id, lambda order: unassign_order(order, role, moment))
    if not change.recorded:
        raise NotFound(f"nobody carries the role '{role}' for this order")
    position = max(change.position, await route_orders(runtime.ledger, [order_id], moment))
    return Response(status_code=204, headers={"Upheld-Position": str(position)})


@router.put("/routes/{id}")
async def plan(command: Commanding, id: RouteId, body: RouteBody) -> Response:
    """Replace a route as a whole: orders that it drops become unassigned, unchanged ones keep their receipts."""
    runtime = command.runtime
    _checked(body.role, body.recipient, runtime.catalogue)
    moment = await command.moment()
    change = await runtime.ledger.change_route(id, body.plan(), moment)
    position = max(change.position, await route_orders(runtime.ledger, change.orders, moment))
    return answer({"id": id, **body.model_dump()}, headers={"Upheld-Position": str(position)})


@router.post("/commitments/{id}/escalations", response_model=CommitmentView)
async def record_escalation(command: Commanding, id: PathText, body: EscalationBody) -> Response:
    """Somebody deals with a promise that is in danger, hands it one step up, or has its keeper asked again, now."""
    command.access.check_escalation(body.action)
    moment = await command.moment(body)
    record = {"taken": take, "raised": lift, "nagged": nag}[body.action]

    def decide(commitment: Commitment, _: Order | None) -> None:
        record(commitment, body.note, moment)

    return (await command.change(commitment_id(id), moment, decide)).as_commitment()


@router.get("/flags", response_model=FlagsPage)
async def flags(
    request: Request,
    inquiry: Annotated[Inquiry, reads("flags", "commitments"), READING],
    asked: Annotated[FlagsQuery, Query()],
) -> Response:
    """The promises that are going wrong, or that their keeper does not have; most urgent first.

    With `as_of`, those that this answered then; with `include=commitment` each with its commitment, as it stands or
    as it stood then.
    """
    runtime = inquiry.runtime
    wanted, reader = _watched(inquiry, asked), Flags(runtime.database, runtime.keyring)
    now, after = await runtime.now(), position_in(asked.cursor, tuple[datetime, UUID])
    if asked.as_of is None:
        found = await reader.page(wanted, now=now, limit=asked.limit + 1, after=after)
        total = await reader.total(wanted, now=now)
    else:
        at = past(asked.as_of, now)
        await runtime.wait_until(at, ["flags"])
        found = await reader.page_at(wanted, at=at, limit=asked.limit + 1, after=after)
        total = await reader.total_at(wanted, at=at)
    shown = found[: asked.limit]
    next_cursor = cursor(shown[-1].rescue_by, shown[-1].commitment_id) if len(found) > asked.limit else None
    capped = {"total_capped": True} if total > COUNTED_TO else {}
    gaps = await completeness(reader, "flags", "commitments")
    items = await _with_commitments(runtime, shown, asked) if asked.include == "commitment" else shown
    return page(request, items, next_cursor, total=min(total, COUNTED_TO), **capped, **gaps)


def _watched(inquiry: Inquiry, asked: FlagsWanted) -> FlagFilter:
    """The flags that are asked for, as far as he may see them who asks."""
    operation = Operation.AUDIT if isinstance(asked, FlagsQuery) and asked.as_of is not None else Operation.WATCH
    return replace(asked.filter(), made_by=inquiry.access.maker(operation, asked.made_by))


async def _with_commitments(runtime: Runtime, flags: list[FlagRow], asked: FlagsQuery) -> list[dict[str, Any]]:
    """Flags with what was promised, and how it stands; null where that is left out."""
    ids = [flag.commitment_id for flag in flags]
    if asked.as_of is None:
        views = await Commitments(runtime.database, runtime.keyring).some(ids)
    else:
        states = await runtime.ledger.commitments_at(ids, asked.as_of)
        views = {id: view(state) for id, state in states.items()}
    return [asdict(flag) | {"commitment": views.get(flag.commitment_id)} for flag in flags]


@router.get("/flags/groups", response_model=FlagGroups)
async def count_flags(
    inquiry: Annotated[Inquiry, reads("flags"), READING], asked: Annotated[FlagGroupsQuery, Query()]
) -> Response:
    """How many promises are in danger, by what they have in common; the group with the most urgent one comes first."""
    runtime = inquiry.runtime
    reader = Flags(runtime.database, runtime.keyring)
    groups = await reader.groups(_watched(inquiry, asked), asked.by, now=await runtime.now(), limit=asked.limit)
    return answer({"items": groups, **await completeness(reader, "flags")})


@router.get("/flags/stream", response_class=StreamingResponse)
async def stream_flags(
    request: Request,
    inquiry: Annotated[Inquiry, reads("flags"), READING],
    asked: Annotated[FlagsQuery, Query()],
    last_event_id: LastEventId = "",
) -> Response:
    """The flags as they come and go, with the filters of the page: `flagged` and `cleared`, and `reset` where something
    was lost: read the page again. `id` is the position of the event that caused it.
    """
    for name in ("limit", "cursor", "as_of", "include"):
        if name in asked.model_fields_set:
            raise Invalid(f"/query/{name}", "is not a parameter of this request")
    wanted = _watched(inquiry, asked)
    return await stream(request, inquiry.runtime.flag_watch, lambda change: change.told(wanted), last_event_id)

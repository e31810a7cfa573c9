"""For auditors, and whoever else reads: a commitment, an order, the history of both, now and as it was."""

import csv
import io
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Literal

import msgspec
from fastapi import Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.commanding import answer
from api.fields import OrderId, PathText, commitment_id
from api.querying import (
    READING,
    AsOf,
    CommitmentsQuery,
    HistoryQuery,
    completeness,
    cursor,
    page,
    past,
    position_in,
    reads,
)
from api.routes import routes
from api.spreadsheets import defused
from api.who import Inquiry
from domain.access import Operation
from domain.commitment import Commitment
from domain.errors import Forbidden, Invalid, NotFound
from projections.commitments import Commitments
from projections.history import History, HistoryItem
from projections.tasks import AssignmentView, Tasks
from projections.views import CommitmentView, view

__all__ = ["router"]

router = routes("/v1", "everybody who reads")


@router.get("/commitments/{id}", response_model=CommitmentView)
async def commitment(
    inquiry: Annotated[Inquiry, reads("commitments"), READING],
    id: PathText,
    as_of: AsOf = None,
    revision: Annotated[int | None, Query(ge=1, description="As it last stood in it")] = None,
) -> Response:
    """A commitment as it stands now, as the log stood at an instant, or as it last stood in a revision."""
    runtime, known = inquiry.runtime, commitment_id(id)
    if as_of is not None and revision is not None:
        raise Invalid("/query/revision", "does not go with as_of")
    if as_of is not None:
        state = await runtime.ledger.commitment_at(known, as_of=past(as_of, await runtime.now()))
        inquiry.access.check_past(state)
        return _as_it_was(state)
    if revision is not None:
        state = await runtime.ledger.commitment_in(known, revision)
        if state.revision < revision:
            raise Invalid("/query/revision", f"does not exist yet; the commitment is at revision {state.revision}")
        return _as_it_was(state)
    reader = Commitments(runtime.database, runtime.keyring)
    shown = await reader.one(known)
    if shown is None:
        await reader.check_parked("commitments", known)
        raise NotFound("there is no such commitment")
    return answer(shown, headers={"ETag": f'"{shown.version}"'})


def _as_it_was(state: Commitment) -> Response:
    return answer(view(state), headers={"ETag": f'"{state.version}"'})


@router.get("/commitments")
async def commitments(
    request: Request,
    inquiry: Annotated[Inquiry, reads("commitments"), READING],
    asked: Annotated[CommitmentsQuery, Query()],
) -> Response:
    """The commitments that match, newest first."""
    runtime, before = inquiry.runtime, position_in(asked.cursor, tuple[int])
    reader = Commitments(runtime.database, runtime.keyring)
    wanted = replace(asked.filter(), any_recipient=inquiry.access.keepers(Operation.READ, asked.recipient))
    found = await reader.page(wanted, limit=asked.limit + 1, before=before[0] if before else None)
    shown = found[: asked.limit]
    next_cursor = cursor(shown[-1][0]) if len(found) > asked.limit else None
    return page(request, [item for _, item in shown], next_cursor, **await completeness(reader, "commitments"))


@router.get("/orders/{order_id}")
async def order(inquiry: Annotated[Inquiry, reads("commitments", "tasks"), READING], order_id: OrderId) -> Response:
    """Who carries an order, and what was promised with it."""
    runtime = inquiry.runtime
    tasks = Tasks(runtime.database, runtime.keyring)
    assignments = (await tasks.assignments([order_id])).get(order_id, [])
    found = await Commitments(runtime.database, runtime.keyring).of_order(order_id)
    if not assignments and not found and not await runtime.ledger.knows_order(order_id):
        raise NotFound("there is no such order")
    found = await _kept(inquiry, found, assignments)
    gaps = await completeness(tasks, "commitments", "tasks")
    return answer({"order_id": order_id, "assignments": assignments, "commitments": found, **gaps})


async def _kept(
    inquiry: Inquiry, found: list[CommitmentView], assignments: list[AssignmentView]
) -> list[CommitmentView]:
    """The promises of an order that he may see who asks: a keeper those that he has or had to keep.

    Raises `Forbidden` where he has nothing to do with that order.
    """
    if (own := inquiry.access.keepers(Operation.READ, None)) is None:
        return found
    states = await inquiry.runtime.ledger.commitments([one.id for one in found])
    kept = [one for one in found if inquiry.access.keeps(states[one.id])]
    if not kept and not any(one.recipient in own for one in assignments):
        raise Forbidden(f"{inquiry.who.person} has nothing to do with this order")
    return kept


@router.get("/history")
async def history(
    request: Request,
    inquiry: Annotated[Inquiry, reads("history"), READING],
    asked: Annotated[HistoryQuery, Query()],
    accept: Annotated[str, Header()] = "",
) -> Response:
    """What happened, in the order in which it was recorded, or the newest first. As CSV or NDJSON, all of it."""
    place = position_in(asked.cursor, tuple[int])
    wanted = replace(asked.filter(place[0] if place else None), own_of=await _own_history(inquiry, asked))
    reader = History(inquiry.runtime.database, inquiry.runtime.keyring)
    export = _export(accept)
    if export is not None:
        items = await reader.export(wanted)
        lines = _ndjson(items) if export == "application/x-ndjson" else _csv(items)
        return StreamingResponse(lines, media_type=export)
    found = await reader.page(wanted, asked.limit + 1, newest_first=asked.is_newest_first)
    shown = found[: asked.limit]
    next_cursor = cursor(shown[-1].position) if len(found) > asked.limit else None
    return page(request, shown, next_cursor, **await completeness(reader, "history"))


async def _own_history(inquiry: Inquiry, asked: HistoryQuery) -> str | None:
    """Whose own history it is that he may see who asks; None where he may see all that he asks for.

    Raises `Forbidden` where he may see his own only, and asks for what somebody else made or did.
    """
    runtime, access = inquiry.runtime, inquiry.access
    if access.to(Operation.AUDIT) != "own":
        return None
    if asked.commitment_id is None:
        await runtime.see_own_writes(["commitments"])
        return access.maker(Operation.AUDIT, asked.actor)
    if (commitment := await runtime.ledger.find(asked.commitment_id)) is not None:
        access.check_past(commitment)
    return None


_SENT_AT_ONCE = 32 * 1024
"""Characters of an export that are gathered: a row by itself is a small packet."""
_REFUSED = re.compile(r"q=0(\.0{0,3})?")


def _export(accept: str) -> Literal["text/csv", "application/x-ndjson"] | None:
    """The first export format that is asked for by name, and not refused (RFC 9110, section 12.4.2)."""
    for part in accept.lower().split(","):
        name, _, weight = part.partition(";")
        if _REFUSED.fullmatch(weight.strip()):
            continue
        match name.strip():
            case "text/csv":
                return "text/csv"
            case "application/x-ndjson":
                return "application/x-ndjson"
            case "application/json":
                return None
    return None


async def _ndjson(items: AsyncIterator[HistoryItem]) -> AsyncIterator[bytes]:
    buffer = bytearray()
    async for item in items:
        buffer += msgspec.json.encode(item) + b"\n"
        if len(buffer) >= _SENT_AT_ONCE:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)


async def _csv(items: AsyncIterator[HistoryItem]) -> AsyncIterator[str]:
    """As a spreadsheet may open it: no cell is a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(HistoryItem.__dataclass_fields__)
    async for item in items:
        plain = msgspec.to_builtins(item)
        cells = [*list(plain.values())[:-1], msgspec.json.encode(plain["data"]).decode()]
        writer.writerow([defused(cell) if isinstance(cell, str) else cell for cell in cells])
        if buffer.tell() >= _SENT_AT_ONCE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()

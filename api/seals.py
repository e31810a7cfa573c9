"""For whoever does not take our word for it: the seals over the log, and the proof that an event is under one."""

import base64
from typing import Annotated

from fastapi import Path, Query, Request, Response

from api.commanding import answer
from api.querying import Paged, cursor, page, position_in
from api.routes import routes
from api.who import Inquiring, Inquiry
from domain.access import Operation
from domain.errors import Forbidden, NotFound
from projections.history import History
from store.seals import keys_of, proof, seals

__all__ = ["router"]

router = routes("/v1", "auditors")

_MOST_POSITION = 2**63 - 1
Position = Annotated[int, Path(ge=1, le=_MOST_POSITION)]


@router.get("/history/seals")
async def list_seals(request: Request, inquiry: Inquiring, asked: Annotated[Paged, Query()]) -> Response:
    """The seals, the oldest first, and the public keys that signed them."""
    after = position_in(asked.cursor, tuple[int])
    database = inquiry.runtime.database
    found = await seals(database, after=after[0] if after else 0, limit=asked.limit + 1)
    shown = found[: asked.limit]
    next_cursor = cursor(shown[-1].number) if len(found) > asked.limit else None
    async with database.pool.connection() as conn:
        keys = [
            {
                "id": key.id,
                "public": key.public.hex(),
                "voucher": key.voucher.hex() if key.voucher is not None else None,
                "begun_at": key.begun_at,
            }
            for key in await keys_of(conn)
        ]
    return page(request, [seal.shown() for seal in shown], next_cursor, keys=keys)


@router.get("/history/{position}/proof")
async def prove(inquiry: Inquiring, position: Position) -> Response:
    """The proof that an event is in the log as it was sealed: its stored bytes, and the way from them to the seal."""
    await _check_own(inquiry, position)
    found = await proof(inquiry.runtime.database, position)
    if found is None:
        raise NotFound("there is no event at this position, or it is not sealed yet")
    return answer(
        {
            "position": found.position,
            "leaf": base64.b64encode(found.leaf).decode(),
            "index": found.index,
            "path": [neighbour.hex() for neighbour in found.path],
            "seal": found.seal.shown(),
            "public": found.public.hex(),
        }
    )


async def _check_own(inquiry: Inquiry, position: int) -> None:
    """Raises `Forbidden` where he may see his own only who asks, and the event is another's."""
    runtime, person = inquiry.runtime, inquiry.who.person
    if inquiry.access.to(Operation.AUDIT) != "own":
        return
    event = (await History(runtime.database, runtime.keyring).at([position])).get(position)
    if event is not None and person in (event.actor, event.on_behalf_of):
        return
    if event is None or event.commitment_id is None:
        raise Forbidden(f"{person} may see the proof of what he made or did")
    inquiry.access.check_past(await runtime.ledger.commitment(event.commitment_id))

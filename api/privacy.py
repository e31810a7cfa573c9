"""For whoever answers for personal data: what is kept of a customer, forgetting it, and holds that forbid that."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import StreamingResponse

from api.commanding import Commanding, answer
from api.exporting import exported
from api.fields import CustomerId
from api.querying import READING, reads
from api.routes import routes
from api.schemas import HoldBody
from api.who import Inquiring, Inquiry
from domain.customer import Customer, hold, release
from domain.errors import NotFound
from store.erasing import Erasing

__all__ = ["router"]

router = routes("/v1", "privacy")


@router.delete("/customers/{customer_id}", status_code=202)
async def erase(command: Commanding, customer_id: CustomerId) -> Response:
    """Forget all that is personal of a customer, for good: the keys of his promises are destroyed.

    `still_open` promises go on, and whoever has to keep them cannot read them any more. Asked again, it forgets what
    came since.
    """
    runtime, moment = command.runtime, await command.moment()
    erasing = Erasing(runtime.database, runtime.keyring, runtime.ledger)
    if not await erasing.is_known(customer_id):
        raise _unknown()
    erased = await erasing.customer(customer_id, moment)
    runtime.forget()
    runtime.writer.last_position = max(runtime.writer.last_position, erased.position)
    said = {"customer_id": customer_id, "streams": erased.streams, "position": erased.position}
    said["still_open"] = erased.still_open
    return answer(said, status=202, headers={"Upheld-Position": str(erased.position)})


@router.put("/customers/{customer_id}/hold")
async def put_hold(command: Commanding, customer_id: CustomerId, body: HoldBody) -> Response:
    """Order that nothing is forgotten of a customer, until an instant or until it is lifted."""
    runtime, moment = command.runtime, await command.moment()
    if not await Erasing(runtime.database, runtime.keyring, runtime.ledger).is_known(customer_id):
        raise _unknown()
    customer, position = await runtime.ledger.change_customer(
        customer_id, lambda customer: hold(customer, body.reason, body.until, moment)
    )
    return answer(_hold(customer, moment.now), headers={"Upheld-Position": str(position)})


@router.get("/customers/{customer_id}/hold")
async def show_hold(inquiry: Inquiring, customer_id: CustomerId) -> Response:
    """The hold that stands."""
    runtime = inquiry.runtime
    return answer(_hold(await runtime.ledger.customer(customer_id), await runtime.now()))


@router.delete("/customers/{customer_id}/hold", status_code=204)
async def delete_hold(command: Commanding, customer_id: CustomerId) -> Response:
    """Lift the hold."""
    moment = await command.moment()
    _, position = await command.runtime.ledger.change_customer(customer_id, lambda one: release(one, moment))
    return Response(status_code=204, headers={"Upheld-Position": str(position)})


@router.get("/customers/{customer_id}/export")
async def export(
    inquiry: Annotated[Inquiry, reads("commitments", "history", "tasks"), READING], customer_id: CustomerId
) -> Response:
    """All that is held on a customer, as a file: his promises with their whole history, how he is reached, photos,
    messages, links and holds. What is erased is not held any more.
    """
    runtime = inquiry.runtime
    if not await Erasing(runtime.database, runtime.keyring, runtime.ledger).is_known(customer_id):
        raise _unknown()
    named = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(customer_id, safe='')}.json"}
    headers = {"Cache-Control": "no-store", **named}
    return StreamingResponse(exported(runtime, customer_id), media_type="application/json", headers=headers)


def _hold(customer: Customer, now: datetime) -> dict[str, Any]:
    held = customer.hold_at(now)
    if held is None:
        raise NotFound("this customer is not on hold")
    said = {"customer_id": customer.customer_id, "reason": held.reason, "until": held.until}
    return said | {"held_by": held.held_by, "held_at": held.held_at}


def _unknown() -> NotFound:
    return NotFound("nothing was ever recorded of this customer")

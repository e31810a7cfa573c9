"""Whether who sends a request may, where people sign in: looked at once it is known who he is, and before anything of
the request is read.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from fastapi import Request

from api.access import NARROWED, Access, article, operation_of
from api.fields import commitment_id
from api.runtime import Runtime
from domain.access import Grant, is_of_his_team
from domain.actors import role_of
from domain.commitment import Commitment
from domain.errors import Forbidden
from projections.commitments import Commitments

__all__ = ["check"]

_COMMITMENT = "/v1/commitments/{id}"


async def check(request: Request, runtime: Runtime, access: Access) -> None:
    """Raises `Forbidden` where who asks may not do this; what depends on the body is looked at behind it."""
    route, operation = operation_of(request)
    granted = access.to(operation)
    if (look := _LOOKS.get(granted)) is not None:
        await look(_Looked(request, runtime, access, route))


@dataclass(frozen=True, slots=True)
class _Looked:
    """A request whose sender may do such a thing with some, and not with others."""

    request: Request
    runtime: Runtime
    access: Access
    route: str

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2]

    def named(self, name: str) -> str:
        return unquote(self.request.path_params[name])

    def was_closed_by_him(self, commitment: Commitment) -> bool:
        return commitment.closed_by is not None and commitment.closed_by.person == self.access.person

    async def commitment(self) -> Commitment:
        return await self.runtime.ledger.commitment(commitment_id(self.named("id")))


def _closed(looked: _Looked) -> Forbidden:
    """What says how to narrow it to one's own was not written: then nobody may who may only that."""
    return Forbidden(f"{looked.access.person} may do this with his own only, and this is about more")


async def _own(looked: _Looked) -> None:
    if looked.route in NARROWED:
        return
    if looked.route == f"GET {_COMMITMENT}":
        looked.access.check_keeper(await looked.commitment())
    elif looked.route == f"POST {_COMMITMENT}/reopening":
        if not looked.was_closed_by_him(await looked.commitment()):
            raise Forbidden("only who recorded it may take it back")
    else:
        raise _closed(looked)


async def _own_team(looked: _Looked) -> None:
    if looked.path.startswith(_COMMITMENT):
        commitment = await looked.commitment()
        if looked.route == f"POST {_COMMITMENT}/reopening" and looked.was_closed_by_him(commitment):
            return
        looked.access.check_maker(commitment.made_by)
    elif looked.path == "/v1/customers/{customer_id}/contact":
        await _check_customer(looked, looked.named("customer_id"))
    elif looked.route != "POST /v1/commitments":  # which he makes in his own name
        raise _closed(looked)


async def _check_customer(looked: _Looked, customer_id: str) -> None:
    """A customer is an agent's where his team promised him something, or nobody did yet."""
    runtime, access = looked.runtime, looked.access
    await runtime.see_own_writes(["commitments"])
    makers = await Commitments(runtime.database, runtime.keyring).makers(customer_id)
    if makers and not any(is_of_his_team(access.person, maker, access.roster) for maker in makers):
        raise Forbidden(f"neither {access.person} nor his team promised this customer anything")


async def _self(looked: _Looked) -> None:
    if looked.request.path_params.get("actor") is None or looked.named("actor") != looked.access.person:
        raise Forbidden(f"{looked.access.person} may do this about himself only")


async def _where_recipient(looked: _Looked) -> None:
    # Of receipts the decision itself says whose they are, for each of a batch; a photo is of nothing yet.
    if looked.path in (f"{_COMMITMENT}/receipts", "/v1/receipts", "/v1/evidence"):
        return
    if not looked.path.startswith(_COMMITMENT):
        raise _closed(looked)
    looked.access.check_keeper(await looked.commitment())


async def _raised_only(looked: _Looked) -> None:
    # Which action it is, is said by the body.
    if looked.path != f"{_COMMITMENT}/escalations":
        raise Forbidden(f"{article(role_of(looked.access.actor))} may do this only to hand a promise one step up")


_LOOKS: Final[Mapping[Grant, Callable[[_Looked], Awaitable[None]]]] = {
    "own": _own,
    "own_team": _own_team,
    "self": _self,
    "where_recipient": _where_recipient,
    "raised_only": _raised_only,
}

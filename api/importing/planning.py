"""What a row asks to be recorded: a commitment with an identity, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid5

from pydantic import BeforeValidator, ValidationError

from api.fields import ActorText, Id, Instant, Line
from api.problems import validation_problem
from api.schemas import MakingBody
from domain.actors import role_of
from domain.catalogue import Catalogue
from domain.errors import Invalid
from domain.promising import Making

__all__ = ["Planned", "Refused", "plan", "reason_of"]

_NAMESPACE = UUID("3b0f5a0e-6a0c-5b43-9c6b-3a0f6d1c7e52")
_EMPTY_IS_NONE = BeforeValidator(lambda value: None if value == "" else value)


class Refused(Exception):
    """A row that cannot be recorded, and why, in one line."""


class RowBody(MakingBody):
    """The body of POST `/v1/commitments`, and what is known of the commitment besides."""

    order_id: Annotated[Id | None, _EMPTY_IS_NONE] = None
    id: Annotated[Line | None, _EMPTY_IS_NONE] = None
    made_by: Annotated[ActorText | None, _EMPTY_IS_NONE] = None
    kept_at: Annotated[Instant | None, _EMPTY_IS_NONE] = None
    withdrawn_at: Annotated[Instant | None, _EMPTY_IS_NONE] = None


@dataclass(frozen=True, slots=True)
class Planned:
    """What a row asks to be recorded. The same row always has the same `id`, which is the commitment's.

    `withdrawn_at` is None also where it is not known when it was withdrawn.
    """

    id: UUID
    making: Making
    kept_at: datetime | None
    withdrawn: bool
    withdrawn_at: datetime | None


def plan(row: Mapping[str, object] | bytes, catalogue: Catalogue, *, withdrawn: bool = False) -> Planned:
    """The plan of a row, given as a body or as JSON.

    >>> plan(b'{"customer_id": "CU-7", "kind": "refund", "promise": "39.00"}', catalogue)  # doctest: +SKIP
    Planned(id=UUID('…'), making=Making(customer_id='CU-7', …), kept_at=None, withdrawn=False, withdrawn_at=None)

    Raises `Refused`.
    """
    try:
        body = RowBody.model_validate_json(row) if isinstance(row, bytes) else RowBody.model_validate(row)
    except ValidationError as error:
        faults = validation_problem(error.errors(include_url=False, include_input=False))["errors"]
        raise Refused("; ".join(_fault(fault["pointer"], fault["detail"]) for fault in faults)) from None
    if body.made_by is not None and role_of(body.made_by) not in catalogue.roles - {"team"}:
        raise Refused(f"made_by: there is no role '{role_of(body.made_by)}'")
    making = replace(body.making(), made_by=body.made_by)
    return Planned(_identity(body), making, body.kept_at, withdrawn or body.withdrawn_at is not None, body.withdrawn_at)


def reason_of(error: Invalid) -> str:
    """Why the domain refuses a row, in one line that begins with the field.

    >>> reason_of(Invalid("/due/date", "does not lie after the making"))
    'due.date: does not lie after the making'
    """
    return "; ".join(_fault(rejection.pointer, rejection.detail) for rejection in error.rejections)


def _fault(pointer: str, detail: str) -> str:
    field = pointer.strip("/").replace("/", ".")
    return f"{field}: {detail}" if field else detail


def _identity(body: RowBody) -> UUID:
    """An id that is a UUID is the commitment's own; what was made at an unknown time is told apart by its words."""
    if body.id is not None:
        try:
            return UUID(body.id)
        except ValueError:
            return uuid5(_NAMESPACE, f"id\n{body.id}")
    if body.made_at is not None:
        told_apart_by = body.made_at.isoformat()
    else:
        told_apart_by = f"{body.due.model_dump_json() if body.due is not None else ''}\n{body.promise}"
    return uuid5(_NAMESPACE, f"row\n{body.kind}\n{body.order_id or ''}\n{body.customer_id}\n{told_apart_by}")

"""The kinds of values that requests are made of, each with its own limits (contract, sections 2, 3 and 12)."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import unquote
from uuid import UUID

from fastapi import Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints, WithJsonSchema

from api.currencies import CURRENCIES
from domain.errors import NotFound

__all__ = [
    "ActorPath",
    "ActorText",
    "Amount",
    "Body",
    "Currency",
    "CustomerId",
    "Day",
    "Id",
    "Instant",
    "Line",
    "Note",
    "OrderId",
    "PathText",
    "Promise",
    "Role",
    "RouteId",
    "commitment_id",
]

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1901, 9979


class Body(BaseModel):
    """A request body: an unknown field is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _instant(value: object) -> datetime:
    """An RFC 3339 instant, in UTC; nothing else, not even a number, is taken for one."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        raise ValueError("is not an instant with an offset, as in 2026-11-20T02:15:00Z")
    try:
        found = datetime.fromisoformat(value.upper())
    except ValueError:
        raise ValueError("is not an instant that there is") from None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ValueError(f"lies outside the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return found.astimezone(UTC)


def _day(value: object) -> date:
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        raise ValueError("is not a date, as in 2026-11-25")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("is not a date that there is") from None


def _text(value: str) -> str:
    if "\x00" in value:
        raise ValueError("holds the character NUL")
    return value


def _id(value: str) -> str:
    if not all(character.isprintable() and not character.isspace() for character in value):
        raise ValueError("is not made of printable characters without spaces")
    return value


def _currency(value: str) -> str:
    if value not in CURRENCIES:
        raise ValueError("is not a currency of ISO 4217")
    return value


def _decoded(value: Any) -> Any:
    """A path parameter as it was meant; the path itself is kept as it was sent."""
    if not isinstance(value, str):
        return value
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None


Instant = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Promise = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_text)]
Note = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_text)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_text)]
Address = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_text)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_id)]
Role = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
ActorText = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}:[A-Za-z0-9._~@+-]{1,128}$")]
Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}(\.[0-9]{1,4})?$")]
Currency = Annotated[str, StringConstraints(min_length=3, max_length=3), AfterValidator(_currency)]
PathText = Annotated[str, BeforeValidator(_decoded)]

_PathId = Annotated[
    str, BeforeValidator(_decoded), StringConstraints(min_length=1, max_length=128), AfterValidator(_id)
]
_HOW = "1 to 128 printable characters without spaces, percent-encoded"
OrderId = Annotated[_PathId, Path(description=_HOW, examples=["SO-1001"])]
CustomerId = Annotated[_PathId, Path(description=_HOW, examples=["CU-7"])]
ActorPath = Annotated[ActorText, BeforeValidator(_decoded), Path(description="ROLE:ID", examples=["courier:li"])]
RouteId = Annotated[_PathId, Path(description=_HOW, examples=["north-7"])]


def commitment_id(id: str) -> UUID:
    """The id in a path. Raises `NotFound` where it is none: there is no such commitment."""
    try:
        return UUID(id)
    except ValueError:
        raise NotFound("there is no such commitment") from None

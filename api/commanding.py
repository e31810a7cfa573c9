"""How every command is carried out: idempotent where it brings a key, against the version that it names,
and answered with the position of the last event that it caused.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, TypeVar, cast
from uuid import UUID, uuid5

import msgspec
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from api.access import Access
from api.parameters import IDEMPOTENCY_KEY, IF_MATCH, X_ACTOR, X_ON_BEHALF_OF
from api.routes import From
from api.runtime import Runtime
from api.who import Who, inquiry
from domain.commitment import Answered, Commitment
from domain.errors import IdempotencyKeyReused, Invalid, UpheldError
from domain.moment import Moment
from domain.order import Order
from domain.values import Origin
from projections.views import view

__all__ = ["Answer", "Command", "Commanding", "answer", "told_at"]

Q = TypeVar("Q", bound=BaseModel)

_NAMESPACE = UUID("5b2d9a52-8f4e-5c0b-9d5c-3f3f4c6f0a11")
_ETAG = re.compile(r'\s*(W/)?"(\d{1,18})"\s*')


class MalformedHeader(UpheldError):
    """A header is not of the form that its standard gives it."""

    code = "malformed_header"
    status = 400
    title = "A header is malformed"


def answer(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer as JSON: instants with `Z`, microseconds kept."""
    return Response(msgspec.json.encode(body), status, dict(headers or {}), "application/json")


def told_at(now: datetime) -> dict[str, str]:
    """The header that tells what the server's clock shows, for who measures by how much his own is wrong.

    >>> told_at(datetime.fromisoformat("2026-11-20T02:15:00Z"))
    {'Upheld-Now': '2026-11-20T02:15:00Z'}
    """
    return {"Upheld-Now": msgspec.to_builtins(now)}


@dataclass(slots=True)
class Answer:
    """What a command came to: the state after it, what its answer says besides, and where it stands in the log."""

    commitment: Commitment
    answered: Answered
    position: int
    replayed: bool

    def headers(self) -> dict[str, str]:
        headers = {"Upheld-Position": str(self.position), "ETag": f'"{self.commitment.version}"'}
        return headers | {"Idempotency-Replayed": "true"} if self.replayed else headers

    def as_commitment(self, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        body = view(self.commitment, self.answered.warnings)
        return answer(body, status=status, headers={**self.headers(), **(headers or {})})


@dataclass(slots=True)
class Command:
    """One request that changes something: who sent it, what he may, its path, and its Idempotency-Key."""

    runtime: Runtime
    who: Who
    access: Access
    name: str
    key: str | None
    request: Request

    async def moment(self, body: BaseModel | None = None) -> Moment:
        """The moment of the decision. `body` is remembered by its keyed hash, to recognise it again."""
        digest = self.runtime.keyring.digest(_sent(body)) if self.key is not None else None
        origin = Origin(self.who.actor, self.who.on_behalf_of, self.name, self.key, digest)
        return Moment(await self.runtime.now(), origin, self.runtime.catalogue, self.runtime.roster)

    def versions(self) -> frozenset[int] | None:
        """The versions that If-Match names; None where any will do."""
        named = self.request.headers.getlist(IF_MATCH.name)
        return _versions(", ".join(named) if named else None)

    def query(self, model: type[Q]) -> Q:
        """Its query parameters; one that is not known is an error, never ignored."""
        if not self.request.scope["query_string"]:
            return cast("Q", _nothing(model))
        try:
            return model.model_validate(dict(self.request.query_params))
        except ValidationError as error:
            found = [{**fault, "loc": ("query", *fault["loc"])} for fault in error.errors()]
            raise RequestValidationError(found) from None

    def new_id(self) -> UUID | None:
        """The id of what a creation with a key creates: the same for the same sender, path and key."""
        sender = Origin(self.who.actor, self.who.on_behalf_of).sender
        return uuid5(_NAMESPACE, f"{sender}\n{self.name}\n{self.key}") if self.key is not None else None

    def link(self, path: str) -> str:
        """A path as people are given it: where they reach this service, as far as that is known."""
        base = self.runtime.settings.public_url or str(self.request.base_url)
        return base.rstrip("/") + path

    async def change(
        self,
        id: UUID,
        moment: Moment,
        decide: Callable[[Commitment, Order | None], Answered | None],
        *,
        with_order: bool = False,
    ) -> Answer:
        """Carry out a decision about a commitment, or answer again what this key was answered before."""

        def once(commitment: Commitment, order: Order | None) -> tuple[Answered | None, bool]:
            known = known_answer(commitment, moment.origin)
            return (known, True) if known is not None else (decide(commitment, order), False)

        ledger = self.runtime.ledger
        change = await ledger.change(id, once, with_order=with_order)
        answered, replayed = change.result
        if replayed and answered is not None:
            return await self.replay(id, answered)
        version = change.commitment.version
        return Answer(change.commitment, answered or Answered(version, None), change.position, replayed=False)

    async def replay(self, id: UUID, answered: Answered) -> Answer:
        """The first answer again: the commitment as of the version that the command led to."""
        ledger = self.runtime.ledger
        commitment = await ledger.commitment_at(id, version=answered.version)
        return Answer(commitment, answered, await ledger.position_of(id, answered.version), replayed=True)


@cache
def _nothing(model: type[Q]) -> Q:
    """What is asked where nothing is."""
    return model()


def known_answer(commitment: Commitment, origin: Origin) -> Answered | None:
    """What this command was answered before; raises `IdempotencyKeyReused` where it had another body then."""
    known = commitment.answer_to(origin)
    if known is not None and known.body_hash != origin.body_hash:
        raise IdempotencyKeyReused
    return known


def _sent(body: BaseModel | None) -> bytes:
    """What was sent, whatever the order of its fields and the spaces between them."""
    if body is None:
        return b"{}"
    exclude = {"idempotency_key", "commitment_id"}
    return body.model_dump_json(exclude_unset=True, exclude=exclude, by_alias=True).encode()


async def _command(request: Request) -> Command:
    asked, key = await inquiry(request), IDEMPOTENCY_KEY.read(request)
    if key is not None and not 1 <= len(key) <= 255:
        raise Invalid("/header/idempotency-key", "has 1 to 255 characters")
    name = request.scope["path"].rstrip("/").rpartition("/")[2]
    # PUT and DELETE are idempotent by themselves.
    key = key if request.method == "POST" else None
    return Command(asked.runtime, asked.who, asked.access, name, key, request)


Commanding = Annotated[Command, From(_command), X_ACTOR, X_ON_BEHALF_OF, IDEMPOTENCY_KEY]


def _versions(header: str | None) -> frozenset[int] | None:
    """The versions that If-Match names; None where any will do (RFC 9110, section 13.1.1). A weak one never matches.

    >>> sorted(_versions('"3", "4"')), _versions("*"), _versions('W/"3"')
    ([3, 4], None, frozenset())
    """
    if header is None or header.strip() == "*":
        return None
    matches = [_ETAG.fullmatch(part) for part in header.split(",")]
    if any(match is None for match in matches):
        raise MalformedHeader('If-Match is not a list of versions in quotes, as in "3"')
    return frozenset(int(match[2]) for match in matches if match is not None and not match[1])


def plain(value: Any) -> Any:
    """A view as plain JSON values, for an answer that nests it."""
    return msgspec.to_builtins(value)

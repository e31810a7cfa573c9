"""For keepers: photos that show what became of a promise."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from fastapi import Request, Response

from api.access import Access
from api.commanding import Command, Commanding, answer
from api.fields import PathText
from api.multipart import parts
from api.photos import cleaned
from api.routes import read_body, routes
from api.runtime import Runtime
from api.who import Inquiring
from domain.access import Operation
from domain.commitment import Commitment
from domain.errors import ContentTooLarge, Forbidden, Invalid, NotFound, PhotosAreOff, Rejection
from store.evidence import Evidence

__all__ = ["claim_evidence", "router", "settle_evidence"]

router = routes("/v1", "evidence")

_MOST_BYTES = 2 * 1024 * 1024
_AROUND_IT = 64 * 1024
"""For what a form says around its file."""
_PHOTO = "photo"
_SCHEMA = {"type": "object", "required": [_PHOTO], "properties": {_PHOTO: {"type": "string", "format": "binary"}}}
_FORM_SENT: dict[str, Any] = {
    "requestBody": {"content": {"multipart/form-data": {"schema": _SCHEMA}}, "required": True}
}
_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}

_one_at_a_time = asyncio.Semaphore(1)
"""A picture that is unpacked takes up to two hundred megabytes."""


@router.post("/evidence", status_code=201, openapi_extra=_FORM_SENT)
async def add_photo(command: Commanding) -> Response:
    """A photo, to be named in the `evidence` of a fulfilment or an attempt."""
    runtime = command.runtime
    if not runtime.catalogue.evidence_photos:
        raise PhotosAreOff
    sent = await _photo(command.request)
    async with _one_at_a_time:
        photo = await asyncio.to_thread(cleaned, sent)
    id, at = command.new_id() or uuid4(), await runtime.now()
    is_new = await _evidence(runtime).put(id, photo, by=command.who.person, at=at, sent=sent)
    headers = {"Location": f"/v1/evidence/{id}"} | ({} if is_new else {"Idempotency-Replayed": "true"})
    return answer({"id": id}, status=201, headers=headers)


@router.get("/evidence/{id}", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}})
async def show_photo(inquiry: Inquiring, id: PathText) -> Response:
    """A photo, as a JPEG."""
    runtime = inquiry.runtime
    if not runtime.catalogue.evidence_photos:
        raise PhotosAreOff
    known = _id(id)
    photo = await _evidence(runtime).find(known) if known is not None else None
    if known is None or photo is None:
        raise NotFound("there is no such evidence")
    if inquiry.access.to(Operation.READ) == "own" and await _evidence(runtime).taken_by(known) != inquiry.who.person:
        raise Forbidden(f"{inquiry.who.person} may see the photos that he took")
    named = {"Content-Disposition": f'inline; filename="{known}.jpg"'}
    return Response(photo, headers=_HEADERS | named, media_type="image/jpeg")


async def claim_evidence(command: Command, ids: Sequence[str], commitment_id: UUID) -> None:
    """Claim what a command names as evidence, until it is decided whether it counts.

    Raises `Invalid`, with a pointer to each, where photos are taken here and one that is named was not, is of another
    promise, or was taken by somebody else than a keeper who names it.
    """
    runtime = command.runtime
    if not ids or not runtime.catalogue.evidence_photos:
        return
    named = [_id(text) for text in ids]
    ours, taker = [id for id in named if id is not None], _only_taker(command.access)
    known = await _evidence(runtime).claim(ours, commitment_id, taken_by=taker)
    unknown = [
        Rejection(f"/evidence/{n}", "is no evidence that was added") for n, id in enumerate(named) if id not in known
    ]
    if unknown:
        first, *more = unknown
        raise Invalid(first.pointer, first.detail, *more)


async def settle_evidence(runtime: Runtime, commitment: Commitment, ids: Sequence[str]) -> None:
    """What was claimed is kept. Of a commitment that is erased it is not: nobody would find it there, nor erase it."""
    known = [id for id in map(_id, ids) if id is not None]
    if not known or not runtime.catalogue.evidence_photos:
        return
    if commitment.is_erased:
        await _evidence(runtime).erase(known)
    else:
        await _evidence(runtime).keep(known, commitment.id)


def _only_taker(access: Access) -> str | None:
    """Who must have taken the photos that somebody names; None where anybody may have."""
    return access.person if access.to(Operation.KEEP) == "where_recipient" else None


async def _photo(request: Request) -> bytes:
    """The photo that a form brings. Raises `Invalid`, or `ContentTooLarge`."""
    body = await read_body(request, _MOST_BYTES + _AROUND_IT)
    found = parts(body, request.headers.get("content-type", ""))
    if strange := [name for name, _ in found if name != _PHOTO]:
        raise Invalid(f"/{strange[0]}", "is not a field of this request")
    if len(found) != 1:
        raise Invalid(f"/{_PHOTO}", "is one picture")
    ((_, photo),) = found
    if len(photo) > _MOST_BYTES:
        raise ContentTooLarge(f"a photo holds at most {_MOST_BYTES} bytes")
    return photo


def _evidence(runtime: Runtime) -> Evidence:
    return Evidence(runtime.database, runtime.keyring)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

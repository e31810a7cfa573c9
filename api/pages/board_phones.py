"""Phones: which are somebody's, a code that makes one his, and the end of one that is lost."""

from dataclasses import dataclass
from typing import Any

import segno
from fastapi import Response
from markupsafe import Markup

from api.forms import form_fields, once
from api.inside import Answered
from api.pages.board_view import instant, problem_of
from api.pages.visiting import Visiting, Visitor, encoded
from api.routes import routes
from domain.errors import Invalid

__all__ = ["router"]

router = routes("", "pages", documented=False)

_NO_STORE = {"Cache-Control": "no-store"}
_OFFERED = 500


@dataclass(slots=True)
class _Code:
    """A code as it is shown, once: to be typed, and to be scanned."""

    code: str
    expires_at: Any
    picture: Markup


@router.get("/board/phones")
async def phones(visitor: Visiting) -> Response:
    """The phones of one person."""
    if visitor.actor is None:
        return visitor.who_are_you()
    return await _page(visitor, visitor.request.query_params.get("person", "").strip())


@router.post("/board/phones")
async def act(visitor: Visiting) -> Response:
    """Make a code, or end a phone or all of them."""
    if visitor.actor is None:
        return visitor.who_are_you()
    sent = once(await form_fields(visitor.request))
    person, what = sent.get("person", "").strip(), sent.get("do", "")
    path = f"/v1/people/{encoded(person)}"
    match what:
        case "pair":
            answered = await visitor.do("POST", f"{path}/pairings", None)
        case "revoke":
            answered = await visitor.do("DELETE", f"{path}/devices/{encoded(sent.get('id', ''))}", None)
        case "revoke_all":
            answered = await visitor.do("DELETE", f"{path}/sessions", None)
        case _:
            raise Invalid("/do", "is nothing that can be done here")
    if answered.is_refused:
        return await _page(visitor, person, refused=answered)
    if what == "pair":
        return await _page(visitor, person, code=_code(visitor, answered.json()))
    return await _page(visitor, person, is_ended=True)


async def _page(
    visitor: Visitor,
    person: str,
    *,
    code: _Code | None = None,
    refused: Answered | None = None,
    is_ended: bool = False,
) -> Response:
    devices: list[dict[str, Any]] = []
    if person and refused is None:
        answered = await visitor.ask("GET", f"/v1/people/{encoded(person)}/devices")
        refused = answered if answered.is_refused else None
        devices = [] if answered.is_refused else [_device(one) for one in answered.json()["items"]]
    people = await visitor.read("/v1/people", limit=_OFFERED) or {"items": []}
    known = next((one["name"] for one in people["items"] if one["actor"] == person), None)
    return visitor.page(
        "board_phones.html",
        status=refused.status if refused is not None else 200,
        headers=_NO_STORE,
        person=person,
        name=known or person,
        people=people["items"],
        devices=devices,
        code=code,
        problem=problem_of(refused.json()) if refused is not None else None,
        is_ended=is_ended,
    )


def _device(device: dict[str, Any]) -> dict[str, Any]:
    return {**device, "created_at": instant(device["created_at"]), "seen_at": instant(device["seen_at"])}


def _code(visitor: Visitor, made: dict[str, Any]) -> _Code:
    """The code, and the picture of an address that opens the phone's page with it."""
    base = visitor.runtime.settings.public_url or str(visitor.request.base_url)
    address = f"{base.rstrip('/')}/courier#pair={made['code']}"
    picture = segno.make_qr(address, error="m").svg_inline(scale=5, border=4, dark="#000", light="#fff")
    return _Code(made["code"], instant(made["expires_at"]), Markup(picture))  # noqa: S704 -- drawn here

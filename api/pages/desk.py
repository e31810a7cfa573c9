"""The desk: an agent records what he promises while the customer is on the line, and sees what has become of it."""

from typing import Any
from uuid import UUID, uuid4

from fastapi import Response

from api.forms import form_fields, once
from api.pages.desk_form import Draft
from api.pages.desk_looking import Look, look_at, problems_of
from api.pages.desk_seeing import Place, answered_as, names_of, one, own
from api.pages.desk_times import clocks
from api.pages.visiting import Visiting, Visitor
from api.routes import routes
from api.streaming import LastEventId, stream
from domain.errors import Invalid
from projections.commitments import Commitments
from projections.views import CommitmentView

__all__ = ["desk_page", "router", "stream_of"]

router = routes("", "pages", documented=False)

_USUAL = {"channel": "phone", "direction": "inbound"}
"""How a customer is spoken to, where nobody says otherwise: he has called."""


def desk_page(visitor: Visitor, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page of the desk, whose links stay where it stands."""
    place = Place.of(visitor)
    return visitor.page(template, status=status, place=place, link=place.link, clock=clocks(visitor.locale), **values)


async def stream_of(visitor: Visitor, about: object = "") -> str:
    """Where a page hears of what is recorded behind what it is about to read."""
    reached = await Commitments(visitor.runtime.database, visitor.runtime.keyring).reached()
    return Place.of(visitor).link("/desk/stream", about=about, after=reached)


@router.get("/desk")
async def desk(visitor: Visiting) -> Response:
    """The desk, ready for a promise; with `made`, what has become of the one before."""
    if visitor.actor is None:
        return visitor.who_are_you()
    place, made = Place.of(visitor), visitor.request.query_params.get("made", "")
    draft = Draft()
    for name, value in _USUAL.items():
        draft.propose(name, value)
    look, stream = await look_at(visitor, place, draft), await stream_of(visitor, made)
    return await _shown(visitor, look, made=await one(visitor, made) if made else None, stream=stream)


@router.get("/desk/look")
async def back(visitor: Visiting) -> Response:
    """Where the page that was looked at is asked for anew: the desk."""
    return Response(status_code=303, headers={"Location": Place.of(visitor).link("/desk")})


@router.post("/desk/look")
async def look(visitor: Visiting) -> Response:
    """What a promise comes to as far as it is typed: a part of the page where a script asks, else the page."""
    if visitor.actor is None:
        return visitor.who_are_you()
    looked = await look_at(visitor, Place.of(visitor), await _sent(visitor))
    if visitor.request.headers.get("hx-request") == "true":
        return desk_page(visitor, "desk_looked.html", look=looked, is_refused=False)
    return await _shown(visitor, looked, is_unseen=looked.is_sound)


@router.post("/desk")
async def record(visitor: Visiting) -> Response:
    """Record a promise which the agent has seen in words; any other is shown to him first."""
    if visitor.actor is None:
        return visitor.who_are_you()
    place, draft = Place.of(visitor), await _sent(visitor)
    looked = await look_at(visitor, place, draft)
    if not looked.is_sound:
        return await _shown(visitor, looked, status=422, is_refused=True)
    if draft.seen != looked.seen:
        return await _shown(visitor, looked, is_unseen=True)
    answered = await visitor.do("POST", "/v1/commitments", looked.body, key=draft.key)
    if not answered.is_refused:
        made = answered_as(answered, CommitmentView)
        return Response(status_code=303, headers={"Location": place.link("/desk", made=made.id)})
    if answered.json()["code"] == "idempotency_key_reused":
        draft.key = str(uuid4())
        return await _shown(visitor, looked, is_reused=True)
    looked.problems |= problems_of(answered)
    return await _shown(visitor, looked, status=422, is_refused=True)


@router.get("/desk/made/{id}")
async def made(visitor: Visiting, id: UUID) -> Response:
    """Whether those who must keep a promise have it: a part of the page."""
    if visitor.actor is None or (found := await one(visitor, str(id))) is None:
        return Response(status_code=204)
    return desk_page(visitor, "desk_made.html", made=found, made_names=await names_of(visitor, [found]))


@router.get("/desk/mine")
async def mine(visitor: Visiting) -> Response:
    """What the agent himself promised: a part of the page."""
    if visitor.actor is None:
        return Response(status_code=204)
    return desk_page(visitor, "desk_mine.html", mine=await own(visitor))


@router.get("/desk/stream")
async def follow(visitor: Visiting, last_event_id: LastEventId = "") -> Response:
    """Tells the page that something was recorded about a promise of the agent's own, or about the one it shows, since
    it was read.
    """
    if visitor.actor is None:
        return Response(status_code=204)
    asked, actor = visitor.request.query_params, visitor.actor
    about = _id(asked.get("about", ""))
    if about is not None and not visitor.is_open:
        await visitor.read(f"/v1/commitments/{about}")  # which is refused to who may not see it
    watch = visitor.runtime.commitment_watch
    after = last_event_id or asked.get("after", "")
    return await stream(visitor.request, watch, lambda change: change.told(actor, about), after)


async def _sent(visitor: Visitor) -> Draft:
    return Draft.of(once(await form_fields(visitor.request)))


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Invalid("/query/about", "is not the id of a commitment") from None


async def _shown(
    visitor: Visitor,
    look: Look,
    *,
    status: int = 200,
    made: CommitmentView | None = None,
    stream: str | None = None,
    **how: bool,
) -> Response:
    place, heard = Place.of(visitor), stream or await stream_of(visitor)
    return desk_page(
        visitor,
        "desk.html",
        status=status,
        look=look,
        made=made,
        made_names=await names_of(visitor, [made]) if made is not None else {},
        mine=await own(visitor) if not place.embed else None,
        kinds=list(visitor.runtime.catalogue.kinds),
        stream=heard if made is not None or not place.embed else "",
        **{"is_refused": False, "is_unseen": False, "is_reused": False, **how},
    )

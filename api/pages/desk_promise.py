"""The customer asks again: one promise, what can honestly be said of it now, and what an agent can do about it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from fastapi import Response

from api.forms import form_fields, once
from api.inside import Answered
from api.pages.desk import desk_page, stream_of
from api.pages.desk_form import items_text, read_items
from api.pages.desk_looking import Option, only_or_chosen, options_of, problems_of
from api.pages.desk_reading import DueRead, read_due, time_named_in
from api.pages.desk_saying import said_of
from api.pages.desk_seeing import Place, names_of, one, shown, those_of, told
from api.pages.visiting import Visiting, Visitor
from api.routes import routes
from domain.errors import NotFound
from domain.keeping import TAKE_BACK_WITHIN
from projections.history import HistoryItem

__all__ = ["router"]

router = routes("", "pages", documented=False)

_DONE = frozenset({"amendments", "contacts", "customer-link", "fulfilment", "reopening", "withdrawal"})
"""What can be done about a promise here, as the API calls it."""


@router.get("/desk/found")
async def found(visitor: Visiting) -> Response:
    """The promises of an order or a customer; where there is one alone, that one."""
    if visitor.actor is None:
        return visitor.who_are_you()
    place, wanted = Place.of(visitor), visitor.request.query_params.get("find", "").strip()
    those = await those_of(visitor, order_id=wanted, customer_id=wanted)
    if len(those.commitments) == 1:
        target = place.link(f"/desk/promises/{those.commitments[0].id}")
        return Response(status_code=303, headers={"Location": target})
    return desk_page(visitor, "desk_found.html", wanted=wanted, those=those)


@router.get("/desk/promises/{id}")
async def promise(visitor: Visiting, id: UUID) -> Response:
    """One promise, in sentences that can be read to the customer."""
    if visitor.actor is None:
        return visitor.who_are_you()
    return await _page(visitor, id, done=visitor.request.query_params.get("done", ""))


@router.get("/desk/promises/{id}/saying")
async def saying(visitor: Visiting, id: UUID) -> Response:
    """What can be said of it now: a part of the page."""
    if visitor.actor is None:
        return Response(status_code=204)
    return await _page(visitor, id, template="desk_saying.html")


@router.get("/desk/promises/{id}/{what}")
async def back(visitor: Visiting, id: UUID) -> Response:
    """Where a form was refused, and the page is asked for anew: the promise itself."""
    return Response(status_code=303, headers={"Location": Place.of(visitor).link(f"/desk/promises/{id}")})


@router.post("/desk/promises/{id}/{what}")
async def act(visitor: Visiting, id: UUID, what: str) -> Response:
    """Do something about a promise, then back to it; what is refused is said at the form."""
    if visitor.actor is None:
        return visitor.who_are_you()
    if what not in _DONE:
        raise NotFound("there is no such form")
    sent = {name: value.strip() for name, value in once(await form_fields(visitor.request)).items() if value.strip()}
    body, problems = await _body(visitor, id, what, sent)
    form = "undo" if what == "reopening" and sent.get("reason") == "mistaken" else what
    if problems:
        return await _page(visitor, id, status=422, what=form, sent=sent, problems=problems)
    answered = await visitor.do("POST", f"/v1/commitments/{id}/{what}", body, key=sent.get("key"), headers=_held(sent))
    if answered.is_refused:
        return await _page(visitor, id, status=422, what=form, sent=sent, problems=_refused(answered))
    if what == "customer-link":
        return await _page(visitor, id, done=what, url=str(answered.json()["url"]))
    target = Place.of(visitor).link(f"/desk/promises/{id}", done=what)
    return Response(status_code=303, headers={"Location": target})


def _held(sent: Mapping[str, str]) -> dict[str, str]:
    """The version that the agent saw, where what he does depends on it."""
    return {"If-Match": f'"{sent["version"]}"'} if "version" in sent else {}


def _refused(answered: Answered) -> dict[str, str]:
    code = answered.json()["code"]
    known = {"precondition_failed": "changed", "commitment_closed": "closed", "commitment_not_closed": "not_closed"}
    return {"form": known[code]} if code in known else problems_of(answered)


async def _body(
    visitor: Visitor, id: UUID, what: str, sent: Mapping[str, str]
) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """The request that a form makes, or what is wrong with it before it is sent."""
    match what:
        case "customer-link":
            return None, {}
        case "contacts":
            minutes = sent.get("minutes", "")
            if minutes and not (minutes.isascii() and minutes.isdigit()):
                return None, {"minutes": "number"}
            body = {name: sent[name] for name in ("channel", "direction", "note") if name in sent}
            return {**body, **({"minutes": int(minutes)} if minutes else {})}, {}
        case "withdrawal":
            missing = {name: "needed" for name in ("reason", "cause") if name not in sent}
            return {name: sent[name] for name in ("reason", "cause") if name in sent}, missing
        case "reopening":
            reason = "mistaken" if sent.get("reason") == "mistaken" else "disputed"
            return {"reason": reason, **({"note": sent["note"]} if "note" in sent else {})}, {}
        case "fulfilment":
            return {"note": sent["note"]} if "note" in sent else {}, {}
        case _:
            return await _amendment(visitor, id, sent)


async def _amendment(
    visitor: Visitor, id: UUID, sent: Mapping[str, str]
) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """Only what differs from how it stands is amended; a due that is not named stays."""
    current = await one(visitor, str(id))
    if current is None:
        raise NotFound("there is no such promise")
    body: dict[str, Any] = {}
    problems = {} if "reason" in sent else {"reason": "needed"}
    if sent.get("promise", "") not in ("", current.promise):
        body["promise"] = sent["promise"]
    items = read_items(sent.get("items", ""))
    if items != read_items(items_text(current.items or ())):
        body["items"] = items
    if "due" in sent:
        due, options = await _new_due(visitor, current.due.time_zone, sent["due"])
        chosen = only_or_chosen(options, sent.get("due_choice", ""))
        rule = chosen.rule if chosen is not None else due.body
        if rule is None:
            problems["due_choice" if due.choices else "due"] = "unknown"
        else:
            body["due"] = rule
            is_asked = not problems and "promise" not in body and "words_stay" not in sent
            if is_asked and time_named_in(visitor, current.promise or "") is not None:
                problems["promise"] = "another_time"
    if not body and not problems:
        problems["form"] = "nothing"
    said = {"reason": sent.get("reason", ""), "customer_agreed": True if sent.get("customer_agreed") else None}
    return {**body, **{name: value for name, value in said.items() if value is not None}}, problems


async def _new_due(visitor: Visitor, zone: str, text: str) -> tuple[DueRead, list[Option]]:
    """What a new due comes to by the promise's own clock, and the instants of each that it may be."""
    due = read_due(visitor, text, zone)
    return due, await options_of(visitor, due.choices, zone)


def _may_undo(visitor: Visitor, facts: Sequence[HistoryItem]) -> bool:
    """Whether it is for him to call the closing a wrong tap: within a day whoever closed it, or a supervisor."""
    closings = [fact for fact in facts if fact.type in ("CommitmentKept", "CommitmentWithdrawn")]
    if not closings:
        return False
    closed = closings[-1]
    himself = (closed.on_behalf_of or closed.actor) == visitor.actor
    is_recent = visitor.now - closed.recorded_at <= TAKE_BACK_WITHIN
    return (visitor.actor or "").startswith(("supervisor:", "admin:")) or (himself and is_recent)


async def _page(
    visitor: Visitor,
    id: UUID,
    *,
    template: str = "desk_promise.html",
    status: int = 200,
    what: str = "",
    sent: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
    **more: object,
) -> Response:
    stream, found = await stream_of(visitor, id), await one(visitor, str(id))
    if found is None:
        return desk_page(visitor, "desk_found.html", status=404, wanted=str(id), those=await shown(visitor, []))
    seen, facts = await shown(visitor, [found]), await told(visitor, id)
    sent = sent or {}
    due_text = sent.get("due", "") if what == "amendments" else ""
    _, options = await _new_due(visitor, found.due.time_zone, due_text)
    time_named = time_named_in(visitor, found.promise or "") if "another_time" in (problems or {}).values() else None
    seen.names |= await names_of(visitor, [], *{fact.on_behalf_of or fact.actor for fact in facts})
    return desk_page(
        visitor,
        template,
        status=status,
        promise=found,
        shown=seen,
        flag=seen.flags.get(found.id),
        said=said_of(found, facts),
        what=what,
        sent=sent,
        problems=problems or {},
        choices=options if len(options) > 1 else (),
        time_named=time_named,
        items=items_text(found.items or ()),
        recipients=visitor.runtime.roster.recipients(visitor.actor or ""),
        may_undo=_may_undo(visitor, facts),
        stream=stream,
        **{"done": "", "url": "", **more},
    )

"""The next step for one promise in danger: nag its keeper, name another, note that he knows, take, raise, amend it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fastapi import Response

from api.fields import PathText
from api.forms import form_fields, once
from api.inside import Answered
from api.pages.board_view import Sent, Shown, board_page, instant, shown_flags
from api.pages.desk_reading import time_named_in
from api.pages.start import own_page
from api.pages.visiting import Visiting, Visitor, encoded
from api.routes import routes
from domain.deadlines import zone
from domain.errors import Invalid, NotFound

__all__ = ["router"]

router = routes("", "pages", documented=False)

_DONE = {
    "taken": "You deal with it now.",
    "raised": "It is one step up now.",
    "nagged": "The keeper is asked again now.",
    "known": "Recorded: the keeper knows.",
    "reassign": "Somebody else is to keep it now.",
    "amend": "The promise is amended. Its keeper must confirm it anew.",
}
_ON_THE_CARD = frozenset({"nagged", "taken", "raised"})
_WHY = {
    "commitment_closed": "Not recorded: the promise is kept or withdrawn by now.",
    "precondition_failed": "Not recorded: somebody has changed the promise meanwhile. Look at it again.",
    "forbidden": "Not recorded: you may not do this.",
    "unreachable": "Not recorded: nobody is named, or nobody has said how the keeper is reached.",
    "not_found": "Not recorded: there is no such promise.",
}


@dataclass(slots=True)
class Outcome:
    """What came of a form: what was done, or what was wrong, as a whole or at a field; and what was typed."""

    done: str | None = None
    wrong: str | None = None
    detail: str = ""
    at: Mapping[str, str] = field(default_factory=dict)
    sent: Mapping[str, str] = field(default_factory=Sent)
    link: str | None = None


@router.get("/board/flags/{id}")
async def show_flag(visitor: Visiting, id: PathText) -> Response:
    """All that can be done about one promise."""
    if visitor.actor is None:
        return visitor.who_are_you()
    return await _page(visitor, id, Outcome())


@router.post("/board/flags/{id}")
async def act(visitor: Visiting, id: PathText) -> Response:
    """Do the next step, and go back to where the form stood."""
    sent = Sent(once(await form_fields(visitor.request)))
    what = sent.get("do", "")
    commitment = await _commitment(visitor, id)
    try:
        answered = await _carry_out(visitor, commitment, what, sent)
    except Invalid as error:
        faults = {rejection.pointer: rejection.detail for rejection in error.rejections}
        return await _page(visitor, id, Outcome(wrong=what, at=_fields(faults), sent=sent))
    if answered.is_refused:
        return await _say_no(visitor, id, _refused(answered.json(), what, sent))
    if what == "link":
        return await _page(visitor, id, Outcome(link=answered.json()["url"]))
    if _is_live(visitor):
        return await _card(visitor, id, Outcome(done=visitor.gettext(_DONE[what])))
    back = own_page(sent.get("back", "/board"))
    return Response(status_code=303, headers={"Location": f"{back}#f-{id}", "Cache-Control": "no-store"})


async def _commitment(visitor: Visitor, id: str) -> dict[str, Any]:
    found: dict[str, Any] | None = await visitor.read(f"/v1/commitments/{encoded(id)}")
    if found is None:
        raise NotFound("there is no such commitment")
    return found


async def _carry_out(visitor: Visitor, commitment: Mapping[str, Any], what: str, sent: Mapping[str, str]) -> Answered:
    """The command that a form stands for."""
    path, key = f"/v1/commitments/{commitment['id']}", sent.get("key")
    note = {"note": sent["note"]} if sent.get("note") else {}
    match what:
        case "taken" | "raised" | "nagged":
            return await visitor.do("POST", f"{path}/escalations", {"action": what, **note}, key=key)
        case "known":
            return await visitor.do("POST", f"{path}/receipts", _receipt(commitment, sent), key=key)
        case "reassign":
            return await _reassign(visitor, commitment, sent)
        case "amend":
            version = {"if-match": f'"{sent.get("version", "")}"'}
            body = _amendment(visitor, commitment, sent)
            return await visitor.do("POST", f"{path}/amendments", body, key=key, headers=version)
        case "link":
            return await visitor.do("POST", f"{path}/customer-link", None, key=key)
    raise Invalid("/do", "is nothing that can be done here")


def _receipt(commitment: Mapping[str, Any], sent: Mapping[str, str]) -> dict[str, Any]:
    """The receipt that counts, of the revision that the form showed."""
    role, revision = sent.get("role", ""), sent.get("revision", "")
    handoff = next((one for one in commitment["handoffs"] if one["role"] == role), None)
    if handoff is None or not revision.isdecimal():
        raise Invalid("/role", "is none of this promise")
    state = "held" if handoff["asked"] == "held" else "acknowledged"
    return {"revision": int(revision), "state": state, "role": role, "via": "tap"}


def _amendment(visitor: Visitor, commitment: Mapping[str, Any], sent: Mapping[str, str]) -> dict[str, Any]:
    """What the form changes; a due is meant in the time zone of the promise.

    Raises `Invalid` where the words that stay name another time, unless that was said before.
    """
    body: dict[str, Any] = {"reason": sent.get("reason", ""), "customer_agreed": "agreed" in sent}
    if sent.get("due"):
        body["due"] = {"at": local_instant(sent["due"], commitment["due"]["time_zone"]).isoformat()}
    if sent.get("promise", commitment["promise"]) != commitment["promise"]:
        body["promise"] = sent["promise"]
    due = instant(body["due"]["at"]) if "due" in body else None
    moves = due is not None and due > visitor.now and due != instant(commitment["due"]["at"])
    if moves and "promise" not in body and "words_stay" not in sent:
        named = time_named_in(visitor, commitment["promise"] or "")
        if named is not None:
            raise Invalid("/promise", f"still names another time: “{named}”; change it, too, or send it once more")
    return body


def local_instant(text: str, time_zone: str) -> datetime:
    """What an input of the type datetime-local holds, in a time zone. Raises `Invalid`.

    >>> local_instant("2026-11-25T18:00", "Asia/Shanghai").isoformat()
    '2026-11-25T18:00:00+08:00'
    """
    try:
        there = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("/due", "is not a date with a time") from None
    return there.replace(tzinfo=zone(time_zone))


async def _reassign(visitor: Visitor, commitment: Mapping[str, Any], sent: Mapping[str, str]) -> Answered:
    """Name somebody else, for the whole order or for this promise alone."""
    role, order_id = sent.get("role", ""), commitment["order_id"]
    body = {"role": role, "recipient": sent.get("recipient", "").strip()}
    if "name_anyway" not in sent and not await _is_somebody(visitor, body["recipient"]):
        raise Invalid(
            "/recipient", "nobody is known by this name; look at it, or send it once more to name him all the same"
        )
    if sent.get("scope") != "order" or order_id is None:
        return await visitor.do("PUT", f"/v1/commitments/{commitment['id']}/assignment", body)
    order = await visitor.read(f"/v1/orders/{encoded(order_id)}") or {"assignments": []}
    known: Mapping[str, Any] = next((one for one in order["assignments"] if one["role"] == role), {})
    # When the other vehicle leaves, and which stop it is there, is not known here; the customer's side stays as it was.
    stays = ("planned_start", "planned_end", "address", "depot")
    plan = {name: known[name] for name in stays if known.get(name) is not None}
    return await visitor.do("PUT", f"/v1/orders/{encoded(order_id)}/assignment", {**body, **plan})


async def _is_somebody(visitor: Visitor, recipient: str) -> bool:
    """Whether somebody was ever heard of: a team, one of the book of people, or who has anything to keep. What is no
    name at all is for the API to refuse.
    """
    role, _, id = recipient.partition(":")
    if role == "team" or not id or await visitor.people([recipient]):
        return True
    keepers = await visitor.read("/v1/keepers") or {"items": []}
    return any(one["actor"] == recipient for one in keepers["items"])


def _refused(problem: Mapping[str, Any], what: str, sent: Mapping[str, str]) -> Outcome:
    faults = {fault["pointer"]: fault["detail"] for fault in problem.get("errors", [])}
    at = _fields(faults)
    return Outcome(wrong=what, detail="" if at else _WHY.get(problem["code"], problem["detail"]), at=at, sent=sent)


def _fields(faults: Mapping[str, str]) -> dict[str, str]:
    """What is wrong, by the field of the form that it is about."""
    return {pointer.split("/")[1] if pointer.count("/") else "": detail for pointer, detail in faults.items()}


def _is_live(visitor: Visitor) -> bool:
    """Whether a part of a page is asked for, and not a page."""
    return "hx-request" in visitor.request.headers


async def _one(visitor: Visitor, id: str) -> Shown | None:
    listing = await shown_flags(visitor, commitment_id=id, limit="1")
    return listing.flags[0] if listing.flags else None


async def _card(visitor: Visitor, id: str, outcome: Outcome) -> Response:
    return board_page(visitor, "board_card.html", id=id, shown=await _one(visitor, id), outcome=outcome, first=False)


async def _say_no(visitor: Visitor, id: str, outcome: Outcome) -> Response:
    """Why it was not recorded, where the button stands: on the card itself, else among the steps."""
    if _is_live(visitor) and outcome.wrong in _ON_THE_CARD and (shown := await _one(visitor, id)) is not None:
        return board_page(visitor, "board_card.html", status=422, id=id, shown=shown, outcome=outcome, first=False)
    return await _page(visitor, id, outcome)


async def _page(visitor: Visitor, id: str, outcome: Outcome) -> Response:
    """What can be done: a page of its own, or the part of the board's that is opened."""
    commitment = await _commitment(visitor, id)
    shown = await _one(visitor, commitment["id"])
    order_id, customer_id = commitment["order_id"], commitment["customer_id"]
    order = await visitor.read(f"/v1/orders/{encoded(order_id)}") if order_id is not None else None
    keepers = await visitor.read_beside("/v1/keepers")
    time_zone = zone(commitment["due"]["time_zone"])
    due_at = instant(commitment["due"]["at"])
    # Whatever form it was sent from, what was wrong stands among the steps.
    headers = {"HX-Retarget": f"#do-{commitment['id']}", "HX-Reswap": "merge"} if outcome.wrong else None
    return board_page(
        visitor,
        "board_acts.html" if _is_live(visitor) else "board_flag.html",
        status=422 if outcome.wrong else 200,
        headers=headers,
        id=commitment["id"],
        shown=shown,
        commitment=commitment,
        role=shown.flag["role"] if shown is not None else commitment["handoffs"][-1]["role"],
        due=due_at.astimezone(time_zone).strftime("%Y-%m-%dT%H:%M") if due_at is not None else "",
        order=order,
        keepers=keepers["items"] if keepers is not None else [],
        contact=await visitor.read_beside(f"/v1/customers/{encoded(customer_id)}/contact"),
        outcome=outcome,
        plain=not _is_live(visitor),
    )

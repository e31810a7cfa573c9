"""Many promises amended at once, from the board: what would become of them, then the job and how far it has come."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import Response

from api.fields import PathText
from api.forms import form_fields, once
from api.pages.board_view import Sent, board_page, instant, problem_of
from api.pages.visiting import Visiting, Visitor, encoded
from api.routes import routes
from domain.errors import NotFound

__all__ = ["router"]

router = routes("", "pages", documented=False)

_WHERE = ("recipient", "made_by", "depot", "kind", "role", "order_id")
_UNITS = ("minutes", "hours", "days", "working_hours", "working_days")


@router.get("/board/amend")
async def bulk(visitor: Visiting) -> Response:
    """Which promises, and the form that says what becomes of them."""
    if visitor.actor is None:
        return visitor.who_are_you()
    return _form(visitor, _where(visitor, visitor.request.query_params), Sent())


@router.post("/board/amend")
async def order_bulk(visitor: Visiting) -> Response:
    """What would become of them; once that was seen, begin the job."""
    sent = Sent(once(await form_fields(visitor.request)))
    where = _where(visitor, sent)
    body = _body(where, sent)
    if sent.get("step") != "do":
        answered = await visitor.ask("POST", "/v1/amendments", body, query={"dry_run": "true"})
        if answered.is_refused:
            return _form(visitor, where, sent, problem=answered.json())
        return _form(visitor, where, sent, preview=_preview(answered.json()))
    answered = await visitor.do("POST", "/v1/amendments", body, key=sent.get("key"))
    if answered.is_refused:
        return _form(visitor, where, sent, problem=answered.json())
    job = answered.json()["job"]
    return Response(status_code=303, headers={"Location": f"/board/jobs/{job}", "Cache-Control": "no-store"})


@router.get("/board/jobs/{id}")
async def job(visitor: Visiting, id: PathText) -> Response:
    """How far a job has come; the part that changes asks for itself until it is over."""
    if visitor.actor is None:
        return visitor.who_are_you()
    found = await visitor.read(f"/v1/jobs/{encoded(id)}")
    if found is None:
        raise NotFound("there is no such job")
    template = "board_progress.html" if "hx-request" in visitor.request.headers else "board_job.html"
    return board_page(visitor, template, job=found, runs=found["state"] in ("queued", "running"))


def _where(visitor: Visitor, asked: Mapping[str, str]) -> dict[str, str]:
    """The filters that a selection of promises knows, of those that the board was asked for.

    What is overdue is found by its due. Other reasons are the board's alone: a selection knows only promises.
    """
    found = {name: asked[name] for name in _WHERE if asked.get(name)}
    if asked.get("due_before") or asked.get("reason") == "overdue":
        found["due_before"] = asked.get("due_before") or visitor.now.isoformat()
    return found


def _body(where: Mapping[str, str], sent: Mapping[str, str]) -> dict[str, Any]:
    amount = sent.get("amount", "")
    amendment: dict[str, Any] = {
        "where": dict(where),
        "reason": sent.get("reason", ""),
        "inform_customers": "inform" in sent,
    }
    if sent.get("date"):
        return amendment | {"due": {"date": sent["date"]}}
    number = int(amount) if amount.removeprefix("-").isdecimal() and len(amount) < 8 else amount
    return amendment | {"due": {"shift": {"amount": number, "unit": sent.get("unit", "")}}}


def _preview(answered: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        {**row, "due_at": instant(row["due_at"]), "new_due_at": instant(row.get("new_due_at"))}
        for row in answered["preview"]
    ]
    # Of those that are not shown it is not known yet.
    return {
        "matched": answered["matched"],
        "would": answered["matched"] - sum("skipped" in row for row in rows),
        "rows": rows,
    }


def _form(
    visitor: Visitor,
    where: Mapping[str, str],
    sent: Mapping[str, str],
    *,
    preview: Mapping[str, Any] | None = None,
    problem: Mapping[str, Any] | None = None,
) -> Response:
    wrong = problem_of(problem) if problem is not None else None
    faults = {part for fault in (problem or {}).get("errors", []) for part in fault["pointer"].split("/")}
    return board_page(
        visitor,
        "board_bulk.html",
        status=422 if problem is not None else 200,
        where=where,
        sent=sent,
        preview=preview,
        wrong=wrong,
        faults=faults,
        units=_UNITS,
        back=f"/board?{urlencode({name: value for name, value in where.items() if name != 'due_before'})}",
    )

"""The scorecard: how the word is kept, in plots with their tables, and as CSV."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from babel.dates import format_date, format_skeleton, format_timedelta
from babel.numbers import format_decimal, format_percent
from fastapi import Response
from markupsafe import Markup

from api.pages.board_view import board_page, problem_of
from api.pages.visiting import Visiting, Visitor
from api.pages.wording import KINDS, ROLES
from api.plots import Bar, Part, bars, key
from api.routes import routes
from api.spreadsheets import defused
from domain.deadlines import zone

__all__ = ["router"]

router = routes("", "pages", documented=False)

GROUPS = ("day", "kind", "made_by", "role", "recipient", "depot")
_OUTCOMES = ("kept", "kept_moved", "kept_late", "broken", "withdrawn", "open")
_CAUSES = ("never_received", "declined", "received_not_done")
_WORDS = {
    "kept": "Kept",
    "kept_moved": "Kept by a later due",
    "kept_late": "Kept late",
    "broken": "Broken",
    "withdrawn": "Withdrawn",
    "open": "Open",
    "never_received": "Never received",
    "declined": "Declined",
    "received_not_done": "Received, not done",
    "p50": "Half within",
    "p95": "19 of 20 within",
    "contacts": "The customer asked again",
    "postponements": "Moved",
}
_DAYS = 30


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot with its key, and the same as a table: the names of its columns, and a row a group."""

    name: str
    title: str
    plot: Markup
    keys: list[tuple[Markup, str]]
    columns: list[str]
    rows: list[tuple[str, list[str]]]


@router.get("/board/scorecard")
async def scorecard(visitor: Visiting) -> Response:
    """How the word was kept in a time, by what the promises have in common."""
    if visitor.actor is None:
        return visitor.who_are_you()
    asked = _asked(visitor)
    answered = await visitor.ask("GET", "/v1/scorecard", query=_query(visitor, asked))
    found = answered.json()
    shared = {"asked": asked, "choices": GROUPS, "made": sum(one["made"] for one in found.get("items", []))}
    if answered.is_refused:
        return board_page(visitor, "scorecard.html", status=422, problem=problem_of(found), figures=[], **shared)
    figures = _figures(visitor, found["items"], asked["group_by"])
    begins, ends = (format_date(date.fromisoformat(asked[name]), locale=visitor.locale) for name in ("from", "to"))
    return board_page(
        visitor,
        "scorecard.html",
        problem=None,
        figures=figures,
        begins=begins,
        ends=ends,
        incomplete="incomplete" in found,
        **shared,
    )


@router.get("/board/scorecard.csv")
async def scorecard_csv(visitor: Visiting) -> Response:
    """The same figures, for a spreadsheet."""
    answered = await visitor.ask("GET", "/v1/scorecard", query=_query(visitor, _asked(visitor)))
    if answered.is_refused:
        return Response(bytes(answered.body), answered.status, media_type="application/problem+json")
    items = [_flat(one) for one in answered.json()["items"]]
    written = io.StringIO()
    writer = csv.DictWriter(written, list(items[0]) if items else ["group"])
    writer.writeheader()
    writer.writerows(items)
    headers = {"Content-Disposition": 'attachment; filename="scorecard.csv"', "Cache-Control": "no-store"}
    return Response(written.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _asked(visitor: Visitor) -> dict[str, str]:
    """What the address asks for; the last thirty days by day, where it says nothing."""
    asked = visitor.request.query_params
    today = visitor.now.astimezone(zone(visitor.runtime.catalogue.default_time_zone)).date()
    return {
        "group_by": asked.get("group_by") or "day",
        "from": asked.get("from") or (today - timedelta(days=_DAYS - 1)).isoformat(),
        "to": asked.get("to") or today.isoformat(),
    }


def _query(visitor: Visitor, asked: Mapping[str, str]) -> dict[str, str]:
    """The days of the address as the instants of the API; the last day is among them."""
    tz = zone(visitor.runtime.catalogue.default_time_zone)

    def midnight(text: str, days: int) -> str:
        try:
            day = date.fromisoformat(text) + timedelta(days=days)
        except (ValueError, OverflowError):
            return text  # the API says what is wrong with it
        return datetime.combine(day, datetime.min.time(), tz).isoformat()

    return {"group_by": asked["group_by"], "from": midnight(asked["from"], 0), "to": midnight(asked["to"], 1)}


def _flat(group: Mapping[str, Any]) -> dict[str, Any]:
    """One row of the CSV; a cell that a spreadsheet would take for a formula is none."""
    found: dict[str, Any] = {}
    for name, value in group.items():
        if name == "value":
            found[name] = " ".join(f"{amount} {currency}" for currency, amount in value.items())
        elif isinstance(value, dict):
            found |= {f"{name}_{part}": round(one, 1) if isinstance(one, float) else one for part, one in value.items()}
        else:
            found[name] = value
    return {name: defused(cell) if isinstance(cell, str) else cell for name, cell in found.items()}


def _figures(visitor: Visitor, items: Sequence[Mapping[str, Any]], by: str) -> list[Figure]:
    if not items:
        return []

    def number(value: float) -> str:
        return str(format_decimal(value, locale=visitor.locale))

    def span(seconds: float) -> str:
        return format_timedelta(timedelta(seconds=seconds), granularity="second", threshold=1.5, locale=visitor.locale)

    def rate(group: Mapping[str, Any]) -> str:
        value = group["kept_rate"]
        return str(format_percent(value, locale=visitor.locale)) if value is not None else "–"

    drawing = _Drawing(visitor, [(_label(visitor, one["group"], by), one) for one in items])
    return [
        drawing.figure("kept", "How the word was kept", _OUTCOMES, lambda one: one, number, rate),
        drawing.figure("cause", "Why it was broken", _CAUSES, lambda one: one["broken_by"], number),
        drawing.figure("receipt", "How long until the keeper knew", ("p50", "p95"), _between, span),
        drawing.figure("contacts", "What the customers had to do", ("contacts", "postponements"), lambda o: o, number),
    ]


def _between(group: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict(group["receipt_seconds"])


def _label(visitor: Visitor, group: str | None, by: str) -> str:
    if group is None:
        return visitor.gettext("No depot" if by == "depot" else "Nobody")
    if by == "day":
        return format_skeleton("MMMEd", date.fromisoformat(group), locale=visitor.locale)
    if by in ("role", "kind"):
        return visitor.gettext((ROLES if by == "role" else KINDS).get(group, group))
    return group


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Draws figures of the same groups."""

    visitor: Visitor
    groups: list[tuple[str, Mapping[str, Any]]]

    def figure(
        self,
        name: str,
        title: str,
        series: Sequence[str],
        of: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        write: Callable[[float], str],
        total: Callable[[Mapping[str, Any]], str] | None = None,
    ) -> Figure:
        """One figure: `of` finds the numbers of a group, `write` writes one, `total` what stands behind the bar."""
        words = [self.visitor.gettext(_WORDS[one]) for one in series]
        rows, drawn = [], []
        for label, group in self.groups:
            values = [of(group)[one] for one in series]
            written = [write(value) if value is not None else "–" for value in values]
            behind = total(group) if total is not None else ""
            lengths = _steps(values) if series[0] == "p50" else [value or 0 for value in values]
            parts = (Part(n, length, f"{words[n]}: {written[n]}") for n, length in enumerate(lengths))
            drawn.append(Bar(label, tuple(parts), behind or _sum(values, written, series)))
            rows.append((label, [*written, *([behind] if total is not None else [])]))
        heading = self.visitor.gettext(title)
        keys = [(key(number, name), word) for number, word in enumerate(words)]
        columns = [*words, *([self.visitor.gettext("Kept, of what came to its due")] if total is not None else [])]
        return Figure(name, heading, bars(drawn, words, heading, name=name), keys, columns, rows)


def _steps(values: Sequence[float | None]) -> list[float]:
    """Of numbers that include one another, how much each is more than the one before.

    >>> _steps([60, 300]), _steps([None, None])
    ([60.0, 240.0], [0.0, 0.0])
    """
    found, before = [], 0.0
    for value in values:
        found.append(max((value or 0.0) - before, 0.0))
        before = max(value or 0.0, before)
    return found


def _sum(values: Sequence[float | None], written: Sequence[str], series: Sequence[str]) -> str:
    if series[0] == "p50":
        return written[-1]
    return str(sum(int(value or 0) for value in values))

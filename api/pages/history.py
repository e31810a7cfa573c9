"""The history, for who asks what was promised and who knew: searched, told in sentences, and taken along."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final, NotRequired, TypedDict

from fastapi import Response
from fastapi.responses import StreamingResponse

from api.inside import Answered, Asked, Flowing
from api.pages.history_found import Row, collected, days_of, events_in, told
from api.pages.history_search import FAULTS, FILTERS, LABELS, TIMES, Search, instant_in, local_value
from api.pages.sentences import SENTENCES
from api.pages.visiting import Visiting, Visitor
from api.pages.wording import Wording
from api.problems import problem
from api.routes import routes
from domain.errors import Invalid
from domain.integrations import event_types

__all__ = ["router"]

router = routes("", "pages", documented=False)

_PRINTED_AT_MOST: Final = 2000
_AT_ONCE: Final = 500
_FORMATS: Final = {"csv": "text/csv", "ndjson": "application/x-ndjson"}
_FOR_SPREADSHEETS: Final = b"\xef\xbb\xbf"
"""Without a mark at its beginning, spreadsheet programs take a table for one in an alphabet of their own."""


class Found(TypedDict):
    """What a page shows of a search."""

    rows: list[Row]
    newer: Search | None
    older: Search | None
    newest: NotRequired[int]
    incomplete: bool


@router.get("/history")
async def history(visitor: Visiting) -> Response:
    """What happened, as far as it is searched for; the address alone says what that is."""
    if visitor.actor is None:
        return visitor.who_are_you()
    search = _search(visitor)
    clean = f"/history?{search.query}" if search.query else "/history"
    if sorted(visitor.request.query_params.multi_items()) != _items(search):
        return Response(status_code=303, headers={"Location": clean, "Cache-Control": "no-store"})
    answered = await visitor.ask("GET", "/v1/history", query=search.asked())
    if answered.is_refused:
        return _refused(visitor, search, answered)
    found = await _found(visitor, search, answered)
    return visitor.page("history.html", **_form(visitor, search), days=days_of(found["rows"]), faults={}, **found)


@router.get("/history/newer")
async def newer(visitor: Visiting) -> Response:
    """How much was recorded since a page was read: a part of that page, asked for again and again."""
    search = _search(visitor)
    asked = {**search.asked(), "limit": _AT_ONCE, "order": "oldest_first"}
    answered = await visitor.ask("GET", "/v1/history", query=asked)
    items = [] if answered.is_refused else events_in(answered).items
    there = search.at() if search.newest_first else search
    return visitor.page("history_newer.html", count=len(items), most=_AT_ONCE, search=there)


@router.get("/history/print")
async def printed(visitor: Visiting) -> Response:
    """A search on paper: which one, by whom and when, and the events in the order in which they were recorded."""
    if visitor.actor is None:
        return visitor.who_are_you()
    search = _search(visitor)
    found = await collected(visitor, search.filters, _PRINTED_AT_MOST)
    if isinstance(found, Answered):
        return _refused(visitor, search, found)
    items, is_cut = found
    shown: dict[str, Any] = {"days": days_of(await told(visitor, items)), "count": len(items), "cut": is_cut}
    return visitor.page("history_print.html", **_form(visitor, search), made_at=_now(visitor), **shown)


@router.get("/history/export")
async def export(visitor: Visiting) -> Response:
    """All that a search finds, as the API exports it, however much that is."""
    if visitor.actor is None:
        return visitor.who_are_you()
    search, wanted = _search(visitor), visitor.request.query_params.get("format", "csv")
    if (kind := _FORMATS.get(wanted)) is None:
        return problem(Invalid("/query/format", f"is none of {', '.join(_FORMATS)}"))
    target = f"/v1/history?{Search(search.filters).query}"
    flowing = await Flowing.of(visitor.request.app, Asked(visitor.actor, "GET", target, None, None, {"accept": kind}))
    if flowing.status != 200:
        refused = Answered(flowing.status, flowing.headers)
        refused.body = bytearray(b"".join([piece async for piece in flowing.pieces()]))
        return _refused(visitor, search, refused)
    name = f"history-{visitor.now:%Y%m%d-%H%M%S}.{wanted}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(_marked(flowing, wanted), 200, headers, f"{kind}; charset=utf-8")


async def _marked(flowing: Flowing, wanted: str) -> AsyncGenerator[bytes, None]:
    if wanted == "csv":
        yield _FOR_SPREADSHEETS
    async for piece in flowing.pieces():
        yield piece


def _search(visitor: Visitor) -> Search:
    return Search.read(visitor.request.query_params, visitor.tz)


def _items(search: Search) -> list[tuple[str, str]]:
    order = {} if search.newest_first else {"order": "oldest_first"}
    places = {"before": search.before, "after": search.after}
    named: Mapping[str, str | None] = {**search.filters, **order, **places}
    return sorted((name, value) for name, value in named.items() if value is not None)


async def _found(visitor: Visitor, search: Search, answered: Answered) -> Found:
    """One page of what was found, the right end first, and where to go on."""
    page = events_in(answered)
    was_newest_first = search.asked()["order"] == "newest_first"
    items = sorted(page.items, key=lambda item: item.position, reverse=search.newest_first)
    positions = [item.position for item in items]
    more = page.next_cursor is not None
    has_older = more if was_newest_first else search.after is not None
    has_newer = search.before is not None if was_newest_first else more
    found: Found = {
        "rows": await told(visitor, items),
        "older": search.at(before=min(positions)) if positions and has_older else None,
        "newer": search.at(after=max(positions)) if positions and has_newer else None,
        "incomplete": page.incomplete,
    }
    if search.is_first_page and not found["newer"]:
        found["newest"] = max(positions, default=0)
    return found


def _refused(visitor: Visitor, search: Search, answered: Answered) -> Response:
    """What cannot be searched for is said at the field that holds it; nothing else that was written is lost."""
    errors = answered.json().get("errors", []) if answered.status == 422 else []
    names = [str(error["pointer"]).removeprefix("/query/") for error in errors]
    faults = {name: visitor.gettext(FAULTS[name]) for name in names if name in FAULTS}
    found: Found = {"rows": [], "older": None, "newer": None, "incomplete": False}
    status = answered.status if faults else max(answered.status, 400)
    more: dict[str, Any] = {"days": [], "faults": faults, "failed": not faults, **found}
    return visitor.page("history.html", status=status, **_form(visitor, search), **more)


def _form(visitor: Visitor, search: Search) -> dict[str, Any]:
    """What the form of the search holds, and the search in words."""
    words = Wording(visitor.locale, visitor.tz)
    shown = dict(search.filters)
    for name in TIMES:
        if name in shown and (at := instant_in(shown[name], visitor.tz)) is not None:
            shown[name] = local_value(at, visitor.tz)
    types = [(name, visitor.gettext(SENTENCES[name][0])) for name in SENTENCES if name in event_types()]
    labels = {name: visitor.gettext(label) for name, label in LABELS.items()}
    said = [(labels[name], _in_words(name, value, words)) for name, value in search.filters.items()]
    return {"search": search, "values": shown, "types": types, "labels": labels, "fields": FILTERS, "said": said}


def _in_words(name: str, value: str, words: Wording) -> str:
    if name in TIMES and (at := instant_in(value, words.tz)) is not None:
        return words.to_the_second(at)
    return words.t(SENTENCES[value][0]) if name == "type" and value in SENTENCES else value


def _now(visitor: Visitor) -> str:
    return Wording(visitor.locale, visitor.tz).to_the_second(visitor.now)

"""The pages: for now the start page, with the promises that are in danger."""

from datetime import datetime
from functools import cache
from typing import Final

from fastapi import APIRouter, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from api.who import Process
from domain.deadlines import zone
from domain.errors import Forbidden
from domain.flags import FlagReason
from projections.flags import COUNTED_TO, FlagFilter, Flags

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_SHOWN = 50
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

WORDS: Final[dict[FlagReason, str]] = {
    "disputed": "The customer says it did not happen",
    "declined": "Who must keep it said no",
    "attempted": "Tried, and not kept",
    "overdue": "Overdue",
    "unassigned": "Nobody is to keep it",
    "stale_revision": "Who must keep it knows an older version",
    "not_received": "Who must keep it does not know of it",
}
ICONS: Final[dict[FlagReason, str]] = {
    "disputed": "⁉",
    "declined": "✋",
    "attempted": "↩",
    "overdue": "⏰",
    "unassigned": "∅",
    "stale_revision": "✎",
    "not_received": "✉",
}


@cache
def _template(name: str) -> Template:
    return Environment(loader=PackageLoader("api"), autoescape=True, undefined=StrictUndefined).get_template(name)


@router.get("/")
async def start(runtime: Process) -> Response:
    """The promises in danger, most urgent first."""
    if runtime.settings.auth == "required":
        raise Forbidden("sign in first")
    now, reader = await runtime.now(), Flags(runtime.database, runtime.keyring)
    total = await reader.total(FlagFilter(), now=now)
    time_zone = runtime.catalogue.default_time_zone
    tz = zone(time_zone)

    def local(at: datetime) -> str:
        return at.astimezone(tz).strftime("%a %d %b %Y, %H:%M")

    page = _template("start.html").render(
        flags=await reader.page(FlagFilter(), now=now, limit=_SHOWN, after=None),
        total=min(total, COUNTED_TO),
        capped=total > COUNTED_TO,
        words=WORDS,
        icons=ICONS,
        local=local,
        now=now,
        time_zone=time_zone,
        open=True,
    )
    return Response(page, headers=_HEADERS, media_type="text/html")

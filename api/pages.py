"""The pages: for now the start page, with the promises that are in danger."""

from datetime import datetime
from functools import cache
from typing import Annotated

from babel.dates import format_skeleton
from fastapi import Header, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.routes import routes
from api.texts import chosen, translations
from api.who import Process
from domain.deadlines import zone
from domain.errors import Unauthenticated
from domain.flags import FlagReason
from projections.flags import COUNTED_TO, FlagFilter, Flags

__all__ = ["router"]

router = routes("", "pages", documented=False)

_SHOWN = 50
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Language",
    "X-Content-Type-Options": "nosniff",
}

REASONS: dict[FlagReason, str] = {
    "disputed": "The customer says it did not happen",
    "declined": "Who must keep it said no",
    "attempted": "Tried, and not kept",
    "overdue": "Overdue",
    "unassigned": "Nobody is to keep it",
    "stale_revision": "Who must keep it knows an older version",
    "not_received": "Who must keep it does not know of it",
}


@cache
def _environment(locale: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("api"), autoescape=True, undefined=StrictUndefined, extensions=["jinja2.ext.i18n"]
    )
    environment.install_gettext_translations(translations(locale), newstyle=True)  # type: ignore[attr-defined]
    return environment


@router.get("/")
async def start(runtime: Process, accept_language: Annotated[str, Header()] = "") -> Response:
    """The promises in danger, most urgent first."""
    if runtime.settings.auth == "required":
        raise Unauthenticated("sign in first")
    now, reader, locale = await runtime.now(), Flags(runtime.database, runtime.keyring), chosen(accept_language)
    tz = zone(runtime.catalogue.default_time_zone)

    def local(at: datetime) -> str:
        there = at.astimezone(tz)
        return " ".join(format_skeleton(part, there, locale=locale) for part in ("yMMMEd", "Hm"))

    texts = translations(locale)
    page = (
        _environment(locale)
        .get_template("start.html")
        .render(
            flags=await reader.page(FlagFilter(), now=now, limit=_SHOWN, after=None),
            total=min(await reader.total(FlagFilter(), now=now), COUNTED_TO),
            words={reason: texts.gettext(words) for reason, words in REASONS.items()},
            lang=locale.replace("_", "-"),
            local=local,
            time_zone=runtime.catalogue.default_time_zone,
            now=now,
        )
    )
    return Response(page, headers=_HEADERS | {"Content-Language": locale.replace("_", "-")}, media_type="text/html")

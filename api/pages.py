"""The pages: the start page, with the promises that are in danger, and the keeper's task view."""

from datetime import UTC
from typing import Annotated

from fastapi import Header, Response

from api.assets import built
from api.rendering import page
from api.routes import routes
from api.texts import chosen
from api.who import Process
from domain.deadlines import zone
from domain.errors import Unauthenticated
from domain.flags import FlagReason
from policies.texts import translations
from projections.flags import COUNTED_TO, FlagFilter, Flags

__all__ = ["router"]

router = routes("", "pages", documented=False)

_SHOWN = 50
REASONS: dict[FlagReason, str] = {
    "disputed": "The customer says it did not happen",
    "declined": "Who must keep it said no",
    "attempted": "Tried, and not kept",
    "overdue": "Overdue",
    "unassigned": "Nobody is to keep it",
    "stale_revision": "Who must keep it knows an older version",
    "not_received": "Who must keep it does not know of it",
}

_OWN_SCRIPT = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
    " connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


@router.get("/")
async def start(runtime: Process, accept_language: Annotated[str, Header()] = "") -> Response:
    """The promises in danger, most urgent first."""
    if runtime.settings.auth == "required":
        raise Unauthenticated("sign in first")
    now, reader, locale = await runtime.now(), Flags(runtime.database, runtime.keyring), chosen(accept_language)
    time_zone, texts = runtime.catalogue.default_time_zone, translations("api", locale)
    return page(
        "start.html",
        locale,
        zone(time_zone),
        flags=await reader.page(FlagFilter(), now=now, limit=_SHOWN, after=None),
        total=min(await reader.total(FlagFilter(), now=now), COUNTED_TO),
        words={reason: texts.gettext(words) for reason, words in REASONS.items()},
        time_zone=time_zone,
        now=now,
    )


@router.head("/courier", include_in_schema=False)
@router.get("/courier")
async def courier() -> Response:
    """The task view of couriers and every other keeper: the same page for all; it works without a network."""
    return page("courier.html", "en", UTC, headers=_OWN_SCRIPT, files=built())

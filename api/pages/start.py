"""The start page: who one is, where one goes, and the promises that are in danger; and the choice of a language."""

from datetime import UTC
from urllib.parse import urlsplit

from fastapi import Response

from api.assets import built
from api.forms import form_fields, once
from api.pages.visiting import ACTOR_COOKIE, LOCALE_COOKIE, Visiting, Visitor
from api.pages.wording import REASON_ICONS, wording_for
from api.parameters import X_ACTOR
from api.rendering import page
from api.routes import routes
from api.texts import LOCALES
from api.who import known_actor
from domain.access import Operation
from domain.errors import Forbidden, Invalid, Unauthenticated
from projections.flags import COUNTED_TO, FlagFilter, Flags

__all__ = ["own_page", "router"]

router = routes("", "pages", documented=False)

_SHOWN = 50
_YEAR = 365 * 24 * 3600
_OWN_SCRIPT = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
    " connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


@router.get("/")
async def start(visitor: Visiting) -> Response:
    """Where everybody goes from here, and the promises in danger, most urgent first; or to the way in."""
    runtime, now = visitor.runtime, visitor.now
    if visitor.actor is None and not visitor.is_open:
        wanted_page = own_page(visitor.request.query_params.get("return_to", "/"))
        return visitor.page("sign_in.html", next=wanted_page, has_provider=runtime.provider is not None)
    reader, wanted = Flags(runtime.database, runtime.keyring), _seen_by(visitor)
    flags = await reader.page(wanted, now=now, limit=_SHOWN, after=None) if wanted is not None else []
    return visitor.page(
        "start.html",
        flags=flags,
        total=min(await reader.total(wanted, now=now), COUNTED_TO) if wanted is not None else None,
        words=await wording_for(visitor, (who for flag in flags for who in (flag.made_by, flag.recipient))),
        icons=REASON_ICONS,
    )


def _seen_by(visitor: Visitor) -> FlagFilter | None:
    """Which flags a visitor may see: in open mode all, also before he says who he is; None where he may see none."""
    if visitor.is_open:
        return FlagFilter()
    try:
        return FlagFilter(made_by=visitor.access.maker(Operation.WATCH, None))
    except Forbidden:
        return None


@router.head("/courier", include_in_schema=False)
@router.get("/courier")
async def courier() -> Response:
    """The task view of couriers and every other keeper: the same page for all; it works without a network."""
    return page("courier.html", "en", UTC, headers=_OWN_SCRIPT, files=built())


@router.get("/courier/")
async def courier_with_a_slash() -> Response:
    """Who types a slash too many comes to the same page."""
    return Response(status_code=308, headers={"Location": "/courier"})


@router.get("/who")
async def who(visitor: Visiting) -> Response:
    """The choice of who one is, in open mode; else one signs in, which is done elsewhere."""
    if not visitor.is_open:
        return Response(status_code=303, headers={"Location": "/", "Cache-Control": "no-store"})
    params = visitor.request.query_params
    role = params.get("role", "")
    begun = f"{role}:" if role in visitor.runtime.catalogue.roles else (visitor.actor or "")
    return visitor.page("who.html", next=own_page(params.get("next", "/")), begun=begun)


@router.post("/who")
async def choose_who(visitor: Visiting) -> Response:
    """Be somebody from now on, in open mode, and go on to where one wanted to go."""
    if not visitor.is_open:
        raise Forbidden("who signs in does not say himself who he is")
    sent = once(await form_fields(visitor.request))
    next_page = own_page(sent.get("next", "/"))
    try:
        actor = known_actor(sent.get("actor", "").strip(), visitor.runtime, X_ACTOR.name)
    except Unauthenticated as error:
        return visitor.page("who.html", status=422, next=next_page, begun=sent.get("actor", ""), refused=str(error))
    return _back(visitor, next_page, ACTOR_COOKIE, str(actor))


@router.post("/language")
async def choose_language(visitor: Visiting) -> Response:
    """Read in another language from now on."""
    sent = once(await form_fields(visitor.request))
    if (wanted := sent.get("locale", "")) not in LOCALES:
        raise Invalid("/locale", f"is none of {', '.join(LOCALES)}")
    return _back(visitor, own_page(sent.get("next", "/")), LOCALE_COOKIE, wanted)


def _wanted(visitor: Visitor) -> FlagFilter | None:
    """The flags that are his business: an agent's are his own, a keeper has none (contract, section 9)."""
    if visitor.is_open or visitor.role in ("supervisor", "auditor", "admin"):
        return FlagFilter()
    return FlagFilter(made_by=visitor.actor) if visitor.role == "agent" else None


def own_page(next_page: str) -> str:
    """A page of ours, as a path: whoever sends a form leads nobody elsewhere."""
    parts = urlsplit(next_page)
    # A browser takes any number of slashes at the beginning for those before a host.
    is_path = next_page.startswith("/") and not next_page.startswith("//") and "\\" not in next_page
    is_own = is_path and not parts.scheme and not parts.netloc
    return next_page if is_own and next_page.isprintable() else "/"


def _back(visitor: Visitor, next_page: str, cookie: str, value: str) -> Response:
    response = Response(status_code=303, headers={"Location": next_page, "Cache-Control": "no-store"})
    secure = visitor.request.url.scheme == "https"
    response.set_cookie(cookie, value, max_age=_YEAR, httponly=True, secure=secure, samesite="lax", path="/")
    return response

"""Signing in and out: staff by the provider that the configuration names, a frame inside another program by a code."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from uuid import UUID

import msgspec
import structlog
from fastapi import Request, Response

from api.forms import form_fields, once
from api.pages.board_view import instant
from api.pages.start import own_page
from api.pages.visiting import Visiting, Visitor, encoded
from api.pairing import redeem
from api.provider import Flow, Provider
from api.refusing import RefusedInside
from api.rendering import wants_json
from api.routes import routes
from api.runtime import Runtime
from api.sessions import begin, cookie_named, forgotten, leave, secured
from domain.errors import Invalid, NotFound, SignInRefused, TooManyAttempts, Unavailable, UpheldError
from domain.people import Locale, Person
from domain.signing_in import SignedIn, person_of
from store.identities import Identities
from store.sessions import Kind

__all__ = ["router"]

router = routes("", "pages", documented=False)

log = structlog.get_logger("upheld.sign_in")

_FLOW = "upheld-sign-in"
_FLOW_SECONDS = 600
_FLOW_KEY = UUID("5a3f6a0e-8f0c-5c57-b1a4-0c7c3f1d7b52")
"""What binds the key of a sealed flow to its use."""
_WRAPPED_BYTES = 61
_NO_STORE = {"Cache-Control": "no-store"}
_LONGEST_ADDRESS = 1500
"""Of where somebody wanted to go: the cookie that keeps it has 4096 bytes."""


@router.get("/sign-in")
async def sign_in(visitor: Visiting) -> Response:
    """To the provider, and what is needed to know him who comes back in a cookie that this browser alone has."""
    wanted = own_page(visitor.request.query_params.get("return_to", "/"))
    if visitor.is_open:
        return _to(wanted)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    flow = Flow(
        state,
        nonce,
        verifier,
        return_to=wanted if len(wanted) <= _LONGEST_ADDRESS else "/",
        ends_at=visitor.now.timestamp() + _FLOW_SECONDS,
    )
    try:
        address = await _provider(visitor.runtime).address_for(flow, _link(visitor.request, "/sign-in/callback"))
    except UpheldError as error:
        return _refused(visitor, error)
    name = secured(visitor.request, _FLOW)
    return _to(address, cookie_named(name, _sealed(visitor.runtime, flow), max_age=_FLOW_SECONDS))


@router.get("/sign-in/callback")
async def come_back(visitor: Visiting) -> Response:
    """From the provider: whoever this is, is signed in from now on, and goes on to where he wanted to go.

    Somebody without a role here is let in as nobody, and nothing of him is kept.
    """
    try:
        flow = _flow(visitor)
        signed_in, subject, id_token = await _told(visitor, flow)
        actor = await _known(visitor, signed_in, subject)
    except UpheldError as error:
        return _refused(visitor, error)
    cookie, _ = await begin(visitor.request, visitor.runtime, actor, Kind.STAFF, id_token=id_token)
    return _to(flow.return_to, cookie, _no_flow(visitor.request))


@router.post("/sign-out")
async def sign_out(visitor: Visiting) -> Response:
    """This browser is signed out: here at once, and, where the provider can be told so, there as well."""
    request, runtime = visitor.request, visitor.runtime
    told, cookies = await leave(request, runtime), forgotten(request)
    if wants_json(request.headers.get("accept", "")):
        return _with_cookies(Response(status_code=204, headers=_NO_STORE), cookies)
    address = None
    if told is not None and told.id_token is not None and runtime.provider is not None:
        address = await runtime.provider.address_to_leave(told.id_token, _link(request, "/"))
    return _to(address or "/", *cookies)


@router.get("/sign-in/code")
async def show_code(visitor: Visiting) -> Response:
    """Where somebody who is signed in is given a code for a frame, or a phone, of his own."""
    return visitor.page("sign_in_code.html", code=None) if visitor.actor else visitor.who_are_you()


@router.post("/sign-in/code")
async def make_code(visitor: Visiting) -> Response:
    """The code, shown this once."""
    if visitor.actor is None:
        return visitor.who_are_you()
    answered = await visitor.do("POST", f"/v1/people/{encoded(visitor.actor)}/pairings", None)
    made = answered.json()
    if answered.is_refused:
        raise RefusedInside(made["detail"])
    return visitor.page("sign_in_code.html", code=made["code"], expires_at=instant(made["expires_at"]))


@router.post("/sign-in/frame")
async def sign_in_frame(visitor: Visiting) -> Response:
    """Sign in a frame inside another program, whose cookies are its own: by the code of the window beside it."""
    sent = once(await form_fields(visitor.request))
    next_page = own_page(sent.get("next", "/"))
    try:
        cookie, _ = await redeem(visitor.request, visitor.runtime, sent.get("code", ""), embedded=True)
    except (Invalid, TooManyAttempts):
        return _to(f"{next_page}{'&' if '?' in next_page else '?'}refused=code")
    return _to(next_page, cookie)


async def _told(visitor: Visitor, flow: Flow) -> tuple[SignedIn, str, str]:
    """Who the provider says it is: what is made of the claims, the subject, and the token that says so."""
    provider, asked = _provider(visitor.runtime), visitor.request.query_params
    await provider.check_issuer(asked.get("iss"))
    if (error := asked.get("error")) is not None:
        raise SignInRefused("declined" if error == "access_denied" else "failed", "the provider let nobody in")
    tokens = await provider.tokens(asked.get("code", ""), flow, _link(visitor.request, "/sign-in/callback"))
    return (
        person_of(tokens.claims, provider.oidc, visitor.runtime.catalogue.roles),
        str(tokens.claims["sub"]),
        tokens.id_token,
    )


async def _known(visitor: Visitor, signed_in: SignedIn, subject: str) -> str:
    """The actor that somebody is here; the book of people is told of him where it knows nothing.

    Raises `SignInRefused` where his name is somebody else's.
    """
    runtime = visitor.runtime
    issuer = _provider(runtime).oidc.issuer
    id = await Identities(runtime.database, runtime.keyring).id_of(issuer, subject, signed_in.id, signed_in.role)
    if id is None:
        raise SignInRefused("taken", "the name is that of somebody else who has signed in before")
    actor = f"{signed_in.role}:{id}"
    locale: Locale = msgspec.convert(visitor.locale.replace("_", "-"), Locale)
    new = Person(signed_in.name or id, locale, runtime.catalogue.default_time_zone, signed_in.team)
    await runtime.people.put(actor, lambda known: known or new, by=actor)
    await runtime.staff.read()
    return actor


def _flow(visitor: Visitor) -> Flow:
    """The attempt that this browser began, and that the answer belongs to. Raises `SignInRefused`."""
    sealed = visitor.request.cookies.get(secured(visitor.request, _FLOW), "")
    flow = _opened(visitor.runtime, sealed)
    state = visitor.request.query_params.get("state", "")
    if (
        flow is None
        or flow.ends_at < visitor.now.timestamp()
        or not secrets.compare_digest(flow.state.encode(), state.encode("utf-8", "surrogatepass"))
    ):
        raise SignInRefused("again", "this browser has begun no such attempt to sign in, or too long ago")
    return flow


def _sealed(runtime: Runtime, flow: Flow) -> str:
    key, document = runtime.keyring.enclose(_FLOW_KEY, msgspec.msgpack.encode(flow))
    return urlsafe_b64encode(key + document).decode()


def _opened(runtime: Runtime, text: str) -> Flow | None:
    try:
        sealed = urlsafe_b64decode(text.encode())
        words = runtime.keyring.disclose(_FLOW_KEY, sealed[:_WRAPPED_BYTES], sealed[_WRAPPED_BYTES:])
        return msgspec.msgpack.decode(words, type=Flow)
    except (ValueError, UpheldError, msgspec.MsgspecError):  # it is not ours, or was altered
        return None


def _provider(runtime: Runtime) -> Provider:
    if runtime.provider is None:
        raise NotFound("nobody is named by whom staff sign in: [oidc] in the configuration")
    return runtime.provider


def _link(request: Request, path: str) -> str:
    """A path of ours as the provider knows it."""
    base = request.app.state.runtime.settings.public_url or str(request.base_url)
    return base.rstrip("/") + path


def _refused(visitor: Visitor, error: UpheldError) -> Response:
    """A page that says why, in his language; the log has the reason."""
    why = error.why if isinstance(error, SignInRefused) else {404: "no_provider", 503: "unavailable"}[error.status]
    log.warning("sign-in refused", why=why, detail=str(error))
    retry = {"Retry-After": str(error.retry_after)} if isinstance(error, Unavailable) else {}
    # The address that led here holds a code: it is said no further.
    response = visitor.page(
        "sign_in_refused.html", status=error.status, headers={**_NO_STORE, **retry}, why=why, address="/"
    )
    return _with_cookies(response, [_no_flow(visitor.request)])


def _no_flow(request: Request) -> str:
    return cookie_named(secured(request, _FLOW), "", max_age=0)


def _to(address: str, *cookies: str) -> Response:
    return _with_cookies(Response(status_code=303, headers={**_NO_STORE, "Location": address}), cookies)


def _with_cookies(response: Response, cookies: Iterable[str]) -> Response:
    for cookie in cookies:
        response.headers.append("Set-Cookie", cookie)
    return response

"""By which cookie a browser says who it is, and how long that holds (OWASP ASVS 5.0, V3.3 and V7).

>>> cookie_named(COOKIE, "t0ken")
'__Host-upheld=t0ken; Path=/; HttpOnly; Secure; SameSite=Lax'
>>> cookie_named(EMBEDDED_COOKIE, "t0ken")
'__Host-upheld-embed=t0ken; Path=/; HttpOnly; Secure; SameSite=None; Partitioned'
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from fastapi import Request

from api.origins import check_own_page, is_loopback
from api.runtime import Runtime
from domain.access import group_of
from domain.actors import role_of
from domain.errors import Unauthenticated
from store.sessions import Kind, Limits, Listed, Session, Sessions, Told

__all__ = [
    "COOKIE",
    "EMBEDDED_COOKIE",
    "SESSION",
    "begin",
    "cookie_named",
    "ending",
    "forgotten",
    "holds",
    "leave",
    "session_in",
    "session_of",
]

log = structlog.get_logger("upheld.sign_in")

SESSION = "upheld.session"
"""Where in the scope of a request it stands who is signed in by its cookie, once somebody has asked."""
COOKIE = "__Host-upheld"
EMBEDDED_COOKIE = "__Host-upheld-embed"
_PLAIN_COOKIE = "upheld"

_STAFF = Limits(idle=timedelta(hours=1), absolute=timedelta(hours=12))
_DEVICE = Limits(idle=timedelta(days=30), absolute=timedelta(days=180))
_EXPECTED = "upheld-expect-actor"


def limits_of(actor: str, kind: Kind) -> Limits:
    """How long somebody stays signed in: a shift at a desk; a keeper on his own phone half a year.

    A device of the office is no way around its shorter limits.
    """
    return _DEVICE if kind is Kind.DEVICE and group_of(role_of(actor)) == "keeper" else _STAFF


async def session_of(request: Request, runtime: Runtime) -> Session | None:
    """Who is signed in by the cookie of a request; None where nobody is.

    Raises `Forbidden` where it commands, and nothing proves that a page of ours sent it (ASVS 5.0, 3.5.1);
    `Unauthenticated` where it expects somebody else, as a phone does that has yet to send what another keeper said.
    """
    if SESSION in request.scope:
        known: Session | None = request.scope[SESSION]
        return known
    session, sessions = None, Sessions(runtime.database, runtime.keyring)
    for token in _tokens(request):
        now = await runtime.now()
        if (session := await sessions.find(token, now=now)) is not None:
            check_own_page(request.scope)
            if request.headers.get(_EXPECTED, session.actor) != session.actor:
                raise Unauthenticated("this browser is signed in as somebody else")
            await sessions.touch(token, session, limits_of(session.actor, session.kind), now=now)
            break
    request.scope[SESSION] = session
    return session


async def holds(runtime: Runtime, session: Session) -> bool:
    """Whether somebody is still signed in by a session."""
    return await Sessions(runtime.database, runtime.keyring).is_good(session.id, now=await runtime.now())


def session_in(request: Request) -> Session | None:
    """Who was found to be signed in, once somebody has asked."""
    session: Session | None = request.scope.get(SESSION)
    return session


async def begin(
    request: Request, runtime: Runtime, actor: str, kind: Kind, *, id_token: str | None = None, embedded: bool = False
) -> tuple[str, Listed]:
    """Sign somebody in: the cookie to set, under a new token. Whatever this browser was signed in by ends (7.2.4)."""
    sessions = Sessions(runtime.database, runtime.keyring)
    for before in _tokens(request):
        await sessions.leave(before)
    told = Told(_label(request.headers.get("user-agent", "")), id_token)
    limits = limits_of(actor, kind)
    token, listed = await sessions.open(actor, kind, limits, told, now=await runtime.now())
    log.info("signed in", who=actor, by=kind.value)
    name = EMBEDDED_COOKIE if embedded else secured(request, _PLAIN_COOKIE)
    return cookie_named(name, token, max_age=int(limits.absolute.total_seconds())), listed


async def leave(request: Request, runtime: Runtime) -> Told | None:
    """Sign this browser out; answers what was known of its session, if it had one."""
    sessions = Sessions(runtime.database, runtime.keyring)
    ended = [await sessions.leave(token) for token in _tokens(request)]
    return next((told for told in ended if told is not None), None)


def forgotten(request: Request) -> list[str]:
    """The cookies of a browser that is signed out."""
    return [cookie_named(name, "", max_age=0) for name in _names(request) if name in request.cookies]


@contextlib.asynccontextmanager
async def ending(request: Request) -> AsyncIterator[asyncio.Event]:
    """An event that is set when the process stops, or when the session ends by which a stream was asked for."""
    stopping: asyncio.Event = request.app.state.stopping
    session = session_in(request)
    if session is None:
        raise LookupError("nobody is signed in by this request")
    with request.app.state.runtime.endings.of(session.id) as ended:

        async def stop() -> None:
            await stopping.wait()
            ended.set()

        task = asyncio.create_task(stop())
        try:
            yield ended
        finally:
            task.cancel()


def cookie_named(name: str, value: str, *, max_age: int | None = None, same_site: str = "Lax") -> str:
    """A cookie as `Set-Cookie` has it: out of reach of scripts, for this host alone, and, but for a trial, for TLS."""
    parts = [f"{name}={value}", "Path=/", "HttpOnly"]
    if max_age is not None:
        parts.append(f"Max-Age={max_age}")
    if name.startswith("__Host-"):
        parts.append("Secure")
    parts.append("SameSite=None; Partitioned" if name == EMBEDDED_COOKIE else f"SameSite={same_site}")
    return "; ".join(parts)


def secured(request: Request, name: str) -> str:
    """The name of a cookie of ours: with the prefix by which browsers hold it to this host and to TLS."""
    return name if _is_plain(request) else f"__Host-{name}"


def _tokens(request: Request) -> list[str]:
    return [request.cookies[name] for name in _names(request) if request.cookies.get(name)]


def _names(request: Request) -> tuple[str, str]:
    """By which cookies a browser may be signed in: as a window, or as a frame."""
    return secured(request, _PLAIN_COOKIE), EMBEDDED_COOKIE


def _is_plain(request: Request) -> bool:
    """Whether it is a trial on this very machine, without TLS: some browsers, and all programs, refuse to send a
    `Secure` cookie there. Whoever is reached by https, or is so by what the settings say, is none.
    """
    public = request.app.state.runtime.settings.public_url
    is_public = public is not None and urlsplit(public).scheme == "https"
    return request.url.scheme == "http" and not is_public and is_loopback(request.headers.get("host", ""))


_BROWSERS = (
    *(("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox")),
    *(("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari")),
)
_PLACES = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "Mac")),
    *(("CrOS", "Chromebook"), ("Linux", "Linux")),
)


def _label(user_agent: str) -> str:
    """What a browser calls itself, as far as people want to know it.

    >>> _label(
    ...     "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36"
    ... )
    'Chrome, Android'
    """
    found = [next((name for sign, name in signs if sign in user_agent), None) for signs in (_BROWSERS, _PLACES)]
    return ", ".join(name for name in found if name is not None) or user_agent.partition("/")[0][:40]

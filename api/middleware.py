"""What happens to every request before anybody looks at it: its id, its measure, where it comes from, its path."""

import asyncio
import os
import time
from functools import cache
from urllib.parse import quote

import structlog
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import log_request
from api.origins import check_origin
from api.problems import problem
from api.protecting import protected
from api.refusing import note_refusal
from api.sessions import SESSION
from domain.errors import Forbidden, Invalid, Misdirected, Unavailable, UpheldError

__all__ = ["Entrance"]

_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
"""Whoever came by TLS comes by nothing else for a year (RFC 6797; ASVS 5.0, 3.4.1)."""

_seconds = Histogram(
    "upheld_http_seconds",
    "Duration of requests by route",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


@cache
def _measured(method: str, route: str, status: int) -> Histogram:
    return _seconds.labels(method, route, status)


class Entrance:
    """Gives each request an id, and logs and measures what became of it. Routes go by the path as it was sent, whose
    parameters are decoded later.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id, began, status, answered = os.urandom(16).hex(), time.perf_counter(), 500, False
        scope["request_id"] = request_id

        async def answer(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], True
                headers = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
                message["headers"] = protected([*headers, *_kept_apart(scope, headers)])
            await send(message)

        # For whatever else is logged meanwhile: each request is a task, and so a context, of its own.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        path = _as_sent(scope)
        try:
            if (refusal := _refusal(scope, path)) is not None:
                note_refusal(scope, refusal)
                await problem(refusal)(scope, receive, answer)
            else:
                scope["path"] = path
                await self.app(scope, receive, answer)
        except asyncio.CancelledError:
            # The process stops, and gives up what takes too long, as a body that never comes.
            if answered:
                raise
            await problem(Unavailable("the server is stopping"))(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "unknown")
            _measured(scope["method"], route, status).observe(seconds)
            told = {"method": scope["method"], "route": route, "status": status, "ms": round(seconds * 1000, 1)}
            log_request(**told, request_id=request_id)


def _kept_apart(scope: Scope, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What tells browsers to come by TLS alone, where they did, and to keep nothing of who is signed in by a cookie."""
    more = [_HSTS] if scope["scheme"] == "https" else []
    if scope.get(SESSION) is not None and all(name != b"cache-control" for name, _ in headers):
        more.append((b"cache-control", b"no-store"))
    return more


def _refusal(scope: Scope, path: str | None) -> UpheldError | None:
    """Why a request is looked at by nobody, if so."""
    if path is None:
        return Invalid("", "holds the character NUL")
    settings = scope["app"].state.runtime.settings
    try:
        check_origin(scope, is_open=settings.auth == "open", public_url=settings.public_url)
    except (Forbidden, Misdirected) as error:
        return error
    return None


def _as_sent(scope: Scope) -> str | None:
    """The path as it was sent, so that an id may hold a slash (`%2F`); None where the character NUL is in it."""
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    if b"%00" in raw or b"%00" in scope.get("query_string", b""):
        return None
    return str(raw.partition(b"?")[0].decode("ascii", "replace"))

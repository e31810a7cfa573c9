"""From where a request comes: a page of somebody else, which the browser of one of ours has open, may ask for nothing.

>>> check_host("rebound.example:8000", None)
Traceback (most recent call last):
domain.errors.Misdirected: this is no address of this server: use the one that it said when it started
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.types import Scope

from domain.errors import Forbidden, Misdirected

__all__ = ["SENDER", "check_host", "check_origin", "check_own_page", "is_loopback"]

SENDER = "upheld.sender"
"""Where in the scope of a request our own code says who sends it, once it knows; nobody can say so from outside."""

_SAFE = ("GET", "HEAD", "OPTIONS")
_OURS = (b"same-origin", b"none")


def check_origin(scope: Scope, *, is_open: bool, public_url: str | None) -> None:
    """Raises `Forbidden` where a page of another site sent a command (Fetch Metadata; else the Origin, RFC 6454).

    In open mode, where the network is all that keeps strangers out, also `Misdirected` where the address by which this
    server was found is not its own: the name of a stranger may lead to this machine (DNS rebinding).
    """
    if SENDER in scope:
        return
    said = {name: value for name, value in scope["headers"] if name in (b"host", b"origin", b"sec-fetch-site")}
    host = said.get(b"host", b"").decode("latin-1")
    if is_open and host:
        check_host(host, public_url)
    if scope["method"] in _SAFE:
        return
    site, origin = said.get(b"sec-fetch-site"), said.get(b"origin")
    if site is not None:
        is_ours = site in _OURS
    else:
        # A browser that says nothing of the site says which origin it was, as "scheme://host" or "null".
        is_ours = origin is None or origin.decode("latin-1").partition("://")[2] == host
    if not is_ours:
        raise Forbidden("this was sent by a page of another site")


def check_own_page(scope: Scope) -> None:
    """Raises `Forbidden` where a browser that is signed in by a cookie commands, and does not say that a page of ours
    made it do so: what it sends by itself, whoever asked for it, is the cookie.
    """
    if scope["method"] in _SAFE:
        return
    said = dict(scope["headers"])
    site, origin = said.get(b"sec-fetch-site"), said.get(b"origin")
    if site != b"same-origin" and (site is not None or origin is None):
        raise Forbidden("a command by cookie says by Sec-Fetch-Site or Origin that a page of this server sent it")


def check_host(host: str, public_url: str | None) -> None:
    """Raises `Misdirected` where that is neither this machine nor where people reach this service."""
    if public_url is not None and host.lower() == urlsplit(public_url).netloc.lower():
        return
    if not is_loopback(host):
        raise Misdirected


def is_loopback(host: str) -> bool:
    """Whether a host, with its port, is this very machine.

    >>> is_loopback("localhost:8000"), is_loopback("[::1]"), is_loopback("upheld.example")
    (True, True, False)
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False

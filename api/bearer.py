"""The key in the header `Authorization: Bearer upk_…`: whose it is, and how long who sends wrong ones has to wait.

A right key is believed whatever else comes from its address: 256 random bits are not found by trying, and a program
that sends a wrong key all day should not lock out the office behind the same address.
"""

from ipaddress import IPv6Address, ip_address, ip_network

import structlog
from fastapi import Request

from api.parameters import AUTHORIZATION
from api.runtime import Runtime
from domain.errors import Invalid, TooManyAttempts, Unauthenticated
from store.attempts import Limit
from store.clock import SystemClock
from store.keys import Key, prefix_of

__all__ = ["address_of", "key_of"]

log = structlog.get_logger("upheld.keys")

_FROM_AN_ADDRESS = Limit("key from", most=20)
_OF_A_PREFIX = Limit("key", most=10)
_CLOCK = SystemClock()


async def key_of(request: Request, runtime: Runtime) -> Key | None:
    """The key that a request brings; None where it brings none.

    Raises `Unauthenticated` where it is not good, and `TooManyAttempts` where that happened too often of late.
    """
    try:
        scheme, _, text = (AUTHORIZATION.read(request) or "").partition(" ")
    except Invalid as error:
        raise Unauthenticated(f"{AUTHORIZATION.name} {error}") from None
    if scheme.lower() != "bearer":
        return None
    try:
        return await runtime.keys.find(text.strip())
    except Unauthenticated as error:
        log.warning("a key was refused", prefix=prefix_of(text.strip()), why=str(error))
        await _note(runtime, address_of(request), text.strip())
        raise


async def _note(runtime: Runtime, address: str, text: str) -> None:
    now, prefix = _CLOCK.now(), prefix_of(text)
    wait = await runtime.attempts.note(_FROM_AN_ADDRESS, address, now)
    if wait is None and prefix is not None:
        wait = await runtime.attempts.note(_OF_A_PREFIX, prefix, now)
    if wait is not None:
        raise TooManyAttempts(wait)


def address_of(request: Request) -> str:
    """Where a request comes from, as attempts are counted: of IPv6 the network, of which one person has a whole one."""
    host = request.client.host if request.client is not None else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
    return host

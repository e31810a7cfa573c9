"""The way out to other systems: one POST, to an address that may be asked, within ten seconds.

>>> async with Outbound() as out:  # doctest: +SKIP
...     await out.post("https://oms.example/hooks", {"content-type": "application/json"}, b"{}")
204

A name is resolved here, and the connection goes to the very address that was looked at: a name that resolves to
another one a moment later leads nowhere else. Redirects are not followed, and no proxy of the environment is used.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from types import TracebackType
from typing import Final, Self

import httpcore

from domain.errors import PrivateAddress, Undelivered

__all__ = ["Outbound", "Resolve", "is_public"]

Address = IPv4Address | IPv6Address
Resolve = Callable[[str], Awaitable[list[str]]]
"""The addresses of a host, the best one first."""

_WITHIN: Final = 10.0
_AT_ONCE: Final = 16
_ADDRESS_SECONDS: Final = 3.0
"""For one of several addresses of a host."""
_KEPT_SECONDS: Final = 2.0
"""How long a connection waits for the next request; servers close theirs after five seconds or more."""
_READ: Final = 4096
"""Bytes of an answer's body that are read, so that the connection can be used again."""
_BODY_SECONDS: Final = 1.0
_SHOWN: Final = 200

_NOT_PUBLIC: Final = tuple(
    ip_network(network)
    for network in (
        # IANA's special-purpose registries for IPv4, multicast, and what is reserved.
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Of what is given out in IPv6: protocols and tunnels (Teredo, 6to4), and what is for documentation.
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
_GIVEN_OUT: Final = ip_network("2000::/3")
"""All of IPv6 that is public."""
_CARRIES_IPV4: Final = (ip_network("::ffff:0:0/96"), ip_network("64:ff9b::/96"))
"""Addresses that stand for one of IPv4, in their last 32 bits: mapped ones, and those of a NAT64."""


def is_public(address: str) -> bool:
    """Whether an address is one of the internet, and not of a machine's own, a network's own, or a group's.

    >>> is_public("93.184.216.34"), is_public("169.254.169.254"), is_public("64:ff9b::7f00:1")
    (True, False, False)
    """
    found: Address = ip_address(address)
    if isinstance(found, IPv6Address) and any(found in network for network in _CARRIES_IPV4):
        found = IPv4Address(int(found) & 0xFFFF_FFFF)
    if isinstance(found, IPv6Address) and found not in _GIVEN_OUT:
        return False
    return not any(found in network for network in _NOT_PUBLIC)


async def resolve(host: str) -> list[str]:
    """The addresses of a host as this machine resolves it. Raises `Undelivered`."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Undelivered(f"the name of the host cannot be resolved: {_line(error)}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Outbound:
    """Connections to other systems, at most sixteen at once.

    `allow_private` lets them lead to addresses that are not public; `within` is the time for one request in all.
    """

    def __init__(self, *, allow_private: bool = False, within: float = _WITHIN, resolve: Resolve = resolve) -> None:
        self._within = within
        self._pool = httpcore.AsyncConnectionPool(
            # What the machine trusts, as an operator has set it up: an own authority of the company included.
            ssl_context=ssl.create_default_context(),
            max_connections=_AT_ONCE,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=_LookingAtAddresses(allow_private, resolve),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer, whatever it is; one of a redirect, too.

        Raises `Undelivered` where there is no answer in time, and `PrivateAddress` where nobody was asked.
        """
        try:
            async with asyncio.timeout(self._within):
                return await self._post(url, headers, body)
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise Undelivered(f"no answer within {self._within:g} s") from error
        except (OSError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise Undelivered(f"no answer: {_line(error)}") from error

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        async with self._pool.stream("POST", url, headers=list(headers.items()), content=body) as answer:
            await _drain(answer)
            return answer.status


async def _drain(answer: httpcore.Response) -> None:
    """Read a short body, so that the connection can be used again; neither its words nor its end matter."""
    with contextlib.suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
        async with asyncio.timeout(_BODY_SECONDS):
            read = 0
            async for part in answer.aiter_stream():
                read += len(part)
                if read > _READ:
                    return


class _LookingAtAddresses(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were looked at, and to no name."""

    def __init__(self, allow_private: bool, resolve: Resolve) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()
        # One at a time: a name server that does not answer holds up one thread and not all of them.
        self._resolving = asyncio.Lock()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- the library asks so
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        *others, last = await self._allowed(host)
        for address in others:
            try:
                return await self._network.connect_tcp(address, port, _ADDRESS_SECONDS, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue  # the next address may answer
        return await self._network.connect_tcp(last, port, timeout, local_address, socket_options)

    async def _allowed(self, host: str) -> list[str]:
        async with self._resolving:
            found = await self._resolve(host)
        allowed = [address for address in found if self._allow_private or is_public(address)]
        if not allowed:
            # Not which one it is: whoever sets the address of a webhook is not to learn what the network looks like.
            raise PrivateAddress("the host has no public address, and nothing is sent to private ones")
        return allowed

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


def _line(error: Exception) -> str:
    text = " ".join(f"{error}".split()) or type(error).__name__
    return text[:_SHOWN]

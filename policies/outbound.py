"""The way out to other systems: one POST, to an address that may be asked.

>>> async with Outbound() as out:  # doctest: +SKIP
...     await out.post("https://push.example/s/1", {"ttl": "60"}, b"…")
201

The connection goes to the very address that was looked at: a name that resolves to another one a moment later leads
nowhere else. Redirects are not followed, and no proxy of the environment is used.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from ipaddress import ip_address
from types import TracebackType
from typing import Self

import httpcore

from domain.errors import PrivateAddress, Undelivered

__all__ = ["Outbound", "Resolve"]

Resolve = Callable[[str], Awaitable[list[str]]]
"""The addresses of a host, the best one first."""

_WITHIN = 10.0


async def resolve(host: str) -> list[str]:
    """The addresses of a host as this machine resolves it. Raises `Undelivered`."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Undelivered("the name of the host cannot be resolved") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Outbound:
    """Connections to other systems; `within` is the time in seconds for one request in all."""

    def __init__(self, *, allow_private: bool = False, within: float = _WITHIN, resolve: Resolve = resolve) -> None:
        self._within = within
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=_LookingAtAddresses(allow_private, resolve)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer, whatever it is; nothing of its body is read.

        Raises `Undelivered` where there is no answer in time, and `PrivateAddress` where nobody was asked.
        """
        try:
            async with asyncio.timeout(self._within):
                async with self._pool.stream("POST", url, headers=list(headers.items()), content=body) as answer:
                    return answer.status
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise Undelivered(f"no answer within {self._within:g} s") from error
        except (OSError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise Undelivered("no answer") from error


class _LookingAtAddresses(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were looked at, and to no name."""

    def __init__(self, allow_private: bool, resolve: Resolve) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- the library asks so
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        for address in await self._resolve(host):
            if self._allow_private or ip_address(address).is_global:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
        raise PrivateAddress("the host has no public address, and nothing is sent to private ones")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)

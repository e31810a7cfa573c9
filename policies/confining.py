"""Where a library may connect that opens connections of its own, and for how long.

>>> with Confinement(allow_private=False) as confinement:  # doctest: +SKIP
...     confinement.run(library.send)

The interpreter tells of each connection before it is made (the audit events `socket.connect` and `socket.sendto`), with
the very address that it leads to: what a name resolves to a moment later leads nowhere else. `end` cuts off what has
been connected, so that a thread that waits for a peer who says a byte a second is free again. What a library connects
by machine code of its own is not told of; of the channels that can be had here none does.
"""

import contextlib
import socket
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from policies.outbound import is_public

__all__ = ["Confinement"]

_T = TypeVar("_T")

_confinement: ContextVar["Confinement | None"] = ContextVar("confinement", default=None)
_TOLD: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class Confinement:
    """What is done in it connects to public addresses only, unless `allow_private`, and to nothing once it has ended.

    `was_refused` says whether it tried to connect to any other address.
    """

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._lock = threading.Lock()
        self._connected: list[socket.socket] = []
        self._has_ended = False
        self.was_refused = False

    def run(self, work: Callable[[], _T]) -> _T:
        """Do something in it, in this thread and in those that it hands its context to."""
        context = copy_context()
        context.run(_confinement.set, self)
        return context.run(work)

    def end(self) -> None:
        """Cut off whatever is connected, and let nothing else be."""
        with self._lock:
            self._has_ended = True
            connected, self._connected = self._connected, []
        for one in connected:
            with contextlib.suppress(OSError):  # it has ended by itself
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def check(self, connecting: socket.socket, address: Any) -> None:
        """Raises `OSError` where a socket must not lead to this address."""
        if not self._allow_private and not _is_public(connecting, address):
            self.was_refused = True
            raise PermissionError("nothing is sent to addresses that are not public")
        with self._lock:
            if self._has_ended:
                raise TimeoutError("it took too long")
            # Of our own: the library's may be closed, and its number be that of another connection by then.
            self._connected.append(socket.fromfd(connecting.fileno(), connecting.family, connecting.type))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def _is_public(connecting: socket.socket, address: Any) -> bool:
    if connecting.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
        return False
    host = str(address[0]).partition("%")[0]
    try:
        ip_address(host)
    except ValueError:
        return False  # a name, which would be resolved after it was looked at
    return is_public(host)


def _look(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _TOLD and (confinement := _confinement.get()) is not None:
        connecting, address = arguments[0], arguments[1]
        confinement.check(connecting, address)


sys.addaudithook(_look)

"""The network between a phone and a server, which a test cuts, mends, and lets lose answers."""

import contextlib
import select
import socket
import threading
from typing import Self

__all__ = ["Line"]


class Line:
    """The network between a phone and a server, whose address stays the same whatever becomes of the server.

    `cut()` is no network, `mend()` has it again; `losing` holds bytes: the answers to the requests that hold them are
    dropped after the server has given them, and counted in `lost`.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.losing: bytes | None = None
        self.lost = 0
        self._is_cut = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def cut(self) -> None:
        self._is_cut.set()
        for one in list(self._open):
            _end(one)

    def mend(self) -> None:
        self._is_cut.clear()

    def _accept(self) -> None:
        while True:
            try:
                phone, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(phone,), daemon=True).start()

    def _carry(self, phone: socket.socket) -> None:
        with phone, contextlib.suppress(OSError):
            if self._is_cut.is_set():
                return
            with socket.create_connection(("127.0.0.1", self.port)) as server:
                self._open |= {phone, server}
                try:
                    self._pass(phone, server)
                finally:
                    self._open -= {phone, server}

    def _pass(self, phone: socket.socket, server: socket.socket) -> None:
        is_lost = False
        while True:
            for source in select.select([phone, server], [], [])[0]:
                if not (said := source.recv(65536)):
                    return
                if source is phone:
                    is_lost = self.losing is not None and (is_lost or self.losing in said)
                    server.sendall(said)
                elif is_lost:
                    self.lost += 1
                    return
                else:
                    phone.sendall(said)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._listening)
        self._listening.close()
        self.cut()
        self._thread.join()


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)

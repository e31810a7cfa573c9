"""Where messages arrive in the tests: a web address that takes JSON, and a mail server. Both are real, on loopback."""

import email
import json
import socket
import threading
import time
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from uuid import uuid4

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

__all__ = ["Inbox", "Mailbox", "eventually"]

_WITHIN = 15.0


def eventually(holds: Callable[[], bool], *, within: float = _WITHIN) -> None:
    """Until it holds; fails where it does not in time."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not come so far"
        time.sleep(0.02)


class Inbox:
    """Takes messages by `json://`. `answer` is asked for the status of each; None keeps the sender waiting.

    What was meant for one that had the same port before is not taken.
    """

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.ids: list[str | None] = []
        self.times: list[float] = []
        self.answer: Callable[[int], int | None] = lambda _: 200
        self.released = threading.Event()
        self._name = uuid4().hex
        self._requests = 0
        self._lock = threading.Lock()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                is_ours = self.path.startswith(f"/{inbox._name}/")
                status = inbox._take(body, self.headers.get("Upheld-Message")) if is_ours else 404
                if status is None:
                    inbox.released.wait(30)
                    status = 500
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the library
                """The test says what it saw."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def _take(self, body: dict[str, Any], id: str | None) -> int | None:
        with self._lock:
            self._requests += 1
            status = self.answer(self._requests)
            if status == 200:
                self.got.append(body)
                self.ids.append(id)
                self.times.append(time.monotonic())
            return status

    @property
    def requests(self) -> int:
        return self._requests

    def channel(self, to: str = "inbox") -> str:
        """The channel that leads here."""
        return f"json://127.0.0.1:{self._server.server_address[1]}/{self._name}/{to}"

    @property
    def texts(self) -> list[str]:
        return [str(message["message"]) for message in self.got]

    def wait(self, count: int, *, within: float = _WITHIN) -> list[str]:
        """The texts of the messages, once there are so many."""
        eventually(lambda: len(self.got) >= count, within=within)
        return self.texts

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


class Mailbox:
    """A mail server that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.port = _free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - named by the library
        assert isinstance(envelope.content, bytes)
        self.got.append(email.message_from_bytes(envelope.content))
        return "250 kept"

    def channel(self, to: str) -> str:
        return f"mailto://127.0.0.1:{self.port}/?from=upheld@example.com&to={to}&mode=insecure&format=text"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

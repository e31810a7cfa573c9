"""A system that receives webhooks: an HTTP server on loopback, in a thread, which verifies what it is sent."""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

import standardwebhooks

__all__ = ["SECRETS", "Received", "Receiver"]

SECRETS = ("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", "whsec_YWJjZGVmZ2hpamFiY2RlZmdoaWphYmNkZWZnaGlq")


class Received(NamedTuple):
    """A message, verified with the secrets that the receiver knows."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def position(self) -> int:
        """Where the event is in the log; 0 of a sample."""
        return int(self.body["data"].get("position", 0))


Answer = int | Callable[[Received], int]


class Receiver:
    """Answers every message with `answer`, a status or what makes one of the message.

    >>> with Receiver() as receiver:  # doctest: +SKIP
    ...     receiver.answer = 500
    """

    def __init__(self, port: int = 0, secrets: tuple[str, ...] = SECRETS[:1]) -> None:
        self.asked: list[Received] = []
        self.received: list[Received] = []
        self.answer: Answer = 204
        self.location: str | None = None
        self.connections = 0
        self._verifiers = [standardwebhooks.Webhook(secret) for secret in secrets]
        self._server = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    @property
    def positions(self) -> list[int]:
        return sorted(message.position for message in self.received)

    @property
    def times(self) -> Counter[str]:
        """How often each message was received, by its id."""
        return Counter(message.id for message in self.received)

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        for verifier in self._verifiers:
            verifier.verify(body, dict(headers))
        message = Received(path, headers, json.loads(body))
        self.asked.append(message)
        status = self.answer(message) if callable(self.answer) else self.answer
        if 200 <= status < 300:
            self.received.append(message)
        return status

    def wait(self, holds: Callable[[], object], within: float = 15) -> None:
        deadline = time.monotonic() + within
        while not holds():
            assert time.monotonic() < deadline, (self.positions, [message.position for message in self.asked])
            time.sleep(0.01)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], receiver: Receiver) -> None:
        super().__init__(address, _Handler)
        self.receiver = receiver

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that was killed, or that has enough, is none of the receiver's business."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.receiver.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.server.receiver.take(self.path, headers, body)
        try:
            self.send_response(status)
            if self.server.receiver.location is not None:
                self.send_header("location", self.server.receiver.location)
            self.send_header("content-length", "2" if status != 204 else "0")
            self.end_headers()
            self.wfile.write(b"ok" if status != 204 else b"")
        except ConnectionError:
            pass  # whoever asked did not wait

    def log_message(self, *_: object) -> None:
        pass

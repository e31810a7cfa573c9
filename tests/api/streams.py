"""Streams of server-sent events, as a browser reads them."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from queue import Empty, Queue
from typing import Any, NamedTuple

import httpx

__all__ = ["Event", "Open", "Stream", "opening"]

WITHIN = 20.0


class Event(NamedTuple):
    name: str
    id: int
    data: dict[str, Any]

    @property
    def commitment(self) -> str:
        return str(self.data["commitment_id"])


class Stream:
    """An open stream, read by a thread of its own."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._events: Queue[Event] = Queue()
        self._began: Queue[int] = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.started = self._began.get(timeout=WITHIN)

    def _read(self) -> None:
        fields: dict[str, str] = {}
        try:
            for line in self._response.iter_lines():
                name, _, value = line.partition(": ")
                if line and name:
                    fields[name] = value
                elif "data" in fields:
                    self._events.put(Event(fields["event"], int(fields["id"]), json.loads(fields["data"])))
                elif "id" in fields:
                    self._began.put(int(fields["id"]))
                if not line:
                    fields = {}
        except (httpx.HTTPError, httpx.StreamError):
            pass  # it was closed

    def next(self, within: float = WITHIN) -> Event:
        return self._events.get(timeout=within)

    def of(self, id: str, within: float = WITHIN) -> Event:
        """The next event about a commitment; others may come before it."""
        deadline = time.monotonic() + within
        while (event := self.next(max(deadline - time.monotonic(), 0.01))).data.get("commitment_id") != id:
            pass
        return event

    def stays_silent(self, seconds: float = 1.0) -> bool:
        try:
            self.next(seconds)
        except Empty:
            return True
        return False


Open = Callable[..., Stream]


@contextmanager
def opening(url: str, actor: str, path: str = "/v1/flags/stream") -> Iterator[Open]:
    """Opens streams as somebody, from now or behind the event `last`: `open_stream(last, recipient="courier:li")`."""
    with ExitStack() as stack:

        def open_stream(last: int | None = None, **filters: str) -> Stream:
            client = stack.enter_context(httpx.Client(base_url=url, timeout=30, trust_env=False))
            headers = {"X-Actor": actor, **({"Last-Event-ID": str(last)} if last is not None else {})}
            response = stack.enter_context(client.stream("GET", path, params=filters, headers=headers))
            assert response.status_code == 200, response.read()
            assert response.headers["content-type"].startswith("text/event-stream")
            return Stream(response)

        yield open_stream

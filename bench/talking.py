"""Talking HTTP over connections that stay open, with as little of our own work as possible beside what is measured."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

import msgspec

__all__ = ["Answer", "Lines", "Refused", "head"]


_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Refused(Exception):
    """An answer that is not 2xx: what was measured would not be what was meant."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the head as it was sent, and the body."""

    head: bytes
    body: bytes

    @property
    def position(self) -> int:
        """Where the last event that the command caused stands in the log."""
        return int(self.head.lower().split(b"upheld-position:")[1].split(b"\r\n")[0])


def head(method: str, path: str, actor: str, body: object = None) -> bytes:
    """A whole request, ready to be sent again and again."""
    content = msgspec.json.encode(body) if body is not None else b""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"X-Actor: {actor}", f"Content-Length: {len(content)}"]
    if content:
        lines.append("Content-Type: application/json")
    return "\r\n".join([*lines, "", ""]).encode() + content


class Lines:
    """Connections to one process, each of which carries one request at a time.

    >>> async with Lines.open(port, 16) as lines:  # doctest: +SKIP
    ...     (await lines.ask(head("GET", "/livez", "agent:ling"))).body
    b'ok'
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: asyncio.LifoQueue[_Line] = asyncio.LifoQueue()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, port: int, connections: int) -> AsyncIterator[Self]:
        lines = cls(port)
        for _ in range(connections):
            lines._free.put_nowait(await lines._connect())
        try:
            yield lines
        finally:
            while not lines._free.empty():
                lines._free.get_nowait()[1].close()

    async def ask(self, request: bytes) -> Answer:
        """Send a request over the next free connection. Raises `Refused` where the answer is not 2xx."""
        line = await self._free.get()
        try:
            answer = await _exchange(line, request)
        except (asyncio.IncompleteReadError, ConnectionError):
            # A connection that was idle for some seconds is closed by the server, perhaps just now.
            line[1].close()
            line = await self._connect()
            answer = await _exchange(line, request)
        self._free.put_nowait(line)
        if not answer.head.startswith(b"HTTP/1.1 2"):
            asked, _, _ = request.decode().partition("\r\n")
            raise Refused(f"{asked}: {(answer.head + answer.body).decode()}")
        return answer

    async def _connect(self) -> _Line:
        return await asyncio.open_connection("127.0.0.1", self._port)


async def _exchange(line: _Line, request: bytes) -> Answer:
    reader, writer = line
    writer.write(request)
    answered = await reader.readuntil(b"\r\n\r\n")
    length = int(answered.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return Answer(answered, await reader.readexactly(length))

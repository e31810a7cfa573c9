"""Where the messages of a bench arrive: one address, with a path for each person.

>>> async with Inbox.open(lambda: datetime(2027, 3, 2, 6, 30, tzinfo=UTC)) as inbox:  # doctest: +SKIP
...     inbox.address
'json://127.0.0.1:40831'
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import msgspec

__all__ = ["Inbox", "Message"]

_TAKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Message:
    """Who was told when; `about` is what its one promise is about, or `several`."""

    id: str
    to: str
    at: datetime
    about: str


class _Said(msgspec.Struct):
    """What is looked at of a message."""

    template: str


class Inbox:
    """Takes what the product sends by `json://`, and notes it with the time that is simulated."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.got: list[Message] = []
        self.address = ""
        self._now = now

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, now: Callable[[], datetime]) -> AsyncIterator[Self]:
        inbox = cls(now)
        server = await asyncio.start_server(inbox._take, "127.0.0.1", 0)
        inbox.address = f"json://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield inbox

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.splitlines()
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            said = msgspec.json.decode(await reader.readexactly(int(fields["content-length"])), type=_Said)
            to = first.split()[1].strip("/").replace("/", ":")
            about = said.template.partition(".")[0]
            self.got.append(Message(fields["upheld-message"], to, self._now(), about))
            writer.write(_TAKEN)
            await writer.drain()

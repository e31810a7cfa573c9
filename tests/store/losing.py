"""Somebody between a client and PostgreSQL who loses an answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

__all__ = ["Between"]

_SOCKET = ".s.PGSQL.5432"
_IDLE = b"Z\x00\x00\x00\x05I"
"""ReadyForQuery, outside of any transaction (the protocol's message formats): what was sent before is committed."""


class Between:
    """Passes on what client and server say, and cuts the line instead of passing on that something was committed.

    >>> async with Between.open(server.dsn, folder) as between:  # doctest: +SKIP
    ...     connection = await psycopg.AsyncConnection.connect(between.dsn)
    ...     between.lose_the_answer_to(b"noon")
    ...     await connection.execute("INSERT INTO t VALUES ('noon')")
    psycopg.OperationalError: server closed the connection unexpectedly

    `lost` counts the answers that were lost.
    """

    def __init__(self, dsn: str, folder: Path) -> None:
        self._server = str(Path(str(conninfo_to_dict(dsn)["host"])) / _SOCKET)
        self._folder = folder
        self.dsn = make_conninfo(dsn, host=str(folder))
        self.lost = 0
        self._wanted: bytes | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, dsn: str, folder: Path) -> AsyncIterator["Between"]:
        between = cls(dsn, folder)
        async with await asyncio.start_unix_server(between._serve, folder / _SOCKET):
            yield between

    def lose_the_answer_to(self, words: bytes) -> None:
        """Once: the answer to the request that holds these bytes."""
        self._wanted = words

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_unix_connection(self._server)
        asked = asyncio.Event()
        there = asyncio.create_task(self._pass_requests(client, to_server, asked))
        back = asyncio.create_task(self._pass_answers(server, to_client, asked))
        await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        for task, writer in ((there, to_client), (back, to_server)):
            task.cancel()
            writer.close()

    async def _pass_requests(
        self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter, asked: asyncio.Event
    ) -> None:
        tail = b""
        while chunk := await client.read(65536):
            tail += chunk
            if self._wanted is not None and self._wanted in tail:
                self._wanted = None
                asked.set()
            tail = tail[-1024:]
            to_server.write(chunk)

    async def _pass_answers(
        self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter, asked: asyncio.Event
    ) -> None:
        while chunk := await server.read(65536):
            if asked.is_set() and _IDLE in chunk:
                self.lost += 1
                return
            to_client.write(chunk)

"""What encryption costs: appends, and building a projection anew, beside the same with all of it left out."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from bench.appends import appended, commitment
from bench.measure import Contender, Figure, Goal, Options, interleaved
from projections import rebuild
from projections.checkpoints import prepare
from projections.commitments import COMMITMENTS
from projections.leader import hold
from store import migrations
from store.clock import SystemClock
from store.database import Database
from store.keyring import Keyring
from store.ledger import Ledger
from store.writer import Writer

__all__ = ["GOALS", "Unencrypted", "encryption"]

_COMMITMENTS = 20_000
_AT_ONCE = 200
_IN_FLIGHT = 256
_OVERHEAD = 29
"""What encryption adds to a text."""

_APPENDS, _PLAIN_APPENDS = "appends, encrypted", "appends, not encrypted"
_REBUILD, _PLAIN_REBUILD = "rebuild of commitments, encrypted", "rebuild of commitments, not encrypted"

GOALS = (
    Goal(_APPENDS, "events/s", per=(_PLAIN_APPENDS,), at_least=0.85),
    Goal(_REBUILD, "events/s", per=(_PLAIN_REBUILD,), at_least=0.85),
)


class Unencrypted(Keyring):
    """The same in everything but encryption: as many bytes are written and read, and none is encrypted.

    >>> keyring = Unencrypted(bytes(32))
    >>> keyring.open(b"", keyring.seal(b"", b"Tuesday", b""), b"")
    b'Tuesday'
    """

    def seal(self, key: bytes, plaintext: bytes, context: bytes) -> bytes:
        del key, context
        return bytes(_OVERHEAD) + plaintext

    def open(self, key: bytes, sealed: bytes, context: bytes) -> bytes:
        del key, context
        return sealed[_OVERHEAD:]

    def wrap(self, stream_id: UUID, key: bytes) -> bytes:
        del stream_id
        return bytes(_OVERHEAD) + key

    def unwrap(self, stream_id: UUID, wrapped: bytes) -> bytes:
        del stream_id
        return wrapped[_OVERHEAD:]

    def key_of(self, stream_id: UUID, wrapped: bytes | None) -> bytes | None:
        del stream_id
        return wrapped[_OVERHEAD:] if wrapped is not None else None


async def encryption(options: Options) -> list[Figure]:
    """Events a second with and without it, each on a server of its own."""
    master, many = bytes(32), options.commitments or _COMMITMENTS
    async with (
        _log(options.folder / "encrypted", Keyring(master), many) as encrypted,
        _log(options.folder / "plain", Unencrypted(master), many) as plain,
    ):
        contenders: dict[str, Contender] = {
            _APPENDS: partial(encrypted.appends, options.seconds),
            _PLAIN_APPENDS: partial(plain.appends, options.seconds),
            _REBUILD: encrypted.rebuild,
            _PLAIN_REBUILD: plain.rebuild,
        }
        return await interleaved(contenders, options.rounds)


class _Log:
    """A log, and how fast it is written and read."""

    def __init__(self, database: Database, keyring: Keyring, writer: Writer) -> None:
        self._database, self._keyring, self._writer = database, keyring, writer
        self._ledger = Ledger(database, keyring, writer, SystemClock())

    async def fill(self, commitments: int) -> None:
        """Write so many promises."""
        for start in range(0, commitments, _AT_ONCE):
            await self._ledger.begin_all([commitment(uuid4()) for _ in range(min(_AT_ONCE, commitments - start))])

    async def appends(self, seconds: float) -> dict[str, float]:
        """Facts that are decided already, many in flight."""
        return await appended(self._writer, self._keyring, _IN_FLIGHT, seconds)

    async def rebuild(self) -> dict[str, float]:
        """From reading the first fact until the rows stand."""
        async with await self._database.connect("rebuild") as conn, hold(conn, "rebuild"):
            await prepare(conn, [COMMITMENTS])
            ((events,),) = await self._database.fetch("SELECT count(*) FROM stored_events")
            began = time.perf_counter()
            await rebuild.rebuild(self._database, self._keyring, [COMMITMENTS], conn)
            return {"events/s": events / (time.perf_counter() - began)}


@asynccontextmanager
async def _log(data_dir: Path, keyring: Keyring, commitments: int) -> AsyncIterator[_Log]:
    async with Database.open(None, data_dir) as database:
        async with await database.connect("bench") as conn:
            await migrations.apply(conn)
        writer = Writer(database, SystemClock())
        running = asyncio.create_task(writer.run())
        try:
            log = _Log(database, keyring, writer)
            await log.fill(commitments)
            yield log
        finally:
            await writer.close()
            await running

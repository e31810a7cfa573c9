"""Sealing: what was recorded is sealed every ten seconds or every thousand events, and seals are given away.

>>> await SealingPolicy(ledger.now, keyring, Sealing()).run(conn)  # doctest: +SKIP
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import psycopg
import structlog
from psycopg import AsyncConnection

from domain.errors import Undelivered
from domain.sealing import Sealing
from policies.outbound import Outbound
from store.keyring import Keyring
from store.seals import MOST, Seal, put_seal, set_published, unpublished, unsealed

__all__ = ["SealingPolicy"]

log = structlog.get_logger("upheld.seals")

_EVERY_SECONDS = 10.0
_LOOK_SECONDS = 0.5
_AT_ONCE = 100
"""Seals that are given away together."""
_LONGEST = 1 << 16
"""More than a line of a file of seals has."""


class SealingPolicy:
    """Seals the log, and gives seals away where the configuration says so. One process at a time does it."""

    def __init__(
        self,
        now: Callable[[], Awaitable[datetime]],
        keyring: Keyring,
        sealing: Sealing,
        *,
        every: float = _EVERY_SECONDS,
        most: int = MOST,
    ) -> None:
        self._now = now
        self._keyring = keyring
        self._sealing = sealing
        self._every = every
        self._most = most
        self._waiting_since: float | None = None
        self._next_try = 0.0

    async def run(self, conn: AsyncConnection[Any]) -> None:
        """Follow the log until cancelled."""
        async with Outbound(allow_private=self._sealing.allow_private) as out:
            while True:
                while await self.advance(conn):
                    pass
                await self._publish(conn, out)
                await asyncio.sleep(_LOOK_SECONDS)

    async def advance(self, conn: AsyncConnection[Any]) -> bool:
        """Seal what is due; answers whether there may be more of it at once."""
        time, positions = asyncio.get_running_loop().time(), await unsealed(conn)
        if positions == 0:
            self._waiting_since = None
            return False
        if self._waiting_since is None:
            self._waiting_since = time
        is_due = time - self._waiting_since >= self._every
        if not is_due and positions < self._most:
            return False
        try:
            seal = await put_seal(
                conn, self._keyring, await self._now(), most=self._most, least=1 if is_due else self._most
            )
        except psycopg.errors.UniqueViolation:
            # Somebody who stood still has gone on, or this process has: the chain stays one all the same.
            return True
        if seal is not None and seal.size < self._most:
            self._waiting_since = None
        return seal is not None

    async def _publish(self, conn: AsyncConnection[Any], out: Outbound) -> None:
        time = asyncio.get_running_loop().time()
        if self._sealing.publish is None or time < self._next_try:
            return
        while seals := await unpublished(conn, _AT_ONCE):
            try:
                given = await self._give(seals, out)
            except (OSError, Undelivered) as error:
                log.warning("seals could not be published", to=self._sealing.publish, error=str(error))
                self._next_try = time + self._every
                return
            await set_published(conn, given)

    async def _give(self, seals: Sequence[Seal], out: Outbound) -> list[Seal]:
        """Give seals away in order. What was given twice, since it was not noted that it was, is the same."""
        publish = self._sealing.publish or ""
        if not self._sealing.is_address:
            await asyncio.to_thread(_append, Path(publish), seals)
            return list(seals)
        status = await out.post(publish, {"content-type": "application/json"}, _line(seals[0]))
        if not 200 <= status < 300:
            raise Undelivered(f"it answered {status}")
        return [seals[0]]


def _line(seal: Seal) -> bytes:
    return msgspec.json.encode(seal.shown())


def _append(file: Path, seals: Sequence[Seal]) -> None:
    """Write seals behind those that are there, and have them on disk.

    Nothing is taken back, not even a line that a crash cut off: the rest of it is written. Raises `Undelivered` where
    the file ends with what these seals do not come from: somebody had the log sealed anew, or restored a backup.
    """
    with file.open("a+b") as appended:
        last, begun = _end_of(appended)
        text = b"".join(_line(seal) + b"\n" for seal in _behind(last, seals))
        if not text.startswith(begun):
            raise Undelivered("the file ends with a line that is no seal of this log")
        appended.write(text[len(begun) :])
        appended.flush()
        os.fsync(appended.fileno())


def _end_of(file: BinaryIO) -> tuple[bytes, bytes]:
    """The last whole line of a file, and what stands behind it; empty where there is none."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _LONGEST, 0))
    *lines, begun = file.read().split(b"\n")
    return next((line for line in reversed(lines) if line.strip()), b""), begun


def _behind(last: bytes, seals: Sequence[Seal]) -> Sequence[Seal]:
    """Those of the seals that come behind the last one in the file."""
    if not last:
        return seals
    try:
        known = Seal.read(last)
    except ValueError as error:
        raise Undelivered("the file ends with a line that is no seal") from error
    # What was written, and not noted before a crash, is there already.
    again = next((index for index, seal in enumerate(seals) if seal.number == known.number), None)
    if again is not None and seals[again].signature == known.signature:
        return seals[again + 1 :]
    if again is None and seals[0].number == known.number + 1 and seals[0].previous == known.digest():
        return seals
    raise Undelivered(f"the file ends with seal {known.number}, and the seals of this log do not go on from that one")

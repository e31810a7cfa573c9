"""Feeding one projection from the log: a page in a transaction, together with the checkpoint.

What fails again and again is found, parked with its stream, and holds up nobody else.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter, Histogram
from psycopg import AsyncConnection

from domain.errors import UpheldError
from projections.checkpoints import SQL, SYSTEMIC, Checkpoint, Failure, Fenced, leave_out
from projections.folding import States, Taker, show
from projections.log import Log, by_stream, read_earlier, read_facts
from projections.projection import Projection, Recorded
from store.keyring import Keyring

__all__ = ["Feed", "StandsAside", "retry_parked", "take_alone"]

log = structlog.get_logger("upheld.feed")

_TRIES = 3
_PAUSES = (0.05, 0.2)

_events = Counter("upheld_projection_events", "Facts that a projection took in", ["projection"])
_seconds = Histogram(
    "upheld_projection_page_seconds",
    "Duration of one page of a projection",
    ["projection"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)


class StandsAside(UpheldError):
    """The tables that stand are of another version than this process knows; another one feeds them."""


class Feed:
    """Feeds one projection.

    >>> await Feed(database_log, keyring, FLAGS).run(conn)  # doctest: +SKIP
    """

    def __init__(self, log: Log, keyring: Keyring, projection: Projection) -> None:
        self._log = log
        self._keyring = keyring
        self._projection = projection
        self._states = States()
        self._checkpoint: Checkpoint | None = None

    async def run(self, conn: AsyncConnection[Any]) -> None:
        """Feed until cancelled. Raises `StandsAside` where the version that stands is not ours."""
        # What a crash of the server takes back, rows and checkpoint together, is projected again.
        await conn.execute("SET synchronous_commit = off")
        self._forget()
        while True:
            checkpoint = await self._where(conn)
            await self._take(conn, checkpoint, await self._log.after(checkpoint.position))

    async def catch_up(self, conn: AsyncConnection[Any]) -> None:
        """Feed until nothing is left now."""
        self._forget()
        while page := await self._log.read((checkpoint := await self._where(conn)).position):
            await self._take(conn, checkpoint, page)

    def _forget(self) -> None:
        self._checkpoint = None
        self._states.forget()

    async def _where(self, conn: AsyncConnection[Any]) -> Checkpoint:
        if self._checkpoint is None:
            self._checkpoint = await Checkpoint.read(conn, self._projection.name)
        if self._checkpoint is None or self._checkpoint.version != self._projection.version:
            raise StandsAside(f"the projection {self._projection.name} stands in another version")
        return self._checkpoint

    async def _take(self, conn: AsyncConnection[Any], checkpoint: Checkpoint, page: Sequence[Recorded]) -> None:
        """Take in a page, whatever it holds; a second try reads anew where the projection stands."""
        for attempt in range(1, _TRIES + 1):
            try:
                with _seconds.labels(self._projection.name).time():
                    await self._write(conn, checkpoint, page)
                break
            except Fenced as error:
                log.info("reads its checkpoint again", projection=self._projection.name, why=str(error))
                self._forget()
                return
            except SYSTEMIC:
                raise
            except Exception:
                self._states.forget()
                if attempt == _TRIES:
                    await self._isolate(conn, checkpoint, page)
                    break
                log.exception("a page failed", projection=self._projection.name, attempt=attempt)
                await asyncio.sleep(_PAUSES[attempt - 1])
        self._states.trim()
        checkpoint.position = page[-1].position
        _events.labels(self._projection.name).inc(len(page))

    async def _write(self, conn: AsyncConnection[Any], checkpoint: Checkpoint, page: Sequence[Recorded]) -> None:
        shown = self._projection.page(self._keyring)
        own = self._own(checkpoint, page)
        await self._states.recall(own, self._log.earlier)
        await show(own, self._states, [Taker(shown, checkpoint.position)])
        async with conn.transaction():
            await checkpoint.move(conn, page[-1].position, page[-1].recorded_at)
            await shown.write(conn)

    def _own(self, checkpoint: Checkpoint, page: Sequence[Recorded]) -> list[Recorded]:
        """What the projection is shown of a page of the log."""
        categories, parked = self._projection.page.categories, checkpoint.parked
        return [fact for fact in page if fact.category in categories and fact.stream not in parked]

    async def _isolate(self, conn: AsyncConnection[Any], checkpoint: Checkpoint, page: Sequence[Recorded]) -> None:
        """Take in each stream of a page by itself, and park those that fail."""
        failures: list[Failure] = []
        async with conn.transaction():
            await checkpoint.move(conn, page[-1].position, page[-1].recorded_at)
            for own in by_stream(self._own(checkpoint, page)).values():
                if failure := await take_alone(conn, self._projection, self._keyring, self._states, own):
                    await checkpoint.park(conn, self._projection, failure)
                    failures.append(failure)
        for failure in failures:
            where = {"stream": str(failure.stream), "position": failure.position}
            log.error("parked", projection=self._projection.name, **where, error=str(failure))


async def take_alone(
    conn: AsyncConnection[Any], projection: Projection, keyring: Keyring, states: States, own: Sequence[Recorded]
) -> Failure | None:
    """Take in facts of one stream, if there are any, or nothing of them; answers what failed."""
    if not own:
        return None
    fact = own[0]
    try:
        async with conn.transaction():
            shown = projection.page(keyring)
            await states.recall(own, partial(read_earlier, conn, keyring))
            for fact in own:
                await show([fact], states, [Taker(shown, 0)])
            await shown.write(conn)
    except SYSTEMIC:
        raise
    except Exception as error:
        return Failure(fact.stream, fact.position, error)
    return None


async def retry_parked(
    conn: AsyncConnection[Any], keyring: Keyring, projection: Projection, stream: UUID
) -> Failure | None:
    """Take a parked stream in again, from its beginning up to where the projection stands; answers what failed.

    Raises `StandsAside` where the tables are of another version than ours.
    """
    async with conn.transaction():
        # Nobody feeds the projection until this ends; whoever does then looks again what is parked.
        checkpoint = await Checkpoint.read(conn, projection.name, lock=True)
        if checkpoint is None or checkpoint.version != projection.version:
            raise StandsAside(f"the projection {projection.name} stands in another version")
        own = await read_facts(conn, keyring, "stream", (checkpoint.position, stream))
        failure = await take_alone(conn, projection, keyring, States(), own)
        if failure is None:
            await conn.execute(SQL["release"], (projection.name, False, stream))
        else:
            await leave_out(conn, projection, failure)
        await conn.execute(SQL["count_parking"], (projection.name,))
    return failure

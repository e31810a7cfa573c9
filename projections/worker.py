"""The worker: feeds the projections, page by page, each page in one transaction with the checkpoints.

One worker is active on a database at a time: it holds an advisory lock on its connection, and moves a checkpoint
only from where it read it, so that a stalled one cannot write behind the back of the next.
"""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

from prometheus_client import Counter, Gauge
from psycopg import AsyncConnection

from domain.errors import UpheldError
from projections.leader import lead
from projections.projection import Page, Projection, Recorded, State
from store.database import Database
from store.facts import read_fact
from store.keyring import Keyring
from store.queries import queries

__all__ = ["Worker", "prepare"]

SQL = queries("projections", "worker.sql")

_LOCK = 7_355_608
_PAGE = 500
_POLL_SECONDS = 0.25
_REMEMBERED = 5_000

_position = Gauge("upheld_projection_position", "Position a projection has reached", ["projection"])
_events = Counter("upheld_projection_events", "Events projected")


class Fenced(UpheldError):
    """Another worker moved the checkpoint; this one must not write."""


async def prepare(conn: AsyncConnection[Any], projections: Sequence[Projection]) -> None:
    """Create the tables of projections that are new, and build those anew whose version changed."""
    async with conn.transaction():
        await conn.execute(SQL["lock_tables"])
        known = dict(await (await conn.execute(SQL["versions"])).fetchall())
        for projection in projections:
            if known.get(projection.name) != projection.version:
                await conn.execute(projection.sql["schema"])
                await conn.execute(projection.sql["indexes"])
                await conn.execute(SQL["begin"], (projection.name, projection.version))


class Worker:
    """Feeds `projections` until it is cancelled.

    >>> async with asyncio.TaskGroup() as tasks:  # doctest: +SKIP
    ...     tasks.create_task(Worker(database, keyring, ALL).run())
    """

    def __init__(self, database: Database, keyring: Keyring, projections: Sequence[Projection]) -> None:
        self._database = database
        self._keyring = keyring
        self._projections = projections
        self._states: OrderedDict[UUID, State] = OrderedDict()

    async def run(self) -> None:
        await lead(self._database, "worker", _LOCK, self._follow)

    async def _follow(self, conn: AsyncConnection[Any]) -> None:
        self._states.clear()
        await conn.execute("LISTEN stored_events")
        while True:
            await self.catch_up(conn)
            async for _ in conn.notifies(timeout=_POLL_SECONDS, stop_after=1):
                pass

    async def catch_up(self, conn: AsyncConnection[Any]) -> None:
        """Project until nothing is left.

        >>> await Worker(database, keyring, ALL).catch_up(conn)  # doctest: +SKIP
        """
        while await self._project_page(conn):
            pass

    async def _project_page(self, conn: AsyncConnection[Any]) -> int:
        """Project the next page; answers how many facts it held."""
        names = [projection.name for projection in self._projections]
        positions = dict(await (await conn.execute(SQL["positions"], (names,))).fetchall())
        after = min(positions.values())
        rows = await (await conn.execute(SQL["page"], (after, _PAGE))).fetchall()
        if not rows:
            return 0
        pages = [(projection, projection.page(self._keyring)) for projection in self._projections]
        await self._feed(conn, rows, [(positions[projection.name], page) for projection, page in pages])
        last, recorded_at = rows[-1][0], rows[-1][5]
        async with conn.transaction():
            for projection, page in pages:
                await page.write(conn)
                position = positions[projection.name]
                if position < last:
                    moved = await conn.execute(SQL["move"], (last, recorded_at, projection.name, position))
                    if moved.rowcount != 1:
                        raise Fenced(f"another worker feeds the projection {projection.name}")
        for name in names:
            _position.labels(name).set(last)
        _events.inc(len(rows))
        return len(rows)

    async def _feed(
        self, conn: AsyncConnection[Any], rows: Sequence[tuple[Any, ...]], pages: Sequence[tuple[int, Page]]
    ) -> None:
        await self._recall(conn, rows)
        for position, stream, version, topic, stored, recorded_at, wrapped in rows:
            key = self._keyring.unwrap(stream, wrapped) if wrapped is not None else None
            fact = read_fact(self._keyring, key, stream, version, topic, stored)
            state = fact.mutate(self._states.get(stream))
            self._states[stream] = state
            self._states.move_to_end(stream)
            recorded = Recorded(position, recorded_at.astimezone(UTC), stream, topic, fact, key)
            for reached, page in pages:
                if position > reached:
                    page.see(recorded, state)
        while len(self._states) > _REMEMBERED:
            self._states.popitem(last=False)

    async def _recall(self, conn: AsyncConnection[Any], rows: Sequence[tuple[Any, ...]]) -> None:
        """Fold the states that this page goes on from and that this worker does not remember."""
        first: dict[UUID, int] = {}
        for _, stream, version, *_ in rows:
            first.setdefault(stream, version)
        for stream, version in first.items():
            state = self._states.get(stream)
            if state is not None and state.version != version - 1:
                del self._states[stream]
        missing = [(s, v) for s, v in first.items() if v > 1 and s not in self._states]
        if not missing:
            return
        earlier = await conn.execute(SQL["earlier"], ([s for s, _ in missing], [v for _, v in missing]))
        for stream, version, topic, stored, wrapped in await earlier.fetchall():
            key = self._keyring.unwrap(stream, wrapped) if wrapped is not None else None
            fact = read_fact(self._keyring, key, stream, version, topic, stored)
            self._states[stream] = fact.mutate(self._states.get(stream))

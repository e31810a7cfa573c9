"""Building projections anew, beside those that are read, and putting them in their place at once.

First the streams are folded one after another, in the order in which they began: each fact is read once, whatever
came between, and each row is written once. Then the log is followed from where it stood at the beginning, and at
the end, in one short transaction, the new tables take the place of the old. A build that was interrupted goes on.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg import AsyncConnection, sql
from psycopg.sql import Identifier

from projections.checkpoints import SQL as CHECKPOINTS
from projections.checkpoints import SYSTEMIC, Checkpoint, leave_out, make_tables
from projections.feed import take_alone
from projections.folding import States, Taker, show
from projections.log import PAGE, by_stream, read_earlier, read_facts
from projections.log import SQL as LOG
from projections.projection import Projection, Recorded
from store.database import PLANNED_FOR_FULL_TABLES, Database, configure
from store.keyring import Keyring
from store.queries import queries

__all__ = ["Progress", "rebuild"]

log = structlog.get_logger("upheld.rebuild")
SQL = queries("projections", "rebuild.sql")

_STREAMS = 300
"""Streams folded and written together."""

_SESSION = {
    **PLANNED_FOR_FULL_TABLES,
    "synchronous_commit": "off",
    "maintenance_work_mem": "256MB",
    "idle_in_transaction_session_timeout": "30s",
}
_SWAP_TRIES = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """How far building has come: `done` of `total` positions of the log, and what is being done."""

    step: str
    done: int
    total: int


@dataclass(slots=True)
class _Build:
    """One projection that is being built. `position` is None until all streams up to `target` are folded."""

    projection: Projection
    tables: list[str]
    target: int
    folded: int
    position: int | None
    parked: set[UUID] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.projection.name

    @property
    def reached(self) -> int:
        return self.position or 0

    def taker(self, keyring: Keyring) -> Taker:
        return Taker(self.projection.page(keyring), self.reached, self.parked)


async def rebuild(
    database: Database,
    keyring: Keyring,
    projections: Sequence[Projection],
    conn: AsyncConnection[Any],
    tell: Callable[[Progress], None] = lambda _: None,
) -> None:
    """Build projections anew and put them in place; whoever calls holds the lock `rebuild`.

    `conn` is used for this alone. Readers go on reading the old tables until the new ones stand there.

    >>> await rebuild(database, keyring, [FLAGS], conn, lambda progress: print(progress.step))  # doctest: +SKIP
    folding
    indexing
    following
    """
    await configure(conn, _SESSION)
    row = await (await conn.execute("SELECT current_schema()")).fetchone()
    home: str = row[0] if row else "public"
    await conn.execute(sql.SQL("SET search_path TO building, {}").format(Identifier(home)))
    building = _Building(conn, keyring, home, tell)
    builds = [await building.begin(projection) for projection in projections]
    async with await database.connect("rebuild-read", _SESSION) as reading:
        unfolded = sorted((build for build in builds if build.position is None), key=lambda b: (b.target, b.folded))
        for _, group in groupby(unfolded, key=lambda b: (b.target, b.folded)):
            await building.fold(reading, list(group))
        await building.follow(reading, builds)
    for build in builds:
        await building.try_again(build)
    for build in builds:
        await building.stand(build)
        log.info("rebuilt", projection=build.name, version=build.projection.version)


class _Building:
    """The steps of building, on one connection."""

    def __init__(
        self, conn: AsyncConnection[Any], keyring: Keyring, home: str, tell: Callable[[Progress], None]
    ) -> None:
        self._conn = conn
        self._keyring = keyring
        self._home = home
        self._tell = tell

    # -- beginning --------------------------------------------------------------------------------------------------

    async def begin(self, projection: Projection) -> _Build:
        """Go on with a build that was interrupted, or make new tables for one."""
        conn, name = self._conn, projection.name
        async with conn.transaction():
            row = await (await conn.execute(SQL["find"], (name,))).fetchone()
            if row is not None and row[0] == projection.version:
                build = _Build(projection, *row[1:])
                found = await conn.execute(CHECKPOINTS["parked"], (name, True))
                build.parked = {stream for (stream,) in await found.fetchall()}
                return build
            if row is not None:
                await self._drop("building", row[1])
            await conn.execute(SQL["discard_parked"], (name,))
            tables = await make_tables(conn, projection)
            target = (await (await conn.execute(LOG["head"])).fetchone() or (0,))[0]
            await conn.execute(SQL["begin"], (name, projection.version, tables, target))
            return _Build(projection, tables, target, 0, None)

    async def _drop(self, schema: str, tables: Iterable[str]) -> None:
        for table in tables:
            await self._conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(Identifier(schema, table)))

    # -- folding ----------------------------------------------------------------------------------------------------

    async def fold(self, reading: AsyncConnection[Any], builds: list[_Build]) -> None:
        """Fold every stream that began up to the target, then add the indexes.

        While some streams are folded, the next ones are read and the last ones are written.
        """
        target, folded = builds[0].target, builds[0].folded
        categories = sorted({category for build in builds for category in build.projection.page.categories})
        read = partial(self._streams, reading, categories, target)
        fetching = asyncio.create_task(read(folded))
        writing: asyncio.Task[None] | None = None
        try:
            while (found := await fetching)[0]:
                facts, folded = found
                fetching = asyncio.create_task(read(folded))
                takers = [build.taker(self._keyring) for build in builds]
                failed = await self._show(facts, takers)
                if writing is not None:
                    await writing
                writing = asyncio.create_task(self._write_folded(builds, takers, facts, folded, failed))
                self._tell(Progress("folding", folded, target))
            if writing is not None:
                await writing
        finally:
            for task in (fetching, writing):
                if task is not None:
                    task.cancel()
        for build in builds:
            await self._index(build)

    async def _streams(
        self, conn: AsyncConnection[Any], categories: list[str], target: int, after: int
    ) -> tuple[list[Recorded], int]:
        """The facts of the next streams, and where the last of them began, also where its first fact is gone."""
        asked = {"after": after, "target": target, "categories": categories, "limit": _STREAMS}
        rows = await (await conn.execute(LOG["streams"], asked, binary=True)).fetchall()
        return [Recorded(self._keyring, row) for row in rows], rows[-1][-1] if rows else after

    async def _show(self, facts: Sequence[Recorded], takers: Sequence[Taker]) -> bool:
        """Show whole streams; answers whether one of them could not be taken in."""
        try:
            await show(facts, States(), takers)
        except Exception:
            log.exception("some streams could not be folded")
            return True
        return False

    async def _write_folded(
        self, builds: Sequence[_Build], takers: Sequence[Taker], facts: Sequence[Recorded], folded: int, failed: bool
    ) -> None:
        async with self._conn.transaction():
            await self._conn.execute(SQL["fold"], (folded, [build.name for build in builds]))
            if failed or not await self._written(takers):
                await self._isolate(builds, facts)
        for build in builds:
            build.folded = folded

    async def _index(self, build: _Build) -> None:
        self._tell(Progress(f"indexing {build.name}", build.target, build.target))
        async with self._conn.transaction():
            await self._conn.execute(build.projection.sql["indexes"])
            await self._conn.execute(SQL["follow"], (build.target, [build.name]))
        build.position = build.target
        for table in build.tables:
            await self._conn.execute(sql.SQL("ANALYZE {}").format(Identifier("building", table)))

    # -- following --------------------------------------------------------------------------------------------------

    async def follow(self, reading: AsyncConnection[Any], builds: Sequence[_Build]) -> None:
        """Take in what was recorded meanwhile, until little is left."""
        states = States()
        while True:
            after = min(build.reached for build in builds)
            facts = await read_facts(reading, self._keyring, "page", (after, PAGE))
            if facts:
                async with self._conn.transaction():
                    await self._take(builds, facts, states)
                self._tell(Progress("following", facts[-1].position, facts[-1].position))
            if len(facts) < PAGE:
                return

    async def _take(self, builds: Sequence[_Build], facts: Sequence[Recorded], states: States) -> None:
        takers = [build.taker(self._keyring) for build in builds]
        try:
            wanted = [fact for fact in facts if any(taker.wants(fact) for taker in takers)]
            await states.recall(wanted, partial(read_earlier, self._conn, self._keyring))
            await show(facts, states, takers)
            taken = await self._written(takers)
        except SYSTEMIC:
            raise
        except Exception:
            log.exception("some facts could not be taken in")
            taken = False
        if not taken:
            states.forget()
            await self._isolate(builds, facts)
        states.trim()
        last = facts[-1].position
        await self._conn.execute(SQL["follow"], (last, [build.name for build in builds if build.reached < last]))
        for build in builds:
            build.position = max(build.reached, last)

    async def _written(self, takers: Sequence[Taker]) -> bool:
        """Write all pages, or nothing; answers whether it went well."""
        try:
            async with self._conn.transaction():
                for taker in takers:
                    await taker.page.write(self._conn)
        except SYSTEMIC:
            raise
        except Exception:
            log.exception("some rows could not be written")
            return False
        return True

    async def _isolate(self, builds: Sequence[_Build], facts: Sequence[Recorded]) -> None:
        """Take in each stream by itself, and park those that fail."""
        for build in builds:
            taker = build.taker(self._keyring)
            for stream, own in by_stream(fact for fact in facts if taker.wants(fact)).items():
                states = States()
                if failure := await take_alone(self._conn, build.projection, self._keyring, states, own):
                    build.parked.add(stream)
                    await leave_out(self._conn, build.projection, failure, building=True)
                    log.error("parked", projection=build.name, stream=str(stream), error=str(failure))

    async def try_again(self, build: _Build) -> None:
        """Take in once more what was left out: it may be mended since a build that was interrupted met it."""
        for stream in list(build.parked):
            async with self._conn.transaction():
                facts = await read_facts(self._conn, self._keyring, "stream", (build.reached, stream))
                if not await take_alone(self._conn, build.projection, self._keyring, States(), facts):
                    await self._conn.execute(CHECKPOINTS["release"], (build.name, True, stream))
                    build.parked.discard(stream)

    # -- standing ---------------------------------------------------------------------------------------------------

    async def stand(self, build: _Build) -> None:
        """Put the new tables in the place of the old; whoever reads waits for a moment at most."""
        reached, parked = build.position, set(build.parked)
        for attempt in range(1, _SWAP_TRIES + 1):
            build.position, build.parked = reached, set(parked)
            try:
                async with self._conn.transaction():
                    # A reader that takes long must not make all the others wait behind us.
                    await self._conn.execute("SET LOCAL lock_timeout = '300ms'")
                    await self._swap(build)
                return
            except psycopg.errors.LockNotAvailable:
                if attempt == _SWAP_TRIES:
                    raise
                await asyncio.sleep(0.1 * attempt)

    async def _swap(self, build: _Build) -> None:
        conn, name = self._conn, build.name
        standing = await Checkpoint.read(conn, name, lock=True)
        # Who has read his own write must not find it gone again: not behind where the old one stands.
        while standing is not None and build.reached < standing.position:
            facts = await read_facts(conn, self._keyring, "page", (build.reached, PAGE))
            await self._take([build], facts, States())
        position = build.reached
        recorded_at = await (await conn.execute(SQL["recorded_at"], (position,))).fetchone()
        old = await (await conn.execute(SQL["old_tables"], (name,))).fetchone()
        await self._drop(self._home, {*build.tables, *(old[0] if old else ())})
        for table in build.tables:
            move = sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(Identifier("building", table), Identifier(self._home))
            await conn.execute(move)
        values = (name, build.projection.version, position, recorded_at[0] if recorded_at else None, build.tables)
        await conn.execute(SQL["stand"], values)
        await conn.execute(SQL["take_back"], (name,))
        await conn.execute(SQL["keep_parked"], (name,))
        await conn.execute(SQL["end"], (name,))

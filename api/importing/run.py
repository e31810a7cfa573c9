"""The import itself: batch by batch, what a file says and the log does not have yet.

A batch is recorded when the last one is, so that other writers come in between. What was recorded is found
again by its identity, so that an import which ended anywhere is simply run again.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from api.importing.deciding import begin_open, begin_past, bring_up_to_date, outcome
from api.importing.planning import Planned, Refused, reason_of
from api.importing.rejects import Rejects
from api.importing.rows import Row, open_rows
from api.runtime import Runtime
from domain.actors import IMPORTER
from domain.commitment import Commitment
from domain.errors import Invalid
from domain.moment import Moment
from domain.order import Order
from domain.values import Origin
from store.writer import StaleVersion

__all__ = ["Counts", "import_file"]

_BATCH = 100
"""Rows of at most three events each: one append holds the lock for a few milliseconds."""

Item = tuple[Row, Planned]
"""A row that can be recorded."""


@dataclass(slots=True)
class Counts:
    """What came of an import. The last five add up to all rows that were not rejected, those known before included."""

    rows: int = 0
    imported: int = 0
    updated: int = 0
    already_present: int = 0
    rejected: int = 0
    kept: int = 0
    kept_late: int = 0
    broken: int = 0
    withdrawn: int = 0
    open: int = 0


async def import_file(
    runtime: Runtime, file: Path, mapping: Path | None, progress: Callable[[int], None] | None = None
) -> Counts:
    """Load the commitments of a file; `progress` hears how many bytes of it are done with.

    >>> await import_file(runtime, Path("orders.csv"), Path("olist.toml"))  # doctest: +SKIP
    Counts(rows=2000, imported=2000, updated=0, already_present=0, rejected=0, kept=1816, kept_late=138, …)

    Raises `ConfigurationError` where the file or the mapping cannot be read, `Unavailable` where the database is
    away: what was recorded until then is found when the import is run again.
    """
    counts = Counts()
    with open_rows(file, mapping, runtime.catalogue, await runtime.now()) as rows, Rejects(rows) as rejects:

        async def record(batch: list[Row]) -> None:
            moment = Moment(await runtime.now(), Origin(IMPORTER), runtime.catalogue, runtime.roster)
            done = _Batch(runtime, moment, counts)
            await done.record(batch)
            rejects.write(sorted(done.rejected, key=lambda rejected: rejected[0].number))
            if progress is not None:
                progress(rows.bytes_read())

        await _one_ahead(_batches(rows), record)
    return counts


async def _one_ahead(batches: Iterator[list[Row]], record: Callable[[list[Row]], Coroutine[Any, Any, None]]) -> None:
    """Record batch after batch, and read the next one while the database is at work on the last."""
    recording: asyncio.Task[None] | None = None
    try:
        for batch in batches:
            if recording is not None:
                await recording
            recording = asyncio.create_task(record(batch))
            await asyncio.sleep(0)
    finally:
        if recording is not None:
            await recording


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


class _Batch:
    """One batch of rows, and what becomes of each of them."""

    def __init__(self, runtime: Runtime, moment: Moment, counts: Counts) -> None:
        self._ledger = runtime.ledger
        self._moment = moment
        self._counts = counts
        self.rejected: list[tuple[Row, str]] = []

    async def record(self, rows: list[Row]) -> None:
        self._counts.rows += len(rows)
        waiting: list[Item] = []
        for row in rows:
            if isinstance(row.says, Refused):
                self._reject(row, str(row.says))
            else:
                waiting.append((row, row.says))
        while waiting:
            first, repeated = _first_of_each(waiting)
            waiting = [*await self._record_once(first), *repeated]

    async def _record_once(self, items: list[Item]) -> list[Item]:
        """Record rows of which no two are the same; answers those that somebody else was faster with."""
        orders = {order_id: Order.id_of(order_id) for _, planned in items if (order_id := planned.making.order_id)}
        known = await self._ledger.known([*(planned.id for _, planned in items), *orders.values()])
        states = await self._ledger.commitments(list(known)) if known else {}
        together: list[tuple[Item, Commitment]] = []
        carried: list[Item] = []
        newer: list[Item] = []
        for item in items:
            row, planned = item
            try:
                if planned.id in known:
                    if self._is_news(states.get(planned.id), planned):
                        newer.append(item)
                elif (commitment := begin_past(planned, self._moment)).status != "open":
                    together.append((item, commitment))
                elif orders.get(planned.making.order_id or "") in known:
                    carried.append(item)
                else:
                    together.append((item, begin_open(planned, None, self._moment)))
            except Invalid as error:
                self._reject(row, reason_of(error))
        again = await self._begin_together(together)
        return again + await _all_of([*map(self._begin, carried), *map(self._update, newer)])

    def _is_news(self, state: Commitment | None, planned: Planned) -> bool:
        """Whether a row says more than is known already; where it does not, it is counted."""
        if state is None:
            raise Invalid("/id", "belongs to something that is no commitment")
        bring_up_to_date(state, planned, self._moment)
        if state.pending_events:
            return True
        self._count("already_present", state)
        return False

    async def _begin_together(self, begun: list[tuple[Item, Commitment]]) -> list[Item]:
        commitments = [commitment for _, commitment in begun]
        unassigned = {c.order_id for c in commitments if c.status == "open" and c.order_id is not None}
        try:
            if commitments:
                await self._ledger.begin_all(commitments, unassigned=unassigned)
        except StaleVersion:
            return [item for item, _ in begun]
        for commitment in commitments:
            self._count("imported", commitment)
        return []

    async def _begin(self, item: Item) -> Item | None:
        row, planned = item

        def decide(order: Order | None, _: list[Commitment]) -> Commitment:
            return begin_open(planned, order, self._moment)

        try:
            change = await self._ledger.begin(planned.id, planned.making.order_id, decide)
        except StaleVersion:
            return item
        except Invalid as error:
            self._reject(row, reason_of(error))
        else:
            self._count("imported", change.commitment)
        return None

    async def _update(self, item: Item) -> None:
        row, planned = item

        def decide(commitment: Commitment, _: Order | None) -> None:
            bring_up_to_date(commitment, planned, self._moment)

        try:
            change = await self._ledger.change(planned.id, decide)
        except Invalid as error:
            self._reject(row, reason_of(error))
        else:
            self._count("updated" if change.recorded else "already_present", change.commitment)

    def _count(self, what: Literal["imported", "updated", "already_present"], commitment: Commitment) -> None:
        for name in (what, outcome(commitment, self._moment.now)):
            setattr(self._counts, name, getattr(self._counts, name) + 1)

    def _reject(self, row: Row, reason: str) -> None:
        self._counts.rejected += 1
        self.rejected.append((row, reason))


def _first_of_each(items: list[Item]) -> tuple[list[Item], list[Item]]:
    """The rows that say something of a commitment for the first time, and those that say it again."""
    first: dict[UUID, Item] = {}
    repeated = [item for item in items if first.setdefault(item[1].id, item) is not item]
    return list(first.values()), repeated


async def _all_of(work: list[Coroutine[None, None, Item | None]]) -> list[Item]:
    """Do it beside each other, so that it is recorded together; an error is told when all have come to an end."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if result is not None and not isinstance(result, BaseException)]

"""Retaining: what was closed long ago is erased, as `[retention]` has it; and what nobody needs any more is swept up.

>>> await RetainingPolicy(ledger, erasing, commitments, evidence, catalogue).run(conn)  # doctest: +SKIP
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from psycopg import AsyncConnection

from domain.actors import UPHELD
from domain.catalogue import Catalogue
from domain.errors import Conflict, ProjectionRebuilding
from domain.moment import Moment
from domain.values import Origin
from projections.commitments import Commitments
from store.erasing import Erasing
from store.evidence import Evidence
from store.ledger import Ledger
from store.vacuuming import has_dead_rows, to_vacuum, vacuum

__all__ = ["RetainingPolicy"]

log = structlog.get_logger("upheld.retaining")

_EVERY_SECONDS = 5.0
_A_DAY = timedelta(days=1)
_UNNAMED = timedelta(days=30)
"""How long a photo waits for the promise that it is of: a phone may say so weeks after it sent it."""
_AT_ONCE = 100
_PAUSE = 0.02
"""Seconds in which others append, between two batches."""


class RetainingPolicy:
    """Erases promises by their age, batch by batch, but none of a customer who is on hold."""

    def __init__(
        self,
        ledger: Ledger,
        erasing: Erasing,
        commitments: Commitments,
        evidence: Evidence,
        catalogue: Catalogue,
        *,
        every: float = _EVERY_SECONDS,
    ) -> None:
        self._ledger = ledger
        self._erasing = erasing
        self._commitments = commitments
        self._evidence = evidence
        self._catalogue = catalogue
        self._every = every
        self._looked_at = 0
        self._vacuumed = 0
        self._swept_up_at = datetime.min.replace(tzinfo=UTC)

    async def run(self, conn: AsyncConnection[Any]) -> None:
        """Look now and then until cancelled."""
        while True:
            now = await self._ledger.clock.read(conn)
            try:
                await self.sweep(now)
            except (ProjectionRebuilding, Conflict) as error:
                log.info("looks again later", why=str(error))
            await self.sweep_up(conn, now)
            await asyncio.sleep(self._every)

    async def sweep_up(self, conn: AsyncConnection[Any], now: datetime) -> None:
        """Free what erasures left behind, soon after them; once a day what was deleted by hand, and unnamed photos."""
        last, is_time = await to_vacuum(conn, now, self._vacuumed), now - self._swept_up_at >= _A_DAY
        if is_time and (count := await self._evidence.forget_unnamed(now - _UNNAMED)):
            log.info("photos that no promise named are deleted", photos=count)
        if last is not None or (is_time and await has_dead_rows(conn)):
            await vacuum(conn, now)
            self._vacuumed = last or self._vacuumed
        if is_time:
            self._swept_up_at = now

    async def sweep(self, now: datetime) -> int:
        """Erase what is old enough at `now`; answers how many streams those were."""
        if self._catalogue.retention is None:
            return 0
        until, moment = self._catalogue.retention.before(now), Moment(now, Origin(UPHELD), self._catalogue)
        count, after = 0, None
        while page := await self._commitments.forgettable(until, after, _AT_ONCE):
            after = page[-1][:2]
            if wanted := await self._old(page, until, now):
                count += await self._erasing.by_age(wanted, moment)
                await asyncio.sleep(_PAUSE)
        orders, last = await self._erasing.idle_orders(until, self._looked_at)
        self._looked_at = last or 0
        if orders:
            count += await self._erasing.by_age(orders, moment)
        if count:
            log.info("erased by age", streams=count)
        return count

    async def _old(self, page: Sequence[tuple[datetime, UUID, str]], until: datetime, now: datetime) -> list[UUID]:
        """Those of these that may be forgotten, as the log itself has them."""
        customers = await self._ledger.customers({customer_id for _, _, customer_id in page})
        held = {id for id, customer in customers.items() if customer.hold_at(now) is not None}
        found = await self._ledger.readable([id for _, id, customer_id in page if customer_id not in held])
        return [
            id
            for id, commitment in found.items()
            if commitment.closed_at is not None and commitment.closed_at <= until and not commitment.is_erased
        ]

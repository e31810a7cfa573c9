"""Routing: a commitment goes to whoever carries its role on the order, whichever of the two came first.

Whoever records an assignment routes it at once, and a promise is recorded only against the order as it was read
(decision 007). The policy behind it repairs what a crash between an assignment and its hand-offs left undone.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from psycopg import AsyncConnection

from domain.actors import UPHELD
from domain.catalogue import Catalogue
from domain.commitment import Commitment
from domain.handing_over import route
from domain.moment import Moment
from domain.order import Order
from domain.values import Origin
from projections.checkpoints import SQL as CHECKPOINTS
from projections.checkpoints import SYSTEMIC, Failure, ParkedStream, park
from projections.log import Log
from store.ledger import Ledger
from store.people import Staff
from store.queries import queries

__all__ = ["RoutingPolicy", "route_orders"]

log = structlog.get_logger("upheld.routing")
SQL = queries("policies", "routing.sql")

_GATHER_SECONDS = 0.05
_TRIES = 3
_AT_ONCE = 16
_STRETCH = 5_000


async def route_orders(ledger: Ledger, order_ids: Sequence[str], moment: Moment) -> int:
    """Give the commitments of some orders to whoever carries these now.

    Answers the position from which on all of them are seen with their recipient, whoever routed them first;
    0 for orders without commitments.
    """
    ids, reached = await ledger.commitments_on(*order_ids), 0
    for start in range(0, len(ids), _AT_ONCE):
        routed = await asyncio.gather(*(_route(ledger, id, moment) for id in ids[start : start + _AT_ONCE]))
        reached = max(reached, *routed)
    return reached


async def _route(ledger: Ledger, id: UUID, moment: Moment) -> int:
    def decide(commitment: Commitment, order: Order | None) -> None:
        route(commitment, order, moment)

    return (await ledger.change(id, decide, with_order=True)).position


class RoutingPolicy:
    """Follows the log, and routes every order whose assignment changed once more; mostly there is nothing to do."""

    def __init__(self, ledger: Ledger, catalogue: Catalogue, staff: Staff) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._staff = staff
        self._reached: int | None = None

    async def run(self, events: Log, conn: AsyncConnection[Any]) -> None:
        """Follow the log until cancelled."""
        await conn.execute(SQL["begin"])
        turn, self._reached = 0, None
        while True:
            turn = await events.turn_after(turn)
            await asyncio.sleep(_GATHER_SECONDS)
            # Mostly somebody else has just seen that nothing follows, and the database need not be asked again.
            if self._reached is None or await events.now(self._reached):
                while await self.repair(conn):
                    pass

    async def repair(self, conn: AsyncConnection[Any]) -> bool:
        """Route what changed in the next stretch of the log; answers whether there was one."""
        after, end, following = await (await conn.execute(SQL["stretch"])).fetchone() or (0, 0, 0)
        last = self._reached = min(end, following + _STRETCH)
        if last <= after:
            return False
        stretch = {"after": after, "last": last}
        assigned = await (await conn.execute(SQL["assigned"], stretch)).fetchall()
        for start in range(0, len(assigned), _AT_ONCE):
            unrouted = await self._unrouted(assigned[start : start + _AT_ONCE])
            errors = await asyncio.gather(*(self._route(order_id) for _, order_id in unrouted))
            for (position, order_id), error in zip(unrouted, errors, strict=True):
                if error is not None:
                    log.error("parked", policy="routing", order_id=order_id, exc_info=error)
                    await park(conn, "routing", Failure(Order.id_of(order_id), position, error))
        await conn.execute(SQL["move"], stretch)
        return True

    async def _unrouted(self, assigned: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Those of these orders on which a promise is not with whoever carries it; mostly there is none.

        What is assigned after the orders were read here is looked at in a later stretch.
        """
        moment, found = self._moment(), set()
        order_ids = [order_id for _, order_id in assigned]
        try:
            orders = await self._ledger.orders(order_ids)
            for commitment in (await self._ledger.commitments(await self._ledger.commitments_on(*order_ids))).values():
                if commitment.order_id not in found:
                    route(commitment, orders.get(commitment.order_id or ""), moment)
                    if commitment.pending_events:
                        found.add(commitment.order_id)
        except SYSTEMIC:
            raise
        except Exception:
            log.exception("some orders are looked at one by one")
            return assigned
        return [(position, order_id) for position, order_id in assigned if order_id in found]

    async def retry(self, conn: AsyncConnection[Any], parked: ParkedStream) -> Failure | None:
        """Route an order again that could not be routed; answers why it still cannot."""
        error = await self._route(parked.order_id) if parked.order_id is not None else None
        if error is not None:
            return Failure(parked.stream, parked.position, error)
        await conn.execute(CHECKPOINTS["release"], (parked.projection, False, parked.stream))
        return None

    async def _route(self, order_id: str) -> Exception | None:
        """Route an order, and answer what it failed with in the end."""
        for attempt in range(1, _TRIES + 1):
            try:
                await route_orders(self._ledger, [order_id], self._moment())
            except SYSTEMIC:
                raise
            except Exception as error:
                if attempt == _TRIES:
                    return error
            else:
                return None
        return None

    def _moment(self) -> Moment:
        return Moment(self._ledger.clock.now(), Origin(UPHELD), self._catalogue, self._staff.roster)

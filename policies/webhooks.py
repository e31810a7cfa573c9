"""Webhooks: other systems are told of events as they are recorded, at least once each (decision 017).

The log is the queue. A webhook has a position in it, and beside that only what it did not receive while it received
other things. Each is a work of its own, so that none waits for another.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from psycopg import AsyncConnection

from domain.actors import IMPORTER
from domain.integrations import Webhook
from policies.delivering import Round, deliveries, id_of, send
from policies.endpoints import SQL, Endpoint
from policies.outbound import Outbound
from policies.patience import USUAL, Patience
from projections.checkpoints import SYSTEMIC
from projections.history import HISTORY, History, HistoryItem
from projections.log import Log
from projections.projection import columns
from store.clock import Clock

__all__ = ["WebhookPolicy"]

log = structlog.get_logger("upheld.webhooks")

_GATHER_SECONDS = 0.05
_STRETCH = 5_000
_PAGE = 500
_AGAIN = 16
"""Events that were not received are sent again no more at a time, so that new ones do not wait for them."""
_PROBES = (4, 64)
"""Events that tell whether an address receives anything again: more of them the longer it did not, lest a few that it
never takes in stand before all others."""


class Retry(NamedTuple):
    """An event that was not received so far."""

    position: int
    attempts: int
    first_failed_at: datetime


class WebhookPolicy:
    """Follows the log for one webhook. The clock is the machine's: a signature is verified by the receiver's own."""

    def __init__(self, webhook: Webhook, history: History, clock: Clock, patience: Patience = USUAL) -> None:
        self._webhook = webhook
        self._history = history
        self._clock = clock
        self._patience = patience

    async def run(self, events: Log, conn: AsyncConnection[Any]) -> None:
        """Follow the log until cancelled."""
        async with Outbound(allow_private=self._webhook.allow_private, within=self._patience.answer) as out:
            turn = 0
            while True:
                turn = await events.turn_after(turn)
                await asyncio.sleep(_GATHER_SECONDS)
                while await self.advance(conn, out):
                    pass

    async def advance(self, conn: AsyncConnection[Any], out: Outbound) -> bool:
        """Send what comes next, and what is to be sent again; answers whether there is more to be done at once."""
        endpoint, now = await Endpoint.read(conn, self._webhook.url), self._clock.now()
        if (
            endpoint.is_disabled
            or endpoint.history is None
            or (endpoint.next_at is not None and endpoint.next_at > now)
        ):
            return False
        last, fresh = await self._wanted(conn, endpoint)
        # What was not received before waits for an address that receives nothing, unless nothing else can tell.
        again = [] if endpoint.failing_since and fresh else await self._due(conn, now)
        if last > endpoint.position or again:
            items = await self._items([*fresh, *(retry.position for retry in again)])
            sent = Round(
                lambda item: self._send(out, item), self._webhook.name, endpoint.failures, bool(endpoint.failing_since)
            )
            await sent.run(fresh, [retry.position for retry in again], items)
            await self._settle(conn, endpoint, last, fresh, again, sent)
            return not sent.stands
        if endpoint.history < endpoint.end:
            await asyncio.sleep(_GATHER_SECONDS)  # the history is told a moment later
            return True
        return False

    async def _wanted(self, conn: AsyncConnection[Any], endpoint: Endpoint) -> tuple[int, list[int]]:
        """The end of the next stretch of the log, and the positions in it that the webhook is told of."""
        fewest, most = _PROBES
        limit = min(max(fewest, endpoint.failures), most) if endpoint.failing_since else _PAGE
        last = min(endpoint.history or 0, (endpoint.next or endpoint.position) + _STRETCH)
        asked = {
            "after": endpoint.position,
            "last": last,
            "categories": sorted(HISTORY.page.categories),
            "types": None if self._webhook.types is None else list(self._webhook.types),
            "importer": IMPORTER,
            "limit": limit,
        }
        positions = [position for (position,) in await (await conn.execute(SQL["wanted"], asked)).fetchall()]
        return (positions[-1] if len(positions) == limit else last), positions

    async def _due(self, conn: AsyncConnection[Any], now: datetime) -> list[Retry]:
        due = await conn.execute(SQL["due"], {"url": self._webhook.url, "now": now, "limit": _AGAIN})
        return [Retry(*row) for row in await due.fetchall()]

    async def _items(self, positions: Sequence[int]) -> Mapping[int, HistoryItem]:
        """What the history shows of these events; one that cannot be read holds up no other."""
        try:
            return await self._history.at(positions)
        except SYSTEMIC:
            raise
        except Exception:
            log.exception("some events are looked at one by one", webhook=self._webhook.name)
        found: dict[int, HistoryItem] = {}
        for position in positions:
            try:
                found |= await self._history.at([position])
            except SYSTEMIC:
                raise
            except Exception:
                log.exception("an event cannot be read", webhook=self._webhook.name, position=position)
        return found

    async def _send(self, out: Outbound, item: HistoryItem) -> int:
        id, now = id_of(self._webhook, item), self._clock.now()
        return await send(out, self._webhook, id, item.type, item.recorded_at, item, now=now)

    async def _settle(
        self,
        conn: AsyncConnection[Any],
        endpoint: Endpoint,
        last: int,
        fresh: Sequence[int],
        again: Sequence[Retry],
        sent: Round,
    ) -> None:
        """Write what became of a round; where the position was moved meanwhile, as by a replay, nothing."""
        now, url = self._clock.now(), self._webhook.url
        # An address that receives nothing stands before the first event that it is still to receive.
        received = sent.received.intersection(fresh)
        reached = max(received, default=endpoint.position) if sent.stands else last
        missed = [Retry(position, 0, now) for position in fresh if position <= reached and position not in received]
        missed += [retry for retry in again if retry.position in sent.errors]
        done = [retry.position for retry in again if retry.position in sent.received]
        noted = [self._noted(retry, sent.errors.get(retry.position, "not sent"), now) for retry in missed]
        moved = {"url": url, "after": endpoint.position, "reached": reached} | self._state(endpoint, sent, now)
        async with conn.transaction():
            if await (await conn.execute(SQL["move"], moved)).fetchone() is None:
                return
            names = ("positions", "attempts", "first_failed_at", "next_at", "errors")
            if noted:
                await conn.execute(SQL["note"], {"url": url, **dict(zip(names, columns(noted, 5), strict=True))})
            if done:
                await conn.execute(SQL["forget"], {"url": url, "positions": done})
        self._tell(endpoint, sent)

    def _state(self, endpoint: Endpoint, sent: Round, now: datetime) -> dict[str, object]:
        """What a webhook's row says after a round."""
        failing_since = (endpoint.failing_since or now) if sent.stands and not sent.gone else None
        return {
            "failures": sent.failures if sent.stands or not endpoint.failing_since else 0,
            "failing_since": failing_since,
            "next_at": now + self._patience.rest(now - failing_since) if failing_since else None,
            "disabled_at": now if sent.gone else None,
            "last_error": sent.last_error if sent.stands else None,
        }

    def _noted(self, retry: Retry, error: str, now: datetime) -> tuple[object, ...]:
        attempts, next_at = retry.attempts + 1, None
        if self._patience.gives_up(now - retry.first_failed_at):
            deliveries.labels(self._webhook.name, "given_up").inc()
            log.warning("gives up", webhook=self._webhook.name, position=retry.position, error=error)
        else:
            next_at = now + self._patience.pause(attempts)
        return retry.position, attempts, retry.first_failed_at, next_at, error

    def _tell(self, endpoint: Endpoint, sent: Round) -> None:
        told = {"webhook": self._webhook.name, "error": sent.last_error}
        if sent.gone:
            log.warning("disabled: it answered that it is gone; upheld webhooks enable sends to it again", **told)
        elif sent.stands and endpoint.failing_since is None:
            log.warning("receives nothing", **told)
        elif endpoint.failing_since is not None and not sent.stands:
            log.info("receives again", webhook=self._webhook.name)

"""Sending events to one webhook: what a message says, how it is signed, and what became of a round of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid5

import msgspec
import standardwebhooks
import structlog
from prometheus_client import Counter

from domain.errors import Undelivered
from domain.integrations import Webhook
from policies.outbound import Outbound
from projections.history import HistoryItem

__all__ = ["ENOUGH", "GONE", "Round", "id_of", "send"]

log = structlog.get_logger("upheld.webhooks")

ENOUGH = 5
"""Failures one after another by which an address fails as a whole."""
GONE = 410
_AT_ONCE = 16
_NAMESPACE = UUID("2c1f3f6e-4d0c-5c3e-9a57-0f6b8f1f7f2a")

deliveries = Counter(
    "upheld_webhook_deliveries", "Attempts to deliver an event, and events given up", ["endpoint", "outcome"]
)


def id_of(webhook: Webhook, item: HistoryItem) -> str:
    """The same for one event and one address, however often it is sent, and never that of another log.

    >>> id_of(webhook, item)  # doctest: +SKIP
    'msg_5f0c3b1e7d1f5a0c8e4d2b6a9c3f1e70'
    """
    return f"msg_{uuid5(_NAMESPACE, f'{item.position}/{item.recorded_at.isoformat()}/{webhook.url}').hex}"


async def send(
    out: Outbound, webhook: Webhook, id: str, type: str, timestamp: datetime, data: object, *, now: datetime
) -> int:
    """Send one message, signed with every secret (Standard Webhooks); answers the status. Raises `Undelivered`."""
    body = msgspec.json.encode({"type": type, "timestamp": timestamp, "data": data})
    signatures = (standardwebhooks.Webhook(secret).sign(id, now, body.decode()) for secret in webhook.secrets)
    headers = {
        "content-type": "application/json",
        "user-agent": "Upheld",
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return await out.post(webhook.url, headers, body)


class Round:
    """Some events, sent up to sixteen at a time in their order; over once the address is gone or fails as a whole.

    `failures` came one after another before it. Where `probing`, the address has failed as a whole, and some events are
    to tell whether it still does: then none of them ends the round.
    """

    def __init__(self, post: Callable[[HistoryItem], Awaitable[int]], name: str, failures: int, probing: bool) -> None:
        self._post, self._name, self._probing = post, name, probing
        self.failures = failures
        self.received: set[int] = set()
        self.errors: dict[int, str] = {}
        self.last_error: str | None = None
        self.gone = False

    async def run(self, fresh: Sequence[int], again: Sequence[int], items: Mapping[int, HistoryItem]) -> None:
        """Send what is `fresh`, and what was not received before; what is not among the `items` cannot be sent."""
        queue = iter([*((position, True) for position in fresh), *((position, False) for position in again)])
        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_ONCE, len(fresh) + len(again))):
                group.create_task(self._work(queue, items))

    @property
    def stands(self) -> bool:
        """Whether the address receives nothing any more, so that what follows is not to be sent."""
        if self._probing:
            return self.gone or (self.last_error is not None and not self.received)
        return self.gone or self.failures >= ENOUGH

    async def _work(self, queue: Iterator[tuple[int, bool]], items: Mapping[int, HistoryItem]) -> None:
        for position, is_fresh in queue:
            item = items.get(position)
            if item is None:
                self.errors[position] = "the history leaves it out: see upheld parked"
            else:
                await self._deliver(item, is_fresh)
            if self.gone or (self.failures >= ENOUGH and not self._probing):
                return

    async def _deliver(self, item: HistoryItem, is_fresh: bool) -> None:
        try:
            status = await self._post(item)
            error = None if 200 <= status < 300 else f"answered with {status}"
            self.gone = self.gone or status == GONE
        except Undelivered as undelivered:
            error = str(undelivered)
        except Exception:
            log.exception("an event could not be sent", webhook=self._name, position=item.position)
            error = "a fault of ours, which the server's log tells"
        deliveries.labels(self._name, "received" if error is None else "failed").inc()
        if error is None:
            self.failures = 0
            self.received.add(item.position)
        else:
            # One that failed before and does so again says nothing about the address.
            self.failures += is_fresh
            self.errors[item.position] = self.last_error = error

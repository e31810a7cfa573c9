"""All that is held on a customer, as one document that is written while it is read."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from api.commanding import plain
from api.runtime import Runtime
from domain.people import Contact
from policies import channels
from policies.telling import waiting_for
from projections.commitments import CommitmentFilter, Commitments
from projections.history import History, HistoryFilter, HistoryItem
from projections.tasks import Tasks
from projections.views import CommitmentView
from store.deliveries import Deliveries
from store.evidence import Evidence
from store.links import CustomerLinks
from store.people import Customers

__all__ = ["exported"]

_AT_ONCE = 100


async def exported(runtime: Runtime, customer_id: str) -> AsyncIterator[bytes]:
    """The document, piece by piece: who the customer is, each promise with its whole history in plain words and what
    belongs to it, then what is known of his orders, and what waits to be carried out or told.

    >>> b"".join([piece async for piece in exported(runtime, "CU-7")])  # doctest: +SKIP
    b'{"customer_id":"CU-7","exported_at":"2027-03-01T02:15:00Z","contact":null,…}'
    """
    export = _Export(runtime, customer_id)
    yield msgspec.json.encode(await export.himself())[:-1] + b',"commitments":['
    separator = b""
    async for commitment in export.commitments():
        yield separator + msgspec.json.encode(commitment)
        separator = b","
    yield b"]," + msgspec.json.encode(await export.around())[1:]


class _Export:
    """Reads the parts of the document; what stands around the promises is known once they are read."""

    def __init__(self, runtime: Runtime, customer_id: str) -> None:
        database, keyring = runtime.database, runtime.keyring
        self._runtime, self._customer_id = runtime, customer_id
        self._commitments, self._history = Commitments(database, keyring), History(database, keyring)
        self._customers = Customers(database, keyring, runtime.clock)
        self._tasks, self._evidence = Tasks(database, keyring), Evidence(database, keyring)
        self._links, self._deliveries = CustomerLinks(database, keyring), Deliveries(database, keyring)
        self._orders: set[str] = set()

    async def himself(self) -> dict[str, object]:
        """Who the customer is, how he is reached, who changed that, and what was ordered about him."""
        contact, now = await self._customers.find(self._customer_id), await self._runtime.now()
        own = HistoryFilter(customer_id=self._customer_id)
        held = (await self._runtime.ledger.customer(self._customer_id)).hold_at(now)
        return {
            "customer_id": self._customer_id,
            "exported_at": now,
            "contact": _contact(contact) if contact is not None else None,
            "contact_changes": await self._customers.changes(self._customer_id),
            "hold": held,
            "history": [item async for item in await self._history.export(own) if item.commitment_id is None],
        }

    async def commitments(self) -> AsyncIterator[dict[str, Any]]:
        """Each promise, the latest first."""
        before: int | None = None
        wanted = CommitmentFilter(customer_id=self._customer_id)
        while found := await self._commitments.page(wanted, limit=_AT_ONCE, before=before):
            links = await self._links.standing([shown.id for _, shown in found])
            for position, shown in found:
                before = position
                if shown.order_id is not None:
                    self._orders.add(shown.order_id)
                yield await self._commitment(shown, links)

    async def _commitment(self, shown: CommitmentView, links: dict[UUID, bool]) -> dict[str, Any]:
        history = [item async for item in await self._history.export(HistoryFilter(commitment_id=shown.id))]
        return {
            **plain(shown),
            "history": history,
            "evidence": await self._evidence.about(_photos(history)),
            "messages": [plain(item) for item in history if item.type == "CustomerInformed"],
            "link": {"is_open": links[shown.id]} if shown.id in links else None,
        }

    async def around(self) -> dict[str, object]:
        """The orders of the promises with their addresses, what other systems sent, and what is to be told yet."""
        orders = await self._tasks.assignments(sorted(self._orders))
        names = {self._customer_id, *self._orders}
        kept = [one for one in await self._deliveries.list(await self._runtime.now()) if one.mentions(names)]
        return {
            "orders": [
                {
                    "order_id": order_id,
                    "assignments": orders.get(order_id, []),
                    "history": [item async for item in self._of_order(order_id)],
                }
                for order_id in sorted(self._orders)
            ],
            "deliveries": [
                {"hook": one.hook, "received_at": one.received_at, "body": one.body.decode(errors="replace")}
                for one in kept
            ],
            "waiting": await waiting_for(self._runtime.database, self._customer_id),
        }

    async def _of_order(self, order_id: str) -> AsyncIterator[HistoryItem]:
        """What was recorded of an order alone; what of it concerns other customers is theirs."""
        async for item in await self._history.export(HistoryFilter(order_id=order_id)):
            if item.commitment_id is None:
                yield item


def _contact(contact: Contact) -> dict[str, object]:
    """How he is reached; what is secret in the channels is the company's own."""
    shown: dict[str, object] = msgspec.to_builtins(contact)
    return shown | {"channels": channels.shown(contact.channels), "phone": channels.phone(contact.channels)}


def _photos(history: Iterable[HistoryItem]) -> Sequence[UUID]:
    found: list[UUID] = []
    for item in history:
        named = item.data.get("evidence")
        for text in named if isinstance(named, list) else ():
            try:
                found.append(UUID(text))
            except ValueError:
                continue  # the name of a picture that another system keeps; the history tells it
    return found

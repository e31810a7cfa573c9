"""What other systems sent and what could not be carried out: kept for a week, encrypted, until it is tried again.

>>> deliveries = Deliveries(database, keyring)
>>> await deliveries.keep("helpdesk", "msg_1", b'{"ticket": {}}', "'ticket.id' is missing", now)  # doctest: +SKIP
>>> [kept] = await deliveries.list(now)  # doctest: +SKIP
>>> kept.hook, kept.reason  # doctest: +SKIP
('helpdesk', "'ticket.id' is missing")
"""

import contextlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import msgspec

from store.database import Database, reaching_the_database
from store.keyring import Keyring
from store.queries import queries

__all__ = ["KEPT_FOR", "Deliveries", "KeptDelivery"]

SQL = queries("store", "deliveries.sql")

KEPT_FOR = timedelta(days=7)
_TELLING = 4
"""Characters from which on a name in the middle of a text is taken for the name that it looks like."""
_NAMESPACE = UUID("0a4e4a4e-52f7-5d38-9c8e-0f5b7ad3c611")


class _Document(msgspec.Struct, frozen=True, array_like=True):
    """What is encrypted of a delivery."""

    delivery_id: str
    body: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class KeptDelivery:
    """A delivery that waits to be tried again, and why; `delivery_id` tells it from the others of its hook."""

    id: UUID
    hook: str
    received_at: datetime
    delivery_id: str
    body: bytes
    reason: str

    def mentions(self, names: Collection[str]) -> bool:
        """Whether it says one of these names: as a value of its JSON, or as a word of its own in what it says, where a
        name is not so short that this would mean nothing.
        """
        said = {self.delivery_id, self.reason, self.body.decode(errors="replace"), *_values(self.body)}
        words = "|".join(re.escape(name) for name in names if len(name) >= _TELLING)
        if not said.isdisjoint(names):
            return True
        found = re.compile(rf"(?<![\w.~@+-])(?:{words})(?![\w~@+-])")
        return bool(words) and any(found.search(text) for text in said)


def _values(body: bytes) -> Iterator[str]:
    """The texts and numbers in a body of JSON; of another one nothing."""
    with contextlib.suppress(msgspec.DecodeError):
        left = [msgspec.json.decode(body)]
        while left:
            match left.pop():
                case dict() as table:
                    left += table.values()
                case list() as several:
                    left += several
                case str() | int() as value:
                    yield str(value)


class Deliveries:
    """The deliveries that are kept."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def keep(self, hook: str, delivery_id: str, body: bytes, reason: str, now: datetime) -> None:
        """Keep a delivery, and forget those that were kept long enough. The same one again is kept once."""
        id = uuid5(_NAMESPACE, f"{hook}/{delivery_id}")
        key, document = self._keyring.enclose(id, msgspec.msgpack.encode(_Document(delivery_id, body, reason)))
        row = {"id": id, "hook": hook, "now": now, "key": key, "document": document}
        with reaching_the_database():
            async with self._database.pool.connection() as conn, conn.transaction():
                await conn.execute(SQL["purge"], (now - KEPT_FOR,))
                await conn.execute(SQL["keep"], row)

    async def list(self, now: datetime) -> list[KeptDelivery]:
        """What is kept, the oldest first; what was kept long enough is forgotten."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                await conn.execute(SQL["purge"], (now - KEPT_FOR,))
        rows = await self._database.fetch(SQL["list"])
        return [self._opened(*row) for row in rows]

    async def remove(self, id: UUID) -> None:
        """Forget one, because it was carried out."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                await conn.execute(SQL["remove"], (id,))

    def _opened(self, id: UUID, hook: str, received_at: datetime, key: bytes, sealed: bytes) -> KeptDelivery:
        words = self._keyring.disclose(id, key, sealed)
        document = msgspec.msgpack.decode(words, type=_Document)
        return KeptDelivery(id, hook, received_at, document.delivery_id, document.body, document.reason)

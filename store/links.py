"""The links by which customers see one promise, without an account: unguessable, revocable, and kept nowhere.

A token names the commitment and the generation of its link, and carries a keyed hash of both: whoever reads the
database cannot make one. The same promise has the same link until that is revoked.
"""

import base64
import hmac
from collections.abc import Sequence
from struct import Struct, error
from typing import LiteralString
from uuid import UUID

from psycopg.rows import TupleRow

from store.database import Database, reaching_the_database
from store.keyring import Keyring
from store.queries import queries

__all__ = ["CustomerLinks"]

SQL = queries("store", "links.sql")

_FORM = Struct(">16sI16s")
"""The commitment, the generation of its link, and the keyed hash."""


class CustomerLinks:
    """Opens links, closes them, and finds what one of them opens.

    >>> links = CustomerLinks(database, keyring)
    >>> token = await links.open(commitment_id)  # doctest: +SKIP
    >>> await links.find(token) == commitment_id  # doctest: +SKIP
    True
    """

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def open(self, commitment_id: UUID) -> str:
        """The token of a commitment's link, 48 characters that need no escaping; the link is good from now on."""
        ((generation,),) = await self._write(SQL["open"], commitment_id)
        token = _FORM.pack(commitment_id.bytes, generation, self._hash(commitment_id, generation))
        return base64.urlsafe_b64encode(token).decode()

    async def close(self, commitment_id: UUID) -> bool:
        """Revoke a commitment's link for good; answers whether there was one."""
        return bool(await self._write(SQL["close"], commitment_id))

    async def find(self, token: str) -> UUID | None:
        """The commitment that a token opens, if it does."""
        try:
            raw, generation, seal = _FORM.unpack(base64.b64decode(token, altchars=b"-_", validate=True))
        except (ValueError, error):
            return None
        commitment_id = UUID(bytes=raw)
        if not hmac.compare_digest(seal, self._hash(commitment_id, generation)):
            return None
        is_open = await self._database.fetch(SQL["is_open"], (commitment_id, generation))
        return commitment_id if is_open else None

    async def standing(self, commitment_ids: Sequence[UUID]) -> dict[UUID, bool]:
        """Those of these commitments that have or had a link, and whether it is good."""
        return dict(await self._database.fetch(SQL["standing"], (list(commitment_ids),)))

    def _hash(self, commitment_id: UUID, generation: int) -> bytes:
        return self._keyring.blind("customer link", f"{commitment_id}/{generation}")

    async def _write(self, query: LiteralString, commitment_id: UUID) -> list[TupleRow]:
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                return await (await conn.execute(query, (commitment_id,))).fetchall()

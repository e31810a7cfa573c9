"""Photos that show what became of a promise, each encrypted under a key of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.errors import IdempotencyKeyReused
from store.database import Database, reaching_the_database
from store.keyring import Keyring
from store.queries import queries

__all__ = ["Evidence", "Photo"]

SQL = queries("store", "evidence.sql")


@dataclass(frozen=True, slots=True)
class Photo:
    """Which photo it is, when it was taken, and by whom."""

    id: UUID
    taken_at: datetime
    taken_by: str


class Evidence:
    """Keeps photos and finds them again.

    >>> evidence = Evidence(database, keyring)
    >>> await evidence.put(id, jpeg, by="courier:li", at=now, sent=body)  # doctest: +SKIP
    True
    >>> await evidence.find(id) == jpeg  # doctest: +SKIP
    True
    """

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def put(self, id: UUID, photo: bytes, *, by: str, at: datetime, sent: bytes) -> bool:
        """Keep a photo, which was `sent` in other bytes; False where it is there already.

        Raises `IdempotencyKeyReused` where another one has this id.
        """
        key, digest = self._keyring.new_key(), self._keyring.digest(sent)
        row = (id, at, by, digest, self._keyring.wrap(id, key), self._keyring.seal(key, photo, _context(id)))
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                if await (await conn.execute(SQL["put"], row)).fetchone() is not None:
                    return True
        if await self._database.fetch(SQL["body_hash"], (id,)) != [(digest,)]:
            raise IdempotencyKeyReused
        return False

    async def find(self, id: UUID) -> bytes | None:
        """The photo, as a JPEG."""
        rows = await self._database.fetch(SQL["find"], (id,))
        if not rows:
            return None
        ((wrapped, document),) = rows
        return self._keyring.open(self._keyring.unwrap(id, wrapped), document, _context(id))

    async def taken_by(self, id: UUID) -> str | None:
        """Who added a photo."""
        rows = await self._database.fetch(SQL["taken_by"], (id,))
        return str(rows[0][0]) if rows else None

    async def about(self, ids: Sequence[UUID]) -> list[Photo]:
        """When and by whom those of these photos that there are were taken."""
        return [Photo(*row) for row in await self._database.fetch(SQL["about"], (list(ids),))]

    async def delete(self, ids: Sequence[UUID]) -> None:
        """Keep these photos no more."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                await conn.execute(SQL["delete"], (list(ids),))

    async def bind(self, ids: Sequence[UUID], commitment_id: UUID, *, taken_by: str | None = None) -> set[UUID]:
        """Which of these photos are a promise's: whichever names one first has it, and no other ever.

        With `taken_by` only what that person took.
        """
        wanted = {"ids": list(ids), "commitment_id": commitment_id, "taken_by": taken_by}
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                found = await conn.execute(SQL["bind"], wanted)
                return {id for (id,) in await found.fetchall()}

    async def forget_unnamed(self, until: datetime) -> int:
        """Keep no more what was taken until then and no promise named; answers how many photos those were."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                return (await conn.execute(SQL["forget_unnamed"], (until,))).rowcount


def _context(id: UUID) -> bytes:
    return b"evidence/" + id.bytes

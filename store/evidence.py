"""Photos that show what became of a promise, each encrypted under a key of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Rollback

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
        """Keep a photo, which was `sent` in other bytes; False where it is there already, or was until it was erased.

        Raises `IdempotencyKeyReused` where another one has this id.
        """
        key, digest = self._keyring.new_key(), self._keyring.digest(sent)
        row = {
            "id": id,
            "taken_at": at,
            "taken_by": by,
            "body_hash": digest,
            "key": self._keyring.wrap(id, key),
            "document": self._keyring.seal(key, photo, _context(id)),
        }
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                if await (await conn.execute(SQL["put"], row)).fetchone() is not None:
                    return True
        if await self._database.fetch(SQL["body_hash"], (id,)) not in ([(digest,)], []):
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

    async def erase(self, ids: Sequence[UUID]) -> None:
        """Keep these photos no more, nor when they are sent again."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                await conn.execute(SQL["erase"], (list(ids),))

    async def claim(self, ids: Sequence[UUID], commitment_id: UUID, *, taken_by: str | None = None) -> set[UUID]:
        """Which of these photos a promise may name, with `taken_by` only those of that person; all or none.

        Whichever promise names one first has it, and no other ever. One that was claimed, and not kept within a minute,
        was not named in the end.
        """
        wanted = {"ids": list(ids), "commitment_id": commitment_id, "taken_by": taken_by}
        with reaching_the_database():
            async with self._database.pool.connection() as conn, conn.transaction() as claiming:
                found = {id for (id,) in await (await conn.execute(SQL["claim"], wanted)).fetchall()}
                if found != set(ids):
                    raise Rollback(claiming)
        return found

    async def keep(self, ids: Sequence[UUID], commitment_id: UUID) -> None:
        """These photos, which were claimed for a promise, are named by it."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                await conn.execute(SQL["keep"], (list(ids), commitment_id))

    async def forget_unnamed(self, until: datetime) -> int:
        """Keep no more what was taken until then and no promise named; answers how many photos those were."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                return (await conn.execute(SQL["forget_unnamed"], (until,))).rowcount


def _context(id: UUID) -> bytes:
    return b"evidence/" + id.bytes

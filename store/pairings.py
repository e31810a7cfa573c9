"""The codes by which a phone becomes somebody's: eight characters, good once and for ten minutes, kept nowhere.

>>> pairings = Pairings(database, keyring)
>>> code, expires_at = await pairings.make("courier:li", now=now)  # doctest: +SKIP
>>> await pairings.redeem(code, now=now), await pairings.redeem(code, now=now)  # doctest: +SKIP
('courier:li', None)
"""

import secrets
from datetime import datetime, timedelta

from store.database import Database, reaching_the_database
from store.keyring import Keyring
from store.queries import queries

__all__ = ["ALPHABET", "GOOD_FOR", "LENGTH", "Pairings"]

SQL = queries("store", "pairings.sql")

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without what is read as something else: 0 and O, 1, I and L, U and V."""
LENGTH = 8
GOOD_FOR = timedelta(minutes=10)


class Pairings:
    """Makes codes and takes them; each person has one at a time. 30 characters to the eighth are 39 bits."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def make(self, actor: str, *, now: datetime) -> tuple[str, datetime]:
        """A new code for somebody, and until when it is good; the one before is void."""
        code, expires_at = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH)), now + GOOD_FOR
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                await conn.execute(SQL["make"], (actor, self._hash(code), expires_at))
        return code, expires_at

    async def owner(self, code: str) -> str | None:
        """Whose a code is, which stays good; None where it is none."""
        rows = await self._database.fetch(SQL["owner"], (self._hash(code),))
        return str(rows[0][0]) if rows else None

    async def redeem(self, code: str, *, now: datetime) -> str | None:
        """Whose code it was, which is spent by that; None where it is none, or none any more."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                row = await (await conn.execute(SQL["redeem"], (self._hash(code),))).fetchone()
        return str(row[0]) if row is not None and row[1] > now else None

    async def forget(self, actor: str) -> None:
        """A code of somebody that was not used is void."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                await conn.execute(SQL["forget"], (actor,))

    def _hash(self, code: str) -> bytes:
        # Keyed, so that whoever reads the table cannot try all codes; found by the hash, so that no comparison of
        # codes takes longer the more of one is right.
        return self._keyring.blind("pairing code", code)

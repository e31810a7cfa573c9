"""How often somebody tried in vain to be let in: counted for all processes, by what he tried or where he came from.

>>> attempts = Attempts(database, keyring)
>>> await attempts.note(Limit("pairing", most=10), "192.0.2.7", now)  # doctest: +SKIP
>>> [await attempts.note(Limit("pairing", most=10), "192.0.2.7", now) for _ in range(10)][-1]  # doctest: +SKIP
60
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from store.database import Database, reaching_the_database
from store.keyring import Keyring
from store.queries import queries

__all__ = ["Attempts", "Limit"]

SQL = queries("store", "attempts.sql")


@dataclass(frozen=True, slots=True)
class Limit:
    """How many attempts of a kind are taken within a time that begins with the first of them."""

    kind: str
    most: int
    within: timedelta = timedelta(minutes=1)


class Attempts:
    """Counts attempts. Who or what is counted is kept as a keyed hash: the table names no address."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def note(self, limit: Limit, subject: str, now: datetime) -> int | None:
        """Count one more; answers how many seconds to wait where that is one too many, else None.

        Whoever goes on trying does not wait longer for it. A guess that could be right is counted before it is looked
        at; what nobody guesses, such as a key, only where it was wrong. Raises `Unavailable`.
        """
        asked = {
            "subject": self._keyring.blind(f"attempt {limit.kind}", subject),
            "now": now,
            "ends_at": now + limit.within,
            "most": limit.most,
        }
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                row = await (await conn.execute(SQL["note"], asked)).fetchone()
        number, ends_at = row or (0, now)
        return max(1, math.ceil((ends_at - now).total_seconds())) if number > limit.most else None

"""The links by which keepers see their tasks of a day, without an account: short, revocable, and kept nowhere.

A token is a keyed hash of who it is for, the end of the day it is good for, and its generation: whoever reads the
database cannot make one, and every message of a day carries the same. It is short since it travels in an SMS.
"""

import base64
from datetime import UTC, datetime
from typing import NamedTuple

from store.database import Database, reaching_the_database
from store.keyring import Keyring
from store.queries import queries

__all__ = ["KeeperLinks", "Opened"]

SQL = queries("store", "keeper_links.sql")

_TOKEN_BYTES = 15
"""120 bits, which are 20 characters."""


class Opened(NamedTuple):
    """Whose tasks a link opens, and until when."""

    actor: str
    ends_at: datetime


class KeeperLinks:
    """Opens links, closes them, and finds whose tasks one of them opens.

    >>> links = KeeperLinks(database, keyring)
    >>> token = await links.open("courier:li", midnight, now=noon)  # doctest: +SKIP
    >>> (await links.find(token, now=noon)).actor  # doctest: +SKIP
    'courier:li'
    """

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def open(self, actor: str, ends_at: datetime, *, now: datetime) -> str:
        """The token of somebody's link, 20 characters that need no escaping, good until `ends_at`.

        A link that is good already is the answer, until its own end: who moves to another time zone keeps it.
        """
        with reaching_the_database():
            async with self._database.pool.connection() as conn, conn.transaction():
                await conn.execute(SQL["take_turns"], (actor,))
                row = await (await conn.execute(SQL["standing"], (actor,))).fetchone()
                generation, until, is_open = row or (1, ends_at, True)
                if row is not None and is_open and until > now:
                    return self._token(actor, until, generation)
                generation += not is_open
                token = self._token(actor, ends_at, generation)
                await conn.execute(SQL["open"], (actor, generation, ends_at, self._hash(token)))
                return token

    async def close(self, actor: str, *, now: datetime) -> bool:
        """Revoke somebody's link for good; answers whether there was one."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn, conn.transaction():
                await conn.execute(SQL["take_turns"], (actor,))
                return await (await conn.execute(SQL["close"], (actor, now))).fetchone() is not None

    async def find(self, token: str, *, now: datetime) -> Opened | None:
        """Whose tasks a token opens, if it does."""
        rows = await self._database.fetch(SQL["find"], (self._hash(token), now))
        return Opened(*rows[0]) if rows else None

    def _token(self, actor: str, ends_at: datetime, generation: int) -> str:
        named = f"{actor}/{ends_at.astimezone(UTC).isoformat()}/{generation}"
        return base64.urlsafe_b64encode(self._keyring.blind("keeper link", named)[:_TOKEN_BYTES]).decode()

    def _hash(self, token: str) -> bytes:
        return self._keyring.blind("keeper link token", token)

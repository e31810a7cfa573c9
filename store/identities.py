"""Who at the provider has which id here. Names are given to others in time; whoever gets one is not who had it before.

>>> identities = Identities(database, keyring)
>>> await identities.id_of("https://login.example", "b7e1", "ling")  # doctest: +SKIP
'ling'
>>> await identities.id_of("https://login.example", "44c0", "ling") is None  # doctest: +SKIP
True
"""

from store.database import Database, reaching_the_database
from store.keyring import Keyring
from store.queries import queries

__all__ = ["Identities"]

SQL = queries("store", "identities.sql")


class Identities:
    """Binds subjects, which a provider never gives to anybody else, to ids (OpenID Connect Core 1.0, section 5.7)."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def id_of(self, issuer: str, subject: str, wanted: str, role: str) -> str | None:
        """The id of a subject, who comes in a role: his first, else `wanted`; None where that is somebody else's."""
        hashed = self._keyring.blind("subject", f"{issuer}\0{subject}")
        with reaching_the_database():
            async with self._database.pool.connection() as conn, conn.transaction():
                await conn.execute(SQL["bind"], (hashed, wanted))
                await conn.execute(SQL["note"], (role, hashed, role))
                row = await (await conn.execute(SQL["find"], (hashed,))).fetchone()
        return str(row[0]) if row is not None else None

    async def free(self, actor: str) -> None:
        """Whoever was this actor has gone; the next of that name may have the id. Who came in another role keeps it."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                role, _, id = actor.partition(":")
                await conn.execute(SQL["free"], (id, role))

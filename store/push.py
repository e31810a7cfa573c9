"""The browsers that asked for messages, each row encrypted under a key of its own, and the key to sign with.

>>> subscriptions = Subscriptions(database, keyring)
>>> await subscriptions.put("courier:li", subscription)  # doctest: +SKIP
>>> [kept.subscription.endpoint for kept in await subscriptions.of("courier:li")]  # doctest: +SKIP
['https://push.example/s/1']
"""

from typing import NamedTuple
from uuid import UUID, uuid5

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from domain.push import Subscription
from store.database import Database, reaching_the_database
from store.keyring import Keyring
from store.queries import queries

__all__ = ["SIGNING", "Kept", "Subscriptions", "name_of", "signing_key"]

SQL = queries("store", "push.sql")

_NAMESPACE = UUID("0d7c5b0e-3b1c-5a6e-9d53-8a2f4f0c7e19")
SIGNING = uuid5(_NAMESPACE, "signing")
"""In whose place the key to sign with is wrapped."""
_MOST = 10
_SCALAR_BYTES = 32


class Kept(NamedTuple):
    """A subscription, and what it is called here."""

    number: int
    subscription: Subscription


class Subscriptions:
    """Who listens with which browsers; at most ten for each, of which the oldest goes."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def put(self, actor: str, subscription: Subscription) -> None:
        """A browser listens for this one, and for nobody else who had it in hand before."""
        hashed = self._hash(subscription.endpoint)
        wrapped, document = self._keyring.enclose(name_of(hashed), msgspec.json.encode(subscription))
        with reaching_the_database():
            async with self._database.pool.connection() as conn, conn.transaction():
                await conn.execute(SQL["take_turns"], (actor,))
                await conn.execute(SQL["put"], (hashed, actor, wrapped, document))
                await conn.execute(SQL["prune"], {"actor": actor, "most": _MOST})

    async def of(self, actor: str) -> list[Kept]:
        """The browsers that listen for somebody, the oldest first."""
        rows = await self._database.fetch(SQL["of"], (actor,))
        return [Kept(number, self._opened(name_of(hashed), key, document)) for number, hashed, key, document in rows]

    async def delete(self, actor: str, endpoint: str) -> bool:
        """A browser listens no more; answers whether it did."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                gone = await conn.execute(SQL["delete"], (self._hash(endpoint), actor))
                return await gone.fetchone() is not None

    async def drop(self, actor: str, kept: Kept) -> None:
        """Its push service says that a browser is gone; where that has subscribed again meanwhile, it stays."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                await conn.execute(SQL["drop"], (actor, kept.number))

    async def forget(self, actor: str) -> None:
        """Nobody listens for this one any more."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                await conn.execute(SQL["forget"], (actor,))

    def _hash(self, endpoint: str) -> bytes:
        return self._keyring.blind("push endpoint", endpoint)

    def _opened(self, name: UUID, wrapped: bytes, document: bytes) -> Subscription:
        words = self._keyring.disclose(name, wrapped, document)
        return msgspec.json.decode(words, type=Subscription)


async def signing_key(database: Database, keyring: Keyring) -> ec.EllipticCurvePrivateKey:
    """The key that messages are signed with (RFC 8292), made once for a database. Browsers subscribe with its public
    half.

    >>> await signing_key(database, keyring)  # doctest: +SKIP
    <cryptography.hazmat.bindings._rust.openssl.ec.ECPrivateKey object at …>
    """
    name = SIGNING
    rows = await database.fetch(SQL["key"])
    if not rows:
        scalar = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(_SCALAR_BYTES)
        with reaching_the_database():
            async with database.pool.connection() as conn:
                await conn.execute(SQL["begin"], (keyring.wrap(name, scalar),))
        rows = await database.fetch(SQL["key"])
    return ec.derive_private_key(int.from_bytes(keyring.unwrap(name, rows[0][0])), ec.SECP256R1())


def name_of(hashed: bytes) -> UUID:
    """What binds the key and the words of a row to their place."""
    return uuid5(_NAMESPACE, hashed.hex())

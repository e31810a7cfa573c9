"""Seals over the log: whoever changes what was recorded, even the one who runs the database, is found out.

A seal says which events were stored from one position to another, by the root of a Merkle tree over their bytes as
they are stored, personal fields encrypted; it names the seal before it, and is signed (Ed25519). Forgetting destroys
keys and changes no stored byte, so that seals hold all the same.

>>> seal = await put_seal(conn, keyring, now)  # doctest: +SKIP
>>> seal.first_position, seal.last_position, seal.size  # doctest: +SKIP
(1, 812, 790)
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from psycopg import AsyncConnection

from store.database import Database
from store.keyring import Keyring
from store.merkle import leaf_hash, path_to, root_of
from store.queries import queries

__all__ = [
    "BEGINNING",
    "LAST",
    "MOST",
    "SQL",
    "Proof",
    "Seal",
    "SealKey",
    "begin_key",
    "keys_of",
    "marks_of",
    "proof",
    "put_seal",
    "seals",
    "set_published",
    "unpublished",
    "unsealed",
]

SQL = queries("store", "seals.sql")

MOST = 1_000
"""Events under a seal, at most: a proof for one of them has ten hashes."""

LAST = 2**63 - 1
"""The last position that there can be."""

BEGINNING = bytes(32)
"""What stands for the seal before the first one."""

_MARK = struct.Struct(">I4s")


class _Shown(msgspec.Struct, frozen=True):
    number: int
    first_position: int
    last_position: int
    size: int
    root: str
    previous: str
    sealed_at: datetime
    key: UUID
    signature: str


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal as it is kept and signed. Its range begins where the one before ends; not all positions in it are used."""

    number: int
    first_position: int
    last_position: int
    size: int
    root: bytes
    previous: bytes
    sealed_at: datetime
    key: UUID
    signature: bytes

    def statement(self) -> bytes:
        """What is signed: a line for each of these, as the JSON of the API writes them.

        >>> print(seal.statement().decode())  # doctest: +SKIP
        upheld seal 1
        1
        812
        790
        9c0f…
        0000…
        2026-11-20T02:15:00Z
        """
        lines = (
            "upheld seal 1",
            str(self.first_position),
            str(self.last_position),
            str(self.size),
            self.root.hex(),
            self.previous.hex(),
            msgspec.to_builtins(self.sealed_at.astimezone(UTC)),
        )
        return "\n".join(lines).encode()

    def digest(self) -> bytes:
        """By what the next seal names this one."""
        return sha256(self.statement()).digest()

    @classmethod
    def read(cls, line: bytes) -> "Seal":
        """A seal from the JSON of what is shown of it. Raises `ValueError`."""
        shown = msgspec.json.decode(line, type=_Shown)
        told = {field: getattr(shown, field) for field in shown.__struct_fields__}
        hashes = {field: bytes.fromhex(told[field]) for field in ("root", "previous", "signature")}
        return cls(**(told | hashes))

    def shown(self) -> dict[str, object]:
        """As everybody is shown it: hashes and signatures in hexadecimal digits."""
        return {
            "number": self.number,
            "first_position": self.first_position,
            "last_position": self.last_position,
            "size": self.size,
            "root": self.root.hex(),
            "previous": self.previous.hex(),
            "sealed_at": self.sealed_at.astimezone(UTC),
            "key": self.key,
            "signature": self.signature.hex(),
        }


@dataclass(frozen=True, slots=True)
class SealKey:
    """A key that signs; `voucher` is the signature of the key before it under its public half."""

    id: UUID
    number: int
    public: bytes
    private: bytes
    voucher: bytes | None
    begun_at: datetime

    def signed(self, statement: bytes, signature: bytes) -> bool:
        """Whether it signed this.

        >>> key.signed(seal.statement(), seal.signature)  # doctest: +SKIP
        True
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, statement)
        except (InvalidSignature, ValueError):
            return False
        return True

    def sign(self, keyring: Keyring, statement: bytes) -> bytes:
        """64 bytes. Raises `MasterKeyLost` where another master key wrapped it."""
        private = Ed25519PrivateKey.from_private_bytes(keyring.unwrap(self.id, self.private))
        return private.sign(statement)

    def is_ours(self, keyring: Keyring) -> bool:
        """Whether its halves belong together, of which the private one was wrapped by this master key.

        Raises `MasterKeyLost` where it was not: somebody else put it there.
        """
        private = Ed25519PrivateKey.from_private_bytes(keyring.unwrap(self.id, self.private))
        return private.public_key().public_bytes_raw() == self.public

    def vouching(self) -> bytes:
        """What the key before it signs."""
        return b"upheld key 1\n" + self.public.hex().encode()


async def keys_of(conn: AsyncConnection[Any]) -> list[SealKey]:
    """The keys that sign or did, the oldest first; the last one is in use."""
    return [SealKey(*row) for row in await (await conn.execute(SQL["keys"])).fetchall()]


async def begin_key(conn: AsyncConnection[Any], keyring: Keyring, now: datetime) -> SealKey:
    """A new key that signs from now on, vouched for by the one before it."""
    known = await keys_of(conn)
    private, id = Ed25519PrivateKey.generate(), uuid4()
    wrapped = keyring.wrap(id, private.private_bytes_raw())
    key = SealKey(id, len(known) + 1, private.public_key().public_bytes_raw(), wrapped, None, now)
    voucher = known[-1].sign(keyring, key.vouching()) if known else None
    await conn.execute(SQL["put_key"], (key.id, key.number, key.public, key.private, voucher, now))
    return key


async def put_seal(
    conn: AsyncConnection[Any], keyring: Keyring, now: datetime, *, most: int = MOST, least: int = 1
) -> Seal | None:
    """Seal what comes behind the newest seal, if that are `least` events; answers the seal.

    Raises `psycopg.errors.UniqueViolation` where somebody else does so at the same time; one of them is kept.
    """
    async with conn.transaction():
        head = await _head(conn)
        rows = await conn.execute(SQL["leaves"], (head.last_position + 1 if head else 1, LAST, most), binary=True)
        found = await rows.fetchall()
        if len(found) < least:
            return None
        keys = await keys_of(conn)
        key = keys[-1] if keys else await begin_key(conn, keyring, now)
        hashes = [leaf_hash(leaf) for _, leaf in found]
        first = head.last_position + 1 if head else 1
        seal = Seal(
            number=head.number + 1 if head else 1,
            first_position=first,
            last_position=found[-1][0],
            size=len(found),
            root=root_of(hashes),
            previous=head.digest() if head else BEGINNING,
            sealed_at=now,
            key=key.id,
            signature=b"",
        )
        seal = replace(seal, signature=key.sign(keyring, seal.statement()))
        marks = marks_of(first, [position for position, _ in found], hashes)
        columns = [getattr(seal, field.name) for field in fields(seal)]
        await conn.execute(SQL["put"], (*columns, marks))
    return seal


async def _head(conn: AsyncConnection[Any]) -> Seal | None:
    row = await (await conn.execute(SQL["head"])).fetchone()
    return Seal(*row) if row is not None else None


async def unsealed(conn: AsyncConnection[Any]) -> int:
    """How many positions, used or not, lie behind the newest seal; 0 where everything is sealed."""
    row = await (await conn.execute(SQL["unsealed"])).fetchone()
    return max(int(row[0]), 0) if row is not None else 0


async def unpublished(conn: AsyncConnection[Any], limit: int) -> list[Seal]:
    """Seals that were not given away yet, in order."""
    return [Seal(*row) for row in await (await conn.execute(SQL["unpublished"], (limit,))).fetchall()]


async def set_published(conn: AsyncConnection[Any], given: Sequence[Seal]) -> None:
    """They were given away."""
    await conn.execute(SQL["set_published"], ([seal.number for seal in given],))


def marks_of(first: int, positions: Sequence[int], hashes: Sequence[bytes]) -> bytes:
    """By which it is told, where a root does not hold, which event is not as it was."""
    return b"".join(_MARK.pack(at - first, whole[:4]) for at, whole in zip(positions, hashes, strict=True))


def marked(first: int, marks: bytes) -> dict[int, bytes]:
    """The beginnings of hashes by position, as `marks_of` wrote them; empty where they cannot be read."""
    if len(marks) % _MARK.size:
        return {}
    return {first + offset: beginning for offset, beginning in _MARK.iter_unpack(marks)}


async def seals(database: Database, *, after: int, limit: int) -> list[Seal]:
    """The next seals behind a number, in order."""
    return [Seal(*row) for row in await database.fetch(SQL["page"], (after, limit))]


@dataclass(frozen=True, slots=True)
class Proof:
    """That an event is in the log as it was sealed: its bytes, and the way from them to the root that a seal signs."""

    position: int
    leaf: bytes
    index: int
    path: list[bytes]
    seal: Seal
    public: bytes


async def proof(database: Database, position: int) -> Proof | None:
    """The proof for the event at a position; None where there is none, or it is not sealed yet."""
    rows = await database.fetch(SQL["over"], {"position": position})
    if not rows:
        return None
    seal = Seal(*rows[0])
    found = await database.fetch(SQL["leaves"], (seal.first_position, seal.last_position, None))
    positions = [at for at, _ in found]
    if position not in positions:
        return None
    index = positions.index(position)
    path = path_to(index, [leaf_hash(leaf) for _, leaf in found])
    async with database.pool.connection() as conn:
        public = next(key.public for key in await keys_of(conn) if key.id == seal.key)
    return Proof(position, bytes(found[index][1]), index, path, seal, public)

"""Another master key: every key in the database is wrapped by it, batch by batch, while no process serves.

>>> [progress.table async for progress in rewrap(conn, old, new)]  # doctest: +SKIP
['streams', 'contact_points', 'seal_keys']

Words stay as they are: the key of each stream is the same, in another wrapping. What values are hashed with stays the
same, too, so that links open and commands are recognised. Backups from before are opened by the old master key alone.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.sql import Identifier, Placeholder

from domain.errors import ConfigurationError, Conflict, MasterKeyLost
from store import people, push
from store.database import Connection
from store.keyring import KEYRING_LOCK, Keyring
from store.queries import queries

__all__ = ["TABLES", "Progress", "Wrapped", "rewrap"]

SQL = queries("store", "rewrapping.sql")

_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A table with wrapped keys: in which column, by which columns a row is found, and in whose place it is wrapped."""

    table: str
    key: str
    places: tuple[str, ...]
    name: Callable[..., UUID]


def _own(id: UUID) -> UUID:
    return id


TABLES = (
    Wrapped("streams", "key", ("id",), _own),
    Wrapped("contact_points", "key", ("category", "id"), people.name_of),
    Wrapped("evidence", "key", ("id",), _own),
    Wrapped("kept_deliveries", "key", ("id",), _own),
    Wrapped("jobs", "key", ("id",), _own),
    Wrapped("push_subscriptions", "key", ("endpoint_hash",), push.name_of),
    Wrapped("push_key", "key", ("is_it",), lambda _: push.SIGNING),
    Wrapped("sessions", "key", ("id",), _own),
    Wrapped("seal_keys", "private", ("id",), _own),
)
"""All keys that the master key wraps."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come in a table; `foreign` keys were wrapped by neither master key, and stay as they are."""

    table: str
    done: int
    total: int
    foreign: int


async def rewrap(conn: Connection, old: bytes, new: bytes) -> AsyncIterator[Progress]:
    """Wrap all keys by the master key `new` instead of `old`; what was interrupted goes on where it is run again.

    Raises `Conflict` while other processes are at the database, `MasterKeyLost` where `old` is not its master key, and
    `ConfigurationError` where another change was begun, or this one has ended.
    """
    secrets = await _begin(conn, Keyring(old), Keyring(new))
    previous, successor = Keyring(old, secrets), Keyring(new)
    for wrapped in TABLES:
        async for progress in _rewrap_table(conn, wrapped, previous, successor):
            yield progress
    await conn.execute(SQL["end"], (previous.handed_over(successor),))


async def _begin(conn: Connection, old: Keyring, new: Keyring) -> bytes | None:
    """Shut out whoever would start with the old master key; answers what values are hashed with, if that is kept."""
    async with conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock(%s)", (KEYRING_LOCK,))
        row = await (await conn.execute(SQL["keyring"])).fetchone()
        if row is None:
            raise ConfigurationError("this database has no master key yet; `upheld serve` begins with one")
        fingerprint, secrets, rotating_to = row
        if new.fingerprint == fingerprint:
            raise ConfigurationError("the new master key is the one that this database has")
        if old.fingerprint != fingerprint:
            raise MasterKeyLost("the master key in use is not the one of this database")
        if rotating_to not in (None, new.fingerprint):
            raise ConfigurationError("a change to another master key was begun: end that one first")
        ((others,),) = await (await conn.execute(SQL["others"])).fetchall()
        if others:
            raise Conflict(f"other processes are at this database ({others} connections): stop them first")
        await conn.execute(SQL["begin"], (new.fingerprint,))
    known: bytes | None = secrets
    return known


async def _rewrap_table(conn: Connection, wrapped: Wrapped, old: Keyring, new: Keyring) -> AsyncIterator[Progress]:
    parts = {
        "table": Identifier(wrapped.table),
        "key": Identifier(wrapped.key),
        "places": sql.SQL(", ").join(map(Identifier, wrapped.places)),
        "after": sql.SQL(", ").join(map(Placeholder, wrapped.places)),
        "at": sql.SQL(", ").join(map(Placeholder, wrapped.places)),
    }
    composed = {name: sql.SQL(SQL[name]).format(**parts) for name in ("count", "first", "next", "put")}
    ((total,),) = await (await conn.execute(composed["count"])).fetchall()
    done = foreign = 0
    place: dict[str, object] = {}
    while rows := await (
        await conn.execute(composed["next" if place else "first"], {**place, "limit": _AT_ONCE})
    ).fetchall():
        changes, unknown = _changes(rows, wrapped, old, new)
        async with conn.transaction(), conn.cursor() as cursor:
            await cursor.executemany(composed["put"], changes)
        place = dict(zip(wrapped.places, rows[-1][:-1], strict=True))
        done, foreign = done + len(rows), foreign + unknown
        yield Progress(wrapped.table, done, total, foreign)


def _changes(
    rows: Sequence[Sequence[Any]], wrapped: Wrapped, old: Keyring, new: Keyring
) -> tuple[list[dict[str, object]], int]:
    """How these keys are wrapped from now on, and how many are not ours. What is wrapped already, or erased, stays."""
    changes: list[dict[str, object]] = []
    foreign = 0
    for *places, key in rows:
        name = wrapped.name(*places)
        if key is None or _opened(new, name, key) is not None:
            continue
        if (opened := _opened(old, name, key)) is None:
            foreign += 1
        else:
            at = dict(zip(wrapped.places, places, strict=True))
            changes.append({**at, "old": key, "new": new.wrap(name, opened)})
    return changes, foreign


def _opened(keyring: Keyring, name: UUID, wrapped: bytes) -> bytes | None:
    try:
        return keyring.unwrap(name, wrapped)
    except MasterKeyLost:
        return None

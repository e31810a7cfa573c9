"""Who is signed in: rows that every request reads, so that what is revoked is revoked at once in every process.

>>> sessions = Sessions(database, keyring)
>>> token, _ = await sessions.open(
...     "courier:li", Kind.DEVICE, limits, Told("Chrome, Android"), now=now
... )  # doctest: +SKIP
>>> (await sessions.find(token, now=now)).actor  # doctest: +SKIP
'courier:li'

The cookie holds the token, the row its hash: whoever reads the database is signed in by nothing.
"""

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, LiteralString
from uuid import UUID, uuid4

import msgspec
import psycopg
import structlog
from psycopg.rows import TupleRow

from domain.errors import Unavailable
from store.clock import Clock
from store.database import Database, hear, reaching_the_database
from store.keyring import Keyring
from store.queries import queries

__all__ = ["Endings", "Kind", "Limits", "Listed", "Session", "Sessions", "Told"]

log = structlog.get_logger("upheld.sessions")
SQL = queries("store", "sessions.sql")

_TOKEN_BYTES = 32
_LONGEST_TOKEN = 64
_TOUCH_EVERY = timedelta(minutes=1)
_LOOK_SECONDS = 5.0
_PAUSE = 0.5


class Kind(StrEnum):
    """How somebody was signed in: by the provider of staff, or by a code on a device that stays his."""

    STAFF = "staff"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session lasts when it is not used, and at the most."""

    idle: timedelta
    absolute: timedelta


class Told(msgspec.Struct, frozen=True):
    """What is encrypted of a session: what the browser calls itself, and the token by which the provider knows it."""

    label: str
    id_token: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, since when, and until when at the most. `id` is no secret."""

    id: UUID
    actor: str
    kind: Kind
    created_at: datetime
    seen_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Listed:
    """A session as its owner is shown it."""

    session: Session
    label: str


class Sessions:
    """Opens sessions, finds who is signed in by a token, and ends them."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def open(self, actor: str, kind: Kind, limits: Limits, told: Told, *, now: datetime) -> tuple[str, Listed]:
        """The token of a new session, 43 characters, which is kept nowhere; and the session."""
        token, id = secrets.token_urlsafe(_TOKEN_BYTES), uuid4()
        session = Session(id, actor, kind, now, now, now + limits.absolute)
        key, document = self._keyring.enclose(id, msgspec.msgpack.encode(told))
        row = {
            "token_hash": _hash(token),
            "id": id,
            "actor": actor,
            "kind": kind,
            "now": now,
            "over_at": now + min(limits.idle, limits.absolute),
            "ends_at": session.ends_at,
            "key": key,
            "document": document,
        }
        with reaching_the_database():
            async with self._database.pool.connection() as conn, conn.transaction():
                await conn.execute(SQL["sweep"], (now,))
                await conn.execute(SQL["open"], row)
        return token, Listed(session, told.label)

    async def find(self, token: str, *, now: datetime) -> Session | None:
        """Who is signed in by a token, if anybody is."""
        if len(token) > _LONGEST_TOKEN:
            return None
        rows = await self._database.fetch(SQL["find"], (_hash(token), now))
        return _session(*rows[0]) if rows else None

    async def is_good(self, id: UUID, *, now: datetime) -> bool:
        """Whether somebody is still signed in by a session."""
        return bool(await self._database.fetch(SQL["good"], ([id], now)))

    async def touch(self, token: str, session: Session, limits: Limits, *, now: datetime) -> None:
        """It is used; noted once a minute at the most, and by no more than its idle time does it last longer."""
        if now - session.seen_at >= _TOUCH_EVERY:
            row = {"token_hash": _hash(token), "now": now, "over_at": now + limits.idle}
            with reaching_the_database():
                async with self._database.pool.connection() as conn:
                    await conn.execute(SQL["touch"], row)

    async def of(self, actor: str, *kinds: Kind, now: datetime) -> list[Listed]:
        """By what somebody is signed in, the newest first."""
        asked = {"actor": actor, "kinds": list(kinds or Kind), "now": now}
        rows = await self._database.fetch(SQL["of"], asked)
        return [Listed(_session(*row[:6]), self._opened(row[0], *row[6:]).label) for row in rows]

    async def leave(self, token: str) -> Told | None:
        """Sign out whoever holds this token; answers what was known of the session, if there was one."""
        rows = await self._end(SQL["leave"], (_hash(token),))
        return self._opened(*rows[0][:3]) if rows else None

    async def revoke(self, actor: str, id: UUID, *kinds: Kind) -> bool:
        """End one of somebody's sessions; answers whether there was such a one."""
        return bool(await self._end(SQL["revoke"], (actor, id, list(kinds or Kind))))

    async def revoke_all(self, actor: str) -> int:
        """End all of somebody's sessions; answers how many there were."""
        return len(await self._end(SQL["revoke_all"], (actor,)))

    async def _end(self, query: LiteralString, params: Sequence[Any]) -> list[TupleRow]:
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                return await (await conn.execute(query, params)).fetchall()

    def _opened(self, id: UUID, key: bytes, document: bytes) -> Told:
        return msgspec.msgpack.decode(self._keyring.disclose(id, key, document), type=Told)


class Endings:
    """Tells what goes on for long, as a stream of events, that the session it was asked for by has ended.

    >>> with endings.of(session.id) as ended:  # doctest: +SKIP
    ...     await ended.wait()
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: dict[UUID, set[asyncio.Event]] = {}

    @contextlib.contextmanager
    def of(self, id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set once the session has ended, by whatever process and for whatever reason."""
        ended = asyncio.Event()
        waiting = self._waiting.setdefault(id, set())
        waiting.add(ended)
        try:
            yield ended
        finally:
            waiting.discard(ended)
            if not waiting:
                self._waiting.pop(id, None)

    async def follow(self) -> None:
        """Look whenever somebody has ended a session, and now and then: one that lapses tells nobody."""
        while True:
            try:
                async with await self._database.connect("sessions") as conn:
                    await conn.execute("LISTEN sessions")
                    while True:
                        await self.look()
                        await hear(conn, within=_LOOK_SECONDS)
            except (psycopg.OperationalError, psycopg.InterfaceError, Unavailable) as error:
                log.warning("interrupted", error=str(error).strip())
            await asyncio.sleep(_PAUSE)

    async def look(self) -> None:
        """Tell those whose session has ended."""
        if not self._waiting:
            return
        asked = list(self._waiting)
        good = {id for (id,) in await self._database.fetch(SQL["good"], (asked, self._clock.now()))}
        for id in set(asked) - good:
            for ended in self._waiting.get(id, ()):
                ended.set()


def _hash(token: str) -> bytes:
    # Not keyed, and not slow: nobody guesses 256 random bits.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _session(id: UUID, actor: str, kind: str, created_at: datetime, seen_at: datetime, ends_at: datetime) -> Session:
    return Session(id, actor, Kind(kind), created_at, seen_at, ends_at)

"""API keys: by which programs say who they are. A key is told once, and kept nowhere: there is only a keyed hash of it.

>>> keys = Keys(database, keyring)
>>> text = await keys.add("system:oms", by="admin:root")  # doctest: +SKIP
>>> (await keys.find(text)).actor  # doctest: +SKIP
'system:oms'

The hash is not a slow one (argon2): that hinders guessing what people choose, and a secret of 256 random bits cannot
be guessed at any speed, while a slow hash would be paid for with every request. It is keyed by the master key, over the
secret and over whose it is and until when: who can write to the database can neither make a key nor alter one.

Each request asks the database, so that a key which was revoked is refused by every process at once.
"""

import asyncio
import base64
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import structlog

from domain.errors import Unauthenticated, Unavailable
from store.clock import Clock, SystemClock
from store.database import Database, reaching_the_database
from store.keyring import Keyring
from store.queries import queries
from store.turns import turn

__all__ = ["Key", "Keys", "prefix_of"]

log = structlog.get_logger("upheld.keys")
SQL = queries("store", "keys.sql")

_FORM = re.compile(r"upk_([a-z2-7]{8})_([a-z2-7]{52})", re.ASCII)
_PREFIX_BYTES, _SECRET_BYTES = 5, 32
_USED_AT_MOST_EVERY = timedelta(minutes=1)
_PAUSE = 1.0
_NEWEST = (datetime.max.replace(tzinfo=UTC), "~")


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key: all but its secret."""

    prefix: str
    actor: str
    label: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class Keys:
    """Makes keys, finds whose one is, and revokes them. Their age is told by the machine's clock (decision 018)."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock | None = None) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock or SystemClock()
        self._used: set[str] = set()
        self._noted = asyncio.Event()

    async def add(
        self,
        actor: str,
        *,
        by: str,
        label: str | None = None,
        expires_at: datetime | None = None,
        seed: str | None = None,
    ) -> tuple[str, Key, bool]:
        """A new key: its text, which is told nowhere else, what is known of it, and whether it is new.

        The same `seed` leads to the same key, for whoever asks again because he did not get the answer.
        """
        while True:
            text = self._text(seed)
            prefix = prefix_of(text) or ""
            row = (prefix, self._hash(text, actor, expires_at), actor, label, self._clock.now(), by, expires_at)
            with reaching_the_database():
                async with self._database.pool.connection() as conn:
                    is_new = await (await conn.execute(SQL["add"], row)).fetchone() is not None
            # Two of a billion prefixes may be equal.
            if is_new or seed is not None:
                log.info("a key was made", prefix=prefix, actor=actor, by=by, is_new=is_new)
                found = await self._database.fetch(SQL["find"], (prefix,))
                return text, _key(found[0][:8]), is_new

    async def find(self, text: str) -> Key:
        """Whose key a text is. Raises `Unauthenticated`, and says no more than whoever sent it knows already."""
        prefix = prefix_of(text)
        rows = await self._database.fetch(SQL["find"], (prefix,)) if prefix is not None else []
        if not rows:
            raise Unauthenticated("this is no key that is known here")
        *known, secret_hash = rows[0]
        key = _key(tuple(known))
        if not hmac.compare_digest(self._hash(text, key.actor, key.expires_at), secret_hash):
            raise Unauthenticated("this is no key that is known here")
        now = self._clock.now()
        if key.revoked_at is not None:
            raise Unauthenticated("this key was revoked")
        if key.expires_at is not None and key.expires_at <= now:
            raise Unauthenticated("this key has expired")
        if key.last_used_at is None or key.last_used_at <= now - _USED_AT_MOST_EVERY:
            self._used.add(key.prefix)
            self._noted.set()
        return key

    async def holds(self, prefix: str) -> bool:
        """Whether a key that was good still is."""
        return bool(await self._database.fetch(SQL["holds"], (prefix, self._clock.now())))

    async def page(self, *, after: tuple[datetime, str] = _NEWEST, limit: int) -> list[Key]:
        """The next keys, those that are good no more included; the newest first."""
        return [_key(row) for row in await self._database.fetch(SQL["page"], (*after, limit))]

    async def revoke(self, prefix: str, *, by: str) -> bool:
        """Let a key open nothing any more, in every process; answers whether it did until now."""
        rows, was_good = await self._database.fetch(SQL["actor"], (prefix,)), False
        for (actor,) in rows:
            with reaching_the_database():
                async with turn(self._database, actor), self._database.pool.connection() as conn:
                    done = await conn.execute(SQL["revoke"], (self._clock.now(), by, prefix))
                    was_good = await done.fetchone() is not None
        if was_good:
            log.info("a key was revoked", prefix=prefix, by=by)
        return was_good

    async def revoke_all(self, actor: str, *, by: str) -> int:
        """Let no key of an actor open anything any more; answers how many did. It is the `turn` of who asks."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                done = await conn.execute(SQL["revoke_all"], (self._clock.now(), by, actor))
                revoked = [str(prefix) for (prefix,) in await done.fetchall()]
        for prefix in revoked:
            log.info("a key was revoked", prefix=prefix, by=by)
        return len(revoked)

    async def note_uses(self) -> None:
        """Write down which keys were used, beside the requests that used them, for as long as it runs."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            prefixes, now = sorted(self._used), self._clock.now()
            self._used.clear()
            noted = {"at": now, "prefixes": prefixes, "before": now - _USED_AT_MOST_EVERY}
            try:
                with reaching_the_database():
                    async with self._database.pool.connection() as conn:
                        await conn.execute(SQL["used"], noted)
            except (psycopg.Error, Unavailable) as error:
                log.warning("the use of keys was not noted", error=str(error).strip())
            await asyncio.sleep(_PAUSE)

    def _text(self, seed: str | None) -> str:
        if seed is None:
            random = secrets.token_bytes(_PREFIX_BYTES + _SECRET_BYTES)
        else:
            parts = [self._keyring.blind(f"api key {part}", seed) for part in ("prefix", "secret", "more of it")]
            random = parts[0][:_PREFIX_BYTES] + parts[1] + parts[2]
        prefix, secret = random[:_PREFIX_BYTES], random[_PREFIX_BYTES:]
        return f"upk_{_written(prefix)}_{_written(secret)}"

    def _hash(self, text: str, actor: str, expires_at: datetime | None) -> bytes:
        until = expires_at.astimezone(UTC).isoformat() if expires_at is not None else ""
        return self._keyring.blind("api key", f"{text}/{actor}/{until}")


def prefix_of(text: str) -> str | None:
    """What stands in front of the secret, by which a key is called; None where the text is not of the form of a key.

    >>> prefix_of("upk_abcdefgh_" + "a" * 52), prefix_of("upk_abcdefgh")
    ('abcdefgh', None)
    """
    match = _FORM.fullmatch(text)
    return match[1] if match is not None else None


def _written(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def _key(row: tuple[object, ...]) -> Key:
    return Key(*(value.astimezone(UTC) if isinstance(value, datetime) else value for value in row))  # type: ignore[arg-type]

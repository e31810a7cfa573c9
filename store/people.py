"""How people are reached, staff and customers: plain rows, each encrypted under a key of its own, and who changed them.

>>> people = People(database, keyring, clock)
>>> await people.put("courier:li", Person("Li", "zh-CN", "Asia/Shanghai"), by="supervisor:wang")  # doctest: +SKIP
>>> (await people.find("courier:li")).name  # doctest: +SKIP
'Li'
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid5

import msgspec
import psycopg
import structlog

from domain.errors import Unavailable
from domain.people import NOBODY, Contact, Person, Roster
from store.clock import Clock
from store.database import Connection, Database, hear, reaching_the_database
from store.keyring import Keyring
from store.queries import queries

__all__ = ["Book", "ContactChange", "Customers", "People", "Staff", "name_of"]

log = structlog.get_logger("upheld.people")
SQL = queries("store", "people.sql")

T = TypeVar("T")

_NAMESPACE = UUID("c9c4c6de-7f5b-5d7b-8a43-5b1c7a0d4e21")
_LISTEN_SECONDS = 5.0
_PAUSE = 0.5
_BEGINNING = ""


@dataclass(frozen=True, slots=True)
class ContactChange:
    """That somebody changed how another one is reached."""

    changed_at: datetime
    changed_by: str
    is_deletion: bool


class Book(Generic[T]):
    """The rows of one category. What a row says is JSON of `form`, encrypted."""

    category: str
    form: Any

    def __init__(self, database: Database, keyring: Keyring, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock

    async def find(self, id: str) -> T | None:
        """How one of them is reached; None where nobody said so."""
        rows = await self._database.fetch(SQL["find"], (self.category, id))
        return self._opened(id, *rows[0]) if rows else None

    async def find_all(self, ids: Sequence[str]) -> dict[str, T]:
        """How these are reached, as far as somebody said so."""
        rows = await self._database.fetch(SQL["find_all"], (self.category, list(ids)))
        return {id: self._opened(id, key, document) for id, key, document in rows}

    async def page(self, *, after: str = _BEGINNING, limit: int) -> list[tuple[str, T]]:
        """The next of them, by id."""
        rows = await self._database.fetch(SQL["page"], (self.category, after, limit))
        return [(id, self._opened(id, key, document)) for id, key, document in rows]

    async def all(self) -> dict[str, T]:
        """Everybody, by id."""
        rows = await self._database.fetch(SQL["all"], (self.category,))
        return {id: self._opened(id, key, document) for id, key, document in rows}

    async def changes(self, id: str) -> list[ContactChange]:
        """When what is known of somebody was changed, and by whom."""
        return [ContactChange(*row) for row in await self._database.fetch(SQL["changes"], (self.category, id))]

    async def put(self, id: str, make: Callable[[T | None], T], *, by: str) -> T:
        """Write what `make` makes of what there is; the same again is no change. Raises whatever `make` raises."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn, conn.transaction():
                await conn.execute(SQL["take_turns"], (f"{self.category}/{id}",))
                row = await (await conn.execute(SQL["lock"], (self.category, id))).fetchone()
                known = self._opened(id, *row) if row is not None else None
                wanted = make(known)
                if wanted != known:
                    wrapped = row[0] if row is not None else self._keyring.wrap(self._name(id), self._keyring.new_key())
                    document = self._sealed(id, wrapped, wanted)
                    await conn.execute(SQL["put"], (self.category, id, wrapped, document))
                    await self._note(conn, id, by, document)
        return wanted

    async def delete(self, id: str, *, by: str) -> bool:
        """Forget how somebody is reached, now and before; answers whether there was anything."""
        with reaching_the_database():
            async with self._database.pool.connection() as conn, conn.transaction():
                await conn.execute(SQL["take_turns"], (f"{self.category}/{id}",))
                gone = await (await conn.execute(SQL["delete"], (self.category, id))).fetchone()
                if gone is not None:
                    await self._note(conn, id, by, None)
        return gone is not None

    async def _note(self, conn: Connection, id: str, by: str, document: bytes | None) -> None:
        await conn.execute(SQL["note"], (self.category, id, self._clock.now(), by, document))
        await conn.execute(SQL["tell"], (self.category,))

    def _sealed(self, id: str, wrapped: bytes, value: T) -> bytes:
        name = self._name(id)
        return self._keyring.seal(self._keyring.unwrap(name, wrapped), msgspec.json.encode(value), name.bytes)

    def _opened(self, id: str, wrapped: bytes, document: bytes) -> T:
        words = self._keyring.disclose(self._name(id), wrapped, document)
        found: T = msgspec.json.decode(words, type=self.form)
        return found

    def _name(self, id: str) -> UUID:
        return name_of(self.category, id)


def name_of(category: str, id: str) -> UUID:
    """What binds the key and the words of a row to their place."""
    return uuid5(_NAMESPACE, f"{category}/{id}")


class People(Book[Person]):
    """The staff, by actor."""

    category, form = "person", Person

    async def roster(self) -> Roster:
        """Who is at work when, in which teams, and reports to whom."""
        return Roster({actor: person.post for actor, person in (await self.all()).items()})


class Customers(Book[Contact]):
    """The customers, by their id."""

    category, form = "customer", Contact


class Staff:
    """The roster as this process knows it, kept up to date while `follow` runs."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people
        self.roster = NOBODY

    async def read(self) -> None:
        """Take in what was changed."""
        self.roster = await self._people.roster()

    async def follow(self) -> None:
        """Read the roster anew whenever somebody has changed it."""
        while True:
            try:
                async with await self._database.connect("staff") as conn:
                    await conn.execute("LISTEN contact_points")
                    while True:
                        await self.read()
                        while not await hear(conn, within=_LISTEN_SECONDS):
                            pass
            except (psycopg.OperationalError, psycopg.InterfaceError, Unavailable) as error:
                log.warning("interrupted", error=str(error).strip())
            await asyncio.sleep(_PAUSE)

"""How every projection is read: one way to reach its rows, one way to filter them."""

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg

from domain.errors import ProjectionParked, ProjectionRebuilding
from store.database import Database
from store.keyring import Keyring
from store.queries import queries

__all__ = ["Reader", "where"]

SQL = queries("projections", "reading.sql")


class Reader:
    """Reads rows of a projection; personal fields are decrypted on the way out."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self.database = database
        self.keyring = keyring

    async def fetch(self, query: LiteralString, params: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """All rows of a query.

        Raises `Unavailable` where the database is out of reach, `ProjectionRebuilding` where the tables are not
        there yet, or not in the form that this version reads.
        """
        try:
            return await self.database.fetch(query, params)
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            raise ProjectionRebuilding("it is being built from the log; ask again later", retry_after=5) from error

    async def incomplete(self, *projections: str) -> bool:
        """Whether some of these projections had to leave something out."""
        return bool(await self.fetch(SQL["any_parked"], {"names": list(projections)}))

    async def check_parked(self, projection: str, stream: object) -> None:
        """Tell what was not found from what is left out. Raises `ProjectionParked`."""
        if await self.fetch(SQL["is_parked"], {"name": projection, "stream": stream}):
            raise ProjectionParked("a fact about it could not be projected; an operator must look at it", 30)

    def blind(self, field: str, value: str | None) -> bytes | None:
        """The keyed hash under which an encrypted field can be found."""
        return self.keyring.blind(field, value) if value is not None else None


def where(*conditions: tuple[LiteralString, str, object]) -> tuple[LiteralString, dict[str, object]]:
    """The conditions whose value was asked for, joined, and their parameters.

    >>> where(("kind = %(kind)s", "kind", "refund"), ("status = %(status)s", "status", None))
    ('kind = %(kind)s', {'kind': 'refund'})
    """
    asked = [(text, name, value) for text, name, value in conditions if value is not None]
    joined = " AND ".join([text for text, _, _ in asked]) or "true"
    return joined, {name: value for _, name, value in asked}

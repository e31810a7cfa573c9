"""A small projection for the tests of feeding: for each stream what was told of it, in order."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from projections.projection import Page, Projection, Recorded, State, columns
from store.database import Database
from store.keyring import Keyring

__all__ = ["Trouble", "diary", "rows"]


class Trouble:
    """What goes wrong while it is fed: switched on and off by a test."""

    def __init__(self) -> None:
        self.refused: set[UUID] = set()
        self.unwritable: set[UUID] = set()
        self.seconds = 0.0
        self.is_writing, self.goes_on = asyncio.Event(), asyncio.Event()
        self.goes_on.set()
        self.tries = 0


NO_TROUBLE = Trouble()


def _sql(name: str) -> Mapping[str, Any]:
    return {
        "schema": f"CREATE TABLE {name} (stream uuid, version bigint, type text, words text,"
        " PRIMARY KEY (stream, version))",
        "indexes": f"CREATE INDEX {name}_type_idx ON {name} (type)",
        "forget": f"DELETE FROM {name} WHERE stream = ANY(%(streams)s)",
        "insert": f"INSERT INTO {name} SELECT * FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::text[])",
    }


def diary(name: str = "diary", *, version: int = 1, trouble: Trouble = NO_TROUBLE) -> Projection:
    """The projection; `version` is written into its rows."""
    sql = _sql(name)

    class DiaryPage(Page):
        categories = frozenset({"commitment", "order"})

        def __init__(self, keyring: Keyring) -> None:
            super().__init__(keyring)
            self._rows: list[tuple[object, ...]] = []

        def see(self, recorded: Recorded, state: State) -> None:
            if recorded.stream in trouble.refused:
                trouble.tries += 1
                raise ValueError("cannot be told")
            words = f"{version}: {getattr(state, 'promise', None)}"
            told = "\0" if recorded.stream in trouble.unwritable else words
            self._rows.append((recorded.stream, state.version, recorded.type, told))

        async def write(self, conn: AsyncConnection[Any]) -> None:
            trouble.is_writing.set()
            await trouble.goes_on.wait()
            if trouble.seconds:
                await asyncio.sleep(trouble.seconds)
            if self._rows:
                await conn.execute(sql["insert"], columns(self._rows, 4))

    return Projection(name, version, sql, DiaryPage)


async def rows(database: Database, name: str = "diary", *, prefix: str = "1: ") -> list[tuple[Any, ...]]:
    """What stands in it, without the version that wrote it; rows of another one are told apart."""
    query: Any = f"SELECT stream, version, type, words FROM {name} ORDER BY stream, version"
    found = await database.fetch(query)
    return [(stream, version, type, words.removeprefix(prefix)) for stream, version, type, words in found]

"""How queries find their rows: tables that are full, and readers that keep the plan of every query that they ask."""

from typing import Any, LiteralString

from psycopg.sql import SQL, Identifier

from projections.checkpoints import make_tables
from projections.projection import Projection
from projections.reading import Reader
from store.database import Database

__all__ = ["Explaining", "fill"]


async def fill(database: Database, projection: Projection, *rows: LiteralString) -> None:
    """Make the tables of a projection, and fill them by these statements; the planner knows of it."""
    async with await database.connect("worker") as conn:
        tables = await make_tables(conn, projection)
        await conn.execute(projection.sql["indexes"])
        for statement in rows:
            await conn.execute(statement)
        await conn.execute(SQL("ANALYZE {}").format(SQL(", ").join(map(Identifier, tables))))


class Explaining(Reader):
    """Put before a reader among the bases of a class: `class Explained(Explaining, Flags)`."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.plans: list[str] = []

    async def fetch(self, query: LiteralString, params: Any) -> list[tuple[Any, ...]]:
        self.plans.append("\n".join(row[0] for row in await super().fetch("EXPLAIN " + query, params)))
        return await super().fetch(query, params)

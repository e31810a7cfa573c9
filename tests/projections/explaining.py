"""Readers that keep the plan of every query that they ask."""

from typing import Any, LiteralString

from projections.reading import Reader

__all__ = ["Explaining"]


class Explaining(Reader):
    """Put before a reader among the bases of a class: `class Explained(Explaining, Flags)`."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.plans: list[str] = []

    async def fetch(self, query: LiteralString, params: Any) -> list[tuple[Any, ...]]:
        self.plans.append("\n".join(row[0] for row in await super().fetch("EXPLAIN " + query, params)))
        return await super().fetch(query, params)

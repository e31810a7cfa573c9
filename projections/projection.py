"""What a projection is: some tables, and for each page of the log the rows that it changes in them.

A projection sees every fact with the state it led to, in order, and then writes the whole page at once.
Its rows follow from the log alone, so that it can be built anew at any time.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg import AsyncConnection

from domain.commitment import Commitment
from domain.customer import Customer
from domain.order import Order
from store.facts import read_fact
from store.keyring import Keyring

__all__ = ["CommitmentsTouched", "Page", "Projection", "Recorded", "State", "columns"]

State = Commitment | Order | Customer


class Recorded:
    """A fact as the log has it; what it says is decoded when it is first asked for, which may fail."""

    __slots__ = (
        "_fact",
        "_key",
        "_keyring",
        "_stored",
        "_wrapped",
        "category",
        "position",
        "recorded_at",
        "stream",
        "type",
        "version",
    )

    position: int
    stream: UUID
    version: int
    type: str
    recorded_at: datetime
    category: str

    def __init__(self, keyring: Keyring, row: Sequence[Any]) -> None:
        """From a row of the log: position, stream, version, type, bytes, instant, category, key and more."""
        self._keyring = keyring
        self._fact: Any = None
        self._key: bytes | None = None
        self.position, self.stream, self.version, self.type, self._stored, recorded_at, *stream = row
        self.category, self._wrapped = stream[:2]
        self.recorded_at = recorded_at.astimezone(UTC)

    @property
    def key(self) -> bytes | None:
        """The key of its stream's personal fields; None once erased."""
        if self._key is None:
            self._key = self._keyring.key_of(self.stream, self._wrapped)
        return self._key

    @property
    def fact(self) -> Any:
        if self._fact is None:
            self._fact = read_fact(self._keyring, self.key, self.stream, self.version, self.type, self._stored)
        return self._fact


class Page(ABC):
    """What one page of the log changes in the tables of one projection."""

    categories: ClassVar[frozenset[str]] = frozenset({"commitment"})
    """Of which streams it is shown the facts: `commitment`, `order`, `customer`."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    @abstractmethod
    def see(self, recorded: Recorded, state: State, /) -> None:
        """Take in one fact; `state` is what it led to, and will change with the next one."""

    @abstractmethod
    async def write(self, conn: AsyncConnection[Any]) -> None:
        """Write everything seen, in the transaction that also moves the checkpoint."""


class CommitmentsTouched(Page):
    """A page of a projection whose rows follow from the state of a commitment alone, whatever led to it."""

    def __init__(self, keyring: Keyring) -> None:
        super().__init__(keyring)
        self.touched: dict[UUID, Commitment] = {}

    def see(self, _: Recorded, state: State, /) -> None:
        if isinstance(state, Commitment):
            self.touched[state.id] = state


@dataclass(frozen=True, slots=True)
class Projection:
    """A question that the log answers: its name, its version, its SQL, and how a page changes its tables.

    Whoever changes what the rows mean raises `version`: the projection is then built anew. Its SQL names three
    queries that are the same for all: `schema` creates the tables, with the keys that writing needs; `indexes`
    adds what reading needs; `forget` takes out what some `streams` led to.
    """

    name: str
    version: int
    sql: Mapping[str, LiteralString]
    page: type[Page]


def columns(rows: Iterable[Sequence[object]], width: int) -> list[list[object]]:
    """Rows as columns, for `unnest`; no rows are `width` empty columns.

    >>> columns([(1, "a"), (2, "b")], 2)
    [[1, 2], ['a', 'b']]
    """
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]

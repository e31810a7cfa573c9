"""Folding facts into the states that they lead to, for whoever reads the log page by page."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from projections.log import SQL, Entry, entries
from projections.projection import Page, State
from store.keyring import Keyring

__all__ = ["States", "Taker", "show"]

_REMEMBERED = 1_500
_AT_A_STRETCH = 50
"""Facts folded before others in the process have their turn: a few milliseconds."""


class States:
    """The states that the last facts led to; what was forgotten is folded again from the log."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._states: OrderedDict[UUID, State] = OrderedDict()

    async def recall(self, conn: AsyncConnection[Any], page: Sequence[Entry]) -> None:
        """Make ready for a page: fold the states that it goes on from and that are not remembered.

        A stream whose past cannot be folded is left out; folding it then fails.
        """
        first: dict[UUID, int] = {}
        for entry in page:
            first.setdefault(entry.stream, entry.version)
        missing = []
        for stream, version in first.items():
            state = self._states.get(stream)
            if state is None or state.version != version - 1:
                self._states.pop(stream, None)
                if version > 1:
                    missing.append((stream, version))
        if missing:
            ids, versions = zip(*missing, strict=True)
            found = await conn.execute(SQL["earlier"], (list(ids), list(versions)))
            for entry in entries(self._keyring, await found.fetchall()):
                self.fold(entry)

    def fold(self, entry: Entry) -> State:
        """What the fact leads to; the state object is the same from fact to fact."""
        state: State = entry.recorded.fact.mutate(self._states.get(entry.stream))
        self._states[entry.stream] = state
        self._states.move_to_end(entry.stream)
        return state

    def forget(self, streams: Iterable[UUID] | None = None) -> None:
        """Remember nothing of these streams, or of any."""
        if streams is None:
            self._states.clear()
        else:
            for stream in streams:
                self._states.pop(stream, None)

    def trim(self) -> None:
        """Forget what was not needed for the longest time."""
        while len(self._states) > _REMEMBERED:
            self._states.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Taker:
    """Who takes in facts: a page of a projection, from behind a position on, but for what is parked."""

    page: Page
    reached: int
    parked: Set[UUID] = frozenset()

    def wants(self, entry: Entry) -> bool:
        return entry.position > self.reached and entry.stream not in self.parked


async def show(facts: Sequence[Entry], states: States, takers: Sequence[Taker]) -> None:
    """Show facts, with the states that they lead to, to whoever wants them."""
    for number, entry in enumerate(facts, 1):
        wanted = [taker.page for taker in takers if taker.wants(entry)]
        if wanted:
            state = states.fold(entry)
            for page in wanted:
                page.see(entry.recorded, state)
        if number % _AT_A_STRETCH == 0:
            await asyncio.sleep(0)

"""Folding facts into the states that they lead to, for whoever reads the log page by page."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from projections.projection import Page, Recorded, State

__all__ = ["Earlier", "States", "Taker", "show"]

_REMEMBERED = 1_500
_AT_A_STRETCH = 50
"""Facts folded before others in the process have their turn: a few milliseconds."""


Earlier = Callable[[Sequence[tuple[UUID, int]]], Awaitable[Sequence[Recorded]]]
"""Reads what was recorded of some streams before the version given for each, stream by stream."""


class States:
    """The states that the last facts led to; what was forgotten is folded again from the log."""

    def __init__(self) -> None:
        self._states: dict[int, State] = {}  # by the number of the stream, which is found faster than the UUID

    async def recall(self, page: Sequence[Recorded], earlier: Earlier) -> None:
        """Make ready for a page: fold the states that it goes on from and that are not remembered."""
        first: dict[UUID, int] = {}
        for recorded in page:
            first.setdefault(recorded.stream, recorded.version)
        missing = []
        for stream, version in first.items():
            state = self._states.pop(stream.int, None)
            if state is not None and state.version == version - 1:
                self._states[stream.int] = state  # now the last one to be forgotten
            elif version > 1:
                missing.append((stream, version))
        if missing:
            for recorded in await earlier(missing):
                self.fold(recorded)

    def fold(self, recorded: Recorded) -> State:
        """What the fact leads to; the state object is the same from fact to fact."""
        stream = recorded.stream.int
        state: State = recorded.fact.mutate(self._states.get(stream))
        self._states[stream] = state
        return state

    def forget(self) -> None:
        """Remember nothing."""
        self._states.clear()

    def trim(self) -> None:
        """Forget what was not needed for the longest time."""
        for stream in list(islice(self._states, max(len(self._states) - _REMEMBERED, 0))):
            del self._states[stream]


@dataclass(frozen=True, slots=True)
class Taker:
    """Who takes in facts: a page of a projection, of its categories, from behind a position on, but what is parked."""

    page: Page
    reached: int
    parked: Set[UUID] = frozenset()

    @property
    def wants_all(self) -> bool:
        """Whether it takes all of its categories."""
        return not self.reached and not self.parked

    def wants(self, recorded: Recorded) -> bool:
        return (
            recorded.category in self.page.categories
            and recorded.position > self.reached
            and not (self.parked and recorded.stream in self.parked)
        )


async def show(facts: Sequence[Recorded], states: States, takers: Sequence[Taker]) -> None:
    """Show facts, with the states that they lead to, to whoever wants them."""
    all_want_all, pages = all(taker.wants_all for taker in takers), _by_category(takers)
    for number, recorded in enumerate(facts, 1):
        if all_want_all:
            wanted = pages.get(recorded.category, [])
        else:
            wanted = [taker.page for taker in takers if taker.wants(recorded)]
        if wanted:
            state = states.fold(recorded)
            for page in wanted:
                page.see(recorded, state)
        if number % _AT_A_STRETCH == 0:
            await asyncio.sleep(0)


def _by_category(takers: Sequence[Taker]) -> dict[str, list[Page]]:
    pages: dict[str, list[Page]] = {}
    for taker in takers:
        for category in taker.page.categories:
            pages.setdefault(category, []).append(taker.page)
    return pages

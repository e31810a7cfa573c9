"""What keepers have to do, as it changes: of what was recorded, all that shows on somebody's screen.

Who had a promise and lost it stands in the rows of the tasks as well as who has it, so that no state needs to be
remembered, and no word decrypted, to know whom a fact concerns.
"""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from prometheus_client import Gauge

from projections.log import Log
from projections.tasks import Tasks
from projections.watching import Watch

__all__ = ["TaskChange", "TaskWatch"]

_RECALLED = 1_000
"""Positions before its beginning of which a watch can tell, also what another process was asked about before."""


@dataclass(frozen=True, slots=True)
class TaskChange:
    """Something was recorded about a commitment, or about who carries an order and when: in whose tasks that shows."""

    position: int
    commitment_id: UUID | None
    order_id: str | None
    recipients: frozenset[str]

    def told(self, recipients: Collection[str]) -> tuple[str, dict[str, object]] | None:
        """The event for somebody who receives as one of these, if it is in his tasks.

        >>> TaskChange(7, None, "SO-1001", frozenset({"team:courier"})).told(["courier:li", "team:courier"])
        ('changed', {'commitment_id': None, 'order_id': 'SO-1001'})
        """
        if self.recipients.isdisjoint(recipients):
            return None
        return "changed", {"commitment_id": self.commitment_id, "order_id": self.order_id}


class TaskWatch(Watch[TaskChange]):
    """Watches what keepers have to do; to begin costs next to nothing, so that it ends with the last who looks on."""

    looking = Gauge("upheld_task_streams", "Who looks on as tasks change", multiprocess_mode="livesum")
    linger_seconds = 0.0

    def __init__(self, tasks: Tasks, events: Log) -> None:
        super().__init__(tasks.database, events)
        self._tasks = tasks

    async def _reached(self) -> int:
        return await self._tasks.position()

    async def _begin_at(self, position: int) -> tuple[int, list[TaskChange]]:
        since = max(position - _RECALLED, 0)
        return since, await self._changes(since, position)

    async def _changes(self, after: int, until: int) -> list[TaskChange]:
        rows = await self._tasks.touched(after, until) if until > after else []
        return [TaskChange(position, id, order_id, frozenset(them)) for position, id, order_id, them in rows]

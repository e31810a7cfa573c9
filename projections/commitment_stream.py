"""Commitments as they change: of what was recorded, all that is about somebody's own promises, or about one of them."""

from dataclasses import dataclass
from uuid import UUID

from prometheus_client import Gauge

from projections.commitments import Commitments
from projections.log import Log
from projections.watching import Watch

__all__ = ["CommitmentChange", "CommitmentWatch"]

_RECALLED = 1_000
"""Positions before its beginning of which a watch can tell, also what another process was asked about before."""


@dataclass(frozen=True, slots=True)
class CommitmentChange:
    """Something was recorded about a commitment that `made_by` made."""

    position: int
    commitment_id: UUID
    made_by: str

    def told(self, made_by: str | None, about: UUID | None) -> tuple[str, dict[str, object]] | None:
        """The event for somebody who looks on at what he made, or at one commitment, whoever made it.

        >>> CommitmentChange(7, UUID(int=1), "agent:ling").told("agent:ling", None)
        ('changed', {'commitment_id': UUID('00000000-0000-0000-0000-000000000001')})
        """
        if self.commitment_id != about and self.made_by != made_by:
            return None
        return "changed", {"commitment_id": self.commitment_id}


class CommitmentWatch(Watch[CommitmentChange]):
    """Watches what becomes of commitments; to begin costs next to nothing, so it ends with the last who looks on."""

    looking = Gauge("upheld_commitment_streams", "Who looks on as commitments change", multiprocess_mode="livesum")
    linger_seconds = 0.0

    def __init__(self, commitments: Commitments, events: Log) -> None:
        super().__init__(commitments.database, events)
        self._commitments = commitments

    async def _reached(self) -> int:
        return await self._commitments.reached()

    async def _begin_at(self, position: int) -> tuple[int, list[CommitmentChange]]:
        since = max(position - _RECALLED, 0)
        return since, await self._changes(since, position)

    async def _changes(self, after: int, until: int) -> list[CommitmentChange]:
        rows = await self._commitments.touched(after, until) if until > after else []
        return [CommitmentChange(*row) for row in rows]

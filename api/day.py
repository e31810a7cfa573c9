"""What a keeper's page shows of a day: the stops in planned order, what was promised at each, and how he stands to it.

How he stands is read from the log and not from a projection, so that what he has just said is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api.querying import completeness
from api.runtime import Runtime
from domain.commitment import Commitment
from domain.handoff import Handoff
from domain.values import Item, ReceiptState
from projections.tasks import Tasks, TaskView

__all__ = ["Said", "StopShown", "TaskShown", "day_of", "stops_of"]


@dataclass(frozen=True, slots=True)
class Said:
    """What the keeper has just said: about which commitment, in which revision, and what."""

    about: UUID
    revision: int
    state: ReceiptState

    def stands(self, handoffs: Sequence[Handoff]) -> bool:
        """Whether it is so: one of the hand-offs has come that far."""
        return any(self.state in (handoff.state, "acknowledged" if handoff.received else None) for handoff in handoffs)


@dataclass(frozen=True, slots=True)
class Words:
    """What was promised, in a revision."""

    promise: str | None
    items: tuple[Item, ...] | None
    due_at: datetime


@dataclass(frozen=True, slots=True)
class TaskShown:
    """One promise, and the hand-offs of it that are this keeper's.

    `before` is what he knows of it, where that has changed meanwhile; `confirmed` whether what he has just said stands,
    `in_vain` whether it was about older words.
    """

    commitment: Commitment
    handoffs: tuple[Handoff, ...]
    before: Words | None
    confirmed: bool
    in_vain: bool

    @property
    def words(self) -> Words:
        return _words(self.commitment)


@dataclass(frozen=True, slots=True)
class StopShown:
    """One stop with what was promised there; what belongs to no order stands alone."""

    planned: TaskView
    tasks: tuple[TaskShown, ...]


async def day_of(runtime: Runtime, actor: str, stops: Sequence[TaskView], said: Said | None) -> list[StopShown]:
    """The stops of a keeper as his page shows them."""
    recipients = runtime.roster.recipients(actor)
    ids = [shown.id for stop in stops for shown in stop.commitments]
    states = await runtime.ledger.commitments(ids)
    found = []
    for stop in stops:
        live = [states[shown.id] for shown in stop.commitments if shown.id in states]
        tasks = [await _task(runtime, state, recipients, said) for state in live if not state.is_closed]
        if shown_tasks := tuple(task for task in tasks if task.handoffs):
            found.append(StopShown(stop, shown_tasks))
    return found


async def stops_of(runtime: Runtime, actor: str) -> tuple[list[TaskView], dict[str, bool]]:
    """What a keeper has to do now, as GET `/v1/tasks` says it, and whether something could not be shown."""
    await runtime.see_own_writes(["tasks", "commitments"])
    reader = Tasks(runtime.database, runtime.keyring)
    return await reader.of(runtime.roster.recipients(actor)), await completeness(reader, "tasks", "commitments")


async def _task(runtime: Runtime, commitment: Commitment, recipients: list[str], said: Said | None) -> TaskShown:
    handoffs = tuple(handoff for handoff in commitment.handoffs if handoff.recipient in recipients)
    mine = said if said is not None and said.about == commitment.id else None
    known = _known_revision(commitment, handoffs, mine)
    before = _words(await runtime.ledger.commitment_in(commitment.id, known)) if known is not None else None
    confirmed = mine is not None and known is None and mine.stands(handoffs)
    return TaskShown(commitment, handoffs, before, confirmed, mine is not None and mine.revision < commitment.revision)


def _known_revision(commitment: Commitment, handoffs: Sequence[Handoff], said: Said | None) -> int | None:
    """The older revision that a keeper knows: of which he has just spoken, else what he received; None where he knows
    no other than the one that counts.
    """
    if said is not None and said.revision < commitment.revision:
        return said.revision
    received = [handoff.received_revision for handoff in handoffs if handoff.received_another]
    return min((revision for revision in received if revision is not None), default=None)


def _words(commitment: Commitment) -> Words:
    return Words(commitment.promise, commitment.items, commitment.due.at)

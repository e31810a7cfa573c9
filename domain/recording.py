"""How facts come to be, and to count: recorded by what they are about, and read back as they were.

The library makes a fact through the constructor of a frozen dataclass, which assigns one field after another; that
costs more than deciding does. Here it gets all its fields at once, as when the library reads one back, and they must
be just the fields of its class.
"""

import dataclasses
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Self, TypeVar, cast
from uuid import UUID

from eventsourcing.domain import (
    Aggregate,
    AggregateCreated,
    CanInitAggregate,
    CanMutateAggregate,
    OriginatorIDError,
    OriginatorVersionError,
    TAggregate,
)
from eventsourcing.utils import get_topic, resolve_topic

from domain.values import Origin

__all__ = ["Beginning", "Recorded", "Recording", "recall"]

TFact = TypeVar("TFact", bound=CanMutateAggregate[UUID])


class Recorded(Aggregate.Event):
    """What every fact carries: when it was decided (`timestamp`), when it happened, and where it comes from."""

    origin: Origin
    occurred_at: datetime

    personal: ClassVar[frozenset[str]] = frozenset()
    """The fields that are encrypted before they are stored, and read None once erased."""

    def mutate(self, aggregate: TAggregate | None) -> TAggregate | None:
        """As in the library, which comes to the same at twice the cost."""
        if not isinstance(aggregate, Aggregate) or self.originator_id.int != aggregate._id.int:
            raise OriginatorIDError(self.originator_id, getattr(aggregate, "id", None))
        if self.originator_version != aggregate._version + 1:
            raise OriginatorVersionError(self.originator_version, aggregate._version + 1)
        self.apply(aggregate)
        aggregate._version, aggregate._modified_on = self.originator_version, self.timestamp
        return aggregate


class Beginning(Recorded, AggregateCreated):
    """What the first fact carries of something that begins with it."""

    def mutate(self, aggregate: TAggregate | None) -> TAggregate | None:
        if aggregate is not None:
            raise OriginatorVersionError(self.originator_version, aggregate.version + 1)
        begun: TAggregate = object.__new__(resolve_topic(self.originator_topic))
        begun.__base_init__(self.originator_id, self.originator_version, self.timestamp)
        begun.__init__()  # type: ignore[misc]
        self.apply(begun)
        return begun


class Recording(Aggregate):
    """Of what facts are recorded. Everything else in the library, from snapshots to its repository, works on it."""

    @classmethod
    def _create(cls, event_class: type[CanInitAggregate[UUID]], *, id: UUID | None = None, **fields: Any) -> Self:
        fields |= {
            "originator_id": id or cls.create_id(),
            "originator_version": cls.INITIAL_VERSION,
            "originator_topic": get_topic(cls),
        }
        fact = _new(event_class, fields)
        begun = cast(Self, fact.mutate(None))
        begun.pending_events.append(fact)
        return begun

    def trigger_event(self, event_class: type[CanMutateAggregate[UUID]], **fields: Any) -> None:
        self.record(event_class, fields)

    def record(self, event_class: type[CanMutateAggregate[UUID]], fields: dict[str, Any]) -> None:
        """Record what happened; the fact keeps the dictionary."""
        fields["originator_id"], fields["originator_version"] = self._id, self._version + 1
        fact = _new(event_class, fields)
        fact.mutate(self)
        self._pending_events.append(fact)


def recall(fact: type[TFact], fields: dict[str, Any]) -> TFact:
    """A fact of just these fields, which are all that it has.

    >>> from domain.facts import CommitmentBroken
    >>> recall(CommitmentBroken, {"originator_version": 3}).originator_version
    3
    """
    recalled = object.__new__(fact)
    object.__setattr__(recalled, "__dict__", fields)
    return recalled


def _new(fact: Any, fields: dict[str, Any]) -> Any:
    if fields.keys() != _names(fact):
        raise TypeError(f"{fact.__name__} consists of {sorted(_names(fact))}, not of {sorted(fields)}")
    return recall(fact, fields)


@cache
def _names(fact: Any) -> frozenset[str]:
    return frozenset(field.name for field in dataclasses.fields(fact))

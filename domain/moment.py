"""The moment of a decision: when it is taken, by whom, and under which rules. Time is always passed in."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from domain.actors import UPHELD, role_of
from domain.catalogue import Catalogue
from domain.errors import Invalid
from domain.people import NOBODY, Roster
from domain.recording import Recorded, Recording
from domain.values import Origin

__all__ = ["Moment"]

_TRUSTED_WITH_THE_PAST = frozenset({"supervisor", "system", "admin"})
_A_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Moment:
    """What a decision may know besides the state it is about."""

    now: datetime
    origin: Origin
    catalogue: Catalogue
    roster: Roster = NOBODY

    def by_itself(self) -> "Moment":
        """The same moment, for what happens by itself while a command is decided, and so belongs to its answer."""
        asked = self.origin
        origin = Origin(UPHELD, None, asked.command, asked.key, asked.body_hash, asked.sender)
        return replace(self, origin=origin if asked.key is not None else Origin(UPHELD))

    def record(self, about: Recording, fact: type[Recorded], *, at: datetime | None = None, **fields: Any) -> None:
        """Record that something happened, at this moment or (in the world) at another: `at`."""
        fields["timestamp"], fields["origin"] = self.now, self.origin
        fields["occurred_at"] = self.now if at is None else at
        about.record(fact, fields)

    def when(self, at: datetime | None, *, not_before: Iterable[datetime] = (), pointer: str = "/at") -> datetime:
        """When something happened in the world: `at`, or now.

        Raises `Invalid` where `at` lies in the future, before the making, or more than 24 hours back
        without the word of a supervisor or a system.
        """
        if at is None:
            return self.now
        if at > self.now:
            raise Invalid(pointer, "lies in the future")
        if any(at < earliest for earliest in not_before):
            raise Invalid(pointer, "lies before the making of the promise")
        if self.now - at > _A_DAY and role_of(self.origin.actor) not in _TRUSTED_WITH_THE_PAST:
            raise Invalid(pointer, "lies more than 24 hours back; only a supervisor or a system may say so")
        return at

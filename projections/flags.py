"""Which promises are going wrong, or are unknown to whoever must keep them: GET `/v1/flags`.

The rows foresee what the clock will raise; the query asks which of them holds now. No event is needed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from domain.commitment import Commitment
from domain.flags import FlagReason, FlagSpan, flag_spans
from projections.projection import CommitmentsTouched, Projection, columns
from projections.reading import Reader, where
from projections.views import opened
from store.queries import queries

__all__ = ["COUNTED_TO", "FLAGS", "FlagFilter", "FlagRow", "Flags"]

SQL = queries("projections", "flags.sql")

COUNTED_TO = 10_000
"""Totals are exact up to here."""


class FlagsPage(CommitmentsTouched):
    """What the clock will raise on the commitments that a page of the log touched."""

    async def write(self, conn: AsyncConnection[Any]) -> None:
        if not self.touched:
            return
        await conn.execute(SQL["delete"], (list(self.touched),))
        rows = [_row(state, span) for state in self.touched.values() for span in flag_spans(state)]
        if rows:
            await conn.execute(SQL["insert"], columns(rows, 14))


def _row(state: Commitment, span: FlagSpan) -> tuple[object, ...]:
    handoff = state.handoff(span.role)
    return (
        state.id,
        span.begins_at,
        span.ends_at,
        span.reason,
        span.since,
        span.rescue_by,
        span.role,
        handoff.recipient,
        handoff.trip.depot,
        handoff.receipt_due_at,
        state.due.at,
        state.kind,
        state.made_by,
        state.order_id,
    )


FLAGS = Projection("flags", 1, SQL, FlagsPage)


@dataclass(frozen=True, slots=True)
class FlagFilter:
    """Which flags are asked for; what is None does not matter."""

    reason: str | None = None
    recipient: str | None = None
    role: str | None = None
    made_by: str | None = None
    kind: str | None = None
    depot: str | None = None
    rescue_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class FlagRow:
    """A flag, as the contract has it (section 5)."""

    commitment_id: UUID
    order_id: str | None
    kind: str
    promise: str | None
    reason: FlagReason
    since: datetime
    role: str
    recipient: str | None
    made_by: str
    due_at: datetime
    receipt_due_at: datetime | None
    rescue_by: datetime


class Flags(Reader):
    """Reads the flags that hold at an instant.

    >>> [flag.reason for flag in await flags.page(FlagFilter(), now=now, limit=50, after=None)]  # doctest: +SKIP
    ['overdue', 'not_received']
    """

    async def page(
        self, wanted: FlagFilter, *, now: datetime, limit: int, after: tuple[datetime, UUID] | None
    ) -> list[FlagRow]:
        """Earliest `rescue_by` first, behind the flag named by `after`."""
        filters, params = where(
            *self._conditions(wanted),
            ("(f.rescue_by, f.commitment_id) > (%(rescue_by)s, %(id)s)", "rescue_by", after[0] if after else None),
        )
        if after:
            params["id"] = after[1]
        rows = await self.fetch(SQL["page"].format(filters=filters), params | {"now": now, "limit": limit})
        return [self._flag(row) for row in rows]

    async def total(self, wanted: FlagFilter, *, now: datetime) -> int:
        """How many hold, exact to `COUNTED_TO`; one more means that there are more."""
        filters, params = where(*self._conditions(wanted))
        rows = await self.fetch(SQL["total"].format(filters=filters), params | {"now": now, "most": COUNTED_TO + 1})
        return int(rows[0][0])

    def _conditions(self, wanted: FlagFilter) -> list[tuple[Any, str, object]]:
        return [
            ("f.reason = %(reason)s", "reason", wanted.reason),
            ("f.recipient = %(recipient)s", "recipient", wanted.recipient),
            ("f.role = %(role)s", "role", wanted.role),
            ("f.made_by = %(made_by)s", "made_by", wanted.made_by),
            ("f.kind = %(kind)s", "kind", wanted.kind),
            ("f.depot = %(depot)s", "depot", wanted.depot),
            ("f.rescue_by < %(rescue_before)s", "rescue_before", wanted.rescue_before),
        ]

    def _flag(self, row: tuple[Any, ...]) -> FlagRow:
        id, order_id, kind, reason, since, role, recipient, made_by, due_at, receipt_due_at, rescue_by = row[:11]
        document, personal, wrapped = row[11:]
        promise = opened(document, personal, wrapped, self.keyring, id).promise if document is not None else None
        return FlagRow(
            id, order_id, kind, promise, reason, since, role, recipient, made_by, due_at, receipt_due_at, rescue_by
        )

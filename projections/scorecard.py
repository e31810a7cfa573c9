"""How well the company keeps its word: GET `/v1/scorecard`.

A row follows from the state of its commitment alone; what still depends on the time is asked by the query.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, LiteralString

from psycopg import AsyncConnection

from domain.commitment import Commitment
from domain.handoff import Handoff
from projections.projection import CommitmentsTouched, Projection, columns
from projections.reading import Reader, where
from store.queries import queries

__all__ = ["SCORECARD", "BrokenBy", "GroupBy", "Scorecard", "ScorecardGroup", "Seconds"]

SQL = queries("projections", "scorecard.sql")

GroupBy = Literal["kind", "made_by", "role", "recipient", "depot", "day"]
Outcome = Literal["kept", "kept_moved", "kept_late", "broken", "withdrawn", "mistake", "open"]
Shortfall = Literal["never_received", "declined", "received_not_done"]


class ScorecardPage(CommitmentsTouched):
    """How it stands with the commitments that a page of the log touched."""

    async def write(self, conn: AsyncConnection[Any]) -> None:
        if not self.touched:
            return
        touched = self.touched.values()
        await conn.execute(SQL["upsert"], columns([_row(state) for state in touched], 13))
        await conn.execute(SQL["delete_handoffs"], (list(self.touched),))
        handoffs = [_handoff_row(state, handoff) for state in touched for handoff in state.handoffs]
        await conn.execute(SQL["insert_handoffs"], columns(handoffs, 7))


def _row(state: Commitment) -> tuple[object, ...]:
    return (
        state.id,
        state.made_at,
        state.made_by,
        state.kind,
        _outcome(state),
        state.due.at,
        _shortfall(state),
        state.contacts,
        state.postponements,
        state.reopenings,
        (state.kept_at - state.made_at).total_seconds() if state.kept_at is not None else None,
        Decimal(state.value.amount) if state.value else None,
        state.value.currency if state.value else None,
    )


def _outcome(state: Commitment) -> Outcome:
    """What became of the promise, held against the word that the customer last agreed to."""
    if state.kept_at is not None:
        if state.kept_at <= state.agreed_due_at:
            return "kept"
        return "kept_moved" if state.kept_at <= state.due.at else "kept_late"
    if state.status == "withdrawn":
        return _WITHDRAWN[state.withdrawal_cause or "agreed"]
    return "broken" if state.status == "broken" else "open"


_WITHDRAWN: dict[str, Outcome] = {"agreed": "withdrawn", "not_agreed": "broken", "mistake": "mistake"}


def _shortfall(state: Commitment) -> Shortfall:
    """What it was that went wrong, if the promise is broken."""
    if any(handoff.state == "declined" for handoff in state.handoffs):
        return "declined"
    return "received_not_done" if all(handoff.received for handoff in state.handoffs) else "never_received"


def _handoff_row(state: Commitment, handoff: Handoff) -> tuple[object, ...]:
    received_at, due_at = handoff.received_at, handoff.receipt_due_at
    return (
        state.id,
        handoff.role,
        handoff.recipient,
        handoff.trip.depot,
        _counts_from(state, handoff),
        received_at is not None and due_at is not None and received_at <= due_at,
        (received_at - handoff.based_at).total_seconds() if received_at is not None else None,
    )


def _counts_from(state: Commitment, handoff: Handoff) -> datetime | None:
    """The instant from which a receipt counts as one that fell due; None where it never will.

    What is closed needs no receipt any more: one that was not yet due counts only if it was given.
    """
    due_at, closed_at = handoff.receipt_due_at, state.closed_at
    if due_at is None or closed_at is None or closed_at >= due_at:
        return due_at
    return closed_at if handoff.received else None


SCORECARD = Projection("scorecard", 1, SQL, ScorecardPage)


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long something took: the median, and what 19 of 20 stayed within."""

    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class BrokenBy:
    """Why promises were broken: a keeper declined, one never received it, or all had it and did not do it."""

    never_received: int
    declined: int
    received_not_done: int


@dataclass(frozen=True, slots=True)
class ScorecardGroup:
    """The figures of one group (contract, section 5). Rates are from 0 to 1; `value` sums by currency.

    `receipt_seconds` run from when a receipt was asked for, `keeping_seconds` from the making to the keeping.

    `group` is None for commitments that have no recipient, or no depot, where that is what they are grouped by.
    """

    group: str | None
    made: int
    kept: int
    kept_moved: int
    kept_late: int
    broken: int
    withdrawn: int
    open: int
    kept_rate: float | None
    received_in_time_rate: float | None
    receipt_seconds: Seconds
    keeping_seconds: Seconds
    contacts: int
    postponements: int
    reopened: int
    broken_by: BrokenBy
    value: dict[str, str]


class Scorecard(Reader):
    """Reads the scorecard.

    >>> groups = await Scorecard(database, keyring).groups(None, None, "kind", "Asia/Shanghai", now)  # doctest: +SKIP
    >>> [(group.group, group.made, group.kept_rate) for group in groups]  # doctest: +SKIP
    [('free_item', 4, 0.5), ('refund', 7, 1.0)]
    """

    async def groups(
        self,
        from_: datetime | None,
        to: datetime | None,
        group_by: GroupBy | None,
        time_zone: str,
        now: datetime,
        made_by: str | None = None,
    ) -> list[ScorecardGroup]:
        """The figures at `now` of the promises made from `from_` until before `to`, by group; all of them are one.
        With `made_by` only of what that person promised.

        Days are those of `time_zone`, such as `2026-11-20`. A promise whose due is past counts as broken from that
        instant on, also where nobody has recorded it yet.
        """
        filters, params = where(
            ("c.made_at >= %(from)s", "from", from_),
            ("c.made_at < %(to)s", "to", to),
            ("c.made_by = %(made_by)s", "made_by", made_by),
        )
        query = SQL["groups"].format(filters=filters, **_grouping(group_by))
        rows = await self.fetch(query, params | {"time_zone": time_zone, "now": now})
        if not rows and group_by is None:
            return [_group(("all", *[0] * 15, *[None] * 4, {}))]
        return [_group(row) for row in rows]


def _grouping(group_by: GroupBy | None) -> dict[str, LiteralString]:
    """What commitments are grouped by, and which of their hand-offs count for the receipts of a group."""
    if group_by is None or group_by in _BY_COMMITMENT:
        return {"group": _BY_COMMITMENT[group_by], "members": "", "own": "true"}
    own = _OWN_HANDOFFS.get(group_by, "true")
    return {"group": "m.name", "members": SQL["members"].format(column=group_by), "own": own}


_BY_COMMITMENT: dict[str | None, LiteralString] = {
    None: "'all'",
    "kind": "c.kind",
    "made_by": "c.made_by",
    "day": "to_char(c.made_at AT TIME ZONE %(time_zone)s::text, 'YYYY-MM-DD')",
}
_OWN_HANDOFFS: dict[str, LiteralString] = {
    "role": 'h.role = g."group"[1]',
    "recipient": 'h.recipient IS NOT DISTINCT FROM g."group"[1]',
}


def _group(row: tuple[Any, ...]) -> ScorecardGroup:
    group, made, kept, kept_moved, kept_late, broken, withdrawn, open_ = row[:8]
    contacts, postponements, reopened, *broken_by, fell_due, in_time, p50, p95, kept_p50, kept_p95, value = row[8:]
    return ScorecardGroup(
        group=group,
        made=made,
        kept=kept,
        kept_moved=kept_moved,
        kept_late=kept_late,
        broken=broken,
        withdrawn=withdrawn,
        open=open_,
        kept_rate=_rate(kept, kept + kept_moved + kept_late + broken),
        received_in_time_rate=_rate(in_time, fell_due),
        receipt_seconds=Seconds(p50, p95),
        keeping_seconds=Seconds(kept_p50, kept_p95),
        contacts=contacts,
        postponements=postponements,
        reopened=reopened,
        broken_by=BrokenBy(*broken_by),
        value=value,
    )


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None

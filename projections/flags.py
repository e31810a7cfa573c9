"""Which promises are going wrong, or are unknown to whoever must keep them: GET `/v1/flags`, now and as it was then.

The rows foresee what the clock will raise; the query asks which of them holds now, and no event is needed. What
held until a fact ended it moves to a table of its own, so that what is past costs the question of today nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString, NamedTuple, cast
from uuid import UUID

from psycopg import AsyncConnection

from domain.commitment import Commitment
from domain.flags import FlagReason, flag_spans
from projections.projection import Page, Projection, Recorded, State, columns
from projections.reading import Reader, where
from projections.views import CommitmentView, opened
from store.facts import read_fact
from store.queries import queries

__all__ = [
    "COUNTED_TO",
    "FLAGS",
    "FlagFilter",
    "FlagGroup",
    "FlagGroupBy",
    "FlagRow",
    "Flags",
    "Raised",
    "Without",
]

SQL = queries("projections", "flags.sql")

_AT_ONCE = 500
COUNTED_TO = 10_000
"""Totals are exact up to here."""

_BESIDE_FLAGS = frozenset(
    {
        "CommitmentBroken",
        "CommitmentEscalated",
        "CustomerContacted",
        "CustomerInformed",
        "EscalationTaken",
        "HandoffDelivered",
        "HandoffFailed",
        "HandoffNagged",
        "HandoffSeen",
        "HandoffSent",
        "ReceiptMissed",
    }
)
"""The facts that no flag depends on: half of the log, which need not be looked at. A fact not named here counts."""


class _Span(NamedTuple):
    """A flag that holds from `begins_at` until `ends_at`; `known_from` is when the fact that led to it was recorded,
    or when it begins, whichever is later: before that nobody could see it.
    """

    commitment_id: UUID
    begins_at: datetime
    known_from: datetime
    ends_at: datetime | None
    reason: FlagReason
    since: datetime
    rescue_by: datetime
    role: str
    recipient: str | None
    depot: str | None
    receipt_due_at: datetime | None
    due_at: datetime
    kind: str
    made_by: str
    order_id: str | None

    def holds(self, at: datetime) -> bool:
        """Whether it could be seen at an instant."""
        return self.known_from <= at and (self.ends_at is None or self.ends_at > at)


class FlagsPage(Page):
    """What the clock will raise on the commitments that a page touched, and what held until a fact of it came."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._steps: dict[UUID, list[tuple[datetime, list[_Span]]]] = {}
        self._begun: set[UUID] = set()

    def see(self, recorded: Recorded, state: State) -> None:
        if isinstance(state, Commitment) and recorded.type not in _BESIDE_FLAGS:
            if state.version == 1:
                self._begun.add(state.id)
            step = (recorded.recorded_at, _foreseen(state, recorded.recorded_at))
            self._steps.setdefault(state.id, []).append(step)

    async def write(self, conn: AsyncConnection[Any]) -> None:
        before = await self._before(conn)
        gone: list[tuple[UUID, datetime]] = []
        new: list[_Span] = []
        held: list[_Span] = []
        for id, steps in self._steps.items():
            stored = spans = before.get(id, [])
            for at, then in steps:
                spans, ended = _turn(spans, at, then)
                held += ended
            gone += [(id, span.begins_at) for span in stored if span not in spans]
            new += [span for span in spans if span not in stored]
        if gone:
            await conn.execute(SQL["delete"], columns(gone, 2))
        for table, rows in (("flags", new), ("flags_held", held)):
            if rows:
                await conn.execute(SQL["insert"].format(table=table), columns(rows, len(_Span._fields)))

    async def _before(self, conn: AsyncConnection[Any]) -> dict[UUID, list[_Span]]:
        """What was foreseen on the commitments that this page goes on with; of those that it begins, nothing was."""
        found: dict[UUID, list[_Span]] = {}
        if known := [id for id in self._steps if id not in self._begun]:
            for row in await (await conn.execute(SQL["foreseen"], (known,))).fetchall():
                found.setdefault(row[0], []).append(_Span(*row))
        return found


def _foreseen(state: Commitment, recorded_at: datetime) -> list[_Span]:
    spans: list[_Span] = []
    for span in flag_spans(state):
        handoff = state.handoff(span.role)
        spans.append(
            _Span(
                state.id,
                span.begins_at,
                max(span.begins_at, recorded_at),
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
        )
    return spans


def _turn(spans: Sequence[_Span], at: datetime, then: Sequence[_Span]) -> tuple[list[_Span], list[_Span]]:
    """A fact is recorded `at` an instant, and `then` is what is foreseen: what is foreseen now, and what is over.

    A span that goes on saying the same keeps its beginning, so that facts beside it do not cut it into pieces.
    """
    foreseen, over = list(then), []
    following = next((index for index, span in enumerate(then) if span.holds(at)), None)
    for span in spans:
        if not span.known_from < min(at, span.ends_at or at):
            continue
        if following is not None and span.holds(at):
            longer = foreseen[following]._replace(begins_at=span.begins_at, known_from=span.known_from)
            if longer._replace(ends_at=span.ends_at) == span:
                foreseen[following] = longer
                continue
        over.append(span._replace(ends_at=min(at, span.ends_at or at)))
    return foreseen, over


FLAGS = Projection("flags", 2, SQL, FlagsPage)


Without = Literal["recipient", "depot"]
FlagGroupBy = Literal["recipient", "depot", "reason", "made_by", "kind", "role"]


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
    without: Without | None = None
    commitment_id: UUID | None = None


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
    depot: str | None
    erased: bool = False


@dataclass(frozen=True, slots=True)
class FlagGroup:
    """How many flags have something in common, and until when the first of them can be saved.

    `group` is None for those that have no recipient, or no depot, where that is what they are grouped by.
    """

    group: str | None
    flags: int
    rescue_by: datetime


class Raised(NamedTuple):
    """A flag, and the version of its promise, None where that is not projected yet.

    A board shows more of a promise than its flag: how far it has climbed, who deals with it, how often its customer
    has asked, whether its keeper has opened it.
    """

    flag: FlagRow
    version: int | None

    def matches(self, wanted: FlagFilter) -> bool:
        """Whether it is among those that are asked for, as the query has it."""
        flag = self.flag
        return (
            wanted.reason in (None, flag.reason)
            and wanted.recipient in (None, flag.recipient)
            and wanted.role in (None, flag.role)
            and wanted.made_by in (None, flag.made_by)
            and wanted.kind in (None, flag.kind)
            and wanted.depot in (None, flag.depot)
            and (wanted.rescue_before is None or flag.rescue_by < wanted.rescue_before)
            and wanted.commitment_id in (None, flag.commitment_id)
            and (wanted.without is None or getattr(flag, wanted.without) is None)
        )


class Flags(Reader):
    """Reads the flags that hold at an instant.

    >>> [flag.reason for flag in await flags.page(FlagFilter(), now=now, limit=50, after=None)]  # doctest: +SKIP
    ['overdue', 'not_received']
    >>> [
    ...     flag.reason for flag in await flags.page_at(FlagFilter(), at=a_year_ago, limit=50, after=None)
    ... ]  # doctest: +SKIP
    ['declined']
    """

    async def page(
        self, wanted: FlagFilter, *, now: datetime, limit: int, after: tuple[datetime, UUID] | None
    ) -> list[FlagRow]:
        """Earliest `rescue_by` first, behind the flag named by `after`."""
        filters, params = _conditions(wanted, after)
        rows = await self.fetch(SQL["page"].format(filters=filters), params | {"now": now, "limit": limit})
        return [_flag(row, self._words_now(row)) for row in rows]

    async def page_at(
        self, wanted: FlagFilter, *, at: datetime, limit: int, after: tuple[datetime, UUID] | None
    ) -> list[FlagRow]:
        """The same as it was by what was recorded until `at`, the words of the promises included."""
        filters, params = _conditions(wanted, after)
        rows = await self.fetch(SQL["page_at"].format(filters=filters, at=_literal(at)), params | {"limit": limit})
        return [_flag(row, self._said(row)) for row in rows]

    async def all(self, *, now: datetime) -> dict[UUID, Raised]:
        """All that hold now, by commitment."""
        found: dict[UUID, Raised] = {}
        after: tuple[datetime, UUID] | None = None
        while True:
            filters, params = _conditions(FlagFilter(), after)
            asked = params | {"now": now, "limit": _AT_ONCE}
            rows = await self.fetch(SQL["page"].format(filters=filters), asked)
            found |= {row[0]: self._raised(row) for row in rows}
            if len(rows) < _AT_ONCE:
                return found
            after = rows[-1][10], rows[-1][0]

    async def of(self, ids: Sequence[UUID], *, now: datetime) -> dict[UUID, Raised]:
        """Those that hold now of some commitments."""
        found: dict[UUID, Raised] = {}
        query = SQL["page"].format(filters="f.commitment_id = ANY(%(ids)s)")
        for start in range(0, len(ids), _AT_ONCE):
            some = list(ids[start : start + _AT_ONCE])
            rows = await self.fetch(query, {"ids": some, "now": now, "limit": _AT_ONCE})
            found |= {row[0]: self._raised(row) for row in rows}
        return found

    async def raised_between(self, after: datetime, until: datetime) -> list[UUID]:
        """The commitments on which the clock raised a flag, or another one, behind an instant, up to another."""
        return [id for (id,) in await self.fetch(SQL["raised_between"], {"after": after, "until": until})]

    async def position(self) -> int:
        """Up to which event they are known."""
        rows = await self.fetch(SQL["position"], {})
        return int(rows[0][0]) if rows else 0

    async def touched(self, after: int, until: int) -> dict[UUID, tuple[int, bool]]:
        """What was recorded about behind a position, up to another: each with the last position of its own there, and
        whether it was erased.
        """
        rows = await self.fetch(SQL["touched"], {"after": after, "until": until})
        return {id: (position, is_erased) for id, position, is_erased in rows}

    def _raised(self, row: tuple[Any, ...]) -> Raised:
        if (shown := self._commitment(row)) is None:
            return Raised(_flag(row, self._said(row)), None)
        return Raised(_flag(row, shown.promise), shown.version)

    async def groups(self, wanted: FlagFilter, by: FlagGroupBy, *, now: datetime, limit: int) -> list[FlagGroup]:
        """The flags that hold now, counted by what they have in common; the most urgent group first."""
        filters, params = _conditions(wanted)
        query = SQL["groups"].format(filters=filters, column=_COLUMNS[by])
        return [FlagGroup(*row) for row in await self.fetch(query, params | {"now": now, "limit": limit})]

    async def total(self, wanted: FlagFilter, *, now: datetime) -> int:
        """How many hold, exact to `COUNTED_TO`; one more means that there are more."""
        filters, params = _conditions(wanted)
        rows = await self.fetch(SQL["total"].format(filters=filters), params | {"now": now, "most": COUNTED_TO + 1})
        return int(rows[0][0])

    async def total_at(self, wanted: FlagFilter, *, at: datetime) -> int:
        """How many held at an instant, counted as `total` counts."""
        filters, params = _conditions(wanted)
        query = SQL["total_at"].format(filters=filters, at=_literal(at))
        rows = await self.fetch(query, params | {"most": COUNTED_TO + 1})
        return int(rows[0][0])

    def _words_now(self, row: tuple[Any, ...]) -> str | None:
        shown = self._commitment(row)
        return shown.promise if shown is not None else self._said(row)

    def _commitment(self, row: tuple[Any, ...]) -> CommitmentView | None:
        id, (document, personal), wrapped = row[0], row[12:14], row[-1]
        return opened(document, personal, wrapped, self.keyring, id) if document is not None else None

    def _said(self, row: tuple[Any, ...]) -> str | None:
        """A making or an amendment says the whole promise, so that the last of them is enough."""
        id, (version, topic, stored, wrapped) = row[0], row[-4:]
        key = self.keyring.key_of(id, wrapped)
        return cast("str | None", read_fact(self.keyring, key, id, version, topic, stored).promise)


_COLUMNS: dict[FlagGroupBy, LiteralString] = {
    "recipient": "f.recipient",
    "depot": "f.depot",
    "reason": "f.reason",
    "made_by": "f.made_by",
    "kind": "f.kind",
    "role": "f.role",
}


def _conditions(
    wanted: FlagFilter, after: tuple[datetime, UUID] | None = None
) -> tuple[LiteralString, dict[str, object]]:
    filters, params = where(
        ("f.reason = %(reason)s", "reason", wanted.reason),
        ("f.recipient = %(recipient)s", "recipient", wanted.recipient),
        ("f.role = %(role)s", "role", wanted.role),
        ("f.made_by = %(made_by)s", "made_by", wanted.made_by),
        ("f.kind = %(kind)s", "kind", wanted.kind),
        ("f.depot = %(depot)s", "depot", wanted.depot),
        ("f.rescue_by < %(rescue_before)s", "rescue_before", wanted.rescue_before),
        ("f.commitment_id = %(commitment_id)s", "commitment_id", wanted.commitment_id),
        ("f.recipient IS NULL", "no_recipient", wanted.without == "recipient" or None),
        ("f.depot IS NULL", "no_depot", wanted.without == "depot" or None),
        ("(f.rescue_by, f.commitment_id) > (%(rescue_by)s, %(id)s)", "rescue_by", after[0] if after else None),
    )
    return filters, params | ({"id": after[1]} if after else {})


def _literal(at: datetime) -> LiteralString:
    """The instant as a part of the query, which is then planned for it: last year's few rows and yesterday's many are
    best found in different ways, and a plan prepared for any instant suits only one of them.
    """
    return f"timestamptz '{at.isoformat()}'"


def _flag(row: tuple[Any, ...], promise: str | None) -> FlagRow:
    """A row ends with the key of the stream."""
    id, order_id, kind, reason, since, role, recipient, made_by, due_at, receipt_due_at, rescue_by, depot = row[:12]
    return FlagRow(
        commitment_id=id,
        order_id=order_id,
        kind=kind,
        promise=promise,
        reason=reason,
        since=since,
        role=role,
        recipient=recipient,
        made_by=made_by,
        due_at=due_at,
        receipt_due_at=receipt_due_at,
        rescue_by=rescue_by,
        depot=depot,
        erased=row[-1] is None,
    )

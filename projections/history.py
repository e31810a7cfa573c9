"""What was recorded, when, and by whom: GET `/v1/history`.

The rows hold only what a fact is found by. What it says is read from the log and decrypted on the way out, so
that no second copy of personal data exists, and none outlives the key of its stream.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from domain.commitment import Commitment
from domain.facts import CommitmentErased
from domain.order import Order
from projections.projection import Page, Projection, Recorded, State, columns
from projections.reading import Reader, where
from projections.views import DueView
from store.facts import read_fact
from store.queries import queries

__all__ = ["HISTORY", "History", "HistoryFilter", "HistoryItem"]

SQL = queries("projections", "history.sql")

_EXPORTED_AT_ONCE = 500

_NOT_TOLD = frozenset(
    {
        # what the item names itself
        *("order_id", "customer_id", "occurred_at", "revision"),
        # how the product works inside
        *("originator_id", "originator_version", "originator_topic", "timestamp", "origin", "terms", "defaults"),
        # what is told flat
        *("trip", "assignment"),
    }
)

_BY: tuple[LiteralString, ...] = (
    "h.actor = %(actor)s",
    "h.on_behalf_of = %(actor)s AND h.actor <> %(actor)s",
)
_ON_WHAT_HE_MADE: LiteralString = (
    "h.commitment_id IN (SELECT c.id FROM commitments c WHERE c.made_by = %(actor)s)"
    " AND h.actor <> %(actor)s AND h.on_behalf_of IS DISTINCT FROM %(actor)s"
)

_TOLD_IF_THERE = frozenset({"role", "route", "team"})
"""What few facts have."""


class HistoryPage(Page):
    """What the facts of a page are found by."""

    categories = frozenset({"commitment", "order", "customer"})

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._rows: list[tuple[object, ...]] = []
        self._erased: list[UUID] = []
        self._blinds: dict[tuple[str, str], bytes] = {}

    def see(self, recorded: Recorded, state: State) -> None:
        fact, commitment = recorded.fact, state if isinstance(state, Commitment) else None
        if isinstance(fact, CommitmentErased):
            self._erased.append(recorded.stream)
        self._rows.append(
            (
                recorded.position,
                recorded.type,
                commitment.id if commitment else None,
                state.order_id if isinstance(state, Commitment | Order) else None,
                None if isinstance(state, Order) else state.customer_id,
                fact.origin.actor,
                fact.origin.on_behalf_of,
                _recipient(fact),
                self._blind("channel", commitment.channel if commitment else None),
                self._blind("conversation", commitment.conversation if commitment else None),
                recorded.recorded_at,
                fact.occurred_at,
                # A receipt is about the revision it names, which may be an older one.
                getattr(fact, "revision", commitment.revision) if commitment else None,
            )
        )

    async def write(self, conn: AsyncConnection[Any]) -> None:
        if self._rows:
            await conn.execute(SQL["insert"], columns(self._rows, 13))
        if self._erased:
            await conn.execute(SQL["erase"], (self._erased,))

    def _blind(self, field: str, value: str | None) -> bytes | None:
        if value is None:
            return None
        blind = self._blinds.get((field, value))
        if blind is None:
            blind = self._blinds[field, value] = self.keyring.blind(field, value)
        return blind


def _recipient(fact: Any) -> str | None:
    """Whom the hand-off of a fact is with: who was named, released, or gave a receipt."""
    recipient: str | None = getattr(getattr(fact, "assignment", fact), "recipient", None)
    return recipient


HISTORY = Projection("history", 1, SQL, HistoryPage)


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which facts are asked for; what is None does not matter.

    `actor` is who did it or on whose behalf, `recipient` whom the fact's hand-off is with; `channel` and
    `conversation` are the commitment's. `from_` and `to` are recorded times, the latter not included. `own_of` is who
    made the commitment that a fact is about, or did it himself, or on whose behalf.
    """

    commitment_id: UUID | None = None
    order_id: str | None = None
    customer_id: str | None = None
    actor: str | None = None
    recipient: str | None = None
    channel: str | None = None
    conversation: str | None = None
    type: str | None = None
    from_: datetime | None = None
    to: datetime | None = None
    after: int | None = None
    before: int | None = None
    own_of: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """A fact, as the contract has it (section 5).

    `revision` is the one that the fact is about. `data` is what else the fact says, as JSON values; once erased, its
    personal words are null and `erased` in it is true.
    """

    position: int
    type: str
    commitment_id: UUID | None
    order_id: str | None
    customer_id: str | None
    actor: str
    on_behalf_of: str | None
    recorded_at: datetime
    occurred_at: datetime
    revision: int | None
    data: dict[str, object]


class History(Reader):
    """Reads the history, oldest first.

    >>> [item.type for item in await history.page(HistoryFilter(order_id="SO-1001"), limit=2)]  # doctest: +SKIP
    ['CommitmentMade', 'HandoffAssigned']
    """

    async def page(self, wanted: HistoryFilter, limit: int, *, newest_first: bool = False) -> list[HistoryItem]:
        """The first facts that match; a next page goes on after the position of the last of them, and before it where
        the newest come first.
        """
        return await self._page(wanted, limit, until=None, newest_first=newest_first)

    async def at(self, positions: Sequence[int]) -> dict[int, HistoryItem]:
        """The facts at some positions, but for those that the history leaves out."""
        params = {"positions": list(positions), "limit": len(positions)}
        rows = await self.fetch(SQL["page"].format(matching=SQL["at"], direction=""), params)
        return {row[0]: self._item(row) for row in rows}

    async def export(self, wanted: HistoryFilter) -> AsyncIterator[HistoryItem]:
        """All facts that match and were there when it began, however many, a page at a time in memory.

        The first page is read before it answers: what cannot be read at all is refused, and not begun.

        >>> async for item in await history.export(HistoryFilter(type="CommitmentBroken")):  # doctest: +SKIP
        ...     write(item)
        """
        until = (await self.fetch(SQL["last"], {}))[0][0]
        return self._from(await self._page(wanted, _EXPORTED_AT_ONCE, until), wanted, until)

    async def _from(
        self, items: list[HistoryItem], wanted: HistoryFilter, until: int | None
    ) -> AsyncIterator[HistoryItem]:
        while items:
            for item in items:
                yield item
            items = await self._page(replace(wanted, after=items[-1].position), _EXPORTED_AT_ONCE, until)

    async def _page(
        self, wanted: HistoryFilter, limit: int, until: int | None, *, newest_first: bool = False
    ) -> list[HistoryItem]:
        filters, params = where(
            ("h.commitment_id = %(commitment_id)s", "commitment_id", wanted.commitment_id),
            ("h.order_id = %(order_id)s", "order_id", wanted.order_id),
            ("h.customer_id = %(customer_id)s", "customer_id", wanted.customer_id),
            ("h.recipient = %(recipient)s", "recipient", wanted.recipient),
            ("h.channel = %(channel)s", "channel", self.blind("channel", wanted.channel)),
            ("h.conversation = %(conversation)s", "conversation", self.blind("conversation", wanted.conversation)),
            ("h.type = %(type)s", "type", wanted.type),
            # Positions stand for times: recorded_at never falls as they rise.
            ("h.position > last_position_before(%(from)s)", "from", wanted.from_),
            ("h.position <= last_position_before(%(to)s)", "to", wanted.to),
            ("h.position > %(after)s", "after", wanted.after),
            ("h.position < %(before)s", "before", wanted.before),
            ("h.position <= %(until)s", "until", until),
        )
        # Who acted, and on whose behalf, are found by an index each. With an OR between them the planner would rather
        # read the log from its beginning, until it has found enough.
        ways: list[LiteralString] = [filters]
        if (actor := wanted.actor or wanted.own_of) is not None:
            params["actor"] = actor
            theirs = _BY if wanted.actor is not None else (*_BY, _ON_WHAT_HE_MADE)
            ways = [f"{way} AND {filters}" for way in theirs]
        direction: LiteralString = "DESC" if newest_first else ""
        matching = " UNION ALL ".join([SQL["matching"].format(filters=way, direction=direction) for way in ways])
        page = SQL["page"].format(matching=matching, direction=direction)
        rows = await self.fetch(page, params | {"limit": limit})
        return [self._item(row) for row in rows]

    def _item(self, row: tuple[Any, ...]) -> HistoryItem:
        position, type, commitment_id, order_id, customer_id, actor, on_behalf_of = row[:7]
        recorded_at, occurred_at, revision, stream, version, stored, wrapped = row[7:]
        key = self.keyring.key_of(stream, wrapped)
        fact = read_fact(self.keyring, key, stream, version, type, stored)
        return HistoryItem(
            position=position,
            type=type,
            commitment_id=commitment_id,
            order_id=order_id,
            customer_id=customer_id,
            actor=actor,
            on_behalf_of=on_behalf_of,
            recorded_at=recorded_at.astimezone(UTC),
            occurred_at=occurred_at.astimezone(UTC),
            revision=revision,
            data=_data(fact) | ({"erased": True} if key is None else {}),
        )


def _data(fact: Any) -> dict[str, object]:
    """What a fact says beyond the item's own fields, in the words of the contract."""
    told = {field.name: getattr(fact, field.name) for field in fields(fact) if field.name not in _NOT_TOLD}
    if "due" in told:
        due = fact.due
        told["due"] = DueView(due.at, due.not_before, due.time_zone, due.calendar, due.rule.to_json())
    carried = getattr(fact, "trip", None) or getattr(fact, "assignment", None)
    flat = asdict(carried) if carried is not None else {}
    said = {name: value for name, value in (flat | told).items() if value is not None or name not in _TOLD_IF_THERE}
    plain: dict[str, object] = msgspec.json.decode(msgspec.json.encode(said))
    return plain

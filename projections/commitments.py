"""What was promised: each commitment as it stands now.

The page answers GET `/v1/commitments` and GET `/v1/commitments/{id}`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection

from domain.commitment import Commitment
from projections.projection import Page, Projection, Recorded, State, columns
from projections.reading import Reader, where
from projections.views import CommitmentView, opened, sealed
from store.queries import queries

__all__ = ["COMMITMENTS", "CommitmentFilter", "Commitments", "conditions"]

SQL = queries("projections", "commitments.sql")


class CommitmentsPage(Page):
    """The rows of the commitments that a page of the log touched: a row follows from the state alone."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._made: dict[int, int] = {}
        self._rows: dict[int, tuple[Commitment, Recorded]] = {}  # by the number of the stream, as in `States`
        self._channel = cache(partial(self.keyring.blind, "channel"))  # of which there are a few

    def see(self, recorded: Recorded, state: State) -> None:
        if isinstance(state, Commitment):
            number = recorded.stream.int
            self._rows[number] = (state, recorded)
            if recorded.version == 1:
                self._made[number] = recorded.position

    async def write(self, conn: AsyncConnection[Any]) -> None:
        rows = [self._row(state, last.key, self._made.get(number, 0)) for number, (state, last) in self._rows.items()]
        if rows:
            await conn.execute(SQL["upsert"], columns(rows, 14))

    def _row(self, state: Commitment, key: bytes | None, made: int) -> tuple[object, ...]:
        document, personal = sealed(state, self.keyring, key)
        return (
            state.id,
            made,
            state.order_id,
            state.customer_id,
            state.kind,
            state.status,
            state.made_by,
            state.due.at,
            " ".join(sorted(_keepers(state))),
            self._channel(state.channel) if state.channel else None,
            self.keyring.blind("conversation", state.conversation) if state.conversation else None,
            document,
            personal,
            state.closed_at if not state.is_erased else None,
        )


def _keepers(state: Commitment) -> set[str]:
    """Each role of the path, each recipient, and which recipient has which role; none of them contains a space."""
    keepers = set(state.path)
    for handoff in state.handoffs:
        if handoff.recipient is not None:
            keepers |= {handoff.recipient, f"{handoff.role}>{handoff.recipient}"}
    return keepers


COMMITMENTS = Projection("commitments", 6, SQL, CommitmentsPage)


@dataclass(frozen=True, slots=True)
class CommitmentFilter:
    """Which commitments are asked for; what is None does not matter. Of `any_recipient` one has it to keep."""

    order_id: str | None = None
    customer_id: str | None = None
    status: str | None = None
    kind: str | None = None
    made_by: str | None = None
    role: str | None = None
    recipient: str | None = None
    channel: str | None = None
    conversation: str | None = None
    due_before: datetime | None = None
    due_after: datetime | None = None
    any_recipient: list[str] | None = None


class Commitments(Reader):
    """Reads the commitments.

    >>> (await Commitments(database, keyring).one(id)).status  # doctest: +SKIP
    'open'
    """

    async def one(self, id: UUID) -> CommitmentView | None:
        rows = await self.fetch(SQL["one"], {"id": id})
        return self._view(rows[0]) if rows else None

    async def some(self, ids: list[UUID]) -> dict[UUID, CommitmentView]:
        """Those of the commitments that there are, by id."""
        return {row[1]: self._view(row) for row in await self.fetch(SQL["some"], {"ids": ids})} if ids else {}

    async def page(
        self, wanted: CommitmentFilter, *, limit: int, before: int | None
    ) -> list[tuple[int, CommitmentView]]:
        """Newest first, with the position of each making, after which a next page goes on."""
        filters, params = conditions(wanted, self.blind)
        if before is not None:
            filters, params = f"{filters} AND c.position < %(before)s", params | {"before": before}
        rows = await self.fetch(SQL["page"].format(filters=filters), params | {"limit": limit})
        return [(row[0], self._view(row)) for row in rows]

    async def makers(self, customer_id: str) -> list[str]:
        """Who promised a customer anything."""
        return [maker for (maker,) in await self.fetch(SQL["makers"], {"customer_id": customer_id})]

    async def forgettable(
        self, closed_before: datetime, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[tuple[datetime, UUID, str]]:
        """The next commitments that were closed until an instant and are not erased: when, which, and whose."""
        at, id = after or (datetime.min.replace(tzinfo=UTC), UUID(int=0))
        params = {"before": closed_before, "at": at, "id": id, "limit": limit}
        return [(row[0].astimezone(UTC), row[1], row[2]) for row in await self.fetch(SQL["forgettable"], params)]

    async def reached(self) -> int:
        """Up to which event everything about the commitments is to be seen, here and in what else tells of them."""
        return int((await self.fetch(SQL["reached"], {}))[0][0])

    async def touched(self, after: int, until: int) -> list[tuple[int, UUID, str]]:
        """The commitments that were recorded about behind a position, up to another: where last, and who made them."""
        return [(row[0], row[1], row[2]) for row in await self.fetch(SQL["touched"], {"after": after, "until": until})]

    async def of_order(self, order_id: str) -> list[CommitmentView]:
        """All commitments of an order, newest first."""
        found: list[tuple[int, CommitmentView]] = []
        while chunk := await self.page(
            CommitmentFilter(order_id=order_id), limit=500, before=found[-1][0] if found else None
        ):
            found += chunk
        return [shown for _, shown in found]

    def _view(self, row: tuple[Any, ...]) -> CommitmentView:
        _, id, document, personal, wrapped = row
        return opened(document, personal, wrapped, self.keyring, id)


def conditions(
    wanted: CommitmentFilter, blind: Callable[[str, str | None], bytes | None]
) -> tuple[LiteralString, dict[str, object]]:
    """What is asked for of the rows `c`, and its parameters; `blind` hashes what is encrypted."""
    keepers = [wanted.role, wanted.recipient]
    if wanted.role and wanted.recipient:
        keepers = [f"{wanted.role}>{wanted.recipient}"]
    return where(
        ("c.order_id = %(order_id)s", "order_id", wanted.order_id),
        ("c.customer_id = %(customer_id)s", "customer_id", wanted.customer_id),
        ("c.status = %(status)s", "status", wanted.status),
        ("c.kind = %(kind)s", "kind", wanted.kind),
        ("c.made_by = %(made_by)s", "made_by", wanted.made_by),
        ("c.keepers @> %(keepers)s::text[]", "keepers", [keeper for keeper in keepers if keeper] or None),
        ("c.keepers && %(any_recipient)s::text[]", "any_recipient", wanted.any_recipient),
        ("c.channel = %(channel)s", "channel", blind("channel", wanted.channel)),
        ("c.conversation = %(conversation)s", "conversation", blind("conversation", wanted.conversation)),
        ("c.due_at < %(due_before)s", "due_before", wanted.due_before),
        ("c.due_at > %(due_after)s", "due_after", wanted.due_after),
    )

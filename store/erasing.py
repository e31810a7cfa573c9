"""Erasing: the keys of a customer's streams are destroyed, and what else is kept of him is deleted, all at once.

>>> erased = await Erasing(database, keyring, ledger).customer("CU-7", moment)  # doctest: +SKIP
>>> erased.streams, erased.position, erased.still_open  # doctest: +SKIP
(3, 4711, 1)

The facts stay where they are: without its key nobody reads what was personal in them (decisions 004 and 024).
"""

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from domain.customer import check_erasable, erase_customer
from domain.errors import Conflict, OnHold
from domain.facts import CommitmentErased
from domain.moment import Moment
from domain.order import Order, OrderErased
from domain.recording import recall
from domain.values import ErasureCause
from store.database import Connection, Database, reaching_the_database
from store.deliveries import Deliveries
from store.facts import read_fact, write_fact
from store.keyring import Keyring
from store.ledger import Ledger
from store.queries import queries
from store.timelines import keep_up

__all__ = ["Erased", "Erasing", "Erasure"]

SQL = queries("store", "erasing.sql")

_ATTEMPTS = 20
_AT_ONCE = 1_000
"""Streams whose keys are destroyed in one transaction, which holds up whoever appends."""
_EVER = 2**62
_SESSION = {"lock_timeout": "5s", "idle_in_transaction_session_timeout": "5s"}


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure came to: how many streams lost their keys, where that stands in the log, and how many of the
    promises among them are still to be kept, by people who can no longer read them.
    """

    streams: int
    position: int
    still_open: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased when, as it is written down outside of the database; without a customer it was not all of his."""

    customer_id: str | None
    cause: ErasureCause
    erased_at: datetime
    streams: list[UUID]


@dataclass(frozen=True, slots=True)
class _Streams:
    """Commitments to be erased, by what was known of them: their versions, and the orders that they are about."""

    versions: Mapping[UUID, int]
    orders: frozenset[str]
    with_words: Sequence[UUID]

    @classmethod
    def of(cls, rows: Iterable[Sequence[Any]]) -> "_Streams":
        """From rows of `of_customer`. Of what is erased already no photo is looked for again."""
        found = list(rows)
        return cls(
            {id: version if has_words else _EVER for id, version, _, has_words, _ in found},
            frozenset(order_id for _, _, order_id, _, _ in found if order_id is not None),
            [id for id, _, _, has_words, _ in found if has_words],
        )


class _Done(NamedTuple):
    """Which streams were erased, and where that stands; nowhere where there was nothing to erase."""

    streams: Sequence[UUID]
    position: int | None


class Erasing:
    """Erases what a database keeps of customers."""

    def __init__(self, database: Database, keyring: Keyring, ledger: Ledger) -> None:
        self._database = database
        self._keyring = keyring
        self._ledger = ledger

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        """One to erase on, which appends to the log."""
        async with await self._database.connect("erasing", _SESSION) as conn:
            await keep_up(conn, await self._ledger.now())
            yield conn

    async def is_known(self, customer_id: str) -> bool:
        """Whether anything is or was kept of a customer."""
        return bool((await self._database.fetch(SQL["is_known"], {"customer_id": customer_id}))[0][0])

    async def customer(self, customer_id: str, moment: Moment) -> Erased:
        """Erase all that is personal of a customer; of one who was erased already, only what came since.

        Raises `OnHold` while a hold stands, `Conflict` where others were faster again and again.
        """
        count = still_open = attempts = 0
        async with self._connection() as conn:
            while attempts < _ATTEMPTS:
                until = (await self._rows(conn, "head"))[0][0]
                rows = await self._rows(conn, "of_customer", customer_id)
                unerased = [row for row in rows if row[3]]
                is_last = len(unerased) <= _AT_ONCE
                found = _Streams.of(rows if is_last else unerased[:_AT_ONCE])
                more = await self._all_of(customer_id, found, until, moment, check=True)
                now_open = await self._still_open(found)
                done = await self._erase(conn, found, moment, "request", more if is_last else {})
                if done is None:
                    attempts += 1
                    continue
                count, still_open = count + len(done.streams), still_open + now_open
                if is_last:
                    return Erased(count, done.position or await self._last_of(conn, customer_id), still_open)
        raise Conflict("others recorded something about this customer again and again")

    async def by_age(self, streams: Sequence[UUID], moment: Moment) -> int:
        """Erase some commitments and orders, these where no promise on them has words; answers how many streams."""
        async with self._connection() as conn:
            for _ in range(_ATTEMPTS):
                found = _Streams.of(await self._rows(conn, "of_streams", list(streams)))
                if (done := await self._erase(conn, found, moment, "retention", {})) is not None:
                    return len(done.streams)
        raise Conflict("others recorded something about these promises again and again")

    async def idle_orders(self, until: datetime, after: int) -> tuple[list[UUID], int | None]:
        """Of the next thousand streams behind a position the orders of which nothing was recorded since an instant, and
        on which no promise has words; and where the next ones begin, None where there are none.
        """
        asked = {"until": until, "after": after, "limit": _AT_ONCE}
        ((orders, last),) = await self._database.fetch(SQL["idle_orders"], asked)
        return orders, last

    async def all(self) -> list[Erasure]:
        """What was erased, in order."""
        return [Erasure(*row) for row in await self._database.fetch(SQL["all"])]

    async def again(self, erasure: Erasure, moment: Moment) -> int | None:
        """Erase once more what was erased before, in a log that was restored from an older backup; answers how many
        streams, and None where this log knows of it. A hold that stands in the backup was lifted since.
        """
        customer_id, at = erasure.customer_id, erasure.erased_at
        async with self._connection() as conn:
            if await self._rows(conn, "is_done", customer_id, at, erasure.streams):
                return None
            for _ in range(_ATTEMPTS):
                found = _Streams.of(await self._rows(conn, "of_streams", erasure.streams))
                more: dict[str, object] = {}
                if customer_id is not None:
                    more = await self._all_of(customer_id, found, None, moment, at=at)
                orders = [order_id for order_id in found.orders if Order.id_of(order_id) in erasure.streams]
                more["others"] = await self._ledger.commitments_on(*orders)
                if (done := await self._erase(conn, found, moment, erasure.cause, more, at=at)) is not None:
                    return len(done.streams) if done.position is not None else None
        raise Conflict("others recorded something about these promises again and again")

    async def _all_of(
        self,
        customer_id: str,
        found: _Streams,
        until: int | None,
        moment: Moment,
        *,
        check: bool = False,
        at: datetime | None = None,
    ) -> dict[str, object]:
        """What is erased of a customer beside his promises. Raises `OnHold` where that is to be checked."""
        customer = await self._ledger.customer(customer_id)
        version = customer.version
        if check:
            check_erasable(customer, moment)
        erase_customer(customer, moment, at=at)
        (fact,) = customer.collect_events()
        kept = await Deliveries(self._database, self._keyring).list(moment.now)
        return {
            "customer": customer_id,
            "known_until": until,
            "customer_stream": customer.id,
            "customer_version": version,
            "customer_state": write_fact(self._keyring, None, fact),
            "others": await self._closed_others(found, moment),
            "deliveries": [one.id for one in kept if one.mentions({customer_id, *found.orders})],
        }

    async def _rows(self, conn: Connection, query: str, *which: object) -> Sequence[Sequence[Any]]:
        with reaching_the_database():
            return await (await conn.execute(SQL[query], which)).fetchall()

    async def _last_of(self, conn: Connection, customer_id: str) -> int:
        """Where the last erasure of a customer stands; 0 where nothing of him ever was in the log."""
        rows = await self._rows(conn, "last_of", customer_id)
        return int(rows[0][0]) if rows else 0

    async def _still_open(self, found: _Streams) -> int:
        """How many of the promises are to be kept yet."""
        commitments = await self._ledger.commitments(found.with_words)
        return sum(not commitment.is_closed for commitment in commitments.values())

    async def _closed_others(self, found: _Streams, moment: Moment) -> list[UUID]:
        """What was promised to others on the same orders and is closed, so that it needs no address any more: unless
        that of somebody must be kept.
        """
        theirs = [id for id in await self._ledger.commitments_on(*found.orders) if id not in found.versions]
        closed = {id: one for id, one in (await self._ledger.commitments(theirs)).items() if one.is_closed}
        held = {name for name in {one.customer_id for one in closed.values()} if await self._is_held(name, moment)}
        return [id for id, one in closed.items() if one.customer_id not in held]

    async def _is_held(self, customer_id: str, moment: Moment) -> bool:
        try:
            check_erasable(await self._ledger.customer(customer_id), moment)
        except OnHold:
            return True
        return False

    async def _photos(self, conn: Connection, found: _Streams) -> list[UUID]:
        """The photos that the commitments name, or that were meant for them; who keeps none of ours names them
        otherwise.
        """
        named: list[str] = []
        for stream, version, topic, state, wrapped in await self._rows(conn, "photographed", found.with_words):
            key = self._keyring.key_of(stream, wrapped)
            named += read_fact(self._keyring, key, stream, version, topic, state).evidence or ()
        bound = await self._rows(conn, "bound", list(found.versions))
        return list({*(id for id in map(_id, named) if id is not None), *(id for (id,) in bound)})

    async def _erase(
        self,
        conn: Connection,
        found: _Streams,
        moment: Moment,
        cause: ErasureCause,
        more: Mapping[str, object],
        *,
        at: datetime | None = None,
    ) -> "_Done | None":
        """Erase; answers which streams, and where that stands. None where what was found is not true any more."""
        at, photos = at or moment.now, await self._photos(conn, found)
        asked = {
            "now": self._ledger.clock.now(),
            "ticking": self._ledger.clock.ticking,
            "wanted": list(found.versions),
            "looked_at": list(found.versions.values()),
            "commitment_state": self._state(CommitmentErased, moment, cause, at),
            "order_state": self._state(OrderErased, moment, cause, at),
            "photos": photos,
            "by": moment.origin.actor,
            "cause": cause,
            "at": at,
            "others": [],
            "deliveries": [],
            **dict.fromkeys(("customer", "known_until", "customer_stream", "customer_version", "customer_state")),
            **more,
        }
        with reaching_the_database():
            await conn.execute(SQL["photos"], (photos,))
            row = await (await conn.execute(SQL["erase"], asked)).fetchone()
        if row is None:
            raise RuntimeError("erase_streams answered nothing")
        is_stale, erased, position = row
        return None if is_stale else _Done(erased, position)

    def _state(self, fact: Any, moment: Moment, cause: ErasureCause, at: datetime) -> bytes:
        """What is stored of each stream that is erased; the database adds which stream, and which version."""
        place = {"originator_id": None, "originator_version": None}
        said = {"timestamp": moment.now, "origin": moment.origin, "occurred_at": at, "cause": cause}
        return write_fact(self._keyring, None, recall(fact, {**place, **said}))


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

"""Telling: who is to be told what, of all that is recorded; and what goes to one of them together.

It follows the log, decides from the commitment itself, and notes what somebody is to be told, together with how far
it has come. Those notes become messages: the first at once, then at most one a minute for one person. The jobs that
carry them out are enqueued in the same transaction. It is never rebuilt, and begins where it was first started.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from psycopg import AsyncConnection

from domain.actors import UPHELD
from domain.catalogue import Catalogue
from domain.commitment import Commitment
from domain.facts import CommitmentAmended, CommitmentMade
from domain.moment import Moment
from domain.notices import Notice
from domain.telling import GATHERED, TOLD_OF, notices, reminder, reminder_at
from domain.values import Origin
from policies.carrying import Carrier
from projections.checkpoints import SQL as CHECKPOINTS
from projections.checkpoints import SYSTEMIC, Checkpoint, Failure, Fenced, ParkedStream, park
from projections.log import Log, by_stream, read_facts
from projections.projection import Recorded, columns
from store.database import Database, reaching_the_database
from store.keyring import Keyring
from store.ledger import Ledger
from store.people import Staff
from store.queries import queries

__all__ = ["NAME", "TellingPolicy", "anything_to_tell", "note", "try_again", "unreached"]

log = structlog.get_logger("upheld.telling")
SQL = queries("policies", "telling.sql")

NAME = "telling"
_AT_ONCE = 100
_LOOK_SECONDS = 1.0
_PATIENCE = timedelta(minutes=10)
"""How long a message waits for the one before, whose channel fails: lest there be a hundred when that is mended."""
_KEPT = timedelta(days=7)
_PURGE_EVERY = timedelta(minutes=10)
_TYPES = frozenset(fact.__name__ for fact in TOLD_OF)
_TIMED = frozenset({CommitmentMade.__name__, CommitmentAmended.__name__})
"""What says when it is due."""


async def anything_to_tell(conn: AsyncConnection[Any], now: datetime) -> bool:
    """Whether there is a message to be formed at `now`."""
    row = await (await conn.execute(SQL["any_due"], {"now": now, "gather": GATHERED, "patience": _PATIENCE})).fetchone()
    return bool(row and row[0])


async def unreached(database: Database) -> set[str]:
    """Who of the staff the last message did not reach, by any channel."""
    return {actor for (actor,) in await database.fetch(SQL["unreached"])}


async def try_again(database: Database, actor: str) -> None:
    """Somebody has other channels: whether they work is to be seen."""
    with reaching_the_database():
        async with database.pool.connection() as conn:
            await conn.execute(SQL["try_again"], (actor,))


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a customer is to be told of a promise, and when; or was told lately, where it is done."""

    commitment_id: UUID
    about: str
    at: datetime
    done_at: datetime | None


async def waiting_for(database: Database, customer_id: str) -> list[Waiting]:
    """What a customer is to be told, and was told in the last week."""
    return [Waiting(*row) for row in await database.fetch(SQL["waiting_for"], (customer_id,))]


def _category_of(notice: Notice) -> str:
    """In which category of the contact points its recipient is found."""
    return "customer" if notice.is_for_customer else "person"


async def note(conn: AsyncConnection[Any], found: Sequence[Notice]) -> None:
    """Note what people are to be told; of whom nobody said how he is reached cannot be."""
    if not found:
        return
    wanted = [(_category_of(notice), notice.to) for notice in found]
    reached = set(await (await conn.execute(SQL["reached"], columns(wanted, 2))).fetchall())
    rows = [
        (
            n.key,
            category,
            n.to,
            n.commitment_id,
            n.about,
            n.anchor,
            n.at,
            n.revision,
            n.role,
            n.addressee,
            n.level,
            n.cause,
        )
        for n, (category, _) in zip(found, wanted, strict=True)
        if (category, n.to) in reached
    ]
    if rows:
        await conn.execute(SQL["note"], columns(rows, 12))


@dataclass(slots=True)
class _Decided:
    """What comes of some facts of one commitment, and with which of them it failed, if it did."""

    stream: UUID
    notices: list[Notice] = field(default_factory=list)
    is_timed: bool = False
    reminder_at: datetime | None = None
    failure: Failure | None = None


class TellingPolicy:
    """Notes what people are to be told, and forms the messages."""

    def __init__(self, ledger: Ledger, keyring: Keyring, catalogue: Catalogue, staff: Staff, carrier: Carrier) -> None:
        self._ledger = ledger
        self._keyring = keyring
        self._catalogue = catalogue
        self._staff = staff
        self._carrier = carrier
        self._purged: datetime | None = None
        self._checkpoint: Checkpoint | None = None

    async def run(self, events: Log, conn: AsyncConnection[Any]) -> None:
        """Follow the log until cancelled."""
        loop, turn, look_at, self._checkpoint = asyncio.get_running_loop(), 0, 0.0, None
        while True:
            # What time alone makes due can wait a second, what was recorded cannot, nor a clock that is moved by hand.
            news = await self.catch_up(events.now, conn)
            if news or loop.time() >= look_at or not self._ledger.clock.ticking:
                while await self.form(conn):
                    pass
                await self.purge(conn)
                look_at = loop.time() + _LOOK_SECONDS
            turn = await events.turn_after(turn)

    async def catch_up(self, read: Callable[[int], Awaitable[list[Recorded]]], conn: AsyncConnection[Any]) -> bool:
        """Take in what `read` says was recorded since; answers whether there was anything."""
        news = False
        self._checkpoint = self._checkpoint or await Checkpoint.read(conn, NAME)
        while self._checkpoint is not None and (page := await read(self._checkpoint.position)):
            try:
                await self._take(conn, self._checkpoint, page)
            except Fenced as error:
                log.info("reads its checkpoint again", why=str(error))
                self._checkpoint = await Checkpoint.read(conn, NAME)
            else:
                self._checkpoint.position, news = page[-1].position, True
        return news

    async def _take(self, conn: AsyncConnection[Any], checkpoint: Checkpoint, page: Sequence[Recorded]) -> None:
        facts = by_stream(one for one in page if one.type in _TYPES and one.stream not in checkpoint.parked)
        decided = await self._decide(facts) if facts and await self._anybody(conn) else []
        async with conn.transaction():
            await checkpoint.move(conn, page[-1].position, page[-1].recorded_at)
            await note(conn, [notice for one in decided for notice in one.notices])
            await self._remind(conn, [one for one in decided if one.is_timed])
            for failure in [one.failure for one in decided if one.failure is not None]:
                await park(conn, NAME, failure)
                await conn.execute(CHECKPOINTS["count_parking"], (NAME,))
                checkpoint.parkings += 1
                checkpoint.parked.add(failure.stream)

    async def _decide(self, facts: Mapping[UUID, Sequence[Recorded]]) -> list["_Decided"]:
        """What people are to be told because of some facts, stream by stream."""
        moment = self._moment(self._ledger.clock.now())

        def decide(commitment: Commitment) -> _Decided:
            decided = _Decided(commitment.id)
            for one in facts[commitment.id]:
                try:
                    decided.notices += notices(one.fact, commitment, moment)
                except SYSTEMIC:
                    raise
                except Exception as error:
                    log.exception("parked", policy=NAME, stream=str(one.stream), position=one.position)
                    decided.failure = Failure(one.stream, one.position, error)
                    break
                if one.type in _TIMED:
                    decided.is_timed, decided.reminder_at = True, reminder_at(commitment)
            return decided

        wanted = {stream: own[-1].version for stream, own in facts.items()}
        try:
            return list((await self._ledger.look(wanted, decide)).values())
        except SYSTEMIC:
            raise
        except Exception:
            log.exception("some promises are looked at one by one")
        found: list[_Decided] = []
        for stream, version in wanted.items():
            try:
                found += (await self._ledger.look({stream: version}, decide)).values()
            except SYSTEMIC:
                raise
            except Exception as error:
                log.exception("parked", policy=NAME, stream=str(stream), position=facts[stream][0].position)
                found.append(_Decided(stream, failure=Failure(stream, facts[stream][0].position, error)))
        return found

    async def _anybody(self, conn: AsyncConnection[Any]) -> bool:
        row = await (await conn.execute(SQL["has_contacts"])).fetchone()
        return bool(row and row[0])

    async def _remind(self, conn: AsyncConnection[Any], decided: Sequence["_Decided"]) -> None:
        if wanted := [(one.stream, one.reminder_at) for one in decided if one.reminder_at is not None]:
            await conn.execute(SQL["remind"], columns(wanted, 2))
        if unwanted := [one.stream for one in decided if one.reminder_at is None]:
            await conn.execute(SQL["forget"], (unwanted,))

    async def form(self, conn: AsyncConnection[Any]) -> int:
        """Form the messages that are due, and enqueue what carries them out; answers how many those are."""
        now = await self._ledger.clock.read(conn)
        if not await anything_to_tell(conn, now):
            return 0
        async with conn.transaction():
            await self._note_reminders(conn, now)
            params = {"now": now, "gather": GATHERED, "patience": _PATIENCE, "limit": _AT_ONCE}
            formed = await (await conn.execute(SQL["form"], params)).fetchall()
            await self._carrier.enqueue(conn, formed)
        return len(formed)

    async def purge(self, conn: AsyncConnection[Any]) -> None:
        """Forget now and then what was done so long ago that it cannot come again."""
        now = await self._ledger.clock.read(conn)
        if self._purged is None or now - self._purged >= _PURGE_EVERY:
            await conn.execute(SQL["purge"], (now - _KEPT,))
            self._purged = now

    async def _note_reminders(self, conn: AsyncConnection[Any], now: datetime) -> None:
        due = [id for (id,) in await (await conn.execute(SQL["reminders"], (now, _AT_ONCE))).fetchall()]
        found = (await self._ledger.readable(due)).values() if due else ()
        await note(conn, [notice for commitment in found for notice in reminder(commitment, self._moment(now))])

    async def retry(self, conn: AsyncConnection[Any], parked: ParkedStream) -> Failure | None:
        """Decide again about a stream from the fact on that could not be decided; answers why it still cannot."""
        async with conn.transaction():
            checkpoint = await Checkpoint.read(conn, NAME, lock=True)
            if checkpoint is None:
                return None
            facts = await read_facts(conn, self._keyring, "stream", (checkpoint.position, parked.stream))
            left = [one for one in facts if one.position >= parked.position and one.type in _TYPES]
            (decided,) = await self._decide({parked.stream: left}) if left else [_Decided(parked.stream)]
            if decided.failure is not None:
                return decided.failure
            await note(conn, decided.notices)
            await conn.execute(CHECKPOINTS["release"], (NAME, False, parked.stream))
            await conn.execute(CHECKPOINTS["count_parking"], (NAME,))
        return None

    def _moment(self, now: datetime) -> Moment:
        return Moment(now, Origin(UPHELD), self._catalogue, self._staff.roster)

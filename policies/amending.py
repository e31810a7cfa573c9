"""Amending many promises at once, as when a depot is snowed in: a job with progress, which a crash only interrupts.

What a job touches is fixed when it is begun. Each promise is amended by a command like any other, under a key of the
job's own, so that one that was amended before a crash is not amended again after it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec
import psycopg
import structlog
from psycopg import AsyncConnection

from domain.catalogue import Catalogue
from domain.commitment import Commitment
from domain.deadlines import DueRule, Shift, shifted
from domain.errors import Unavailable, UpheldError
from domain.moment import Moment
from domain.notices import Notice
from domain.order import Order
from domain.promising import IN_BULK, Amendment, Wanted, amend
from domain.telling import of_the_customer
from domain.values import Origin
from policies.telling import note
from projections.commitments import CommitmentFilter, conditions
from projections.reading import Reader
from store.database import hear, reaching_the_database
from store.ledger import Ledger
from store.people import Customers, Staff
from store.queries import queries

__all__ = ["AmendingPolicy", "BulkAmendment", "Job", "Jobs", "Selection", "Skipped"]

log = structlog.get_logger("upheld.amending")
SQL = queries("policies", "amending.sql")

_AT_ONCE = 64
_TOLD_AT_ONCE = 200
"""Customers of whom a page is told."""
_LOOK_SECONDS = 5.0
_SHOWN = 10_000
"""Skipped promises, and customers who could not be told, that an answer lists."""


@dataclass(frozen=True, slots=True)
class BulkAmendment:
    """What becomes of each promise: another due, or one that is so much later, or other words; and why."""

    reason: str
    promise: str | None = None
    due: DueRule | None = None
    time_zone: str | None = None
    calendar: str | None = None
    shift: Shift | None = None
    inform_customers: bool = False

    def amendment(self, commitment: Commitment, catalogue: Catalogue) -> Amendment:
        """What it is for one promise. Raises `Invalid` where its due cannot be moved so."""
        rule = self.due
        if self.shift is not None:
            due = commitment.due
            rule = DueRule(at=shifted(due.at, self.shift, due.time_zone, catalogue.calendar(due.calendar)))
        given = {name for name, value in (("promise", self.promise), ("due", rule)) if value is not None}
        due_wanted = Wanted(rule, None, self.time_zone, self.calendar) if rule is not None else None
        return Amendment(frozenset(given), promise=self.promise, due=due_wanted, reason=self.reason)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which promises: the filters of the commitments, and the depot of whoever carries the order."""

    commitments: CommitmentFilter
    depot: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A promise that a job left as it was, and why."""

    commitment_id: UUID
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Job:
    """How far a job has come. `done` counts what was skipped, too; `untold` are the customers of `not_informed`."""

    id: UUID
    state: str
    matched: int
    done: int
    not_informed: int
    untold: list[str]
    error: str | None
    skipped: list[Skipped]


@dataclass(frozen=True, slots=True)
class _Ordered:
    """What is kept of a job, encrypted: who ordered it, and what it is."""

    actor: str
    on_behalf_of: str | None
    what: BulkAmendment


class Jobs(Reader):
    """Begins jobs, and tells how far they have come.

    >>> await jobs.begin(id, selection, what, moment, body_hash)  # doctest: +SKIP
    412
    """

    async def match(self, selection: Selection, limit: int) -> tuple[int, list[UUID]]:
        """How many promises match, and the first of them."""
        filters, params = self._filters(selection)
        counted = await self.fetch(SQL["count"].format(filters=filters), params)
        first = await self.fetch(SQL["first"].format(filters=filters), params | {"limit": limit})
        return int(counted[0][0]), [id for (id,) in first]

    async def begin(
        self, id: UUID, selection: Selection, what: BulkAmendment, origin: Origin, now: datetime
    ) -> int | None:
        """Fix what the job is to touch; answers how many those are. None where the job is known already."""
        filters, params = self._filters(selection)
        ordered = _Ordered(origin.actor, origin.on_behalf_of, what)
        key, document = self.keyring.enclose(id, msgspec.json.encode(ordered))
        begun = {
            "id": id,
            "now": now,
            "body_hash": origin.body_hash,
            "key": key,
            "document": document,
        }
        with reaching_the_database():
            async with self.database.pool.connection() as conn, conn.transaction():
                await conn.execute("SET LOCAL statement_timeout = '60s'")
                if await (await conn.execute(SQL["begin"], begun)).fetchone() is None:
                    return None
                row = await (await conn.execute(SQL["select"].format(filters=filters), params | {"id": id})).fetchone()
                await conn.execute(SQL["tell"])
        return int(row[0]) if row is not None else 0

    async def find(self, id: UUID) -> Job | None:
        """How far a job has come; its skipped promises and untold customers up to ten thousand."""
        rows = await self.fetch(SQL["find"], {"id": id})
        if not rows:
            return None
        state, matched, done, not_informed, error, _ = rows[0]
        skipped = await self.fetch(SQL["skipped"], {"id": id, "limit": _SHOWN})
        untold = [customer_id for (customer_id,) in await self.fetch(SQL["untold"], {"id": id, "limit": _SHOWN})]
        return Job(id, state, matched, done, not_informed, untold, error, [Skipped(*row) for row in skipped])

    async def body_hash(self, id: UUID) -> str | None:
        """The keyed hash of the body with which a job was begun."""
        rows = await self.fetch(SQL["find"], {"id": id})
        return rows[0][5] if rows else None

    def _filters(self, selection: Selection) -> tuple[LiteralString, dict[str, object]]:
        filters, params = conditions(selection.commitments, self.blind)
        if selection.depot is None:
            return filters, params
        at_depot: LiteralString = "c.order_id IN (SELECT t.order_id FROM stops t WHERE t.depot = %(depot)s)"
        return f"{filters} AND {at_depot}", params | {"depot": selection.depot}


class AmendingPolicy:
    """Does the jobs, one after another, whoever began them."""

    def __init__(self, ledger: Ledger, jobs: Jobs, catalogue: Catalogue, staff: Staff) -> None:
        self._ledger = ledger
        self._customers = Customers(jobs.database, jobs.keyring, ledger.clock)
        self._jobs = jobs
        self._catalogue = catalogue
        self._staff = staff

    async def run(self, conn: AsyncConnection[Any]) -> None:
        """Do what there is to do until cancelled."""
        await conn.execute("LISTEN jobs")
        while True:
            if not await self.advance(conn):
                await hear(conn, within=_LOOK_SECONDS)

    async def advance(self, conn: AsyncConnection[Any]) -> bool:
        """Do the next promises of the job that waits the longest; answers whether there was one."""
        row = await (await conn.execute(SQL["next"])).fetchone()
        if row is None:
            return False
        job, body_hash, wrapped, sealed = row
        try:
            ordered = msgspec.json.decode(self._jobs.keyring.disclose(job, wrapped, sealed), type=_Ordered)
        except (UpheldError, msgspec.MsgspecError) as error:
            log.exception("a job cannot be read", job=str(job))
            await conn.execute(SQL["fail"], {"job": job, "error": str(error)})
            return True
        items = await (await conn.execute(SQL["items"], (job, _AT_ONCE))).fetchall()
        origin = Origin(ordered.actor, ordered.on_behalf_of, IN_BULK, f"job {job}", body_hash)
        if not items:
            not_informed = await self._inform(conn, job, origin) if ordered.what.inform_customers else 0
            await conn.execute(SQL["end"], {"job": job, "not_informed": not_informed})
            log.info("done", job=str(job), not_informed=not_informed)
            return True
        outcome = await asyncio.gather(*(self._amend(id, ordered.what, origin) for _, id in items))
        await conn.execute(SQL["note"], {"job": job, **_columns([number for number, _ in items], outcome)})
        return True

    async def _inform(self, conn: AsyncConnection[Any], job: UUID, origin: Origin) -> int:
        """Have each customer told once of all his promises that the job moved; answers how many cannot be told.

        After a crash it begins anew: what was noted is not noted again.
        """
        after, count = "", 0
        while rows := await (await conn.execute(SQL["touched"], (job, after, _TOLD_AT_ONCE))).fetchall():
            commitments = await self._ledger.readable([id for _, ids in rows for id in ids])
            reached = await self._customers.find_all([customer_id for customer_id, _ in rows])
            moment = Moment(await self._ledger.clock.read(conn), origin, self._catalogue, self._staff.roster)
            found: list[Notice] = []
            untold: list[str] = []
            for customer_id, ids in rows:
                moved = [c for c in map(commitments.get, ids) if c is not None and c.answer_to(origin) is not None]
                contact = reached.get(customer_id)
                if contact is not None and contact.channels:
                    found += [of_the_customer("moved", commitment, moment) for commitment in moved]
                elif moved:
                    untold.append(customer_id)
            async with conn.transaction():
                await note(conn, found)
                await conn.execute(SQL["miss"], {"job": job, "customers": untold})
            after, count = rows[-1][0], count + len(untold)
        return count

    async def _amend(self, id: UUID, what: BulkAmendment, origin: Origin) -> tuple[str, str] | None:
        """Amend one promise; answers why it was skipped, if it was."""
        moment = Moment(self._ledger.clock.now(), origin, self._catalogue, self._staff.roster)

        def decide(commitment: Commitment, order: Order | None) -> None:
            if commitment.answer_to(origin) is None:
                amend(commitment, what.amendment(commitment, self._catalogue), order, moment)

        try:
            await self._ledger.change(id, decide, with_order=True)
        except (Unavailable, psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except UpheldError as error:
            return error.code, str(error)
        except Exception:
            log.exception("a promise could not be amended", commitment_id=str(id))
            return "internal", "a fault of ours, which the server's log tells"
        return None


def _columns(numbers: Sequence[int], outcome: Sequence[tuple[str, str] | None]) -> dict[str, list[Any]]:
    return {
        "numbers": list(numbers),
        "codes": [one[0] if one else None for one in outcome],
        "details": [one[1] if one else None for one in outcome],
    }

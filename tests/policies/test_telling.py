"""The policy that decides what people are told: what fails holds up nobody; nothing is told twice or forgotten."""

import os
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.catalogue import Catalogue
from domain.order import Assignment
from domain.people import Person
from domain.receiving import ReceiptGiven, receive
from policies.carrying import Carrier
from policies.telling import NAME, TellingPolicy
from projections.checkpoints import list_parked
from projections.log import Log
from store.clock import SetClock
from store.database import Connection, Database
from store.keyring import Keyring
from store.ledger import Ledger
from store.people import People, Staff
from tests.conftest import Given

pytestmark = pytest.mark.anyio

LI = "courier:li"
CHANNEL = "json://127.0.0.1:9/nobody-listens"


class Telling:
    """The policy on a ledger whose clock the test sets; what it enqueues nobody carries out."""

    def __init__(self, policy: TellingPolicy, log: Log, conn: Connection) -> None:
        self.policy, self.log, self.conn = policy, log, conn

    async def goes_on(self) -> None:
        """All that was recorded is decided, and all messages that are due are formed."""
        await self.policy.catch_up(self.log.read, self.conn)
        while await self.policy.form(self.conn):
            pass
        await self.policy.purge(self.conn)

    async def fetch(self, query: Any, *params: object) -> list[Any]:
        return await (await self.conn.execute(query, params)).fetchall()

    async def told(self) -> list[list[str]]:
        """What each message is about, in order."""
        rows = await self.fetch(
            "SELECT array_agg(about ORDER BY number) FROM notices WHERE message IS NOT NULL"
            " GROUP BY message ORDER BY min(number)"
        )
        return [about for (about,) in rows]

    async def jobs(self) -> int:
        ((count,),) = await self.fetch("SELECT count(*) FROM procrastinate_jobs")
        return int(count)

    async def sent(self) -> None:
        """As if the carrier had sent all there is."""
        await self.conn.execute("UPDATE notices SET done_at = '2026-11-20Z' WHERE message IS NOT NULL")


@pytest.fixture
async def telling(
    database: Database, keyring: Keyring, ledger: Ledger, catalogue: Catalogue, clock: SetClock, given: Given
) -> Any:
    people = People(database, keyring, clock)
    staff = Staff(database, people)
    await people.put(LI, lambda _: Person("Li", "en", "UTC", channels=(CHANNEL,)), by="supervisor:wang")
    await staff.read()
    carrier = Carrier(database, keyring, ledger, catalogue, staff, None, allow_private=True)
    for order in ("SO-1", "SO-2"):
        await given.assignment(order, "courier", Assignment(LI))
    async with await database.connect("telling") as conn:
        yield Telling(TellingPolicy(ledger, keyring, catalogue, staff, carrier), Log(database, keyring), conn)


async def promised(given: Given, order: str = "SO-1") -> UUID:
    return await given.promise("redelivery", due=timedelta(days=1), order_id=order)


async def test_each_thing_is_told_once_however_often_the_log_is_read(telling: Telling, given: Given) -> None:
    await promised(given)
    await telling.goes_on()
    await telling.conn.execute("UPDATE checkpoints SET position = 0 WHERE name = 'telling'")
    telling.policy._checkpoint = None
    given.later(minutes=5)
    await telling.sent()
    await telling.goes_on()

    assert await telling.told() == [["assigned"]]
    assert await telling.jobs() == 1


async def test_what_comes_within_a_minute_waits_for_it_and_goes_together(telling: Telling, given: Given) -> None:
    await promised(given)
    await telling.goes_on()
    await telling.sent()
    for _ in range(3):
        await promised(given)
        await telling.goes_on()
    assert await telling.told() == [["assigned"]]

    given.later(minutes=1)
    await telling.goes_on()

    assert await telling.told() == [["assigned"], ["assigned"] * 3]


async def test_while_a_channel_fails_messages_do_not_pile_up(telling: Telling, given: Given) -> None:
    await promised(given)
    await telling.goes_on()
    for _ in range(9):
        given.later(minutes=1)
        await promised(given)
        await telling.goes_on()
    assert await telling.jobs() == 1

    given.later(minutes=1)
    await telling.goes_on()

    assert await telling.told() == [["assigned"], ["assigned"] * 9]


async def test_whoever_has_it_is_reminded_once_and_not_where_it_moved(telling: Telling, given: Given) -> None:
    id = await promised(given)
    await given.that(id, lambda commitment, moment: receive(commitment, ReceiptGiven(1, "acknowledged"), moment), by=LI)
    await telling.goes_on()
    given.later(hours=22, minutes=59)
    await telling.goes_on()
    assert await telling.told() == []

    given.later(minutes=1)
    await telling.goes_on()
    await telling.goes_on()

    assert await telling.told() == [["due_soon"]]
    assert await telling.fetch("SELECT 1 FROM reminders") == []


async def test_what_cannot_be_read_is_parked_holds_up_nobody_and_is_told_when_it_can(
    telling: Telling, given: Given, ledger: Ledger, keyring: Keyring
) -> None:
    id = await promised(given)
    stored = await telling.fetch("SELECT notification_id, state FROM stored_events WHERE originator_id = %s", id)
    damage = "UPDATE stored_events SET state = %s WHERE notification_id = %s"
    for position, _ in stored:
        await telling.conn.execute(damage, (os.urandom(40), position))
    ledger._known.clear()  # what is remembered needs no reading
    await promised(given, "SO-2")
    await telling.goes_on()

    (parked,) = await list_parked(telling.conn, [NAME])
    assert parked.stream == id
    assert await telling.told() == [["assigned"]]
    assert await telling.policy.retry(telling.conn, parked) is not None

    for position, state in stored:
        await telling.conn.execute(damage, (state, position))
    assert await telling.policy.retry(telling.conn, parked) is None
    await telling.sent()
    given.later(minutes=1)
    await telling.goes_on()

    assert await telling.told() == [["assigned"], ["assigned"]]
    assert await list_parked(telling.conn, [NAME]) == []


async def test_what_was_told_long_ago_is_forgotten(telling: Telling, given: Given) -> None:
    await promised(given)
    await telling.goes_on()
    await telling.sent()

    given.later(days=8)
    await telling.goes_on()

    assert await telling.fetch("SELECT about FROM notices WHERE about = 'assigned'") == []

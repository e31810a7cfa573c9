"""Erasing: what was personal of a customer is gone for good, whoever works on it meanwhile; the rest stays."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.commitment import Commitment
from domain.customer import hold, release
from domain.deadlines import DueRule
from domain.errors import Erased, NotFound, OnHold
from domain.keeping import Attempt, Contact, attempt, contact, fulfil
from domain.moment import Moment
from domain.order import Assignment
from domain.people import Person
from domain.promising import Amendment, Making, Wanted, amend, make
from domain.values import Item
from projections.commitments import COMMITMENTS, CommitmentFilter, Commitments
from projections.history import HISTORY, History, HistoryFilter
from projections.log import Log
from store.clock import SetClock
from store.database import Database
from store.erasing import Erasing, Erasure
from store.evidence import Evidence
from store.keyring import Keyring
from store.ledger import Ledger
from store.people import People
from store.seals import put_seal
from store.vacuuming import has_dead_rows, to_vacuum, vacuum
from store.verification import Problem, verify
from tests.conftest import Given

pytestmark = pytest.mark.anyio

DUE = timedelta(days=3)
WORDS = "A free HDMI cable for Mrs Petrova"
PLACE = "12 Long Street"


@pytest.fixture
def erasing(database: Database, keyring: Keyring, ledger: Ledger) -> Erasing:
    return Erasing(database, keyring, ledger)


@pytest.fixture
async def cable(given: Given) -> UUID:
    """A promise to CU-7 on an order that somebody carries to her door, and what she said of it."""
    await given.assignment("SO-1001", "courier", Assignment("courier:li", address=PLACE))
    cable = await given.promise(
        "free_item",
        WORDS,
        due=DUE,
        order_id="SO-1001",
        items=(Item("HDMI-2M", 1),),
        channel="phone",
        conversation="call-8871",
    )
    await given.that(cable, lambda commitment, moment: contact(commitment, Contact("wechat", note="secret"), moment))
    return cable


async def stored(database: Database) -> dict[UUID, bool]:
    """Which streams have a key."""
    return dict(await database.fetch("SELECT id, key IS NOT NULL FROM streams"))


async def told(database: Database) -> list[str]:
    return [topic for (topic,) in await database.fetch("SELECT topic FROM stored_events ORDER BY notification_id")]


async def test_the_words_of_a_customer_are_gone_and_those_of_others_are_not(
    database: Database, ledger: Ledger, given: Given, erasing: Erasing, cable: UUID
) -> None:
    other = await given.promise("refund", "Ten euro", due=DUE, customer_id="CU-8")
    erased = await erasing.customer("CU-7", given.moment("admin:root"))

    assert (erased.streams, erased.still_open) == (2, 1)
    assert (await told(database))[-3:] == ["OrderErased", "CommitmentErased", "CustomerErased"]
    state = await ledger.commitment(cable)
    assert (state.promise, state.items, state.channel, state.conversation, state.is_erased) == (None,) * 4 + (True,)
    assert (state.kind, state.status, state.contacts, state.customer_id) == ("free_item", "open", 1, "CU-7")
    (order,) = (await ledger.orders(["SO-1001"])).values()
    assert (order.is_erased, order.assignments["courier"].address) == (True, None)
    assert order.assignments["courier"].recipient == "courier:li"
    assert (await ledger.commitment(other)).promise == "Ten euro"
    before = await ledger.commitment_at(cable, version=1)
    assert (before.promise, before.is_erased) == (None, True)


async def test_asked_again_it_erases_what_came_since_and_else_records_nothing(
    database: Database, ledger: Ledger, given: Given, erasing: Erasing, cable: UUID
) -> None:
    first = await erasing.customer("CU-7", given.moment("admin:root"))
    recorded = await told(database)
    again = await erasing.customer("CU-7", given.moment("admin:root"))

    assert (again.streams, again.position) == (0, first.position)
    assert await told(database) == recorded
    newer = await given.promise("refund", "Ten euro", due=DUE)
    assert (await ledger.commitment(newer)).promise == "Ten euro"
    assert (await erasing.customer("CU-7", given.moment("admin:root"))).streams == 1
    assert (await ledger.commitment(newer)).promise is None
    assert (await told(database)).count("CustomerErased") == 2


async def test_what_happens_to_an_erased_promise_is_recorded_without_words(
    database: Database, ledger: Ledger, keyring: Keyring, given: Given, erasing: Erasing, cable: UUID
) -> None:
    await erasing.customer("CU-7", given.moment("admin:root"))
    await given.assignment("SO-1001", "courier", Assignment("courier:bo", address=PLACE))
    await given.assignment("SO-1001", "courier", Assignment("courier:bo", address=PLACE))
    await given.that(cable, lambda c, m: attempt(c, Attempt("other", "at the blue door", None, ("a",)), m))
    await given.that(cable, lambda c, m: fulfil(c, m, note="at the blue door", at=None))

    state = await ledger.commitment(cable)
    assert (state.status, state.promise) == ("kept", None)
    assert (await told(database)).count("OrderAssigned") == 2
    kept = await database.fetch("SELECT state FROM stored_events WHERE topic IN ('CommitmentKept', 'OrderAssigned')")
    assert not [one for (one,) in kept if b"blue" in one or b"Long" in one]


async def test_other_words_need_another_promise(given: Given, erasing: Erasing, cable: UUID) -> None:
    await erasing.customer("CU-7", given.moment("admin:root"))
    for change in (Amendment(frozenset({"promise"}), promise="Two"), Amendment(frozenset({"items"}))):
        with pytest.raises(Erased):
            await given.that(cable, partial(_amended, change))


def _amended(change: Amendment, commitment: Commitment, moment: Moment) -> object:
    return amend(commitment, change, None, moment)


async def test_the_order_of_somebody_else_who_still_waits_keeps_its_address(
    ledger: Ledger, given: Given, erasing: Erasing, cable: UUID
) -> None:
    theirs = await given.promise("refund", "Ten", due=DUE, order_id="SO-1001", customer_id="CU-8")
    await erasing.customer("CU-7", given.moment("admin:root"))
    (order,) = (await ledger.orders(["SO-1001"])).values()
    assert order.assignments["courier"].address == PLACE

    await given.that(theirs, lambda c, m: fulfil(c, m, note=None, at=None))
    await given.promise("refund", "Twenty", due=DUE, order_id="SO-1001", customer_id="CU-7")
    await erasing.customer("CU-7", given.moment("admin:root"))
    (order,) = (await ledger.orders(["SO-1001"])).values()
    assert order.assignments["courier"].address is None
    assert (await ledger.commitment(theirs)).promise == "Ten"


async def test_photos_that_the_promises_name_go_with_them(
    database: Database, keyring: Keyring, given: Given, erasing: Erasing, cable: UUID
) -> None:
    evidence, photo, other = Evidence(database, keyring), uuid4(), uuid4()
    for id in (photo, other):
        await evidence.put(id, b"jpeg", by="courier:li", at=given.now, sent=id.bytes)
    named = (str(photo), "a picture that we never had")
    await given.that(cable, lambda c, m: fulfil(c, m, note=None, at=None, evidence=named))
    await erasing.customer("CU-7", given.moment("admin:root"))
    assert [one.id for one in await evidence.about([photo, other])] == [other]


async def test_while_a_hold_stands_nothing_is_erased(
    database: Database, ledger: Ledger, given: Given, erasing: Erasing, cable: UUID, clock: SetClock
) -> None:
    until = given.now + timedelta(hours=1)
    await ledger.change_customer("CU-7", lambda one: hold(one, "a lawsuit", until, given.moment("admin:root")))
    with pytest.raises(OnHold):
        await erasing.customer("CU-7", given.moment("admin:root"))
    assert all((await stored(database)).values())

    given.later(hours=1)
    assert (await erasing.customer("CU-7", given.moment("admin:root"))).streams == 2
    assert not any((await stored(database)).values())


async def test_a_hold_is_ordered_once_changed_and_lifted_and_after_an_erasure_it_begins_anew(
    database: Database, ledger: Ledger, given: Given, erasing: Erasing, cable: UUID
) -> None:
    for reason in ("a lawsuit", "a lawsuit", "another one"):
        held = partial(hold, reason=reason, until=None, moment=given.moment("admin:root"))
        await ledger.change_customer("CU-7", held)
    await ledger.change_customer("CU-7", lambda one: release(one, given.moment("admin:root")))
    with pytest.raises(NotFound):
        await ledger.change_customer("CU-7", lambda one: release(one, given.moment("admin:root")))
    await erasing.customer("CU-7", given.moment("admin:root"))
    await ledger.change_customer("CU-7", lambda one: hold(one, "they came back", None, given.moment("admin:root")))

    orders = [one for one in await told(database) if one.startswith("Customer") and one != "CustomerContacted"]
    assert orders == ["CustomerHeld", "CustomerHeld", "CustomerReleased", "CustomerErased", "CustomerHeld"]
    standing = (await ledger.customer("CU-7")).held
    assert standing is not None
    assert standing.reason == "they came back"
    with pytest.raises(OnHold):
        await erasing.customer("CU-7", given.moment("admin:root"))


async def test_the_address_of_an_order_stays_while_one_of_its_customers_is_on_hold(
    database: Database, ledger: Ledger, given: Given, erasing: Erasing, cable: UUID
) -> None:
    await given.that(cable, lambda commitment, moment: fulfil(commitment, moment, note=None, at=None))
    await given.promise("refund", "Ten euro", due=DUE, customer_id="CU-8", order_id="SO-1001")
    moment = given.moment("admin:root")
    until = given.now + timedelta(days=30)
    await ledger.change_customer("CU-7", lambda customer: hold(customer, "a complaint", until, moment))

    assert (await erasing.customer("CU-8", moment)).streams == 1
    (order,) = (await ledger.orders(["SO-1001"])).values()
    assert order.assignments["courier"].address == PLACE

    await ledger.change_customer("CU-7", lambda customer: release(customer, given.moment("admin:root")))
    assert (await erasing.customer("CU-7", given.moment("admin:root"))).streams == 2
    (order,) = (await ledger.orders(["SO-1001"])).values()
    assert order.is_erased


async def test_the_log_holds_after_an_erasure_and_tells_keys_that_are_gone_without_one(
    database: Database, keyring: Keyring, ledger: Ledger, given: Given, erasing: Erasing, cable: UUID
) -> None:
    other = await given.promise("refund", "Ten euro", due=DUE, customer_id="CU-8")
    (key,) = (await database.fetch("SELECT key FROM streams WHERE id = %s", (cable,)))[0]
    async with await database.connect("test") as conn:
        await put_seal(conn, keyring, given.now)
        await erasing.customer("CU-7", given.moment("admin:root"))
        await put_seal(conn, keyring, given.now)
        verdict = await verify(conn, keyring)
        assert (verdict.holds, verdict.erased) == (True, 3)

        await conn.execute("UPDATE streams SET key = NULL WHERE id = %s", (other,))
        await conn.execute("UPDATE streams SET key = %s WHERE id = %s", (key, cable))
        problems = (await verify(conn, keyring)).problems
    assert {problem.what for problem in problems} == {
        f"the key of the stream {other} is gone, and nothing says that it was erased",
        f"the stream {cable} was erased and has a key all the same",
    }
    assert all(isinstance(problem, Problem) for problem in problems)


async def test_an_erasure_that_is_struck_off_the_list_of_those_to_be_done_again_is_named(
    database: Database, keyring: Keyring, given: Given, erasing: Erasing, cable: UUID
) -> None:
    """Else a backup from before would keep the words, whoever goes through the list."""
    await erasing.customer("CU-7", given.moment("admin:root"))
    async with await database.connect("test") as conn:
        await conn.execute("UPDATE erasures SET streams = '{}'")
        verdict = await verify(conn, keyring)
        assert verdict.failed == 2, "her promise and its order"
        assert {one.what.partition(", ")[2] for one in verdict.problems} == {"and the list of erasures does not say so"}
        await conn.execute("DELETE FROM erasures")
        verdict = await verify(conn, keyring)
    assert verdict.failed == 3, "her promise, its order, and she herself"
    assert verdict.problems[0].position < verdict.problems[-1].position


async def test_projections_find_and_show_no_word_any_more_also_when_they_are_built_anew(
    database: Database, keyring: Keyring, given: Given, erasing: Erasing, cable: UUID, project: Any
) -> None:
    await project(COMMITMENTS, HISTORY)
    await erasing.customer("CU-7", given.moment("admin:root"))
    commitments, history = Commitments(database, keyring), History(database, keyring)
    for _ in range(2):
        await project(COMMITMENTS, HISTORY)
        shown = await commitments.one(cable)
        assert shown is not None
        assert (shown.promise, shown.items, shown.channel, shown.conversation, shown.erased) == (None,) * 4 + (True,)
        assert await commitments.page(CommitmentFilter(conversation="call-8871"), limit=5, before=None) == []
        assert await history.page(HistoryFilter(channel="phone"), 5) == []
        items = await history.page(HistoryFilter(), 50)
        assert all(item.data["erased"] is True for item in items)
        assert [(item.commitment_id, item.customer_id) for item in items if item.type == "CustomerErased"] == [
            (None, "CU-7")
        ]
        assert "HDMI" not in repr(items)
        async with database.pool.connection() as conn:
            await conn.execute("DELETE FROM checkpoints")
            await conn.execute("DROP TABLE commitments, history")


async def test_what_the_history_leaves_out_of_a_customer_is_his_last_life_alone(
    database: Database, keyring: Keyring, ledger: Ledger, given: Given, erasing: Erasing, cable: UUID, project: Any
) -> None:
    await erasing.customer("CU-7", given.moment("admin:root"))
    await ledger.change_customer("CU-7", lambda one: hold(one, "a lawsuit", None, given.moment("admin:root")))
    await project(HISTORY)
    async with database.pool.connection() as conn:
        await conn.execute(HISTORY.sql["forget"], {"streams": [(await ledger.customer("CU-7")).id]})
    types = [item.type for item in await History(database, keyring).page(HistoryFilter(customer_id="CU-7"), 50)]
    assert ("CustomerHeld" in types, "CustomerErased" in types, "CommitmentErased" in types) == (False, True, True)


async def test_an_erasure_is_done_once_more_in_a_log_from_an_older_backup(
    database: Database, ledger: Ledger, given: Given, erasing: Erasing, cable: UUID
) -> None:
    keys = await database.fetch("SELECT id, key FROM streams")
    await erasing.customer("CU-7", given.moment("admin:root"))
    (erasure,) = await erasing.all()
    assert (erasure.customer_id, erasure.erased_at, len(erasure.streams)) == ("CU-7", given.now, 2)
    given.later(days=1)
    assert await erasing.again(erasure, given.moment("system:upheld")) is None

    # The backup is older: nothing of the erasure is in it.
    async with database.pool.connection() as conn:
        await conn.execute("DELETE FROM stored_events WHERE topic LIKE '%Erased'")
        await conn.execute("DELETE FROM streams WHERE category = 'customer'")
        await conn.execute("DELETE FROM erasures")
        for id, key in keys:
            await conn.execute(
                "UPDATE streams SET key = %s, version = version - 1, last_position ="
                " (SELECT max(notification_id) FROM stored_events WHERE originator_id = id) WHERE id = %s",
                (key, id),
            )
    ledger.forget()
    assert (await ledger.commitment(cable)).promise == WORDS
    lately = await given.promise("refund", "Ten euro", due=DUE)

    assert await erasing.again(erasure, given.moment("system:upheld")) == 2
    assert (await ledger.commitment(cable)).promise is None
    assert (await ledger.commitment(lately)).promise == "Ten euro"
    assert await erasing.again(erasure, given.moment("system:upheld")) is None
    assert await erasing.all() == [Erasure("CU-7", "request", erasure.erased_at, erasure.streams)]


async def test_whoever_records_at_the_same_time_is_answered_and_leaves_no_word_behind(
    database: Database, keyring: Keyring, ledger: Ledger, given: Given, erasing: Erasing, cable: UUID
) -> None:
    """Four keep recording about two promises, two give new ones, while the customer is erased three times."""
    second = await given.promise("refund", "Ten euro", due=DUE, order_id="SO-1001")
    until, answered = asyncio.get_running_loop().time() + 1.5, 0

    async def record(id: UUID) -> None:
        nonlocal answered
        while asyncio.get_running_loop().time() < until:
            await given.that(id, lambda c, m: contact(c, Contact("phone", note="secret"), m))
            answered += 1
            await asyncio.sleep(0.002)

    async def give() -> None:
        while asyncio.get_running_loop().time() < until:
            await given.promise("refund", "Words", due=DUE, order_id="SO-1001")
            await asyncio.sleep(0.05)

    async def erase() -> None:
        for _ in range(3):
            await asyncio.sleep(0.3)
            await erasing.customer("CU-7", given.moment("admin:root"))

    async with asyncio.TaskGroup() as group:
        for id in (cable, cable, second, second):
            group.create_task(record(id))
        for _ in range(2):
            group.create_task(give())
        group.create_task(erase())

    assert (await ledger.commitment(cable)).contacts + (await ledger.commitment(second)).contacts == answered + 1
    await erasing.customer("CU-7", given.moment("admin:root"))
    assert not [id for id, has_key in (await stored(database)).items() if has_key]
    async with await database.connect("test") as conn:
        await put_seal(conn, keyring, given.now)
        assert (await verify(conn, keyring)).holds


async def test_a_customer_with_thousands_of_promises_is_erased_a_thousand_at_a_time(
    database: Database, ledger: Ledger, keyring: Keyring, given: Given, erasing: Erasing
) -> None:
    moment = given.moment("agent:ling")
    making = Making(customer_id="CU-7", kind="refund", promise="Ten euro", due=Wanted(DueRule(at=given.now + DUE)))
    for _ in range(5):
        await ledger.begin_all([make(uuid4(), making, None, [], moment) for _ in range(450)])
    erased = await erasing.customer("CU-7", given.moment("admin:root"))

    assert (erased.streams, erased.still_open) == (2250, 2250)
    assert [(one.customer_id, one.cause, len(one.streams)) for one in await erasing.all()] == [
        (None, "request", 1000),
        (None, "request", 1000),
        ("CU-7", "request", 250),
    ]
    assert not any((await stored(database)).values())
    async with await database.connect("test") as conn:
        while await put_seal(conn, keyring, given.now) is not None:
            pass
        assert (await verify(conn, keyring)).holds


async def test_every_process_is_told_to_forget_what_it_remembers(
    database: Database, keyring: Keyring, given: Given, erasing: Erasing, cable: UUID
) -> None:
    told, log = asyncio.Queue[None](), Log(database, keyring)
    following = asyncio.create_task(log.follow(lambda: told.put_nowait(None)))
    async with asyncio.timeout(10):
        await told.get()  # it may have missed something before it listened
        assert (await log.read(0))[0].fact
        await given.that(cable, lambda commitment, moment: contact(commitment, Contact("phone"), moment))
        await log.turn_after(2)
        assert told.empty()
        await erasing.customer("CU-7", given.moment("admin:root"))
        await told.get()
    log.forget()
    assert (await log.read(0))[-1].type == "CustomerErased"
    assert all(one.key is None for one in await log.read(0))
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_what_was_destroyed_is_vacuumed_and_once_more_when_older_readers_are_gone(
    database: Database, given: Given, erasing: Erasing, cable: UUID
) -> None:
    async with await database.connect("test") as conn:
        assert await to_vacuum(conn, given.now, 0) is None
        erased = await erasing.customer("CU-7", given.moment("admin:root"))
        assert await to_vacuum(conn, given.now, 0) == erased.position
        await vacuum(conn, given.now)
        assert await to_vacuum(conn, given.now, erased.position) is None
        given.later(hours=1)
        assert await to_vacuum(conn, given.now, erased.position) == erased.position
        await vacuum(conn, given.now)
        assert await to_vacuum(conn, given.now, 0) is None
        (dead,) = (await database.fetch("SELECT pg_stat_get_dead_tuples('streams'::regclass)"))[0]
    assert dead == 0


async def test_no_sample_of_a_key_is_kept_by_the_planner(database: Database, cable: UUID) -> None:
    async with await database.connect("analyse") as conn:
        await conn.execute("ANALYZE")
        sampled = await (
            await conn.execute(
                "SELECT tablename, attname FROM pg_stats WHERE schemaname = 'public'"
                " AND (attname IN ('key', 'private') OR tablename ~ '^contact_' AND attname = 'document')"
            )
        ).fetchall()

    assert sampled == [], "a key that was destroyed would live on in its statistics"


async def test_what_was_deleted_by_hand_is_found_to_be_vacuumed(
    database: Database, keyring: Keyring, clock: SetClock
) -> None:
    people = People(database, keyring, clock)
    async with await database.connect("test") as conn:
        assert not await has_dead_rows(conn)
        await people.put("courier:li", lambda _: Person("Li", "en", "UTC"), by="supervisor:wang")
        await people.delete("courier:li", by="supervisor:wang")
        async with asyncio.timeout(10):
            while not await has_dead_rows(conn):
                await asyncio.sleep(0.1)
                await people.find("courier:li")  # a connection that goes on tells now and then what it has done
        await vacuum(conn, clock.now())
        assert not await has_dead_rows(conn)

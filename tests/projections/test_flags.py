"""The flags of now and of any earlier instant, against the log folded up to there."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from domain.keeping import Contact, contact, fulfil, pass_time
from domain.order import Assignment
from domain.promising import Amendment, amend
from projections.commitments import COMMITMENTS
from projections.flags import FLAGS, FlagFilter, FlagRow, Flags
from projections.projection import Recorded
from store.clock import SetClock
from store.database import Database
from store.keyring import Keyring
from store.ledger import Ledger
from tests.conftest import Given
from tests.projections.explaining import Explaining, fill
from tests.projections.playing import KINDS, ByHand, Chronicle, Play

pytestmark = pytest.mark.anyio

EVERYTHING = FlagFilter()


@pytest.fixture
def flags(database: Database, keyring: Keyring) -> Flags:
    return Flags(database, keyring)


async def then(flags: Flags, at: datetime, **wanted: Any) -> list[FlagRow]:
    return await flags.page_at(FlagFilter(**wanted), at=at, limit=500, after=None)


async def one_by_one(flags: Flags, at: datetime) -> list[FlagRow]:
    found: list[FlagRow] = []
    while True:
        after = (found[-1].rescue_by, found[-1].commitment_id) if found else None
        page = await flags.page_at(EVERYTHING, at=at, limit=1, after=after)
        if not page:
            return found
        found += page


async def played(seed: int, commands: int, given: Given, ledger: Ledger, clock: SetClock, **of: Any) -> Chronicle:
    await Play(Random(seed), given, ledger, clock).run(commands)
    return await Chronicle.read(of["database"], of["keyring"])


@pytest.mark.parametrize("seed", range(4))
async def test_the_flags_of_any_instant_follow_from_what_was_recorded_until_then(
    seed: int, flags: Flags, given: Given, ledger: Ledger, clock: SetClock, database: Database, keyring: Keyring
) -> None:
    random = Random(seed)
    log = await played(seed, 260, given, ledger, clock, database=database, keyring=keyring)
    async with await database.connect("worker") as conn:
        feed = ByHand(conn, keyring, FLAGS)
        await feed.create()
        for page in log.in_pages(random.choice([1, 3, 50, 500])):
            await feed.page(page)
    told: set[str] = set()
    for at in log.instants(random, 120):
        expected = log.flags_at(at)
        told |= {flag.reason for flag in expected}
        assert await then(flags, at) == expected, at
        assert await flags.total_at(EVERYTHING, at=at) == len(expected)
        if expected:
            wanted = _asked_for(random, random.choice(expected))
            matching = log.flags_at(at, **wanted)
            assert await then(flags, at, **wanted) == matching, (at, wanted)
            assert await flags.total_at(FlagFilter(**wanted), at=at) == len(matching)
    assert len(told) > 4, "the play was too quiet to say anything"
    assert await one_by_one(flags, at) == log.flags_at(at)


def _asked_for(random: Random, flag: FlagRow) -> dict[str, Any]:
    """A filter, by one or two sides of a flag that was there, or one that finds nothing or little."""
    sides = {name: asdict(flag)[name] for name in ("reason", "recipient", "role", "made_by", "kind")}
    sides |= {"depot": random.choice(["north", "south"]), "rescue_before": flag.rescue_by + timedelta(seconds=1)}
    sides |= {"kind": random.choice([flag.kind, *KINDS])}
    chosen = random.sample(sorted(sides), random.choice([1, 1, 2]))
    return {name: sides[name] for name in chosen if sides[name] is not None}


@pytest.mark.parametrize("seed", [11, 12])
async def test_as_of_is_what_the_flags_answered_then(
    seed: int, flags: Flags, given: Given, ledger: Ledger, clock: SetClock, database: Database, keyring: Keyring
) -> None:
    random = Random(seed)
    log = await played(seed, 120, given, ledger, clock, database=database, keyring=keyring)
    instants, facts = sorted(log.instants(random, 60)), list(log.facts)
    answered: list[tuple[datetime, list[FlagRow], int]] = []
    async with await database.connect("worker") as conn:
        feed = ByHand(conn, keyring, COMMITMENTS, FLAGS)
        await feed.create()
        for at in instants:
            until = [recorded for recorded in facts if recorded.recorded_at <= at]
            facts = facts[len(until) :]
            await feed.page(until)
            page = await flags.page(EVERYTHING, now=at, limit=500, after=None)
            answered.append((at, page, await flags.total(EVERYTHING, now=at)))
        await feed.page(facts)
    assert any(page for _, page, _ in answered)
    for at, page, total in answered:
        assert (await then(flags, at), await flags.total_at(EVERYTHING, at=at)) == (page, total), at


async def test_the_rows_do_not_depend_on_how_the_log_was_cut_into_pages(
    given: Given, ledger: Ledger, clock: SetClock, database: Database, keyring: Keyring
) -> None:
    log = await played(7, 300, given, ledger, clock, database=database, keyring=keyring)
    async with await database.connect("worker") as conn:
        await ByHand(conn, keyring, FLAGS).create()

        async def rows(pages: Sequence[Sequence[Recorded]]) -> list[Any]:
            await conn.execute("TRUNCATE flags, flags_held")
            feed = ByHand(conn, keyring, FLAGS)
            for page in pages:
                await feed.page(page)
            foreseen = await conn.execute("SELECT * FROM flags ORDER BY commitment_id, begins_at")
            held = await conn.execute("SELECT * FROM flags_held ORDER BY commitment_id, known_from")
            return [await foreseen.fetchall(), await held.fetchall()]

        at_once = await rows([log.facts])
        assert all(at_once)
        for pages in (log.in_pages(1), log.in_pages(3), log.in_pages(500), log.by_stream()):
            assert await rows(pages) == at_once
        await conn.execute(FLAGS.sql["forget"], {"streams": [recorded.stream for recorded in log.facts]})
        left = await conn.execute("SELECT 1 FROM flags UNION ALL SELECT 1 FROM flags_held")
        assert await left.fetchall() == []


# -- what was over ----------------------------------------------------------------------------------------------


@pytest.fixture
async def a_late_refund(given: Given) -> UUID:
    """Promised for four hours; nobody said anything for five."""
    refund = await given.promise("refund", "The money is back", due=timedelta(hours=4))
    given.later(hours=5)
    return refund


async def test_a_flag_that_was_ended_by_a_fact_is_told_of_the_time_before(
    a_late_refund: UUID, flags: Flags, given: Given, project: Any
) -> None:
    late = given.now
    await given.that(a_late_refund, lambda commitment, moment: fulfil(commitment, moment, note=None, at=None))
    await project(FLAGS)
    assert [flag.reason for flag in await then(flags, late - timedelta.resolution)] == ["overdue"]
    assert [flag.reason for flag in await then(flags, late)] == []


async def test_a_flag_that_is_projected_before_its_promise_has_its_words_all_the_same(
    a_late_refund: UUID, flags: Flags, given: Given, project: Any, database: Database, keyring: Keyring
) -> None:
    await project(FLAGS)
    async with await database.connect("worker") as conn:
        await ByHand(conn, keyring, COMMITMENTS).create()
    for projected in (False, True):
        (flag,) = await flags.page(EVERYTHING, now=given.now, limit=50, after=None)
        assert (flag.promise, flag.erased) == ("The money is back", False), projected
        (raised,) = (await flags.all(now=given.now)).values()
        assert (raised.flag.promise, raised.version is not None) == ("The money is back", projected)
        await project(COMMITMENTS)


async def test_the_words_of_a_flag_are_those_of_the_time(
    a_late_refund: UUID, flags: Flags, given: Given, project: Any, database: Database
) -> None:
    other = Amendment(frozenset({"promise"}), promise="The money was back")
    late = given.now
    given.later(minutes=1)
    await given.that(a_late_refund, lambda commitment, moment: amend(commitment, other, None, moment))
    await project(FLAGS)
    words = [(await then(flags, at))[0].promise for at in (late, given.now)]
    assert words == ["The money is back", "The money was back"]
    async with await database.connect("erasing") as conn:
        await conn.execute("UPDATE streams SET key = NULL")
    assert [(await then(flags, at))[0].promise for at in (late, given.now)] == [None, None]


async def test_a_departure_that_was_still_ahead_is_the_rescue_of_that_time(
    flags: Flags, given: Given, ledger: Ledger, project: Any
) -> None:
    departs = given.now + timedelta(hours=5)
    await given.assignment("SO-1", "courier", Assignment("courier:li", departs, depot="north"))
    cable = await given.promise("redelivery", due=timedelta(hours=24), order_id="SO-1")
    made = given.now
    given.later(hours=30)
    await given.that(cable, lambda commitment, moment: fulfil(commitment, moment, note=None, at=None))
    await project(FLAGS)
    rescue = [
        [
            (flag.reason, flag.rescue_by - made)
            for flag in await then(flags, made + timedelta(hours=hours), depot="north")
        ]
        for hours in (4, 4.75, 5, 24)
    ]
    a_day = timedelta(hours=24)
    assert rescue == [
        [],
        [("not_received", timedelta(hours=5))],
        [("not_received", a_day)],
        [("overdue", a_day)],
    ]


async def test_facts_beside_a_flag_do_not_cut_it_into_pieces(
    a_late_refund: UUID, given: Given, project: Any, database: Database
) -> None:
    for _ in range(3):
        await given.that(a_late_refund, pass_time)
        given.later(minutes=5)
        await given.that(a_late_refund, lambda commitment, moment: contact(commitment, Contact("phone"), moment))
    await given.that(a_late_refund, lambda commitment, moment: fulfil(commitment, moment, note=None, at=None))
    await project(FLAGS)
    held = await database.fetch("SELECT reason, ends_at - known_from FROM flags_held")
    assert held == [("overdue", timedelta(minutes=75))]


async def test_before_anything_was_recorded_there_were_no_flags(
    a_late_refund: UUID, flags: Flags, project: Any
) -> None:
    await project(FLAGS)
    beginning = datetime.min.replace(tzinfo=UTC)
    assert await then(flags, beginning) == []
    assert await flags.total_at(EVERYTHING, at=beginning) == 0


# -- at scale ---------------------------------------------------------------------------------------------------


class Explained(Explaining, Flags):
    """Keeps its plans."""


A_YEAR_OF_FLAGS = """
INSERT INTO {table}
SELECT gen_random_uuid(), begins_at, begins_at, begins_at + interval '5 hours', 'overdue', begins_at, begins_at,
       'courier', 'courier:' || number % 300, NULL, begins_at, begins_at, 'redelivery', 'agent:ling', NULL
FROM generate_series(1, {rows}) AS number,
     LATERAL (SELECT timestamptz '2026-01-01Z' + number * interval '1 year' / {rows} AS begins_at) AS made
"""


@pytest.fixture
async def a_year_of_flags(database: Database, keyring: Keyring) -> None:
    """40,000 flags of five hours that were ended by facts, and 20,000 that the clock ended; about 34 at any time."""
    many = (("flags_held", "40000"), ("flags", "20000"))
    await fill(database, FLAGS, *(A_YEAR_OF_FLAGS.format(table=table, rows=rows) for table, rows in many))


@pytest.mark.parametrize("wanted", [{}, {"recipient": "courier:7"}, {"reason": "overdue", "role": "courier"}])
@pytest.mark.parametrize("month", [2, 6, 11])
async def test_an_instant_long_past_is_found_by_what_held_then(
    month: int, wanted: dict[str, Any], database: Database, keyring: Keyring, a_year_of_flags: None
) -> None:
    flags, at = Explained(database, keyring), datetime(2026, month, 10, tzinfo=UTC)
    for _ in range(8):
        total = await flags.total_at(FlagFilter(**wanted), at=at)
        await flags.page_at(FlagFilter(**wanted), at=at, limit=51, after=None)
    assert total > 30 or "recipient" in wanted
    for plan in flags.plans:
        assert "flags_held_during_idx" in plan
        assert "Seq Scan on flags_held" not in plan


async def test_flags_that_are_still_foreseen_are_found_by_when_they_began(
    database: Database, keyring: Keyring, a_year_of_flags: None
) -> None:
    flags = Explained(database, keyring)
    await flags.total_at(EVERYTHING, at=datetime(2026, 1, 10, tzinfo=UTC))
    await flags.page_at(EVERYTHING, at=datetime(2026, 1, 10, tzinfo=UTC), limit=51, after=None)
    for plan in flags.plans:
        assert "flags_known_from_idx" in plan


async def test_the_flags_of_now_do_not_look_at_what_is_over(
    database: Database, keyring: Keyring, a_year_of_flags: None, project: Any
) -> None:
    await project(COMMITMENTS)
    flags = Explained(database, keyring)
    await flags.page(EVERYTHING, now=datetime(2026, 6, 10, tzinfo=UTC), limit=51, after=None)
    await flags.total(EVERYTHING, now=datetime(2026, 6, 10, tzinfo=UTC))
    assert not any("flags_held" in plan for plan in flags.plans)

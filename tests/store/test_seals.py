"""Seals: what was recorded holds, however it is forgotten; and whatever is changed by hand is named by its position."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.keeping import Contact, contact
from store.clock import SetClock
from store.database import Database
from store.keyring import Keyring
from store.ledger import Ledger
from store.merkle import leaf_hash, root_by, root_of
from store.seals import SQL, Seal, begin_key, keys_of, marks_of, proof, put_seal, seals
from store.verification import Problem, Verdict, verify
from tests.conftest import Given

pytestmark = pytest.mark.anyio

MOST = 10
"""Events under a seal here."""

Sealing = Callable[[], Awaitable[list[Seal]]]


@pytest.fixture
async def sealed(database: Database, keyring: Keyring, clock: SetClock) -> Sealing:
    """Seals all that there is."""

    async def seal() -> list[Seal]:
        async with await database.connect("sealing") as conn:
            while await put_seal(conn, keyring, clock.now(), most=MOST) is not None:
                pass
        return await seals(database, after=0, limit=1000)

    return seal


@pytest.fixture
async def log(given: Given) -> list[Any]:
    """Thirty-five events: three seals are full, and one is not. Each promise is two, the last one has one more."""
    ids = []
    for number in range(17):
        ids.append(await given.promise("refund", f"Promise {number}", due=timedelta(days=3)))
        given.later(seconds=1)
    await given.that(ids[-1], lambda commitment, moment: contact(commitment, Contact("phone"), moment))
    return ids


async def checked(database: Database, keyring: Keyring, published: Sequence[dict[str, Any]] = ()) -> Verdict:
    async with await database.connect("verify") as conn:
        return await verify(conn, keyring, published=published)


async def by_hand(database: Database, *statements: str) -> None:
    """What somebody does who has the database and knows his way about."""
    async with await database.connect("hand") as conn:
        for statement in statements:
            await conn.execute(statement.encode())


async def test_what_was_recorded_holds_and_what_is_not_sealed_yet_is_named(
    database: Database, keyring: Keyring, given: Given, log: list[Any], sealed: Sealing
) -> None:
    found = await sealed()
    await given.promise("refund", due=timedelta(days=3))
    verdict = await checked(database, keyring)

    assert [(seal.number, seal.first_position, seal.last_position, seal.size) for seal in found] == [
        (1, 1, 10, 10),
        (2, 11, 20, 10),
        (3, 21, 30, 10),
        (4, 31, 35, 5),
    ]
    assert found[0].previous == bytes(32)
    assert [seal.previous for seal in found[1:]] == [seal.digest() for seal in found[:-1]]
    assert (verdict.holds, verdict.events, verdict.seals) == (True, 37, 4)
    assert (verdict.sealed_until, verdict.unsealed, verdict.unsealed_from) == (35, 2, 36)


async def test_an_empty_log_holds(database: Database, keyring: Keyring, sealed: Sealing) -> None:
    assert await sealed() == []
    verdict = await checked(database, keyring)
    assert (verdict.holds, verdict.events, verdict.unsealed_from) == (True, 0, None)


async def test_positions_that_were_never_used_are_no_gap(
    database: Database, keyring: Keyring, given: Given, sealed: Sealing
) -> None:
    await given.promise("refund", due=timedelta(days=3))
    await sealed()
    await by_hand(database, "SELECT setval('stored_events_notification_id_seq', 90)")
    await given.promise("refund", due=timedelta(days=3))

    assert [(seal.first_position, seal.last_position, seal.size) for seal in await sealed()] == [(1, 2, 2), (3, 92, 2)]
    assert (await checked(database, keyring)).holds
    await by_hand(database, "UPDATE stored_events SET notification_id = 90 WHERE notification_id = 92")
    assert (await checked(database, keyring)).problems[:2] == [
        Problem(90, "the event was inserted"),
        Problem(92, "the event was deleted"),
    ]


TAMPERED: dict[str, tuple[str, list[Problem]]] = {
    "words": (
        "UPDATE stored_events SET state = state || '\\x00'::bytea WHERE notification_id = 7",
        [Problem(7, "the event was changed")],
    ),
    "an open field": (
        "UPDATE stored_events SET state = convert_to(replace(convert_from(substring(state for 40), 'UTF8'), '2026',"
        " '2025'), 'UTF8') || substring(state from 41) WHERE notification_id = 33",
        [Problem(33, "the event was changed")],
    ),
    "type": (
        "UPDATE stored_events SET topic = 'domain.facts:CommitmentKept' WHERE notification_id = 12",
        [Problem(12, "the event was changed")],
    ),
    "no type at all": (
        "UPDATE stored_events SET topic = NULL WHERE notification_id = 12",
        [Problem(12, "the event was changed")],
    ),
    "instant": (
        "UPDATE stored_events SET recorded_at = recorded_at - interval '1 microsecond' WHERE notification_id = 12",
        [Problem(12, "the event was changed")],
    ),
    "version": (
        "UPDATE stored_events SET originator_version = 7 WHERE notification_id = 30",
        [Problem(30, "the event was changed")],
    ),
    "stream": (
        "UPDATE stored_events SET originator_id = gen_random_uuid() WHERE notification_id = 30",
        [Problem(30, "the event was changed")],
    ),
    "deleted": ("DELETE FROM stored_events WHERE notification_id = 20", [Problem(20, "the event was deleted")]),
    "the end deleted": (
        "DELETE FROM stored_events WHERE notification_id > 33",
        [Problem(34, "the event was deleted"), Problem(35, "the event was deleted")],
    ),
    "a whole seal's deleted": (
        "DELETE FROM stored_events WHERE notification_id BETWEEN 11 AND 20",
        [Problem(position, "the event was deleted") for position in range(11, 21)],
    ),
    "moved": (
        "UPDATE stored_events SET notification_id = 36 WHERE notification_id = 8",
        [Problem(8, "the event was deleted"), Problem(36, "the event is dated before the one in front of it")],
    ),
    "two change places": (
        "UPDATE stored_events SET notification_id = 1000 WHERE notification_id = 4;"
        "UPDATE stored_events SET notification_id = 4 WHERE notification_id = 15;"
        "UPDATE stored_events SET notification_id = 15 WHERE notification_id = 1000",
        [Problem(4, "the event was changed"), Problem(15, "the event was changed")],
    ),
    "a seal's root": (
        "UPDATE seals SET root = sha256(root) WHERE number = 2",
        [
            Problem(11, "seal 2 is not as it was signed"),
            Problem(11, "what seal 2 covers is not as it was sealed"),
            Problem(21, "seal 3 does not follow the one before it"),
        ],
    ),
    "a seal's instant": (
        "UPDATE seals SET sealed_at = sealed_at - interval '1 day' WHERE number = 4",
        [Problem(31, "seal 4 is not as it was signed")],
    ),
    "a seal's signature": (
        "UPDATE seals SET signature = (SELECT signature FROM seals WHERE number = 1) WHERE number = 3",
        [Problem(21, "seal 3 is not as it was signed")],
    ),
    "a seal's size": (
        "UPDATE seals SET size = 9 WHERE number = 4",
        [Problem(31, "seal 4 is not as it was signed"), Problem(31, "what seal 4 covers is not as it was sealed")],
    ),
    "marks": (
        "UPDATE seals SET marks = marks || '\\x00'::bytea WHERE number = 2",
        [Problem(11, "the marks of seal 2 are not as they were")],
    ),
    "a seal deleted": (
        "DELETE FROM seals WHERE number = 2",
        [
            Problem(11, "seals are missing before seal 3"),
            *(Problem(position, "the event was inserted") for position in range(11, 21)),
        ],
    ),
    "the stream's order": (
        "UPDATE streams SET order_id = 'SO-9' WHERE first_position = 5",
        [Problem(5, "the stream {} is not as the log says")],
    ),
    "the stream's customer": (
        "UPDATE streams SET customer_id = 'CU-9' WHERE first_position = 5",
        [Problem(5, "the stream {} is not as the log says")],
    ),
    "what the stream is": (
        "UPDATE streams SET category = 'route' WHERE first_position = 5",
        [Problem(5, "the stream {} is not as the log says")],
    ),
    "an event before the first": (
        "INSERT INTO stored_events (originator_id, originator_version, topic, state, notification_id, recorded_at)"
        " SELECT originator_id, 99, topic, state, 0, recorded_at FROM stored_events WHERE notification_id = 5",
        [Problem(0, "the event was inserted")],
    ),
    "an event, and the function that tells of it": (
        "CREATE OR REPLACE FUNCTION sealed_bytes(event stored_events) RETURNS bytea LANGUAGE sql IMMUTABLE"
        " RETURN '\\x00'::bytea;UPDATE stored_events SET topic = 'CommitmentBroken' WHERE notification_id = 5",
        [Problem(5, "the event was changed")],
    ),
    "the stream's end": (
        "UPDATE streams SET version = 4 WHERE first_position = 5",
        [Problem(5, "the stream {} is not as the log says")],
    ),
    "where the stream is": (
        "UPDATE streams SET last_position = 4, first_position = 100 WHERE first_position = 5",
        [Problem(5, "the stream {} is not as the log says")],
    ),
    "the stream deleted": (
        "DELETE FROM streams WHERE first_position = 5",
        [Problem(5, "the stream {} is not as the log says")],
    ),
    "the stream's key": (
        "UPDATE streams SET key = (SELECT key FROM streams WHERE first_position = 7) WHERE first_position = 5",
        [Problem(5, "the key of the stream {} is not the one that it was begun with")],
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_whatever_is_changed_by_hand_is_named_by_its_position(
    database: Database, keyring: Keyring, log: list[Any], sealed: Sealing, what: str
) -> None:
    statement, expected = TAMPERED[what]
    await sealed()
    await by_hand(database, *statement.split(";"))
    verdict = await checked(database, keyring)

    stream = log[2]
    assert verdict.problems == [Problem(one.position, one.what.format(stream)) for one in expected]
    assert not verdict.holds


async def test_an_event_that_is_slipped_in_is_named(
    database: Database, keyring: Keyring, given: Given, log: list[Any], sealed: Sealing
) -> None:
    await by_hand(database, "DELETE FROM stored_events WHERE notification_id = 7")
    await sealed()
    await by_hand(
        database,
        "INSERT INTO stored_events (originator_id, originator_version, topic, state, notification_id, recorded_at)"
        " SELECT originator_id, 3, topic, state, 7, recorded_at FROM stored_events WHERE notification_id = 6",
    )
    assert (await checked(database, keyring)).first == Problem(7, "the event was inserted")


async def test_an_event_that_is_slipped_in_before_it_is_sealed_and_dated_back_is_named(
    database: Database, keyring: Keyring, log: list[Any], sealed: Sealing
) -> None:
    await by_hand(
        database,
        "INSERT INTO stored_events (originator_id, originator_version, topic, state, recorded_at)"
        " SELECT originator_id, 3, topic, state, recorded_at FROM stored_events WHERE notification_id = 6",
        "UPDATE streams SET version = 3, last_position = 36 WHERE first_position = 5",
    )
    dated_back = [Problem(36, "the event is dated before the one in front of it")]
    assert (await checked(database, keyring)).problems == dated_back, "it is not sealed yet"
    await sealed()
    assert (await checked(database, keyring)).problems == dated_back


@pytest.mark.parametrize(
    ("name", "statements"),
    [
        (
            "stored_events",
            "ALTER TABLE stored_events RENAME TO hidden; CREATE VIEW stored_events AS SELECT * FROM hidden",
        ),
        ("streams", "ALTER TABLE streams RENAME TO hidden; CREATE VIEW streams AS SELECT * FROM hidden"),
        ("streams", "CREATE RULE keep AS ON DELETE TO streams DO INSTEAD NOTHING"),
        ("seals", "ALTER TABLE seals ENABLE ROW LEVEL SECURITY"),
        (
            "stored_events_p0",
            "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';"
            "CREATE TRIGGER other BEFORE INSERT ON stored_events_p0 FOR EACH ROW EXECUTE FUNCTION other()",
        ),
    ],
)
async def test_what_stands_in_the_place_of_a_table_or_works_beside_it_is_named(
    database: Database, keyring: Keyring, log: list[Any], sealed: Sealing, name: str, statements: str
) -> None:
    """It can show each reader what he is to see: the pages another past than whoever verifies."""
    await sealed()
    assert (await checked(database, keyring)).holds
    await by_hand(database, statements)
    assert (
        Problem(0, f"{name} is not the plain table that it was made as") in (await checked(database, keyring)).problems
    )


async def test_what_is_dated_before_the_seal_in_front_of_it_was_made_is_named(
    database: Database, keyring: Keyring, given: Given, log: list[Any]
) -> None:
    """By hand, or by a server that was told another time."""
    async with await database.connect("sealing") as conn:
        await put_seal(conn, keyring, given.now + timedelta(hours=9))
        given.later(hours=1)
        await given.promise("refund", due=timedelta(days=3))
        dated_back = Problem(36, "the event is dated before the seal in front of it was made")
        assert (await checked(database, keyring)).first == dated_back, "it is not sealed yet"
        await put_seal(conn, keyring, given.now + timedelta(hours=9))
    assert (await checked(database, keyring)).first == dated_back


async def test_what_is_dated_a_moment_before_the_seal_in_front_of_it_comes_from_another_machine(
    database: Database, keyring: Keyring, given: Given, log: list[Any]
) -> None:
    async with await database.connect("sealing") as conn:
        await put_seal(conn, keyring, given.now + timedelta(seconds=30))
        given.later(seconds=10)
        await given.promise("refund", due=timedelta(days=3))
        await put_seal(conn, keyring, given.now + timedelta(seconds=30))
    assert (await checked(database, keyring)).holds


async def test_what_was_sealed_long_after_the_time_that_it_says_is_told(
    database: Database, keyring: Keyring, given: Given, log: list[Any]
) -> None:
    """It was slipped in and dated into a quiet night, or imported while no server ran: so it holds all the same."""
    async with await database.connect("sealing") as conn:
        await put_seal(conn, keyring, given.now)
        verdict = await checked(database, keyring)
        assert (verdict.holds, verdict.late, verdict.late_from) == (True, 0, None)
        given.later(hours=1)
        await given.promise("refund", due=timedelta(days=3))
        await put_seal(conn, keyring, given.now + timedelta(hours=8))
    verdict = await checked(database, keyring)
    assert (verdict.holds, verdict.late, verdict.late_from) == (True, 2, 36)


async def test_an_event_that_the_stream_does_not_know_is_named_by_its_own_position(
    database: Database, keyring: Keyring, log: list[Any], sealed: Sealing
) -> None:
    await by_hand(
        database,
        "INSERT INTO stored_events (originator_id, originator_version, topic, state, recorded_at)"
        " SELECT originator_id, 3, topic, state, '2035-01-01Z' FROM stored_events WHERE notification_id = 6",
    )
    await sealed()
    assert (await checked(database, keyring)).problems == [Problem(36, f"the stream {log[2]} is not as the log says")]


async def test_who_signs_anew_with_a_key_of_his_own_is_found_out(
    database: Database, keyring: Keyring, clock: SetClock, log: list[Any], sealed: Sealing
) -> None:
    await sealed()
    stranger = Keyring(bytes(32))
    async with await database.connect("hand") as conn:
        await conn.execute(b"UPDATE stored_events SET topic = 'domain.facts:CommitmentKept' WHERE notification_id = 34")
        own = await begin_key_of(conn, stranger, clock)
        await sign_anew(conn, own, 4)
    verdict = await checked(database, keyring)

    assert verdict.problems == [
        Problem(0, "the signing key 2 is not one of this log's"),
        Problem(31, "seal 4 is not as it was signed"),
    ]


async def begin_key_of(conn: psycopg.AsyncConnection[Any], keyring: Keyring, clock: SetClock) -> Ed25519PrivateKey:
    """A key that is wrapped by another master key, and that nobody vouches for."""
    private, id = Ed25519PrivateKey.generate(), uuid4()
    wrapped = keyring.wrap(id, private.private_bytes_raw())
    public = private.public_key().public_bytes_raw()
    await conn.execute(SQL["put_key"], (id, 2, public, wrapped, None, clock.now()))
    await conn.execute("UPDATE seals SET key = %s WHERE number = 4", (id,))
    return private


async def sign_anew(conn: psycopg.AsyncConnection[Any], private: Ed25519PrivateKey, number: int) -> None:
    """Seal what a seal covers as it is now."""
    (row,) = await (await conn.execute(SQL["page"], (number - 1, 1))).fetchall()
    seal = Seal(*row)
    rows = await conn.execute(SQL["leaves"], (seal.first_position, seal.last_position, None))
    found = await rows.fetchall()
    hashes = [leaf_hash(leaf) for _, leaf in found]
    marks = marks_of(seal.first_position, [position for position, _ in found], hashes)
    await conn.execute("UPDATE seals SET root = %s, marks = %s WHERE number = %s", (root_of(hashes), marks, number))
    (row,) = await (await conn.execute(SQL["page"], (number - 1, 1))).fetchall()
    signature = private.sign(Seal(*row).statement())
    await conn.execute("UPDATE seals SET signature = %s WHERE number = %s", (signature, number))


async def test_the_operator_himself_is_found_out_by_the_seals_that_he_gave_away(
    database: Database, keyring: Keyring, log: list[Any], sealed: Sealing
) -> None:
    given_away = [seal.shown() for seal in await sealed()]
    async with await database.connect("hand") as conn:
        (key,) = await keys_of(conn)
        private = Ed25519PrivateKey.from_private_bytes(keyring.unwrap(key.id, key.private))
        await conn.execute("UPDATE stored_events SET state = state || '\\x00'::bytea WHERE notification_id = 34")
        await sign_anew(conn, private, 4)

    assert (await checked(database, keyring)).holds, "whoever has the master key can sign anew"
    verdict = await checked(database, keyring, given_away)
    assert verdict.problems == [Problem(31, "seal 4 was published as another one")]

    another = {**given_away[3], "signature": "00"}
    verdict = await checked(database, keyring, [*given_away[:3], another, given_away[3]])
    assert Problem(31, "seal 4 was published twice, as two") in verdict.problems, "a log that was sealed anew is told"
    verdict = await checked(database, keyring, [{"root": "00"}])
    assert verdict.problems == [Problem(0, "a line of what was published is no seal")]

    await by_hand(
        database,
        "DELETE FROM seals WHERE number = 4",
        "DELETE FROM stored_events WHERE notification_id > 30",
        "DELETE FROM streams WHERE first_position > 30",
    )
    assert (await checked(database, keyring)).holds, "nobody can tell of what is gone without a trace"
    verdict = await checked(database, keyring, given_away)
    assert verdict.problems == [Problem(31, "seal 4 was published and is not there any more")]


async def test_a_new_key_is_vouched_for_by_the_one_before_it(
    database: Database, keyring: Keyring, given: Given, clock: SetClock, log: list[Any], sealed: Sealing
) -> None:
    await sealed()
    async with await database.connect("rotate") as conn:
        second = await begin_key(conn, keyring, clock.now())
    await given.promise("refund", due=timedelta(days=3))
    found = await sealed()

    assert [seal.key == second.id for seal in found] == [False] * 4 + [True]
    assert (await checked(database, keyring)).holds
    await by_hand(database, "UPDATE seal_keys SET voucher = NULL WHERE number = 2")
    verdict = await checked(database, keyring)
    assert verdict.first == Problem(0, "the signing key 2 is not one of this log's")
    assert verdict.problems[1] == Problem(36, "seal 5 is not as it was signed")


async def test_keys_that_are_destroyed_by_hand_leave_all_seals_valid_and_are_told(
    database: Database, keyring: Keyring, log: list[Any], sealed: Sealing
) -> None:
    await sealed()
    await by_hand(database, "UPDATE streams SET key = NULL WHERE first_position < 6")
    verdict = await checked(database, keyring)
    assert (verdict.seals, verdict.erased, verdict.failed) == (4, 3, 3)
    assert [one.position for one in verdict.problems] == [1, 3, 5]
    assert all("nothing says that it was erased" in one.what for one in verdict.problems)


async def test_two_who_seal_at_once_make_one_chain(
    database: Database, keyring: Keyring, clock: SetClock, log: list[Any]
) -> None:
    async def seal_all() -> int:
        number = 0
        async with await database.connect("sealing") as conn:
            while True:
                try:
                    if await put_seal(conn, keyring, clock.now(), most=2) is None:
                        return number
                    number += 1
                except psycopg.errors.UniqueViolation:
                    continue

    numbers = await asyncio.gather(*(seal_all() for _ in range(4)))
    assert sum(numbers) == 18
    assert (await checked(database, keyring)).holds


async def test_a_proof_leads_from_an_event_to_its_seal(
    database: Database, keyring: Keyring, ledger: Ledger, given: Given, log: list[Any], sealed: Sealing
) -> None:
    await sealed()
    await given.promise("refund", due=timedelta(days=3))
    for position in (1, 10, 11, 34, 35):
        found = await proof(database, position)
        assert found is not None
        seal = found.seal
        assert root_by(leaf_hash(found.leaf), found.index, seal.size, found.path) == seal.root
        assert seal.first_position <= position <= seal.last_position
        assert int.from_bytes(found.leaf[:8]) == position
        async with database.pool.connection() as conn:
            (key,) = await keys_of(conn)
        assert (found.public, key.signed(seal.statement(), seal.signature)) == (key.public, True)
    assert await proof(database, 36) is None, "it is not sealed yet"
    assert await proof(database, 99) is None

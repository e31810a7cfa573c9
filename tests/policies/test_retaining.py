"""Retaining: what was closed long ago is erased, and nothing that is not, or that somebody holds."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from domain.catalogue import parse_catalogue
from domain.customer import hold
from domain.errors import ConfigurationError
from domain.keeping import fulfil, reopen
from domain.order import Assignment
from domain.promising import withdraw
from policies.retaining import RetainingPolicy
from projections.commitments import COMMITMENTS, Commitments
from store.database import Database
from store.erasing import Erasing
from store.evidence import Evidence
from store.keyring import Keyring
from store.ledger import Ledger
from tests.api.conftest import Serve
from tests.conftest import Given
from tests.messages.receivers import eventually

pytestmark = pytest.mark.anyio

DUE = timedelta(days=3)
Sweep = Callable[[], Awaitable[int]]


@pytest.fixture
def policy(database: Database, keyring: Keyring, ledger: Ledger) -> RetainingPolicy:
    """Where promises are kept for two years."""
    catalogue = parse_catalogue('retention.after_close = "P2Y"')
    erasing, commitments = Erasing(database, keyring, ledger), Commitments(database, keyring)
    return RetainingPolicy(ledger, erasing, commitments, Evidence(database, keyring), catalogue)


@pytest.fixture
def sweep(policy: RetainingPolicy, given: Given, project: Callable[..., Awaitable[None]]) -> Sweep:
    """Looks once, as the policy does every few seconds."""

    async def look() -> int:
        await project(COMMITMENTS)
        return await policy.sweep(given.now)

    return look


async def words(ledger: Ledger, *ids: UUID) -> list[str | None]:
    return [(await ledger.commitment(id)).promise for id in ids]


async def kept(given: Given, words: str, **terms: str) -> UUID:
    id = await given.promise("refund", words, due=DUE, **terms)
    await given.that(id, lambda c, m: fulfil(c, m, note=None, at=None))
    return id


async def test_what_was_closed_for_so_long_is_erased_and_nothing_else(
    ledger: Ledger, given: Given, sweep: Sweep
) -> None:
    done, taken_back = await kept(given, "kept"), await given.promise("refund", "withdrawn", due=DUE)
    await given.that(taken_back, lambda c, m: withdraw(c, "why", "agreed", m))
    waits = await given.promise("refund", "open", due=timedelta(days=3000))
    given.later(days=1)
    later = await kept(given, "kept later")
    given.later(days=730)  # 2028 has a 29th of February
    assert await sweep() == 2
    assert await words(ledger, done, taken_back, waits, later) == [None, None, "open", "kept later"]
    assert await sweep() == 0

    given.later(days=1)
    assert await sweep() == 1
    assert await words(ledger, later, waits) == [None, "open"]


async def test_what_was_opened_again_is_kept_from_then_on(ledger: Ledger, given: Given, sweep: Sweep) -> None:
    id = await kept(given, "kept")
    given.later(days=700)
    await given.that(id, lambda c, m: reopen(c, "disputed", None, m))
    given.later(days=400)
    assert await sweep() == 0
    await given.that(id, lambda c, m: fulfil(c, m, note=None, at=None))
    given.later(days=729)
    assert await sweep() == 0
    given.later(days=3)
    assert await sweep() == 1


async def test_a_hold_keeps_them_and_holds_up_nobody_else(ledger: Ledger, given: Given, sweep: Sweep) -> None:
    theirs = [await kept(given, f"held {number}") for number in range(3)]
    other = await kept(given, "not held", customer_id="CU-8")
    until = given.now + timedelta(days=1000)
    await ledger.change_customer("CU-7", lambda one: hold(one, "a lawsuit", until, given.moment("admin:root")))
    given.later(days=800)
    assert await sweep() == 1
    assert await words(ledger, other, *theirs) == [None, "held 0", "held 1", "held 2"]
    given.later(days=200)
    assert await sweep() == 3


async def test_the_addresses_of_an_order_go_with_the_last_words_on_it(
    ledger: Ledger, given: Given, sweep: Sweep
) -> None:
    for order_id in ("SO-1", "SO-2"):
        await given.assignment(order_id, "courier", Assignment("courier:li", address="12 Long Street"))
    await kept(given, "first", order_id="SO-1")
    given.later(days=400)
    await kept(given, "second", order_id="SO-1", customer_id="CU-8")
    given.later(days=400)
    assert await sweep() == 2  # the first promise, and the order on which nothing was ever promised
    orders = await ledger.orders(["SO-1", "SO-2"])
    assert {id: one.assignments["courier"].address for id, one in orders.items()} == {
        "SO-1": "12 Long Street",
        "SO-2": None,
    }
    given.later(days=400)
    assert await sweep() == 2
    assert (await ledger.orders(["SO-1"]))["SO-1"].assignments["courier"].address is None


async def test_many_are_erased_batch_by_batch(ledger: Ledger, given: Given, sweep: Sweep) -> None:
    for number in range(130):
        await kept(given, f"number {number}")
    given.later(days=800)
    assert await sweep() == 130


async def test_a_photo_that_no_promise_names_is_deleted_after_thirty_days(
    database: Database, keyring: Keyring, given: Given, policy: RetainingPolicy
) -> None:
    evidence, named, of_nothing, later = Evidence(database, keyring), uuid4(), uuid4(), uuid4()
    for id in (named, of_nothing):
        await evidence.put(id, b"jpeg", by="courier:li", at=given.now, sent=id.bytes)
    promise = uuid4()
    assert await evidence.claim([named], promise) == {named}
    await evidence.keep([named], promise)
    given.later(days=5)
    await evidence.put(later, b"jpeg", by="courier:li", at=given.now, sent=later.bytes)

    async def left() -> set[UUID]:
        async with await database.connect("retaining") as conn:
            await policy.sweep_up(conn, given.now)
        return {photo.id for photo in await evidence.about([named, of_nothing, later])}

    given.later(days=24, hours=23)
    assert await left() == {named, of_nothing, later}
    given.later(days=1, hours=1)
    assert await left() == {named, later}
    given.later(days=5)
    assert await left() == {named}


async def test_of_photos_taken_before_that_was_noted_none_is_deleted(
    database: Database, keyring: Keyring, given: Given, policy: RetainingPolicy
) -> None:
    evidence, photo = Evidence(database, keyring), uuid4()
    await evidence.put(photo, b"jpeg", by="courier:li", at=given.now, sent=b"")
    given.later(days=400)
    async with await database.connect("retaining") as conn:
        await conn.execute("UPDATE evidence SET waits = false")  # as the migration leaves it
        await policy.sweep_up(conn, given.now)
    assert await evidence.find(photo) == b"jpeg"


def test_a_process_erases_by_itself_what_is_old_enough(serve: Serve, tmp_path: Path) -> None:
    config = tmp_path / "upheld.toml"
    config.write_text('[retention]\nafter_close = "P2Y"\n')
    with serve(config=config, test_clock=1) as serving:
        agent = serving.by("agent:ling")
        assert agent.move_clock(datetime.now(UTC)).status_code == 200
        ids = [agent.promise(due=agent.due(days=900), promise="An XLR cable")["id"] for _ in range(2)]
        agent.command(ids[0], "fulfilment", {})
        agent.later(days=729)
        assert agent.commitment(ids[0])["promise"] == "An XLR cable"
        agent.later(days=3)
        eventually(lambda: "CommitmentErased" in agent.told(ids[0]))
        agent.end_of_the_log()
        assert [agent.commitment(id)["promise"] for id in ids] == [None, "An XLR cable"]
        (told,) = agent.history(type="CommitmentErased")
        assert (told["actor"], told["data"]) == ("system:upheld", {"cause": "retention", "erased": True})


@pytest.mark.parametrize("text", ["2 years", "P", "P0D", "PT", "P2", "-P2Y", "P1Y2Y", ""])
def test_an_age_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^retention\.after_close: "):
        parse_catalogue(f'retention.after_close = "{text}"')

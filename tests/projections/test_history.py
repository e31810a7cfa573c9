from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import TypeAdapter

from domain.commitment import Commitment
from domain.errors import ProjectionRebuilding
from domain.keeping import Contact, contact, fulfil, pass_time
from domain.moment import Moment
from domain.order import Assignment
from domain.promising import Amendment, amend
from domain.receiving import ReceiptGiven, receive
from domain.values import Item, Origin, Value
from projections.history import HISTORY, History, HistoryFilter, HistoryItem
from store.database import Database
from store.keyring import Keyring
from tests.conftest import Given
from tests.projections.explaining import Explaining, fill

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WORDS = "A free HDMI cable comes tomorrow"
EVERYTHING = [
    "CommitmentMade",
    "HandoffAssigned",
    "CommitmentAmended",
    "HandoffHeld",
    "CustomerContacted",
    "ReceiptMissed",
    "ReceiptMissed",
    "CommitmentBroken",
]
Project = Callable[..., Awaitable[None]]


@pytest.fixture
def history(database: Database, keyring: Keyring) -> History:
    return History(database, keyring)


@pytest.fixture
async def cable(given: Given) -> UUID:
    """A cable promised on the phone, amended, acknowledged too late for that, asked for again, and broken."""
    id = await given.promise(
        "free_item",
        WORDS,
        due=timedelta(hours=4),
        order_id="SO-1001",
        items=(Item("HDMI-2M", 1),),
        channel="phone",
        direction="inbound",
        conversation="call-8871",
        value=Value("39.00", "CNY"),
    )
    given.later(minutes=30)
    longer = Amendment(frozenset({"promise"}), promise="A longer cable", reason="the wall is far")
    await given.that(id, lambda commitment, moment: amend(commitment, longer, None, moment))
    given.later(minutes=30)
    await given.that(id, receipt(revision=1), by=Origin("system:wms", on_behalf_of="warehouse:hu"))
    asked = Contact("wechat", note="where is it", minutes=12)
    await given.that(id, lambda commitment, moment: contact(commitment, asked, moment), by="agent:mei")
    given.later(hours=3)
    await given.that(id, pass_time, by="system:upheld")
    return id


def receipt(revision: int) -> Callable[[Commitment, Moment], object]:
    return lambda commitment, moment: receive(commitment, ReceiptGiven(revision, "held", "warehouse"), moment)


async def told(history: History, **wanted: Any) -> list[str]:
    return [item.type for item in await history.page(HistoryFilter(**wanted), limit=50)]


async def the(history: History, type: str) -> HistoryItem:
    (item,) = await history.page(HistoryFilter(type=type), limit=2)
    return item


async def test_the_facts_of_a_promise_are_told_in_the_order_in_which_they_were_recorded(
    history: History, cable: UUID, project: Project
) -> None:
    await project(HISTORY)
    items = await history.page(HistoryFilter(), limit=50)
    assert [item.type for item in items] == EVERYTHING
    assert [item.revision for item in items] == [1, 1, 2, 1, 2, 2, 2, 2]
    assert [item.position for item in items] == sorted(item.position for item in items)
    assert {(item.commitment_id, item.order_id, item.customer_id) for item in items} == {(cable, "SO-1001", "CU-7")}


async def test_a_making_is_told_with_the_words_the_customer_heard(
    history: History, cable: UUID, project: Project
) -> None:
    await project(HISTORY)
    made = await the(history, "CommitmentMade")
    assert (made.actor, made.on_behalf_of) == ("agent:ling", None)
    assert made.recorded_at == made.occurred_at == datetime(2026, 11, 20, 2, 15, tzinfo=UTC)
    assert made.data == {
        "kind": "free_item",
        "promise": WORDS,
        "items": [{"sku": "HDMI-2M", "quantity": 1}],
        "made_by": "agent:ling",
        "channel": "phone",
        "direction": "inbound",
        "conversation": "call-8871",
        "value": {"amount": "39.00", "currency": "CNY"},
        "due": {
            "at": "2026-11-20T06:15:00Z",
            "not_before": None,
            "time_zone": "UTC",
            "calendar": "default",
            "rule": {"at": "2026-11-20T06:15:00Z"},
        },
        "path": ["warehouse", "courier"],
        "receipt_due": {"warehouse": "2026-11-20T03:15:00Z", "courier": "2026-11-20T03:15:00Z"},
        "warnings": ["no_recipient_yet"],
    }


async def test_a_contact_is_told_with_its_own_channel_and_its_minutes(
    history: History, cable: UUID, project: Project
) -> None:
    await project(HISTORY)
    asked = await the(history, "CustomerContacted")
    assert asked.data == {"channel": "wechat", "direction": None, "note": "where is it", "minutes": 12}


async def test_the_key_and_the_hash_of_a_command_are_told_to_nobody(
    history: History, given: Given, project: Project
) -> None:
    origin = Origin("agent:ling", command="commitments", key="secret-key", body_hash="secret-hash")
    await given.promise("callback", due=timedelta(hours=1), by=origin)
    await project(HISTORY)
    assert "secret" not in str(await history.page(HistoryFilter(), limit=50))


async def test_a_fact_about_an_order_belongs_to_no_commitment_and_is_told_flat(
    history: History, given: Given, project: Project
) -> None:
    trip = Assignment("courier:li", departs_at=NOON, stop=7, address="12 Long Street", depot="north")
    await given.assignment("SO-9", "courier", trip)
    await project(HISTORY)
    item = await the(history, "OrderAssigned")
    assert (item.commitment_id, item.order_id, item.customer_id, item.revision) == (None, "SO-9", None, None)
    assert item.data == {
        "role": "courier",
        "recipient": "courier:li",
        "departs_at": "2026-11-20T12:00:00Z",
        "planned_start": None,
        "planned_end": None,
        "stop": 7,
        "address": "12 Long Street",
        "depot": "north",
    }


async def test_an_assignment_is_told_with_when_and_from_where_its_recipient_leaves(
    history: History, given: Given, project: Project
) -> None:
    await given.assignment("SO-9", "courier", Assignment("courier:li", departs_at=NOON, depot="north"))
    await given.promise("redelivery", due=timedelta(days=1), order_id="SO-9")
    await project(HISTORY)
    assert (await the(history, "HandoffAssigned")).data == {
        "role": "courier",
        "recipient": "courier:li",
        "source": "order",
        "departs_at": "2026-11-20T12:00:00Z",
        "planned_start": None,
        "depot": "north",
        "receipt_due_at": "2026-11-20T11:30:00Z",
        "known": False,
    }


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"order_id": "SO-1001"}, EVERYTHING),
        ({"customer_id": "CU-7"}, EVERYTHING),
        ({"channel": "phone"}, EVERYTHING),
        ({"conversation": "call-8871"}, EVERYTHING),
        ({"channel": "wechat"}, []),
        ({"order_id": "SO-1"}, []),
        ({"actor": "agent:mei"}, ["CustomerContacted"]),
        ({"actor": "system:wms"}, ["HandoffHeld"]),
        ({"actor": "warehouse:hu"}, ["HandoffHeld"]),
        ({"recipient": "warehouse:hu"}, ["HandoffHeld"]),
        ({"recipient": "team:warehouse"}, ["HandoffAssigned", "ReceiptMissed"]),
        ({"type": "CommitmentBroken"}, ["CommitmentBroken"]),
        ({"type": "ReceiptMissed", "recipient": "team:warehouse"}, ["ReceiptMissed"]),
        ({"type": "CommitmentKept"}, []),
    ],
)
async def test_facts_are_found_by(
    wanted: dict[str, str], found: list[str], history: History, cable: UUID, project: Project, given: Given
) -> None:
    await given.promise("callback", due=timedelta(hours=1), customer_id="CU-8", by="agent:tao")
    await project(HISTORY)
    assert await told(history, **wanted) == found


async def test_a_recipient_is_found_by_what_the_order_was_assigned(
    history: History, given: Given, project: Project
) -> None:
    await given.assignment("SO-9", "courier", Assignment("courier:li"))
    await given.promise("redelivery", due=timedelta(days=1), order_id="SO-9")
    await project(HISTORY)
    assert await told(history, recipient="courier:li") == ["OrderAssigned", "HandoffAssigned"]


async def test_facts_of_one_commitment_are_found_by_its_id(
    history: History, cable: UUID, given: Given, project: Project
) -> None:
    other = await given.promise("callback", due=timedelta(hours=1))
    await project(HISTORY)
    assert await told(history, commitment_id=other) == ["CommitmentMade", "HandoffAssigned"]


@pytest.mark.parametrize(
    ("hours", "found"),
    [
        ((None, None), EVERYTHING),
        ((0, None), EVERYTHING),
        ((None, 0), []),
        ((0, 0.5), ["CommitmentMade", "HandoffAssigned"]),
        ((0.5, 1), ["CommitmentAmended"]),
        ((0.6, 0.7), []),
        ((4, None), ["ReceiptMissed", "ReceiptMissed", "CommitmentBroken"]),
        ((5, None), []),
    ],
)
async def test_a_span_of_recorded_time_has_its_beginning_in_it_and_its_end_not(
    hours: tuple[float | None, float | None],
    found: list[str],
    history: History,
    cable: UUID,
    project: Project,
    given: Given,
) -> None:
    await project(HISTORY)
    start = given.now - timedelta(hours=4)
    from_, to = (start + timedelta(hours=hour) if hour is not None else None for hour in hours)
    assert await told(history, from_=from_, to=to) == found


async def test_a_page_goes_on_after_the_last_position_of_the_one_before(
    history: History, cable: UUID, project: Project
) -> None:
    await project(HISTORY)
    first = await history.page(HistoryFilter(order_id="SO-1001"), limit=3)
    rest = await history.page(HistoryFilter(order_id="SO-1001", after=first[-1].position), limit=50)
    assert [len(first), len(rest)] == [3, 5]
    assert first + rest == await history.page(HistoryFilter(), limit=50)


async def test_an_export_is_all_that_there_is_however_many_pages_that_takes(
    history: History, cable: UUID, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.history._EXPORTED_AT_ONCE", 3)
    await project(HISTORY)
    exported = [item async for item in await history.export(HistoryFilter(customer_id="CU-7"))]
    assert exported == await history.page(HistoryFilter(), limit=50)


async def test_an_export_ends_with_what_was_there_when_it_began(
    history: History, cable: UUID, given: Given, project: Project
) -> None:
    await project(HISTORY)
    exporting = await history.export(HistoryFilter())
    first = await anext(exporting)
    await given.promise("callback", due=timedelta(hours=1))
    await project(HISTORY)
    assert len([first, *[item async for item in exporting]]) == len(EVERYTHING)


async def test_no_word_of_a_promise_is_in_the_table(
    history: History, cable: UUID, project: Project, database: Database
) -> None:
    await project(HISTORY)
    async with database.pool.connection() as conn:
        rows = await (await conn.execute("SELECT h::text FROM history h")).fetchall()
    kept = " ".join(row for (row,) in rows)
    assert not [word for word in (WORDS, "phone", "call-8871", "where is it", "the wall", "HDMI") if word in kept]


async def erase(database: Database) -> None:
    async with database.pool.connection() as conn:
        await conn.execute("UPDATE streams SET key = NULL")


@pytest.mark.parametrize("erased_before", [False, True], ids=["after it was projected", "before it was projected"])
async def test_what_was_erased_reads_null_and_says_so(
    erased_before: bool, history: History, cable: UUID, given: Given, project: Project, database: Database
) -> None:
    await given.assignment("SO-1001", "courier", Assignment("courier:li", address="12 Long Street"))
    for step in (erase, None) if erased_before else (None, erase):
        await (step(database) if step else project(HISTORY))
    made, asked = await the(history, "CommitmentMade"), await the(history, "CustomerContacted")
    assigned = await the(history, "OrderAssigned")
    personal = ("promise", "items", "channel", "conversation")
    assert {name: made.data[name] for name in (*personal, "erased")} == {**dict.fromkeys(personal), "erased": True}
    assert (made.data["kind"], made.data["value"]) == ("free_item", {"amount": "39.00", "currency": "CNY"})
    assert asked.data == {"channel": None, "direction": None, "note": None, "minutes": 12, "erased": True}
    assert (assigned.data["address"], assigned.data["recipient"], assigned.data["erased"]) == (None, "courier:li", True)


async def test_times_in_the_world_are_told_beside_times_of_recording(
    history: History, cable: UUID, given: Given, project: Project
) -> None:
    earlier = given.now - timedelta(hours=3)
    await given.that(cable, lambda commitment, moment: fulfil(commitment, moment, note="left it there", at=earlier))
    await project(HISTORY)
    kept = await the(history, "CommitmentKept")
    assert (kept.occurred_at, kept.recorded_at) == (earlier, given.now)
    assert kept.data == {"note": "left it there", "evidence": []}


async def test_an_item_can_be_documented_and_written_as_json(history: History, cable: UUID, project: Project) -> None:
    await project(HISTORY)
    item, adapter = await the(history, "HandoffHeld"), TypeAdapter(HistoryItem)
    assert set(adapter.json_schema()["required"]) == set(adapter.dump_python(item))
    assert adapter.dump_python(item, mode="json") == {
        "position": item.position,
        "type": "HandoffHeld",
        "commitment_id": str(cable),
        "order_id": "SO-1001",
        "customer_id": "CU-7",
        "actor": "system:wms",
        "on_behalf_of": "warehouse:hu",
        "recorded_at": "2026-11-20T03:15:00Z",
        "occurred_at": "2026-11-20T03:15:00Z",
        "revision": 1,
        "data": {"role": "warehouse", "recipient": "warehouse:hu", "via": None, "why_not": "older_revision"},
    }


# -- at scale ---------------------------------------------------------------------------------------------------


class Explained(Explaining, History):
    """Keeps its plans."""


MANY_FACTS = """
INSERT INTO history (position, type, actor, on_behalf_of, recorded_at, occurred_at)
SELECT number, 'CustomerContacted', 'system:oms', 'agent:a' || number % 50, made_at, made_at
FROM generate_series(1, 60000) AS number,
     LATERAL (SELECT timestamptz '2026-11-01Z' + number * interval '1 s' AS made_at) AS made
"""


@pytest.mark.parametrize("actor", ["agent:a7", "agent:new"])
async def test_what_somebody_did_is_found_without_reading_what_others_did(
    actor: str, given: Given, database: Database, keyring: Keyring
) -> None:
    await fill(database, HISTORY, MANY_FACTS)
    history = Explained(database, keyring)
    await history.page(HistoryFilter(actor=actor), limit=50)

    assert all("Filter" not in line or "actor <>" in line for plan in history.plans for line in plan.splitlines())
    assert all("Seq Scan on history" not in plan for plan in history.plans)


async def test_an_export_of_what_is_not_built_yet_is_refused_before_it_begins(history: History) -> None:
    with pytest.raises(ProjectionRebuilding):
        await history.export(HistoryFilter())

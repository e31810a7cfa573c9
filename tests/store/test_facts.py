"""Facts as they are stored: what was written long ago reads as it did, and only who holds the key reads all of it."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import msgspec
import pytest
from eventsourcing.application import Repository
from eventsourcing.domain import Snapshot
from eventsourcing.persistence import EventStore, StoredEvent
from eventsourcing.popo import POPOAggregateRecorder
from eventsourcing.utils import get_topic

from domain.commitment import Commitment
from domain.deadlines import Due, DueRule
from domain.durations import Within
from domain.errors import UpheldError
from domain.facts import CommitmentMade, HandoffAssigned, HandoffDeclined, HandoffSeen
from domain.order import Assignment, Order, OrderAssigned
from domain.recording import Recorded, Recording
from domain.values import Item, Origin, Terms, Trip, Value
from store.codec import FactMapper
from store.facts import read_fact, write_fact
from store.keyring import Keyring

KEY = b"1" * 32
STREAM = UUID(int=7)
ORDER = Order.id_of("SO-1001")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LING = Origin("system:oms", "agent:ling", "commitments", "key-1", "c0ffee")
LI = Origin("courier:li")
LATER = timedelta(microseconds=5)

BY_LING = (
    b'{"actor":"system:oms","on_behalf_of":"agent:ling","command":"commitments","key":"key-1","body_hash":"c0ffee",'
    b'"asked_by":null}'
)
BY_LI = b'{"actor":"courier:li","on_behalf_of":null,"command":null,"key":null,"body_hash":null,"asked_by":null}'


def fact(kind: Any, /, *fields: Any, **named: Any) -> Any:
    return kind(*fields, **named)


MADE = fact(
    CommitmentMade,
    originator_id=STREAM,
    originator_version=1,
    timestamp=NOON,
    originator_topic="domain.commitment:Commitment",
    origin=LING,
    occurred_at=NOON,
    order_id="SO-1001",
    customer_id="CU-7",
    kind="free_item",
    promise="电视周二送到",
    items=(Item("HDMI", 1),),
    made_by="agent:ling",
    channel="phone",
    direction="inbound",
    conversation="call-1",
    value=Value("39.00", "CNY"),
    due=Due(
        datetime(2026, 11, 26, tzinfo=UTC),
        NOON,
        "UTC",
        "default",
        DueRule(within=Within(3, "working_days")),
        "0.109-566444c7",
    ),
    terms=Terms("held", timedelta(hours=1), timedelta(minutes=30), timedelta(hours=12), 2, 3),
    path=("warehouse", "courier"),
    defaults={"warehouse": "team:warehouse"},
    receipt_due={"warehouse": NOON + timedelta(hours=1), "courier": NOON + timedelta(hours=4.5)},
    warnings=(),
)
TRIP = Trip(NOON + timedelta(hours=5), None, "east")
ASSIGNED = fact(
    HandoffAssigned,
    STREAM,
    3,
    NOON,
    LING,
    NOON,
    "courier",
    1,
    "courier:li",
    "order",
    TRIP,
    NOON + timedelta(hours=4.5),
    False,
)
SEEN = fact(HandoffSeen, STREAM, 4, NOON + LATER, LI, NOON + LATER, "courier", 1, "courier:li", "tap", None)
AN_HOUR_ON = NOON + timedelta(hours=1)
DECLINED = fact(
    HandoffDeclined,
    STREAM,
    5,
    AN_HOUR_ON,
    LI,
    AN_HOUR_ON,
    "courier",
    1,
    "courier:li",
    None,
    None,
    reason="the van broke down",
)
CARRIED = fact(
    OrderAssigned,
    ORDER,
    1,
    NOON,
    LING,
    NOON,
    "SO-1001",
    "courier",
    Assignment("courier:li", NOON + timedelta(hours=5), stop=3, depot="east"),
    "12 Elm Street",
)

MADE_OPEN = (
    b'{"timestamp":"2026-11-20T12:00:00Z","originator_topic":"domain.commitment:Commitment","origin":%b,'
    b'"occurred_at":"2026-11-20T12:00:00Z","order_id":"SO-1001","customer_id":"CU-7","kind":"free_item",'
    b'"made_by":"agent:ling","direction":"inbound","value":{"amount":"39.00","currency":"CNY"},'
    b'"due":{"at":"2026-11-26T00:00:00Z","not_before":"2026-11-20T12:00:00Z","time_zone":"UTC","calendar":"default",'
    b'"rule":{"at":null,"within":{"amount":3,"unit":"working_days"},"date":null},"calendar_version":"0.109-566444c7"},'
    b'"terms":{"receipt":"held","receipt_within":"PT3600S","receipt_lead":"PT1800S","assign_before":"PT43200S",'
    b'"escalate_on_postponements":2,"escalate_on_contacts":3},"path":["warehouse","courier"],'
    b'"defaults":{"warehouse":"team:warehouse"},'
    b'"receipt_due":{"warehouse":"2026-11-20T13:00:00Z","courier":"2026-11-20T16:30:00Z"},"warnings":[]}' % BY_LING
)
ASSIGNED_OPEN = (
    b'{"timestamp":"2026-11-20T12:00:00Z","origin":%b,"occurred_at":"2026-11-20T12:00:00Z","role":"courier",'
    b'"revision":1,"recipient":"courier:li","source":"order",'
    b'"trip":{"departs_at":"2026-11-20T17:00:00Z","planned_start":null,"depot":"east"},'
    b'"receipt_due_at":"2026-11-20T16:30:00Z","known":false}' % BY_LING
)
SEEN_OPEN = (
    b'{"timestamp":"2026-11-20T12:00:00.000005Z","origin":%b,"occurred_at":"2026-11-20T12:00:00.000005Z",'
    b'"role":"courier","revision":1,"recipient":"courier:li","via":"tap","why_not":null}' % BY_LI
)
DECLINED_OPEN = (
    b'{"timestamp":"2026-11-20T13:00:00Z","origin":%b,"occurred_at":"2026-11-20T13:00:00Z","role":"courier",'
    b'"revision":1,"recipient":"courier:li","via":null,"why_not":null}' % BY_LI
)
CARRIED_OPEN = (
    b'{"timestamp":"2026-11-20T12:00:00Z","origin":%b,"occurred_at":"2026-11-20T12:00:00Z","order_id":"SO-1001",'
    b'"role":"courier","assignment":{"recipient":"courier:li","departs_at":"2026-11-20T17:00:00Z",'
    b'"planned_start":null,"planned_end":null,"stop":3,"address":null,"depot":"east"}}' % BY_LING
)
STORED: list[tuple[Any, bytes, str]] = [
    (
        MADE,
        MADE_OPEN,
        "01e5321c6d5a6b7d523c1b16fddb91feb029677b959ddb5fcecd4ff94db6fa85873f72e65778ec18e150495b2eb24063e0b5"
        "82e4c6c2a819950928b86695d636a53bba1ace78c143d48a22b5fe699a687ed4d1969d05897e2c0380ac9d57e145c0c337c9"
        "8889f23f930a718ecc8ba47873ce8f08f67293e434b65ca18467c4550f7c9c773d80de6180cc9dc7b3",
    ),
    (ASSIGNED, ASSIGNED_OPEN, ""),
    (SEEN, SEEN_OPEN, ""),
    (
        DECLINED,
        DECLINED_OPEN,
        "01bec9d416f96d8f65e5911c5e5437b24774e971ecc93466b2423d2af4c38dd04494e821d6f405de1986f45e2dcd113dda6f"
        "7fd8f997e94c6ca99121",
    ),
    (
        CARRIED,
        CARRIED_OPEN,
        "013fe2d1de11dbbc554b7249ef1e5bc2f11c048de545278313960fcafd646214fd3c1967f901871ae037fe6fca445d9143bc"
        "7477693f3e88",
    ),
]
"""Facts, and how they have been stored since the first of them: the open part, and the encrypted one."""


class ParcelWeighed(Recorded):
    """A fact whose class has changed twice: grams were pounds once, and nobody named the scales."""

    grams: int
    note: str | None
    scales: str = "unknown"

    personal = frozenset({"note"})
    class_version: ClassVar[int] = 3

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        state["grams"] = round(state.pop("pounds") * 453.6)

    @staticmethod
    def upcast_v2_v3(state: dict[str, Any]) -> None:
        state["note"] = state.pop("remark")


FACTS = [one for one, _, _ in STORED]
FACT_NAMES = [type(one).__name__ for one in FACTS]


def as_it_was(state: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that facts were given later."""
    later = {"team", "route", "escalate_after", "escalation_pause", "remind_before_due"}
    return {
        name: as_it_was(value) if isinstance(value, dict) else value
        for name, value in state.items()
        if name not in later
    }


def stored(one: Any) -> StoredEvent:
    state = next(
        opened + (b"\0" + bytes.fromhex(sealed) if sealed else b"") for f, opened, sealed in STORED if f is one
    )
    return StoredEvent(one.originator_id, one.originator_version, type(one).__name__, state)


@pytest.mark.parametrize("one", FACTS, ids=FACT_NAMES)
def test_what_was_stored_long_ago_reads_as_the_same_fact(keyring: Keyring, one: Any) -> None:
    read = FactMapper(keyring, KEY).to_domain_event(stored(one))
    assert read == one
    assert vars(read) == vars(one)


@pytest.mark.parametrize("one", FACTS, ids=FACT_NAMES)
def test_what_is_stored_has_an_open_part_that_any_reader_of_json_understands(keyring: Keyring, one: Any) -> None:
    opened, _, sealed = write_fact(keyring, KEY, one).partition(b"\0")
    opened_then, _, sealed_then = stored(one).state.partition(b"\0")
    assert as_it_was(msgspec.json.decode(opened)) == msgspec.json.decode(opened_then)
    assert len(sealed) == len(sealed_then)


@pytest.mark.parametrize("one", FACTS, ids=FACT_NAMES)
def test_without_the_key_the_personal_fields_read_none_and_the_rest_as_ever(keyring: Keyring, one: Any) -> None:
    assert FactMapper(keyring, None).to_domain_event(stored(one)) == dataclasses.replace(
        one, **dict.fromkeys(one.personal)
    )


def test_words_are_not_in_what_is_stored(keyring: Keyring) -> None:
    state = write_fact(keyring, KEY, MADE)
    assert not any(word in state for word in ("电视".encode(), b"HDMI", b"phone", b"call-1"))


def test_personal_fields_open_only_at_the_place_they_were_stored_for(keyring: Keyring) -> None:
    state = stored(DECLINED).state
    for stream, version in ((UUID(int=8), 5), (STREAM, 6)):
        with pytest.raises(UpheldError, match="altered"):
            read_fact(keyring, KEY, stream, version, "HandoffDeclined", state)


def test_of_a_stream_that_was_erased_nothing_personal_is_stored_any_more(keyring: Keyring) -> None:
    state = write_fact(keyring, None, DECLINED)
    assert b"\0" not in state
    assert DECLINED.reason.encode() not in state
    assert read_fact(keyring, KEY, STREAM, 5, "HandoffDeclined", state).reason is None
    assert read_fact(keyring, None, STREAM, 4, "HandoffSeen", write_fact(keyring, None, SEEN)) == SEEN


@pytest.mark.parametrize(
    ("opened", "personal"),
    [
        (b'"pounds":2', b'{"remark":"heavy"}'),
        (b'"class_version":2,"grams":907', b'{"remark":"heavy"}'),
        (b'"class_version":3,"grams":907', b'{"note":"heavy"}'),
        (b'"class_version":3,"grams":907,"scales":"unknown","colour":"red"', b'{"note":"heavy"}'),
    ],
)
def test_older_forms_of_a_fact_read_as_the_newest(keyring: Keyring, opened: bytes, personal: bytes) -> None:
    when = b'"timestamp":"2026-11-20T12:00:00Z","origin":%b,"occurred_at":"2026-11-20T12:00:00Z",' % BY_LI
    state = b"{%b%b}" % (when, opened)
    sealed = keyring.seal(KEY, personal, b"%b/2" % STREAM.bytes)
    read = read_fact(keyring, KEY, STREAM, 2, get_topic(ParcelWeighed), state + b"\0" + sealed)
    weighed = fact(ParcelWeighed, STREAM, 2, NOON, LI, NOON, 907, "heavy")
    assert read == weighed
    assert read_fact(keyring, KEY, STREAM, 2, get_topic(ParcelWeighed), write_fact(keyring, KEY, weighed)) == weighed


def test_a_stored_fact_that_lacks_a_field_is_refused(keyring: Keyring) -> None:
    state = SEEN_OPEN.replace(b'"revision":1,', b"")
    with pytest.raises(msgspec.ValidationError, match="revision"):
        read_fact(keyring, None, STREAM, 4, "HandoffSeen", state)


def test_the_repository_and_the_snapshots_of_the_library_work_on_our_facts(keyring: Keyring) -> None:
    events = EventStore(FactMapper(keyring, KEY), POPOAggregateRecorder())
    events.put([MADE, dataclasses.replace(ASSIGNED, originator_version=2)])
    commitment: Commitment = Repository(events).get(STREAM)
    assert (commitment.promise, commitment.handoff("courier").recipient) == ("电视周二送到", "courier:li")
    again: Any = Snapshot.take(commitment).mutate(None)
    assert again == commitment


def test_a_fact_is_recorded_whole_or_not_at_all() -> None:
    order = Order.unassigned("SO-1001", NOON)
    assert isinstance(order, Recording)
    with pytest.raises(TypeError, match="consists of"):
        order.trigger_event(OrderAssigned, timestamp=NOON, origin=LI, occurred_at=NOON, role="courier")
    assert (order.version, order.pending_events) == (0, [])

import asyncio
import csv
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from api.importing import Counts, import_file, run_import
from api.runtime import Runtime, open_runtime
from api.settings import Settings
from domain.commitment import Commitment
from domain.errors import ConfigurationError
from domain.flags import flag_spans
from domain.keeping import fulfil, next_instants, reopen
from domain.moment import Moment
from domain.order import Assignment, assign_order
from domain.values import Origin
from store.clock import SetClock
from store.database import Database
from tests.api.serving import MASTER_KEY, environment, run

ROOT = Path(__file__).parents[2]
OLIST = ROOT.parent / "shared" / "data" / "olist-orders.csv"
OLIST_COUNTS = {"kept": 1816, "kept_late": 138, "broken": 32, "withdrawn": 14, "open": 0}
OLIST_MAPPING = """
kind = "delivery"
time_zone = "America/Sao_Paulo"
calendar = "BR"
promise = "Delivered by {due_date}"
[columns]
order_id = "order_id"
customer_id = "customer_id"
made_at = "order_purchase_timestamp"
due_date = "order_estimated_delivery_date"
kept_at = "order_delivered_customer_date"
[withdrawn_when]
order_status = ["canceled", "unavailable"]
"""
MAPPING = """
kind = "redelivery"
time_zone = "America/Sao_Paulo"
promise = "It comes by {until}"
[columns]
id = "no"
order_id = "order"
customer_id = "client"
made_at = "made"
due_date = "until"
kept_at = "kept"
[withdrawn_when]
state = ["canceled"]
"""
HEADER = "no,order,client,made,until,kept,state"
OPEN = "1,SO-1,CU-7,2026-11-19 10:00:00,2026-11-23,,shipped"
KEPT = "2,SO-2,CU-7,2026-11-01 10:00:00,2026-11-10,2026-11-10 23:59:59,delivered"
KEPT_LATE = "3,SO-3,CU-7,2026-11-01 10:00:00,2026-11-10,2026-11-11 00:00:01,delivered"
BROKEN = "4,SO-4,CU-7,2026-11-01 10:00:00,2026-11-10,,shipped"
WITHDRAWN = "5,SO-5,CU-7,2026-11-01 10:00:00,2026-11-10,,canceled"
ALL = (OPEN, KEPT, KEPT_LATE, BROKEN, WITHDRAWN)


class Importing:
    """Writes files, imports them, and looks at what came of it.

    >>> await importing.csv(OPEN, KEPT)  # doctest: +SKIP
    Counts(rows=2, imported=2, updated=0, already_present=0, rejected=0, kept=1, …, open=1)
    """

    def __init__(self, runtime: Runtime, clock: SetClock, folder: Path) -> None:
        self.runtime, self.clock, self.folder = runtime, clock, folder

    async def csv(self, *rows: str, mapping: str | None = MAPPING, header: str = HEADER) -> Counts:
        return await self.file("orders.csv", "\n".join([header, *rows]).encode(), mapping)

    async def ndjson(self, *bodies: dict[str, object]) -> Counts:
        return await self.file("orders.ndjson", "\n".join(json.dumps(body) for body in bodies).encode())

    async def file(self, name: str, content: bytes, mapping: str | None = None) -> Counts:
        file, toml = self.folder / name, self.folder / "mapping.toml"
        file.write_bytes(content)
        toml.write_text(mapping or "", encoding="utf-8")
        return await import_file(self.runtime, file, toml if mapping is not None else None)

    def rejected(self, name: str = "orders.csv") -> list[dict[str, str]]:
        with (self.folder / f"{name}.rejected.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    async def on(self, order_id: str) -> Commitment:
        """The one commitment on an order."""
        (id,) = await self.runtime.ledger.commitments_on(order_id)
        return await self.runtime.ledger.commitment(id)

    async def facts(self) -> list[tuple[str, str]]:
        """Who recorded what, in order."""
        query = "SELECT topic, state FROM stored_events ORDER BY notification_id"
        async with self.runtime.database.pool.connection() as conn:
            rows = await (await conn.execute(query)).fetchall()
        return [(json.loads(state.partition(b"\0")[0])["origin"]["actor"], topic) for topic, state in rows]

    def moment(self, by: str) -> Moment:
        return Moment(self.clock.now(), Origin(by), self.runtime.catalogue)


@pytest.fixture
async def importing(database: Database, clock: SetClock, tmp_path: Path) -> AsyncIterator[Importing]:
    """An office that has imported nothing yet, on Friday, the 20th of November 2026, at a quarter past two (UTC)."""
    settings = Settings(database_url=database.dsn, data_dir=tmp_path / "data", master_key=MASTER_KEY)
    async with open_runtime(settings, clock) as runtime:
        yield Importing(runtime, clock, tmp_path)


# -- what is recorded -------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_orders_of_a_real_shop_are_kept_late_broken_and_withdrawn_as_they_were(importing: Importing) -> None:
    if not OLIST.exists():
        pytest.skip(f"{OLIST} is not part of the repository")
    first = await importing.file("orders.csv", OLIST.read_bytes(), OLIST_MAPPING)
    assert asdict(first) == {"rows": 2000, "imported": 2000, "updated": 0, "already_present": 0, "rejected": 0} | (
        OLIST_COUNTS
    )
    again = await importing.file("orders.csv", OLIST.read_bytes(), OLIST_MAPPING)
    assert asdict(again) == {"rows": 2000, "imported": 0, "updated": 0, "already_present": 2000, "rejected": 0} | (
        OLIST_COUNTS
    )


@pytest.mark.anyio
async def test_every_row_is_told_as_the_story_that_it_was_by_the_import_itself(importing: Importing) -> None:
    counts = await importing.csv(KEPT, KEPT_LATE, BROKEN, WITHDRAWN)
    assert counts == Counts(rows=4, imported=4, kept=1, kept_late=1, broken=1, withdrawn=1)
    assert await importing.facts() == [
        ("system:import", topic)
        for topic in (
            *("CommitmentMade", "CommitmentKept"),
            *("CommitmentMade", "CommitmentBroken", "CommitmentKept"),
            *("CommitmentMade", "CommitmentBroken"),
            *("CommitmentMade", "CommitmentWithdrawn"),
        )
    ]
    late, broken = await importing.on("SO-3"), await importing.on("SO-4")
    assert (late.made_by, late.promise) == ("system:import", "It comes by 2026-11-10")
    assert late.made_at == datetime(2026, 11, 1, 13, tzinfo=UTC)
    assert late.due.at == broken.broken_at == datetime(2026, 11, 11, 3, tzinfo=UTC)
    assert (late.late, late.kept_at) == (True, late.due.at + timedelta(seconds=1))


@pytest.mark.anyio
@pytest.mark.parametrize(("row", "reasons"), [(KEPT, []), (KEPT_LATE, []), (WITHDRAWN, []), (BROKEN, ["overdue"])])
async def test_what_is_over_asks_for_no_receipt_and_leaves_the_clock_nothing_to_say(
    importing: Importing, row: str, reasons: list[str]
) -> None:
    carrier = Assignment("courier:li")
    by = importing.moment("system:oms")
    for order_id in ("SO-2", "SO-3", "SO-4", "SO-5"):
        await importing.runtime.ledger.change_order(order_id, lambda order: assign_order(order, "courier", carrier, by))
    await importing.csv(row)
    commitment = await importing.on(row.split(",")[1])
    assert next_instants(commitment) == []
    assert [span.reason for span in flag_spans(commitment)] == reasons


@pytest.mark.anyio
async def test_what_is_open_starts_its_receipt_window_at_the_import(importing: Importing) -> None:
    await importing.csv(OPEN)
    commitment = await importing.on("SO-1")
    assert commitment.status == "open"
    assert commitment.handoff("courier").based_at == importing.clock.now()


@pytest.mark.anyio
async def test_what_is_open_goes_to_whoever_carries_its_order(importing: Importing) -> None:
    carrier, by = Assignment("courier:li"), importing.moment("system:oms")
    await importing.runtime.ledger.change_order("SO-1", lambda order: assign_order(order, "courier", carrier, by))
    assert (await importing.csv(OPEN)).open == 1
    handoff = (await importing.on("SO-1")).handoff("courier")
    assert (handoff.recipient, handoff.state) == ("courier:li", "assigned")
    assert handoff.receipt_due_at == importing.clock.now() + timedelta(minutes=60)


@pytest.mark.anyio
async def test_an_empty_order_id_is_no_order(importing: Importing) -> None:
    assert (await importing.csv("1,,CU-7,2026-11-19 10:00:00,2026-11-23,,")).open == 1
    assert await importing.runtime.ledger.commitments_on("") == []


@pytest.mark.anyio
async def test_who_made_it_is_the_importer_unless_a_column_says_otherwise(importing: Importing) -> None:
    header = "customer_id,order_id,kind,promise,made_by,made_at,due_at"
    ling = "CU-7,SO-1,callback,We call,agent:ling,2026-11-20 01:00:00,2026-11-21T09:00:00+08:00"
    nobody = "CU-7,SO-2,callback,We call,,2026-11-20 01:00:00,2026-11-21T09:00:00+08:00"
    assert (await importing.csv(ling, nobody, header=header, mapping=None)).open == 2
    assert (await importing.on("SO-1")).made_by == "agent:ling"
    assert (await importing.on("SO-1")).due.at == datetime(2026, 11, 21, 1, tzinfo=UTC)
    assert (await importing.on("SO-2")).made_by == "system:import"


@pytest.mark.anyio
async def test_a_withdrawal_after_the_due_came_too_late(importing: Importing) -> None:
    header = "customer_id,kind,promise,made_at,due_date,withdrawn_at"
    late = "CU-7,redelivery,It comes,2026-11-01,2026-11-10,2026-11-12 09:00"
    assert (await importing.csv(late, header=header, mapping=None)).withdrawn == 1
    told = [topic for _, topic in await importing.facts()]
    assert told == ["CommitmentMade", "CommitmentBroken", "CommitmentWithdrawn"]


# -- running it again -------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_running_it_again_imports_nothing_twice(importing: Importing) -> None:
    outcomes = {"kept": 1, "kept_late": 1, "broken": 1, "withdrawn": 1, "open": 1}
    assert await importing.csv(*ALL) == Counts(rows=5, imported=5, **outcomes)
    told = await importing.facts()
    assert await importing.csv(*ALL) == Counts(rows=5, already_present=5, **outcomes)
    assert await importing.facts() == told


@pytest.mark.anyio
async def test_without_an_id_a_row_is_known_by_kind_order_customer_and_making(importing: Importing) -> None:
    mapping = MAPPING.replace('id = "no"\n', "")
    assert (await importing.csv(OPEN, mapping=mapping)).imported == 1
    same = OPEN.replace("2026-11-23", "2026-11-24")
    assert (await importing.csv(same, mapping=mapping)).already_present == 1
    others = (OPEN.replace("SO-1", "SO-9"), OPEN.replace("CU-7", "CU-9"), OPEN.replace("10:00:00", "10:00:01"))
    assert (await importing.csv(*others, mapping=mapping)).imported == 3


@pytest.mark.anyio
async def test_the_same_row_twice_in_one_file_is_one_commitment(importing: Importing) -> None:
    assert await importing.csv(OPEN, KEPT, OPEN, KEPT) == Counts(rows=4, imported=2, already_present=2, kept=2, open=2)


@pytest.mark.anyio
async def test_two_imports_at_once_import_nothing_twice(importing: Importing) -> None:
    rows = [OPEN.replace("1,SO-1", f"{n},SO-{n % 9}", 1) for n in range(400)]
    await importing.csv()
    (importing.folder / "orders.csv").write_text("\n".join([HEADER, *rows]))
    files = importing.folder / "orders.csv", importing.folder / "mapping.toml"
    counts = await asyncio.gather(*(import_file(importing.runtime, *files) for _ in range(2)))
    assert sum(count.imported for count in counts) == sum(count.already_present for count in counts) == 400


@pytest.mark.anyio
async def test_a_known_row_that_is_newly_kept_or_withdrawn_is_updated(importing: Importing) -> None:
    second = OPEN.replace("1,SO-1", "9,SO-9", 1)
    await importing.csv(OPEN, second)
    importing.clock.set(importing.clock.now() + timedelta(days=1))
    rows = OPEN.replace(",,shipped", ",2026-11-20 20:00:00,delivered"), second.replace("shipped", "canceled")
    assert await importing.csv(*rows) == Counts(rows=2, updated=2, kept=1, withdrawn=1)
    assert (await importing.on("SO-1")).kept_at == datetime(2026, 11, 20, 23, tzinfo=UTC)
    assert (await importing.on("SO-9")).withdrawal_cause == "agreed"
    assert await importing.csv(*rows) == Counts(rows=2, already_present=2, kept=1, withdrawn=1)


@pytest.mark.anyio
async def test_what_was_kept_meanwhile_counts_as_kept(importing: Importing) -> None:
    await importing.csv(OPEN)
    by, known = importing.moment("courier:li"), await importing.on("SO-1")
    await importing.runtime.ledger.change(known.id, lambda c, _: fulfil(c, by, note=None, at=None))
    assert await importing.csv(OPEN) == Counts(rows=1, already_present=1, kept=1)


@pytest.mark.anyio
async def test_what_was_reopened_is_not_closed_by_an_old_file(importing: Importing) -> None:
    await importing.csv(KEPT)
    by, known = importing.moment("supervisor:wang"), await importing.on("SO-2")
    await importing.runtime.ledger.change(known.id, lambda c, _: reopen(c, "disputed", "it never came", by))
    assert await importing.csv(KEPT) == Counts(rows=1, already_present=1, broken=1)
    assert (await importing.on("SO-2")).kept_at is None


@pytest.mark.anyio
async def test_a_row_that_contradicts_what_is_known_is_rejected(importing: Importing) -> None:
    await importing.csv(OPEN, WITHDRAWN)
    stranger = OPEN.replace("CU-7", "CU-9")
    after_all = WITHDRAWN.replace(",,canceled", ",2026-11-09 10:00:00,delivered")
    assert await importing.csv(stranger, after_all) == Counts(rows=2, rejected=2)
    assert [row["reason"] for row in importing.rejected()] == [
        "id: belongs to a commitment of another customer, or another kind",
        "kept_at: the commitment was withdrawn; it has to be reopened first",
    ]


# -- what is rejected -------------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,SO-1,,2026-11-19 10:00:00,2026-11-23,,", "customer_id: Field required"),
        ("1,SO 1,CU-7,2026-11-19 10:00:00,2026-11-23,,", "order_id: is not made of printable characters"),
        ("1,SO-1,CU-7,,2026-11-23,,", "made_at: is empty"),
        ("1,SO-1,CU-7,yesterday,2026-11-23,,", "made_at: is no timestamp, as in 2026-11-20 14:30:00"),
        ("1,SO-1,CU-7,2026-02-30 10:00:00,2026-11-23,,", "made_at: is not a date that there is"),
        ("1,SO-1,CU-7,2026-11-19 25:00:00,2026-11-23,,", "made_at: is not a time that there is"),
        ("1,SO-1,CU-7,2026-11-21 10:00:00,2026-11-23,,", "made_at: lies in the future"),
        ("1,SO-1,CU-7,0001-01-01 00:00:00,2026-11-23,,", "made_at: lies outside the years 1901 to 9979"),
        ("1,SO-1,CU-7,2026-11-19 10:00:00,23.11.2026,,", "due_date: is no date, as in 2026-11-25"),
        ("1,SO-1,CU-7,2026-11-19 10:00:00,2026-11-18,,", "due.date: does not lie after the making"),
        ("1,SO-1,CU-7,2026-11-19 10:00:00,,,", "promise: 'until' is empty"),
        ("1,SO-1,CU-7,2026-11-19 10:00:00,2026-11-23,2026-11-21 10:00:00,", "kept_at: lies in the future"),
        ("1,SO-1,CU-7,2026-11-19 10:00:00,2026-11-23,2026-11-18 10:00:00,", "kept_at: lies before the making"),
        ("1,SO-1,CU-7,2026-11-19 10:00:00,2026-11-23", "has 5 cells instead of 7"),
        (f"{OPEN},more", "has 8 cells instead of 7, behind the last ['more']"),
    ],
)
async def test_a_row_that_cannot_be_is_given_back_with_the_reason(importing: Importing, row: str, reason: str) -> None:
    assert await importing.csv(KEPT, row) == Counts(rows=2, imported=1, rejected=1, kept=1)
    (rejected,) = importing.rejected()
    assert rejected.pop("reason").startswith(reason)
    assert ",".join(rejected.values()).rstrip(",") == ",".join(row.split(",")[:7]).rstrip(",")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("header", "row", "reason"),
    [
        ("kind", "gift", "kind: is no kind of promise; there are answer"),
        ("kind,due_at", "callback,2026-11-30", "due_at: is no timestamp"),
        ("kind", "callback", "due: a promise of the kind 'callback' needs a time"),
        ("kind,due_date,due_at", "callback,2026-11-30,2026-11-30 10:00", "due: names exactly one of at, within"),
        ("kind,made_by", "refund,ling", "made_by: String should match pattern"),
        ("kind,made_by", "refund,pirate:ling", "made_by: there is no role 'pirate'"),
    ],
)
async def test_a_row_keeps_the_rules_of_a_request(importing: Importing, header: str, row: str, reason: str) -> None:
    header, row = f"customer_id,promise,made_at,{header}", f"CU-7,Soon,2026-11-19,{row}"
    assert (await importing.csv(row, header=header, mapping=None)).rejected == 1
    assert importing.rejected()[0]["reason"].startswith(reason)


@pytest.mark.anyio
async def test_rejected_rows_once_mended_are_imported_from_the_file_of_rejected_ones(importing: Importing) -> None:
    await importing.csv(KEPT, OPEN.replace("2026-11-23", "soon"))
    file = importing.folder / "orders.csv.rejected.csv"
    mended = file.read_text().replace("soon", "2026-11-23").encode()
    assert await importing.file(file.name, mended, MAPPING) == Counts(rows=1, imported=1, open=1)
    await importing.csv(KEPT, OPEN)
    assert not file.exists()


@pytest.mark.anyio
async def test_a_row_that_is_not_utf_8_is_given_back_byte_by_byte(importing: Importing) -> None:
    broken = b"CU-7,callback,We call Jos\xe9,2026-11-19,2026-11-23"
    file = (
        b"\xef\xbb\xbfcustomer_id,kind,promise,made_at,due_date\r\n"
        + broken
        + b"\r\n"
        + broken.replace(b"\xe9", "é".encode())
    )
    assert await importing.file("orders.csv", file) == Counts(rows=2, imported=1, rejected=1, open=1)
    assert broken in (importing.folder / "orders.csv.rejected.csv").read_bytes()


# -- times ------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2017-10-15 00:30:00", "2017-10-15T03:30:00Z"),  # the clocks went from 23:59 to 01:00
        ("2018-02-17 23:30:00", "2018-02-18T02:30:00Z"),  # and from 23:59 to 23:00
        ("2017-07-01T10:00:00.123456", "2017-07-01T13:00:00.123456Z"),
        ("2017-07-01 10:00", "2017-07-01T13:00:00Z"),
        ("2017-07-01 10:00:00 UTC", "2017-07-01T10:00:00Z"),
        ("2017-07-01 10:00:00+08", "2017-07-01T02:00:00Z"),
        ("2017-07-01", "2017-07-01T03:00:00Z"),
    ],
)
async def test_a_time_without_offset_is_local(importing: Importing, written: str, instant: str) -> None:
    await importing.csv(OPEN.replace("2026-11-19 10:00:00", written))
    assert (await importing.on("SO-1")).made_at == datetime.fromisoformat(instant)


@pytest.mark.anyio
@pytest.mark.parametrize("written", ["2017-10-14", "2017-10-14 00:00:00", "2017-10-14T22:00:00Z"])
async def test_a_due_date_ends_at_the_midnight_after_it_even_where_there_is_none(
    importing: Importing, written: str
) -> None:
    await importing.csv(f"1,SO-1,CU-7,2017-10-01 10:00:00,{written},2017-10-15 01:00:00,")
    commitment = await importing.on("SO-1")
    assert commitment.due.at == datetime(2017, 10, 15, 3, tzinfo=UTC)
    assert not commitment.late


@pytest.mark.anyio
@pytest.mark.parametrize(("day", "late"), [("2026-11-10", False), ("2026-11-11", True)])
async def test_what_was_kept_on_a_day_was_kept_by_its_end(importing: Importing, day: str, late: bool) -> None:
    await importing.csv(KEPT.replace("2026-11-10 23:59:59", day))
    assert (await importing.on("SO-2")).late is late


# -- NDJSON -----------------------------------------------------------------------------------------------------

BODY: dict[str, object] = {"customer_id": "CU-7", "order_id": "SO-1", "kind": "refund", "promise": "39.00 come back"}
MADE = BODY | {"made_at": "2026-11-19T10:00:00Z"}


@pytest.mark.anyio
async def test_a_line_is_the_body_of_a_request_that_may_be_kept(importing: Importing) -> None:
    kept = MADE | {"order_id": "SO-2", "kept_at": "2026-11-19T11:00:00+08:00", "made_at": "2026-11-19T01:00:00Z"}
    worth = MADE | {
        "order_id": "",
        "value": {"amount": "39.00", "currency": "CNY"},
        "id": "R-1",
        "made_by": "agent:ling",
    }
    lines = (MADE, kept, worth)
    assert await importing.ndjson(*lines) == Counts(rows=3, imported=3, kept=1, open=2)
    assert await importing.ndjson(*lines) == Counts(rows=3, already_present=3, kept=1, open=2)
    assert (await importing.on("SO-1")).handoff("finance").recipient == "team:finance"


@pytest.mark.anyio
async def test_a_line_without_a_time_of_making_is_made_now_and_known_by_its_words(importing: Importing) -> None:
    assert (await importing.ndjson(BODY, BODY, BODY | {"promise": "40.00 come back"})).imported == 2
    importing.clock.set(importing.clock.now() + timedelta(minutes=5))
    assert (await importing.ndjson(BODY)).already_present == 1


@pytest.mark.anyio
async def test_an_id_that_is_a_uuid_is_the_id_of_the_commitment(importing: Importing) -> None:
    id = "0199a000-0000-7000-8000-000000000001"
    await importing.ndjson(MADE | {"id": id})
    assert (await importing.runtime.ledger.commitment(UUID(id))).promise == "39.00 come back"


@pytest.mark.anyio
async def test_a_rejected_line_is_given_back_with_its_number(importing: Importing) -> None:
    good, colour = json.dumps(MADE), json.dumps(MADE | {"colour": "red"})
    file = f"\ufeff{good}\n\n{colour}\n[]\n{{\n".encode()
    assert await importing.file("orders.ndjson", file) == Counts(rows=4, imported=1, rejected=3, open=1)
    assert importing.rejected("orders.ndjson") == [
        {"line": "3", "reason": "colour: is not a field of this request", "row": colour},
        {"line": "4", "reason": "Input should be an object", "row": "[]"},
        {"line": "5", "reason": "is not valid JSON: EOF while parsing an object at line 1 column 1", "row": "{"},
    ]


# -- the mapping ------------------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("kind =", "kynd =", "mapping.toml: kynd: is not a key of a mapping"),
        ('made_at = "made"', 'made = "made"', "mapping.toml: columns.made: is not a key of a mapping"),
        ('kind = "redelivery"', "", "mapping.toml: kind: is missing; give it for all rows"),
        ('kind = "redelivery"', 'kind = "gift"', "orders.csv: kind: is no kind of promise; there are answer"),
        ("America/Sao_Paulo", "America/Sao Paulo", "orders.csv: time_zone: is not the IANA name"),
        ('promise = "It', 'calendar = "XX"\npromise = "It', "orders.csv: calendar: is no configured calendar"),
        ("{until}", "{by}", "orders.csv: promise: the file has no column 'by'"),
        ("{until}", "{until!r}", "orders.csv: promise: between braces stands the name of a column"),
        ("{until}", "{until", "orders.csv: promise: expected '}' before end of string"),
        ('"kept"', '"delivered"', "orders.csv: columns.kept_at: the file has no column 'delivered'"),
        ('state = ["canceled"]', 'status = ["canceled"]', "orders.csv: withdrawn_when: the file has no column"),
        ('["canceled"]', '"canceled"', "mapping.toml: withdrawn_when.state: Input should be a valid list"),
        ("[columns]", "[columns", "mapping.toml: is not TOML: "),
    ],
)
async def test_a_mapping_that_cannot_be_is_refused_in_one_line_that_names_the_key(
    importing: Importing, old: str, new: str, fault: str
) -> None:
    assert old in MAPPING
    with pytest.raises(ConfigurationError) as refused:
        await importing.csv(OPEN, mapping=MAPPING.replace(old, new))
    assert str(refused.value).startswith(f"{importing.folder}/{fault}")
    assert "\n" not in str(refused.value)
    assert await importing.facts() == []


@pytest.mark.anyio
async def test_the_words_of_a_row_go_before_those_for_all(importing: Importing) -> None:
    mapping = """
        kind = "callback"
        promise = "{{we}} call {customer_id} by {due_date}"
        delimiter = ";"
        columns = { customer_id = "client", order_id = "order", promise = "words", due_date = "by" }
    """
    rows = "CU-7;SO-1; as typed ;2026-11-23", "CU-7;SO-2; ;2026-11-23 09:00:00"
    assert (await importing.csv(*rows, header="client;order;words;by", mapping=mapping)).open == 2
    assert (await importing.on("SO-1")).promise == " as typed "
    assert (await importing.on("SO-2")).promise == "{we} call CU-7 by 2026-11-23"


# -- the command ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mapping", "fault"),
    [
        ("nothing.csv", None, "nothing.csv: cannot be read: No such file or directory"),
        ("folder.csv", None, "folder.csv: cannot be read: Is a directory"),
        ("orders.xlsx", None, "orders.xlsx: is neither a .csv nor an .ndjson file"),
        ("orders.csv", "nothing.toml", "nothing.toml: cannot be read: No such file or directory"),
        ("orders.csv", None, "orders.csv: there is no column 'customer_id'"),
        ("orders.ndjson", "orders.csv", "orders.csv: a mapping is for .csv"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line_before_anything_begins(
    tmp_path: Path, name: str, mapping: str | None, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "orders.csv").write_text(f"{HEADER}\n{OPEN}\n")
    (tmp_path / "orders.ndjson").touch()
    assert run_import(tmp_path / name, tmp_path / mapping if mapping else None) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"upheld import: {tmp_path}/{fault}")
    assert said.err.count("\n") == 1


def test_the_last_line_is_what_came_of_it(fresh_database: Callable[[], str], tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("\n".join([HEADER, KEPT, "2,SO-2,,,,,"]))
    (tmp_path / "mapping.toml").write_text(MAPPING)
    files = (str(tmp_path / "orders.csv"), "--mapping", str(tmp_path / "mapping.toml"))
    said = run("import", *files, folder=tmp_path, database_url=fresh_database(), master_key=MASTER_KEY)
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines()[-1] == (
        '{"rows": 2, "imported": 1, "updated": 0, "already_present": 0, "rejected": 1, '
        '"kept": 1, "kept_late": 0, "broken": 0, "withdrawn": 0, "open": 0}'
    )


def test_an_import_that_was_killed_is_run_again(fresh_database: Callable[[], str], tmp_path: Path) -> None:
    file, mapping, url = tmp_path / "orders.csv", tmp_path / "mapping.toml", fresh_database()
    rows = [KEPT_LATE.replace("3,SO-3", f"{n},SO-{n}", 1) for n in range(6000)]
    file.write_text("\n".join([HEADER, *rows]))
    mapping.write_text(MAPPING)
    arguments = ("import", str(file), "--mapping", str(mapping))
    settings = {"database_url": url, "master_key": MASTER_KEY}
    with psycopg.connect(url, autocommit=True) as conn:
        first = subprocess.Popen(
            [sys.executable, "-m", "api.cli", *arguments],
            cwd=ROOT,
            env=environment({"data_dir": str(tmp_path)} | settings),
            stdout=subprocess.PIPE,
        )
        while not _events(conn):
            assert first.poll() is None
            time.sleep(0.005)
        first.kill()
        assert first.communicate()[0] == b""
        recorded = _events(conn)
        assert 0 < recorded < 18_000
        assert recorded % 3 == 0  # made, broken and kept: no commitment is recorded by halves
        again = json.loads(run(*arguments, folder=tmp_path, **settings).stdout)
        assert _events(conn) == 18_000
    assert again["already_present"] == recorded // 3
    assert again["imported"] == 6000 - recorded // 3
    assert again["kept_late"] == again["rows"] == 6000


def _events(conn: psycopg.Connection[Any]) -> int:
    row = conn.execute("SELECT count(*) FROM stored_events").fetchone()
    return int(row[0]) if row else 0

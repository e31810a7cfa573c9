"""What must be true of a log and its projections, whatever was done to those who wrote them."""

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from api.operating import rebuild
from api.settings import Settings
from api.status import read_status
from projections.views import opened
from store.facts import read_fact
from store.keyring import Keyring
from tests.api.serving import MASTER_KEY
from tests.chaos.load import Load

__all__ = ["Stored", "assert_the_log_agrees_with", "assert_the_projections_agree_with_the_log", "read_log"]

_KEYRING = Keyring(bytes(range(32)))  # of the master key that all processes of the tests share
_CONSEQUENCES = ("HandoffAssigned", "CommitmentEscalated")
"""What is recorded by itself, along with a command or behind it."""
_TOO_OFTEN = 3  # so many contacts, and a supervisor hears of it


@dataclass(frozen=True, slots=True)
class Stored:
    """A fact as the log has it, without its personal fields."""

    position: int
    stream: UUID
    version: int
    type: str
    recorded_at: datetime
    fact: Any

    @property
    def mark(self) -> str:
        """By what the load knows it again: the recipient of an order, else the key of the command that led to it."""
        return str(self.fact.assignment.recipient if self.type == "OrderAssigned" else self.fact.origin.key)


def read_log(url: str) -> list[Stored]:
    """All that is in the log, in order."""
    query = (
        "SELECT notification_id, originator_id, originator_version, topic, recorded_at, state"
        " FROM stored_events ORDER BY notification_id"
    )
    with psycopg.connect(url) as conn:
        return [
            Stored(position, stream, version, topic, at, read_fact(_KEYRING, None, stream, version, topic, state))
            for position, stream, version, topic, at, state in conn.execute(query)
        ]


def assert_the_log_agrees_with(load: Load, url: str) -> None:
    """What was accepted is recorded once, what was not answered at most once, and there is nothing else."""
    log = read_log(url)
    _assert_it_is_in_order(log)
    _assert_each_command_is_there_once(load, [stored for stored in log if stored.type not in _CONSEQUENCES])
    _assert_each_promise_went_to_its_keepers(load, [stored for stored in log if stored.type == "HandoffAssigned"])
    contacts = Counter(stored.stream for stored in log if stored.type == "CustomerContacted")
    escalated = [stored.stream for stored in log if stored.type == "CommitmentEscalated"]
    assert sorted(escalated) == sorted(stream for stream, times in contacts.items() if times >= _TOO_OFTEN)


def _assert_each_command_is_there_once(load: Load, log: list[Stored]) -> None:
    positions = {(stored.type, stored.mark): stored.position for stored in log}
    recorded = Counter((stored.type, stored.mark) for stored in log)
    accepted = Counter((command.fact, command.mark) for command in load.accepted)
    possible = Counter((command.fact, command.mark) for command in load.unanswered)
    assert not accepted - recorded, f"accepted, and lost: {accepted - recorded}"
    assert not recorded - accepted - possible, f"recorded twice, or by nobody: {recorded - accepted - possible}"
    for command in load.accepted:
        assert positions[command.fact, command.mark] <= command.position, command


def _assert_each_promise_went_to_its_keepers(load: Load, log: list[Stored]) -> None:
    given = Counter((str(stored.stream), stored.fact.recipient) for stored in log)
    assert all(times == 1 for times in given.values()), f"assigned twice: {given.most_common(3)}"
    assert not load.handoffs - given.keys(), f"assigned, and lost: {load.handoffs - given.keys()}"
    possible = {command.recipient for command in load.unanswered}
    wrong = {pair for pair in given.keys() - load.handoffs if pair[1] not in possible}
    assert not wrong, f"assigned by nobody: {wrong}"


def _assert_it_is_in_order(log: list[Stored]) -> None:
    """The time never falls as the position rises, and no stream has a gap."""
    for earlier, later in itertools.pairwise(log):
        assert earlier.recorded_at <= later.recorded_at, (earlier, later)
    heads: Counter[UUID] = Counter()
    for stored in log:
        heads[stored.stream] += 1
        assert stored.version == heads[stored.stream], stored


def assert_the_projections_agree_with_the_log(url: str, *, within: float = 30.0) -> None:
    """All that follows the log reaches its end and leaves nothing out, and says what it says when built anew."""
    settings, deadline = Settings(database_url=url, master_key=MASTER_KEY), time.monotonic() + within
    while behind := [row for row in asyncio.run(read_status(settings)) if row.lag_events or row.parked]:
        assert time.monotonic() < deadline, f"not caught up within {within} s: {behind}"
        time.sleep(0.05)
    found = _projected(url)
    asyncio.run(rebuild(settings, []))
    expected = _projected(url)
    assert found.keys() == expected.keys()
    for table, rows in expected.items():
        missing, wrong = list((rows - found[table]).elements()), list((found[table] - rows).elements())
        assert not missing, f"{table} lacks {len(missing)} rows, {missing[0]}, and has {wrong[:1]}"
        assert not wrong, f"{table} has {len(wrong)} rows that it must not have: {wrong[0]}"


def _projected(url: str) -> dict[str, Counter[tuple[object, ...]]]:
    """The rows of all tables of all projections, as often as they are in them."""
    with psycopg.connect(url, row_factory=dict_row) as conn:
        filled = conn.execute("SELECT DISTINCT unnest(tables) AS name FROM checkpoints").fetchall()
        assert filled
        return {row["name"]: Counter(_rows(conn, row["name"])) for row in filled}


def _rows(conn: psycopg.Connection[dict[str, Any]], table: str) -> list[tuple[object, ...]]:
    """The rows of a table; what is encrypted differs each time that it is written, and is compared opened."""
    if table != "commitments":
        return [_comparable(row) for row in conn.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))]
    rows = conn.execute("SELECT c.*, s.key FROM commitments c JOIN streams s USING (id)").fetchall()
    for row in rows:
        document, personal, wrapped = (row.pop(name) for name in ("document", "personal", "key"))
        row["shown"] = msgspec.json.encode(opened(document, personal, wrapped, _KEYRING, row["id"]))
    return [_comparable(row) for row in rows]


def _comparable(row: dict[str, Any]) -> tuple[object, ...]:
    """An array of keepers is a set: what asks for them asks whether it contains them."""
    return tuple(tuple(sorted(value)) if isinstance(value, list) else value for value in row.values())

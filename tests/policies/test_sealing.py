"""Sealing: in time, once, and given away so that it arrives."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from domain.catalogue import parse_catalogue
from domain.errors import ConfigurationError
from domain.sealing import Sealing
from policies.sealing import SealingPolicy
from store.database import Database
from store.keyring import Keyring
from store.ledger import Ledger
from store.seals import Seal, seals
from tests.conftest import Given
from tests.messages.receivers import Inbox, eventually

pytestmark = pytest.mark.anyio

EVERY = 0.3


@contextlib.asynccontextmanager
async def running(database: Database, policy: SealingPolicy) -> AsyncIterator[None]:
    async with await database.connect("sealing") as conn:
        task = asyncio.create_task(policy.run(conn))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def sealed(database: Database, count: int) -> list[Seal]:
    """The seals, once there are so many."""
    async with asyncio.timeout(10):
        while True:
            if len(found := await seals(database, after=0, limit=100)) >= count:
                return found
            await asyncio.sleep(0.05)


async def until(holds: Callable[[], bool]) -> None:
    await asyncio.to_thread(eventually, holds)


async def test_what_was_recorded_is_sealed_after_a_while_and_many_events_at_once(
    database: Database, keyring: Keyring, ledger: Ledger, given: Given
) -> None:
    for _ in range(7):
        await given.promise("refund", due=timedelta(days=3))
    async with await database.connect("sealing") as conn:
        policy = SealingPolicy(ledger.now, keyring, Sealing(), every=60, most=5)
        while await policy.advance(conn):
            pass
        assert [seal.size for seal in await seals(database, after=0, limit=100)] == [5, 5]
    async with running(database, SealingPolicy(ledger.now, keyring, Sealing(), every=EVERY, most=5)):
        found = await sealed(database, 3)
    assert [seal.size for seal in found] == [5, 5, 4]
    assert found[-1].sealed_at == given.now


async def test_each_seal_is_added_to_a_file_also_those_from_before_and_once_there_is_room(
    database: Database, keyring: Keyring, ledger: Ledger, given: Given, tmp_path: Path
) -> None:
    await given.promise("refund", due=timedelta(days=3))
    async with running(database, SealingPolicy(ledger.now, keyring, Sealing(), every=EVERY)):
        await sealed(database, 1)
    folder = tmp_path / "notary"
    policy = SealingPolicy(ledger.now, keyring, Sealing(publish=str(folder / "seals.ndjson")), every=EVERY)
    async with running(database, policy):
        await given.promise("refund", due=timedelta(days=3))
        found = await sealed(database, 2)
        await asyncio.sleep(EVERY)
        folder.mkdir()
        file = folder / "seals.ndjson"
        await until(lambda: file.exists() and len(file.read_text().splitlines()) >= 2)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["signature"] for line in lines] == [seal.signature.hex() for seal in found]


async def test_a_file_that_ends_with_another_logs_seal_is_given_no_more(
    database: Database, keyring: Keyring, ledger: Ledger, given: Given, tmp_path: Path
) -> None:
    """As where somebody deleted all seals, changed what he liked, and waited until it was sealed anew."""
    file = tmp_path / "seals.ndjson"
    policy = SealingPolicy(ledger.now, keyring, Sealing(publish=str(file)), every=EVERY)
    async with running(database, policy):
        for number in (1, 2):
            await given.promise("refund", due=timedelta(days=3))
            await sealed(database, number)
        await until(lambda: file.exists() and len(file.read_text().splitlines()) == 2)
    was = file.read_bytes() + b"\n"  # with an empty line behind, as an editor may leave it
    file.write_bytes(was)
    async with await database.connect("test") as conn:
        await conn.execute("DELETE FROM seals")
        policy = SealingPolicy(ledger.now, keyring, Sealing(publish=str(file)), every=EVERY)
        with capture_logs() as logged:
            async with running(database, policy):
                await sealed(database, 1)
                await until(lambda: bool(logged))
    assert file.read_bytes() == was
    assert "do not go on from that one" in logged[0]["error"]


async def test_a_line_that_a_crash_cut_off_is_ended_and_what_was_not_noted_is_not_written_twice(
    database: Database, keyring: Keyring, ledger: Ledger, given: Given, tmp_path: Path
) -> None:
    file = tmp_path / "seals.ndjson"
    async with running(database, SealingPolicy(ledger.now, keyring, Sealing(), every=EVERY)):
        for number in (1, 2, 3):
            await given.promise("refund", due=timedelta(days=3))
            found = await sealed(database, number)
    lines = [msgspec.json.encode(seal.shown()) + b"\n" for seal in found]
    for written in (b"", lines[0], lines[0] + lines[1][:70], lines[0][:1], b"".join(lines)):
        file.write_bytes(written)
        async with await database.connect("test") as conn:
            await conn.execute("UPDATE seals SET published = false")
        policy = SealingPolicy(ledger.now, keyring, Sealing(publish=str(file)), every=EVERY)
        async with running(database, policy):
            await given.promise("refund", due=timedelta(days=3))
            await sealed(database, len(lines) + 1)
            await until(lambda: file.read_bytes().count(b"\n") == len(lines) + 1)
        lines.append(file.read_bytes().splitlines(keepends=True)[-1])
        assert file.read_bytes() == b"".join(lines)


async def test_each_seal_is_sent_to_an_address_in_order_until_it_is_taken(
    database: Database, keyring: Keyring, ledger: Ledger, given: Given
) -> None:
    with Inbox() as inbox:
        inbox.answer = lambda number: 503 if number < 3 else 200
        address = inbox.channel("seals").replace("json:", "http:")
        policy = SealingPolicy(ledger.now, keyring, Sealing(publish=address, allow_private=True), every=EVERY)
        async with running(database, policy):
            for number in (1, 2):
                await given.promise("refund", due=timedelta(days=3))
                await sealed(database, number)
            await until(lambda: len(inbox.got) >= 2)
    assert [body["number"] for body in inbox.got] == [1, 2]
    assert inbox.requests == 4


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ('publish = "seals.ndjson"', "seals.publish: is neither an address nor the absolute path of a file"),
        ('publish = "https://"', "seals.publish: is an address without a host"),
        ("publish = 3", "seals.publish: expected"),
        ("publsh = true", "seals.publsh: is not a key of the seals"),
    ],
)
def test_a_wrong_key_is_named(table: str, fault: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{fault}"):
        parse_catalogue(f"[seals]\n{table}")

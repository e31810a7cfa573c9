"""Other systems are told of every event that they ask for, at least once, whatever becomes of them meanwhile."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any, LiteralString
from uuid import UUID

import msgspec
import pytest
from structlog.testing import capture_logs

from domain.actors import IMPORTER
from domain.errors import Invalid, NotFound
from domain.integrations import Webhook
from domain.keeping import Contact, contact
from policies.delivering import ENOUGH
from policies.endpoints import EndpointStanding, begin, enable, endpoints, replay
from policies.outbound import Outbound
from policies.patience import Patience
from policies.webhooks import WebhookPolicy
from projections.history import HISTORY, History, HistoryFilter
from projections.log import Log
from store.clock import SystemClock
from store.database import Database
from store.keyring import Keyring
from tests.conftest import Given
from tests.policies.receiving import SECRETS, Received, Receiver

pytestmark = pytest.mark.anyio

A_DAY = timedelta(days=1)
HASTE = Patience(
    answer=30,
    first_pause=timedelta(milliseconds=20),
    longest_pause=timedelta(milliseconds=100),
    shortest_rest=timedelta(milliseconds=20),
    longest_rest=timedelta(milliseconds=100),
)
Promises = Callable[..., Awaitable[list[UUID]]]
Sending = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def history(database: Database, keyring: Keyring) -> History:
    return History(database, keyring)


@pytest.fixture
async def promises(given: Given, project: Callable[..., Awaitable[None]]) -> Promises:
    """Makes so many promises, each an event, and shows them in the history: `await promises(3)`."""
    await project(HISTORY)

    async def record(number: int, **terms: Any) -> list[UUID]:
        ids = [await given.promise("delivery", due=A_DAY, **terms) for _ in range(number)]
        await project(HISTORY)
        return ids

    return record


@pytest.fixture
def sending(database: Database, keyring: Keyring, history: History) -> Sending:
    """Sends to webhooks meanwhile: `async with sending(webhook):`."""

    @contextlib.asynccontextmanager
    async def run(*webhooks: Webhook, patience: Patience = HASTE) -> AsyncIterator[None]:
        log = Log(database, keyring)
        async with contextlib.AsyncExitStack() as stack:
            works = [log.follow()]
            for webhook in webhooks:
                conn = await stack.enter_async_context(await database.connect("webhook"))
                await begin(conn, [webhook])
                works.append(WebhookPolicy(webhook, history, SystemClock(), patience).run(log, conn))
            tasks = [asyncio.create_task(work) for work in works]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended

    return run


def to(receiver: Receiver, **more: Any) -> Webhook:
    return Webhook(**{"url": receiver.url, "secret": SECRETS[0], "allow_private": True, **more})


async def until(holds: Callable[[], object], within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def standing(database: Database, webhook: Webhook) -> EndpointStanding:
    return (await endpoints(database, [webhook], SystemClock().now()))[0]


async def until_it_stands(
    database: Database, webhook: Webhook, holds: Callable[[EndpointStanding], object]
) -> EndpointStanding:
    deadline = time.monotonic() + 10
    while not holds(row := await standing(database, webhook)):
        assert time.monotonic() < deadline, row
        await asyncio.sleep(0.01)
    return row


async def execute(database: Database, query: LiteralString, *params: object) -> None:
    async with database.pool.connection() as conn:
        await conn.execute(query, params)


# -- what is sent -----------------------------------------------------------------------------------------------


async def test_a_message_is_signed_and_says_what_the_history_shows(
    receiver: Receiver, promises: Promises, sending: Sending, history: History, database: Database
) -> None:
    async with sending(to(receiver)):
        await promises(2, order_id="SO-1", channel="phone")
        await until(lambda: len(receiver.received) == 2)
        await until_it_stands(database, to(receiver), lambda row: row.lag_events == 0)
    shown = [msgspec.to_builtins(item) for item in await history.page(HistoryFilter(), 10)]

    assert sorted([message.body for message in receiver.received], key=lambda body: int(body["data"]["position"])) == [
        {"type": "CommitmentMade", "timestamp": item["recorded_at"], "data": item} for item in shown
    ]
    assert shown[0]["data"]["promise"] == "By noon"
    assert receiver.received[0].headers["content-type"] == "application/json"
    assert len(set(receiver.times)) == 2


async def test_while_a_secret_is_replaced_every_message_is_signed_with_both(
    promises: Promises, sending: Sending
) -> None:
    with Receiver(secrets=SECRETS) as receiver:  # which verifies with one and with the other
        async with sending(to(receiver, secret=SECRETS)):
            await promises(1)
            await until(lambda: receiver.received)
    assert len(receiver.received[0].headers["webhook-signature"].split(" ")) == 2


async def test_only_the_events_that_were_asked_for_are_sent(
    receiver: Receiver, promises: Promises, sending: Sending, given: Given, database: Database
) -> None:
    webhook = to(receiver, events=("CustomerContacted",))
    async with sending(webhook):
        first, *_ = await promises(2)
        await given.that(first, lambda commitment, moment: contact(commitment, Contact("phone"), moment))
        await promises(1)
        await until_it_stands(database, webhook, lambda row: row.lag_events == 0)

    assert [message.body["type"] for message in receiver.received] == ["CustomerContacted"]


async def test_a_new_webhook_begins_at_the_end_of_the_log(
    receiver: Receiver, promises: Promises, sending: Sending
) -> None:
    await promises(3)
    async with sending(to(receiver)):
        await promises(1)
        await until(lambda: receiver.received)

    assert receiver.positions == [4]


async def test_what_was_past_when_it_was_imported_is_not_sent(
    receiver: Receiver, promises: Promises, sending: Sending, database: Database
) -> None:
    async with sending(to(receiver)):
        await promises(2, by=IMPORTER)
        await promises(1)
        await until_it_stands(database, to(receiver), lambda row: row.lag_events == 0)

    assert receiver.positions == [3]


# -- what is not received ---------------------------------------------------------------------------------------


async def test_one_that_is_not_received_is_sent_again_while_others_go_on(
    receiver: Receiver, promises: Promises, sending: Sending, database: Database
) -> None:
    receiver.answer = lambda message: 500 if message.position == 2 else 200
    async with sending(to(receiver)):
        await promises(4)
        row = await until_it_stands(database, to(receiver), lambda row: row.retries == 1 and row.position == 4)
        assert (row.state, row.last_error) == ("ok", "answered with 500")
        receiver.answer = 200
        await until(lambda: len(receiver.received) == 4)
        await until_it_stands(database, to(receiver), lambda row: row.retries == 0)

    assert receiver.positions == [1, 2, 3, 4]
    assert set(receiver.times.values()) == {1}
    assert len({message.id for message in receiver.asked if message.position == 2}) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 429, 500, 503])
async def test_only_an_answer_of_success_is_receipt(
    status: int, receiver: Receiver, promises: Promises, sending: Sending
) -> None:
    with Receiver() as elsewhere:
        receiver.answer, receiver.location = status, elsewhere.url
        async with sending(to(receiver)):
            await promises(1)
            await until(lambda: len(receiver.asked) == 2)
            receiver.answer = 202
            await until(lambda: receiver.received)
        assert elsewhere.connections == 0


async def test_who_does_not_answer_in_time_is_sent_it_again(
    receiver: Receiver, promises: Promises, sending: Sending, database: Database
) -> None:
    webhook = to(receiver)
    receiver.answer = hanging(1.2)
    async with sending(webhook, patience=replace(HASTE, answer=0.4)):
        await promises(1)
        row = await until_it_stands(database, webhook, lambda row: row.last_error)
        receiver.answer = 200
        await until_it_stands(database, webhook, lambda row: row.lag_events == row.retries == 0)
    assert row.last_error == "no answer within 0.4 s"


def hanging(seconds: float) -> Callable[[Received], int]:
    def answer(_: Received) -> int:
        time.sleep(seconds)
        return 200

    return answer


async def test_private_addresses_are_refused_unless_allowed(
    receiver: Receiver, promises: Promises, sending: Sending, database: Database
) -> None:
    async with sending(to(receiver, allow_private=False)):
        await promises(1)
        row = await until_it_stands(database, to(receiver), lambda row: row.last_error)
    assert row.last_error == "the host has no public address, and nothing is sent to private ones"
    assert receiver.connections == 0


async def test_a_receiver_that_was_away_gets_everything_and_each_once(
    promises: Promises, sending: Sending, database: Database
) -> None:
    with Receiver() as gone:
        port, webhook = gone.port, to(gone)
    async with sending(webhook):
        for _ in range(4):
            await promises(10)
        row = await until_it_stands(database, webhook, lambda row: row.state == "failing")
        assert row.position < 40
        # The log is the queue: only the few before it was known to be away are noted by themselves.
        assert row.retries + row.position <= 2 * ENOUGH
        with Receiver(port) as receiver:
            await until(lambda: len(receiver.received) == 40)
            row = await until_it_stands(database, webhook, lambda row: row.lag_events == row.retries == 0)
            assert (row.state, row.last_error, row.given_up) == ("ok", None, 0)
            assert receiver.positions == list(range(1, 41))
            assert set(receiver.times.values()) == {1}


async def test_a_restart_meanwhile_loses_nothing(promises: Promises, sending: Sending, database: Database) -> None:
    with Receiver() as gone:
        port, webhook = gone.port, to(gone)
    async with sending(webhook):
        await promises(ENOUGH + 3)
        await until_it_stands(database, webhook, lambda row: row.state == "failing")
    with Receiver(port) as receiver:
        async with sending(webhook):
            await until(lambda: len(receiver.times) == ENOUGH + 3)


async def test_what_follows_a_restored_backup_is_told_at_once_though_it_stands_far_ahead(
    receiver: Receiver, promises: Promises, history: History, database: Database, restored: Callable[[], Awaitable[int]]
) -> None:
    webhook = to(receiver)
    async with await database.connect("webhook") as conn, Outbound(allow_private=True) as out:
        await begin(conn, [webhook])
        begins = await restored()
        await promises(1)
        assert await WebhookPolicy(webhook, history, SystemClock()).advance(conn, out)

    assert receiver.positions == [begins]


async def test_many_that_are_never_received_do_not_stop_the_rest(
    receiver: Receiver, promises: Promises, sending: Sending, database: Database
) -> None:
    receiver.answer = lambda message: 200 if message.position > 3 * ENOUGH else 400
    async with sending(to(receiver)):
        await promises(3 * ENOUGH)
        await until_it_stands(database, to(receiver), lambda row: row.state == "failing")
        await promises(2)
        await until(lambda: len(receiver.received) == 2)
        row = await until_it_stands(database, to(receiver), lambda row: row.state == "ok" and row.lag_events == 0)

    assert receiver.positions == [3 * ENOUGH + 1, 3 * ENOUGH + 2]
    assert row.retries == 3 * ENOUGH


async def test_one_that_does_not_answer_does_not_slow_another(
    receiver: Receiver, promises: Promises, sending: Sending
) -> None:
    with Receiver() as dead:
        dead.answer = hanging(30)
        async with sending(to(dead), to(receiver), patience=Patience()):
            for expected in (20, 40, 60):
                await promises(20)
                await until(lambda: len(receiver.received) == expected)  # noqa: B023 -- waited for here
        assert dead.received == [] or len(dead.received) < 60


# -- what is given up, gone, or sent again ----------------------------------------------------------------------


async def test_what_is_not_received_for_too_long_is_given_up_and_kept_for_a_replay(
    receiver: Receiver, promises: Promises, sending: Sending, database: Database
) -> None:
    webhook = to(receiver)
    receiver.answer = lambda message: 500 if message.position == 1 else 200
    impatient = Patience(first_pause=timedelta(milliseconds=20), for_an_event=timedelta(milliseconds=30))
    with capture_logs() as logged:
        async with sending(webhook, patience=impatient):
            await promises(2)
            row = await until_it_stands(database, webhook, lambda row: row.given_up)
            assert (row.position, row.retries, row.last_error) == (2, 0, "answered with 500")
            assert [line["event"] for line in logged] == ["gives up"]
            receiver.answer = 200
            await replay(database, webhook.url, 1)
            await until_it_stands(database, webhook, lambda row: row.lag_events == row.given_up == 0)

    assert sorted(receiver.times.values()) == [1, 2]  # the second one again, with the same id


async def test_a_receiver_that_is_gone_is_sent_nothing_until_it_is_enabled(
    receiver: Receiver, promises: Promises, sending: Sending, database: Database
) -> None:
    webhook = to(receiver)
    receiver.answer = lambda message: 200 if message.position == 1 else 410
    with capture_logs() as logged:
        async with sending(webhook):
            await promises(1)
            await until(lambda: receiver.received)
            await promises(1)
            row = await until_it_stands(database, webhook, lambda row: row.state == "disabled")
            asked = len(receiver.asked)
            receiver.answer = 200
            await promises(2)
        async with sending(webhook):  # another process
            await asyncio.sleep(0.2)
            assert len(receiver.asked) == asked
            assert (await standing(database, webhook)).since == row.since
            assert await enable(database, webhook.url) == 1
            await until(lambda: len(receiver.received) == 4)

    assert (row.position, row.last_error, row.since is None) == (1, "answered with 410", False)
    assert receiver.positions == [1, 2, 3, 4]
    warned = [line for line in logged if line["log_level"] == "warning"]
    assert [line["webhook"] for line in warned] == [webhook.name]
    assert SECRETS[0] not in str(logged)


async def test_a_replay_sends_all_again_with_the_same_ids(
    receiver: Receiver, promises: Promises, sending: Sending, database: Database
) -> None:
    webhook = to(receiver)
    async with sending(webhook):
        await promises(4)
        await until_it_stands(database, webhook, lambda row: row.position == 4)
        await replay(database, webhook.url, 3)
        await until(lambda: len(receiver.received) == 6)
        with pytest.raises(Invalid):
            await replay(database, webhook.url, 6)

    assert receiver.positions == [1, 2, 3, 3, 4, 4]
    assert sorted(receiver.times.values()) == [1, 1, 2, 2]


async def test_one_that_never_began_cannot_be_sent_again(database: Database) -> None:
    for sent_again in (replay(database, "https://oms.example/", 1), enable(database, "https://oms.example/")):
        with pytest.raises(NotFound):
            await sent_again


async def test_one_that_is_not_configured_any_more_is_left_alone(
    receiver: Receiver, promises: Promises, sending: Sending, database: Database
) -> None:
    async with sending(to(receiver)):
        await promises(1)
        await until_it_stands(database, to(receiver), lambda row: row.position == 1)
    with Receiver() as other:
        async with sending(to(other)):
            await promises(2)
            await until(lambda: len(other.received) == 2)
    assert (await standing(database, to(receiver))).lag_events == 2
    async with sending(to(receiver)):
        await until(lambda: len(receiver.received) == 3)
    assert set(receiver.times.values()) == {1}


# -- what cannot be told ----------------------------------------------------------------------------------------


async def test_what_is_erased_before_it_is_received_is_sent_without_its_words(
    receiver: Receiver, promises: Promises, sending: Sending, database: Database
) -> None:
    receiver.answer = 500
    async with sending(to(receiver)):
        await promises(1)
        await until(lambda: receiver.asked)
        await execute(database, "UPDATE streams SET key = NULL")
        asked = len(receiver.asked)
        await until(lambda: len(receiver.asked) > asked + 1)  # what was read before has been refused
        receiver.answer = 200
        await until(lambda: receiver.received)

    told = receiver.received[0].body["data"]["data"]
    assert (told["promise"], told["erased"]) == (None, True)
    assert receiver.asked[0].body["data"]["data"]["promise"] == "By noon"


async def test_what_the_history_leaves_out_is_sent_when_it_is_there(
    receiver: Receiver, promises: Promises, sending: Sending, database: Database
) -> None:
    webhook = to(receiver)
    async with sending(webhook):
        await promises(1)
        await until_it_stands(database, webhook, lambda row: row.position == 1)
    await promises(2)
    await execute(database, "CREATE TABLE left_out AS SELECT * FROM history WHERE position = 2")
    await execute(database, "DELETE FROM history WHERE position = 2")
    async with sending(webhook):
        row = await until_it_stands(database, webhook, lambda row: row.retries == 1)
        assert (row.state, row.position, row.last_error) == ("ok", 3, "the history leaves it out: see upheld parked")
        await execute(database, "INSERT INTO history SELECT * FROM left_out")
        await until_it_stands(database, webhook, lambda row: row.retries == 0)

    assert receiver.positions == [1, 2, 3]


async def test_what_cannot_be_read_holds_up_no_other(
    receiver: Receiver, promises: Promises, sending: Sending, database: Database
) -> None:
    await promises(1)
    async with sending(to(receiver)):
        await execute(database, "UPDATE streams SET key = '\\x00'")
    await promises(2)
    await replay(database, receiver.url, 1)
    with capture_logs():
        async with sending(to(receiver)):
            await until_it_stands(database, to(receiver), lambda row: row.retries == 1 and row.position == 3)

    assert receiver.positions == [2, 3]

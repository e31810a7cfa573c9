"""Messages to browsers: what a push service gets, what the browser reads, and what becomes of those that are gone."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import psycopg
import pytest

from domain.push import Push
from policies.pushing import Outcome, Pusher, public_key
from store.clock import SetClock
from store.database import Database
from store.keyring import Keyring
from store.push import Subscriptions, signing_key
from tests.policies.push_service import Browser, PushService

pytestmark = pytest.mark.anyio

Pushing = Callable[..., AbstractAsyncContextManager[Pusher]]

LI = "courier:li"
TWO_HOURS = timedelta(hours=2)


@pytest.fixture
def service() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.fixture
def subscriptions(database: Database, keyring: Keyring) -> Subscriptions:
    return Subscriptions(database, keyring)


@pytest.fixture
def pushing(database: Database, keyring: Keyring, clock: SetClock) -> Pushing:
    """Somebody whose messages may stay on this machine: `pushing(within=30)` waits so many seconds for an answer."""
    return partial(Pusher.open, database, keyring, clock, Push(subject="mailto:ops@example.com", allow_private=True))


@pytest.fixture
async def pusher(pushing: Pushing) -> AsyncIterator[Pusher]:
    async with pushing(within=30) as pusher:
        yield pusher


async def test_a_message_is_signed_encrypted_and_kept_for_a_while(
    service: PushService,
    subscriptions: Subscriptions,
    pusher: Pusher,
    database: Database,
    keyring: Keyring,
    clock: SetClock,
) -> None:
    browser = Browser()
    await subscriptions.put(LI, browser.subscription(f"{service.url}/s/1"))
    assert await pusher.push(LI, "第 4 站".encode(), TWO_HOURS, topic="tasks") == [Outcome("accepted")]
    (pushed,) = service.pushed
    claims = pushed.claims()

    assert browser.open(pushed).decode() == "第 4 站"
    assert "第".encode() not in pushed.body
    assert {name: pushed.headers[name] for name in ("ttl", "urgency", "topic", "content-encoding")} == {
        "ttl": "7200",
        "urgency": "high",
        "topic": "tasks",
        "content-encoding": "aes128gcm",
    }
    assert (claims["aud"], claims["sub"]) == (service.url, "mailto:ops@example.com")
    assert timedelta(0) < datetime.fromtimestamp(claims["exp"], clock.now().tzinfo) - clock.now() <= timedelta(hours=24)
    assert claims["k"] == public_key(await signing_key(database, keyring))


async def test_every_browser_of_a_person_gets_it_and_nobody_elses(
    service: PushService, subscriptions: Subscriptions, pusher: Pusher
) -> None:
    mine, other = [Browser(), Browser()], Browser()
    for number, browser in enumerate(mine):
        await subscriptions.put(LI, browser.subscription(f"{service.url}/mine/{number}"))
    await subscriptions.put("courier:bo", other.subscription(f"{service.url}/other"))

    assert await pusher.push(LI, b"x" * 3072, TWO_HOURS) == [Outcome("accepted")] * 2
    assert sorted(pushed.path for pushed in service.pushed) == ["/mine/0", "/mine/1"]
    for pushed in service.pushed:
        assert mine[int(pushed.path[-1])].open(pushed) == b"x" * 3072
        assert len(pushed.body) <= 4096
        assert "topic" not in pushed.headers


async def test_who_has_no_browser_is_told_nothing(pusher: Pusher) -> None:
    assert await pusher.push(LI, b"x", TWO_HOURS) == []


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_forgotten(
    service: PushService, subscriptions: Subscriptions, pusher: Pusher, status: int
) -> None:
    for path in ("/gone", "/here"):
        await subscriptions.put(LI, Browser().subscription(service.url + path))
    service.answers["/gone"] = status

    gone = Outcome("gone", f"the push service answered {status}")
    assert await pusher.push(LI, b"x", TWO_HOURS) == [gone, Outcome("accepted")]
    assert await pusher.push(LI, b"x", TWO_HOURS) == [Outcome("accepted")]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (429, "the push service answered 429"),
        (500, "the push service answered 500"),
        (302, "the push service answered 302"),
        (403, "the push service answered 403"),
    ],
)
async def test_what_fails_is_told_with_its_reason_and_the_browser_stays(
    service: PushService, subscriptions: Subscriptions, pusher: Pusher, status: int, reason: str
) -> None:
    await subscriptions.put(LI, Browser().subscription(f"{service.url}/s"))
    service.answers["/s"] = status
    assert await pusher.push(LI, b"x", TWO_HOURS) == [Outcome("failed", reason)]
    service.answers.clear()
    assert await pusher.push(LI, b"x", TWO_HOURS) == [Outcome("accepted")]


async def test_who_does_not_answer_in_time_has_failed_and_stays(
    service: PushService, subscriptions: Subscriptions, pusher: Pusher, pushing: Pushing
) -> None:
    await subscriptions.put(LI, Browser().subscription(f"{service.url}/s"))
    service.answers["/s"] = None
    async with pushing(within=0.2) as impatient:
        assert await impatient.push(LI, b"x", TWO_HOURS) == [Outcome("failed", "no answer within 0.2 s")]
    service.answers.clear()
    assert await pusher.push(LI, b"x", TWO_HOURS) == [Outcome("accepted")]


async def test_where_nobody_answers_that_is_the_reason(subscriptions: Subscriptions, pusher: Pusher) -> None:
    with socket.socket() as nobody:  # who has the port, and does not listen
        nobody.bind(("127.0.0.1", 0))
        await subscriptions.put(LI, Browser().subscription(f"http://127.0.0.1:{nobody.getsockname()[1]}"))
        (outcome,) = await pusher.push(LI, b"x", TWO_HOURS)
    assert outcome.result == "failed"
    assert outcome.reason is not None
    assert outcome.reason.startswith("no answer")


async def test_nothing_is_sent_into_a_private_network_unless_that_was_allowed(
    service: PushService, subscriptions: Subscriptions, database: Database, keyring: Keyring, clock: SetClock
) -> None:
    await subscriptions.put(LI, Browser().subscription(f"{service.url}/s"))
    async with Pusher.open(database, keyring, clock, Push()) as refusing:
        (outcome,) = await refusing.push(LI, b"x", TWO_HOURS)

    assert outcome.result == "failed"
    assert service.pushed == []
    async with Pusher.open(database, keyring, clock, Push(allow_private=True)) as allowing:
        assert await allowing.push(LI, b"x", TWO_HOURS) == [Outcome("accepted")]
    assert "sub" not in service.pushed[0].claims()


async def test_a_subscription_that_has_expired_is_not_used(
    service: PushService, subscriptions: Subscriptions, pusher: Pusher, clock: SetClock
) -> None:
    lasting = replace(Browser().subscription(service.url), expires_at=clock.now() + timedelta(hours=1))
    await subscriptions.put(LI, lasting)
    assert await pusher.push(LI, b"x", TWO_HOURS) == [Outcome("accepted")]
    clock.set(clock.now() + timedelta(hours=1))

    assert await pusher.push(LI, b"x", TWO_HOURS) == [Outcome("gone", "the subscription has expired")]
    assert await subscriptions.of(LI) == []


async def test_of_more_than_ten_browsers_the_oldest_go(subscriptions: Subscriptions) -> None:
    for number in range(12):
        await subscriptions.put(LI, Browser().subscription(f"https://push.example/{number}"))
        await subscriptions.put(LI, Browser().subscription("https://push.example/0"))  # again, and so the newest

    kept = [kept.subscription.endpoint.rpartition("/")[2] for kept in await subscriptions.of(LI)]
    assert kept == [str(number) for number in range(3, 12)] + ["0"]


async def test_a_browser_is_one_persons_whoever_subscribes_with_it_last(subscriptions: Subscriptions) -> None:
    subscription = Browser().subscription("https://push.example/s")
    for actor in (LI, "courier:bo"):
        await subscriptions.put(actor, subscription)

    assert await subscriptions.of(LI) == []
    assert [kept.subscription for kept in await subscriptions.of("courier:bo")] == [subscription]
    assert await subscriptions.delete(LI, subscription.endpoint) is False


async def test_one_that_subscribes_again_while_it_is_dropped_stays(subscriptions: Subscriptions) -> None:
    subscription = Browser().subscription("https://push.example/s")
    await subscriptions.put(LI, subscription)
    (before,) = await subscriptions.of(LI)
    await subscriptions.put(LI, subscription)
    await subscriptions.drop(LI, before)

    assert len(await subscriptions.of(LI)) == 1


async def test_the_key_is_made_once_and_kept_encrypted(database: Database, keyring: Keyring) -> None:
    first, second = [await signing_key(database, keyring) for _ in range(2)]
    scalar = first.private_numbers().private_value.to_bytes(32)
    ((stored,),) = await database.fetch("SELECT key FROM push_key")

    assert public_key(first) == public_key(second)
    assert len(public_key(first)) == 87
    assert scalar not in stored


async def test_where_a_browser_listens_is_not_in_clear_in_the_database(
    subscriptions: Subscriptions, database: Database
) -> None:
    await subscriptions.put(LI, Browser().subscription("https://push.example/unmistakable"))
    with psycopg.connect(database.dsn) as conn:
        stored = repr(conn.execute("SELECT * FROM push_subscriptions").fetchall())

    assert "unmistakable" not in stored


async def test_what_no_push_service_would_take_is_not_tried(pusher: Pusher) -> None:
    for payload in (b"", b"x" * 3073):
        with pytest.raises(ValueError, match="bytes"):
            await pusher.push(LI, payload, TWO_HOURS)
    for topic in ("", "a" * 33, "stop 4"):
        with pytest.raises(ValueError, match="topic"):
            await pusher.push(LI, b"x", TWO_HOURS, topic)

"""How long a session lasts, what of it lies in the database, and who hears of its end (OWASP ASVS 5.0, V7)."""

import asyncio
from datetime import timedelta

import pytest

from store.clock import SetClock
from store.database import Database
from store.keyring import Keyring
from store.sessions import Endings, Kind, Limits, Sessions, Told

pytestmark = pytest.mark.anyio

LIMITS = Limits(idle=timedelta(hours=1), absolute=timedelta(hours=12))


@pytest.fixture
def sessions(database: Database, keyring: Keyring) -> Sessions:
    return Sessions(database, keyring)


async def test_asvs_7_3_1_what_is_not_used_for_its_idle_time_is_over(sessions: Sessions, clock: SetClock) -> None:
    token, _ = await sessions.open("agent:ling", Kind.STAFF, LIMITS, Told("Chrome"), now=clock.now())
    for _ in range(5):
        clock.set(clock.now() + timedelta(minutes=59))
        session = await sessions.find(token, now=clock.now())
        assert session is not None
        await sessions.touch(token, session, LIMITS, now=clock.now())
    clock.set(clock.now() + timedelta(minutes=60))
    assert await sessions.find(token, now=clock.now()) is None


async def test_asvs_7_3_2_what_is_used_all_the_time_is_over_after_its_longest_time(
    sessions: Sessions, clock: SetClock
) -> None:
    token, listed = await sessions.open("agent:ling", Kind.STAFF, LIMITS, Told("Chrome"), now=clock.now())
    while clock.now() < listed.session.ends_at:
        session = await sessions.find(token, now=clock.now())
        assert session is not None
        await sessions.touch(token, session, LIMITS, now=clock.now())
        clock.set(clock.now() + timedelta(minutes=30))
    assert await sessions.find(token, now=clock.now()) is None


async def test_that_it_is_used_is_written_once_a_minute(sessions: Sessions, clock: SetClock) -> None:
    token, listed = await sessions.open("agent:ling", Kind.STAFF, LIMITS, Told("Chrome"), now=clock.now())
    began = clock.now()
    for seconds, seen in ((59, 0), (1, 60)):
        clock.set(clock.now() + timedelta(seconds=seconds))
        session = await sessions.find(token, now=clock.now())
        assert session is not None
        await sessions.touch(token, session, LIMITS, now=clock.now())
        session = await sessions.find(token, now=clock.now())
        assert session is not None
        assert session.seen_at == began + timedelta(seconds=seen)
    assert listed.session.seen_at == began


async def test_what_is_over_is_swept_away_when_somebody_signs_in(
    sessions: Sessions, database: Database, clock: SetClock
) -> None:
    await sessions.open("agent:ling", Kind.STAFF, LIMITS, Told("Chrome"), now=clock.now())
    clock.set(clock.now() + timedelta(hours=1))
    await sessions.open("agent:mo", Kind.STAFF, LIMITS, Told("Chrome"), now=clock.now())
    assert await database.fetch("SELECT actor FROM sessions") == [("agent:mo",)]


async def test_no_token_and_no_word_of_a_session_lies_in_the_database(
    sessions: Sessions, database: Database, clock: SetClock
) -> None:
    told = Told("Chrome on Lings own phone", "header.claims.signature")
    token, _ = await sessions.open("agent:ling", Kind.STAFF, LIMITS, told, now=clock.now())
    [(row,)] = await database.fetch("SELECT row_to_json(s)::text FROM sessions s")
    assert not any(words in row for words in (token, told.label.encode().hex(), told.id_token.encode().hex()))  # type: ignore[union-attr]
    assert await sessions.leave(token) == told


async def test_a_stream_hears_that_its_session_was_revoked_elsewhere_or_has_lapsed(
    sessions: Sessions, database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.sessions._LOOK_SECONDS", 60)
    endings = Endings(database, clock)
    following = asyncio.create_task(endings.follow())
    _, revoked = await sessions.open("agent:ling", Kind.STAFF, LIMITS, Told("Chrome"), now=clock.now())
    _, lapsed = await sessions.open("agent:mo", Kind.STAFF, LIMITS, Told("Chrome"), now=clock.now())
    with (
        endings.of(revoked.session.id) as first,
        endings.of(revoked.session.id) as second,
        endings.of(lapsed.session.id) as third,
    ):
        await asyncio.sleep(0.1)
        assert await sessions.revoke("agent:ling", revoked.session.id)
        await asyncio.wait_for(asyncio.gather(first.wait(), second.wait()), 30)
        assert not third.is_set()
        clock.set(clock.now() + timedelta(hours=1))
        await endings.look()
        assert third.is_set()
    following.cancel()

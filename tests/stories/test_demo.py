"""The demo: the stories as they lie in the log of whoever opens it, at any hour of any day."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpx
import psycopg
import pytest

from api.app import create_app
from api.demo import load_demo
from api.runtime import open_runtime
from api.settings import Settings
from api.stories import STORIES
from store.clock import SetClock
from store.embedded import PROGRAMS
from tests.stories.conftest import Api

pytestmark = pytest.mark.anyio

NOWS = {
    "a Monday morning": "2026-11-23T01:00:00Z",
    "a Saturday at noon": "2026-11-28T04:00:00Z",
    "midnight in Shanghai": "2026-11-25T16:00:00Z",
    "a holiday in China": "2026-10-04T09:00:00Z",
    "the hour that London lost": "2027-03-28T01:30:00Z",
    "the hour that London had twice": "2026-10-25T01:30:00Z",
    "New Year's night": "2027-01-01T00:00:00Z",
}


def at(text: str) -> SetClock:
    return SetClock(datetime.fromisoformat(text))


@asynccontextmanager
async def reading(settings: Settings, clock: SetClock) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who only reads: nothing runs beside him, so that all he sees was there before."""
    async with open_runtime(settings, clock) as runtime:
        app = create_app(runtime=runtime)
        app.state.runtime = runtime
        transport, headers = httpx.ASGITransport(app=app), {"X-Actor": "supervisor:wang"}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
            yield client


def log_of(settings: Settings) -> list[tuple[int, datetime]]:
    """The positions of the log, and when each of them was recorded."""
    with psycopg.connect(settings.database_url or "") as conn:
        return conn.execute("SELECT notification_id, recorded_at FROM stored_events ORDER BY 1").fetchall()


@pytest.mark.parametrize("now", NOWS.values(), ids=NOWS)
async def test_whoever_opens_it_sees_promises_in_danger_and_nothing_of_the_future(settings: Settings, now: str) -> None:
    clock = at(now)

    assert await load_demo(settings, clock) is None

    async with reading(settings, clock) as client:
        flags = (await client.get("/v1/flags")).json()["items"]
        page = (await client.get("/")).text
    reasons = {flag["reason"] for flag in flags}
    assert reasons >= {"overdue", "not_received", "stale_revision", "declined", "disputed"}
    assert any(datetime.fromisoformat(flag["rescue_by"]) > clock.now() for flag in flags)
    assert all(datetime.fromisoformat(flag["since"]) <= clock.now() for flag in flags)
    assert all(flag["promise"] in page for flag in flags)
    recorded = [row[1] for row in log_of(settings)]
    assert recorded == sorted(recorded)
    assert timedelta() <= clock.now() - recorded[-1] < timedelta(days=1)
    assert clock.now() - recorded[0] < timedelta(days=60)


async def test_what_the_clock_had_to_say_is_recorded_at_its_own_time(settings: Settings) -> None:
    clock = at("2026-11-25T03:00:00Z")

    await load_demo(settings, clock)

    async with reading(settings, clock) as client:
        said = [
            item
            for type in ("CommitmentBroken", "ReceiptMissed")
            for item in (await client.get("/v1/history", params={"type": type, "limit": 100})).json()["items"]
        ]
    assert len(said) > 10
    assert all(item["recorded_at"] == item["occurred_at"] for item in said)


async def test_loading_twice_changes_nothing(settings: Settings) -> None:
    await load_demo(settings, at("2026-11-25T03:00:00Z"))
    once = log_of(settings)

    assert await load_demo(settings, at("2026-11-27T03:00:00Z")) is None
    assert log_of(settings) == once


async def test_a_log_that_holds_other_events_is_left_alone_and_that_is_said_in_one_line(settings: Settings) -> None:
    async with open_runtime(settings) as runtime:
        app = create_app(runtime=runtime)
        app.state.runtime = runtime
        transport, body = httpx.ASGITransport(app=app), {"recipient": "courier:li", "role": "courier"}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await client.put("/v1/orders/MINE/assignment", json=body, headers={"X-Actor": "system:oms"})
    before = log_of(settings)

    said = await load_demo(settings)

    assert said == "the stories are loaded into an empty log only; this one holds other events"
    assert log_of(settings) == before


async def test_a_log_that_another_process_serves_is_left_to_it(api: Api, settings: Settings) -> None:
    api.set_clock(datetime.now(UTC) + timedelta(hours=1))

    assert await load_demo(settings) == (
        "the stories are loaded before anything else runs on a log; another process serves this one"
    )
    assert log_of(settings) == []


async def test_with_a_test_clock_the_stories_end_at_its_present(settings: Settings) -> None:
    later = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)
    with psycopg.connect(settings.database_url or "", autocommit=True) as conn:
        conn.execute("INSERT INTO test_clock (now) VALUES (%s)", (later,))

    await load_demo(settings)

    assert timedelta() <= later - log_of(settings)[-1][1] < timedelta(days=1)


async def test_it_is_loaded_for_a_house_where_people_sign_in(settings: Settings) -> None:
    required = settings.model_copy(update={"auth": "required", "test_clock": False})

    assert await load_demo(required) is None
    assert len(log_of(settings)) > 50


async def test_a_step_that_the_configuration_refuses_ends_its_story_only(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "upheld.toml").write_text('kinds.refund.path = ["technician"]\nkinds.refund.recipients = {}\n')
    configured = settings.model_copy(update={"config": tmp_path / "upheld.toml"})

    said = await load_demo(configured, at("2026-11-25T03:00:00Z"))

    assert said is not None
    assert "\n" not in said
    assert said.startswith("the story 'Three working days' ends at POST /v1/commitments/{refund}/receipts, ")
    assert len(log_of(settings)) > 50


async def test_no_word_of_a_promise_an_address_or_a_note_lies_in_the_database(settings: Settings) -> None:
    await load_demo(settings, at("2026-11-25T03:00:00Z"))

    dump = (await anyio.run_process([str(PROGRAMS / "pg_dump"), "--dbname", settings.database_url or ""])).stdout

    words = _personal_words()
    assert len(words) > 40
    assert all(word in dump for word in (b"COPY public.stored_events", b"TV-3301", b"courier:li"))
    for word in words:
        raw = word.encode()
        assert raw not in dump
        assert raw.hex().encode() not in dump
        assert base64.b64encode(raw).rstrip(b"=") not in dump


def _personal_words() -> set[str]:
    """What the stories say about people: each promise, address, note, reason, conversation and thing."""
    found: set[str] = set()
    for step in (step for story in STORIES for step in story.steps):
        said = [step.body.get(name) for name in ("promise", "address", "note", "conversation")]
        if not step.path.endswith("/reopening"):
            said.append(step.body.get("reason"))
        items = step.body.get("items", [])
        assert isinstance(items, list)
        found.update(str(word) for word in [*said, *(item["sku"] for item in items)] if word is not None)
    return found

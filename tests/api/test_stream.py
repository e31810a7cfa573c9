"""GET `/v1/flags/stream`: the flags as they come and go (contract, sections 5 and 12)."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.sse import KEEPALIVE_COMMENT

from api.streaming import as_they_come
from projections.flag_stream import FlagChange
from projections.flags import FlagFilter
from projections.watching import Look
from tests.api.serving import Api, Serving, refused
from tests.api.streams import Open, opening


@pytest.fixture
def stream(serving: Serving, agent: Api) -> Iterator[Open]:
    """Opens streams on what an agent has promised."""
    with opening(serving.url, agent.actor) as open_stream:
        yield lambda last=None, **filters: open_stream(last, **{"made_by": agent.actor, **filters})


def test_a_flag_appears_by_the_clock_and_goes_by_a_fact(agent: Api, stream: Open) -> None:
    looking = stream()
    id = agent.promise()["id"]
    agent.later(hours=12)
    raised = looking.of(id)
    page = agent.get("/v1/flags", made_by=agent.actor)["items"]
    agent.by("supervisor:wang").put(f"/v1/commitments/{id}/assignment", {"role": "courier", "recipient": "courier:li"})
    cleared = looking.of(id)

    assert (raised.name, raised.data["reason"]) == ("flagged", "unassigned")
    assert page == [raised.data]
    assert (cleared.name, cleared.data) == ("cleared", raised.data)
    (assigned,) = agent.history(commitment_id=id, type="HandoffAssigned")
    # What the clock recorded just before may be what made the watch look: the flag was gone by then.
    assert raised.id <= cleared.id <= assigned["position"]


def test_a_flag_that_changes_its_reason_is_told_again(agent: Api, order: str, stream: Open) -> None:
    agent.assign(order, "courier:li")
    id = agent.promise(order_id=order)["id"]
    looking = stream()
    agent.later(minutes=60)
    assert looking.of(id).data["reason"] == "not_received"
    agent.later(days=1)
    overdue = looking.of(id)

    assert (overdue.name, overdue.data["reason"]) == ("flagged", "overdue")


@pytest.mark.parametrize("filters", [{"recipient": "courier:li"}, {"depot": "north"}, {"reason": "declined"}])
def test_a_flag_that_no_longer_matches_is_cleared(
    agent: Api, order: str, stream: Open, filters: dict[str, str]
) -> None:
    agent.assign(order, "courier:li", depot="north")
    id = agent.promise(order_id=order)["id"]
    looking, elsewhere = stream(**filters), stream(recipient="courier:nobody")
    agent.by("courier:li").command(id, "receipts", {"revision": 1, "state": "declined", "reason": "none in the van"})
    assert looking.of(id).name == "flagged"
    agent.assign(order, "courier:bo")

    assert looking.of(id).name == "cleared"
    assert elsewhere.stays_silent()


def test_who_comes_back_is_told_what_he_missed(agent: Api, stream: Open) -> None:
    first = stream()
    id = agent.promise()["id"]
    agent.command(id, "fulfilment", {})
    agent.command(id, "reopening", {"reason": "disputed"})
    seen = first.of(id)
    other = agent.promise()["id"]
    agent.command(other, "fulfilment", {})
    agent.command(other, "reopening", {"reason": "disputed"})
    assert first.of(other).name == "flagged"
    again = stream(seen.id)
    told = [again.next(), again.next()]

    assert [(event.name, event.commitment) for event in told] == [("flagged", id), ("flagged", other)]
    assert again.stays_silent()
    # Else who loses it before the first event would go on behind what he missed.
    assert again.started == seen.id


def test_who_comes_back_from_a_log_that_was_longer_begins_anew(stream: Open) -> None:
    assert stream(999_999_999).next().name == "reset"


def test_who_was_away_too_long_must_read_the_page(serve: Callable[..., Serving]) -> None:
    with serve() as serving, opening(serving.url, "supervisor:wang") as open_stream:
        serving.by("agent:ling").promise()
        serving.by("agent:ling").end_of_the_log()
        told = open_stream(0).next()

    assert (told.name, told.id > 0) == ("reset", True)


def test_a_stream_begins_with_where_it_stands(agent: Api, stream: Open) -> None:
    end = agent.end_of_the_log()
    looking = stream()
    assert abs(looking.started - end) <= 50
    assert stream(looking.started).stays_silent(0.3)


@pytest.mark.parametrize(
    ("headers", "params", "pointer"),
    [
        ({"Last-Event-ID": "yesterday"}, {}, "/header/last-event-id"),
        ({}, {"reason": "boredom"}, "/query/reason"),
        ({}, {"limit": 5}, "/query/limit"),
        ({}, {"as_of": "2026-11-20T12:00:00Z"}, "/query/as_of"),
        ({}, {"colour": "red"}, "/query/colour"),
    ],
)
def test_what_cannot_be_streamed_is_refused(
    agent: Api, headers: dict[str, str], params: dict[str, Any], pointer: str
) -> None:
    refused(agent.request("GET", "/v1/flags/stream", headers=headers, **params), 422, pointer=pointer)


def test_open_streams_do_not_hold_up_the_end_and_end_with_it(
    serve: Callable[..., Serving], fresh_database: Callable[[], str], tmp_path: Path
) -> None:
    with serve(database_url=fresh_database()) as serving, opening(serving.url, "supervisor:wang") as open_stream:
        streams = [open_stream() for _ in range(20)]
        began = time.monotonic()
        serving.stop()
        assert time.monotonic() - began < 4
        assert all(one.stays_silent(0.1) for one in streams)


@pytest.mark.anyio
async def test_a_stream_shows_that_it_lives_also_while_others_are_told() -> None:
    look: Look[FlagChange] = Look(None, lambda change: change.told(FlagFilter()))
    before = asyncio.all_tasks()

    async def others() -> None:
        while True:
            look.put(FlagChange(8, None, None))
            await asyncio.sleep(0.02)

    busy = asyncio.create_task(others())
    events = as_they_come(look, asyncio.Event(), alive_seconds=0.2)
    told = [await asyncio.wait_for(anext(events), 2) for _ in range(3)]
    await events.aclose()
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)

    assert told == [KEEPALIVE_COMMENT] * 3
    assert asyncio.all_tasks() == before

"""Being told to stop, and being asked too much: what was accepted is done, what was refused left no trace."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest

from api.app import create_app
from api.runtime import Runtime, open_runtime
from api.settings import Settings
from store.embedded import EmbeddedServer
from store.ledger import Ledger
from store.writer import Writer
from tests.api.serving import MASTER_KEY, EmptyDatabase, Serving, refused
from tests.chaos.load import Load
from tests.chaos.truth import assert_the_log_agrees_with, read_log

pytestmark = pytest.mark.timeout(300)

_CAPACITY = 4


def test_a_process_that_is_told_to_stop_under_load_has_done_what_it_accepted(
    serve: Callable[..., Serving], server: EmbeddedServer, rounds: int
) -> None:
    """Who was not answered does not ask again; his command is recorded once, or not at all."""
    for _ in range(rounds):
        with EmptyDatabase(server.dsn) as url:
            serving = serve(database_url=url)
            load = Load(serving.url, patient=False)
            with load.going_on():
                load.more(100)
                began = time.monotonic()
                serving.stop()
                assert time.monotonic() - began < 10
            assert_the_log_agrees_with(load, url)
            assert "Traceback" not in serving.logged


@pytest.mark.anyio
async def test_what_a_full_queue_refuses_leaves_no_trace(url: str, tmp_path: Path) -> None:
    """The log is locked by somebody else for a moment, and more comes than may wait."""
    due = {"at": "2036-01-01T00:00:00Z"}
    body = {"customer_id": "CU-7", "kind": "redelivery", "promise": "It comes by noon", "due": due}

    async def promise(client: httpx.AsyncClient, number: int) -> httpx.Response:
        headers = {"X-Actor": "agent:ling", "Idempotency-Key": f"promise-{number}"}
        return await client.post("/v1/commitments", json=body, headers=headers)

    async with serving_little(url, tmp_path) as client:
        async with locked(url):
            asked = [asyncio.create_task(promise(client, number)) for number in range(40)]
            answered = asyncio.as_completed(asked, timeout=30)
            for _ in range(len(asked) - 3 * _CAPACITY):
                await next(answered)
        answers = await asyncio.gather(*asked)
        turned_away = [number for number, answer in enumerate(answers) if answer.status_code == 503]
        recorded = Counter(stored.mark for stored in read_log(url))

        assert {answer.status_code for answer in answers} == {201, 503}
        assert len(turned_away) >= len(answers) - 3 * _CAPACITY
        for number in turned_away:
            refused(answers[number], 503, "unavailable")
            assert int(answers[number].headers["retry-after"]) >= 1
        accepted = {f"promise-{number}" for number in range(40) if number not in turned_away}
        assert recorded == Counter(accepted)

        again = await asyncio.gather(*(promise(client, number) for number in turned_away[:_CAPACITY]))
        assert {answer.status_code for answer in again} == {201}
    assert len(read_log(url)) == len(accepted) + _CAPACITY


@asynccontextmanager
async def serving_little(url: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who talks to a process in which few commands may wait to be recorded."""
    settings = Settings(database_url=url, data_dir=folder, master_key=MASTER_KEY, auth="open")
    async with open_runtime(settings) as runtime:
        small = with_little_room(runtime)
        app = create_app(runtime=small)
        app.state.runtime = small
        writing = asyncio.create_task(small.writer.run())
        try:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                yield client
        finally:
            await small.writer.close()
            await writing


def with_little_room(runtime: Runtime) -> Runtime:
    writer = Writer(runtime.database, runtime.clock, capacity=_CAPACITY)
    return replace(runtime, writer=writer, ledger=Ledger(runtime.database, runtime.keyring, writer, runtime.clock))


@asynccontextmanager
async def locked(url: str) -> AsyncIterator[None]:
    """Nothing is appended meanwhile."""
    async with await psycopg.AsyncConnection.connect(url) as conn:
        await conn.execute("LOCK TABLE stored_events IN EXCLUSIVE MODE")
        yield

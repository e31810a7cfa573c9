"""The demo: the four stories, told to the API as if they had just happened.

Their times are moved so that each ends as late as it can before now, which leaves promises in danger to look at.
"""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, LiteralString

import httpx
import structlog

from api.app import create_app
from api.runtime import FED, Runtime, open_runtime
from api.settings import Settings
from api.stories import STORIES
from api.stories.script import Told
from policies.clock import ClockPolicy, next_due
from projections.projection import Projection
from projections.registry import PROJECTIONS
from projections.worker import catch_up
from store.clock import Clock, SetClock, SystemClock, TestClock
from store.database import Connection

__all__ = ["load_demo"]

_LOCK: Final = 7_355_611
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_NOT_EMPTY: Final = "the stories are loaded into an empty log only; this one holds other events"
_NOT_ALONE: Final = "the stories are loaded before anything else runs on a log; another process serves this one"
_SERVED: Final = """
SELECT 1 FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'upheld-leader'"""
_REFUSED: Final = 400


async def load_demo(settings: Settings, clock: Clock | None = None) -> str | None:
    """Load the stories into an empty log so that they end now, by `clock` or else by the clock of `settings`.

    Loading them twice changes nothing. Answers what there is to say to whoever asked for it, mostly nothing.

    >>> await load_demo(Settings.load())  # doctest: +SKIP
    """
    told = SetClock(_LONG_AGO)
    # The stories speak for many people, whoever may sign in later.
    own = settings.model_copy(update={"auth": "open", "test_clock": False})
    with _quietly():
        async with open_runtime(own, told) as runtime, await runtime.database.connect("demo") as conn:
            # A second demo that starts at the same time waits, and then finds the stories there.
            await conn.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            if await _holds_events(conn):
                return None if await _holds_stories(runtime) else _NOT_EMPTY
            if await _is_served(conn):
                return _NOT_ALONE
            if clock is None:
                clock = await TestClock.open(conn) if settings.test_clock else SystemClock()
            return await _Teller(runtime, conn, told).tell(clock.now())


async def _holds_events(conn: Connection) -> bool:
    return await _is_there(conn, "SELECT 1 FROM stored_events LIMIT 1")


async def _is_served(conn: Connection) -> bool:
    """Whether another process lets time pass on this database; it would do so by its own clock."""
    return await _is_there(conn, _SERVED)


async def _is_there(conn: Connection, query: LiteralString) -> bool:
    return await (await conn.execute(query)).fetchone() is not None


async def _holds_stories(runtime: Runtime) -> bool:
    orders = {step.body.get("order_id") for story in STORIES for step in story.steps}
    return any([await runtime.ledger.knows_order(order) for order in orders if isinstance(order, str)])


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without a line for every request of the stories."""
    known = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    try:
        yield
    finally:
        structlog.configure(wrapper_class=known)


class _Teller:
    """Tells the stories side by side, and lets the clock speak at each instant at which it has something to say."""

    def __init__(self, runtime: Runtime, conn: Connection, clock: SetClock) -> None:
        self._runtime = runtime
        self._conn = conn
        self._clock = clock
        self._policy = ClockPolicy(runtime.ledger, runtime.catalogue, runtime.staff)
        self._app = create_app(runtime=runtime)
        # Nothing runs beside the requests here: time passes only between two steps.
        self._app.state.runtime = runtime
        self._ids: dict[str, dict[str, str]] = {story.slug: {} for story in STORIES}

    async def tell(self, now: datetime) -> str | None:
        """Tell everything up to now; answers which stories were refused, and where."""
        steps = [told for story in STORIES for told in story.told(story.last_anchor(now))]
        refused: dict[str, str] = {}
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for told in sorted(steps, key=lambda told: told.at):
                if told.story.slug in refused:
                    continue
                await self._pass_time(told.at)
                if (why := await self._do(client, told)) is not None:
                    refused[told.story.slug] = why
        await self._pass_time(now)
        await self._feed(PROJECTIONS)
        return "\n".join(refused.values()) or None

    async def _do(self, client: httpx.AsyncClient, told: Told) -> str | None:
        """Take one step; answers why it was refused, if it was."""
        ids = self._ids[told.story.slug]
        request = told.request(ids)
        answer = await client.request(request.method, request.path, headers=request.headers, json=request.body)
        if answer.status_code >= _REFUSED:
            step = f"{request.method} {told.step.path}"
            return f"the story '{told.story.title}' ends at {step}, which was refused: {answer.json()['detail']}"
        if told.step.name is not None:
            ids[told.step.name] = answer.json()["id"]
        return None

    async def _feed(self, projections: Sequence[Projection]) -> None:
        await catch_up(self._conn, self._runtime.database, self._runtime.keyring, projections)

    async def _feed_policies(self) -> None:
        """On the way only what the policies go by is kept up; the projections follow in one go."""
        await self._feed([fed for fed in FED if fed not in PROJECTIONS])

    async def _pass_time(self, until: datetime) -> None:
        await self._feed_policies()
        while (due := await next_due(self._conn)) is not None and due <= until:
            self._clock.set(max(due, self._clock.now()))
            if not await self._policy.sweep(self._conn):
                break
            await self._feed_policies()
        self._clock.set(until)

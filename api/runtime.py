"""One process of Upheld: its database, its clock, its ledger, and what runs beside the requests."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from psycopg import AsyncConnection

from api.provider import Provider
from api.settings import Settings
from domain.catalogue import Catalogue, load_catalogue
from domain.errors import ConfigurationError, ProjectionBehind
from domain.people import Roster
from policies.amending import AmendingPolicy, Jobs
from policies.carrying import Carrier
from policies.clock import CLOCK, ClockPolicy, anything_due
from policies.endpoints import begin
from policies.retaining import RetainingPolicy
from policies.routing import RoutingPolicy
from policies.sealing import SealingPolicy
from policies.telling import NAME as TELLING
from policies.telling import TellingPolicy, anything_to_tell
from policies.webhooks import WebhookPolicy
from projections.checkpoints import prepare
from projections.commitment_stream import CommitmentWatch
from projections.commitments import Commitments
from projections.flag_stream import FlagWatch
from projections.flags import Flags
from projections.history import History
from projections.leader import Work, lead
from projections.log import Log, end_at, end_of_the_log
from projections.projection import Projection
from projections.registry import PROJECTIONS
from projections.task_stream import TaskWatch
from projections.tasks import Tasks
from projections.worker import feeding
from store import migrations
from store.attempts import Attempts
from store.clock import Clock, SystemClock, TestClock
from store.database import Database
from store.erasing import Erasing
from store.evidence import Evidence
from store.keyring import Keyring, open_keyring
from store.keys import Keys
from store.ledger import Ledger
from store.people import People, Staff
from store.sessions import Endings
from store.timelines import Timeline, keep_up, timelines
from store.writer import Writer

__all__ = ["FED", "Runtime", "open_runtime", "together"]

log = structlog.get_logger("upheld")

FED: Sequence[Projection] = (*PROJECTIONS, CLOCK)
"""Everything that the worker feeds: the projections, and the rows of the clock."""

_WAIT_SECONDS = 5.0
_LONG_URL = 26
"""Characters beside which a link and some words fit into a short message."""
_COURTESY_SECONDS = 0.1
_REACHED = "SELECT name, position FROM checkpoints"
_RECORDED = "SELECT recorded_at FROM checkpoints WHERE name = ANY(%s)"


@dataclass(slots=True)
class Runtime:
    """What a request can reach. `reached` remembers how far each projection is known to be; `outdated` are those
    that must be built from the log.
    """

    settings: Settings
    catalogue: Catalogue
    database: Database
    keyring: Keyring
    clock: Clock
    writer: Writer
    ledger: Ledger
    people: People
    staff: Staff
    log: Log
    outdated: Sequence[Projection] = ()
    provider: Provider | None = None
    timelines: Sequence[Timeline] = ()
    reached: dict[str, int] = field(default_factory=dict)
    flag_watch: FlagWatch = field(init=False)
    task_watch: TaskWatch = field(init=False)
    commitment_watch: CommitmentWatch = field(init=False)
    endings: Endings = field(init=False)
    keys: Keys = field(init=False)
    attempts: Attempts = field(init=False)
    _connections: int = 0

    def __post_init__(self) -> None:
        self.flag_watch = FlagWatch(Flags(self.database, self.keyring), self.log, self.now)
        self.task_watch = TaskWatch(Tasks(self.database, self.keyring), self.log)
        self.commitment_watch = CommitmentWatch(Commitments(self.database, self.keyring), self.log)
        self.endings = Endings(self.database, self.clock)
        self.keys = Keys(self.database, self.keyring)
        self.attempts = Attempts(self.database, self.keyring)

    @property
    def roster(self) -> Roster:
        """Who is at work when, in which teams, and reports to whom."""
        return self.staff.roster

    async def now(self) -> datetime:
        """The time; a test clock may have been moved by another process."""
        return await self.ledger.now()

    async def see_own_writes(self, names: Sequence[str]) -> None:
        """Wait a moment for what this process has recorded, so that whoever asks it again mostly finds it.

        Only a courtesy to those who name no position; a projection that is further behind is read as it stands.
        """
        with contextlib.suppress(ProjectionBehind):
            await self.wait_for(self.writer.last_position, names, within=_COURTESY_SECONDS)

    def lost(self, position: int) -> Timeline | None:
        """Since which timeline there is no such position any more; None where it may be there, or come."""
        return next((timeline for timeline in self.timelines if timeline.lost(position)), None)

    async def wait_for(self, position: int, names: Sequence[str], *, within: float = _WAIT_SECONDS) -> None:
        """Wait until these projections have reached a position.

        Raises `ProjectionBehind` after `within` seconds, and at once where that position was lost.
        """
        if (timeline := self.lost(position)) is not None:
            detail = f"position {position} was lost: the log that was restored, or took over, ended at {timeline.kept}"
            raise ProjectionBehind(detail, log_position=timeline.kept)
        deadline, pause = asyncio.get_running_loop().time() + within, 0.002
        # A server that crashed may have taken back what the projections had reached; they do not wait for the disk.
        if self._connections != self.database.connections:
            self._connections, self.reached = self.database.connections, {}
        while (least := min(self.reached.get(name, 0) for name in names)) < position:
            self.reached = dict(await self.database.fetch(_REACHED))
            least = min(self.reached.get(name, 0) for name in names)
            if least >= position:
                return
            if asyncio.get_running_loop().time() > deadline:
                end = await end_of_the_log(self.database)
                detail = f"the projections stand at {least}, before {position}, and the log at {end}"
                raise ProjectionBehind(detail, log_position=end)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    async def wait_until(self, instant: datetime, names: Sequence[str]) -> None:
        """Wait until these projections have taken in all that was recorded until an instant, which is past.

        Raises `ProjectionBehind` after five seconds.
        """
        rows = await self.database.fetch(_RECORDED, (list(names),))
        if len(rows) < len(names) or not all(at is not None and at > instant for (at,) in rows):
            await self.wait_for(await end_at(self.database, instant), names)

    def forget(self) -> None:
        """Keep nothing in memory that was read from the log: something was erased."""
        self.ledger.forget()
        self.log.forget()
        self.keyring.forget()
        self.flag_watch.forget()

    async def _reached_anew(self, conn: AsyncConnection[Any]) -> None:
        """There is a connection again, perhaps to a server that took over and has not all that was recorded."""
        await keep_up(conn, await self.now())
        before, self.timelines = self.timelines, await timelines(conn)
        if len(self.timelines) > len(before):
            for watch in (self.flag_watch, self.task_watch, self.commitment_watch):
                watch.begin_anew()

    async def take_in(self) -> None:
        """Wait until all that was recorded is to be seen, and it is decided who is told of it."""
        head = await end_of_the_log(self.database)
        await self.wait_for(head, [*(projection.name for projection in FED), TELLING])

    async def settle(self) -> None:
        """Wait until everything that the clock has to say is recorded, to be seen, and on its way to people."""
        deadline = asyncio.get_running_loop().time() + _WAIT_SECONDS
        while True:
            await self.take_in()
            async with self.database.pool.connection() as conn:
                now = self.clock.now()
                if not await anything_due(conn, now) and not await anything_to_tell(conn, now):
                    return
            if asyncio.get_running_loop().time() > deadline:
                raise ProjectionBehind("the clock has not recorded everything yet")
            await asyncio.sleep(0.01)

    def carrier(self) -> Carrier:
        """Who carries messages out."""
        allowed, settings = self.catalogue.messages.allow_private, self.settings
        return Carrier(
            self.database,
            self.keyring,
            self.ledger,
            self.catalogue,
            self.staff,
            settings.public_url,
            allow_private=settings.auth == "open" if allowed is None else allowed,
        )

    def telling(self, carrier: Carrier | None = None) -> TellingPolicy:
        """Who decides what people are told."""
        return TellingPolicy(self.ledger, self.keyring, self.catalogue, self.staff, carrier or self.carrier())

    def beside(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside the requests: the feeding of the projections and the policies, where this process leads."""
        clock = ClockPolicy(self.ledger, self.catalogue, self.staff, every=0.02 if self.settings.test_clock else 0.5)
        carrier = self.carrier()
        if len(self.settings.public_url or "") > _LONG_URL:
            log.warning("UPHELD_PUBLIC_URL is so long that brief messages exceed 70 characters, or have fewer words")
        works: dict[str, Work] = {
            **feeding(self.database, self.keyring, self.log, FED, self.outdated),
            "clock": clock.run,
            "amending": AmendingPolicy(self.ledger, Jobs(self.database, self.keyring), self.catalogue, self.staff).run,
            "telling": partial(self.telling(carrier).run, self.log),
            "sending": carrier.run,
            "sealing": SealingPolicy(self.now, self.keyring, self.catalogue.sealing).run,
            "retaining": self._retaining().run,
            "routing": partial(RoutingPolicy(self.ledger, self.catalogue, self.staff).run, self.log),
            **self._webhooks(),
        }
        watches = self.flag_watch.run(), self.task_watch.run(), self.commitment_watch.run()
        return [
            self.log.follow(self.forget, self._reached_anew),
            self.staff.follow(),
            *([self.endings.follow()] if self.settings.auth == "required" else []),
            self.keys.note_uses(),
            *watches,
            lead(self.database, works),
        ]

    def _retaining(self) -> RetainingPolicy:
        """Who erases by age; where a test moves the clock, soon after."""
        erasing = Erasing(self.database, self.keyring, self.ledger)
        commitments, evidence = Commitments(self.database, self.keyring), Evidence(self.database, self.keyring)
        every = {"every": 0.2} if self.settings.test_clock else {}
        return RetainingPolicy(self.ledger, erasing, commitments, evidence, self.catalogue, **every)

    def _webhooks(self) -> dict[str, Work]:
        """A work for each, by the real clock: those who receive live by it, also where a test's clock stands still."""
        history, clock = History(self.database, self.keyring), SystemClock()
        return {
            f"webhook {webhook.name}": partial(WebhookPolicy(webhook, history, clock).run, self.log)
            for webhook in self.catalogue.webhooks
        }


@asynccontextmanager
async def open_runtime(
    settings: Settings, clock: Clock | None = None, *, looks_on: bool = False
) -> AsyncIterator[Runtime]:
    """Everything a process needs, ready; on leaving, what was taken is recorded and everything is closed.

    Who only looks on begins no test clock, which would make time stand still for all.

    Raises `ConfigurationError`, `MasterKeyLost` or `Unavailable`, each in one line.
    """
    # What is there now stays, and to look for cycles among what comes and goes with every page frees hardly anything.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    catalogue = load_catalogue(settings.config)
    async with Database.open(settings.database_url, settings.data_dir) as database:
        async with await database.connect("start") as conn:
            await migrations.apply(conn)
            outdated = await prepare(conn, FED)
            if not looks_on:
                await begin(conn, catalogue.webhooks)
            keyring = await open_keyring(
                conn, settings.data_dir, master_key=settings.master_key, master_key_file=settings.master_key_file
            )
            clock = clock or (
                await TestClock.open(conn, begin=not looks_on) if settings.test_clock else await _real_clock(conn)
            )
            if not looks_on:
                await keep_up(conn, clock.now())
            lost = await timelines(conn)
        writer = Writer(database, clock)
        ledger = Ledger(database, keyring, writer, clock)
        people = People(database, keyring, clock)
        staff = Staff(database, people)
        await staff.read()
        async with _running(writer), _provider(catalogue) as provider:
            yield Runtime(
                settings,
                catalogue,
                database,
                keyring,
                clock,
                writer,
                ledger,
                people,
                staff,
                Log(database, keyring),
                outdated,
                provider,
                lost,
            )


async def _real_clock(conn: AsyncConnection[Any]) -> Clock:
    """The real time; a database whose clock stands still for a test cannot be told it."""
    if await (await conn.execute("SELECT 1 FROM test_clock")).fetchone() is not None:
        raise ConfigurationError(
            "UPHELD_TEST_CLOCK: this database has a test clock; set it to 1, or use another database"
        )
    return SystemClock()


@asynccontextmanager
async def _provider(catalogue: Catalogue) -> AsyncIterator[Provider | None]:
    """By whom staff sign in, where that is configured."""
    provider = Provider(catalogue.oidc) if catalogue.oidc is not None else None
    try:
        yield provider
    finally:
        if provider is not None:
            await provider.close()


@asynccontextmanager
async def _running(writer: Writer) -> AsyncIterator[None]:
    task = asyncio.create_task(writer.run(), name="writer")
    try:
        yield
    finally:
        await writer.close()
        await task


@asynccontextmanager
async def together(work: Sequence[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run `work` beside the body, and end it with the body."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

"""Carrying: the jobs that bring messages to people, a channel each.

A message goes by the first channel that takes it. One that fails is tried again with growing pauses, and when it
fails for good the next one has its job. Browsers that asked for messages have one besides. A crash between sending
and recording sends a message twice, with the same id; nothing loses one.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import structlog
from procrastinate import App, BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.exceptions import ConnectorException, JobAborted
from procrastinate.jobs import Job
from procrastinate.tasks import Task
from procrastinate.types import JSONDict
from prometheus_client import Counter
from psycopg import AsyncConnection

from domain.catalogue import Catalogue
from domain.errors import Unavailable
from policies import channels
from policies.channels import NotTaken
from policies.composing import SQL, Composer, Message
from policies.confining import Confinement
from policies.outcomes import Outcomes
from policies.pushing import Pusher
from store.clock import SystemClock
from store.database import Database
from store.keyring import Keyring
from store.ledger import Ledger
from store.people import Staff
from store.queue import connector

__all__ = ["Carrier"]

log = structlog.get_logger("upheld.messages")

_QUEUE = "messages"
_PUSH = "push"
_AT_ONCE = 32
_HOPELESS_SECONDS = 30.0
"""A channel that takes longer is cut off."""
_TRIES_BEFORE_THE_NEXT = 3
_FAULTS = 10
"""How often a message is tried that fails by a fault of ours."""
_LOOK_SECONDS = 0.2, 5.0
"""Of what is to be tried again nobody is notified: it is looked for as often as the shortest pause, within limits."""
_ABORTED_SECONDS = 3600.0
"""Nobody asks for a job to be broken off."""
_STOP_SECONDS = 3.0
_STAFF, _CUSTOMERS = 1, 0
"""Who has the promise hears of it before customers do."""
_PUSHED_FOR = timedelta(minutes=1), timedelta(days=7)
"""How long a phone that sleeps can find a message when it wakes."""

_messages = Counter("upheld_messages", "Messages to people, by what came of them", ["outcome"])
for _outcome in ("sent", "failed", "moot"):
    _messages.labels(_outcome)


class _Retry(BaseRetryStrategy):
    """When a job is tried again: at once where it was interrupted, else after a pause that grows."""

    def __init__(self, pauses: Sequence[float]) -> None:
        self._pauses = pauses

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        if isinstance(exception, JobAborted | asyncio.CancelledError):
            return RetryDecision(retry_in={"seconds": 0})
        pause = self._pauses[min(job.attempts, len(self._pauses) - 1)] if self._pauses else 0.0
        return RetryDecision(retry_in={"milliseconds": int(pause * 1000)})


class Carrier:
    """Enqueues the jobs that carry messages out, and does them where this process leads that."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        ledger: Ledger,
        catalogue: Catalogue,
        staff: Staff,
        public_url: str | None,
        *,
        allow_private: bool,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._ledger = ledger
        self._catalogue = catalogue
        self._allow_private = allow_private
        self._composer = Composer(database, keyring, ledger, public_url)
        self._outcomes = Outcomes(database, ledger, catalogue, staff)
        pauses = [pause.total_seconds() for pause in catalogue.messages.retry_after]
        self._tries = len(pauses) + 1
        fewest, most = _LOOK_SECONDS
        self._look_seconds = min(max(min(pauses, default=most), fewest), most)
        self._app = App(connector=connector(database))
        declare = partial(self._app.task, queue=_QUEUE, retry=_Retry(pauses), pass_context=True)
        self._deliver_task: Task[..., Any, Any] = declare(name="deliver")(self._deliver)
        self._push_task: Task[..., Any, Any] = declare(name="push")(self._push)

    async def enqueue(self, conn: AsyncConnection[Any], formed: Sequence[tuple[UUID, str, str]]) -> None:
        """Enqueue the jobs of some messages, each with category and recipient, in the transaction of `conn`."""
        if not formed:
            return
        staff = [recipient for _, category, recipient in formed if category == "person"]
        listen = {actor for (actor,) in await (await conn.execute(SQL["listeners"], (staff,))).fetchall()}
        for category, priority in (("person", _STAFF), ("customer", _CUSTOMERS)):
            mine = [id for id, of, _ in formed if of == category]
            await self._defer(conn, self._deliver_task, priority, [{"message": str(id), "channel": 0} for id in mine])
        pushed: list[JSONDict] = [{"message": str(id)} for id, of, to in formed if of == "person" and to in listen]
        await self._defer(conn, self._push_task, _STAFF, pushed)

    async def _defer(
        self, conn: AsyncConnection[Any], task: "Task[..., Any, Any]", priority: int, jobs: Sequence[JSONDict]
    ) -> None:
        if jobs:
            await task.configure(connection=conn, priority=priority).batch_defer_async(*jobs)

    async def run(self, conn: AsyncConnection[Any]) -> None:
        """Carry messages out until cancelled. What somebody before us left undone is done first."""
        try:
            push = Pusher.open(self._database, self._keyring, SystemClock(), self._catalogue.push)
            async with self._app.open_async(), push as self._pusher:
                await self._work(conn)
        except ConnectorException as error:
            raise Unavailable("the database is out of reach") from error

    async def _work(self, conn: AsyncConnection[Any]) -> None:
        stalled = await (await conn.execute(SQL["stalled"], (_QUEUE,))).fetchall()
        for (job,) in stalled:
            await self._app.job_manager.retry_job_by_id_async(job, retry_at=SystemClock().now())
        await self._app.run_worker_async(
            queues=[_QUEUE],
            concurrency=_AT_ONCE,
            install_signal_handlers=False,
            delete_jobs="successful",
            fetch_job_polling_interval=self._look_seconds,
            abort_job_polling_interval=_ABORTED_SECONDS,
            shutdown_graceful_timeout=_STOP_SECONDS,
        )

    # -- by a channel -------------------------------------------------------------------------------------------

    async def _deliver(self, context: JobContext, message: str, channel: int) -> None:
        """Bring a message to its recipient by one channel, or see to it that the next one does."""
        found, moot = await self._composer.read(UUID(message), await self._ledger.now())
        await self._outcomes.moot(UUID(message), moot, all_of_it=found is None)
        _messages.labels("moot").inc(bool(moot and found is None))
        if found is None:
            return
        if channel >= len(found.who.channels):
            await self._fail(found, channel, "there is no channel by which to reach him")
            return
        is_last, attempts = channel + 1 >= len(found.who.channels), context.job.attempts + 1
        tries = self._tries if is_last else min(_TRIES_BEFORE_THE_NEXT, self._tries)
        if reason := await self._tried(self._send(found, channel), message, attempts, tries):
            await self._fail(found, channel, reason)

    async def _send(self, message: Message, channel: int) -> None:
        """Send it, unless it was sent before a crash kept that from being noted; and record that it was."""
        address = message.who.channels[channel]
        if not self._outcomes.was_sent(message, str(channel)):
            text = await self._composer.text(message, await self._ledger.now())
            template_id = self._catalogue.messages.template_ids.get(text.template)
            with Confinement(allow_private=self._allow_private) as confinement:
                sending = partial(channels.send, address, text, message.id, template_id, confinement)
                try:
                    await asyncio.wait_for(_in_thread(sending), _HOPELESS_SECONDS)
                except TimeoutError:
                    raise NotTaken("the channel did not answer in time") from None
        await self._outcomes.sent(message, str(channel), channels.shown(message.who.channels)[channel])
        await self._outcomes.reached(message, reached=True)
        _messages.labels("sent").inc()

    async def _fail(self, message: Message, channel: int, reason: str) -> None:
        """The channel failed for good: note it, and give the next one its turn."""
        names = channels.shown(message.who.channels)
        is_last, shown = channel + 1 >= len(names), names[channel] if channel < len(names) else None
        await self._outcomes.failed(message, str(channel), shown, reason, done=is_last)
        if is_last:
            await self._outcomes.reached(message, reached=False)
            if message.category == "person":
                log.warning("a message reached nobody", message=str(message.id), to=message.recipient, reason=reason)
            _messages.labels("failed").inc()
            return
        priority = _CUSTOMERS if message.category == "customer" else _STAFF
        async with self._database.pool.connection() as conn:
            jobs: list[JSONDict] = [{"message": str(message.id), "channel": channel + 1}]
            await self._defer(conn, self._deliver_task, priority, jobs)

    # -- to browsers --------------------------------------------------------------------------------------------

    async def _push(self, context: JobContext, message: str) -> None:
        """Bring a message to the browsers of its recipient, too. No phone is somebody's only channel."""
        found, _ = await self._composer.read(UUID(message), await self._ledger.now(), told_too=True)
        if found is None or self._outcomes.was_sent(found, _PUSH):
            return
        attempt = self._push_to_all(found)
        if reason := await self._tried(attempt, message, context.job.attempts + 1, _TRIES_BEFORE_THE_NEXT):
            await self._outcomes.failed(found, _PUSH, _PUSH, reason, done=False)

    async def _push_to_all(self, message: Message) -> None:
        now = await self._ledger.now()
        payload = msgspec.json.encode(await self._composer.pushed(message, now))
        outcomes = await self._pusher.push(message.recipient, payload, _lives(message, now), "tasks")
        if any(outcome.result == "accepted" for outcome in outcomes):
            await self._outcomes.sent(message, _PUSH, _PUSH, done=False)
        elif refused := [outcome.reason for outcome in outcomes if outcome.result == "failed"]:
            raise NotTaken(str(refused[0]))

    async def _tried(self, attempt: Coroutine[Any, Any, None], message: str, attempts: int, tries: int) -> str | None:
        """Try something that may fail; answers why it failed for good. Raises where it is to be tried again."""
        try:
            await attempt
        except NotTaken as error:
            if attempts < tries:
                raise
            return f"{error} ({attempts} tries)"
        except (Unavailable, psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception:
            log.exception("a message could not be sent", message=message)
            if attempts < _FAULTS:
                raise
            return "a fault of ours, which the server's log tells"
        return None


def _lives(message: Message, now: datetime) -> timedelta:
    """How long a phone that sleeps may find a message when it wakes: until the receipt is due, else the promise."""
    least, most = _PUSHED_FOR
    due = []
    for one in message.told:
        waits = one.commitment.handoff(one.notice.role) if one.notice.role is not None else None
        due.append(waits.receipt_due_at if waits is not None and waits.awaits_receipt else one.commitment.due.at)
    return min(max(max(at for at in due if at is not None) - now, least), most)


def _in_thread(call: Callable[[], None]) -> asyncio.Future[None]:
    """Do what blocks in a thread that keeps no process from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    def work() -> None:
        error: Exception | None = None
        try:
            call()
        except Exception as failure:
            error = failure
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=work, name="message", daemon=True).start()
    return future

"""Carrying: the jobs that bring messages to people, a channel each, and record what came of it.

A message goes by the first channel that takes it. One that fails is tried again with growing pauses, and when it
fails for good the next one has its job. A crash between sending and recording sends a message twice, with the same
id; nothing loses one.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import structlog
from procrastinate import App, BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.exceptions import ConnectorException, JobAborted
from procrastinate.jobs import Job
from procrastinate.types import JSONDict
from prometheus_client import Counter
from psycopg import AsyncConnection

from domain.actors import UPHELD
from domain.catalogue import Catalogue
from domain.commitment import Commitment
from domain.errors import Unavailable, UpheldError
from domain.moment import Moment
from domain.notices import Notice, failed, holds, sent
from domain.people import Contact, Person
from domain.values import Origin
from policies import channels
from policies.channels import NotTaken
from policies.wording import Text, Told, to_customer, to_staff
from store.database import Database, reaching_the_database
from store.keyring import Keyring
from store.ledger import Ledger
from store.links import CustomerLinks
from store.people import Customers, People, Staff
from store.queries import queries
from store.queue import connector

__all__ = ["Carrier"]

log = structlog.get_logger("upheld.messages")
SQL = queries("policies", "carrying.sql")

_QUEUE = "messages"
_AT_ONCE = 32
_RECORDED_AT_ONCE = 16
_HOPELESS_SECONDS = 60.0
"""A channel that takes longer is given up."""
_TRIES_BEFORE_THE_NEXT = 3
_FAULTS = 10
"""How often a message is tried that fails by a fault of ours."""
_AGAIN_SECONDS = 0.5
_LOOK_SECONDS = 1.0
"""Of what is to be tried again nobody is notified."""
_STOP_SECONDS = 3.0
_STAFF, _CUSTOMERS = 1, 0
"""Who has the promise hears of it before customers do."""

_messages = Counter("upheld_messages", "Messages to people, by what came of them", ["outcome"])


@dataclass(frozen=True, slots=True)
class _Message:
    """What is told together, to whom, and by which channel it is tried now."""

    id: UUID
    who: Person | Contact
    recipient: str
    told: list[Told]
    numbers: dict[str, int]
    channel: int

    @property
    def is_last(self) -> bool:
        return self.channel + 1 >= len(self.who.channels)


_Decide = Callable[[Notice, Commitment, Moment], None]
"""Records what came of a notice."""


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
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._catalogue = catalogue
        self._staff = staff
        self._people = People(database, keyring, ledger.clock)
        self._customers = Customers(database, keyring, ledger.clock)
        self._links = CustomerLinks(database, keyring)
        self._public_url = public_url.rstrip("/") if public_url is not None else None
        pauses = [pause.total_seconds() for pause in catalogue.messages.retry_after]
        self._tries = len(pauses) + 1
        self._app = App(connector=connector(database))
        task = self._app.task(name="deliver", queue=_QUEUE, retry=_Retry(pauses), pass_context=True)
        self._task = task(self._deliver)

    async def enqueue(self, conn: AsyncConnection[Any], messages: Sequence[tuple[UUID, str]], channel: int = 0) -> None:
        """Enqueue the jobs of some messages, each with its category, in the transaction of `conn`."""
        for priority, wanted in ((_STAFF, "person"), (_CUSTOMERS, "customer")):
            jobs: list[JSONDict] = [
                {"message": str(id), "channel": channel} for id, category in messages if category == wanted
            ]
            if jobs:
                await self._task.configure(connection=conn, priority=priority).batch_defer_async(*jobs)

    async def run(self, conn: AsyncConnection[Any]) -> None:
        """Carry messages out until cancelled. What somebody before us left undone is done first."""
        try:
            await self._work(conn)
        except ConnectorException as error:
            raise Unavailable("the database is out of reach") from error

    async def _work(self, conn: AsyncConnection[Any]) -> None:
        async with self._app.open_async():
            stalled = await (await conn.execute(SQL["stalled"], (_QUEUE,))).fetchall()
            for (job,) in stalled:
                await self._app.job_manager.retry_job_by_id_async(job, retry_at=self._ledger.clock.now())
            await self._app.run_worker_async(
                queues=[_QUEUE],
                concurrency=_AT_ONCE,
                install_signal_handlers=False,
                delete_jobs="successful",
                fetch_job_polling_interval=_LOOK_SECONDS,
                shutdown_graceful_timeout=_STOP_SECONDS,
            )

    async def _deliver(self, context: JobContext, message: str, channel: int) -> None:
        """Bring a message to its recipient by one channel, or see to it that the next one does."""
        attempts = context.job.attempts + 1
        found = await self._read(UUID(message), channel)
        if found is None:
            return
        if channel >= len(found.who.channels):
            await self._fail(found, "there is no channel by which to reach him")
            return
        try:
            await self._send(found)
        except NotTaken as error:
            if attempts < (self._tries if found.is_last else min(_TRIES_BEFORE_THE_NEXT, self._tries)):
                raise
            await self._fail(found, f"{error} ({attempts} tries)")
        except (Unavailable, psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception:
            log.exception("a message could not be sent", message=message)
            if attempts < _FAULTS:
                raise
            await self._fail(found, "a fault of ours, which the server's log tells")

    async def _read(self, id: UUID, channel: int) -> _Message | None:
        """What is still to be told in a message; None where nothing of it makes sense any more."""
        rows = await self._database.fetch(SQL["message"], (id,))
        if not rows:
            return None
        category, recipient = rows[0][1:3]
        notices = dict(map(_notice, rows))
        commitments = await self._ledger.commitments(list({notice.commitment_id for notice in notices.values()}))
        now = await self._now()
        live = {n: one for n, one in notices.items() if _makes_sense(one, commitments.get(one.commitment_id), now)}
        if moot := list(notices.keys() - live.keys()):
            await self._done(moot)
            _messages.labels("moot").inc(len(moot))
        if not live:
            await self._execute("untold", (id,))
            return None
        who = await (self._customers if category == "customer" else self._people).find(recipient)
        who = who or Contact(None, "en")
        told = await self._told(list(live.values()), commitments)
        return _Message(id, who, recipient, told, {one.key: number for number, one in live.items()}, channel)

    async def _told(self, notices: Sequence[Notice], commitments: dict[UUID, Commitment]) -> list[Told]:
        orders = {c.order_id for c in commitments.values() if c.order_id is not None}
        known = await self._ledger.orders(orders)
        told = []
        for notice in notices:
            commitment = commitments[notice.commitment_id]
            link = await self._customer_link(commitment.id) if notice.is_for_customer else None
            told.append(Told(notice, commitment, known.get(commitment.order_id or ""), link))
        return told

    async def _customer_link(self, id: UUID) -> str | None:
        return f"{self._public_url}/c/{await self._links.open(id)}" if self._public_url is not None else None

    async def _send(self, message: _Message) -> None:
        """Send it, unless it was sent before a crash kept that from being noted; and record that it was."""
        channel = message.who.channels[message.channel]
        shown = channels.masked(channel)
        if not any(one.commitment.answer_to(_origin(message, one.notice, "sent")) for one in message.told):
            text = await self._text(message)
            template_id = self._catalogue.messages.template_ids.get(text.template)
            sending = partial(channels.send, channel, text, message.id, template_id)
            try:
                await asyncio.wait_for(_in_thread(sending), _HOPELESS_SECONDS)
            except TimeoutError:
                raise NotTaken("the channel did not answer in time") from None
        await self._record(message, "sent", lambda notice, commitment, moment: sent(notice, commitment, shown, moment))
        _messages.labels("sent").inc()

    async def _text(self, message: _Message) -> Text:
        now = await self._now()
        if isinstance(message.who, Contact):
            return to_customer(message.told, message.who, message.id, now)
        return to_staff(message.told, message.who, self._staff_link(), message.id, now)

    def _staff_link(self) -> str | None:
        return f"{self._public_url}/" if self._public_url is not None else None

    async def _fail(self, message: _Message, reason: str) -> None:
        """The channel failed for good: note it, and give the next one its turn."""
        by = message.who.channels[message.channel : message.channel + 1]
        shown = channels.masked(by[0]) if by else None

        def decide(notice: Notice, commitment: Commitment, moment: Moment) -> None:
            if not notice.is_for_customer:
                failed(notice, commitment, shown, reason, moment)

        if message.is_last:
            await self._record(message, "failed", decide)
            log.warning("a message reached nobody", message=str(message.id), to=message.recipient, reason=reason)
            _messages.labels("failed").inc()
            return
        await self._record(message, "failed", decide, done=False)
        category = "customer" if isinstance(message.who, Contact) else "person"
        async with self._database.pool.connection() as conn:
            await self.enqueue(conn, [(message.id, category)], message.channel + 1)

    async def _record(self, message: _Message, outcome: str, decide: _Decide, *, done: bool = True) -> None:
        """Record what came of a message, for each promise that it told of, once."""
        told = message.told
        for start in range(0, len(told), _RECORDED_AT_ONCE):
            chunk = told[start : start + _RECORDED_AT_ONCE]
            await asyncio.gather(*(self._record_one(message, one.notice, outcome, decide) for one in chunk))
            if done:
                await self._done([message.numbers[one.notice.key] for one in chunk])

    async def _record_one(self, message: _Message, notice: Notice, outcome: str, decide: _Decide) -> None:
        """Whatever keeps it from being recorded now: the message has left, and must not leave again for that."""
        moment = Moment(await self._now(), _origin(message, notice, outcome), self._catalogue, self._staff.roster)

        def once(commitment: Commitment, _: object) -> None:
            if commitment.answer_to(moment.origin) is None:
                decide(notice, commitment, moment)

        while True:
            try:
                await self._ledger.change(notice.commitment_id, once)
                return
            except (Unavailable, psycopg.Error):
                await asyncio.sleep(_AGAIN_SECONDS)
            except UpheldError:
                log.exception("what came of a message could not be recorded", commitment_id=str(notice.commitment_id))
                return

    async def _now(self) -> Any:
        async with self._database.pool.connection() as conn:
            return await self._ledger.clock.read(conn)

    async def _done(self, numbers: Sequence[int]) -> None:
        await self._execute("done", (await self._now(), list(numbers)))

    async def _execute(self, name: str, params: Sequence[object]) -> None:
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                await conn.execute(SQL[name], params)


def _notice(row: Sequence[Any]) -> tuple[int, Notice]:
    """A notice as it is kept, with its number."""
    number, _, recipient, commitment_id, about, anchor, at, *rest = row
    return number, Notice(commitment_id, about, recipient, at, anchor, *rest)


def _makes_sense(notice: Notice, commitment: Commitment | None, now: datetime) -> bool:
    """Whether it still is to be told. Of what is erased nothing is."""
    return commitment is not None and commitment.promise is not None and holds(notice, commitment, now)


def _origin(message: _Message, notice: Notice, outcome: str) -> Origin:
    """By which what came of a message is known, however often it is recorded."""
    return Origin(UPHELD, None, _QUEUE, f"{message.id}/{message.channel}/{message.numbers[notice.key]}/{outcome}")


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

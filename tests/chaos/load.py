"""People who give commands to serving processes without pause, and who remember each command and its answer.

Whoever gets no answer, or is told to come again, sends the command once more with its key until it is accepted.
A writer alone changes the orders and promises that he began, so that he knows what every answer must say;
customers ask about anybody's newest promises, so that writers of all processes meet on one stream.
"""

import asyncio
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

__all__ = ["WITHIN", "Command", "Load", "until"]

WITHIN = 40.0
"""Seconds in which a command must be accepted, whatever happens to the processes meanwhile."""

_PAUSE = 0.05
_PROMISES_AN_ORDER = 4
_TALKED_OF = 40  # how many of the newest promises customers still ask about
_RECEIPTS = ("delivered", "seen", "acknowledged")
_DEEDS = ("promise", "amend", "assign", "receive", "contact"), (25, 10, 10, 30, 25)
"""What there is to do, and how often of a hundred times it is done."""


class NoAnswer(Exception):
    """The connection was lost before the answer came; the command may have been carried out or not."""


class GaveUp(Exception):
    """A command was not answered, and its writer is one who does not ask twice."""


@dataclass(slots=True, eq=False)
class Command:
    """A command as it was sent: what it records, and `mark`, by which that is found in the log.

    The mark is the command's Idempotency-Key; an assignment, which has none, names a recipient that no other names.
    `recipient` is who becomes accountable by it. It began and ended at these instants of the monotonic clock.
    """

    fact: str
    method: str
    path: str
    actor: str
    body: dict[str, Any]
    mark: str
    recipient: str | None = None
    url: str = ""
    began: float = 0.0
    ended: float = 0.0
    position: int = 0

    @property
    def waited(self) -> float:
        return self.ended - self.began


@dataclass(slots=True, eq=False)
class _Order:
    id: str
    recipient: str | None = None
    promises: "list[_Promise]" = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Promise:
    id: str
    revision: int = 1
    receipts: int = 0


def until(condition: Callable[[], object], within: float, what: str) -> None:
    """Wait until something is so; fails after `within` seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.01)


class Load:
    """So many writers, spread over the serving processes at `urls`.

    >>> load = Load(one.url, other.url)  # doctest: +SKIP
    >>> with load.going_on():  # doctest: +SKIP
    ...     load.more(100)
    ...     other.kill()
    >>> len(load.accepted)  # doctest: +SKIP
    112

    `accepted` are the commands that were answered 2xx, `handoffs` which recipients these must have given to which
    promises. Those who are not `patient` ask once: what came to nothing is in `unanswered`, and they leave.
    """

    def __init__(self, *urls: str, writers: int = 16, patient: bool = True) -> None:
        self.urls = urls
        self.patient = patient
        self.accepted: list[Command] = []
        self.unanswered: list[Command] = []
        self.handoffs: set[tuple[str, str]] = set()
        self.promises: list[str] = []
        self._writers = [_Writer(self, number) for number in range(writers)]
        self._over = threading.Event()
        self._running: Future[None] | None = None

    @property
    def over(self) -> bool:
        return self._over.is_set()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Everybody works meanwhile; on leaving, what they are at is finished first."""
        self._over.clear()
        with ThreadPoolExecutor(1) as pool:
            self._running = pool.submit(asyncio.run, self._work())
            try:
                yield
            finally:
                self._over.set()
            self._running.result()

    def more(self, commands: int, *, url: str | None = None, within: float = WITHIN) -> list[Command]:
        """The next commands that are sent from now on and accepted, by the process at `url` if one is named."""
        began, seen = time.monotonic(), len(self.accepted)

        def sent_since() -> list[Command]:
            return [c for c in self.accepted[seen:] if c.began >= began and url in (None, c.url)]

        self.wait(lambda: len(sent_since()) >= commands, within, f"{commands} more commands are accepted")
        return sent_since()

    def wait(self, condition: Callable[[], object], within: float, what: str) -> None:
        """Wait while everybody works; fails where one of them does."""

        def met() -> object:
            if self._running is not None and self._running.done():
                self._running.result()
            return condition()

        until(met, within, what)

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for writer in self._writers:
                tasks.create_task(writer.work())


class _Writer:
    """One who makes promises on orders of his own, amends and assigns them, and has them received."""

    def __init__(self, load: Load, number: int) -> None:
        self._load = load
        self._number = number
        self._dice = random.Random(number)
        self._counter = itertools.count(1)
        self._lines: dict[str, _Line] = {}
        self._order = self._new_order()

    def _new_order(self) -> _Order:
        return _Order(f"SO-{self._number}-{next(self._counter)}")

    async def work(self) -> None:
        try:
            while not self._load.over:
                await self._step()
        except GaveUp:
            return
        finally:
            for line in self._lines.values():
                line.hang_up()
            self._lines.clear()

    async def _step(self) -> None:
        order = self._order
        promise = self._dice.choice(order.promises) if order.promises else None
        match promise, self._dice.choices(*_DEEDS)[0]:
            case (None, _) | (_, "promise"):
                await self._promise()
            case _Promise(), "amend":
                await self._amend(promise)
            case _Promise(), "assign":
                await self._assign(order)
            case _Promise(receipts=given), "receive" if order.recipient is not None and given < len(_RECEIPTS):
                await self._receive(promise, order.recipient)
            case _:
                await self._contact(self._dice.choice(self._load.promises[-_TALKED_OF:]))

    async def _promise(self) -> None:
        if len(self._order.promises) == _PROMISES_AN_ORDER:
            self._order = self._new_order()
        order = self._order
        body = {
            "customer_id": f"CU-{self._number}",
            "kind": "redelivery",
            "promise": "It comes by noon",
            "order_id": order.id,
            "due": {"at": "2036-01-01T00:00:00Z"},
        }
        made = await self._command("CommitmentMade", "/v1/commitments", body, recipient=order.recipient)
        assert (made["revision"], made["handoffs"][0]["recipient"]) == (1, order.recipient), made
        order.promises.append(_Promise(made["id"]))
        self._load.promises.append(made["id"])
        if order.recipient is not None:
            self._load.handoffs.add((made["id"], order.recipient))

    async def _amend(self, promise: _Promise) -> None:
        body = {"promise": f"It comes by noon, said for the {promise.revision + 1}. time", "reason": "asked again"}
        amended = await self._command("CommitmentAmended", f"/v1/commitments/{promise.id}/amendments", body)
        assert amended["revision"] == promise.revision + 1, amended
        promise.revision, promise.receipts = amended["revision"], 0

    async def _assign(self, order: _Order) -> None:
        recipient = f"courier:c{self._number}-{next(self._counter)}"
        body = {"role": "courier", "recipient": recipient}
        path = f"/v1/orders/{order.id}/assignment"
        await self._command("OrderAssigned", path, body, method="PUT", mark=recipient, recipient=recipient)
        order.recipient = recipient
        for promise in order.promises:
            promise.receipts = 0
            self._load.handoffs.add((promise.id, recipient))

    async def _receive(self, promise: _Promise, recipient: str) -> None:
        state = _RECEIPTS[promise.receipts]
        body = {"revision": promise.revision, "state": state}
        path = f"/v1/commitments/{promise.id}/receipts"
        given = await self._command(f"Handoff{state.capitalize()}", path, body, actor=recipient)
        assert (given["recorded"], given["counts"], given["current_revision"]) == (True, True, promise.revision), given
        promise.receipts += 1

    async def _contact(self, id: str) -> None:
        asked = await self._command("CustomerContacted", f"/v1/commitments/{id}/contacts", {"channel": "phone"})
        assert asked["contacts"] > 0, asked

    async def _command(
        self,
        fact: str,
        path: str,
        body: dict[str, Any],
        *,
        method: str = "POST",
        actor: str | None = None,
        mark: str | None = None,
        recipient: str | None = None,
    ) -> dict[str, Any]:
        actor = actor or f"agent:a{self._number}"
        command = Command(fact, method, path, actor, body, mark or uuid4().hex, recipient, began=time.monotonic())
        try:
            async with asyncio.timeout(WITHIN):
                answer = await self._until_accepted(command)
        except TimeoutError:
            raise AssertionError(f"not accepted within {WITHIN} s: {command}") from None
        command.ended = time.monotonic()
        self._load.accepted.append(command)
        return answer

    async def _until_accepted(self, command: Command) -> dict[str, Any]:
        while True:
            # Asked anew each time: a process that was killed comes back at another address.
            command.url = self._load.urls[self._number % len(self._load.urls)]
            try:
                status, headers, answer = await self._line(command.url).ask(command)
            except NoAnswer:
                pass
            else:
                if status < 300:
                    command.position = int(headers["upheld-position"])
                    return answer
                assert (status, answer["code"]) == (503, "unavailable"), f"{command}: {answer}"
                assert int(headers["retry-after"]) >= 1, headers
            if not self._load.patient:
                self._load.unanswered.append(command)
                raise GaveUp
            await asyncio.sleep(_PAUSE)

    def _line(self, url: str) -> "_Line":
        return self._lines.setdefault(url, _Line(url))


class _Line:
    """A connection that is kept: cheap enough to leave the machine to those who are tested."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), parts.port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, command: Command) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and body of the answer. Raises `NoAnswer`."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port)
            reader, writer = self._streams
            writer.write(_request(command))
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").rstrip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers["content-length"]))
        except (OSError, asyncio.IncompleteReadError) as error:
            self.hang_up()
            raise NoAnswer from error
        return int(first.split()[1]), headers, json.loads(body)

    def hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _request(command: Command) -> bytes:
    body = json.dumps(command.body).encode()
    lines = [
        f"{command.method} {command.path} HTTP/1.1",
        "Host: localhost",
        f"X-Actor: {command.actor}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    if command.method == "POST":
        lines.append(f"Idempotency-Key: {command.mark}")
    return "\r\n".join([*lines, "", ""]).encode() + body

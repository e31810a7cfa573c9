"""Outcomes: what came of a message is recorded for each promise that it told of, once, whatever happens meanwhile."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import psycopg
import structlog

from domain.actors import UPHELD
from domain.catalogue import Catalogue
from domain.commitment import Commitment
from domain.errors import Unavailable, UpheldError
from domain.moment import Moment
from domain.notices import Notice, failed, sent
from domain.values import Origin
from policies.composing import SQL, Message
from store.database import Database, reaching_the_database
from store.ledger import Ledger
from store.people import Staff

__all__ = ["Outcomes"]

log = structlog.get_logger("upheld.messages")

_AT_ONCE = 16
_AGAIN_SECONDS = 0.5
_COMMAND = "messages"

_Decide = Callable[[Notice, Commitment, Moment], None]


class Outcomes:
    """Records what came of messages. `by` names the way that was tried: the number of the channel, or `push`."""

    def __init__(self, database: Database, ledger: Ledger, catalogue: Catalogue, staff: Staff) -> None:
        self._database = database
        self._ledger = ledger
        self._catalogue = catalogue
        self._staff = staff

    def was_sent(self, message: Message, by: str) -> bool:
        """Whether it is recorded already that it went this way; a crash may have kept that from being noted."""
        return any(one.commitment.answer_to(_origin(message, by, one.notice, "sent")) for one in message.told)

    async def sent(self, message: Message, by: str, channel: str, *, done: bool = True) -> None:
        """It left; `done` where nothing more is to be tried."""
        await self._record(message, by, "sent", lambda n, c, moment: sent(n, c, channel, moment), done=done)

    async def failed(self, message: Message, by: str, channel: str | None, reason: str, *, done: bool = True) -> None:
        """It did not leave, and why. Of customers that is not recorded: what they were told is a fact, nothing else."""

        def decide(notice: Notice, commitment: Commitment, moment: Moment) -> None:
            if not notice.is_for_customer:
                failed(notice, commitment, channel, reason, moment)

        await self._record(message, by, "failed", decide, done=done)

    async def moot(self, message: UUID, numbers: Sequence[int], *, all_of_it: bool) -> None:
        """These need not be told any more. Where nothing else was, the next message to him need not wait."""
        if numbers:
            await self._execute("done", (await self._ledger.now(), list(numbers)))
        if all_of_it:
            await self._execute("untold", (message,))

    async def reached(self, message: Message, *, reached: bool) -> None:
        """Whether its recipient was reached by any of his channels."""
        await self._execute("reached", (reached, message.category, message.recipient, reached))

    async def _record(self, message: Message, by: str, outcome: str, decide: _Decide, *, done: bool) -> None:
        told = message.told
        for start in range(0, len(told), _AT_ONCE):
            chunk = [one.notice for one in told[start : start + _AT_ONCE]]
            origins = [_origin(message, by, notice, outcome) for notice in chunk]
            await asyncio.gather(*(self._record_one(*each, decide) for each in zip(chunk, origins, strict=True)))
            if done:
                await self._execute(
                    "done", (await self._ledger.now(), [message.numbers[notice.key] for notice in chunk])
                )

    async def _record_one(self, notice: Notice, origin: Origin, decide: _Decide) -> None:
        """Whatever keeps it from being recorded now: the message has left, and must not leave again for that."""
        moment = Moment(await self._ledger.now(), origin, self._catalogue, self._staff.roster)

        def once(commitment: Commitment, _: object) -> None:
            if commitment.answer_to(origin) is None:
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

    async def _execute(self, name: str, params: Sequence[object]) -> None:
        with reaching_the_database():
            async with self._database.pool.connection() as conn:
                await conn.execute(SQL[name], params)


def _origin(message: Message, by: str, notice: Notice, outcome: str) -> Origin:
    """By which what came of a message is known, however often it is recorded."""
    return Origin(UPHELD, None, _COMMAND, f"{message.id}/{by}/{message.numbers[notice.key]}/{outcome}")

"""Composing: what a message says, from what its recipient is to be told and how the promises stand as it leaves.

>>> message = await composer.read(id)  # doctest: +SKIP
>>> (await composer.text(message)).body  # doctest: +SKIP
'Stop 11: new promise https://upheld.example/k/4f9QmB2xTn0aLw7RkZc1'
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.commitment import Commitment
from domain.deadlines import end_of_day, zone
from domain.notices import Notice, holds
from domain.people import Contact, Person
from policies.wording import (
    Pushed,
    Text,
    Told,
    is_for_the_office,
    office_path,
    to_browser,
    to_customer,
    to_staff,
)
from store.database import Database
from store.keeper_links import KeeperLinks
from store.keyring import Keyring
from store.ledger import Ledger
from store.links import CustomerLinks
from store.people import Customers, People
from store.queries import queries

__all__ = ["SQL", "Composer", "Message"]

SQL = queries("policies", "carrying.sql")


@dataclass(frozen=True, slots=True)
class Message:
    """What is told together, to whom; `numbers` are those of the notices, by their keys."""

    id: UUID
    category: str
    recipient: str
    who: Person | Contact
    told: list[Told]
    numbers: dict[str, int]


class Composer:
    """Reads messages, and finds the words for them."""

    def __init__(self, database: Database, keyring: Keyring, ledger: Ledger, public_url: str | None) -> None:
        self._database = database
        self._ledger = ledger
        self._people = People(database, keyring, ledger.clock)
        self._customers = Customers(database, keyring, ledger.clock)
        self._customer_links = CustomerLinks(database, keyring)
        self._keeper_links = KeeperLinks(database, keyring)
        self._public_url = public_url.rstrip("/") if public_url is not None else None

    async def read(self, id: UUID, now: datetime, *, told_too: bool = False) -> tuple[Message | None, list[int]]:
        """What is to be told in a message, and the numbers of what is not any more; no message where nothing is left.

        With `told_too` also what was told already, by another way.
        """
        rows = await self._database.fetch(SQL["message"], {"message": id, "told_too": told_too})
        notices = dict(map(_notice, rows))
        commitments = await self._ledger.readable(list({notice.commitment_id for notice in notices.values()}))
        live = {n: one for n, one in notices.items() if _makes_sense(one, commitments.get(one.commitment_id), now)}
        for number, one in list(live.items()):
            if one.about == "moved" and await self._moved_back(commitments[one.commitment_id]):
                del live[number]
        moot = sorted(notices.keys() - live.keys())
        if not live:
            return None, moot
        category, recipient = rows[0][1:3]
        who = await (self._customers if category == "customer" else self._people).find(recipient)
        if who is None:  # nobody is known by that name any more
            return None, sorted(notices)
        told = await self._told(list(live.values()), commitments)
        numbers = {one.key: number for number, one in live.items()}
        return Message(id, category, recipient, who, told, numbers), moot

    async def _moved_back(self, commitment: Commitment) -> bool:
        """Whether what was changed in between says again what the customer heard last."""
        heard = commitment.informed_revision or 1
        if commitment.revision <= heard + 1:
            return False
        before = await self._ledger.commitment_in(commitment.id, heard)
        return (before.promise, before.due.at) == (commitment.promise, commitment.due.at)

    async def _told(self, notices: Sequence[Notice], commitments: dict[UUID, Commitment]) -> list[Told]:
        known = await self._ledger.orders({c.order_id for c in commitments.values() if c.order_id is not None})
        told = []
        for notice in notices:
            commitment = commitments[notice.commitment_id]
            link = await self._customer_link(commitment.id) if notice.is_for_customer else None
            told.append(Told(notice, commitment, known.get(commitment.order_id or ""), link))
        return told

    async def text(self, message: Message, now: datetime) -> Text:
        """The words of a message, as its recipient reads them now."""
        if isinstance(message.who, Contact):
            return to_customer(message.told, message.who, message.id, now)
        return to_staff(message.told, message.who, await self.link(message, now), message.id, now)

    async def pushed(self, message: Message, now: datetime) -> Pushed:
        """What the browsers of one of the staff get."""
        return to_browser(message.told, await self.text(message, now), message.id, self._public_url or "")

    async def link(self, message: Message, now: datetime) -> str | None:
        """Where one of the staff looks: a keeper at his tasks of the day, whoever else at the page of his work."""
        if self._public_url is None or isinstance(message.who, Contact):
            return None
        if is_for_the_office(message.told):
            return self._public_url + office_path(message.told, is_brief=message.who.content == "minimal")
        if message.recipient.startswith("team:"):
            return f"{self._public_url}/"
        midnight = end_of_day(now, zone(message.who.time_zone))
        return f"{self._public_url}/k/{await self._keeper_links.open(message.recipient, midnight, now=now)}"

    async def _customer_link(self, id: UUID) -> str | None:
        return f"{self._public_url}/c/{await self._customer_links.open(id)}" if self._public_url is not None else None


def _notice(row: Sequence[Any]) -> tuple[int, Notice]:
    """A notice as it is kept, with its number."""
    number, _, recipient, commitment_id, about, anchor, at, *rest = row
    return number, Notice(commitment_id, about, recipient, at, anchor, *rest)


def _makes_sense(notice: Notice, commitment: Commitment | None, now: datetime) -> bool:
    """Whether it still is to be told. Of what is erased nothing is."""
    return commitment is not None and not commitment.is_erased and holds(notice, commitment, now)

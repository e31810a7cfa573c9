"""What a message says: in the language and the time of whoever reads it, brief or in full.

>>> brief(["Stop 11: new promise"], "https://upheld.example/k/4f9QmB2xTn0aLw7RkZc1")
'Stop 11: new promise https://upheld.example/k/4f9QmB2xTn0aLw7RkZc1'
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Literal
from uuid import UUID

from babel.support import Translations
from babel.units import format_unit

from domain.commitment import Commitment
from domain.deadlines import zone
from domain.notices import Notice
from domain.order import Order
from domain.people import Contact, Person
from policies.texts import deadline, translations

__all__ = [
    "Pushed",
    "Text",
    "Told",
    "brief",
    "is_for_the_office",
    "office_path",
    "to_browser",
    "to_customer",
    "to_staff",
]

_BRIEF = 70
"""Characters of one short message in a script that is not Latin (3GPP TS 23.038: UCS-2)."""
_LISTED, _LISTED_TO_CUSTOMERS = 10, 100
"""Promises that one message tells in full, or names to a browser."""
_DESK = ("/desk", "/desk/promises")
_BOARD = ("/board", "/board/flags")
_TELL_THE_CUSTOMER = frozenset({"disputed", "declined", "attempted"})


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that is told: the notice, the promise as it stands, the order, and the customer's own link."""

    notice: Notice
    commitment: Commitment
    order: Order | None = None
    link: str | None = None

    @property
    def stop(self) -> int | None:
        assignment = self.order.assignments.get(self.notice.role or "") if self.order is not None else None
        return assignment.stop if assignment is not None else None


@dataclass(frozen=True, slots=True)
class Text:
    """A message. `template` names the text and its language, and `params` what was put into it, for gateways that
    send approved texts only.
    """

    title: str
    body: str
    template: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a browser gets: words to show, where they lead, and by what it finds there what they are about.

    `order_id` is the order of all of it, where there is one.
    """

    id: UUID
    title: str
    body: str
    url: str
    commitments: tuple[UUID, ...]
    order_id: str | None


def brief(ways: Sequence[str], link: str | None) -> str:
    """The words and the link within 70 characters, in the first of several ways to say it that fits, the longest first.

    Beside a link that leaves no room the shortest way stands all the same: nobody follows a link without a word.
    """
    texts = [f"{way} {link}" if link is not None else way for way in ways]
    return next((text for text in texts if len(text) <= _BRIEF), texts[-1])


def is_for_the_office(told: Sequence[Told]) -> bool:
    """Whether all of it is about promises that others are to keep."""
    return all(one.notice.about == "escalated" for one in told)


def office_path(told: Sequence[Told], *, is_brief: bool = False) -> str:
    """Where somebody of the office looks after what is in danger: an agent at the desk, whoever else at the board.

    One promise has a page of its own, whose address is too long for what is brief.

    >>> office_path([Told(notice, commitment)])  # doctest: +SKIP
    '/board/flags/0b4a8a8e-6f0e-5f0c-9a38-2f1d6f3f9c11'
    """
    all_of_them, one_of_them = _DESK if told[0].notice.to.startswith("agent:") else _BOARD
    about = {one.commitment.id for one in told}
    return all_of_them if is_brief or len(about) > 1 else f"{one_of_them}/{about.pop()}"


def to_staff(told: Sequence[Told], person: Person, link: str | None, message: UUID, now: datetime) -> Text:
    """What one of the staff is told: `minimal`, where to look; `full`, the promises in the words of the customers."""
    # Who has a promise in two roles reads of it once.
    told = list({(one.commitment.id, one.notice.about): one for one in reversed(told)}.values())[::-1]
    words = _Words(person.locale, zone(person.time_zone), now)
    ways, about = words.headlines(told), told[0].notice.about if len(told) == 1 else "several"
    what = ways[0]
    params = {
        "what": what,
        "link": link or "",
        "stop": str(told[0].stop or "") if len(told) == 1 else "",
        "count": str(len(told)),
    }
    if person.content == "minimal":
        return Text("Upheld", brief(ways, link), f"{about}.{person.locale}", params)
    parts = [words.in_full(one) for one in told[:_LISTED]]
    if len(told) > _LISTED:
        parts.append(words.more(len(told) - _LISTED))
    parts += [*([link] if link else []), words.reference(message)]
    return Text(what, "\n\n".join(parts), f"{about}.{person.locale}", params)


def to_browser(told: Sequence[Told], text: Text, message: UUID, base: str) -> Pushed:
    """What a browser of one of the staff gets beside his message, whose `text` it is; `base` is where this service is
    reached, or nothing: the browser knows from where it subscribed.

    It leads to the program on a keeper's phone, or to where the office looks after it; at the promise where it is
    about one alone.
    """
    about, orders = list(dict.fromkeys(one.commitment.id for one in told)), {one.commitment.order_id for one in told}
    path = f"/courier#c-{about[0]}" if len(about) == 1 else "/courier"
    if is_for_the_office(told):
        path = office_path(told)
    order_id = orders.pop() if len(orders) == 1 else None
    return Pushed(message, text.title, text.params["what"], base + path, tuple(about[:_LISTED]), order_id)


def to_customer(told: Sequence[Told], contact: Contact, message: UUID, now: datetime) -> Text:
    """What a customer is told of all his promises that something happened to."""
    listed = told[:_LISTED_TO_CUSTOMERS]
    parts = [_Words(contact.locale, zone(one.commitment.due.time_zone), now).for_customer(one) for one in listed]
    words = _Words(contact.locale, zone("UTC"), now)
    if len(told) > len(listed):
        parts.append(words.more(len(told) - len(listed)))
    first = told[0].notice.about if len(told) == 1 else "several"
    params = {"promise": told[0].commitment.promise or "", "link": told[0].link or "", "count": str(len(told))}
    body = "\n\n".join([*parts, words.reference(message)])
    return Text(words.our_promise(len(told)), body, f"customer.{first}.{contact.locale}", params)


class _Words:
    """The words of one language, with the times of one zone."""

    def __init__(self, locale: str, tz: tzinfo, now: datetime) -> None:
        self._locale = locale.replace("-", "_")
        self._tz, self._now = tz, now
        # The narrow forms are missing in the other languages.
        self._length: Literal["short", "narrow"] = "narrow" if self._locale == "en" else "short"
        self._words: Translations = translations("policies", self._locale)

    def _say(self, text: str, **values: object) -> str:
        return str(self._words.gettext(text)) % values

    def _count(self, one: str, many: str, count: int) -> str:
        return str(self._words.ngettext(one, many, count)) % {"count": count}

    def _at(self, instant: datetime) -> str:
        return deadline(instant, self._tz, self._locale)

    def headline(self, told: Sequence[Told]) -> str:
        """All of it in a few words."""
        return self.headlines(told)[0]

    def headlines(self, told: Sequence[Told]) -> list[str]:
        """All of it in a few words, and in ever fewer."""
        if len(told) > 1:
            return [self._count("%(count)s promise needs you", "%(count)s promises need you", len(told))]
        one = told[0]
        if one.notice.about == "escalated":
            return [_sentence(way) for way in self._danger(one)]
        what = self._what(one)
        if one.stop is None:
            return [_sentence(what)]
        values = {"stop": one.stop, "what": what}
        return [self._say("Stop %(stop)s: %(what)s", **values), self._say("#%(stop)s: %(what)s", **values), what]

    def _what(self, one: Told) -> str:
        match one.notice.about:
            case "assigned":
                return self._say("new promise")
            case "amended":
                return self._say("promise changed")
            case "reassigned":
                return self._say("no longer yours")
            case "withdrawn":
                return self._say("withdrawn")
            case "missed":
                return self._say("please confirm")
            case "nagged" if one.commitment.handoff(one.notice.role or "").awaits_receipt:
                return self._say("please confirm")
            case "nagged" if one.commitment.due.at <= self._now:
                return self._say("overdue")
            case _:
                return self._say("due in %(left)s", left=self._left(one.commitment))

    def _danger(self, one: Told) -> list[str]:
        cause = one.notice.cause or ""
        said = {
            "disputed": "customer disputes it",
            "declined": "declined",
            "attempted": "attempt failed",
            "overdue": "overdue",
            "unassigned": "nobody has it",
            "stale_revision": "only an older version confirmed",
            "not_received": "not confirmed",
            "postponements": "moved too often",
            "contacts": "customer keeps asking",
            "raised": "raised to you",
        }
        what = self._say(said.get(cause, cause))
        ways = [self._say("in danger: %(cause)s", cause=what), what]
        if cause in _TELL_THE_CUSTOMER and one.commitment.due.at > self._now:
            left = self._left(one.commitment)
            return [self._say("%(what)s, %(left)s left", what=way, left=left) for way in ways]
        return ways

    def _left(self, commitment: Commitment) -> str:
        """The time that is left, rounded down: days and hours, or hours and minutes."""
        minutes = max(int((commitment.due.at - self._now).total_seconds()) // 60, 0)
        days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
        units = [(days, "day"), (hours, "hour")] if days else [(hours, "hour"), (minutes, "minute")]
        parts = [format_unit(n, f"duration-{unit}", self._length, locale=self._locale) for n, unit in units if n]
        return " ".join(parts) or format_unit(0, "duration-minute", self._length, locale=self._locale)

    def in_full(self, one: Told) -> str:
        """A promise as one of the staff is told of it."""
        commitment = one.commitment
        lines = [self.headline([one])]
        if commitment.order_id is not None:
            lines.append(self._say("Order %(order)s", order=commitment.order_id))
        lines.append(self._say("“%(promise)s”", promise=commitment.promise))
        if commitment.items:
            things = ", ".join(f"{item.quantity} × {item.sku}" for item in commitment.items)
            lines.append(self._say("Things: %(things)s", things=things))
        lines.append(self._say("Due %(time)s", time=self._at(commitment.due.at)))
        if one.notice.about in ("assigned", "amended", "missed", "nagged"):
            receipt_due_at = commitment.handoff(one.notice.role or "").receipt_due_at
            if receipt_due_at is not None and receipt_due_at > self._now:
                lines.append(self._say("Please confirm by %(time)s", time=self._at(receipt_due_at)))
        if one.notice.about == "escalated" and one.notice.cause in _TELL_THE_CUSTOMER and commitment.due.at > self._now:
            lines.append(self._say("%(left)s left to tell the customer", left=self._left(commitment)))
        return "\n".join(lines)

    def for_customer(self, one: Told) -> str:
        """A promise as its customer is told of it."""
        values = {"promise": one.commitment.promise, "time": self._at(one.commitment.due.at)}
        match one.notice.about:
            case "made":
                text = self._say("We promised you: “%(promise)s”, by %(time)s.", **values)
            case "moved":
                text = self._say("Our promise to you has changed: “%(promise)s”, now by %(time)s.", **values)
            case "kept":
                text = self._say("Our promise to you is kept: “%(promise)s”.", **values)
            case _:
                text = self._say(
                    "We have not kept our promise to you: “%(promise)s”, by %(time)s. We are sorry, and still owe it.",
                    **values,
                )
        return "\n".join([text, *([self._say("How it stands: %(link)s", link=one.link)] if one.link else [])])

    def our_promise(self, count: int) -> str:
        return self._count("Our promise to you", "Our promises to you", count)

    def more(self, count: int) -> str:
        return self._count("and %(count)s more", "and %(count)s more", count)

    def reference(self, message: UUID) -> str:
        """By which whoever gets a message twice recognises it."""
        return self._say("Message %(number)s", number=str(message)[:8])


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]

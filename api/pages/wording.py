"""Words, names and times as one reader has them: in his language, in his zone, with the names that are known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from babel.dates import format_skeleton, format_time

from api.pages.visiting import Visitor
from policies.texts import deadline, local, translations

__all__ = ["KINDS", "OUTCOMES", "ROLES", "STATUSES", "Wording", "msg", "wording_for"]


def msg(message: str) -> str:
    """Marks words that are looked up where they are shown."""
    return message


ROLES = {
    "courier": msg("courier"),
    "agent": msg("agent"),
    "warehouse": msg("warehouse"),
    "finance": msg("finance"),
    "technician": msg("technician"),
    "supervisor": msg("supervisor"),
    "auditor": msg("auditor"),
    "system": msg("system"),
    "team": msg("team"),
}
KINDS = {
    "delivery": msg("delivery"),
    "redelivery": msg("redelivery"),
    "free_item": msg("free item"),
    "repair": msg("repair"),
    "refund": msg("refund"),
    "compensation": msg("compensation"),
    "price_adjustment": msg("price adjustment"),
    "invoice": msg("invoice"),
    "callback": msg("callback"),
    "answer": msg("answer"),
}
STATUSES = {
    "open": msg("open"),
    "kept": msg("kept"),
    "broken": msg("broken"),
    "withdrawn": msg("withdrawn"),
}
OUTCOMES = {
    "customer_absent": msg("Nobody was there"),
    "no_access": msg("No access"),
    "wrong_address": msg("Wrong address"),
    "customer_refused": msg("The customer refused it"),
    "damaged": msg("It is damaged"),
    "other": msg("Something else"),
}
CAUSES: dict[str, str] = {
    "postponements": msg("it was postponed too often"),
    "contacts": msg("the customer had to ask too often"),
    "raised": msg("somebody raised it"),
}
REASONS: Mapping[str, str] = {
    "disputed": msg("The customer says it did not happen"),
    "declined": msg("Who must keep it said no"),
    "attempted": msg("Tried, and not kept"),
    "overdue": msg("Overdue"),
    "unassigned": msg("Nobody is to keep it"),
    "stale_revision": msg("Who must keep it knows an older version"),
    "not_received": msg("Who must keep it does not know of it"),
}
REASON_ICONS: Mapping[str, str] = {
    "disputed": "disputed",
    "declined": "declined",
    "attempted": "attempted",
    "overdue": "overdue",
    "unassigned": "nobody",
    "stale_revision": "changed",
    "not_received": "waiting",
}
_NOBODY = {
    "system:upheld": msg("Upheld, by itself"),
    "system:import": msg("the import"),
}


@dataclass(frozen=True, slots=True)
class Wording:
    """How one reader is told things.

    >>> words = Wording("en", UTC, {"courier:li": "Li"})
    >>> words.who("courier:li"), words.who("courier:bo"), words.who("customer:CU-7")
    ('Li (courier)', 'bo (courier)', 'the customer CU-7')
    """

    locale: str
    tz: tzinfo
    names: Mapping[str, str] = field(default_factory=dict)

    def t(self, message: str, **values: object) -> str:
        """Words in his language, with what is to stand in them."""
        words = translations("api", self.locale).gettext(message)
        return words % values if values else words

    def who(self, actor: str) -> str:
        """Somebody: by his name where it is known, and what he is."""
        if (own := _NOBODY.get(actor)) is not None:
            return self.t(own)
        role, _, id = actor.partition(":")
        if role == "customer":
            return self.t("the customer %(customer)s", customer=id)
        if role == "team":
            return self.t("the team %(team)s", team=self.role(id))
        return f"{self.names.get(actor, id)} ({self.role(role)})"

    def role(self, role: str) -> str:
        """A role; one of the company's own is called as it calls it."""
        return self.t(ROLES[role]) if role in ROLES else role

    def kind(self, kind: str) -> str:
        return self.t(KINDS[kind]) if kind in KINDS else kind

    def reason(self, cause: str) -> str:
        """Why something is flagged, or went up."""
        known = {**REASONS, **CAUSES}
        return self.t(known[cause]) if cause in known else cause

    def when(self, at: datetime) -> str:
        """An instant, with its day."""
        return local(at, self.tz, self.locale)

    def until(self, at: datetime) -> str:
        """A deadline, with its day."""
        return deadline(at, self.tz, self.locale)

    def clock(self, at: datetime) -> str:
        """An instant without its day."""
        return format_skeleton("Hm", at.astimezone(self.tz), locale=self.locale)

    def to_the_second(self, at: datetime) -> str:
        """An instant as exactly as a dispute needs it."""
        there = at.astimezone(self.tz)
        return f"{self.day(at)} {format_time(there, 'HH:mm:ss', locale=self.locale)}"

    def day(self, at: datetime) -> str:
        return format_skeleton("yMMMEd", at.astimezone(self.tz), locale=self.locale)


async def wording_for(visitor: Visitor, actors: Iterable[str | None]) -> Wording:
    """How a visitor is told of these people."""
    known = await visitor.people(actors)
    return Wording(visitor.locale, visitor.tz, {actor: person.name for actor, person in known.items()})

"""What the board shows of a flag: what is wrong, how long there is to mend it, and who can be asked.

What the API answers is JSON; here it becomes what a template can write down in its reader's time and language.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from babel.dates import format_timedelta
from fastapi import Response

from api.pages.visiting import Visitor
from api.pages.wording import REASON_ICONS, REASONS
from policies import channels

__all__ = [
    "FILTERS",
    "GROUPED_BY",
    "Listing",
    "Sent",
    "Shown",
    "board_page",
    "group_links",
    "instant",
    "people_of",
    "problem_of",
    "shown_flags",
    "wanted",
]

FILTERS = ("reason", "recipient", "made_by", "depot", "kind", "role", "without")
GROUPED_BY = ("recipient", "depot", "reason", "made_by")
_ON_A_PAGE = 20


def instant(text: str | None) -> datetime | None:
    """An instant as the API writes it.

    >>> instant("2026-11-20T02:15:00Z").hour
    2
    """
    return datetime.fromisoformat(text) if text is not None else None


Fault = tuple[str, str]
"""What is wrong: the name of the field, and why."""


class Sent(dict[str, str]):
    """What an address or a form holds; what it does not hold is empty.

    >>> Sent(due="2026-11-25T18:00")["reason"]
    ''
    """

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Known:
    """What somebody is called, and the number at which he can be called."""

    name: str | None = None
    phone: str | None = None


_UNKNOWN = Known()


@dataclass(frozen=True, slots=True)
class Shown:
    """A flag as the board shows it; `keeper` and `taker` are what the book of people calls them. `can_be_told` where
    that book knows the keeper, or somebody of his team.
    """

    flag: Mapping[str, Any]
    commitment: Mapping[str, Any] | None
    keeper: str | None
    phone: str | None
    maker: str
    taker: str | None
    taken_until: datetime | None
    state: str | None
    can_be_told: bool
    nagged_at: datetime | None
    icon: str

    @property
    def id(self) -> str:
        return str(self.flag["commitment_id"])

    def taken_by(self, actor: str | None) -> bool:
        """Whether it is this very person who deals with it now."""
        return self.taker is not None and self.commitment is not None and self.commitment["taken_by"] == actor

    def at(self, name: str) -> datetime | None:
        """An instant of the flag by its name."""
        return instant(self.flag[name])


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of flags: those on this page, how many there are, and where the next page is; or why there is none."""

    flags: list[Shown]
    total: int
    capped: bool
    incomplete: bool
    next: str | None
    problem: list[Fault] | None = None


def wanted(visitor: Visitor) -> Sent:
    """The filters that stand in the address; what is empty there is not asked for."""
    asked = visitor.request.query_params
    return Sent((name, asked[name].strip()) for name in FILTERS if asked.get(name, "").strip())


async def shown_flags(visitor: Visitor, **more: str | None) -> Listing:
    """The flags that the address asks for, most urgent first."""
    filters = wanted(visitor)
    cursor = visitor.request.query_params.get("cursor") or None
    query = {**filters, "cursor": cursor, "limit": _ON_A_PAGE, "include": "commitment", **more}
    answered = await visitor.ask("GET", "/v1/flags", query=query)
    found = answered.json()
    if answered.is_refused:
        return Listing([], 0, False, False, None, problem_of(found))
    items = found["items"]
    actors = {flag[name] for flag in items for name in ("recipient", "made_by") if flag[name]}
    actors |= {
        flag["commitment"]["taken_by"] for flag in items if flag["commitment"] and flag["commitment"]["taken_by"]
    }
    people = await people_of(visitor, actors)
    following = {**_place(visitor), **filters, "cursor": found["next_cursor"]} if found["next_cursor"] else None
    return Listing(
        [_shown(flag, people, visitor) for flag in items],
        found["total"],
        "total_capped" in found,
        "incomplete" in found,
        f"/board?{urlencode(following)}" if following else None,
    )


def _place(visitor: Visitor) -> dict[str, str]:
    by = visitor.request.query_params.get("by", "")
    return {"by": by} if by in GROUPED_BY else {}


def _shown(flag: Mapping[str, Any], people: Mapping[str, Known], visitor: Visitor) -> Shown:
    commitment, recipient, now = flag["commitment"], flag["recipient"], visitor.now
    paused = instant(commitment["paused_until"]) if commitment else None
    takes = commitment["taken_by"] if commitment and paused is not None and paused > now else None
    handoffs = commitment["handoffs"] if commitment else []
    handoff: Mapping[str, Any] = next((one for one in handoffs if one["role"] == flag["role"]), {})
    known = people.get(recipient or "", _UNKNOWN)
    return Shown(
        flag=flag,
        commitment=commitment,
        keeper=known.name,
        phone=known.phone,
        maker=people.get(flag["made_by"], _UNKNOWN).name or flag["made_by"],
        taker=people.get(takes or "", _UNKNOWN).name or takes,
        taken_until=paused if takes else None,
        state=handoff.get("state"),
        can_be_told=recipient is not None and visitor.runtime.roster.can_be_told(recipient, now),
        nagged_at=instant(handoff.get("nagged_at")),
        icon=REASON_ICONS[flag["reason"]],
    )


async def people_of(visitor: Visitor, actors: Iterable[str]) -> dict[str, Known]:
    """What the book of people says of some actors, by actor; of some it says nothing."""
    found = await visitor.people(actors)
    return {actor: Known(person.name, channels.phone(person.channels)) for actor, person in found.items()}


def problem_of(answered: Mapping[str, Any]) -> list[Fault]:
    """Why the API refused something, in its own words: each fault behind the name of what it is about.

    >>> problem_of({"errors": [{"pointer": "/query/recipient", "detail": "is not of the form ROLE:ID"}]})
    [('recipient', 'is not of the form ROLE:ID')]
    """
    faults = [(fault["pointer"].rpartition("/")[2], fault["detail"]) for fault in answered.get("errors", [])]
    return faults or [("", str(answered.get("detail", "")))]


async def group_links(visitor: Visitor, by: str, groups: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The groups with what each is called, and where its flags are found."""
    filters, found = wanted(visitor), []
    actors = {group["group"] for group in groups if group["group"]} if by in ("recipient", "made_by") else set()
    people = await people_of(visitor, actors)
    for group in groups:
        own = {by: group["group"]} if group["group"] is not None else {"without": by}
        query = urlencode({**filters, **own})
        name = people.get(group["group"] or "", _UNKNOWN).name
        found.append({**group, "name": name, "rescue_by": instant(group["rescue_by"]), "query": query})
    return found


def board_page(visitor: Visitor, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page of the board, with the words that all of them need."""

    def ago(at: datetime) -> str:
        return format_timedelta(at - visitor.now, granularity="minute", add_direction=True, locale=visitor.locale)

    reasons = {reason: visitor.gettext(words) for reason, words in REASONS.items()}
    return visitor.page(template, status=status, reasons=reasons, ago=ago, filters=wanted(visitor), **values)

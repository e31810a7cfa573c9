"""People: who they are, how they are reached, when they are at work, and to whom they report.

Settings, not events: they follow no commitment, and must be forgettable. Decisions know of them only what a `Roster`
says.

>>> roster = Roster({"courier:li": Post(Duty("Mo-Fr 08:00-17:00", "Asia/Shanghai"), team="team:north")})
>>> roster.teams("courier:li"), roster.duty("courier:bo")
(frozenset({'team:north'}), None)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal

from domain.actors import role_of
from domain.calendars import Calendar, CalendarConfig, Span
from domain.deadlines import zone
from domain.errors import CalendarHasNoWorkingTime, ConfigurationError, Invalid

__all__ = ["NOBODY", "Contact", "Content", "Duty", "Locale", "Person", "Post", "Roster"]

Locale = Literal["en", "zh-CN", "bg"]
Content = Literal["minimal", "full"]
"""What a message says: only where to look, or the promise in the words that the customer heard."""


@dataclass(frozen=True, slots=True)
class Duty:
    """When somebody is at work: the hours of a week in opening-hours syntax, in a time zone.

    >>> from datetime import UTC
    >>> duty = Duty("Mo-Fr 08:00-17:00", "UTC")
    >>> saturday = datetime(2026, 11, 28, 12, tzinfo=UTC)
    >>> duty.is_on(saturday), str(duty.next_on(saturday))
    (False, '2026-11-30 08:00:00+00:00')
    """

    hours: str
    time_zone: str

    def check(self) -> None:
        """Raises `Invalid`, with a pointer, where the hours or the zone cannot be read, or nobody ever is at work."""
        zone(self.time_zone)
        try:
            calendar = _calendar(self.hours)
        except ConfigurationError as error:
            raise Invalid("/on_duty", str(error).partition(": ")[2]) from error
        for day in _ANY_DAYS:
            next(calendar.working_time(day, zone(self.time_zone), "/on_duty"))

    def spans(self, at: datetime) -> Iterator[Span]:
        """The times at work from `at` on. Raises `CalendarHasNoWorkingTime` where there are none."""
        return _calendar(self.hours).working_time(at, zone(self.time_zone))

    def is_on(self, at: datetime) -> bool:
        """Whether it is a time at work."""
        return self.next_on(at) == at

    def next_on(self, at: datetime) -> datetime:
        """`at` itself where that is a time at work, else when work begins next.

        Hours that have ended for good say nothing any more: then any time is one at work.
        """
        try:
            return next(self.spans(at))[0]
        except CalendarHasNoWorkingTime:
            return at


_calendar = lru_cache(maxsize=4096)(lambda hours: Calendar(CalendarConfig(working_hours=hours)))
_ANY_DAYS = [datetime.fromisoformat(f"{year}-01-01T00:00:00+00:00") for year in (2026, 2046)]
"""Hours of a week come again every year."""


@dataclass(frozen=True, slots=True)
class Post:
    """What decisions may know of a person: when he is at work, in which team, to whom he reports, and whether any
    channel leads to him.
    """

    duty: Duty | None = None
    team: str | None = None
    reports_to: str | None = None
    reachable: bool = True


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the staff, or a team. `channels` are tried in their order; they may hold secrets."""

    name: str
    locale: Locale
    time_zone: str
    team: str | None = None
    reports_to: str | None = None
    on_duty: str | None = None
    channels: tuple[str, ...] = ()
    content: Content = "minimal"

    @property
    def duty(self) -> Duty | None:
        return Duty(self.on_duty, self.time_zone) if self.on_duty is not None else None

    @property
    def post(self) -> Post:
        return Post(self.duty, self.team, self.reports_to, bool(self.channels))


@dataclass(frozen=True, slots=True)
class Contact:
    """How a customer is reached."""

    name: str | None
    locale: Locale
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is at work when, in which teams, and reports to whom; of whom nothing is known is nothing said."""

    posts: Mapping[str, Post] = field(default_factory=dict)

    def duty(self, actor: str | None) -> Duty | None:
        """When somebody is at work, where that is known."""
        post = self.posts.get(actor) if actor is not None else None
        return post.duty if post is not None else None

    def next_on(self, actor: str | None, at: datetime) -> datetime:
        """`at` where somebody is at work then, or that is not known; else when his work begins next.

        >>> at = datetime.fromisoformat("2026-11-28T12:00:00+00:00")
        >>> NOBODY.next_on("courier:li", at) == at
        True
        """
        duty = self.duty(actor)
        return duty.next_on(at) if duty is not None else at

    def teams(self, actor: str) -> frozenset[str]:
        """The teams that somebody was put in by name; the team of his role is not among them."""
        post = self.posts.get(actor)
        return frozenset({post.team}) if post is not None and post.team is not None else frozenset()

    def recipients(self, actor: str) -> list[str]:
        """As whom somebody is given what there is to do: himself, the team of his role, the teams he was put in.

        >>> NOBODY.recipients("courier:li")
        ['courier:li', 'team:courier']
        """
        return [actor, f"team:{role_of(actor)}", *sorted(self.teams(actor))]

    def members(self, team: str) -> list[str]:
        """Who is in a team, by his role or by name; of a person himself there are none."""
        of_role = {actor for actor in self.posts if f"team:{role_of(actor)}" == team}
        return sorted(of_role | {actor for actor, post in self.posts.items() if post.team == team})

    def reaches(self, actor: str | None) -> bool:
        """Whether somebody can be told anything, as far as is known."""
        post = self.posts.get(actor) if actor is not None else None
        return post is not None and post.reachable

    def told(self, recipient: str, now: datetime) -> list[str]:
        """Who is told what a recipient is to hear: himself; of a team without a contact point of its own the members,
        those at work, where some are.

        >>> NOBODY.told("courier:li", datetime.fromisoformat("2026-11-28T12:00:00+00:00"))
        ['courier:li']
        """
        members = [recipient] if self.reaches(recipient) else self.members(recipient)
        at_work = [member for member in members if self.next_on(member, now) == now]
        return at_work or members or [recipient]

    def can_be_told(self, recipient: str, now: datetime) -> bool:
        """Whether the book of people knows anybody who is told; a browser of his may be even without channels.

        >>> NOBODY.can_be_told("courier:li", datetime.fromisoformat("2026-11-28T12:00:00+00:00"))
        False
        """
        return any(person in self.posts for person in self.told(recipient, now))

    def superior(self, actor: str) -> str | None:
        """To whom somebody reports."""
        post = self.posts.get(actor)
        return post.reports_to if post is not None else None


NOBODY = Roster()
"""A roster on which nobody stands."""

"""What a story is made of: steps, each at a local time of its own, that are told to the API and to nothing else.

>>> story.told(date(2026, 11, 20))[0].at.isoformat()  # doctest: +SKIP
'2026-11-20T02:20:00+00:00'
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Literal
from urllib.parse import quote

from domain.calendars import Calendar, country_calendar, instant_of
from domain.deadlines import zone

__all__ = [
    "At",
    "Day",
    "Request",
    "Step",
    "Story",
    "Told",
    "amend",
    "ask",
    "assign",
    "keep",
    "promise",
    "receive",
    "reopen",
    "take_from",
]

Method = Literal["DELETE", "POST", "PUT"]

_FARTHEST: Final = 400
"""Days within which every calendar has the week that a story needs."""


@dataclass(frozen=True, slots=True)
class At:
    """A local time on a day of the story: `At(1, "07:30")` is half past seven on its second day."""

    day: int
    time: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the story as a date."""

    day: int


@dataclass(frozen=True, slots=True)
class Step:
    """One request: when, by whom, what. In `path` `{name}` is the id of what the step of that name created."""

    when: At
    who: str
    method: Method
    path: str
    body: Mapping[str, object]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A step as it is sent."""

    method: Method
    path: str
    headers: dict[str, str]
    body: dict[str, object] | None


@dataclass(frozen=True, slots=True)
class Told:
    """A step of a story at the instant at which it happens."""

    at: datetime
    step: Step
    number: int
    story: "Story"
    anchor: date

    def request(self, ids: Mapping[str, str]) -> Request:
        """The request, with the ids of what earlier steps created. Its key makes the ids the same everywhere."""
        step, story = self.step, self.story
        headers = {"X-Actor": step.who}
        if step.method == "POST":
            headers["Idempotency-Key"] = f"{story.slug}/{self.number}"
        body = {name: story.plain(value, self.anchor) for name, value in step.body.items()}
        if step.path == "/v1/commitments":
            body |= {"time_zone": story.time_zone, "calendar": story.calendar}
        return Request(step.method, step.path.format_map(ids), headers, body if step.method != "DELETE" else None)


def _any_day(_day: date, _calendar: Calendar) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Story:
    """Steps that happen together, in order. `ends` is when everything that they lead to has happened.

    `fits` says which days the story may begin on, where it needs a certain week.
    """

    slug: str
    title: str
    time_zone: str
    calendar: str
    ends: At
    steps: tuple[Step, ...]
    fits: Callable[[date, Calendar], bool] = _any_day

    def instant(self, anchor: date, when: At) -> datetime:
        """The instant of a local time, where the story begins on `anchor`."""
        local = datetime.combine(anchor + timedelta(days=when.day), time.fromisoformat(when.time))
        return instant_of(local, zone(self.time_zone))

    def plain(self, value: object, anchor: date) -> object:
        """A value of a body as JSON has it: times and days of the story become instants and dates."""
        if isinstance(value, At):
            return self.instant(anchor, value).isoformat()
        if isinstance(value, Day):
            return (anchor + timedelta(days=value.day)).isoformat()
        if isinstance(value, Mapping):
            return {key: self.plain(inner, anchor) for key, inner in value.items()}
        return value

    def told(self, anchor: date) -> list[Told]:
        """The steps with their instants, where the story begins on `anchor`."""
        return [
            Told(self.instant(anchor, step.when), step, number, self, anchor) for number, step in enumerate(self.steps)
        ]

    def last_anchor(self, now: datetime) -> date:
        """The last day on which the story can begin so that all of it has happened by `now`."""
        today = now.astimezone(zone(self.time_zone)).date()
        days = (today - timedelta(days=back) for back in range(_FARTHEST))
        return self._first(day for day in days if self.instant(day, self.ends) <= now)

    def next_anchor(self, now: datetime) -> date:
        """The first day on which the story can begin so that all of it lies ahead of `now`."""
        today = now.astimezone(zone(self.time_zone)).date()
        days = (today + timedelta(days=ahead) for ahead in range(_FARTHEST))
        return self._first(day for day in days if self.instant(day, self.steps[0].when) > now)

    def _first(self, days: Iterable[date]) -> date:
        calendar = Calendar(country_calendar(self.calendar))
        return next(day for day in days if self.fits(day, calendar))


def promise(when: At, who: str, name: str, **body: object) -> Step:
    """The company gives its word; later steps call it `name`."""
    return Step(when, who, "POST", "/v1/commitments", body, name)


def amend(when: At, who: str, name: str, **body: object) -> Step:
    return Step(when, who, "POST", f"/v1/commitments/{{{name}}}/amendments", body)


def ask(when: At, who: str, name: str, **body: object) -> Step:
    """The customer asks again."""
    return Step(when, who, "POST", f"/v1/commitments/{{{name}}}/contacts", body)


def receive(when: At, who: str, name: str, state: str, revision: int = 1, **body: object) -> Step:
    body = {"state": state, "revision": revision, **body}
    return Step(when, who, "POST", f"/v1/commitments/{{{name}}}/receipts", body)


def keep(when: At, who: str, name: str, **body: object) -> Step:
    return Step(when, who, "POST", f"/v1/commitments/{{{name}}}/fulfilment", body)


def reopen(when: At, who: str, name: str, **body: object) -> Step:
    return Step(when, who, "POST", f"/v1/commitments/{{{name}}}/reopening", body)


def assign(when: At, who: str, order_id: str, recipient: str, **body: object) -> Step:
    """Somebody carries an order; the role is the recipient's."""
    body = {"role": recipient.partition(":")[0], "recipient": recipient, **body}
    return Step(when, who, "PUT", f"/v1/orders/{quote(order_id, safe='')}/assignment", body)


def take_from(when: At, who: str, order_id: str, role: str) -> Step:
    """Nobody carries an order any more."""
    return Step(when, who, "DELETE", f"/v1/orders/{quote(order_id, safe='')}/assignment?role={role}", {})

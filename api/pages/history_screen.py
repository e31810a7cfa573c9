"""What a keeper's screen could show at an instant: made anew from what was recorded until then.

It is told as his phone tells it: the stops in order, the words of then, the signs in the phone's own words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from babel.dates import format_skeleton
from fastapi import Response

from api.pages.history_found import Row, events_in, told
from api.pages.history_search import FAULTS, instant_in, local_value
from api.pages.visiting import Visiting, Visitor
from api.pages.wording import Wording, msg, wording_for
from api.routes import routes
from domain.deadlines import day_ending_at, zone
from projections.history import HistoryItem
from projections.tasks import TaskView
from projections.views import CommitmentView, HandoffView

__all__ = ["router"]

router = routes("", "pages", documented=False)

_STEPS: Final = (
    (-60, msg("1 hour earlier")),
    (-15, msg("15 minutes earlier")),
    (-1, msg("1 minute earlier")),
    (1, msg("1 minute later")),
    (15, msg("15 minutes later")),
    (60, msg("1 hour later")),
)
_INSTANT: Final = timedelta(microseconds=1)
_NOT_OPENED: Final = frozenset({"assigned", "sent", "delivered"})


@dataclass(frozen=True, slots=True)
class Mark:
    icon: str
    tone: str
    words: str


@dataclass(frozen=True, slots=True)
class Task:
    """One promise as the screen showed it."""

    commitment: CommitmentView
    due: str
    marks: Sequence[Mark]
    needs_him: bool


@dataclass(frozen=True, slots=True)
class Stop:
    place: TaskView
    planned: str
    tasks: Sequence[Task]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose screen, and at which instant, as they were written; and what is wrong with either."""

    recipient: str
    value: str
    at: datetime | None
    faults: dict[str, str]


class _Tasks(msgspec.Struct):
    items: list[TaskView]
    incomplete: bool = False


@router.get("/history/screen")
async def screen(visitor: Visiting) -> Response:
    """The tasks of a keeper, as his phone could show them at an instant."""
    if visitor.actor is None:
        return visitor.who_are_you()
    asked = _asked(visitor)
    if asked.at is None or not asked.recipient or asked.faults:
        return _page(visitor, asked, status=422 if asked.faults else 200)
    if visitor.request.query_params.get("at") != _z(asked.at):
        return Response(status_code=303, headers={"Location": _address(asked.recipient, asked.at)})
    query = {"recipient": asked.recipient, "as_of": _z(asked.at)}
    answered = await visitor.ask("GET", "/v1/tasks", query=query)
    if answered.status == 422:
        for error in answered.json()["errors"]:
            name = "at" if error["pointer"] == "/query/as_of" else "recipient"
            fault = msg("That lies in the future") if name == "at" else FAULTS["recipient"]
            asked.faults[name] = visitor.gettext(fault)
    if answered.is_refused:
        return _page(visitor, asked, status=answered.status, failed=not asked.faults)
    day = msgspec.json.decode(bytes(answered.body), type=_Tasks)
    return await _shown(visitor, asked, asked.at, day)


def _asked(visitor: Visitor) -> Asked:
    params = visitor.request.query_params
    recipient, written = params.get("recipient", "").strip(), params.get("at", "").strip()
    at = instant_in(written, visitor.tz) if written else None
    fault = FAULTS["from"]
    unread = {"at": visitor.gettext(fault)} if written and at is None else {}
    shown = local_value(at if at is not None else visitor.now, visitor.tz) if not unread else written
    return Asked(recipient, shown, at, unread)


async def _shown(visitor: Visitor, asked: Asked, at: datetime, day: _Tasks) -> Response:
    recipients = visitor.runtime.roster.recipients(asked.recipient)
    before = await _nearest(visitor, recipients, to=_z(at + _INSTANT), order="newest_first")
    after = await _nearest(visitor, recipients, from_=_z(at + _INSTANT), order="oldest_first")
    words = await wording_for(visitor, [asked.recipient, *(c.made_by for stop in day.items for c in stop.commitments)])
    steps = [(visitor.gettext(label), _address(asked.recipient, at + timedelta(minutes=n))) for n, label in _STEPS]
    possible = [step for step, (n, _) in zip(steps, _STEPS, strict=True) if at + timedelta(minutes=n) <= visitor.now]
    # On the phone are the times of where the keeper is, as far as anybody told.
    person = (await visitor.people([asked.recipient])).get(asked.recipient)
    zone_there = person.time_zone if person is not None else visitor.runtime.catalogue.default_time_zone
    there = replace(words, tz=zone(zone_there))
    stops = [stop for place in day.items if (stop := _stop(place, recipients, at, there)).tasks]
    return _page(
        visitor,
        asked,
        words=words,
        whose=words.who(asked.recipient),
        as_of=words.to_the_second(at),
        as_of_clock=there.clock(at),
        zone_there=zone_there,
        stops=stops,
        needing=sum(task.needs_him for stop in stops for task in stop.tasks),
        incomplete=day.incomplete,
        steps=possible,
        before=before,
        earlier=_address(asked.recipient, before.item.recorded_at - _INSTANT) if before else None,
        after=after,
        later=_address(asked.recipient, after.item.recorded_at) if after else None,
    )


def _page(visitor: Visitor, asked: Asked, *, status: int = 200, **shown: object) -> Response:
    whole: dict[str, Any] = {"stops": None, "failed": False, **shown}
    return visitor.page("history_screen.html", status=status, asked=asked, **whole)


async def _nearest(visitor: Visitor, recipients: Sequence[str], **query: str) -> Row | None:
    """The event with one of these recipients that comes first in that direction."""
    found: list[HistoryItem] = []
    for recipient in recipients:
        answered = await visitor.ask("GET", "/v1/history", query={**query, "recipient": recipient, "limit": 1})
        found += [] if answered.is_refused else events_in(answered).items
    if not found:
        return None
    choose = max if query["order"] == "newest_first" else min
    return (await told(visitor, [choose(found, key=lambda item: item.position)]))[0]


def _address(recipient: str, at: datetime) -> str:
    return f"/history/screen?{urlencode({'recipient': recipient, 'at': _z(at)})}"


def _z(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


# -- as the phone tells it --------------------------------------------------------------------------------------


def _stop(place: TaskView, recipients: Sequence[str], at: datetime, words: Wording) -> Stop:
    mine = [(shown, [one for one in shown.handoffs if one.recipient in recipients]) for shown in place.commitments]
    tasks = [_task(shown, handoffs, at, words) for shown, handoffs in mine if handoffs]
    return Stop(place, _planned(place, at, words), sorted(tasks, key=lambda task: not task.needs_him))


def _task(shown: CommitmentView, handoffs: Sequence[HandoffView], at: datetime, words: Wording) -> Task:
    marks = []
    if any(one.received_revision is not None and one.received_revision < one.revision for one in handoffs):
        marks.append(Mark("changed", "alarm", words.t("Changed")))
    elif any(one.asked != "none" and one.state in _NOT_OPENED for one in handoffs):
        marks.append(Mark("new", "alarm", words.t("New")))
    marks += [_standing(one, words) for one in handoffs if one.asked != "none"]
    if shown.due.at <= at:
        marks.append(Mark("overdue", "alarm", words.t("Overdue")))
    needs_him = any(one.asked != "none" and not one.received and one.state != "declined" for one in handoffs)
    return Task(shown, _due(shown.due.at, at, words), marks, needs_him)


def _standing(one: HandoffView, words: Wording) -> Mark:
    if one.state == "declined":
        return Mark("declined", "alarm", words.t("You said that you cannot"))
    if one.received:
        held = one.asked == "held"
        return Mark("received", "done", words.t("Confirmed: you have it") if held else words.t("Confirmed: you know"))
    if one.state == "acknowledged":
        return Mark("waiting", "alarm", words.t("You know of it, and do not have it yet"))
    return Mark("waiting", "alarm", words.t("Not confirmed yet"))


def _planned(place: TaskView, at: datetime, words: Wording) -> str:
    if place.planned_start is not None:
        start = _moment(place.planned_start, at, words)
        return f"{start}–{words.clock(place.planned_end)}" if place.planned_end is not None else start
    if place.departs_at is not None:
        return words.t("Departure %(time)s", time=_moment(place.departs_at, at, words))
    return ""


def _moment(instant: datetime, now: datetime, words: Wording) -> str:
    """The hour on that day, else the day as well; the midnight that ends a day belongs to it."""
    ended = day_ending_at(instant, words.tz)
    day = ended or instant.astimezone(words.tz).date()
    hour = "24:00" if ended is not None else words.clock(instant)
    if day == now.astimezone(words.tz).date():
        return hour
    return f"{format_skeleton('MMMEd', datetime.combine(day, time()), locale=words.locale)} {hour}"


def _due(due: datetime, now: datetime, words: Wording) -> str:
    told = {"time": _moment(due, now, words), "span": _span(abs(due - now), words)}
    if due > now:
        return words.t("by %(time)s, in %(span)s", **told)
    return words.t("was due by %(time)s, %(span)s ago", **told)


def _span(span: timedelta, words: Wording) -> str:
    minutes = int(span.total_seconds()) // 60
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        with_hours = words.t("%(days)s d %(hours)s h", days=days, hours=hours)
        return with_hours if hours else words.t("%(days)s d", days=days)
    if hours:
        with_rest = words.t("%(hours)s h %(minutes)s min", hours=hours, minutes=rest)
        return with_rest if rest else words.t("%(hours)s h", hours=hours)
    return words.t("%(minutes)s min", minutes=minutes) if minutes else words.t("under a minute")

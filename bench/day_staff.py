"""Who works there, when, and for whom; each with an inbox of his own.

>>> staff = Staff(Model())
>>> staff.people["agent:a16"].reports_to, staff.people["agent:a16"].on_duty
('supervisor:s1', 'Mo-Su 12:00-21:00')
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TypedDict

from bench.day_model import ZONE, Model
from domain.actors import role_of
from domain.calendars import pass_within
from domain.people import Duty

__all__ = ["Member", "PersonBody", "Staff"]

_EARLY, _LATE = "Mo-Su 06:00-15:00", "Mo-Su 12:00-21:00"
_OF_AGENTS = ("Mo-Su 08:00-17:00", "Mo-Su 12:00-21:00")
_OF_THE_HALL = ("Mo-Su 06:00-14:00", "Mo-Su 14:00-22:00")
_OFFICE = "Mo-Fr 09:00-18:00"


class PersonBody(TypedDict):
    """What is said of somebody to the product."""

    name: str
    locale: str
    time_zone: str
    team: str | None
    reports_to: str | None
    on_duty: str
    channels: list[str]


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of the staff, or a team."""

    actor: str
    on_duty: str
    team: str | None = None
    reports_to: str | None = None

    @property
    def role(self) -> str:
        return role_of(self.actor)

    @property
    def duty(self) -> Duty:
        return Duty(self.on_duty, str(ZONE))

    def body(self, inbox: str) -> PersonBody:
        return {
            "name": self.actor.partition(":")[2],
            "locale": "zh-CN",
            "time_zone": str(ZONE),
            "team": self.team,
            "reports_to": self.reports_to,
            "on_duty": self.on_duty,
            "channels": [f"{inbox}/{self.actor.replace(':', '/')}"],
        }


class Staff:
    """Everybody, and who of them is at work."""

    def __init__(self, model: Model) -> None:
        self.supervisors = model.crowd(model.supervisors, least=2)
        self.people = {member.actor: member for member in self._members(model)}

    def _members(self, model: Model) -> Iterator[Member]:
        agents, managers = model.crowd(model.agents, least=2), model.crowd(model.managers)
        for n in range(agents):
            superior = n * self.supervisors // agents
            yield Member(f"agent:a{n}", _OF_AGENTS[superior % 2], reports_to=f"supervisor:s{superior}")
        for n in range(self.supervisors):
            yield Member(f"supervisor:s{n}", (_EARLY, _LATE)[n % 2], reports_to=f"manager:m{n % managers}")
        for n in range(managers):
            yield Member(f"manager:m{n}", "Mo-Su 08:00-18:00")
        for n in range(model.crowd(model.couriers, least=2)):
            yield Member(f"courier:c{n}", "Mo-Su 06:30-19:00", team="team:north")
        for n in range(model.crowd(model.warehouse, least=4)):
            yield Member(f"warehouse:w{n}", _OF_THE_HALL[n % 2])
        for n in range(model.crowd(model.finance, least=2)):
            yield Member(f"finance:f{n}", _OFFICE)
        for n in range(model.crowd(model.technicians, least=2)):
            yield Member(f"technician:t{n}", "Mo-Fr 08:00-18:00")
        if model.team_channels:
            yield Member("team:warehouse", "Mo-Su 06:00-22:00")
            yield Member("team:finance", _OFFICE)

    def of_role(self, role: str) -> list[Member]:
        return [member for member in self.people.values() if member.role == role]

    def at_work(self, role: str, now: datetime) -> list[Member]:
        return [member for member in self.of_role(role) if member.duty.is_on(now)]

    def is_at_work(self, actor: str, now: datetime) -> bool:
        return self.begins(actor, now) == now

    def begins(self, actor: str, now: datetime) -> datetime:
        """Now where somebody is at work, else when he begins; of a team the first of them."""
        return min(member.duty.next_on(now) for member in self._meant(actor))

    def after_work_of(self, actor: str, now: datetime, minutes: float) -> datetime:
        """When somebody has been at work for so many minutes from now on; of a team the first of them."""
        spans = (member.duty.spans(now) for member in self._meant(actor))
        return min(pass_within(each, timedelta(minutes=minutes)) or now for each in spans)

    def _meant(self, actor: str) -> list[Member]:
        known = self.people.get(actor)
        return [known] if known is not None else self.of_role(actor.partition(":")[2])

    def speaks_for(self, recipient: str, now: datetime, random: Random) -> str | None:
        """Who takes what was given to somebody or to a team; None where nobody is at work."""
        if role_of(recipient) != "team":
            return recipient if self.is_at_work(recipient, now) else None
        members = self.at_work(recipient.partition(":")[2], now)
        return random.choice(members).actor if members else None

    def another(self, than: str, now: datetime, random: Random) -> str | None:
        """Somebody else of the same role who is at work."""
        others = [member.actor for member in self.at_work(role_of(than), now) if member.actor != than]
        return random.choice(others) if others else None

"""The bodies of requests (contract, section 4), and how each becomes what the domain decides on."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import (
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict

from api.fields import ActorText, Address, Amount, Body, Currency, Day, Id, Instant, Line, Note, Promise, Role
from api.querying import Wanted as CommitmentsWanted
from domain.deadlines import DueRule, Shift, zone
from domain.durations import Unit, Within
from domain.errors import Invalid
from domain.keeping import Attempt, Contact
from domain.order import Assignment
from domain.people import Content, Locale, Person
from domain.promising import Amendment, Making, Wanted
from domain.receiving import ReceiptGiven
from domain.route import Plan, Stop
from domain.values import AttemptOutcome, Direction, Item, ReceiptState, ReopeningReason, Value, Via, WithdrawalCause
from policies.amending import BulkAmendment, Selection

__all__ = [
    "AmendmentBody",
    "AssignmentBody",
    "AttemptBody",
    "BatchBody",
    "BatchItem",
    "BulkBody",
    "ClockBody",
    "ContactBody",
    "ContactPointBody",
    "DeadlineBody",
    "DueBody",
    "EscalationBody",
    "FulfilmentBody",
    "HoldBody",
    "MakingBody",
    "MakingQuery",
    "OrderAssignmentBody",
    "PersonBody",
    "ReceiptBody",
    "ReopeningBody",
    "RouteBody",
    "WithdrawalBody",
    "wanted",
]


def example(body: JsonDict) -> ConfigDict:
    """An example of a whole body, for the documentation of the API."""
    return ConfigDict(json_schema_extra={"examples": [body]})


Evidence = Annotated[tuple[Id, ...], Field(max_length=10)]
Roles = Annotated[tuple[Role, ...], Field(min_length=1, max_length=8)]


class WithinBody(Body):
    amount: Annotated[StrictInt, Field(ge=1, le=100_000)]
    unit: Literal["minutes", "hours", "days", "working_hours", "working_days"]


class DueBody(Body):
    """When it is due: exactly one of `at`, `within` and `date`."""

    at: Instant | None = None
    within: WithinBody | None = None
    date: Day | None = None
    not_before: Instant | None = None
    time_zone: Line | None = None
    calendar: Line | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if sum(given is not None for given in (self.at, self.within, self.date)) != 1:
            raise ValueError("names exactly one of at, within and date")
        return self

    def rule(self) -> DueRule:
        within = Within(self.within.amount, self.within.unit) if self.within is not None else None
        return DueRule(at=self.at, within=within, date=self.date)


def wanted(due: DueBody | None, time_zone: str | None, calendar: str | None) -> Wanted:
    """A due as it is asked for, with the zone and the calendar that may stand in it or beside it."""
    if due is None:
        return Wanted(None, None, time_zone, calendar)
    return Wanted(due.rule(), due.not_before, due.time_zone or time_zone, due.calendar or calendar)


class ItemBody(Body):
    sku: Id
    quantity: Annotated[StrictInt, Field(ge=1, le=1_000_000)]


Items = Annotated[tuple[ItemBody, ...], Field(max_length=200)]


class ValueBody(Body):
    amount: Amount
    currency: Currency

    def value(self) -> Value:
        return Value(self.amount, self.currency)


def _items(items: tuple[ItemBody, ...] | None) -> tuple[Item, ...]:
    return tuple(Item(item.sku, item.quantity) for item in items or ())


class MakingBody(Body):
    """A promise, as the agent gave it. `due` may be left out where the kind has a default."""

    customer_id: Annotated[Id, Field(examples=["CU-7"])]
    kind: Annotated[Line, Field(examples=["free_item"])]
    promise: Annotated[Promise, Field(examples=["A free HDMI cable comes with tomorrow's redelivery"])]
    order_id: Annotated[Id | None, Field(examples=["SO-1001"])] = None
    due: Annotated[DueBody | None, Field(examples=[{"within": {"amount": 1, "unit": "working_days"}}])] = None
    time_zone: Line | None = None
    calendar: Line | None = None
    path: Roles | None = None
    items: Items | None = None
    channel: Line | None = None
    direction: Direction | None = None
    conversation: Line | None = None
    value: ValueBody | None = None
    made_at: Instant | None = None

    def making(self) -> Making:
        return Making(
            customer_id=self.customer_id,
            kind=self.kind,
            promise=self.promise,
            order_id=self.order_id,
            due=wanted(self.due, self.time_zone, self.calendar),
            path=self.path,
            items=_items(self.items),
            channel=self.channel,
            direction=self.direction,
            conversation=self.conversation,
            value=self.value.value() if self.value else None,
            made_at=self.made_at,
        )


class MakingQuery(Body):
    dry_run: bool = False


class AmendmentBody(Body):
    """What changes; everything else stays. `customer_agreed` says whether the customer agreed to the new terms."""

    model_config = example(
        {"due": {"at": "2026-11-25T12:00:00Z"}, "reason": "The van broke down", "customer_agreed": True}
    )

    # Each may be left out, but not be null: a promise without words, time or keeper is none.
    promise: Annotated[Promise, Field(default=None)]
    due: Annotated[DueBody, Field(default=None)]
    path: Annotated[Roles, Field(default=None)]
    items: Items | None = None
    value: ValueBody | None = None
    time_zone: Line | None = None
    calendar: Line | None = None
    reason: Annotated[Note, Field(examples=["The van broke down"])]
    customer_agreed: StrictBool | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set & {"promise", "due", "path", "items", "value"}:
            raise ValueError("names nothing to amend: one of promise, due, path, items and value")
        return self

    def amendment(self) -> Amendment:
        return Amendment(
            given=frozenset(self.model_fields_set),
            promise=self.promise,
            due=wanted(self.due, self.time_zone, self.calendar) if self.due is not None else None,
            path=self.path,
            items=_items(self.items),
            value=self.value.value() if self.value else None,
            reason=self.reason,
            customer_agreed=self.customer_agreed,
        )


class WithdrawalBody(Body):
    model_config = example({"reason": "She has found the cable", "cause": "agreed"})

    reason: Note
    cause: WithdrawalCause


class FulfilmentBody(Body):
    model_config = example({"note": "Handed over at the door", "at": "2026-11-23T10:05:00Z"})

    note: Note | None = None
    at: Instant | None = None
    evidence: Evidence = ()


class ReopeningBody(Body):
    model_config = example({"reason": "disputed", "note": "The family says that it never came"})

    reason: ReopeningReason
    note: Note | None = None


class AttemptBody(Body):
    model_config = example({"outcome": "customer_absent", "note": "Rang twice"})

    outcome: AttemptOutcome
    note: Note | None = None
    at: Instant | None = None
    evidence: Evidence = ()

    def attempt(self) -> Attempt:
        return Attempt(self.outcome, self.note, self.at, self.evidence)


class ContactBody(Body):
    model_config = example({"channel": "phone", "direction": "inbound", "minutes": 12})

    channel: Annotated[Line, Field(examples=["phone"])]
    direction: Direction | None = None
    note: Note | None = None
    minutes: Annotated[StrictInt, Field(ge=0, le=1440)] | None = None

    def contact(self) -> Contact:
        return Contact(self.channel, self.direction, self.note, self.minutes)


class EscalationBody(Body):
    """`taken`: I deal with it, and the climb pauses. `raised`: one step up, now. `nagged`: the keeper is told again."""

    model_config = example({"action": "taken", "note": "I ring the depot"})

    action: Literal["taken", "raised", "nagged"]
    note: Note | None = None


class ReceiptBody(Body):
    """What a keeper says about a revision of the promise; `reason` is required with a decline."""

    model_config = example({"revision": 1, "state": "held", "via": "tap"})

    revision: Annotated[StrictInt, Field(ge=1)]
    state: ReceiptState
    role: Role | None = None
    reason: Note | None = None
    at: Instant | None = None
    via: Via | None = None

    def receipt(self) -> ReceiptGiven:
        return ReceiptGiven(self.revision, self.state, self.role, self.reason, self.at, self.via)


class BatchItem(ReceiptBody):
    commitment_id: UUID
    idempotency_key: Annotated[str, Field(min_length=1, max_length=255)]


class BatchBody(Body):
    """A phone's outbox. Each receipt is judged by itself, so that one that is malformed stops no other."""

    model_config = example(
        {
            "receipts": [
                {
                    "commitment_id": "0199a7c4-3d4e-7d25-b1f0-6a0f2c9be001",
                    "idempotency_key": "5f1c",
                    "revision": 1,
                    "state": "seen",
                }
            ]
        }
    )

    receipts: Annotated[list[object], Field(max_length=500)]


class AssignmentBody(Body):
    model_config = example({"role": "courier", "recipient": "courier:li"})

    role: Role
    recipient: ActorText


class _Planned(Body):
    """When somebody means to be there."""

    planned_start: Instant | None = None
    planned_end: Instant | None = None

    @field_validator("planned_end")
    @classmethod
    def _in_order(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("planned_start")
        if end is not None and start is not None and end < start:
            raise ValueError("lies before planned_start")
        return end


StopNumber = Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]


class OrderAssignmentBody(AssignmentBody, _Planned):
    model_config = example(
        {"role": "courier", "recipient": "courier:li", "departs_at": "2026-11-23T23:30:00Z", "stop": 7}
    )

    departs_at: Instant | None = None
    stop: StopNumber | None = None
    address: Address | None = None
    depot: Line | None = None

    def assignment(self) -> Assignment:
        return Assignment(
            recipient=self.recipient,
            departs_at=self.departs_at,
            planned_start=self.planned_start,
            planned_end=self.planned_end,
            stop=self.stop,
            address=self.address,
            depot=self.depot,
        )


class ShiftBody(Body):
    amount: Annotated[StrictInt, Field(ge=-100_000, le=100_000)]
    unit: Unit


class BulkDueBody(Body):
    """Another due for all of them: one of `at`, `within` and `date`, or `shift`, by how much each is moved."""

    at: Instant | None = None
    within: WithinBody | None = None
    date: Day | None = None
    shift: ShiftBody | None = None
    time_zone: Line | None = None
    calendar: Line | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if sum(given is not None for given in (self.at, self.within, self.date, self.shift)) != 1:
            raise ValueError("names exactly one of at, within, date and shift")
        return self

    def rule(self) -> DueRule | None:
        within = Within(self.within.amount, self.within.unit) if self.within is not None else None
        return DueRule(at=self.at, within=within, date=self.date) if self.shift is None else None


class WhereBody(CommitmentsWanted):
    depot: Line | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("names no filter, and would be every promise that there is")
        return self

    def selection(self) -> Selection:
        return Selection(self.filter(), self.depot)


class BulkBody(Body):
    """Which promises, and what becomes of each."""

    model_config = example(
        {
            "where": {"kind": "delivery", "depot": "north"},
            "due": {"shift": {"amount": 1, "unit": "days"}},
            "reason": "The road to the depot is snowed in",
            "inform_customers": True,
        }
    )

    where: WhereBody
    due: BulkDueBody | None = None
    promise: Promise | None = None
    reason: Note
    inform_customers: StrictBool = False

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.due is None and self.promise is None:
            raise ValueError("names nothing to amend: due, promise, or both")
        return self

    def amendment(self) -> BulkAmendment:
        due = self.due
        shift = Shift(due.shift.amount, due.shift.unit) if due is not None and due.shift is not None else None
        return BulkAmendment(
            reason=self.reason,
            promise=self.promise,
            due=due.rule() if due is not None else None,
            time_zone=due.time_zone if due is not None else None,
            calendar=due.calendar if due is not None else None,
            shift=shift,
            inform_customers=self.inform_customers,
        )


class StopBody(_Planned):
    order_id: Id
    stop: StopNumber
    address: Address | None = None


class RouteBody(AssignmentBody):
    """A route as it is planned now, as a whole."""

    model_config = example(
        {
            "recipient": "courier:li",
            "role": "courier",
            "departs_at": "2026-11-23T23:30:00Z",
            "depot": "north",
            "stops": [{"order_id": "SO-1001", "stop": 1, "address": "3 Willow Lane"}],
        }
    )

    departs_at: Instant
    depot: Line | None = None
    stops: Annotated[tuple[StopBody, ...], Field(max_length=500)]

    @field_validator("stops")
    @classmethod
    def _once(cls, stops: tuple[StopBody, ...]) -> tuple[StopBody, ...]:
        seen: set[str] = set()
        for number, stop in enumerate(stops):
            if stop.order_id in seen:
                raise Invalid(f"/stops/{number}/order_id", "is on this route already")
            seen.add(stop.order_id)
        return stops

    def plan(self) -> Plan:
        stops = (Stop(s.order_id, s.stop, s.planned_start, s.planned_end, s.address) for s in self.stops)
        return Plan(self.recipient, self.role, self.departs_at, self.depot, tuple(stops))


Channels = Annotated[tuple[Note, ...], Field(max_length=10)]


class PersonBody(Body):
    """Who somebody is, and how to reach him: `channels` in order of preference."""

    model_config = example(
        {
            "name": "Li Wei",
            "locale": "zh-CN",
            "time_zone": "Asia/Shanghai",
            "team": "team:north",
            "reports_to": "supervisor:wang",
            "on_duty": "Mo-Sa 06:00-15:00",
            "channels": ["mailto://user:password@example.com?to=li@example.com"],
        }
    )

    name: Line
    locale: Locale = "en"
    time_zone: Line | None = None
    team: Annotated[str, StringConstraints(pattern=r"^team:[A-Za-z0-9._~@+-]{1,128}$")] | None = None
    reports_to: ActorText | None = None
    on_duty: Line | None = None
    channels: Channels = ()
    content: Content = "minimal"

    def person(self, default_time_zone: str) -> Person:
        return Person(
            name=self.name,
            locale=self.locale,
            time_zone=zone(self.time_zone or default_time_zone).key,
            team=self.team,
            reports_to=self.reports_to,
            on_duty=self.on_duty,
            channels=self.channels,
            content=self.content,
        )


class ContactPointBody(Body):
    """How a customer is reached: `channels` in order of preference."""

    model_config = example({"name": "The Lin family", "locale": "zh-CN", "channels": ["tgram://token/12315544"]})

    name: Line | None = None
    locale: Locale = "en"
    channels: Channels = ()


class HoldBody(Body):
    model_config = example({"reason": "Court case 12/2027", "until": None})

    reason: Note
    until: Instant | None = None


class DeadlineBody(Body):
    model_config = example({"due": {"within": {"amount": 3, "unit": "working_days"}}, "calendar": "CN"})

    due: DueBody
    time_zone: Line | None = None
    calendar: Line | None = None
    # `from` is a word of the language
    counted_from: Annotated[Instant | None, Field(alias="from")] = None


class ClockBody(Body):
    model_config = example({"now": "2026-11-23T10:05:00Z"})

    now: Instant

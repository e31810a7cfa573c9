"""Looking at a promise before it is made: what its words were understood as, and what would come of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from api.inside import Answered
from api.pages.desk_form import Draft, digest, field_of
from api.pages.desk_reading import Choice, DueRead, read_due, read_line
from api.pages.desk_seeing import Place, Shown, answered_as, names_of, those_of
from api.pages.visiting import Visitor, encoded
from api.phrases import fold
from projections.views import CommitmentView

__all__ = ["Look", "Option", "Previewed", "look_at", "only_or_chosen", "options_of", "problems_of"]

_NEEDED = ("kind", "customer_id", "promise")


class Previewed(msgspec.Struct):
    """When a due would be."""

    at: datetime
    time_zone: str


@dataclass(frozen=True, slots=True)
class Option:
    """One way to understand a time, as it is offered: `value` is what the form sends."""

    value: str
    rule: dict[str, Any]
    due: Previewed


@dataclass(slots=True)
class Look:
    """What an agent sees of a promise that he has not made yet. `seen` is by what it is known that he saw it.

    `missing` are the fields without which it is no promise, `problems` what the API says of others. `zone` is that of
    the order's other promises, where it is another than usual. `known_order` is an order that is known, where the one
    that is named is not and differs only in how it is written.
    """

    draft: Draft
    would: CommitmentView | None = None
    due: Previewed | None = None
    rule: dict[str, Any] | None = None
    choices: list[Option] = field(default_factory=list)
    kinds: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    known_order: str = ""
    zone: str | None = None
    not_understood: tuple[str, ...] = ()
    missing: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    others: Shown = field(default_factory=Shown)
    seen: str = ""
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        """Whether it can be recorded as it stands."""
        return self.would is not None

    @property
    def first_fault(self) -> str:
        """The first field to be mended; nothing where all is well."""
        faults = {*self.missing, *self.problems}
        order = ("due_choice", "kind", "due", "order_id", "customer_id", "promise", *faults)
        return next((name for name in order if name in faults), "")


async def look_at(visitor: Visitor, place: Place, draft: Draft) -> Look:
    """Take in the words of a draft, and rehearse the promise that they make. Nothing is recorded."""
    look = Look(draft)
    draft.propose("conversation", place.conversation)
    due = await _understand(look, visitor, place)
    if (zone := await _whose(look, visitor, place)) is not None:
        look.zone = zone
        due = await _understand(look, visitor, place)
    look.missing += [name for name in _NEEDED if not draft[name]]
    if due.is_unknown:
        look.problems["due"] = "unknown"
    look.body = draft.body(due.body) | ({"time_zone": look.zone} if look.zone is not None else {})
    if due.body is not None:
        await _preview(look, visitor, due.body)
    if not look.missing and not look.problems:
        await _rehearse(look, visitor)
    return look


async def _understand(look: Look, visitor: Visitor, place: Place) -> DueRead:
    """Put into the fields what the line says, as far as they are not the agent's own; answers its due."""
    draft, line = look.draft, read_line(visitor, look.draft["line"], look.zone)
    look.missing, look.problems, look.choices = [], {}, []
    look.not_understood = line.not_understood
    draft.propose("kind", line.kind)
    draft.propose("order_id", line.order_id or place.order_id)
    draft.propose("promise", line.promise)
    look.kinds = line.kinds if not draft["kind"] else ()
    look.orders = line.orders if not draft["order_id"] else ()
    if look.orders and not draft.is_own("order_id"):
        look.problems["order_id"] = "several"
    draft.propose("due", line.due.text)
    if draft.is_own("due"):
        due = read_due(visitor, draft["due"], look.zone)
    else:
        due = line.due
        if look.not_understood and due.body is None and not due.choices:
            # He has named a time: the usual one of the kind is not what he said.
            look.problems["due"] = "unknown"
    if due.choices:
        look.choices = await options_of(visitor, due.choices, look.zone)
        chosen = only_or_chosen(look.choices, draft["due_choice"])
        if chosen is None:
            look.missing.append("due_choice")
        return DueRead(body=chosen.rule if chosen is not None else None)
    return due


def only_or_chosen(options: Sequence[Option], value: str) -> Option | None:
    """What was chosen; where all others cannot be, the one that is left."""
    if len(options) == 1:
        return options[0]
    return next((option for option in options if option.value == value), None)


async def options_of(visitor: Visitor, choices: Sequence[Choice], zone: str | None = None) -> list[Option]:
    """Choices with the instant of each, as the API counts it; one that cannot be is not offered."""
    found = []
    for choice in choices:
        answered = await visitor.ask("POST", "/v1/deadlines/preview", _previewing(choice.body, zone))
        if not answered.is_refused:
            found.append(Option(choice.value, choice.body, answered_as(answered, Previewed)))
    return found


def _previewing(due: dict[str, Any], zone: str | None) -> dict[str, Any]:
    return {"due": due} if zone is None else {"due": due, "time_zone": zone}


async def _whose(look: Look, visitor: Visitor, place: Place) -> str | None:
    """The customer of a known order, and what he and the order have been promised already. Answers by which clock the
    order's other promises go, where that is one, and not ours.
    """
    draft = look.draft
    of_order = await those_of(visitor, order_id=draft["order_id"])
    if not of_order.commitments:
        look.known_order = await _as_it_is_known(visitor, draft["order_id"])
    customers = {each.customer_id for each in of_order.commitments}
    draft.propose("customer_id", customers.pop() if len(customers) == 1 else place.customer_id)
    customer = draft["customer_id"]
    look.others = await those_of(visitor, order_id=draft["order_id"], customer_id=customer) if customer else of_order
    zones = {each.due.time_zone for each in of_order.commitments} - {visitor.runtime.catalogue.default_time_zone}
    return zones.pop() if len(zones) == 1 else None


async def _as_it_is_known(visitor: Visitor, order_id: str) -> str:
    """An order that is known by the same letters in capitals, where none is by those that were typed."""
    written = fold(order_id).upper()
    if written == order_id or await visitor.read(f"/v1/orders/{encoded(order_id)}") is not None:
        return ""
    return written if await visitor.read(f"/v1/orders/{encoded(written)}") is not None else ""


async def _preview(look: Look, visitor: Visitor, due: dict[str, Any]) -> None:
    look.rule = due
    answered = await visitor.ask("POST", "/v1/deadlines/preview", _previewing(due, look.zone))
    if answered.is_refused:
        look.problems |= problems_of(answered)
    else:
        look.due = answered_as(answered, Previewed)


async def _rehearse(look: Look, visitor: Visitor) -> None:
    answered = await visitor.ask("POST", "/v1/commitments", look.body, query={"dry_run": "true"})
    if answered.is_refused:
        look.problems |= problems_of(answered)
        return
    look.would = answered_as(answered, CommitmentView)
    look.seen = digest(look.body)
    look.others.names |= await names_of(visitor, [look.would])


def problems_of(answered: Answered) -> dict[str, str]:
    """What a refused request says, by the field of the page that it is about; the rest under ``form``."""
    problem = answered.json()
    if problem["code"] == "due_required":
        return {"due": "needed"}
    errors = problem.get("errors") or [{"pointer": "/form", "detail": problem["detail"]}]
    return {field_of(error["pointer"]) or "form": error["detail"] for error in errors}

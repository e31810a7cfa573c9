"""Decisions about the promise itself: making it, amending it, taking it back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.catalogue import Catalogue, Kind
from domain.commitment import Commitment
from domain.deadlines import Due, DueRule, calendar_warnings, resolve_due
from domain.errors import CommitmentClosed, DueRequired, Erased, Invalid, PreconditionFailed
from domain.escalating import escalate_on_limits
from domain.facts import CommitmentAmended, CommitmentMade, CommitmentWithdrawn
from domain.handing_over import Named, ReceiptRule, hand_over, name_recipient, route
from domain.keeping import pass_time
from domain.moment import Moment
from domain.order import Order
from domain.values import Direction, Item, Value, WithdrawalCause

__all__ = ["IN_BULK", "Amendment", "Making", "Wanted", "amend", "check_version", "make", "withdraw"]

IN_BULK = "bulk amendment"
"""The command by which a job amends one of many promises; who ordered it says whether customers are told."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A due as it is asked for; zone and calendar default to the configuration's, or the promise's own."""

    rule: DueRule | None
    not_before: datetime | None = None
    time_zone: str | None = None
    calendar: str | None = None


@dataclass(frozen=True, slots=True)
class Making:
    """A promise as an agent records it. `receipts` is False for what is imported closed or overdue."""

    customer_id: str
    kind: str
    promise: str
    order_id: str | None = None
    due: Wanted = field(default_factory=lambda: Wanted(None))
    path: tuple[str, ...] | None = None
    items: tuple[Item, ...] = ()
    channel: str | None = None
    direction: Direction | None = None
    conversation: str | None = None
    value: Value | None = None
    made_at: datetime | None = None
    made_by: str | None = None
    receipts: bool = True


@dataclass(frozen=True, slots=True)
class Amendment:
    """What is to change. `given` names the fields that were sent, so that an item list can also become empty."""

    given: frozenset[str]
    promise: str | None = None
    due: Wanted | None = None
    path: tuple[str, ...] | None = None
    items: tuple[Item, ...] = ()
    value: Value | None = None
    reason: str | None = None
    customer_agreed: bool | None = None


class _Plan:
    """How the hand-offs of a promise begin: who is named for each role, and when each receipt is due."""

    def __init__(self, rule: ReceiptRule, named: Mapping[str, Named | None]) -> None:
        self._rule, self._now = rule, rule.moment.now
        self.named = named
        self._windows = {} if rule.asks_nothing else {role: self._window(n) for role, n in named.items()}

    def _window(self, named: Named | None) -> datetime:
        return self._rule.window_ends_at(self._now, named.recipient if named is not None else None)

    @property
    def receipt_due(self) -> dict[str, datetime | None]:
        return {
            role: self._rule.due_in(self._windows[role], named, self._now) if self._windows else None
            for role, named in self.named.items()
        }

    def warnings(self, author: str) -> list[str]:
        """What the person on the phone should know now, while a bad promise is still free."""
        everybody, due_at = self.named.values(), self._rule.due_at
        late = [self.named[role] for role, window in self._windows.items() if window > due_at]
        found = []
        if any(n is None or n.recipient != author for n in late):
            found.append("receipt_window_does_not_fit")
        if self._rule.terms.receipt == "held" and any(n is not None and self._has_left(n) for n in everybody):
            found.append("already_departed")
        if None in everybody:
            found.append("no_recipient_yet")
        return found

    def _has_left(self, named: Named) -> bool:
        departs_at = named.trip.departs_at
        return departs_at is not None and departs_at <= self._now


def make(
    commitment_id: UUID, making: Making, order: Order | None, siblings: Sequence[Commitment], moment: Moment
) -> Commitment:
    """Give the company's word.

    `siblings` are the other commitments of the same order. Raises `DueRequired` where neither the agent
    nor the kind names a time, and `Invalid` for whatever else cannot be promised.
    """
    kind = moment.catalogue.kind(making.kind)
    made_at = moment.when(making.made_at, pointer="/made_at")
    made_by = making.made_by or moment.origin.person
    due = _resolve(making.due, kind, moment.catalogue, made_at)
    path = _checked_path(making.path, moment.catalogue) or kind.path
    defaults = _defaults(kind, path, made_by)
    plan, warnings = None, []
    if making.receipts:  # else nobody is on the phone who could mend what is over already
        rule = ReceiptRule(kind.terms, due.at, due.time_zone, due.calendar, moment)
        plan = _plan(path, defaults, order, rule)
        warnings = [*plan.warnings(made_by), *_calendar_warnings(due, made_at, moment.catalogue)]
    receipt_due = plan.receipt_due if plan is not None else dict.fromkeys(path)
    if any(other.kind == kind.name and not other.is_closed for other in siblings):
        warnings.append("duplicate_kind_on_order")
    commitment: Commitment = Commitment._create(
        CommitmentMade,
        id=commitment_id,
        timestamp=moment.now,
        occurred_at=made_at,
        origin=moment.origin,
        order_id=making.order_id,
        customer_id=making.customer_id,
        kind=kind.name,
        promise=making.promise,
        items=making.items,
        made_by=made_by,
        channel=making.channel,
        direction=making.direction,
        conversation=making.conversation,
        value=making.value,
        due=due,
        terms=kind.terms,
        path=path,
        defaults=defaults,
        receipt_due=receipt_due,
        warnings=tuple(warnings),
    )
    for role, named in plan.named.items() if plan is not None else ():
        if named is not None:
            hand_over(commitment, role, named, receipt_due[role], moment, known=named.recipient == made_by)
    return commitment


def amend(commitment: Commitment, amendment: Amendment, order: Order | None, moment: Moment) -> tuple[str, ...]:
    """Change the promise: a new revision that its keepers must receive anew. Answers the warnings.

    Where nothing would change, nothing is recorded. Raises `CommitmentClosed`, `Erased` or `Invalid`.
    """
    if commitment.is_closed:
        raise CommitmentClosed(f"the commitment is {commitment.status}")
    if commitment.is_erased and not amendment.given.isdisjoint(("promise", "items")):
        raise Erased("its words are gone for good; make a new promise for other ones")
    new = _amended_terms(commitment, amendment, moment)
    changed = tuple(name for name, value in new.items() if _differs(value, getattr(commitment, name)))
    if not changed:
        return ()
    pass_time(commitment, moment.by_itself())
    due, path = new["due"], new["path"]
    rule = ReceiptRule(commitment.terms, due.at, due.time_zone, due.calendar, moment)
    joining = tuple(role for role in path if role not in commitment.path)
    defaults = _defaults(moment.catalogue.kinds.get(commitment.kind), joining, commitment.made_by) | _kept(commitment)
    plan = _amended_plan(commitment, path, defaults, order, rule)
    author = moment.origin.person
    warnings = (*plan.warnings(author), *_calendar_warnings(due, moment.now, moment.catalogue))
    later = due.at > commitment.due.at
    moment.record(
        commitment,
        CommitmentAmended,
        revision=commitment.revision + 1,
        changed=changed,
        promise=new["promise"],
        items=new["items"],
        value=new["value"],
        due=due,
        path=path,
        defaults=defaults,
        receipt_due=plan.receipt_due,
        known_to=tuple(h.role for h in commitment.handoffs if h.recipient == author and h.role in path),
        postponed=later and not commitment.attempt_excuses,
        reason=amendment.reason,
        customer_agreed=amendment.customer_agreed,
        warnings=warnings,
    )
    route(commitment, order, moment)
    escalate_on_limits(commitment, moment)
    return warnings


def withdraw(
    commitment: Commitment, reason: str, cause: WithdrawalCause, moment: Moment, *, at: datetime | None = None
) -> None:
    """Take the word back, now or at an earlier time that an import knows of. Saying so twice records nothing.

    What was withdrawn by its due was not broken. Raises `CommitmentClosed` where it was kept, or withdrawn for
    another cause.
    """
    if commitment.status == "withdrawn" and commitment.withdrawal_cause == cause:
        return
    if commitment.is_closed:
        raise CommitmentClosed(f"the commitment is {commitment.status}")
    withdrawn_at = moment.when(at, not_before=[commitment.made_at])
    if at is None or withdrawn_at > commitment.due.at:
        pass_time(commitment, moment.by_itself())
    moment.record(
        commitment,
        CommitmentWithdrawn,
        at=withdrawn_at,
        reason=reason,
        cause=cause,
    )


def check_version(commitment: Commitment, named: frozenset[int] | None) -> None:
    """Hold a command to the version its sender saw (RFC 9110, If-Match).

    A receipt or a message in between does not matter. Raises `PreconditionFailed`.
    """
    if named is not None and not any(commitment.changed_version <= v <= commitment.version for v in named):
        raise PreconditionFailed(f"the commitment changed in version {commitment.changed_version}; read it again")


# -- the parts --------------------------------------------------------------------------------------------------


def _resolve(wanted: Wanted, kind: Kind | None, catalogue: Catalogue, counted_from: datetime) -> Due:
    rule = wanted.rule
    if rule is None:
        if kind is None or kind.due_within is None:
            raise DueRequired(kind.name if kind else "")
        rule = DueRule(within=kind.due_within)
    calendar_name = wanted.calendar or catalogue.default_calendar
    due = resolve_due(
        rule,
        counted_from=counted_from,
        time_zone=wanted.time_zone or catalogue.default_time_zone,
        calendar_name=calendar_name,
        calendar=catalogue.calendar(calendar_name),
        not_before=wanted.not_before,
    )
    if due.at <= counted_from:
        what = "does not lie after the making" if kind is not None else "has passed already"
        raise Invalid(f"/due/{next(iter(rule.to_json()))}", what)
    if due.not_before is not None and due.not_before > due.at:
        raise Invalid("/due/not_before", "lies after the due itself")
    return due


def _calendar_warnings(due: Due, counted_from: datetime, catalogue: Catalogue) -> list[str]:
    return calendar_warnings(due, counted_from, catalogue.calendar(due.calendar))


def _checked_path(path: tuple[str, ...] | None, catalogue: Catalogue) -> tuple[str, ...] | None:
    for index, role in enumerate(path or ()):
        if role not in catalogue.roles or role == "team":
            raise Invalid(f"/path/{index}", f"there is no role '{role}'")
    if path is not None and len(set(path)) != len(path):
        raise Invalid("/path", "names a role twice")
    return path


def _defaults(kind: Kind | None, path: tuple[str, ...], made_by: str) -> dict[str, str]:
    named = kind.recipients if kind is not None else {}
    return {role: named[role].replace("{made_by}", made_by) for role in path if role in named}


def _kept(commitment: Commitment) -> dict[str, str]:
    return {handoff.role: handoff.default for handoff in commitment.handoffs if handoff.default is not None}


def _plan(path: tuple[str, ...], defaults: Mapping[str, str], order: Order | None, rule: ReceiptRule) -> _Plan:
    return _Plan(rule, {role: name_recipient(role, defaults.get(role), order) for role in path})


def _amended_plan(
    commitment: Commitment, path: tuple[str, ...], defaults: Mapping[str, str], order: Order | None, rule: ReceiptRule
) -> _Plan:
    """As a new plan, but whoever is named for a role that stays is kept."""
    plan = _plan(path, defaults, order, rule)
    stays = {h.role: h for h in commitment.handoffs if h.recipient is not None}
    named = {
        role: Named(stays[role].recipient or "", stays[role].source or "kind", stays[role].trip)
        if role in stays
        else other
        for role, other in plan.named.items()
    }
    return _Plan(rule, named)


def _amended_terms(commitment: Commitment, amendment: Amendment, moment: Moment) -> dict[str, Any]:
    path = _checked_path(amendment.path, moment.catalogue) if "path" in amendment.given else None
    due = commitment.due
    if amendment.due is not None:
        wanted = amendment.due
        kept = Wanted(
            wanted.rule, wanted.not_before, wanted.time_zone or due.time_zone, wanted.calendar or due.calendar
        )
        due = _resolve(kept, None, moment.catalogue, moment.now)
    return {
        "promise": amendment.promise if "promise" in amendment.given else commitment.promise,
        "items": amendment.items if "items" in amendment.given else commitment.items,
        "value": amendment.value if "value" in amendment.given else commitment.value,
        "due": due,
        "path": path or commitment.path,
    }


def _differs(new: object, old: object) -> bool:
    """The same instant, asked for in other words, is the same due."""
    if isinstance(new, Due) and isinstance(old, Due):
        return (new.at, new.not_before) != (old.at, old.not_before)
    return new != old

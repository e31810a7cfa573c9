"""The small values that commands and facts are made of.

>>> Origin("system:oms", on_behalf_of="courier:li").person
'courier:li'
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from domain.durations import Within

__all__ = [
    "OF_THE_RECEIPT",
    "OF_THE_RECIPIENT",
    "RECEIPT_STATES",
    "AttemptOutcome",
    "Direction",
    "ErasureCause",
    "FlagReason",
    "HandoffState",
    "Item",
    "Origin",
    "Receipt",
    "ReceiptState",
    "ReopeningReason",
    "Source",
    "Status",
    "Terms",
    "Trip",
    "Value",
    "Via",
    "WhyNot",
    "WithdrawalCause",
]

FlagReason = Literal["disputed", "declined", "attempted", "overdue", "unassigned", "stale_revision", "not_received"]
"""Why a promise is flagged, in the order in which the reasons count."""
OF_THE_RECEIPT: frozenset[FlagReason] = frozenset({"declined", "unassigned", "stale_revision", "not_received"})
"""What is over once the recipient has received it."""
OF_THE_RECIPIENT: frozenset[FlagReason] = OF_THE_RECEIPT | {"attempted"}
"""What is over once somebody else is the recipient."""
Status = Literal["open", "kept", "broken", "withdrawn"]
Receipt = Literal["acknowledged", "held", "none"]
"""What a kind asks of its keeper: to know of it, to have the thing, or nothing."""
HandoffState = Literal["unassigned", "assigned", "sent", "delivered", "seen", "acknowledged", "held", "declined"]
ReceiptState = Literal["delivered", "seen", "acknowledged", "held", "declined"]
RECEIPT_STATES: tuple[ReceiptState, ...] = ("delivered", "seen", "acknowledged", "held", "declined")
Source = Literal["own", "order", "kind"]
"""Who named the recipient: the commitment's own assignment, the order's, or the kind's default."""
WhyNot = Literal["older_revision", "no_longer_recipient", "commitment_closed"]
Via = Literal["tap", "scan", "link", "batch"]
Direction = Literal["inbound", "outbound"]
WithdrawalCause = Literal["agreed", "not_agreed", "mistake"]
ReopeningReason = Literal["disputed", "mistaken"]
ErasureCause = Literal["request", "retention"]
"""Why words are gone: somebody asked for it, or they were kept for as long as they may be."""
AttemptOutcome = Literal["customer_absent", "no_access", "wrong_address", "customer_refused", "damaged", "other"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event comes from: who, on whose behalf, and by which command.

    `key` is the command's Idempotency-Key and `body_hash` the keyed hash of its body; both are None
    where no key was sent. `command` is the command's name in the path, such as `receipts`. `asked_by` is who sent
    the command, where something else happened by itself while it was decided.
    """

    actor: str
    on_behalf_of: str | None = None
    command: str | None = None
    key: str | None = None
    body_hash: str | None = None
    asked_by: str | None = None

    @property
    def person(self) -> str:
        """Who is the maker or the keeper: the person on whose behalf a system speaks, else the actor."""
        return self.on_behalf_of or self.actor

    @property
    def sender(self) -> str:
        """Whose Idempotency-Keys these are: a system that speaks for several people keeps them apart by person.

        >>> Origin("system:oms", "courier:li").sender
        'system:oms for courier:li'
        """
        return self.asked_by or (f"{self.actor} for {self.on_behalf_of}" if self.on_behalf_of else self.actor)


@dataclass(frozen=True, slots=True)
class Item:
    """A thing that was promised, and how many of it."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Value:
    """What the promise is worth: a decimal text with at most 4 decimals, and an ISO 4217 code."""

    amount: str
    currency: str


@dataclass(frozen=True, slots=True)
class Terms:
    """The kind's rules as they stood when the promise was made; a later configuration changes no old promise."""

    receipt: Receipt
    receipt_within: Within | timedelta
    receipt_lead: timedelta
    assign_before: timedelta | None
    escalate_on_postponements: int
    escalate_on_contacts: int
    escalate_after: tuple[timedelta, ...] = ()
    escalation_pause: timedelta = timedelta(hours=1)
    remind_before_due: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Trip:
    """When and from where the recipient of an order leaves, as far as it is known."""

    departs_at: datetime | None = None
    planned_start: datetime | None = None
    depot: str | None = None

    @property
    def departure(self) -> datetime | None:
        return self.departs_at or self.planned_start

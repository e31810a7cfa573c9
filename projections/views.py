"""A commitment as everybody sees it: the agent who recorded it, the courier, the auditor.

There is one view and one function that makes it, for the answer to a command and for every query alike. A view is not
frozen, only since it is made for each answer and each row, and a frozen one takes three times as long to make.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from domain.commitment import Commitment
from domain.deadlines import Due
from domain.errors import ProjectionRebuilding
from domain.handoff import Handoff
from domain.values import Direction, HandoffState, Item, Receipt, ReopeningReason, Status, Value
from store.keyring import Keyring

__all__ = ["CommitmentView", "DueView", "HandoffView", "opened", "sealed", "view"]


@dataclass(slots=True)
class HandoffView:
    """One hand-off: who must have the promise, and how far it came. Contract, section 3.

    `asked` is what counts as receipt: what the kind asked for when the promise was made. `nagged_at` is when somebody
    asked this recipient again by hand, about this revision.
    """

    role: str
    recipient: str | None
    asked: Receipt
    state: HandoffState
    revision: int
    received: bool
    received_revision: int | None
    receipt_due_at: datetime | None
    nagged_at: datetime | None


@dataclass(slots=True)
class DueView:
    """When the promise is due; `rule` is what was asked."""

    at: datetime
    not_before: datetime | None
    time_zone: str
    calendar: str
    rule: dict[str, Any]


@dataclass(slots=True)
class CommitmentView:
    """A commitment. `erased` tells that its personal fields are gone for good, and read null.

    `taken_by` said that he deals with what is wrong, and `paused_until` its climb waits for him.
    `reopened_as` is why it was opened again, as long as it is.
    """

    id: UUID
    version: int
    revision: int
    status: Status
    order_id: str | None
    customer_id: str
    kind: str
    promise: str | None
    items: tuple[Item, ...] | None
    made_by: str
    made_at: datetime
    channel: str | None
    direction: Direction | None
    conversation: str | None
    value: Value | None
    due: DueView
    handoffs: tuple[HandoffView, ...]
    kept_at: datetime | None
    broken_at: datetime | None
    late: bool
    times_broken: int
    contacts: int
    postponements: int
    escalation_level: int
    taken_by: str | None
    paused_until: datetime | None
    reopened_as: ReopeningReason | None
    warnings: tuple[str, ...]
    erased: bool


class _Personal(msgspec.Struct):
    """The fields of the view that are encrypted where it is kept."""

    promise: str | None
    items: tuple[Item, ...] | None
    channel: str | None
    conversation: str | None


def view(commitment: Commitment, warnings: tuple[str, ...] = ()) -> CommitmentView:
    """The view of a state; `warnings` are those of the command that led to it."""
    return CommitmentView(
        id=commitment.id,
        version=commitment.version,
        revision=commitment.revision,
        status=commitment.status,
        order_id=commitment.order_id,
        customer_id=commitment.customer_id,
        kind=commitment.kind,
        promise=commitment.promise,
        items=commitment.items,
        made_by=commitment.made_by,
        made_at=commitment.made_at,
        channel=commitment.channel,
        direction=commitment.direction,
        conversation=commitment.conversation,
        value=commitment.value,
        due=_due(commitment.due),
        handoffs=tuple(_handoff(handoff) for handoff in commitment.handoffs),
        kept_at=commitment.kept_at,
        broken_at=commitment.broken_at,
        late=commitment.late,
        times_broken=commitment.times_broken,
        contacts=commitment.contacts,
        postponements=commitment.postponements,
        escalation_level=commitment.escalation_level,
        taken_by=commitment.escalation_taken_by,
        paused_until=commitment.paused_until,
        reopened_as=commitment.reopened_as,
        warnings=warnings,
        erased=commitment.is_erased,
    )


def _due(due: Due) -> DueView:
    return DueView(due.at, due.not_before, due.time_zone, due.calendar, due.rule.to_json())


def _handoff(handoff: Handoff) -> HandoffView:
    return HandoffView(
        handoff.role,
        handoff.recipient,
        handoff.asked,
        handoff.state,
        handoff.revision,
        handoff.received,
        handoff.received_revision,
        handoff.receipt_due_at,
        handoff.nagged_at,
    )


def sealed(commitment: Commitment, keyring: Keyring, key: bytes | None) -> tuple[bytes, bytes | None]:
    """The view of a state in two parts, as it is kept: what is not personal, and the rest, encrypted with its key."""
    shown = view(commitment)
    personal = _Personal(shown.promise, shown.items, shown.channel, shown.conversation)
    shown.promise = shown.items = shown.channel = shown.conversation = None
    secret = keyring.seal(key, msgspec.json.encode(personal), _context(shown.id)) if key is not None else None
    return msgspec.json.encode(shown), secret


def opened(document: bytes, secret: bytes | None, wrapped: bytes | None, keyring: Keyring, id: UUID) -> CommitmentView:
    """A view from its two parts; without the stream's key the personal part is gone.

    Raises `ProjectionRebuilding` where it was kept in the form of an earlier version.
    """
    try:
        shown = _document(document)
    except msgspec.ValidationError as error:
        raise ProjectionRebuilding("it is being built from the log; ask again later", retry_after=5) from error
    if secret is None or wrapped is None:
        shown.erased = True
        return shown
    personal = _personal(keyring.open(keyring.unwrap(id, wrapped), secret, _context(id)))
    shown.promise, shown.items = personal.promise, personal.items
    shown.channel, shown.conversation = personal.channel, personal.conversation
    return shown


_document = msgspec.json.Decoder(CommitmentView).decode
_personal = msgspec.json.Decoder(_Personal).decode


def _context(id: UUID) -> bytes:
    return b"view/" + id.bytes

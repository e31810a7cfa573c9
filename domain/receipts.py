"""When a receipt is due, and what counts as one: the rules of the hand-off as pure functions.

>>> from datetime import datetime, timedelta, UTC
>>> noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
>>> receipt_due(
...     base=noon,
...     due_at=noon + timedelta(days=1),
...     window_ends_at=noon + timedelta(hours=1),
...     departure=noon + timedelta(hours=5),
...     lead=timedelta(minutes=30),
... ).isoformat()
'2026-11-20T16:30:00+00:00'
"""

from datetime import datetime, timedelta

from domain.values import HandoffState, Receipt, ReceiptState

__all__ = ["advanced", "assignment_due", "receipt_due", "satisfies"]

_RANK: dict[HandoffState, int] = {
    "unassigned": 0,
    "assigned": 1,
    "sent": 2,
    "delivered": 3,
    "seen": 4,
    "acknowledged": 5,
    "held": 6,
}


def satisfies(state: ReceiptState, asked: Receipt) -> bool:
    """Whether `state` is the receipt that a kind asks for; having the thing includes knowing of it.

    >>> satisfies("held", "acknowledged"), satisfies("acknowledged", "held"), satisfies("seen", "acknowledged")
    (True, False, False)
    """
    return asked != "none" and state != "declined" and _RANK[state] >= _RANK[asked]


def advanced(current: HandoffState, reported: ReceiptState) -> HandoffState:
    """The state of a hand-off after a receipt: it never regresses, but a decline may follow a receipt and be followed.

    >>> advanced("held", "seen"), advanced("held", "declined"), advanced("declined", "acknowledged")
    ('held', 'declined', 'acknowledged')
    """
    if reported == "declined":
        return "declined"
    if current == "declined":
        return reported if reported in ("acknowledged", "held") else current
    return reported if _RANK[reported] > _RANK[current] else current


def receipt_due(
    *, base: datetime, due_at: datetime, window_ends_at: datetime, departure: datetime | None, lead: timedelta
) -> datetime:
    """When somebody who is assigned must have given the receipt.

    `lead` before the departure where that is still ahead of `base`, else at the end of the window;
    never after the due of the promise, never before `base`.
    """
    before_departure = departure - lead if departure is not None else None
    wanted = before_departure if before_departure is not None and before_departure > base else window_ends_at
    return max(base, min(wanted, due_at))


def assignment_due(
    *, base: datetime, due_at: datetime, window_ends_at: datetime, assign_before: timedelta | None
) -> datetime:
    """When a hand-off that nobody has must have a recipient who gave the receipt.

    The later of the end of the window and `assign_before` the due; within the same limits as `receipt_due`.
    """
    wanted = window_ends_at if assign_before is None else max(window_ends_at, due_at - assign_before)
    return max(base, min(wanted, due_at))

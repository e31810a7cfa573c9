"""What becomes of a row: a commitment that the log does not have yet, or news of one that it has.

Whatever is recorded here is recorded by `system:import`, so that nobody takes an old story for something that
happens just now.
"""

from dataclasses import replace
from datetime import datetime
from typing import Literal

from api.importing.planning import Planned
from domain.commitment import Commitment
from domain.errors import Invalid
from domain.keeping import fulfil, pass_time
from domain.moment import Moment
from domain.order import Order
from domain.promising import make, withdraw

__all__ = ["Outcome", "begin_open", "begin_past", "bring_up_to_date", "outcome"]

Outcome = Literal["kept", "kept_late", "broken", "withdrawn", "open"]
_REASON = "withdrawn by the time of the import"


def begin_past(planned: Planned, moment: Moment) -> Commitment:
    """The commitment with all that is past, asking nobody for a receipt; still `open` where nothing is past yet.

    >>> begin_past(a_row_due_last_year, moment).status  # doctest: +SKIP
    'broken'

    Raises `Invalid`, as for a request.
    """
    commitment = make(planned.id, replace(planned.making, receipts=False), None, [], moment)
    if planned.kept_at is not None:
        closed_at: datetime | None = _since_made(planned.kept_at, commitment, moment, "/kept_at")
    elif planned.withdrawn:
        # Where nobody says when, nobody says either that it was after the due.
        withdrawn_at = planned.withdrawn_at or min(moment.now, commitment.due.at)
        closed_at = _since_made(withdrawn_at, commitment, moment, "/withdrawn_at")
    else:
        closed_at = None
    if closed_at is None or closed_at > commitment.due.at:
        pass_time(commitment, moment)
    if planned.kept_at is not None:
        fulfil(commitment, moment, note=None, at=closed_at)
    elif planned.withdrawn:
        withdraw(commitment, _REASON, "agreed", moment, at=closed_at)
    return commitment


def begin_open(planned: Planned, order: Order | None, moment: Moment) -> Commitment:
    """The commitment as if it were made now as far as receipts go: whoever carries the order is to know of it."""
    return make(planned.id, planned.making, order, [], moment)


def bring_up_to_date(commitment: Commitment, planned: Planned, moment: Moment) -> None:
    """Record that a known commitment is newly kept or withdrawn; where it is not, record nothing.

    What was reopened was decided upon by people who knew what the file says, and what is erased stays as it is. Raises
    `Invalid` where the row contradicts what is known.
    """
    if (commitment.kind, commitment.customer_id) != (planned.making.kind, planned.making.customer_id):
        raise Invalid("/id", "belongs to a commitment of another customer, or another kind")
    if commitment.status == "kept" or commitment.reopenings or commitment.is_erased:
        return
    if planned.kept_at is not None:
        if commitment.status == "withdrawn":
            raise Invalid("/kept_at", "the commitment was withdrawn; it has to be reopened first")
        fulfil(commitment, moment, note=None, at=_since_made(planned.kept_at, commitment, moment, "/kept_at"))
    elif planned.withdrawn and commitment.status != "withdrawn":
        at = planned.withdrawn_at
        at = None if at is None else _since_made(at, commitment, moment, "/withdrawn_at")
        withdraw(commitment, _REASON, "agreed", moment, at=at)


def outcome(commitment: Commitment, now: datetime) -> Outcome:
    """What became of a commitment by `now`; its due counts, whether the clock has said so yet or not."""
    if commitment.status == "kept":
        return "kept_late" if commitment.late else "kept"
    if commitment.status == "withdrawn":
        return "withdrawn"
    return "broken" if commitment.due.at <= now else "open"


def _since_made(at: datetime, commitment: Commitment, moment: Moment, pointer: str) -> datetime:
    return moment.when(at, not_before=[commitment.made_at], pointer=pointer)

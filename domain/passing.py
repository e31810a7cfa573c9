"""What time alone decides about a promise, and when it will: missed receipts, broken promises, steps of the ladder."""

from datetime import datetime

from domain.commitment import Commitment
from domain.escalating import climb, climb_instants
from domain.keeping import next_instants, pass_time
from domain.moment import Moment

__all__ = ["instants", "let_pass"]


def let_pass(commitment: Commitment, moment: Moment) -> datetime | None:
    """Record all that time has decided by now. Doing it twice records nothing.

    Answers when to look again, where a step of the ladder waits until somebody is at work.
    """
    pass_time(commitment, moment)
    waits_until = climb(commitment, moment)
    return min([waits_until, *next_instants(commitment)]) if waits_until is not None else None


def instants(commitment: Commitment) -> list[datetime]:
    """The instants at which time will have something to say, in order, unless something happens before.

    A commitment that is closed has none.
    """
    return sorted([*next_instants(commitment), *climb_instants(commitment)])

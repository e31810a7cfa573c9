"""When what another system did not receive is sent again, and when that is given up.

>>> USUAL.gives_up(timedelta(days=2))
False
"""

from dataclasses import dataclass
from datetime import timedelta
from random import SystemRandom

__all__ = ["USUAL", "Patience"]

_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer may take, and the pauses between attempts, each longer than the one before.

    One event is tried after two seconds, six, eighteen and so on, from the ninth attempt on every four hours, and given
    up after three days. An address that receives nothing at all is asked again when half as long has passed as it has
    failed, which is a second at the least and ten minutes at the most.
    """

    answer: float = 10.0
    first_pause: timedelta = timedelta(seconds=2)
    longest_pause: timedelta = timedelta(hours=4)
    for_an_event: timedelta = timedelta(days=3)
    shortest_rest: timedelta = timedelta(seconds=1)
    longest_rest: timedelta = timedelta(minutes=10)

    def pause(self, attempts: int) -> timedelta:
        """How long an event waits that was tried so often."""
        return _spread(min(self.first_pause * 3 ** min(attempts - 1, 20), self.longest_pause))

    def rest(self, failing_for: timedelta) -> timedelta:
        """How long an address is left alone that has failed for so long."""
        return _spread(min(max(failing_for / 2, self.shortest_rest), self.longest_rest))

    def gives_up(self, failing_for: timedelta) -> bool:
        """Whether an event that has not been received for so long is not sent any more."""
        return failing_for >= self.for_an_event


USUAL = Patience()


def _spread(pause: timedelta) -> timedelta:
    """Up to a tenth more or less: what failed together is not tried together."""
    return pause * _random.uniform(0.9, 1.1)

"""What a verification found, as the command line tells it."""

from store.verification import Verdict

__all__ = ["tell_verdict"]


def tell_verdict(verdict: Verdict) -> bool:
    """Print what was found, the first bad position last; answers whether the seals hold."""
    for one in verdict.problems:
        print(f"position {one.position}: {one.what}")
    if verdict.failed > len(verdict.problems):
        print(f"and {verdict.failed - len(verdict.problems)} more")
    print(f"{verdict.events} events, {verdict.seals} seals up to position {verdict.sealed_until}")
    if verdict.published:
        print(f"{verdict.published} of them were published, and compared; {verdict.not_published} since were not")
    if verdict.late_from is not None:
        print(
            f"{verdict.late} events were sealed more than ten minutes after the time that they say, from position "
            f"{verdict.late_from} on: the seals do not vouch for that time"
        )
    if verdict.unsealed_from is not None:
        many = "event is" if verdict.unsealed == 1 else "events are"
        print(f"{verdict.unsealed} {many} not sealed yet, from position {verdict.unsealed_from} on")
    if verdict.first is not None:
        print(f"the seals do not hold; the first bad position is {verdict.first.position}")
        return False
    print("the seals hold")
    return True

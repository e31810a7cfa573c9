"""Which hour was meant: by the half of the day, by the part of it, or either of two.

>>> hours_of(Said(clock=Clock(6), part="evening"), named=False)
[(18, 0, '')]
>>> hours_of(Said(clock=Clock(6)), named=False)
[(6, 0, 'half.am'), (18, 0, 'half.pm')]
"""

from api.phrases.said import Clock, Said

__all__ = ["Times", "hours_of"]

Times = list[tuple[int, int, str]]
"""Hours and minutes, each with the key of the answer that leads to it; 24 is the midnight that ends a day."""


def hours_of(said: Said, *, named: bool) -> Times | None:
    """The hours that were meant, each with the key of its answer; None where there are none such.

    `named`: beside a day, of which midnight is the begin or the end.
    """
    clock = said.clock or Clock(0)
    hour, minute = clock.hour, clock.minute
    if clock.half == "midnight" or (clock.half == "am" and hour == 12 and minute == 0):
        return [(0, 0, "midnight.begin"), (24, 0, "midnight.end")] if named and not said.part else [(24, 0, "")]
    if clock.half in ("am", "pm"):
        return [(hour % 12 + (12 if clock.half == "pm" else 0), minute, "")]
    if said.part:
        return _of_part(said.part, hour, minute)
    if clock.half or not 1 <= hour <= 12:
        return [(hour, minute, "")]
    early = (24, 0, "half.am") if (hour, minute) == (12, 0) else (hour % 12, minute, "half.am")
    return [early, (hour % 12 + 12, minute, "half.pm")]


def _of_part(part: str, hour: int, minute: int) -> Times | None:
    later = {"afternoon": range(1, 8), "evening": range(5, 12), "noon": range(1, 3)}.get(part, range(0))
    if hour in later:
        return [(hour + 12, minute, "")]
    if part == "evening" and (hour, minute) in ((12, 0), (24, 0), (0, 0)):
        return [(24, 0, "")]
    first, last = {
        "dawn": (0, 6),
        "morning": (4, 11),
        "noon": (11, 12),
        "afternoon": (12, 19),
        "evening": (17, 23),
    }.get(part, (0, 23))
    return [(hour, minute, "")] if first <= hour <= last else None

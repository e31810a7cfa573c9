"""Lines typed on a Wednesday, at two in the afternoon, and what came of them in a form that a table can hold."""

from datetime import datetime

from api.phrases import Choice, Reading, read
from domain.catalogue import parse_catalogue
from domain.deadlines import DueRule, zone

KINDS = tuple(parse_catalogue("").kinds)


def typed(line: str, now: str = "2026-11-18T14:00", place: str = "Europe/Sofia") -> Reading:
    """What a line says when it is typed at a local time."""
    return read(line, now=datetime.fromisoformat(now).replace(tzinfo=zone(place)), zone=place, kinds=KINDS)


def short(due: DueRule | None) -> str | None:
    """`3 working_days`, `2026-11-25`, `2026-11-25 18:00`."""
    if due is None:
        return None
    if due.within is not None:
        return f"{due.within.amount} {due.within.unit}"
    return str(due.date) if due.at is None else f"{due.at:%Y-%m-%d %H:%M}"


def asked(choices: tuple[Choice, ...]) -> list[str]:
    """`2026-11-25 18:00 half.pm`, one a choice."""
    return [f"{short(choice.due)} {' '.join(choice.keys)}" for choice in choices]

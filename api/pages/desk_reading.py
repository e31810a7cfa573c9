"""What an agent types, in words, as the fields of a request: nothing is taken that could mean several things."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from api.pages.visiting import Visitor
from api.phrases import Reading, read
from domain.deadlines import DueRule

__all__ = ["Choice", "DueRead", "LineRead", "read_due", "read_line", "time_named_in"]


_MOST, _SHOWN = 2000, 80
"""Characters that are read, as many as a promise has, and that are shown of what is longer: to read takes its time."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to understand a time: `value` is what a form sends of it, `body` the due of a request."""

    value: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DueRead:
    """A due in words: understood as `body`, or as one of several choices, or not at all."""

    text: str = ""
    body: dict[str, Any] | None = None
    choices: tuple[Choice, ...] = ()

    @property
    def is_unknown(self) -> bool:
        """Whether something was said that is no time."""
        return bool(self.text) and self.body is None and not self.choices


@dataclass(frozen=True, slots=True)
class LineRead:
    """A promise in one line."""

    promise: str | None = None
    due: DueRead = field(default_factory=DueRead)
    kind: str | None = None
    kinds: tuple[str, ...] = ()
    order_id: str | None = None
    orders: tuple[str, ...] = ()
    not_understood: tuple[str, ...] = ()


def read_line(visitor: Visitor, line: str, zone: str | None = None) -> LineRead:
    """What a line says of a promise, by a zone’s clock; what it leaves open, or says in two ways, is not guessed."""
    if not line:
        return LineRead()
    if len(line) > _MOST:
        return LineRead(not_understood=(line[:_SHOWN],))
    reading = _read(visitor, line, zone)
    kinds = tuple(dict.fromkeys(choice.kind for choice in reading.kind_choices))
    return LineRead(
        reading.promise,
        _due(reading),
        reading.kind,
        kinds,
        reading.order_id,
        reading.order_choices,
        reading.not_understood,
    )


def read_due(visitor: Visitor, text: str, zone: str | None = None) -> DueRead:
    """What a due in words comes to, where it stands by itself."""
    if not text:
        return DueRead()
    if len(text) > _MOST:
        return DueRead(text[:_SHOWN])
    due = _due(_read(visitor, text, zone))
    return DueRead(text, due.body, due.choices)


def time_named_in(visitor: Visitor, promise: str) -> str | None:
    """The words with which a promise itself names a time, if it does: they contradict another due."""
    due = _due(_read(visitor, promise, None))
    return due.text or None


def _read(visitor: Visitor, text: str, zone: str | None) -> Reading:
    catalogue = visitor.runtime.catalogue
    return read(text, now=visitor.now, zone=zone or catalogue.default_time_zone, kinds=catalogue.kinds)


def _due(reading: Reading) -> DueRead:
    if reading.due is not None:
        text = reading.due_text.text if reading.due_text is not None else ""
        return DueRead(text, _asked(reading.due))
    choices = tuple(_choice(choice.due) for choice in reading.choices)
    text = reading.choices[0].text.text if choices else ""
    return DueRead(text, None, choices)


def _choice(rule: DueRule) -> Choice:
    body = _asked(rule)
    return Choice(msgspec.json.encode(body).decode(), body)


def _asked(rule: DueRule) -> dict[str, Any]:
    """A rule as a request has it."""
    return dict(rule.to_json())

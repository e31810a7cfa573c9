"""Templates over what another system sent: its values are filled in as data, and never read as anything else.

>>> payload = {"ticket": {"id": 81, "tags": ["vip"], "customer": {"name": "Lin {id}"}}}
>>> Template.parse("Ticket {ticket.id} of {ticket.customer.name}").text(payload)
'Ticket 81 of Lin {id}'
>>> Template.parse("{ticket.tags}").value(payload), Template.parse("{ticket.tags.0}").value(payload)
(['vip'], 'vip')
>>> Template.parse("{ticket.agent.name|nobody}").text(payload)
'nobody'
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from domain.errors import MappingFailed

__all__ = ["MISSING", "Json", "Place", "Template"]

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_PIECE = re.compile(r"(\{\{|\}\})|\{([^{}|]+)(?:\|([^{}]*))?\}|([^{}]+)|(.)", re.DOTALL)


class _Missing(Enum):
    MISSING = 0


MISSING = _Missing.MISSING
"""What stands where there is nothing: null is something."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the payload, dotted: the names of fields, and the numbers of entries in lists."""

    path: str
    steps: tuple[str, ...]
    default: str | None = None

    @classmethod
    def parse(cls, path: str, default: str | None = None) -> "Place":
        """Raises `ValueError`, whose words say what is wrong with the path."""
        steps = tuple(path.strip().split("."))
        if not all(steps):
            raise ValueError(f"'{path}' is no path of names and numbers with dots between them")
        return cls(path.strip(), steps, default)

    def find(self, payload: Json) -> "Json | _Missing":
        """What stands there.

        >>> Place.parse("stops.1.order").find({"stops": [{"order": "SO-1"}, {"order": "SO-2"}]})
        'SO-2'
        """
        found: Json | _Missing = payload
        for step in self.steps:
            if isinstance(found, dict):
                found = found.get(step, MISSING)
            elif isinstance(found, list) and step.isascii() and step.isdigit() and len(step) < 10:
                found = found[int(step)] if int(step) < len(found) else MISSING
            else:
                return MISSING
        return found

    def value(self, payload: Json) -> Json:
        """What stands there as JSON; the default where that is nothing. Raises `MappingFailed` where there is none.

        With nothing behind the bar the default is null, so that what may be left out is left out.
        """
        found = self.find(payload)
        if self.default is not None and (found is MISSING or found is None or found == ""):
            return self.default or None
        if found is MISSING:
            raise MappingFailed(f"'{self.path}' is missing")
        return found

    def text(self, payload: Json) -> str:
        """The same within a text."""
        found = self.value(payload)
        if found is None and self.default is not None:
            return ""
        if isinstance(found, str):
            return found
        if found is None or isinstance(found, dict | list):
            raise MappingFailed(f"'{self.path}' is neither a text nor a number")
        return json.dumps(found)


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places in it, as in `{ticket.id}` and `{ticket.agent|nobody}`; `{{` and `}}` stand for the braces.

    >>> Template.parse("{{{ticket.id}}}").text({"ticket": {"id": 81}})
    '{81}'
    """

    source: str
    pieces: tuple[str | Place, ...]

    @classmethod
    def parse(cls, source: str) -> "Template":
        """Raises `ValueError`, whose words say what is wrong with it."""
        pieces: list[str | Place] = []
        for match in _PIECE.finditer(source):
            brace, path, default, words, stray = match.groups()
            if stray is not None:
                raise ValueError(f"'{source}' has a brace that is not closed, or not opened; write it twice to mean it")
            pieces.append(Place.parse(path, default) if path is not None else words or brace[0])
        return cls(source, tuple(pieces))

    def text(self, payload: Json, quote: Callable[[str], str] = str) -> str:
        """The text, each value in it quoted by `quote`. Raises `MappingFailed` where something is missing."""
        return "".join(piece if isinstance(piece, str) else quote(piece.text(payload)) for piece in self.pieces)

    def value(self, payload: Json) -> Json:
        """The same; a template that is one place and nothing else keeps the type that the value has."""
        match self.pieces:
            case (Place() as place,):
                return place.value(payload)
        return self.text(payload)

    @property
    def shape(self) -> str:
        """The text with `{}` for each place: what can be told before anything was sent."""
        return "".join(piece if isinstance(piece, str) else "{}" for piece in self.pieces)

"""The rules by which the deliveries of another system become commands: where each holds, and what it makes of them.

>>> send = Template.parse("/v1/commitments/{ticket.commitment}/contacts")
>>> rule = Rule((), "POST …", "POST", send, 1, None, None, {"channel": Template.parse("{via|phone}")})
>>> rule.command({"ticket": {"commitment": "a/b"}})
Command(method='POST', target='/v1/commitments/a%2Fb/contacts', on_behalf_of=None, key=None, body={'channel': 'phone'})
"""

from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote

from domain.errors import MappingFailed
from domain.templates import MISSING, Json, Place, Template

__all__ = ["Command", "Condition", "Filled", "Rule", "path_of"]

Filled: TypeAlias = "dict[str, Filled] | list[Filled] | Template | int | float | bool | None"
"""A body as it is configured: JSON whose texts are templates."""


@dataclass(frozen=True, slots=True)
class Command:
    """A request to ourselves: what is to be done, on whose behalf, under which Idempotency-Key."""

    method: str
    target: str
    on_behalf_of: str | None
    key: str | None
    body: Json


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold: what stands at a place is one of these values, or a list that holds one of them."""

    place: Place
    values: tuple[Json, ...]

    def holds(self, payload: Json) -> bool:
        found = self.place.find(payload)
        if found is MISSING:
            return False
        candidates = found if isinstance(found, list) else [found]
        return any(_same(candidate, value) for candidate in candidates for value in self.values)


def _same(one: Json, other: Json) -> bool:
    """Whether they are equal as JSON: there `true` is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


@dataclass(frozen=True, slots=True)
class Rule:
    """One command that is made of a delivery, where all its conditions hold.

    `nth` counts the rules of its hook that send to the same path, whether they hold or not: of one delivery each has
    a key of its own, which stays as it is when a rule that failed is mended.
    """

    when: tuple[Condition, ...]
    send: str
    method: str
    target: Template
    nth: int
    on_behalf_of: Template | None
    key: Template | None
    body: "Filled"

    @property
    def path(self) -> str:
        """The path that it sends to, as far as the configuration tells."""
        return path_of(self.target)

    def command(self, payload: Json) -> Command:
        """The command for this payload. Raises `MappingFailed` where something that it needs is not in it."""
        return Command(
            self.method,
            self.target.text(payload, _quoted),
            self.on_behalf_of.text(payload) if self.on_behalf_of is not None else None,
            _printable(self.key.text(payload)) if self.key is not None else None,
            _fill(self.body, payload),
        )


def path_of(target: Template) -> str:
    """The path of a target, without its query, `{}` for each place in it."""
    return target.shape.partition("?")[0]


def _quoted(value: str) -> str:
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise MappingFailed("what belongs into the path is no text") from None


def _printable(key: str) -> str:
    if not key.isprintable():
        raise MappingFailed("the key holds characters that cannot be printed")
    return key


def _fill(body: "Filled", payload: Json) -> Json:
    match body:
        case Template():
            return body.value(payload)
        case dict():
            return {name: _fill(value, payload) for name, value in body.items()}
        case list():
            return [_fill(value, payload) for value in body]
    return body

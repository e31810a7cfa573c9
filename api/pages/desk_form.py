"""The form with which an agent records a promise: what he typed, what was proposed to him, and the request they make.

>>> draft = Draft.of({"kind": "callback", "customer_id": "CU-7", "promise": "I call you back"})
>>> draft.body({"within": {"amount": 30, "unit": "minutes"}})["due"]
{'within': {'amount': 30, 'unit': 'minutes'}}
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

import msgspec

from domain.values import Item

__all__ = ["FIELDS", "POINTERS", "Draft", "digest", "field_of", "items_text", "read_items"]

FIELDS = (
    "line",
    "kind",
    "due",
    "due_choice",
    "order_id",
    "customer_id",
    "promise",
    "items",
    "amount",
    "currency",
    "channel",
    "direction",
    "conversation",
)
_PLAIN = ("kind", "order_id", "customer_id", "promise", "channel", "direction", "conversation")
"""The fields that are a field of the request, as they stand."""

POINTERS = {"value/amount": "amount", "value/currency": "currency"}
"""Where a field of the request stands on the page, where that is called otherwise."""

_WAS = "was_"
_THING = re.compile(
    r"(?:(\d{1,7})(?:\s*[×*]\s*|\s*x\s+|\s+))?(\S+?)(?:\s*[×*]\s*(\d{1,7})|\s+x\s*(\d{1,7}))?", re.IGNORECASE | re.ASCII
)
"""An x belongs to the name of a thing, unless there is a space that says otherwise."""


@dataclass(slots=True)
class Draft:
    """A promise that is being typed: the fields, and what was proposed for each of them.

    A field that differs from what was proposed is the agent's own: no proposal touches it any more.
    """

    said: dict[str, str] = field(default_factory=dict)
    was: dict[str, str] = field(default_factory=dict)
    key: str = field(default_factory=lambda: str(uuid4()))
    seen: str = ""

    @classmethod
    def of(cls, sent: Mapping[str, str]) -> Self:
        """What a form sent."""
        said = {name: sent[name].strip() for name in FIELDS if sent.get(name, "").strip()}
        was = {name: sent[_WAS + name] for name in FIELDS if sent.get(_WAS + name)}
        return cls(said, was, sent.get("key") or str(uuid4()), sent.get("seen", ""))

    def __getitem__(self, name: str) -> str:
        return self.said.get(name, "")

    def is_own(self, name: str) -> bool:
        """Whether the agent himself has said what stands in a field, or emptied it.

        >>> Draft({"kind": "refund"}, {"kind": "refund"}).is_own("kind"), Draft({}, {"kind": "refund"}).is_own("kind")
        (False, True)
        """
        return self.said.get(name, "") != self.was.get(name, "").strip()

    def propose(self, name: str, value: str | None) -> None:
        """Put something into a field that is not the agent's own; None takes an earlier proposal out again."""
        if self.is_own(name):
            return
        self.said.pop(name, None)
        self.was.pop(name, None)
        if value:
            self.said[name] = self.was[name] = value

    def body(self, due: object) -> dict[str, Any]:
        """The request that it makes; `due` is what its words were understood as."""
        sent: dict[str, Any] = {name: self[name] for name in _PLAIN if self[name]}
        if due is not None:
            sent["due"] = due
        if items := read_items(self["items"]):
            sent["items"] = items
        if self["amount"] or self["currency"]:
            sent["value"] = {"amount": self["amount"].replace(",", "."), "currency": self["currency"].upper()}
        return sent


def read_items(text: str) -> list[dict[str, Any]]:
    """The things that are named, one a line or a comma, with how many of each.

    >>> read_items("HDMI-2M, 2 x TV-55")
    [{'sku': 'HDMI-2M', 'quantity': 1}, {'sku': 'TV-55', 'quantity': 2}]
    """
    found = []
    for part in filter(None, (part.strip() for part in re.split(r"[,;，；、\n]", text))):
        thing = _THING.fullmatch(part)
        sku, count = (thing[2], thing[1] or thing[3] or thing[4] or "1") if thing is not None else (part, "1")
        found.append({"sku": sku, "quantity": int(count)})
    return found


def items_text(items: Iterable[Item]) -> str:
    """The things as they are typed.

    >>> items_text([Item("HDMI-2M", 1), Item("TV-55", 2)])
    'HDMI-2M, 2 x TV-55'
    """
    return ", ".join(f"{one.quantity} x {one.sku}" if one.quantity != 1 else one.sku for one in items)


def digest(body: object) -> str:
    """By what it is known whether the agent has seen in words what he records."""
    return hashlib.blake2b(msgspec.json.encode(body, order="sorted"), digest_size=12).hexdigest()


def field_of(pointer: str) -> str:
    """The field of the page that a problem's pointer names.

    >>> field_of("/due/within/amount"), field_of("/value/currency")
    ('due', 'currency')
    """
    path = pointer.strip("/")
    return POINTERS.get(path) or path.split("/")[0]

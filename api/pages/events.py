"""An event, by the parts of which its sentence is made.

>>> Event(item, Wording("en", UTC)).person  # doctest: +SKIP
'li (courier)'
"""

from dataclasses import dataclass
from datetime import datetime

from api.pages.wording import Wording, msg
from projections.history import HistoryItem

__all__ = ["Event", "Quote", "Sentence"]


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of somebody, as they were recorded; None where they are erased. `label` says what they are."""

    words: str | None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """What happened: in a sentence, with an icon, what was said, and what else belongs to it."""

    words: str
    icon: str
    tone: str = ""
    quotes: tuple[Quote, ...] = ()
    facts: tuple[str, ...] = ()


class Event:
    """An event, as a sentence asks for its parts."""

    def __init__(self, item: HistoryItem, words: Wording) -> None:
        self.item = item
        self.t, self.who, self.words = words.t, words.who, words
        self.is_erased = item.data.get("erased") is True

    @property
    def person(self) -> str:
        """Who did it; where a system speaks for him, it is named in the details."""
        return self.who(self.item.on_behalf_of or self.item.actor)

    @property
    def recipient(self) -> str:
        return self.who(self.text("recipient") or "")

    @property
    def order(self) -> str:
        return self.item.order_id or ""

    def text(self, name: str) -> str | None:
        found = self.item.data.get(name)
        return found if isinstance(found, str) else None

    def role(self) -> str:
        return self.words.role(self.text("role") or "")

    def instant(self, name: str) -> datetime | None:
        found = self.text(name)
        return datetime.fromisoformat(found) if found is not None else None

    def due(self) -> str | None:
        due = self.item.data.get("due")
        at = due.get("at") if isinstance(due, dict) else None
        if not isinstance(at, str):
            return None
        return self.t("To be kept by %(time)s", time=self.words.when(datetime.fromisoformat(at)))

    def names(self, name: str) -> list[str]:
        found = self.item.data.get(name)
        return [str(one) for one in found] if isinstance(found, list) else []

    def said(self, name: str, label: str) -> tuple[Quote, ...]:
        """A note or a reason, where there is one."""
        found = self.text(name)
        return (Quote(found, self.t(label)),) if found is not None else ()

    def promised(self) -> tuple[Quote, ...]:
        things = self.item.data.get("items")
        listed = [f"{one['quantity']} × {one['sku']}" for one in things] if isinstance(things, list) else []
        return (Quote(self.text("promise")), *([Quote(", ".join(listed))] if listed else []))

    def channel(self) -> tuple[str, ...]:
        channel = self.text("channel")
        if channel is None:
            return ()
        ways = {"inbound": msg("channel %(channel)s, inbound"), "outbound": msg("channel %(channel)s, outbound")}
        return (self.t(ways.get(self.text("direction") or "", msg("channel %(channel)s")), channel=channel),)

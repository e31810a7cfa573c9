"""What is searched for in the history: read from an address, written into one, and shown in a form.

An address names instants and no local times, so that whoever is sent it finds the same, wherever he is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Final
from urllib.parse import urlencode

from api.pages.wording import msg
from domain.calendars import instant_of

__all__ = ["FAULTS", "FILTERS", "LABELS", "TIMES", "Search", "instant_in", "local_value"]

FILTERS: Final = (
    "order_id",
    "customer_id",
    "actor",
    "recipient",
    "channel",
    "conversation",
    "commitment_id",
    "type",
    "from",
    "to",
)
TIMES: Final = ("from", "to")
_PLACES: Final = ("before", "after")
_SHOWN: Final = 50

LABELS: Final = {
    "order_id": msg("Order"),
    "customer_id": msg("Customer"),
    "actor": msg("Who did it"),
    "recipient": msg("Keeper"),
    "channel": msg("Channel"),
    "conversation": msg("Conversation"),
    "commitment_id": msg("Id of the promise"),
    "type": msg("What happened"),
    "from": msg("Recorded from"),
    "to": msg("Recorded before"),
}
FAULTS: Final = {
    "order_id": msg("At most 128 characters, without spaces"),
    "customer_id": msg("At most 128 characters, without spaces"),
    "actor": msg("Write a role and a name, as in agent:ling"),
    "recipient": msg("Write a role and a name, as in courier:li"),
    "channel": msg("This cannot be searched for"),
    "conversation": msg("This cannot be searched for"),
    "commitment_id": msg("This is not the id of a promise"),
    "type": msg("There is no such event"),
    "from": msg("This is no time: write it as 2026-11-24 12:05"),
    "to": msg("This is no time: write it as 2026-11-24 12:05"),
}


def instant_in(text: str, tz: tzinfo) -> datetime | None:
    """The instant that somebody in a zone writes; None where it cannot be read.

    >>> str(instant_in("2026-11-24T12:05", zone("Asia/Shanghai")))  # doctest: +SKIP
    '2026-11-24 04:05:00+00:00'
    """
    try:
        found = datetime.fromisoformat(text)
        return instant_of(found, tz) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def local_value(at: datetime, tz: tzinfo) -> str:
    """An instant as a field for local times holds it; to the second only where that matters."""
    there = at.astimezone(tz).replace(tzinfo=None)
    return there.isoformat(timespec="seconds" if there.second or there.microsecond else "minutes")


@dataclass(frozen=True, slots=True)
class Search:
    """The filters that are set, the place in what was found, and which end comes first."""

    filters: Mapping[str, str]
    newest_first: bool = True
    before: str | None = None
    after: str | None = None

    @classmethod
    def read(cls, params: Mapping[str, str], tz: tzinfo) -> "Search":
        """What an address or a form asks for. A time that cannot be read stays as it was written."""
        filters = {name: value for name in FILTERS if (value := params.get(name, "").strip())}
        for name in TIMES:
            if name in filters and (at := instant_in(filters[name], tz)) is not None:
                filters[name] = at.isoformat().replace("+00:00", "Z")
        newest_first = params.get("order") != "oldest_first"
        return cls(filters, newest_first, params.get("before") or None, params.get("after") or None)

    @property
    def query(self) -> str:
        """The search as the query of an address."""
        places = {"before": self.before, "after": self.after}
        named = {name: place for name, place in places.items() if place}
        order = {} if self.newest_first else {"order": "oldest_first"}
        return urlencode({**self.filters, **order, **named})

    @property
    def is_first_page(self) -> bool:
        return self.before is None and self.after is None

    def at(self, *, before: int | None = None, after: int | None = None) -> "Search":
        """The same search, elsewhere in what it finds."""
        return replace(self, before=_text(before), after=_text(after))

    def asked(self) -> dict[str, object]:
        """As the API is asked for one page: the events nearest to the place, and from which end."""
        towards_older = self.before is not None or (self.after is None and self.newest_first)
        order = "newest_first" if towards_older else "oldest_first"
        return {**self.filters, "before": self.before, "after": self.after, "order": order, "limit": _SHOWN}


def _text(position: int | None) -> str | None:
    return str(position) if position is not None else None

"""The face of our stored facts that the library knows: its mapper, so that its tools read the log."""

from typing import Any, cast
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent, Transcoder
from eventsourcing.utils import get_topic

from store.facts import read_fact, write_fact
from store.keyring import Keyring

__all__ = ["FactMapper"]


class _Json(Transcoder):
    """JSON as `msgspec` writes it: instants as RFC 3339, durations as ISO 8601."""

    def encode(self, obj: Any) -> bytes:
        return msgspec.json.encode(obj)

    def decode(self, data: bytes) -> Any:
        return msgspec.json.decode(data)


_JSON = _Json()


class FactMapper(Mapper[UUID]):
    """Writes and reads the facts of one stream, whose key it is given; without a key it reads what is not personal.

    >>> stored = FactMapper(keyring, key).to_stored_event(made)  # doctest: +SKIP
    >>> b"HDMI" in stored.state
    False
    >>> FactMapper(keyring, None).to_domain_event(stored).promise is None
    True
    """

    def __init__(self, keyring: Keyring, key: bytes | None) -> None:
        super().__init__(_JSON)
        self._keyring = keyring
        self._key = key

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        return StoredEvent(
            domain_event.originator_id,
            domain_event.originator_version,
            get_topic(type(domain_event)),
            write_fact(self._keyring, self._key, domain_event),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        stream = cast(UUID, stored_event.originator_id)
        fact = read_fact(
            self._keyring,
            self._key,
            stream,
            stored_event.originator_version,
            stored_event.topic,
            stored_event.state,
        )
        return cast("DomainEventProtocol[UUID]", fact)

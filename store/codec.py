"""Between facts and stored bytes: the library's mapper, with personal fields encrypted under the stream's key.

The stored state is the open fields as JSON and, behind a NUL byte that no JSON contains, the personal fields,
encrypted. Whoever holds no key reads the open part; the personal fields are then None.
"""

from typing import Any, cast
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent, Transcoder
from eventsourcing.utils import get_topic, resolve_topic

from store.keyring import Keyring

__all__ = ["FactMapper"]

_PERSONAL = b"\x00"


class _Json(Transcoder):
    """JSON as `msgspec` writes it: instants as RFC 3339, durations as ISO 8601."""

    def encode(self, obj: Any) -> bytes:
        return msgspec.json.encode(obj)

    def decode(self, data: bytes) -> Any:
        return msgspec.json.decode(data)


class FactMapper(Mapper[UUID]):
    """Writes and reads the facts of one stream, whose key it is given; without a key it reads what is not personal.

    >>> stored = FactMapper(keyring, key).to_stored_event(made)  # doctest: +SKIP
    >>> b"HDMI" in stored.state
    False
    >>> FactMapper(keyring, None).to_domain_event(stored).promise is None
    True
    """

    def __init__(self, keyring: Keyring, key: bytes | None) -> None:
        super().__init__(_Json())
        self._keyring = keyring
        self._key = key

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        fact = type(domain_event)
        state = dict(vars(domain_event))
        stream_id, version = state.pop("originator_id"), state.pop("originator_version")
        if (class_version := getattr(fact, "class_version", 1)) > 1:
            state["class_version"] = class_version
        topic = get_topic(fact)
        personal = {name: state.pop(name) for name in _personal(fact)}
        data = self.transcoder.encode(state)
        if personal:
            if self._key is None:
                raise ValueError(f"the stream {stream_id} has no key any more")
            sealed = self._keyring.seal(self._key, self.transcoder.encode(personal), _context(stream_id, version))
            data += _PERSONAL + sealed
        return StoredEvent(stream_id, version, topic, data)

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        fact = resolve_topic(stored_event.topic)
        stream_id, version = cast(UUID, stored_event.originator_id), stored_event.originator_version
        data, _, sealed = stored_event.state.partition(_PERSONAL)
        parts = [data[1:-1]]
        if sealed and self._key is not None:
            parts.append(self._keyring.open(self._key, sealed, _context(stream_id, version))[1:-1])
        else:
            parts.extend(b'"%s":null' % name.encode() for name in _personal(fact))
        parts.append(b'"originator_id":"%s","originator_version":%d' % (str(stream_id).encode(), version))
        whole = b"{" + b",".join(parts) + b"}"
        if getattr(fact, "class_version", 1) > 1:
            return _upcast(fact, msgspec.json.decode(whole))
        return cast("DomainEventProtocol[UUID]", msgspec.json.decode(whole, type=fact))


def _upcast(fact: Any, state: dict[str, Any]) -> DomainEventProtocol[UUID]:
    """Bring an older form of a fact to the newest, step by step, as the library does."""
    for older in range(state.pop("class_version", 1), fact.class_version):
        getattr(fact, f"upcast_v{older}_v{older + 1}")(state)
    return cast("DomainEventProtocol[UUID]", msgspec.convert(state, type=fact))


def _personal(fact: Any) -> frozenset[str]:
    return cast("frozenset[str]", fact.personal)


def _context(stream_id: UUID, version: int) -> bytes:
    """Binds the encrypted fields to their place, so that they cannot be moved to another event."""
    return b"%s/%d" % (stream_id.bytes, version)

"""Reading one stored fact back."""

from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from store.codec import FactMapper
from store.keyring import Keyring

__all__ = ["read_fact"]


def read_fact(keyring: Keyring, key: bytes | None, stream: UUID, version: int, topic: str, stored: bytes) -> Any:
    """The fact that was stored; without the stream's key its personal fields read None.

    >>> read_fact(keyring, None, stream, 1, "CommitmentMade", stored).promise is None  # doctest: +SKIP
    True
    """
    return FactMapper(keyring, key).to_domain_event(StoredEvent(stream, version, topic, stored))

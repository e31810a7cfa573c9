"""Between facts and stored bytes, with personal fields encrypted under the stream's key.

The stored state is the open fields as JSON and, behind a NUL byte that no JSON contains, the personal fields,
encrypted. Whoever holds no key reads the open part; the personal fields are then None.
"""

from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from typing import Any, get_type_hints
from uuid import UUID

import msgspec
from eventsourcing.utils import resolve_topic

from domain.recording import Recorded, recall
from store.keyring import Keyring

__all__ = ["read_fact", "write_fact"]

_PERSONAL = b"\x00"
_PLACE = ("originator_id", "originator_version")
"""Columns of their own, and so no part of the stored state."""

_asdict = msgspec.structs.asdict
_encode = msgspec.json.Encoder().encode


class _Written(msgspec.Struct):
    """In which form a fact was stored, where its class has seen several."""

    class_version: int = 1


_form = msgspec.json.Decoder(_Written).decode


@dataclass(frozen=True, slots=True)
class _Shape:
    """How the facts of one class are stored: what is open, what is personal, and what is left of that when erased."""

    fact: type[Recorded]
    version: int
    open: msgspec.json.Decoder[msgspec.Struct]
    personal: msgspec.json.Decoder[msgspec.Struct]
    erased: dict[str, None]


def write_fact(keyring: Keyring, key: bytes | None, fact: Any) -> bytes:
    """The bytes to store. A stream that was erased has no key any more: what is personal is not stored then.

    >>> b"HDMI" in write_fact(keyring, key, made)  # doctest: +SKIP
    False
    """
    shape, state = _shape(fact.__class__), vars(fact).copy()
    stream, version = state.pop("originator_id"), state.pop("originator_version")
    if shape.version > 1:
        state["class_version"] = shape.version
    if not shape.erased:
        return _encode(state)
    personal = {name: state.pop(name) for name in shape.erased}
    if key is None:
        return _encode(state)
    return _encode(state) + _PERSONAL + keyring.seal(key, _encode(personal), _context(stream, version))


def read_fact(keyring: Keyring, key: bytes | None, stream: UUID, version: int, topic: str, stored: bytes) -> Any:
    """The fact that was stored; without the stream's key its personal fields read None.

    >>> read_fact(keyring, None, stream, 1, "CommitmentMade", stored).promise is None  # doctest: +SKIP
    True
    """
    shape = _shape_of(topic)
    data, _, sealed = stored.partition(_PERSONAL)
    words = keyring.open(key, sealed, _context(stream, version)) if sealed and key is not None else None
    if shape.version > 1 and _form(data).class_version < shape.version:
        state = _upcast(shape, data, words)
    else:
        state = _asdict(shape.open.decode(data))
        state |= shape.erased if words is None else _asdict(shape.personal.decode(words))
    state["originator_id"], state["originator_version"] = stream, version
    return recall(shape.fact, state)


def _upcast(shape: _Shape, data: bytes, words: bytes | None) -> dict[str, Any]:
    """Bring an older form of a fact to the newest, step by step, as the library does."""
    state: dict[str, Any] = msgspec.json.decode(data)
    state |= shape.erased if words is None else msgspec.json.decode(words)
    for older in range(state.pop("class_version", 1), shape.version):
        getattr(shape.fact, f"upcast_v{older}_v{older + 1}")(state)
    return _asdict(msgspec.convert(state, shape.open.type)) | _asdict(msgspec.convert(state, shape.personal.type))


@cache
def _shape_of(topic: str) -> _Shape:
    return _shape(resolve_topic(topic))


@cache
def _shape(fact: Any) -> _Shape:
    types = get_type_hints(fact)
    stored = [field for field in fields(fact) if field.name not in _PLACE]
    personal = [field for field in stored if field.name in fact.personal]
    return _Shape(
        fact=fact,
        version=getattr(fact, "class_version", 1),
        open=_decoder(fact, [field for field in stored if field not in personal], types),
        personal=_decoder(fact, personal, types),
        erased=dict.fromkeys(field.name for field in personal),
    )


def _decoder(fact: Any, stored: "list[Field[Any]]", types: dict[str, Any]) -> msgspec.json.Decoder[msgspec.Struct]:
    """Reads these fields. One with a default may be missing in what was stored before there was such a field."""
    columns = [
        (field.name, types[field.name]) if field.default is MISSING else (field.name, types[field.name], field.default)
        for field in stored
    ]
    return msgspec.json.Decoder(msgspec.defstruct(fact.__name__, columns, kw_only=True))


def _context(stream_id: UUID, version: int) -> bytes:
    """Binds the encrypted fields to their place, so that they cannot be moved to another event."""
    return b"%s/%d" % (stream_id.bytes, version)

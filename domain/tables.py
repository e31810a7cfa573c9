"""How the tables of the configuration are read: each in its shape, and each fault one line that names the key.

>>> class Shelf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
...     colour: str
>>> read("shelves.top", {"colour": "red"}, Shelf, "a shelf")
Shelf(colour='red')
>>> read("shelves.top", {"color": "red"}, Shelf, "a shelf")
Traceback (most recent call last):
domain.errors.ConfigurationError: shelves.top.color: is not a key of a shelf
"""

import re
from typing import TypeVar

import msgspec

from domain.errors import ConfigurationError

__all__ = ["fault", "read"]

_T = TypeVar("_T")

_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$\.?(.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*?)`(?: - at `\$\.?(.*)`)?", re.DOTALL)
_AT = re.compile(r"(.*) - at `(?:key in )?\$\.?(.*)`", re.DOTALL)


def read(key: str, raw: object, shape: type[_T], what: str) -> _T:
    """A table of the file in its shape; a fault is told by the key it is in."""
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        text = str(error)
    if match := _UNKNOWN.fullmatch(text):
        raise fault(_join(key, match[2], match[1]), f"is not a key of {what}")
    if match := _MISSING.fullmatch(text):
        raise fault(_join(key, match[2], match[1]), "is missing")
    match = _AT.fullmatch(text)
    detail, where = (match[1], match[2]) if match else (text, "")
    detail = detail[0].lower() + detail[1:].replace("`object`", "a table").replace("`", "'")
    raise fault(_join(key, where), detail)


def _join(*parts: str | None) -> str:
    return ".".join(part for part in parts if part) or "the configuration"


def fault(key: str, detail: str) -> ConfigurationError:
    """One line, whatever the file holds."""
    return ConfigurationError(" ".join(f"{key}: {detail}".split()))

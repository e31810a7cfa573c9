"""Files that operators keep, with one thing in a line, as JSON.

>>> read_lines(Path("seals.ndjson"), dict, "a seal")[0]["number"]  # doctest: +SKIP
1
"""

from pathlib import Path
from typing import TypeVar

import msgspec

from domain.errors import ConfigurationError

__all__ = ["read_lines"]

T = TypeVar("T")


def read_lines(file: Path, kind: type[T], what: str) -> list[T]:
    """What a file holds. Raises `ConfigurationError` where it cannot be read, or a line is not `what`."""
    try:
        return [msgspec.json.decode(line, type=kind) for line in file.read_bytes().splitlines() if line]
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"{file}: does not hold {what} in each line") from error

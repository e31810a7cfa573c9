"""Where seals are given away: the `[seals]` of the configuration.

>>> check_sealing(Sealing(publish="seals.ndjson"))
Traceback (most recent call last):
domain.errors.ConfigurationError: seals.publish: is neither an address nor the absolute path of a file
"""

from pathlib import PurePath
from urllib.parse import urlsplit

import msgspec

from domain.errors import ConfigurationError

__all__ = ["Sealing", "check_sealing"]


class Sealing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file or an address that each seal is given to, out of reach of whoever runs the database."""

    publish: str | None = None
    allow_private: bool = False

    @property
    def is_address(self) -> bool:
        return self.publish is not None and urlsplit(self.publish).scheme in ("http", "https")


def check_sealing(sealing: Sealing) -> None:
    """Raises `ConfigurationError`, one line that names the key."""
    if sealing.publish is None:
        return
    if sealing.is_address:
        if not urlsplit(sealing.publish).hostname:
            raise ConfigurationError("seals.publish: is an address without a host")
    elif not PurePath(sealing.publish).is_absolute():
        raise ConfigurationError("seals.publish: is neither an address nor the absolute path of a file")

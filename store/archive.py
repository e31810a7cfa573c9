"""A backup as a file: a tar archive of a dump of the database and a page about it, which any `tar` opens.

>>> with Archive.open(Path("upheld.backup")) as archive:  # doctest: +SKIP
...     archive.about.position
812

`database.dump` comes first, in the custom format of `pg_dump`, and `backup.json` behind it, when it is known what was
written. Before a file is complete and on disk it has another name. The master key is not in it.
"""

import contextlib
import hashlib
import tarfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Final, Self

import msgspec

from domain.errors import ConfigurationError, NotRestorable
from store.files import whole

__all__ = ["About", "Archive", "Writing", "written"]

_DUMP, _ABOUT = "database.dump", "backup.json"
_FORMAT = 1
_TAR: Final = tarfile.GNU_FORMAT  # numbers of any size in the one block that a header has
_CHUNK = 1 << 20
Tell = Callable[[int], None]
"""Told how many bytes were dealt with."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is of. `fingerprint` says which master key it needs, and nothing about that key."""

    format: int = _FORMAT
    upheld: str
    migration: str
    postgresql: int
    made_at: datetime
    position: int
    recorded_at: datetime | None
    fingerprint: str
    size: int = 0
    sha256: str = ""


class Writing:
    """Takes the bytes of the dump as they come."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0
        file.write(_header(_DUMP, 0))  # its place; how large the dump is stands in it at the end

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size += len(chunk)

    def finish(self, about: About) -> About:
        """Write what the backup is of; answers that with what was found while it was written."""
        about = msgspec.structs.replace(about, size=self.size, sha256=self._hash.hexdigest())
        page = msgspec.json.format(msgspec.json.encode(about), indent=2) + b"\n"
        self._file.write(_padding(self.size) + _header(_ABOUT, len(page)) + page + _padding(len(page)))
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))
        self._file.seek(0)
        self._file.write(_header(_DUMP, self.size))
        return about


@contextlib.contextmanager
def written(file: Path) -> Iterator[Writing]:
    """A file for a backup, that only its owner reads and that has its name once it is complete and on disk.

    Raises `ConfigurationError` where it cannot be written, or is there already.
    """
    if file.exists():
        raise ConfigurationError(f"{file} is there already, and is left as it is")
    try:
        with whole(file) as new:
            yield Writing(new)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from error


class Archive:
    """A backup that is there."""

    def __init__(self, name: str, file: IO[bytes], about: About, begins: int) -> None:
        self.name = name
        self.about = about
        self._file = file
        self._begins = begins

    @classmethod
    @contextlib.contextmanager
    def open(cls, file: Path) -> Iterator[Self]:
        """Raises `NotRestorable` where it cannot be read, or is no backup or not all of one."""
        try:
            with file.open("rb") as opened:
                yield cls(str(file), opened, *_read(str(file), opened))
        except OSError as error:
            raise NotRestorable(f"{file} cannot be read: {error.strerror}") from error

    def check(self, tell: Tell) -> None:
        """Read all of the dump. Raises `NotRestorable` where it is not as it was written."""
        found = hashlib.sha256()
        for chunk in self.chunks():
            found.update(chunk)
            tell(len(chunk))
        if found.hexdigest() != self.about.sha256:
            raise NotRestorable(f"{self.name} is damaged: its dump is not as it was written")

    def chunks(self) -> Iterator[bytes]:
        """The dump, piece by piece."""
        self._file.seek(self._begins)
        left = self.about.size
        while left:
            if not (chunk := self._file.read(min(left, _CHUNK))):
                raise NotRestorable(f"{self.name} is not complete: it ends too early")
            left -= len(chunk)
            yield chunk


def _read(name: str, file: IO[bytes]) -> tuple[About, int]:
    """What a backup is of, and where its dump begins."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            dump, page = archive.next(), archive.next()
            if dump is None or dump.name != _DUMP:
                raise NotRestorable(f"{name} is no backup of Upheld")
            body = archive.extractfile(page) if page is not None and page.name == _ABOUT else None
            if body is None:
                raise NotRestorable(f"{name} is not complete: it ends too early")
            about = msgspec.json.decode(body.read(), type=About)
    except (tarfile.TarError, msgspec.MsgspecError, EOFError) as error:
        raise NotRestorable(f"{name} is no backup of Upheld, or is damaged") from error
    if about.format != _FORMAT or about.size != dump.size:
        raise NotRestorable(f"{name} is damaged, or was made by a later Upheld")
    return about, dump.offset_data


def _header(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry.tobuf(_TAR)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)

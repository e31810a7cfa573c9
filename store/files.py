"""Files that are whole wherever they are there.

>>> with whole(Path("erasures.ndjson")) as file:  # doctest: +SKIP
...     file.write(b'{"customer_id":"CU-7"}\\n')
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["whole"]


@contextlib.contextmanager
def whole(file: Path) -> Iterator[BinaryIO]:
    """A file that only its owner reads, and that has its name once it is complete and on disk, in place of what had it.

    Raises `OSError`.
    """
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as new:
            yield new
            new.flush()
            os.fsync(new.fileno())
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

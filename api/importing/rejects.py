"""The rows that could not be recorded, given back in a file of their own: `orders.csv.rejected.csv`."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from api.importing.rows import Row, Rows
from api.spreadsheets import defused
from domain.errors import ConfigurationError

__all__ = ["Rejects"]


class Rejects:
    """Writes the rejected rows of one import; there is no file where no row was rejected.

    >>> with Rejects(rows) as rejects:  # doctest: +SKIP
    ...     rejects.write([(row, "kept_at: lies in the future")])

    Raises `ConfigurationError`, one line, where the file cannot be written.
    """

    def __init__(self, rows: Rows) -> None:
        self.path = rows.file.with_name(f"{rows.file.name}.rejected.csv")
        self._rows = rows
        self._open: IO[str] | None = None

    def __enter__(self) -> "Rejects":
        """What an earlier import rejected may be right now."""
        with self._telling():
            self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.close()

    def write(self, rejected: Sequence[tuple[Row, str]]) -> None:
        """Append rows, each with its reason, so that they are on disk whatever becomes of the import."""
        if not rejected:
            return
        with self._telling():
            lines = [self._rows.rejected(row, reason) for row, reason in rejected]
            if self._open is None:
                self._open = self.path.open("w", encoding="utf-8", errors="surrogateescape", newline="")
                lines.insert(0, self._rows.columns)
            # A spreadsheet calculates nothing in them; read again, they are as they were.
            cells = [[defused(cell) for cell in line] for line in lines]
            csv.writer(self._open, delimiter=self._rows.delimiter, lineterminator="\n").writerows(cells)
            self._open.flush()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigurationError(f"{self.path}: cannot be written: {error.strerror}") from error

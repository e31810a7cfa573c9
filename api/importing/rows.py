"""The rows of a file, read one after the other, however many there are.

A row of a CSV file is put into the words of POST `/v1/commitments` first, so that both kinds of files keep the same
rules as a request.
"""

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from api.importing.bound import BoundMapping
from api.importing.mapping import Mapping, load_mapping, mapping_of
from api.importing.planning import Planned, Refused, plan
from api.spreadsheets import as_it_was
from domain.catalogue import Catalogue
from domain.errors import ConfigurationError

__all__ = ["Row", "Rows", "open_rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its number in the file, its cells as they stand there, and what it says."""

    number: int
    cells: Sequence[str]
    says: Planned | Refused


class Rows(ABC):
    """A file that is read row by row. `columns` and `delimiter` are those of its rejected rows."""

    columns: Sequence[str]
    delimiter = ","

    def __init__(self, file: Path, raw: BinaryIO) -> None:
        self.file, self._raw = file, raw

    def bytes_read(self) -> int:
        return self._raw.tell()

    def __iter__(self) -> Iterator[Row]:
        try:
            yield from self._rows()
        except OSError as error:
            raise ConfigurationError(f"{self.file}: cannot be read: {error.strerror}") from error

    @abstractmethod
    def _rows(self) -> Iterator[Row]: ...

    @abstractmethod
    def rejected(self, row: Row, reason: str) -> Sequence[str]:
        """The row as it is given back, with the reason."""


@contextmanager
def open_rows(file: Path, mapping: Path | None, catalogue: Catalogue, now: datetime) -> Iterator[Rows]:
    """The rows of a `.csv` or `.ndjson` file.

    >>> with open_rows(Path("orders.csv"), Path("olist.toml"), catalogue, now) as rows:  # doctest: +SKIP
    ...     print(next(iter(rows)).says)
    Planned(id=UUID('…'), making=Making(customer_id='68f4…', kind='delivery', …), kept_at=None, withdrawn=True, …)

    Raises `ConfigurationError`, one line, where the file or the mapping cannot be read.
    """
    if file.suffix.lower() not in (".csv", ".ndjson"):
        raise ConfigurationError(f"{file}: is neither a .csv nor an .ndjson file")
    try:
        raw = file.open("rb")
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from error
    with raw:
        if file.suffix.lower() == ".csv":
            yield CsvRows(file, raw, load_mapping(mapping) if mapping is not None else None, catalogue, now)
        elif mapping is None:
            yield NdjsonRows(file, raw, catalogue)
        else:
            raise ConfigurationError(f"{mapping}: a mapping is for .csv; a line of .ndjson says itself what it means")


class NdjsonRows(Rows):
    """One body of POST `/v1/commitments` a line."""

    columns = ("line", "reason", "row")

    def __init__(self, file: Path, raw: BinaryIO, catalogue: Catalogue) -> None:
        super().__init__(file, raw)
        self._catalogue = catalogue

    def _rows(self) -> Iterator[Row]:
        for number, line in enumerate(self._raw, 1):
            text = line.strip().removeprefix(b"\xef\xbb\xbf")
            if text:
                yield Row(number, [text.decode(errors="surrogateescape")], self._says(text))

    def _says(self, text: bytes) -> Planned | Refused:
        try:
            return plan(text, self._catalogue)
        except Refused as refused:
            return refused

    def rejected(self, row: Row, reason: str) -> Sequence[str]:
        return [str(row.number), reason, *row.cells]


class CsvRows(Rows):
    """A CSV file in UTF-8 with a header, and what its mapping makes of each row."""

    def __init__(self, file: Path, raw: BinaryIO, mapping: Mapping | None, catalogue: Catalogue, now: datetime) -> None:
        super().__init__(file, raw)
        self.delimiter = mapping.delimiter if mapping is not None else ","
        # What is not UTF-8 concerns one row, and is given back as it was.
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
        self._reader = csv.reader(text, delimiter=self.delimiter)
        self._header = [name.strip() for name in next(self._lines(), [])]
        self.columns = [*self._header, "reason"]
        try:
            self._mapped = BoundMapping(mapping or mapping_of(self._header), self._header, catalogue, now)
        except ConfigurationError as error:
            raise ConfigurationError(f"{file}: {error}") from error

    def _lines(self) -> Iterator[list[str]]:
        try:
            yield from ([as_it_was(cell) for cell in cells] for cells in self._reader if cells)
        except csv.Error as error:
            raise ConfigurationError(f"{self.file}: line {self._reader.line_num}: {error}") from error

    def _rows(self) -> Iterator[Row]:
        for number, cells in enumerate(self._lines(), 1):
            yield Row(number, cells, self._says(cells))

    def _says(self, cells: list[str]) -> Planned | Refused:
        width = len(self._header)
        if len(cells) != width:
            more = f", behind the last {cells[width:]}" if len(cells) > width else ""
            return Refused(f"has {len(cells)} cells instead of {width}{more}")
        try:
            return self._mapped.plan(cells)
        except Refused as refused:
            return refused

    def rejected(self, row: Row, reason: str) -> Sequence[str]:
        width = len(self._header)
        return [*row.cells[:width], *[""] * (width - len(row.cells)), reason]

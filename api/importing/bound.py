"""A mapping, bound to the header of one file: from the cells of a row to a plan.

>>> from api.importing.mapping import Columns
>>> header = ["client", "created", "promised"]
>>> mapping = Mapping(
...     kind="delivery",
...     promise="Delivered by {due_date}",
...     columns=Columns(customer_id="client", made_at="created", due_date="promised"),
... )
>>> bound = BoundMapping(mapping, header, catalogue, now)  # doctest: +SKIP
>>> bound.plan(["CU-7", "2016-10-04 19:41:32", "2016-11-16 00:00:00"]).making.promise  # doctest: +SKIP
'Delivered by 2016-11-16'
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from api.importing.mapping import Mapping, parse_template
from api.importing.planning import Planned, Refused, plan, reason_of
from api.importing.timestamps import Times, day_of
from domain.catalogue import Catalogue
from domain.deadlines import zone
from domain.errors import ConfigurationError, Invalid

__all__ = ["BoundMapping"]


class BoundMapping:
    """Which cell means what. Where the mapping names no zone and no calendar, those of the configuration count.

    Raises `ConfigurationError`, one line that begins with the key, where the mapping does not fit the file or the
    configuration.
    """

    def __init__(self, mapping: Mapping, header: Sequence[str], catalogue: Catalogue, now: datetime) -> None:
        self._catalogue, self._header = catalogue, header
        self._named = {key: self._place(f"columns.{key}", name) for key, name in mapping.columns.named().items()}
        self._withdrawn_when = [
            (self._place("withdrawn_when", name), frozenset(values)) for name, values in mapping.withdrawn_when.items()
        ]
        self._template = parse_template(mapping.promise or "")
        self._words = {
            field: self._named[field] if field in self._named else self._place("promise", field)
            for field in self._template.fields
        }
        self._kind = mapping.kind
        self._where = {"time_zone": mapping.time_zone, "calendar": mapping.calendar}
        try:
            self._times = Times(zone(mapping.time_zone or catalogue.default_time_zone), now)
            catalogue.calendar(mapping.calendar or catalogue.default_calendar)
            if mapping.kind is not None:
                catalogue.kind(mapping.kind)
        except Invalid as error:
            raise ConfigurationError(reason_of(error)) from error
        self._readers: dict[str, Callable[[str], object]] = {
            "made_at": lambda cell: self._times.begin(cell).isoformat(),
            "kept_at": lambda cell: self._times.end(cell).isoformat(),
            "withdrawn_at": lambda cell: self._times.end(cell).isoformat(),
            "due_at": lambda cell: {"at": self._times.instant(cell).isoformat()},
            "due_date": lambda cell: {"date": str(day_of(cell))},
        }

    def _place(self, key: str, name: str) -> int:
        if (found := self._header.count(name)) != 1:
            raise ConfigurationError(f"{key}: the file has {found or 'no'} column{'s' * (found > 1)} '{name}'")
        return self._header.index(name)

    def plan(self, cells: Sequence[str]) -> Planned:
        """The plan of a row. Raises `Refused`."""
        given = {key: cells[place].strip() for key, place in self._named.items()}
        body = {key: self._read(key, cell) for key, cell in given.items() if cell}
        if "made_at" in given and "made_at" not in body:
            raise Refused("made_at: is empty")
        due = {**body.pop("due_date", {}), **body.pop("due_at", {})}
        withdrawn = any(cells[place].strip() in values for place, values in self._withdrawn_when)
        row = {"kind": self._kind, **self._where, **body, "promise": self._promise(cells), "due": due or None}
        row = {key: value for key, value in row.items() if value is not None}
        return plan(row, self._catalogue, withdrawn=withdrawn)

    def _read(self, key: str, cell: str) -> Any:
        try:
            return self._readers[key](cell) if key in self._readers else cell
        except ValueError as error:
            raise Refused(f"{key}: {error}") from None

    def _promise(self, cells: Sequence[str]) -> str:
        """The words of the row's own column, as they were typed; where there are none, those of the template."""
        place = self._named.get("promise")
        if place is not None and cells[place].strip():
            return cells[place]
        words = {field: cells[place] for field, place in self._words.items()}
        for field, cell in words.items():
            if not cell.strip():
                raise Refused(f"promise: '{field}' is empty")
        if "due_date" in words and "due_date" in self._named:
            words["due_date"] = str(day_of(words["due_date"].strip()))
        return self._template.fill(words)

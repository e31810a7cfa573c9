"""How the columns of somebody's CSV file become commitments: the TOML mapping (contract, section 7).

>>> mapping = parse_mapping('kind = "callback"\\npromise = "We call by {due_at}"\\n[columns]\\ncustomer_id = "client"')
>>> mapping.kind, mapping.columns.customer_id
('callback', 'client')
"""

import re
import string
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from api.fields import Body
from domain.errors import ConfigurationError

__all__ = ["Columns", "Mapping", "Template", "load_mapping", "mapping_of", "parse_mapping", "parse_template"]

Values = Annotated[list[str], Field(min_length=1)]


class Columns(Body):
    """Which column of the file holds what. What is not named does not come from the file."""

    customer_id: str
    id: str | None = None
    order_id: str | None = None
    kind: str | None = None
    promise: str | None = None
    made_by: str | None = None
    made_at: str | None = None
    due_date: str | None = None
    due_at: str | None = None
    kept_at: str | None = None
    withdrawn_at: str | None = None

    def named(self) -> dict[str, str]:
        """The columns of the file by the name that they have here.

        >>> Columns(customer_id="client", made_at="created").named()
        {'customer_id': 'client', 'made_at': 'created'}
        """
        return self.model_dump(exclude_none=True)


class Mapping(Body):
    """The whole mapping. `kind` and `promise` stand for the rows whose own column is not mapped, or empty."""

    columns: Columns
    kind: str | None = None
    promise: Annotated[str | None, Field(min_length=1)] = None
    time_zone: str | None = None
    calendar: str | None = None
    delimiter: Annotated[str, Field(pattern=r'^[^"\r\n]$')] = ","
    withdrawn_when: dict[str, Values] = Field(default_factory=dict)


def load_mapping(path: Path) -> Mapping:
    """The mapping of a TOML file. Raises `ConfigurationError`, one line that names the file and the key."""
    try:
        return parse_mapping(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"{path}: cannot be read: {reason}") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def parse_mapping(text: str) -> Mapping:
    """The mapping of a TOML text.

    >>> parse_mapping('[columns]\\ncustomer = "client"')
    Traceback (most recent call last):
    domain.errors.ConfigurationError: columns.customer: is not a key of a mapping

    Raises `ConfigurationError`: one line that begins with the key that is wrong.
    """
    try:
        mapping = Mapping.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(_one_line(f"is not TOML: {error}")) from error
    except ValidationError as error:
        # An unknown key goes first: it mostly is the reason why another one is missing.
        faults = sorted(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
        key = ".".join(str(part) for part in faults[0]["loc"])
        raise ConfigurationError(_one_line(f"{key}: {_DETAILS.get(faults[0]['type'], faults[0]['msg'])}")) from error
    for key in ("kind", "promise"):
        if getattr(mapping, key) is None and getattr(mapping.columns, key) is None:
            raise ConfigurationError(f"{key}: is missing; give it for all rows, or name its column in [columns]")
    return mapping


_DETAILS = {"extra_forbidden": "is not a key of a mapping", "missing": "is missing"}


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def mapping_of(header: Sequence[str]) -> Mapping:
    """The mapping of a file whose columns have the names of [columns] already.

    >>> mapping_of(["customer_id", "kind", "promise", "due_at", "colour"]).columns.named()
    {'customer_id': 'customer_id', 'kind': 'kind', 'promise': 'promise', 'due_at': 'due_at'}

    Raises `ConfigurationError` where a column is missing that every row needs.
    """
    for needed in ("customer_id", "kind", "promise"):
        if needed not in header:
            raise ConfigurationError(f"there is no column '{needed}'; tell with --mapping how the columns are named")
    return Mapping(columns=Columns(**{name: name for name in Columns.model_fields if name in header}))


@dataclass(frozen=True, slots=True)
class Template:
    """Words with the cells of a row in them: each part is a text, and the field that follows it."""

    parts: tuple[tuple[str, str | None], ...]

    @property
    def fields(self) -> set[str]:
        return {field for _, field in self.parts if field is not None}

    def fill(self, values: dict[str, str]) -> str:
        """The words for one row.

        >>> parse_template("Delivered by {due_date}").fill({"due_date": "2016-11-29"})
        'Delivered by 2016-11-29'
        """
        return "".join(text + (values[field] if field is not None else "") for text, field in self.parts)


def parse_template(text: str) -> Template:
    """The template of a text; `{{` and `}}` are braces.

    >>> parse_template("{order_id}: {{by}} {due_date}").fields == {"order_id", "due_date"}
    True

    Raises `ConfigurationError` where a brace is not closed, or names more than a column.
    """
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ConfigurationError(f"promise: {str(error).lower()}") from error
    for _, field, spec, conversion in parts:
        if field is not None and (not field or spec or conversion):
            raise ConfigurationError("promise: between braces stands the name of a column, and nothing else")
    return Template(tuple((literal, field) for literal, field, _, _ in parts))

"""The parameters that a request may bring beside its path and its body, as the documentation of the API shows them.

They are read by hand, where they are needed: a model for each of them would cost more than the decision about it.
"""

from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Request

from domain.errors import Invalid

__all__ = [
    "AUTHORIZATION",
    "DRY_RUN",
    "ENDPOINT",
    "IDEMPOTENCY_KEY",
    "IF_MATCH",
    "IF_NONE_MATCH",
    "UPHELD_MIN_POSITION",
    "X_ACTOR",
    "X_ON_BEHALF_OF",
    "Parameter",
]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that may be left out. Beside a dependency in `Annotated` it says that it is read there."""

    name: str
    place: Literal["header", "query"]
    schema: dict[str, Any]
    description: str

    def read(self, request: Request) -> str | None:
        """What a request says in this header; None where it says nothing. Raises `Invalid` where it comes twice."""
        name = self.name.lower().encode()
        found = [value for key, value in request.scope["headers"] if key == name]
        if len(found) > 1:
            raise Invalid(f"/header/{self.name.lower()}", "comes twice")
        return found[0].decode("latin-1") if found else None

    def documented(self) -> dict[str, Any]:
        """Its place in the OpenAPI document.

        >>> X_ACTOR.documented()["schema"]
        {'type': 'string', 'examples': ['agent:ling'], 'title': 'X-Actor'}
        """
        schema = self.schema | {"title": self.name}
        described = {"description": self.description, "schema": schema}
        return {"name": self.name, "in": self.place, "required": False, **described}


def _header(name: str, description: str, **schema: Any) -> Parameter:
    return Parameter(name, "header", {"type": "string", **schema}, description)


AUTHORIZATION = _header("Authorization", "Bearer and an API key, where people sign in")
X_ACTOR = _header("X-Actor", "ROLE:ID", examples=["agent:ling"])
X_ON_BEHALF_OF = _header("X-On-Behalf-Of", "ROLE:ID, from a system only")
IDEMPOTENCY_KEY = _header("Idempotency-Key", "At most 255 characters")
IF_MATCH = _header("If-Match", 'The version that the sender saw, as in "3"')
IF_NONE_MATCH = _header("If-None-Match", "The ETag of an answer that the reader holds")
UPHELD_MIN_POSITION = _header("Upheld-Min-Position", "Answer from no earlier position")
ENDPOINT = Parameter("endpoint", "query", {"type": "string"}, "Where messages to the browser went")
DRY_RUN = Parameter("dry_run", "query", {"type": "boolean", "default": False}, "Say what it would be, record nothing")

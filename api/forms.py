"""What the forms of a page send, and whether it was a page of ours that sent it."""

from collections import Counter
from urllib.parse import parse_qsl

from fastapi import Request

from api.routes import read_body
from domain.errors import Invalid

__all__ = ["FORM", "form_fields", "once"]

FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 200


async def form_fields(request: Request) -> list[tuple[str, str]]:
    """The fields of a form in their order; those that are left empty are not among them. Raises `Invalid`."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Invalid("", f"is not a form, sent as Content-Type: {FORM}")
    try:
        text = (await read_body(request)).decode()
        return parse_qsl(text, strict_parsing=bool(text), errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Invalid("", "is not a form that can be read") from None


def once(fields: list[tuple[str, str]], *, many: frozenset[str] = frozenset()) -> dict[str, str]:
    """The fields by name, without those that may come several times. Raises `Invalid` where another does.

    >>> once([("state", "held"), ("reason", "late"), ("reason", "far")], many=frozenset({"reason"}))
    {'state': 'held'}
    """
    single = [(name, value) for name, value in fields if name not in many]
    if twice := [name for name, times in Counter(name for name, _ in single).items() if times > 1]:
        raise Invalid("/" + twice[0], "comes twice")
    return dict(single)

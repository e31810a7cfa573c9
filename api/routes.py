"""What all routes have in common: JSON as its standard has it, what is made of a request before its body is looked
at, and parameters that stand in the documentation.
"""

import inspect
import json
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from email.message import Message
from functools import lru_cache, wraps
from itertools import chain
from typing import Any, NoReturn, get_type_hints

from fastapi import APIRouter, Request, Response
from fastapi._compat import ModelField
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from api.parameters import Parameter
from api.problems import RESPONSES

__all__ = ["From", "decoded", "read_body", "routes"]

_API = "/v1/"
_BODY_BYTES = 1024 * 1024
"""The largest body that is read; the largest batch of receipts takes a quarter of it."""


def routes(prefix: str, tag: str, *, documented: bool = True) -> APIRouter:
    """A router for one kind of user; pages are no part of the documented API.

    >>> routes("/v1", "agents").prefix
    '/v1'
    """
    return APIRouter(prefix=prefix, tags=[tag], responses=RESPONSES, route_class=_Route, include_in_schema=documented)


@dataclass(frozen=True, slots=True)
class From:
    """Beside a type in `Annotated`: the argument is what a function makes of the request, whatever its body says.

    The framework's own `Depends` takes as long as the decision that follows, which is made for every command.

    >>> Process = Annotated[Runtime, From(process)]  # doctest: +SKIP
    """

    make: Callable[[Request], Awaitable[Any]]


class _Route(APIRoute):
    """A route of ours: its documentation names the parameters that are read by hand, and what is asked by path and
    body alone, as every command is, is read and answered directly.

    The framework's own way there leads through exit stacks, an empty answer, queries, headers and cookies that nobody
    reads, and costs as much as deciding and encrypting; what it made of the endpoint's types serves here as well.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        told = _told(endpoint)
        parameters = [one for one in chain.from_iterable(told.values()) if isinstance(one, Parameter)]
        documented = {"parameters": [parameter.documented() for parameter in parameters]}
        options["openapi_extra"] = {**(options.get("openapi_extra") or {}), **documented}
        self._made = {name: one.make for name, beside in told.items() for one in beside if isinstance(one, From)}
        self._carry_out = endpoint
        super().__init__(path, _given(endpoint, self._made), **options)
        self._asked = {parameter.name for parameter in parameters if parameter.place == "query"}
        self._asked |= {name for field in self.dependant.query_params for name in _names(field)}
        if self._is_direct():
            self.app = self._directly
        elif self.body_field is not None:
            raise TypeError(f"{path}: what brings a body is asked by path and body alone")

    def _is_direct(self) -> bool:
        asks = self.dependant
        elsewhere = asks.dependencies or asks.query_params or asks.header_params or asks.cookie_params
        return bool(self._made) and not elsewhere

    async def _directly(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        values = {name: await make(request) for name, make in self._made.items()}
        faults = self._strange(request)
        for field in self.dependant.path_params:
            values[field.name], found = field.validate(scope["path_params"][field.alias], {}, loc=("path", field.alias))
            faults += found
        if (body := self.body_field) is not None:
            values[body.name], found = await _body(request, body)
            faults += found
        if faults:
            raise RequestValidationError(faults)
        response: Response = await self._carry_out(**values)
        await response(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, made = super().get_route_handler(), tuple(self._made.items())

        async def making(request: Request) -> Response:
            request.state.made = {name: await make(request) for name, make in made}
            if faults := self._strange(request):
                raise RequestValidationError(faults)
            return await handle(request)

        return making

    def _strange(self, request: Request) -> list[Any]:
        """What is wrong with the names in the query: nobody reads it, or would know which of two values is meant.

        The address of a page is another thing: whoever hands it on adds names of his own.
        """
        if not request.scope["query_string"] or not self.path.startswith(_API):
            return []
        given = Counter(name for name, _ in request.query_params.multi_items())
        return [
            *(
                {"type": "extra_forbidden", "loc": ("query", name), "msg": ""}
                for name in given
                if name not in self._asked
            ),
            *(
                {"type": "value_error", "loc": ("query", name), "msg": "comes twice"}
                for name in given
                if given[name] > 1
            ),
        ]


def _names(field: ModelField) -> list[str]:
    """The parameters that a field of a query stands for: a model stands for each of its own."""
    model = field.field_info.annotation
    if isinstance(model, type) and issubclass(model, BaseModel):
        return [own.alias or name for name, own in model.model_fields.items()]
    return [field.alias]


def _told(endpoint: Callable[..., Any]) -> dict[str, list[Any]]:
    """What stands beside the type of each parameter."""
    hints = get_type_hints(endpoint, include_extras=True)
    beside = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {
        name: list(chain.from_iterable(one if isinstance(one, tuple) else (one,) for one in told))
        for name, told in beside.items()
    }


def _given(endpoint: Callable[..., Any], made: Mapping[str, object]) -> Callable[..., Any]:
    """The endpoint as the framework knows it: with the request instead of what was made of it."""

    @wraps(endpoint)
    async def called(asking: Request, **more: Any) -> Any:
        again = {asks_for_it: asking} if asks_for_it else {}  # the framework hands it over once only
        return await endpoint(**asking.state.made, **again, **more)

    own = {name: one for name, one in inspect.signature(endpoint).parameters.items() if name not in made}
    asks_for_it = next((name for name, one in own.items() if one.annotation is Request), None)
    keywords = [one.replace(kind=one.KEYWORD_ONLY) for name, one in own.items() if name != asks_for_it]
    request = inspect.Parameter("asking", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
    called.__signature__ = inspect.Signature([request, *keywords])  # type: ignore[attr-defined]
    return called


async def _body(request: Request, field: ModelField) -> tuple[Any, list[Any]]:
    """What was sent, as the model of a command has it, and what is wrong with it.

    A body in which a field comes twice, where one of its two values would be lost in silence, is refused, and so is
    one that holds NaN, which JSON does not have.
    """
    sent = await read_body(request)
    if not sent:
        if field.field_info.is_required():
            return None, [{"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}]
        return field.default, []
    if not _is_json(request.headers.get("content-type")):
        return field.validate(sent, {}, loc=("body",))
    read, faults = _decode(sent)
    return (None, faults) if faults else field.validate(read, {}, loc=("body",))


def decoded(sent: bytes) -> Any:
    """What was sent, as the JSON that it must be. Raises `RequestValidationError`."""
    read, faults = _decode(sent)
    if faults:
        raise RequestValidationError(faults)
    return read


def _decode(sent: bytes) -> tuple[Any, list[Any]]:
    why, place = "holds what nobody can read", 0
    try:
        return _DECODER.decode(sent.removeprefix(BOM_UTF8).decode()), []
    except json.JSONDecodeError as error:
        why, place = error.msg, error.pos
    except UnicodeDecodeError:
        why = "is not UTF-8"
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets within brackets without end
        pass
    return None, [
        {"type": "json_invalid", "loc": ("body", place), "msg": "JSON decode error", "input": {}, "ctx": {"error": why}}
    ]


async def read_body(request: Request, most: int = _BODY_BYTES) -> bytes:
    """The body, which is not read further than it may be long, whatever length was declared."""
    sent, more = b"", True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "the body did not come")
        sent += message.get("body", b"")
        if len(sent) > most:
            raise HTTPException(413, f"the body holds more than {most} bytes")
        more = message.get("more_body", False)
    return sent


@lru_cache
def _is_json(content_type: str | None) -> bool:
    """Whether a body of that type is JSON; one whose type is not told is not."""
    if content_type is None:
        return False
    message = Message()
    message["content-type"] = content_type
    kind, subtype = message.get_content_maintype(), message.get_content_subtype()
    return kind == "application" and (subtype == "json" or subtype.endswith("+json"))


def _once(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(fields)
    return found if len(found) == len(fields) else _refuse("a field comes twice")


def _refuse(what: str) -> NoReturn:
    raise json.JSONDecodeError(what, "", 0)


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)

"""What all routes have in common: JSON as its standard has it, what is made of a request before its body is looked
at, and parameters that stand in the documentation.
"""

import inspect
import json
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import wraps
from itertools import chain
from typing import Any, NoReturn, get_type_hints

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from api.parameters import Parameter
from api.problems import RESPONSES

__all__ = ["From", "routes"]


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
    """A route that refuses a body in which a field comes twice, where one of its two values would be lost in
    silence, or that holds NaN, which JSON does not have. Its documentation names the parameters that are read by hand.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        told = _told(endpoint)
        parameters = [one for one in chain.from_iterable(told.values()) if isinstance(one, Parameter)]
        options["openapi_extra"] = {"parameters": [parameter.documented() for parameter in parameters]}
        self._made = {name: one.make for name, beside in told.items() for one in beside if isinstance(one, From)}
        super().__init__(path, _given(endpoint, self._made), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, made = super().get_route_handler(), tuple(self._made.items())

        async def strictly(request: Request) -> Response:
            strict = _StrictRequest(request.scope, request.receive)
            strict.made = {name: await make(request) for name, make in made}
            return await handle(strict)

        return strictly


def _told(endpoint: Callable[..., Any]) -> dict[str, list[Any]]:
    """What stands beside the type of each parameter."""
    hints = get_type_hints(endpoint, include_extras=True)
    beside = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {
        name: list(chain.from_iterable(one if isinstance(one, tuple) else (one,) for one in told))
        for name, told in beside.items()
    }


def _given(endpoint: Callable[..., Any], made: Mapping[str, object]) -> Callable[..., Any]:
    """The endpoint as the framework calls it: with the request instead of what was made of it."""
    if not made:
        return endpoint

    @wraps(endpoint)
    async def called(strict: _StrictRequest, **more: Any) -> Any:
        again = {asks_for_it: strict} if asks_for_it else {}  # the framework hands it over once only
        return await endpoint(**strict.made, **again, **more)

    own = {name: one for name, one in inspect.signature(endpoint).parameters.items() if name not in made}
    asks_for_it = next((name for name, one in own.items() if one.annotation is Request), None)
    keywords = [one.replace(kind=one.KEYWORD_ONLY) for name, one in own.items() if name != asks_for_it]
    request = inspect.Parameter("strict", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
    called.__signature__ = inspect.Signature([request, *keywords])  # type: ignore[attr-defined]
    return called


class _StrictRequest(Request):
    made: Mapping[str, Any]

    async def json(self) -> Any:
        try:
            return _DECODER.decode((await self.body()).removeprefix(BOM_UTF8).decode())
        except UnicodeDecodeError:
            _refuse("is not UTF-8")


def _once(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(fields)
    return found if len(found) == len(fields) else _refuse("a field comes twice")


def _refuse(what: str) -> NoReturn:
    raise json.JSONDecodeError(what, "", 0)


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)

"""What all routes have in common: JSON as its standard has it, and parameters that stand in the documentation."""

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Coroutine
from itertools import chain
from typing import Any, NoReturn, get_type_hints

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from api.parameters import Parameter
from api.problems import RESPONSES

__all__ = ["routes"]


def routes(prefix: str, tag: str) -> APIRouter:
    """A router for one kind of user.

    >>> routes("/v1", "agents").prefix
    '/v1'
    """
    return APIRouter(prefix=prefix, tags=[tag], responses=RESPONSES, route_class=_Route)


class _Route(APIRoute):
    """A route that refuses a body in which a field comes twice, where one of its two values would be lost in
    silence, or that holds NaN, which JSON does not have. Its documentation names the parameters that are read by hand.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        options["openapi_extra"] = {"parameters": [parameter.documented() for parameter in _parameters(endpoint)]}
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strictly


def _parameters(endpoint: Callable[..., Any]) -> list[Parameter]:
    hints = get_type_hints(endpoint, include_extras=True).values()
    told = [one if isinstance(one, tuple) else (one,) for hint in hints for one in getattr(hint, "__metadata__", ())]
    return [one for one in chain.from_iterable(told) if isinstance(one, Parameter)]


class _StrictRequest(Request):
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

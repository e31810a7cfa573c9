"""Bodies are JSON as its standard has it: a field that comes twice would silently lose one of its two values."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute

__all__ = ["StrictRoute"]


class StrictRoute(APIRoute):
    """A route that refuses a body in which a field comes twice, or that holds NaN, which JSON does not have."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strictly


class _StrictRequest(Request):
    async def json(self) -> Any:
        try:
            return json.loads(await self.body(), object_pairs_hook=_once, parse_constant=_refuse)
        except UnicodeDecodeError:
            _refuse("is not UTF-8")


def _once(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(fields)
    return found if len(found) == len(fields) else _refuse("a field comes twice")


def _refuse(what: str) -> NoReturn:
    raise json.JSONDecodeError(what, "", 0)

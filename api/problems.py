"""Every error that the API tells: problem details (RFC 9457), with a pointer to what was wrong.

>>> problem(CommitmentClosed("it was kept")).status_code
409
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal, NotRequired

import msgspec
import psycopg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.routing import Route
from typing_extensions import TypedDict

from api.protecting import protected
from api.refusing import AS_PAGE, note_refusal
from domain.errors import (
    Forbidden,
    Invalid,
    ProjectionBehind,
    TooManyAttempts,
    Unauthenticated,
    Unavailable,
    UpheldError,
)

__all__ = ["PAGES", "PROBLEM", "RESPONSES", "install", "problem", "problem_body", "validation_problem"]

log = structlog.get_logger("upheld.api")

PROBLEM = "application/problem+json"
_ABOUT = "urn:upheld:problem:"


def problem_body(error: UpheldError) -> dict[str, Any]:
    """The body of a problem; for what is invalid, `errors` points at each fault.

    Where a position was not reached, `log_position` tells whether it ever will be: it may be of a log that is no more.
    """
    body: dict[str, Any] = _body(error.code, error.status, error.title, str(error))
    if isinstance(error, ProjectionBehind) and error.log_position is not None:
        body["log_position"] = error.log_position
    if isinstance(error, Invalid):
        body["errors"] = [{"pointer": r.pointer, "detail": r.detail} for r in error.rejections]
    return body


def problem(error: UpheldError) -> Response:
    """The answer to an error of the domain; what passes by itself says when to try again."""
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Unavailable | TooManyAttempts) else {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return _response(problem_body(error), headers)


def validation_problem(errors: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The body for what a model refused."""
    malformed = any(error["type"] == "json_invalid" for error in errors)
    found = [{"pointer": "" if malformed else _pointer(error["loc"]), "detail": _detail(error)} for error in errors]
    code, title = ("malformed_json", "The body is not JSON") if malformed else ("invalid", Invalid.title)
    return _body(code, 422, title, found[0]["detail"] if found else title) | {"errors": found}


def _body(code: str, status: int, title: str, detail: str) -> dict[str, Any]:
    return {"type": f"{_ABOUT}{code}", "title": title, "status": status, "detail": detail, "code": code}


def _response(body: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), body["status"], dict(headers or {}), PROBLEM)


def _pointer(loc: Sequence[int | str]) -> str:
    """A place in the body as an RFC 6901 pointer; a header or a query parameter is named behind its kind."""
    parts = list(loc[1:] if loc and loc[0] == "body" else loc)
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _detail(error: Mapping[str, Any]) -> str:
    """What is wrong, in words that never repeat what was sent."""
    if error["type"] == "extra_forbidden":
        return f"is not a {'parameter' if error['loc'][0] == 'query' else 'field'} of this request"
    if error["type"] == "json_invalid":
        return f"is not valid JSON: {error.get('ctx', {}).get('error', '')}"
    if error["type"] == "model_attributes_type":
        return "is not a JSON object, sent as Content-Type: application/json"
    return str(error["msg"]).removeprefix("Value error, ")


class Problem(TypedDict):
    """Problem details (RFC 9457); `code` is a stable word, and `errors` points at each fault of a 422.

    `log_position` is where the log ends, where a position was not reached.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    log_position: NotRequired[int]
    errors: NotRequired[list[dict[Literal["pointer", "detail"], str]]]


_CONTENT = {PROBLEM: {"schema": TypeAdapter(Problem).json_schema()}}

RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "Refused, and why", "content": _CONTENT},
    503: {"description": "Out of reach; try again after `Retry-After` seconds", "content": _CONTENT},
}
"""What every route may answer besides, for its documentation."""

PAGES: dict[int | str, dict[str, Any]] = {
    200: {"description": "As JSON, or as a page", "content": {"application/json": {}, "text/html": {}}},
    303: {"description": "Recorded; back to the page"},
    "4XX": {"description": "Refused, and why", "content": {**_CONTENT, "text/html": {}}},
}
"""What routes answer that people open by a link."""


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""
    app.add_exception_handler(UpheldError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(psycopg.OperationalError, _on_database)
    app.add_exception_handler(psycopg.InterfaceError, _on_database)
    app.add_exception_handler(Exception, _on_surprise)


async def _on_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, UpheldError):
        raise error
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("out of reach", error=str(error), cause=str(error.__cause__ or "").strip())
    note_refusal(request.scope, error)
    if isinstance(error, Forbidden | Unauthenticated) and (shown := request.scope.get(AS_PAGE)) is not None:
        found: Response = shown(error)
        return found
    return problem(error)


async def _on_validation(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return _response(validation_problem(error.errors()))


async def _on_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    headers = {**(error.headers or {})}
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    # Python 3.13 has another phrase for 413, but a code is a stable word.
    title = "Content Too Large" if error.status_code == 413 else HTTPStatus(error.status_code).phrase
    code = title.lower().replace(" ", "_").replace("-", "_").replace("'", "")
    return _response(_body(code, error.status_code, title, str(error.detail)), headers)


def _allowed(request: Request) -> list[str]:
    """The methods that a path knows; the framework names those of one route alone."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    return sorted({m for route in routes if route.path_regex.match(request.scope["path"]) for m in route.methods or ()})


async def _on_database(_: Request, error: Exception) -> Response:
    log.warning("out of reach", error=str(error).strip())
    return problem(Unavailable("the database is out of reach"))


async def _on_surprise(request: Request, error: Exception) -> Response:
    log.error("unexpected", exc_info=error, path=request.url.path)
    # The framework answers this one outside of all else, where what every answer has would not be added.
    known = {"X-Request-Id": request.scope["request_id"]} if "request_id" in request.scope else {}
    known["Connection"] = "close"  # as the server does behind such an answer, which who asks again must know
    answer = _response(_body("internal", 500, "Something went wrong here", "the error was logged"), known)
    answer.raw_headers = protected(answer.raw_headers)
    return answer

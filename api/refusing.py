"""What is noted of a request that was refused for who sent it: a line in the log, and a number."""

import re
from http import HTTPStatus

import structlog
from prometheus_client import Counter
from starlette.types import Scope

from domain.errors import Forbidden, UpheldError

__all__ = ["AS_PAGE", "WHO", "RefusedInside", "note_refusal"]

log = structlog.get_logger("upheld.access")

WHO = "upheld.who"
"""Where in the scope of a request it stands who sent it, once that is known."""
AS_PAGE = "upheld.page"
"""Where in the scope of a request to a page it stands how that shows a refusal."""

_ID = re.compile(r"[0-9A-Fa-f-]{32,36}")
_COUNTED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
_refused = Counter("upheld_refused_requests", "Requests that were refused for who sent them", ["code"])


class RefusedInside(Forbidden):
    """What the API refused to a page, and has noted."""


def note_refusal(scope: Scope, error: UpheldError) -> None:
    """Note what was refused to whom, and why; the path as its route has it, since ids of customers may be in it."""
    if error.status not in _COUNTED or isinstance(error, RefusedInside):
        return
    _refused.labels(error.code).inc()
    if not isinstance(error, Forbidden):
        return
    who = scope.get(WHO)
    told = {"who": who.actor if who is not None else None, "on_behalf_of": who.on_behalf_of if who else None}
    route = getattr(scope.get("route"), "path", "unknown")
    id = scope.get("path_params", {}).get("id", "") if route.startswith("/v1/commitments/{id}") else ""
    about = {"id": id} if _ID.fullmatch(id) else {}
    log.warning("forbidden", **told, what=f"{scope['method']} {route}", **about, why=str(error))

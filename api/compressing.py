"""Answers as small as their reader takes them: a keeper's day is a tenth of itself then, and his network is slow."""

import gzip

from fastapi import Request, Response

__all__ = ["accepted", "compressed", "compressed_page"]

_WORTH_IT = 2_000
_LEVEL = 4
"""The higher ones take twice as long, for a twentieth less."""

_OUR_OWN = frozenset({"same-origin", "none"})
"""A page of ours asks, or a person: by the address bar, a bookmark, a program beside the browser."""


def accepted(request: Request) -> frozenset[str]:
    """The compressions that a reader takes.

    >>> accepted(Request({"type": "http", "headers": [(b"accept-encoding", b"gzip;q=1.0, br; q=0")]}))
    frozenset({'gzip'})
    """
    offered = ",".join(request.headers.getlist("Accept-Encoding")).lower().replace(" ", "").split(",")
    named = [part.partition(";q=") for part in offered]
    return frozenset(name for name, _, quality in named if not quality or quality.strip("0."))


def compressed(request: Request, found: Response) -> Response:
    """The same answer in gzip, where its reader takes that and it is worth it."""
    _depends_on(found, "Accept-Encoding")
    if "gzip" not in accepted(request) or len(found.body) < _WORTH_IT:
        return found
    found.body = gzip.compress(found.body, _LEVEL, mtime=0)
    found.headers.update({"Content-Encoding": "gzip", "Content-Length": str(len(found.body))})
    return found


def compressed_page(request: Request, found: Response) -> Response:
    """A page, compressed only where no page of somebody else asked for it (Fetch Metadata).

    It holds the words of customers, and repeats what its address looks for. Who could make a browser ask for it again
    and again with guesses in the address, and see how long the answers are, would read those words letter by letter
    (BREACH). Requests that another site begins are therefore answered as they are; so is who does not say where from.
    """
    _depends_on(found, "Sec-Fetch-Site")
    if request.headers.get("sec-fetch-site") in _OUR_OWN:
        return compressed(request, found)
    _depends_on(found, "Accept-Encoding")
    return found


def _depends_on(found: Response, header: str) -> None:
    before = found.headers.get("Vary")
    found.headers["Vary"] = f"{before}, {header}" if before else header

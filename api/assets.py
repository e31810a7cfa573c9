"""What was built for browsers by `make install` (api/web/build.mjs), compressed as each of them takes it."""

import json
import os
import re
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from domain.errors import ConfigurationError

__all__ = ["Assets", "built"]

_FOLDER = Path(__file__).parent / "web" / "built"
_HASHED = re.compile(r"-[A-Z0-9]{8}\.(?:js|css)")
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_ENCODINGS = {"br": ".br", "gzip": ".gz"}


def built() -> dict[str, str]:
    """How the files are called that the page names, also where they were built anew beside a running process.

    Raises `ConfigurationError` where they were never built.

    >>> built()  # doctest: +SKIP
    {'script': 'app-2SFLFCDV.js', 'style': 'style-764UQPLW.css', 'pages_script': …}
    """
    try:
        return dict(json.loads((_FOLDER / "files.json").read_text()))
    except FileNotFoundError:
        raise ConfigurationError("api/web/built: is missing; `make install` builds it") from None


class Assets(StaticFiles):
    """The files themselves. One whose name holds its hash may be kept for good; any other is asked for again."""

    def __init__(self) -> None:
        super().__init__(directory=_FOLDER, check_dir=False)

    def file_response(
        self, full_path: "str | os.PathLike[str]", stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        path = Path(full_path)
        encoding = _encoding(path, scope)
        served = path.with_name(path.name + _ENCODINGS[encoding]) if encoding is not None else path
        response = super().file_response(served, served.stat() if encoding else stat_result, scope, status_code)
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if _HASHED.search(path.name) else "no-cache"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Vary"] = "Accept-Encoding"
        if (kind := _TYPES.get(path.suffix)) is not None:
            response.headers["Content-Type"] = kind
        if encoding is not None:
            response.headers["Content-Encoding"] = encoding
        if path.name in ("worker.js", "worker-classic.js"):
            # It looks after the page, which stands above it.
            response.headers["Service-Worker-Allowed"] = "/courier"
        return response


def _encoding(path: Path, scope: Scope) -> str | None:
    """The best compression that there is of a file and that is accepted."""
    accepted = dict(scope["headers"]).get(b"accept-encoding", b"").decode("latin-1")
    wanted = {part.partition(";")[0].strip() for part in accepted.split(",") if ";q=0" not in part.replace(" ", "")}
    there = (name for name, suffix in _ENCODINGS.items() if name in wanted)
    return next((name for name in there if path.with_name(path.name + _ENCODINGS[name]).is_file()), None)

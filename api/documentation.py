"""The pages on which the interface is tried out: what they load comes from here, and no script runs but theirs."""

import base64
import hashlib
import re
from functools import cache

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse

from api.routes import routes

__all__ = ["STATIC", "router"]

router = routes("", "documentation", documented=False)

STATIC = "/static-offline-docs"
_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_POLICY = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " font-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The interface, to be tried out."""
    return HTMLResponse(*_swagger(request.app))


@router.get("/redoc")
async def redoc(request: Request) -> Response:
    """The interface, to be read."""
    return HTMLResponse(*_redoc(request.app))


@cache
def _swagger(app: FastAPI) -> tuple[bytes, int, dict[str, str]]:
    page = get_swagger_ui_html(
        openapi_url=str(app.openapi_url),
        title=f"{app.title}: the interface",
        swagger_js_url=f"{STATIC}/swagger-ui-bundle.js",
        swagger_css_url=f"{STATIC}/swagger-ui.css",
        swagger_favicon_url=f"{STATIC}/favicon.png",
    )
    return _with_policy(bytes(page.body))


@cache
def _redoc(app: FastAPI) -> tuple[bytes, int, dict[str, str]]:
    page = get_redoc_html(
        openapi_url=str(app.openapi_url),
        title=f"{app.title}: the interface",
        redoc_js_url=f"{STATIC}/redoc.standalone.js",
        redoc_favicon_url=f"{STATIC}/favicon.png",
        with_google_fonts=False,
    )
    return _with_policy(bytes(page.body))


def _with_policy(page: bytes) -> tuple[bytes, int, dict[str, str]]:
    """A page, and the policy by which its own scripts run: they are named by their hashes."""
    hashes = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in _INLINE.findall(page)]
    policy = _POLICY.format(scripts=" ".join(f"'sha256-{one}'" for one in hashes))
    return page, 200, {"Content-Security-Policy": policy}

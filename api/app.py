"""The HTTP face of Upheld: one app a process, made of one router for each kind of user."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib import metadata
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import (
    agents,
    auditors,
    bulk,
    couriers,
    customers,
    documentation,
    evidence,
    hooks,
    keepers,
    keys,
    pairing,
    people,
    phones,
    privacy,
    problems,
    push,
    scorecards,
    seals,
    supervisors,
    systems,
    yards,
)
from api.access import unplaced
from api.assets import Assets
from api.metrics import measuring
from api.middleware import Entrance
from api.pages import ROUTERS as PAGES
from api.runtime import Runtime, open_runtime, together
from api.settings import Settings

__all__ = ["create_app"]

# The framework's own records would hold what was sent, in the messages of errors; ours are in middleware.py.
_NO_TELEMETRY = {"tracing": False, "metrics": False, "logs": False}

_DESCRIPTION = """
Every promise made to a customer is an event; whoever must keep it acknowledges it, or it is flagged.

In open mode say who you are with the header `X-Actor: ROLE:ID`, for example `agent:ling`. Where people sign in, send an
API key as `Authorization: Bearer upk_…`.
"""


def _described(app: FastAPI) -> dict[str, Any]:
    """The documentation, which knows of keys: a scheme of security, since OpenAPI ignores their header elsewhere."""
    described = FastAPI.openapi(app)
    key = {"type": "http", "scheme": "bearer", "description": "An API key, where people sign in"}
    described.setdefault("components", {})["securitySchemes"] = {"key": key}
    described["security"] = [{}, {"key": []}]
    return described


def create_app(
    settings: Settings | None = None, runtime: Runtime | None = None, stopping: asyncio.Event | None = None
) -> FastAPI:
    """The app; it opens what it needs when it starts, or uses a `runtime` that is open already.

    What goes on for as long as somebody reads it ends when `stopping` is set.

    >>> create_app(Settings(test_clock=True)).title
    'Upheld'
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            opened = runtime
            if opened is None:
                opened = await stack.enter_async_context(open_runtime(settings or Settings.load()))
            app.state.runtime = opened
            app.state.stopping = stopping or asyncio.Event()
            await stack.enter_async_context(measuring(app))
            await stack.enter_async_context(together(opened.beside()))
            yield

    app = FastAPIOffline(
        title="Upheld",
        version=metadata.version("upheld"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        # It would lead to wherever the sender says that this host is.
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
        docs_url=None,
        redoc_url=None,
        static_url=documentation.STATIC,
    )
    app.openapi = partial(_described, app)  # type: ignore[method-assign]
    problems.install(app)
    # In front, and not included: an included router is searched twice for each request, behind the documentation.
    modules = (
        agents,
        couriers,
        phones,
        keepers,
        evidence,
        customers,
        supervisors,
        scorecards,
        bulk,
        people,
        pairing,
        privacy,
        push,
        keys,
        auditors,
        seals,
        hooks,
        systems,
        yards,
        documentation,
    )
    routers = (*(module.router for module in modules), *PAGES)
    routes = [route for router in routers for route in router.routes]
    if lacking := unplaced(routes):
        raise RuntimeError(f"api/access.py does not say who may do this: {', '.join(lacking)}")
    app.router.routes[:0] = routes
    app.mount("/courier", Assets(), name="courier")
    app.mount("/assets", Assets(), name="assets")
    app.add_middleware(Entrance)
    return app

"""For systems and operators: whether this process is well, what it measures, and the clock of a test."""

from typing import Annotated

from fastapi import Query, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.commanding import answer
from api.metrics import Scraping
from api.routes import routes
from api.schemas import ClockBody
from api.status import standing
from api.who import Process
from domain.errors import ConfigurationError, NotFound, Unavailable
from projections.log import end_of_the_log
from store import migrations
from store.clock import TestClock
from store.database import reaching_the_database

__all__ = ["router"]

router = routes("", "systems")


@router.head("/livez", include_in_schema=False)
@router.get("/livez", response_class=PlainTextResponse)
async def livez() -> Response:
    """This process answers."""
    return Response("ok", media_type="text/plain")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", response_class=PlainTextResponse, responses={200: {"content": {"application/json": {}}}})
async def readyz(
    runtime: Process,
    verbose: Annotated[str | None, Query(description="Tell also where everything stands; needs no value.")] = None,
) -> Response:
    """This process reaches the database, and no migration is pending.

    With `verbose` it answers as JSON where each projection, policy and webhook stands, what they leave out, and what
    is being built anew; that one of them lags does not make the process less ready.
    """
    try:
        missing = await migrations.pending(runtime.database.dsn)
    except ConfigurationError:
        # A database that is newer than this code: the process is being replaced, and serves until it is.
        missing = []
    if missing:
        raise Unavailable(f"migrations are pending: {', '.join(missing)}")
    if verbose is None:
        return Response("ok", media_type="text/plain")
    rows = await standing(runtime.database, await runtime.now(), runtime.catalogue.webhooks)
    return answer({"ready": True, "log_position": await end_of_the_log(runtime.database), "standing": rows})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """What is measured, for Prometheus; without the database what the processes know by themselves."""
    scraping: Scraping = request.app.state.scraping
    return Response(await scraping.answer(), headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.get("/v1/test-clock")
async def show_clock(runtime: Process) -> Response:
    """What the test clock shows."""
    if not isinstance(runtime.clock, TestClock):
        raise NotFound("there is no test clock; it is on with UPHELD_TEST_CLOCK=1 only")
    return answer({"now": await runtime.now()})


@router.put("/v1/test-clock")
async def move_clock(runtime: Process, body: ClockBody) -> Response:
    """Move the test clock, forward only; answered once what the clock has to say then is recorded."""
    clock = runtime.clock
    if not isinstance(clock, TestClock):
        raise NotFound("there is no test clock; it is on with UPHELD_TEST_CLOCK=1 only")
    await runtime.take_in()  # what was recorded before is told at the time at which it was
    with reaching_the_database():
        async with runtime.database.pool.connection() as conn:
            await clock.move(conn, body.now)
    await runtime.settle()
    return answer({"now": clock.now()})

"""What an operator does about webhooks: `upheld webhooks list`, `test`, `replay`, `enable`. No secret is ever shown."""

import asyncio
from collections.abc import Sequence
from typing import Annotated
from uuid import uuid4

import msgspec
import typer

from api.operating import looking_on
from api.settings import Settings
from domain.catalogue import load_catalogue
from domain.errors import NotFound, Undelivered
from domain.integrations import Webhook
from policies.delivering import send
from policies.endpoints import EndpointStanding, enable, endpoints, replay
from policies.outbound import Outbound
from store.clock import SystemClock

__all__ = ["webhooks_app"]

webhooks_app = typer.Typer(no_args_is_help=True, help="The webhooks that are configured: how each stands, and mending.")

Url = Annotated[str, typer.Argument(help="The address, as the configuration has it.")]


@webhooks_app.command(name="list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """How far each has come, and what it did not receive."""
    configured, rows = asyncio.run(_list(Settings.load()))
    if as_json:
        print(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        print(f"{row.url} ({row.name}): {_told(row)}")
    begun = {row.url for row in rows}
    for webhook in configured:
        if webhook.url not in begun:
            print(f"{webhook.url} ({webhook.name}): begins when upheld serve is next started")
    if not configured:
        print("no webhook is configured")


@webhooks_app.command()
def test(url: Url) -> None:
    """Send a signed sample of the type `test`; exit status 1 where it is not received."""
    webhook = _configured(Settings.load(), url)
    try:
        status = asyncio.run(_test(webhook))
    except Undelivered as error:
        print(f"{webhook.name}: {error}")
        raise typer.Exit(1) from None
    print(f"{webhook.name}: answered with {status}")
    raise typer.Exit(0 if 200 <= status < 300 else 1)


@webhooks_app.command(name="replay")
def replay_(
    url: Url,
    first: Annotated[int, typer.Option("--from", min=1, help="The position of the first event to send again.")],
) -> None:
    """Send events again from a position on, each with the id that it had before; sends to a disabled one again, too."""
    asyncio.run(_replay(Settings.load(), url, first))
    print(f"what was recorded from {first} on is sent again")


@webhooks_app.command(name="enable")
def enable_(url: Url) -> None:
    """Send to it again, at once: to one that answered 410, or that rests between attempts."""
    position = asyncio.run(_enable(Settings.load(), url))
    print(f"what was recorded behind {position} is sent")


def _configured(settings: Settings, url: str) -> Webhook:
    for webhook in load_catalogue(settings.config).webhooks:
        if webhook.url == url:
            return webhook
    raise NotFound("no webhook with this address is configured: see upheld webhooks list")


def _told(row: EndpointStanding) -> str:
    """A line, as in `failing since 2026-11-24T04:00:00+00:00, at 42, 3 events (1.5 s) behind: answered with 500`."""
    since = f" since {row.since.isoformat(timespec='seconds')}" if row.since is not None else ""
    lag = f"{row.lag_events} event{'s' * (row.lag_events != 1)} ({row.lag_seconds:.1f} s) behind"
    retries = f", {row.retries} to be tried again" if row.retries else ""
    given_up = f", {row.given_up} given up" if row.given_up else ""
    error = f": {row.last_error}" if row.last_error else ""
    return f"{row.state}{since}, at {row.position}, {lag}{retries}{given_up}{error}"


async def _list(settings: Settings) -> tuple[Sequence[Webhook], list[EndpointStanding]]:
    async with looking_on(settings) as runtime:
        webhooks = runtime.catalogue.webhooks
        return webhooks, await endpoints(runtime.database, webhooks, await runtime.now())


async def _test(webhook: Webhook) -> int:
    now = SystemClock().now()
    sample = {"message": "This is a test, and nothing has happened."}
    async with Outbound(allow_private=webhook.allow_private) as out:
        return await send(out, webhook, f"msg_{uuid4().hex}", "test", now, sample, now=now)


async def _replay(settings: Settings, url: str, first: int) -> None:
    _configured(settings, url)
    async with looking_on(settings) as runtime:
        await replay(runtime.database, url, first)


async def _enable(settings: Settings, url: str) -> int:
    _configured(settings, url)
    async with looking_on(settings) as runtime:
        return await enable(runtime.database, url)

"""What an operator does about API keys: `upheld key create`, `list`, `revoke`, also beside those that serve."""

import asyncio
import re
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
import typer

from api.logs import configure_logs
from api.operating import looking_on
from api.runtime import open_runtime
from api.settings import Settings
from domain.actors import OPERATOR, Actor
from domain.errors import Invalid, NotFound
from store.clock import SystemClock
from store.keys import Key

__all__ = ["keys_app"]

keys_app = typer.Typer(no_args_is_help=True, help="The API keys: who may ask, where people sign in.")

_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdw])", re.ASCII)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_AT_ONCE = 500


@keys_app.command()
def create(
    role: Annotated[str, typer.Option(help="What its holder is: system, agent, supervisor, admin, …")],
    id: Annotated[str, typer.Option(help="Which of them, as in oms.")],
    label: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    expires: Annotated[str | None, typer.Option(help="After how long it is good no more, as in 12h, 90d, 52w.")] = None,
) -> None:
    """Print a new key, once: its secret is kept nowhere."""
    print(asyncio.run(_create(Settings.load(), f"{role}:{id}", label, _after(expires))))


@keys_app.command(name="list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """List the keys, the newest first, without their secrets."""
    keys = asyncio.run(_list(Settings.load()))
    if as_json:
        print(msgspec.json.encode(keys).decode())
        return
    for key in keys:
        print(_told(key))
    if not keys:
        print("there is no key")


@keys_app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Its prefix, which stands behind upk_; or the key itself.")],
) -> None:
    """Revoke a key: whoever sends it is refused from now on."""
    prefix = key.removeprefix("upk_").partition("_")[0]
    asyncio.run(_revoke(Settings.load(), prefix))
    print(f"{prefix} is revoked")


def _after(text: str | None) -> timedelta | None:
    """How long a key is to be good. Raises `Invalid`."""
    if text is None:
        return None
    if (match := _SPAN.fullmatch(text)) is None:
        raise Invalid("", f"--expires: '{text}' is no number of hours, days or weeks, as in 12h, 90d, 52w")
    return int(match[1]) * _UNITS[match[2]]


def _told(key: Key) -> str:
    """A line, as in `abcdefgh system:oms (Orders), since 2026-11-28, until 2027-02-26, not used yet`."""
    label = f" ({key.label})" if key.label else ""
    until = f", until {_at(key.expires_at)}" if key.expires_at is not None else ""
    used = f", last used {_at(key.last_used_at)}" if key.last_used_at is not None else ", not used yet"
    revoked = f", revoked {_at(key.revoked_at)}" if key.revoked_at is not None else ""
    return f"{key.prefix} {key.actor}{label}, since {_at(key.created_at)}{until}{used}{revoked}"


def _at(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds")


async def _create(settings: Settings, actor: str, label: str | None, after: timedelta | None) -> str:
    configure_logs()
    # The first key is made before anything is served: this begins a log where there is none.
    async with open_runtime(settings, looks_on=True) as runtime:
        named = Actor.parse(actor)
        if named.role not in runtime.catalogue.roles or named.role == "team":
            raise Invalid("", f"there is no role '{named.role}' that somebody could have")
        expires_at = SystemClock().now() + after if after is not None else None
        text, _, _ = await runtime.keys.add(actor, by=OPERATOR, label=label, expires_at=expires_at)
        return text


async def _list(settings: Settings) -> list[Key]:
    found: list[Key] = []
    async with looking_on(settings) as runtime:
        page = await runtime.keys.page(limit=_AT_ONCE)
        while page:
            found += page
            page = await runtime.keys.page(after=(page[-1].created_at, page[-1].prefix), limit=_AT_ONCE)
    return found


async def _revoke(settings: Settings, prefix: str) -> None:
    async with looking_on(settings) as runtime:
        if not await runtime.keys.revoke(prefix, by=OPERATOR):
            raise NotFound(f"there is no key '{prefix}', or it was revoked: see upheld key list")

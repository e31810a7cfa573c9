"""The command line: `upheld serve`, `import`, `status`, `rebuild`, `verify`, and what operators need beside.

What serves or imports is itself imported by the commands that do so: it would make the others start a third later.
"""

import asyncio
import sys
from functools import partial
from pathlib import Path
from socket import socket
from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from api import backing_up, operating
from api.erasures import erasures_app
from api.keyholders import keys_app
from api.lines import read_lines
from api.master_key import master_key_app
from api.settings import Settings
from api.status import read_status
from api.verdicts import tell_verdict
from api.webhooks import webhooks_app
from domain.errors import ConfigurationError, UpheldError
from store.seals import SealKey

__all__ = ["main"]

app = typer.Typer(
    name="upheld",
    help="Every promise made to a customer, and whether the person who must keep it knows of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Host = Annotated[str, typer.Option(help="The address to listen on; any but loopback needs sign-in.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free one.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Serving processes.")]


@app.command()
def serve(host: Host = "127.0.0.1", port: Port = 8000, workers: Workers = 1) -> None:
    """Serve the API and the pages; projections and policies run along."""
    settings, listener = _bind(host, port)
    _serve(settings, listener, workers)


@app.command()
def demo(host: Host = "127.0.0.1", port: Port = 8000, workers: Workers = 1) -> None:
    """Serve, with the four stories loaded."""
    from api.demo import load_demo
    from api.server import address

    settings, listener = _bind(host, port)
    if (said := asyncio.run(load_demo(settings))) is not None:
        print(said, flush=True)
    at = address(listener)
    shown = {"promises in danger": "/", "a keeper's phone": "/courier", "the API, to try out": "/docs"}
    print("\n".join(f"{name}: {at}{path}" for name, path in shown.items()), flush=True)
    _serve(settings, listener, workers)


def _bind(host: str, port: int) -> tuple[Settings, socket]:
    from api import server

    return server.open_to(host, Settings.load()), server.bind(host, port)


def _serve(settings: Settings, listener: socket, workers: int) -> None:
    from api import server

    if workers == 1:
        server.run(partial(server.serve, settings, listener))
    else:
        server.run(partial(server.serve_with, workers, settings, listener))


@app.command()
def worker() -> None:
    """Feed the projections and follow the policies, for scaling out."""
    from api import server

    server.run(partial(server.work, Settings.load()))


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .csv or .ndjson file.")],
    mapping: Annotated[Path | None, typer.Option(help="A TOML file that says what the columns mean.")] = None,
) -> None:
    """Load commitments from a file; running it again imports nothing twice."""
    from api.importing import run_import

    raise typer.Exit(run_import(file, mapping))


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """How far every projection and policy has come."""
    rows = asyncio.run(read_status(Settings.load()))
    if as_json:
        print(msgspec.json.encode(rows).decode())
        return
    table = Table("name", "position", "lag (events)", "lag (seconds)", "parked", "rebuilding")
    for row in rows:
        figures = (row.position, row.lag_events, row.lag_seconds, row.parked)
        table.add_row(row.name, *(str(figure) for figure in figures), str(row.rebuild or ""))
    Console().print(table)


@app.command()
def rebuild(
    names: Annotated[list[str] | None, typer.Argument(help="Projections; all of them where none is named.")] = None,
) -> None:
    """Build projections anew from the log, while the old ones are read; exit status 1 where something is left out."""
    number, left_out = asyncio.run(operating.rebuild(Settings.load(), names or []))
    print(f"{number} rebuilt" + (f", {left_out} streams left out: see upheld parked" if left_out else ""))
    raise typer.Exit(1 if left_out else 0)


parked_app = typer.Typer(invoke_without_command=True, help="What projections had to leave out, and trying it again.")
app.add_typer(parked_app, name="parked")
app.add_typer(webhooks_app, name="webhooks")
app.add_typer(keys_app, name="key")
app.add_typer(erasures_app, name="erasures")
app.add_typer(master_key_app, name="master-key")
app.command()(backing_up.backup)
app.command()(backing_up.restore)


@parked_app.callback()
def parked(context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """List what projections and policies had to leave out."""
    if context.invoked_subcommand is not None:
        return
    rows = asyncio.run(operating.parked(Settings.load()))
    if as_json:
        print(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        what = f"{row.projection} {row.stream}" + (f", order {row.order_id}" if row.order_id else "")
        since = row.parked_at.isoformat(timespec="seconds")
        waits = f"{row.events} event{'s' * (row.events != 1)} from {row.position} on, since {since}"
        print(f"{what}, {waits}: {row.error}")
    if not rows:
        print("nothing is parked")


@parked_app.command()
def retry(
    names: Annotated[
        list[str] | None, typer.Argument(help="Projections and policies; all where none is named.")
    ] = None,
) -> None:
    """Take in again what is parked, each stream in its order; exit status 1 where something still fails."""
    outcome = asyncio.run(operating.retry(Settings.load(), names or []))
    for one in outcome:
        print(f"{one.name} {one.stream}: {one.error or 'taken in'}")
    failed = sum(one.error is not None for one in outcome)
    print(f"{len(outcome) - failed} taken in, {failed} still parked")
    raise typer.Exit(1 if failed else 0)


@app.command()
def verify(
    published: Annotated[
        Path | None, typer.Option(help="Seals as they were published: a file with one in a line.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Check the seals over the log; exit status 1 and the first bad position where they do not hold."""
    given = read_lines(published, dict[str, Any], "a seal") if published is not None else []
    verdict = asyncio.run(operating.verify(Settings.load(), given))
    if as_json:
        print(msgspec.json.encode({"holds": verdict.holds, **msgspec.to_builtins(verdict)}).decode())
        raise typer.Exit(0 if verdict.holds else 1)
    raise typer.Exit(0 if tell_verdict(verdict) else 1)


seal_key_app = typer.Typer(invoke_without_command=True, help="The keys that sign seals.")
app.add_typer(seal_key_app, name="seal-key")


@seal_key_app.callback()
def seal_key(context: typer.Context) -> None:
    """Print the public keys, the newest last. Who checks a seal must have them from you, and not from the server."""
    if context.invoked_subcommand is None:
        for key in asyncio.run(operating.seal_keys(Settings.load())):
            print(_told(key))


@seal_key_app.command()
def rotate() -> None:
    """Sign with a new key from now on."""
    print(_told(asyncio.run(operating.new_seal_key(Settings.load()))))


def _told(key: SealKey) -> str:
    return f"{key.public.hex()} since {key.begun_at.isoformat(timespec='seconds')}"


hooks_app = typer.Typer(no_args_is_help=True, help="What other systems sent and what could not be carried out.")
app.add_typer(hooks_app, name="hooks")

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@hooks_app.command(name="list")
def list_deliveries(as_json: AsJson = False) -> None:
    """List the deliveries that are kept, for seven days, and why each was."""
    from api.replaying import kept

    rows = asyncio.run(kept(Settings.load()))
    if as_json:
        print(msgspec.json.encode(rows).decode())
        return
    for row in rows:
        print(f"{row.id} {row.hook}, {row.received_at.isoformat(timespec='seconds')}: {row.reason}")
    if not rows:
        print("nothing is kept")


@hooks_app.command()
def replay(
    name: Annotated[str | None, typer.Argument(help="The hook; all where none is named.")] = None,
    ids: Annotated[list[UUID] | None, typer.Option("--id", help="Only this delivery; may come several times.")] = None,
    as_json: AsJson = False,
) -> None:
    """Carry out kept deliveries by the configuration as it is now; exit status 1 where something still fails."""
    from api.replaying import replay

    outcome = asyncio.run(replay(Settings.load(), name, ids or []))
    if as_json:
        print(msgspec.json.encode(outcome).decode())
    else:
        for one in outcome:
            print(f"{one.id} {one.hook}: {one.reason or 'carried out'}")
    failed = sum(one.reason is not None for one in outcome)
    if not as_json:
        print(f"{len(outcome) - failed} carried out, {failed} still kept")
    raise typer.Exit(1 if failed else 0)


def main() -> None:
    """Run a command; what Upheld refuses is told in one line, with exit status 1 (2 for the configuration)."""
    try:
        app()
    except ConfigurationError as error:
        sys.exit(_tell(error, 2))
    except UpheldError as error:
        sys.exit(_tell(error, 1))


def _tell(error: UpheldError, status: int) -> int:
    print(f"upheld: {error}", file=sys.stderr)
    return status


if __name__ == "__main__":
    main()

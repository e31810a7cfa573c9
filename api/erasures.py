"""What an operator does about erasures: write down outside of the database what was erased, and do it again after a
backup from before was restored. No word of a customer stands in the list.
"""

import asyncio
from operator import attrgetter
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from api.lines import read_lines
from api.operating import looking_on
from api.settings import Settings
from domain.actors import UPHELD
from domain.errors import ConfigurationError
from domain.moment import Moment
from domain.values import Origin
from store.erasing import Erasing, Erasure
from store.files import whole
from store.vacuuming import vacuum

__all__ = ["erasures_app"]

erasures_app = typer.Typer(no_args_is_help=True, help="What was erased: to be done again where a backup is restored.")

File = Annotated[Path, typer.Argument(help="A file with one erasure in a line, as JSON.")]


@erasures_app.command()
def export(file: File) -> None:
    """Write down what was erased, beside what stands in the file already: a database that was restored may know less.

    Keep the file as long as any backup, and apart from the backups.
    """
    known = {_which(one): one for one in asyncio.run(_all(Settings.load()))}
    kept = {_which(one): one for one in read_lines(file, Erasure, "an erasure")} if file.exists() else {}
    # Of one that stands in both the file may name more streams than a restored log has.
    listed = sorted((known | kept).values(), key=attrgetter("erased_at"))
    try:
        with whole(file) as new:
            new.write(b"".join(msgspec.json.encode(one) + b"\n" for one in listed))
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be written: {error.strerror}") from error
    unknown = len(kept.keys() - known.keys())
    print(f"{len(listed)} erasures written" + (f"; replay them: {unknown} are not known here" if unknown else ""))


@erasures_app.command()
def replay(file: File) -> None:
    """Erase once more what the list says, in a database that was restored from an older backup. Running it again
    erases nothing twice.
    """
    count, streams = asyncio.run(_again(Settings.load(), read_lines(file, Erasure, "an erasure")))
    print(f"{count} of them were not known here: {streams} streams erased")


def _which(erasure: Erasure) -> tuple[object, ...]:
    """By what an erasure is the same in the file and in the database."""
    streams = frozenset(erasure.streams) if erasure.customer_id is None else None
    return erasure.customer_id, erasure.erased_at, streams


async def _all(settings: Settings) -> list[Erasure]:
    async with looking_on(settings) as runtime:
        return await Erasing(runtime.database, runtime.keyring, runtime.ledger).all()


async def _again(settings: Settings, erasures: list[Erasure]) -> tuple[int, int]:
    """Answers how many erasures were not known, and how many streams they erased."""
    count = streams = 0
    async with looking_on(settings) as runtime:
        erasing = Erasing(runtime.database, runtime.keyring, runtime.ledger)
        moment = Moment(await runtime.now(), Origin(UPHELD), runtime.catalogue)
        for erasure in erasures:
            erased = await erasing.again(erasure, moment)
            count, streams = count + (erased is not None), streams + (erased or 0)
        async with await runtime.database.connect("vacuum") as conn:
            await vacuum(conn, moment.now)
    return count, streams

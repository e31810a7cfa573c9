"""PostgreSQL's own programs, as they come with the embedded server, run beside us as long as we live.

>>> async with running("pg_dump", dsn, "--format=custom", stdout=PIPE) as program:  # doctest: +SKIP
...     await program.stdout.read(1)
b'P'
"""

import asyncio
import contextlib
import os
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from typing import IO

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from domain.errors import Unavailable
from store.embedded import PROGRAMS

__all__ = ["running"]


@contextlib.asynccontextmanager
async def running(
    program: str, dsn: str, *arguments: str, stdin: int = DEVNULL, stdout: int = DEVNULL
) -> AsyncIterator[Process]:
    """A program that talks to the database at `dsn`; on leaving it must have ended well, where nothing failed before.

    Raises Unavailable, in the program's own words. A password goes by the environment: whoever is on the machine reads
    the arguments of its processes.
    """
    address = {name: value for name, value in conninfo_to_dict(dsn).items() if value is not None}
    secret = {"PGPASSWORD": str(address.pop("password"))} if "password" in address else {}
    ours = {name: value for name, value in os.environ.items() if not name.startswith("UPHELD_")}
    with tempfile.TemporaryFile("w+") as said:
        process = await asyncio.create_subprocess_exec(
            str(PROGRAMS / program),
            f"--dbname={make_conninfo('', **address)}",
            "--no-password",
            *arguments,
            stdin=stdin,
            stdout=stdout,
            stderr=said,
            env={**ours, **secret, "LC_ALL": "C"},
        )
        try:
            yield process
            if process.stdin is not None:
                process.stdin.close()
            if await process.wait() != 0:
                raise Unavailable(f"{program} ended with {process.returncode}: {_reason(said)}")
        except (BrokenPipeError, ConnectionResetError) as error:
            await process.wait()
            raise Unavailable(f"{program} ended with {process.returncode}: {_reason(said)}") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _reason(said: IO[str]) -> str:
    """The first thing that went wrong; what follows mostly follows from it."""
    said.seek(0)
    lines = [line.strip() for line in said if line.strip()]
    return next((line for line in lines if "error:" in line), " ".join(lines[:1]) or "it said nothing")

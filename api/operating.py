"""What an operator does to the projections: build them anew, look at what is parked, try it again."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from api.logs import configure_logs
from api.runtime import FED, Runtime, open_runtime
from api.settings import Settings
from api.status import check_there_is_a_log
from domain.errors import NotFound
from policies.routing import RoutingPolicy
from policies.telling import TellingPolicy
from projections import rebuild as rebuilding
from projections.checkpoints import ParkedStream, list_parked
from projections.feed import retry_parked
from projections.leader import hold
from projections.projection import Projection
from store import verification
from store.database import reaching_the_database
from store.seals import SealKey, begin_key, keys_of
from store.verification import Verdict

__all__ = ["Retried", "looking_on", "new_seal_key", "parked", "rebuild", "retry", "seal_keys", "verify"]

_POLICIES = ("routing", "telling")


@asynccontextmanager
async def looking_on(settings: Settings) -> AsyncIterator[Runtime]:
    """A process that does what an operator asks for beside those that serve."""
    check_there_is_a_log(settings)
    # What is said stays on standard output by itself, and no traceback shows what was promised.
    configure_logs()
    async with open_runtime(settings, looks_on=True) as runtime:
        yield runtime


def named(names: Sequence[str]) -> list[Projection]:
    """The projections of these names; all of them where none is named. Raises `NotFound`."""
    known = {projection.name: projection for projection in FED}
    for name in names:
        if name not in known:
            raise NotFound(f"there is no projection '{name}'; there are {', '.join(sorted(known))}")
    return [known[name] for name in dict.fromkeys(names or known)]


async def rebuild(settings: Settings, names: Sequence[str]) -> tuple[int, int]:
    """Build projections anew while the old ones are read, with a progress bar.

    Answers how many, and how many streams they had to leave out.
    """
    wanted = named(names)
    columns = (TextColumn("{task.description:<24}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    async with looking_on(settings) as runtime, await runtime.database.connect("rebuild") as conn:
        with Progress(*columns, TimeRemainingColumn()) as bar:
            task = bar.add_task("waiting")

            def tell(progress: rebuilding.Progress) -> None:
                bar.update(task, description=progress.step, completed=progress.done, total=max(progress.total, 1))

            with reaching_the_database():
                async with hold(conn, "rebuild"):
                    await rebuilding.rebuild(runtime.database, runtime.keyring, wanted, conn, tell)
            bar.update(task, description="done", completed=1, total=1)
        return len(wanted), len(await list_parked(conn, [projection.name for projection in wanted]))


async def parked(settings: Settings) -> list[ParkedStream]:
    """What is parked, the longest waiting first."""
    async with looking_on(settings) as runtime, runtime.database.pool.connection() as conn:
        return await list_parked(conn)


async def verify(settings: Settings, published: Sequence[Mapping[str, Any]] = ()) -> Verdict:
    """Whether the log is as it was sealed, with a progress bar on standard error."""
    columns = (TextColumn("{task.description:<24}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    async with looking_on(settings) as runtime, await runtime.database.connect("verify") as conn:
        console = Console(stderr=True)
        with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("verifying")

            def tell(done: int, end: int) -> None:
                bar.update(task, completed=done, total=max(end, 1))

            with reaching_the_database():
                return await verification.verify(conn, runtime.keyring, tell, published)


async def seal_keys(settings: Settings) -> list[SealKey]:
    """The keys that sign seals or did, the oldest first."""
    async with looking_on(settings) as runtime, runtime.database.pool.connection() as conn:
        return await keys_of(conn)


async def new_seal_key(settings: Settings) -> SealKey:
    """A new key signs seals from now on; the one before it vouches for it."""
    async with looking_on(settings) as runtime, await runtime.database.connect("seal-key") as conn:
        with reaching_the_database():
            return await begin_key(conn, runtime.keyring, await runtime.now())


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of a parked stream: `error` is None where it was taken in."""

    name: str
    stream: UUID
    error: str | None


def _policy(runtime: Runtime, name: str) -> RoutingPolicy | TellingPolicy:
    return runtime.telling() if name == "telling" else RoutingPolicy(runtime.ledger, runtime.catalogue, runtime.staff)


async def retry(settings: Settings, names: Sequence[str]) -> list[Retried]:
    """Take in again what is parked, each stream in its order."""
    projections = {p.name: p for p in named([name for name in names if name not in _POLICIES])}
    done: list[Retried] = []
    async with looking_on(settings) as runtime, await runtime.database.connect("retry") as conn:
        for stream in await list_parked(conn, names or None):
            name, id = stream.projection, stream.stream
            if name in projections:
                failure = await retry_parked(conn, runtime.keyring, projections[name], id)
            else:
                failure = await _policy(runtime, name).retry(conn, stream)
            done.append(Retried(name, id, str(failure) if failure else None))
    return done

"""How far every projection, policy and webhook has come in the log, how far behind its end, and what it left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from api.settings import Settings
from domain.catalogue import load_catalogue
from domain.errors import NotFound
from domain.integrations import Webhook
from policies.endpoints import endpoints
from projections.leader import LOCKS, lock_of
from store.clock import SystemClock
from store.database import Database
from store.queries import queries

__all__ = ["Rebuild", "Standing", "check_there_is_a_log", "read_status", "standing"]

SQL = queries("api", "status.sql")


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A projection that is built anew: `folding`, `indexing` or `following`, and how much of that is done.

    It is not `running` where whoever began it is gone; the next rebuild goes on with it.
    """

    step: str
    percent: float
    running: bool

    def __str__(self) -> str:
        return f"{self.step}, {self.percent:.0f} %" + ("" if self.running else ", interrupted")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a projection, a policy or a webhook stands.

    `lag_events` follow its position, the first of them since `lag_seconds`; `parked` streams are left out, of a webhook
    events. One that is built for the first time stands at 0.
    """

    name: str
    position: int
    lag_events: int
    lag_seconds: float
    parked: int
    rebuild: Rebuild | None


async def standing(database: Database, now: datetime, webhooks: Sequence[Webhook] = ()) -> list[Standing]:
    """Where each projection and policy stands, and each of some webhooks.

    >>> (await standing(database, clock.now()))[0]  # doctest: +SKIP
    Standing(name='clock', position=42, lag_events=0, lag_seconds=0.0, parked=0, rebuild=None)
    """
    asked = {"now": now, "locks": LOCKS, "lock": lock_of("rebuild")}
    rows = []
    for name, position, events, seconds, parked, step, done, running in await database.fetch(SQL["standing"], asked):
        rebuild = Rebuild(step, round(100 * done, 1), running) if step else None
        rows.append(Standing(name, position, events, round(seconds, 3), parked, rebuild))
    for one in await endpoints(database, webhooks, now):
        name = f"webhook {one.name}"
        rows.append(Standing(name, one.position, one.lag_events, one.lag_seconds, one.given_up, None))
    return rows


def check_there_is_a_log(settings: Settings) -> None:
    """Do not begin a log only to look at it. Raises `NotFound` where nothing was ever started."""
    if settings.database_url is None and not (settings.data_dir / "postgres").exists():
        raise NotFound(f"there is no log in {settings.data_dir} yet; `upheld serve` begins one")


async def read_status(settings: Settings) -> list[Standing]:
    """The same of the database that the settings name. Raises `NotFound` where nothing was ever started."""
    check_there_is_a_log(settings)
    async with Database.open(settings.database_url, settings.data_dir) as database:
        is_there, knows_webhooks = (await database.fetch(SQL["is_there"]))[0]
        if not is_there:
            raise NotFound("there is no log in this database yet; `upheld serve` begins one")
        stands_still = await database.fetch(SQL["test_clock"])
        now = stands_still[0][0].astimezone(UTC) if stands_still else SystemClock().now()
        return await standing(database, now, load_catalogue(settings.config).webhooks if knows_webhooks else ())

"""How far every projection and policy has come in the log, how far behind its end it is, and what it left out."""

from typing import Any

from api.settings import Settings
from domain.errors import NotFound
from store.database import Database
from store.queries import queries

__all__ = ["read_status", "standing"]

SQL = queries("api", "status.sql")


async def standing(database: Database) -> list[dict[str, Any]]:
    """One row a projection or policy: its position, how many events and seconds it lags behind, what is parked.

    >>> (await standing(database))[0]  # doctest: +SKIP
    {'name': 'clock', 'position': 42, 'lag_events': 0, 'lag_seconds': 0.0, 'parked': 0}
    """
    return [
        {"name": name, "position": position, "lag_events": events, "lag_seconds": round(seconds, 3), "parked": parked}
        for name, position, events, seconds, parked in await database.fetch(SQL["standing"])
    ]


async def read_status(settings: Settings) -> list[dict[str, Any]]:
    """The same of the database that the settings name. Raises `NotFound` where nothing was ever started."""
    if settings.database_url is None and not (settings.data_dir / "postgres").exists():
        raise NotFound(f"there is no log in {settings.data_dir} yet; `upheld serve` begins one")
    async with Database.open(settings.database_url, settings.data_dir) as database:
        if not (await database.fetch(SQL["is_there"]))[0][0]:
            raise NotFound("there is no log in this database yet; `upheld serve` begins one")
        return await standing(database)

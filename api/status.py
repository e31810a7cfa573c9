"""How far every projection and policy has come in the log, and how far behind its end it is."""

from typing import Any

import psycopg

from api.settings import Settings
from domain.errors import NotFound
from store.database import Database

__all__ = ["read_status"]

_STATUS = """
SELECT c.name, c.position,
       (SELECT count(*) FROM stored_events e WHERE e.notification_id > c.position) AS events,
       coalesce(extract(epoch FROM (SELECT max(recorded_at) FROM stored_events) - (
           SELECT recorded_at FROM stored_events e
           WHERE e.notification_id > c.position ORDER BY e.notification_id LIMIT 1
       )), 0)::float8 AS seconds
FROM checkpoints c ORDER BY c.name"""


async def read_status(settings: Settings) -> list[dict[str, Any]]:
    """One row a projection or policy: its position, and how many events and seconds it lags behind.

    Raises `NotFound` where nothing was ever started.

    >>> (await read_status(settings))[0]  # doctest: +SKIP
    {'name': 'clock', 'position': 42, 'lag_events': 0, 'lag_seconds': 0.0, 'parked': 0}
    """
    if settings.database_url is None and not (settings.data_dir / "postgres").exists():
        raise NotFound(f"there is no log in {settings.data_dir} yet; `upheld serve` begins one")
    async with Database.open(settings.database_url, settings.data_dir) as database:
        try:
            rows = await database.fetch(_STATUS)
        except psycopg.errors.UndefinedTable:
            raise NotFound("there is no log in this database yet; `upheld serve` begins one") from None
    return [
        {"name": name, "position": position, "lag_events": events, "lag_seconds": round(seconds, 3), "parked": 0}
        for name, position, events, seconds in rows
    ]

"""One process at a time does a thing: whoever holds the advisory lock on its own connection."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection

from domain.errors import Unavailable
from store.database import Database

__all__ = ["lead"]

log = structlog.get_logger("upheld.leader")

_RETRY_SECONDS = 0.5


async def lead(
    database: Database, name: str, lock: int, work: Callable[[AsyncConnection[Any]], Awaitable[None]]
) -> None:
    """Do `work` whenever this process holds `lock`, until cancelled; what fails is logged and begun again."""
    while True:
        try:
            async with await database.connect(name) as conn:
                if await _try_lock(conn, lock):
                    log.info("leads", name=name)
                    await work(conn)
        except (psycopg.OperationalError, psycopg.InterfaceError, Unavailable) as error:
            log.warning("interrupted", name=name, error=str(error).strip())
        except Exception:
            log.exception("failed", name=name)
        await asyncio.sleep(_RETRY_SECONDS)


async def _try_lock(conn: AsyncConnection[Any], lock: int) -> bool:
    row = await (await conn.execute("SELECT pg_try_advisory_lock(%s)", (lock,))).fetchone()
    return bool(row and row[0])

"""Where each webhook stands: its position in the log, what it did not receive, and whether it is sent to at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from psycopg import AsyncConnection

from domain.errors import Invalid, NotFound
from domain.integrations import Webhook
from store.database import Database, reaching_the_database
from store.queries import queries

__all__ = ["Endpoint", "EndpointStanding", "begin", "enable", "endpoints", "replay"]

SQL = queries("policies", "webhooks.sql")

_NOT_BEGUN = "this webhook has not begun: it does when `upheld serve` is next started"

State = Literal["ok", "failing", "disabled"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a webhook stands, as whoever sends to it has read it. `history` is None where there is none to ask yet, and
    `next` where no event follows.
    """

    position: int
    failures: int
    failing_since: datetime | None
    next_at: datetime | None
    is_disabled: bool
    history: int | None
    end: int
    next: int | None

    @classmethod
    async def read(cls, conn: AsyncConnection[Any], url: str) -> "Endpoint":
        """Raises `NotFound` where the address was never begun."""
        row = await (await conn.execute(SQL["read"], (url,))).fetchone()
        if row is None:
            raise NotFound(_NOT_BEGUN)
        return cls(*row)


async def begin(conn: AsyncConnection[Any], webhooks: Sequence[Webhook]) -> None:
    """Let those that are new begin at the end of the log; what the others wait for stays."""
    if webhooks:
        await conn.execute(SQL["begin"], ([webhook.url for webhook in webhooks],))


@dataclass(frozen=True, slots=True)
class EndpointStanding:
    """Where a webhook stands, for people. `retries` wait for another attempt, `given_up` only for a replay."""

    name: str
    url: str
    position: int
    lag_events: int
    lag_seconds: float
    state: State
    since: datetime | None
    last_error: str | None
    retries: int
    given_up: int


async def endpoints(database: Database, webhooks: Sequence[Webhook], now: datetime) -> list[EndpointStanding]:
    """Where the configured webhooks stand that have begun.

    >>> (await endpoints(database, catalogue.webhooks, now))[0].state  # doctest: +SKIP
    'ok'
    """
    names = {webhook.url: webhook.name for webhook in webhooks}
    rows = await database.fetch(SQL["standing"], {"now": now}) if names else []
    return [_standing(names[row[0]], *row) for row in rows if row[0] in names]


def _standing(
    name: str,
    url: str,
    position: int,
    events: int,
    seconds: float,
    failing_since: datetime | None,
    disabled_at: datetime | None,
    *rest: Any,
) -> EndpointStanding:
    state: State = "disabled" if disabled_at else "failing" if failing_since else "ok"
    since = disabled_at or failing_since
    since = since.astimezone(UTC) if since is not None else None
    return EndpointStanding(name, url, position, events, round(seconds, 3), state, since, *rest)


async def enable(database: Database, url: str) -> int:
    """Send to a webhook again, at once; answers the position behind which. Raises `NotFound`."""
    with reaching_the_database():
        async with database.pool.connection() as conn:
            return await _enable(conn, url)


async def replay(database: Database, url: str, first: int) -> None:
    """Send all over again from a position on, that one included, also where it was given up or is disabled.

    Raises `NotFound`, and `Invalid` where that would leave something out.
    """
    with reaching_the_database():
        async with database.pool.connection() as conn, conn.transaction():
            position = await _enable(conn, url)
            if first > position + 1:
                raise Invalid("/from", f"lies behind {position + 1}, which is what is sent next")
            await conn.execute(SQL["replay"], {"url": url, "position": first - 1})


async def _enable(conn: AsyncConnection[Any], url: str) -> int:
    row = await (await conn.execute(SQL["enable"], {"url": url})).fetchone()
    if row is None:
        raise NotFound(_NOT_BEGUN)
    return int(row[0])

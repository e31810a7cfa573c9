"""The worker: feeds every projection, each on its own, so that none waits for another.

What follows the log is begun here; which process does it is settled by `lead`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from psycopg import AsyncConnection

from projections.feed import Feed
from projections.leader import Work
from projections.log import Log
from projections.projection import Projection
from projections.rebuild import rebuild
from store.database import Database
from store.keyring import Keyring

__all__ = ["catch_up", "feeding"]


def feeding(
    database: Database,
    keyring: Keyring,
    log: Log,
    projections: Sequence[Projection],
    outdated: Sequence[Projection] = (),
) -> Mapping[str, Work]:
    """What there is to lead: a feed for each projection, and building anew those that are outdated."""
    works: dict[str, Work] = {f"feed {fed.name}": Feed(log, keyring, fed).run for fed in projections}
    if outdated:
        works["rebuild"] = partial(rebuild, database, keyring, outdated)
    return works


async def catch_up(
    conn: AsyncConnection[Any], database: Database, keyring: Keyring, projections: Sequence[Projection]
) -> None:
    """Feed projections, one after another, until nothing is left now.

    >>> await catch_up(conn, database, keyring, PROJECTIONS)  # doctest: +SKIP
    """
    log = Log(database, keyring)
    for projection in projections:
        await Feed(log, keyring, projection).catch_up(conn)

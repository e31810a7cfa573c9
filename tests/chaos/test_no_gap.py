"""Whoever follows the log misses nothing, however many write to it at once."""

from collections.abc import Callable

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from tests.api.serving import Serving
from tests.chaos.following import Item, following
from tests.chaos.load import Load
from tests.chaos.truth import assert_the_log_agrees_with, assert_the_projections_agree_with_the_log

pytestmark = pytest.mark.timeout(600)


def test_nothing_appears_behind_what_a_follower_has_read_already(
    serve: Callable[..., Serving], url: str, rounds: int
) -> None:
    """Two processes write; one follows their history over HTTP, and one the table itself."""
    one, other = serve(database_url=url), serve(database_url=url)
    load = Load(one.wait().url, other.wait().url)
    agent = {"X-Actor": "auditor:chen"}

    with (
        httpx.Client(base_url=one.url, headers=agent, timeout=30, trust_env=False) as client,
        psycopg.connect(url, autocommit=True, row_factory=dict_row) as conn,
    ):

        def history(after: int) -> list[Item]:
            return list(client.get("/v1/history", params={"after": after, "limit": 500}).json()["items"])

        def table(after: int) -> list[Item]:
            query = (
                "SELECT notification_id AS position, originator_id, originator_version, recorded_at, state"
                " FROM stored_events WHERE notification_id > %s ORDER BY notification_id LIMIT 500"
            )
            return conn.execute(query, (after,)).fetchall()

        with following(history, table) as (auditor, replica):
            with load.going_on():
                for _ in range(rounds):
                    load.more(500)
            assert_the_projections_agree_with_the_log(url)

        for follower, read in ((auditor, history), (replica, table)):
            positions = [item["position"] for item in follower.seen]
            assert positions == sorted(set(positions))
            again: list[Item] = []
            while items := read(again[-1]["position"] if again else 0):
                again += items
            assert follower.seen == again
        assert [item["position"] for item in auditor.seen] == [row["position"] for row in replica.seen]

    assert_the_log_agrees_with(load, url)

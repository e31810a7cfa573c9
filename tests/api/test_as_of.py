"""What is asked as of an instant is answered from all that was recorded until then, and not before."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from projections.leader import LOCKS, lock_of
from tests.api.conftest import Serve
from tests.api.serving import Api, refused


@pytest.fixture
def elsewhere(fresh_database: Callable[[], str], serve: Serve) -> Iterator[tuple[Api, psycopg.Connection]]:
    """A process that serves while another one leads and does nothing, until its connection is closed."""
    url = fresh_database()
    serving = serve(database_url=url).wait()
    serving.process.terminate()
    assert serving.process.wait(15) == 0
    with psycopg.connect(url, autocommit=True) as conn:
        for projection in ("tasks", "flags"):
            conn.execute("SELECT pg_advisory_lock(%s, %s)", (LOCKS, lock_of(f"feed {projection}")))
        yield serve(database_url=url).wait().by("agent:ling"), conn


def test_an_instant_that_is_not_projected_yet_is_waited_for(elsewhere: tuple[Api, psycopg.Connection]) -> None:
    agent, leading = elsewhere
    due = {"within": {"amount": 3, "unit": "hours"}}
    agent.promise("callback", due=due)
    as_of = datetime.now(UTC).isoformat()
    questions: list[dict[str, Any]] = [
        {"path": "/v1/tasks", "recipient": agent.actor},
        {"path": "/v1/flags", "made_by": agent.actor},
    ]
    agent._seen[0] = 0  # Nothing says how far the log had come but the instant.

    with ThreadPoolExecutor(len(questions)) as pool:
        for answer in pool.map(lambda question: agent.request("GET", **question, as_of=as_of), questions):
            refused(answer, 503, "projection_behind")
    leading.close()
    assert [len(agent.get(**question, as_of=as_of)["items"]) for question in questions] == [1, 0]

"""What is asked as of an instant is answered from all that was recorded until then, and not before."""

from collections.abc import Callable, Iterator
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


@pytest.mark.parametrize("question", ["tasks?recipient=agent:ling", "flags?made_by=agent:ling"])
def test_an_instant_that_is_not_projected_yet_is_waited_for(
    elsewhere: tuple[Api, psycopg.Connection], question: str
) -> None:
    agent, leading = elsewhere
    path, _, query = question.partition("?")
    due = {"within": {"amount": 3, "unit": "hours"}}
    agent.promise("callback", due=due)
    asked: dict[str, Any] = {
        **dict(part.split("=") for part in query.split("&")),
        "as_of": datetime.now(UTC).isoformat(),
    }
    agent._seen[0] = 0  # Nothing says how far the log had come but the instant.

    refused(agent.request("GET", f"/v1/{path}", **asked), 503, "projection_behind")
    leading.close()
    answer = agent.get(f"/v1/{path}", **asked)
    assert len(answer["items"]) == (1 if path == "tasks" else 0)

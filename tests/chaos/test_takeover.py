"""A replica takes over that had not received all: no position means two events, and nobody goes on with the lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg

from store.embedded import EmbeddedServer
from store.timelines import AHEAD
from tests.api.serving import MASTER_KEY, Serving, refused, run
from tests.chaos.faults import replica_that_takes_over, stop_at_once
from tests.chaos.load import until
from tests.chaos.truth import assert_the_projections_agree_with_the_log


def test_whoever_saw_what_is_lost_is_told_where_the_log_ended_and_no_position_means_two_events(
    own_server: EmbeddedServer, tmp_path: Path
) -> None:
    """The same process goes on, and one that begins later finds what it has settled."""
    here = {"database_url": own_server.dsn, "master_key": MASTER_KEY}
    with Serving(tmp_path, **here).wait() as serving:
        agent = serving.by("agent:ling")
        id = agent.promise()["id"]
        stop_at_once(own_server)
        assert own_server.revive()
        until(lambda: records(serving), 20, "the server that was begun again records")
        kept = agent.all_taken_in(within=30)
        assert timelines(own_server) == [], "a server that was begun again has lost nothing"

        with looking_on(serving) as told:
            with replica_that_takes_over(own_server):
                agent.command(id, "contacts", {"channel": "phone", "note": "Lost"})
                lost_id = agent.promise(promise="Lost")["id"]
                lost = agent.all_taken_in(within=30)
            until(lambda: records(serving), 20, "the server that took over records")
            assert next(line for line in told if line.startswith("event: ")) == "event: reset"
        with Serving(tmp_path, **here).wait() as other:
            agent = other.by("agent:ling")
            agent.command(id, "contacts", {"channel": "phone", "note": "Not lost"})
            end = agent.all_taken_in(within=30)

        agent = serving.by("agent:ling")
        assert timelines(own_server) == [(kept, kept + AHEAD + 1)]
        for position in (kept + 1, lost, kept + AHEAD):
            answer = agent.request("GET", "/v1/tasks", headers={"Upheld-Min-Position": str(position)})
            assert refused(answer, 503, "projection_behind")["log_position"] == kept
        for position in (kept, end):
            answer = agent.request("GET", "/v1/tasks", headers={"Upheld-Min-Position": str(position)})
            assert answer.status_code == 200, answer.text
        told = agent.get("/v1/history", after=lost)["items"]
        assert all(item["position"] > kept + AHEAD for item in told)
        assert [item["data"]["note"] for item in told if item["commitment_id"] == id] == ["Not lost"]
        refused(agent.request("GET", f"/v1/commitments/{lost_id}"), 404, "not_found")
        assert_the_projections_agree_with_the_log(own_server.dsn)
    verified = run("verify", folder=tmp_path, **here)
    assert verified.returncode == 0, verified.stdout


@contextmanager
def looking_on(serving: Serving) -> Iterator[Iterator[str]]:
    """The lines of a stream of flags, from when it stands on."""
    headers = {"X-Actor": "supervisor:wang"}
    with serving.by("supervisor:wang").client.stream("GET", "/v1/flags/stream", headers=headers) as answer:
        lines = answer.iter_lines()
        next(line for line in lines if line.startswith("id: "))
        yield lines


def records(serving: Serving) -> bool:
    """Whether a promise is recorded, by somebody who has seen nothing yet."""
    agent = serving.by("agent:ling")
    try:
        return agent.post("/v1/commitments", agent.promising()).is_success
    except httpx.TransportError:
        return False


def timelines(server: EmbeddedServer) -> list[tuple[int, int]]:
    with psycopg.connect(server.dsn) as conn:
        return conn.execute("SELECT kept, begins FROM timelines ORDER BY number").fetchall()

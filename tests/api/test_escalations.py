"""POST `/v1/commitments/{id}/escalations`: somebody deals with it, or hands it up."""

import pytest

from tests.api.serving import Api, refused


def test_whoever_cannot_solve_it_hands_it_one_step_up(agent: Api) -> None:
    id = agent.promise()["id"]
    levels = [
        agent.command(id, "escalations", {"action": "raised", "note": "A review step that I cannot see"})
        for _ in range(4)
    ]

    assert [answer["escalation_level"] for answer in levels] == [1, 2, 3, 3]
    raised = agent.history(commitment_id=id, type="CommitmentEscalated")
    assert [item["data"] for item in raised] == [
        {"level": level, "cause": "raised", "note": "A review step that I cannot see"} for level in (1, 2, 3)
    ]
    assert {item["actor"] for item in raised} == {agent.actor}


def test_the_same_key_lifts_it_once(agent: Api) -> None:
    id = agent.promise()["id"]
    answers = [agent.command(id, "escalations", {"action": "raised"}, key="urgent") for _ in range(2)]

    assert answers[0] == answers[1]
    assert agent.commitment(id)["escalation_level"] == 1


def test_whoever_takes_it_is_named_in_the_history(agent: Api, supervisor: Api) -> None:
    id = agent.promise()["id"]
    for _ in range(2):
        taken = supervisor.command(id, "escalations", {"action": "taken", "note": "I ring the depot"})
    (told,) = agent.history(commitment_id=id, type="EscalationTaken")

    assert taken["escalation_level"] == 0
    assert (told["actor"], told["data"]["note"]) == (supervisor.actor, "I ring the depot")


def test_a_keeper_who_is_nagged_is_told_and_nothing_climbs(agent: Api, supervisor: Api) -> None:
    keeper = agent.by("courier:bo-nagged")
    supervisor.put(f"/v1/people/{keeper.actor}", {"name": "Bo", "time_zone": "Asia/Shanghai", "channels": []})
    order = "SO-nagged"
    agent.assign(order, keeper.actor)
    promised = agent.promise(order_id=order)
    nagged = supervisor.command(promised["id"], "escalations", {"action": "nagged", "note": "He waits downstairs"})
    (told,) = agent.history(commitment_id=promised["id"], type="HandoffNagged")

    assert (nagged["escalation_level"], nagged["revision"]) == (0, 1)
    assert nagged["handoffs"][0]["nagged_at"] == told["recorded_at"]
    assert (told["actor"], told["data"]["recipient"], told["data"]["note"]) == (
        supervisor.actor,
        keeper.actor,
        "He waits downstairs",
    )
    keeper.command(promised["id"], "receipts", {"revision": 1, "state": "acknowledged"})
    assert agent.commitment(promised["id"])["handoffs"][0]["nagged_at"] == told["recorded_at"]
    agent.command(promised["id"], "amendments", {"due": agent.due(hours=9), "reason": "The lift is broken"})
    assert agent.commitment(promised["id"])["handoffs"][0]["nagged_at"] is None, "of this revision he was not asked"


def test_nobody_is_nagged_whom_nobody_can_tell(agent: Api, supervisor: Api) -> None:
    agent.assign("SO-unreachable", "courier:never-heard-of")
    unassigned, unknown = agent.promise()["id"], agent.promise(order_id="SO-unreachable")["id"]
    for id in (unassigned, unknown):
        refused(supervisor.post(f"/v1/commitments/{id}/escalations", {"action": "nagged"}), 409, "unreachable")
        assert agent.history(commitment_id=id, type="HandoffNagged") == []


@pytest.mark.parametrize("action", ["taken", "raised", "nagged"])
def test_what_is_closed_is_refused(agent: Api, action: str) -> None:
    id = agent.promise()["id"]
    agent.command(id, "fulfilment", {})
    refused(agent.post(f"/v1/commitments/{id}/escalations", {"action": action}), 409, "commitment_closed")


@pytest.mark.parametrize("body", [{}, {"action": "shouted"}, {"action": "taken", "level": 3}])
def test_what_is_no_escalation_is_refused(agent: Api, body: dict[str, str]) -> None:
    id = agent.promise()["id"]
    refused(agent.post(f"/v1/commitments/{id}/escalations", body), 422, "invalid")


def test_of_what_there_is_not_nothing_is_taken(agent: Api) -> None:
    refused(agent.post("/v1/commitments/nothing/escalations", {"action": "taken"}), 404, "not_found")

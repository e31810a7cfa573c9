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


@pytest.mark.parametrize("action", ["taken", "raised"])
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

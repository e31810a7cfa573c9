"""Receipts (contract, sections 3, 4 and 12): who says what about which revision, and whether it counts."""

from typing import Any
from uuid import uuid4

import pytest

from tests.api.serving import Api, refused

KNOWN = {"revision": 1, "state": "acknowledged"}


@pytest.fixture
def carried(agent: Api, courier: Api, order: str) -> str:
    """A redelivery on an order that the courier carries."""
    agent.assign(order, courier.actor)
    return str(agent.promise(order_id=order)["id"])


def handoff(commitment: dict[str, Any], role: str = "courier") -> dict[str, Any]:
    return dict(next(handoff for handoff in commitment["handoffs"] if handoff["role"] == role))


def test_the_answer_says_whether_it_was_recorded_and_whether_it_counts(agent: Api, courier: Api, carried: str) -> None:
    given = courier.receipt(carried)

    assert given == {
        "recorded": True,
        "counts": True,
        "current_revision": 1,
        "why_not": None,
        "commitment": agent.commitment(carried),
    }
    assert handoff(given["commitment"])["received"] is True


def test_delivered_and_seen_are_facts_and_no_receipt(courier: Api, carried: str) -> None:
    for state in ("delivered", "seen"):
        given = courier.receipt(carried, state)
        assert (given["recorded"], given["counts"]) == (True, True)
        assert (handoff(given["commitment"])["state"], handoff(given["commitment"])["received"]) == (state, False)


def test_a_state_never_regresses(agent: Api, courier: Api, carried: str) -> None:
    courier.receipt(carried)
    seen = courier.receipt(carried, "seen")

    assert seen["recorded"] is True
    assert handoff(seen["commitment"])["state"] == "acknowledged"
    assert agent.told(carried)[-2:] == ["HandoffAcknowledged", "HandoffSeen"]


def test_a_decline_follows_a_receipt_and_the_other_way_round(agent: Api, courier: Api, carried: str) -> None:
    courier.receipt(carried)
    declined = courier.receipt(carried, "declined", reason="None in the van")
    flagged = agent.flag(carried)
    again = courier.receipt(carried, "held")

    assert (handoff(declined["commitment"])["state"], handoff(declined["commitment"])["received"]) == (
        "declined",
        False,
    )
    assert flagged == "declined"
    assert (handoff(again["commitment"])["state"], handoff(again["commitment"])["received"]) == ("held", True)
    assert agent.flag(carried) is None


def test_a_decline_needs_a_reason(courier: Api, carried: str) -> None:
    answer = courier.post(f"/v1/commitments/{carried}/receipts", {"revision": 1, "state": "declined"})

    refused(answer, 422, "invalid", "/reason")


def test_the_same_fact_twice_is_recorded_once(agent: Api, courier: Api, carried: str) -> None:
    first, second = (courier.receipt(carried) for _ in range(2))

    assert (first["recorded"], second["recorded"]) == (True, False)
    assert (second["counts"], second["why_not"]) == (True, None)
    assert agent.told(carried).count("HandoffAcknowledged") == 1


def test_a_thing_is_received_when_it_is_held(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor)
    id = agent.promise("free_item", order_id=order)["id"]
    known = courier.receipt(id, role="courier")
    held = courier.receipt(id, "held", role="courier")

    assert handoff(known["commitment"])["received"] is False
    assert (handoff(held["commitment"])["received"], handoff(held["commitment"])["received_revision"]) == (True, 1)


def test_a_receipt_for_an_older_revision_is_recorded_and_does_not_count(agent: Api, courier: Api, carried: str) -> None:
    agent.command(carried, "amendments", {"promise": "The larger one", "reason": "r"})
    given = courier.receipt(carried, revision=1)

    assert (given["recorded"], given["counts"], given["why_not"]) == (True, False, "older_revision")
    assert (given["current_revision"], handoff(given["commitment"])["received"]) == (2, False)
    assert handoff(given["commitment"])["received_revision"] == 1
    assert [(item["type"], item["revision"]) for item in agent.history(commitment_id=carried)][-1] == (
        "HandoffAcknowledged",
        1,
    )


def test_a_receipt_of_an_older_revision_makes_a_missing_one_stale(agent: Api, courier: Api, carried: str) -> None:
    agent.command(carried, "amendments", {"promise": "The larger one", "reason": "r"})
    agent.later(hours=1)
    assert agent.flag(carried) == "not_received"
    courier.receipt(carried, revision=1)

    assert agent.flag(carried) == "stale_revision"
    courier.receipt(carried, revision=2)
    assert agent.flag(carried) is None


def test_a_revision_that_does_not_exist_yet_is_refused(agent: Api, courier: Api, carried: str) -> None:
    answer = courier.post(f"/v1/commitments/{carried}/receipts", {"revision": 2, "state": "seen"})

    refused(answer, 422, "invalid", "/revision")
    assert "HandoffSeen" not in agent.told(carried)


def test_a_replaced_recipient_is_heard_and_does_not_count(agent: Api, courier: Api, order: str, carried: str) -> None:
    courier.receipt(carried)
    agent.assign(order, "courier:bo")
    assert handoff(agent.commitment(carried))["received"] is False
    late = courier.receipt(carried, "held")

    assert (late["recorded"], late["counts"], late["why_not"]) == (True, False, "no_longer_recipient")
    assert handoff(late["commitment"])["recipient"] == "courier:bo"
    assert agent.by("courier:bo").receipt(carried)["counts"] is True


def test_a_receipt_after_the_end_is_recorded_and_does_not_count(agent: Api, courier: Api, carried: str) -> None:
    agent.command(carried, "fulfilment", {})
    late = courier.receipt(carried, "seen")

    assert (late["recorded"], late["counts"], late["why_not"]) == (True, False, "commitment_closed")


def test_who_never_was_the_recipient_is_refused_and_nothing_is_recorded(agent: Api, carried: str) -> None:
    told = agent.told(carried)
    for stranger in (agent, agent.by("courier:nobody"), agent.by("system:oms")):
        refused(stranger.post(f"/v1/commitments/{carried}/receipts", KNOWN), 403, "forbidden")

    assert agent.told(carried) == told


def test_a_supervisor_may_give_a_receipt(supervisor: Api, carried: str) -> None:
    assert handoff(supervisor.receipt(carried)["commitment"])["received"] is True


def test_the_first_member_of_a_team_to_acknowledge_becomes_the_recipient(agent: Api) -> None:
    id = agent.promise("refund")["id"]
    zhao, wu = agent.by("finance:zhao"), agent.by("finance:wu")
    seen = zhao.receipt(id, "seen")
    claimed = wu.receipt(id)
    other = zhao.receipt(id)

    assert handoff(seen["commitment"], "finance")["recipient"] == "team:finance"
    assert handoff(claimed["commitment"], "finance")["recipient"] == "finance:wu"
    assert (other["recorded"], other["counts"]) == (True, False)
    assert handoff(other["commitment"], "finance")["recipient"] == "finance:wu"


def test_a_role_names_which_hand_off_is_meant(agent: Api, order: str) -> None:
    id = agent.promise("free_item", order_id=order)["id"]
    agent.assign(order, "warehouse:hu", role="courier")
    hu = agent.by("warehouse:hu")
    courier = hu.receipt(id, "held", role="courier")["commitment"]

    assert [(h["role"], h["received"]) for h in courier["handoffs"]] == [("warehouse", False), ("courier", True)]
    refused(hu.post(f"/v1/commitments/{id}/receipts", {**KNOWN, "role": "finance"}), 422, "invalid", "/role")


@pytest.mark.parametrize("via", ["tap", "scan", "link", "batch"])
def test_the_history_says_by_what_way_a_receipt_came(agent: Api, courier: Api, carried: str, via: str) -> None:
    courier.receipt(carried, via=via, at=agent.at())

    assert agent.history(commitment_id=carried)[-1]["data"]["via"] == via


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"state": "seen"}, "/revision"),
        ({"revision": 0, "state": "seen"}, "/revision"),
        ({"revision": "1", "state": "seen"}, "/revision"),
        ({"revision": True, "state": "seen"}, "/revision"),
        ({"revision": 1, "state": "sent"}, "/state"),
        ({"revision": 1, "state": "seen", "via": "pigeon"}, "/via"),
        ({"revision": 1, "state": "seen", "at": "yesterday"}, "/at"),
    ],
)
def test_a_malformed_receipt_is_refused(courier: Api, carried: str, body: dict[str, Any], pointer: str) -> None:
    refused(courier.post(f"/v1/commitments/{carried}/receipts", body), 422, "invalid", pointer)


# -- a phone's outbox -------------------------------------------------------------------------------------------


def outbox(api: Api, *receipts: object) -> Any:
    answer = api.post("/v1/receipts", {"receipts": list(receipts)})
    assert answer.status_code == 200, answer.text
    return answer


def entry(id: str, **more: Any) -> dict[str, Any]:
    return {"commitment_id": id, "idempotency_key": uuid4().hex, **KNOWN, **more}


def test_each_receipt_of_an_outbox_is_judged_by_itself_in_order(
    agent: Api, courier: Api, order: str, carried: str
) -> None:
    other = agent.promise()["id"]
    answer = outbox(
        courier,
        entry(carried, state="seen"),
        entry(other),
        {"commitment_id": carried},
        entry("00000000-0000-4000-8000-000000000000"),
        entry(carried, revision=9),
        "nonsense",
        entry(carried, colour="red"),
        entry(carried),
    )
    results = answer.json()["results"]

    assert [result["status"] for result in results] == [200, 403, 422, 404, 422, 422, 422, 200]
    assert results[0]["body"]["commitment"]["handoffs"][0]["state"] == "seen"
    assert results[7]["body"] == {
        "recorded": True,
        "counts": True,
        "current_revision": 1,
        "why_not": None,
        "commitment": agent.commitment(carried),
    }
    for result in results[1:7]:
        assert {"type", "title", "status", "detail", "code"} <= result["body"].keys()
        assert result["body"]["status"] == result["status"]
    assert {error["pointer"] for error in results[2]["body"]["errors"]} == {"/revision", "/state", "/idempotency_key"}
    assert results[6]["body"]["errors"] == [{"pointer": "/colour", "detail": "is not a field of this request"}]
    assert int(answer.headers["upheld-position"]) == agent.history(commitment_id=carried)[-1]["position"]


def test_an_outbox_that_is_sent_again_records_nothing_again(agent: Api, courier: Api, carried: str) -> None:
    receipts = [entry(carried, state=state) for state in ("delivered", "seen", "acknowledged")]
    first, again = (outbox(courier, *receipts) for _ in range(2))

    assert again.json() == first.json()
    assert agent.told(carried)[-3:] == ["HandoffDelivered", "HandoffSeen", "HandoffAcknowledged"]


def test_a_key_of_an_outbox_that_comes_with_another_receipt_is_refused(courier: Api, carried: str) -> None:
    first = entry(carried, state="seen")
    outbox(courier, first)
    (result,) = outbox(courier, {**first, "state": "acknowledged"}).json()["results"]

    assert (result["status"], result["body"]["code"]) == (422, "idempotency_key_reused")


def test_an_outbox_holds_up_to_500_receipts(agent: Api, courier: Api, carried: str) -> None:
    results = outbox(courier, *(entry(carried) for _ in range(500))).json()["results"]

    assert [result["status"] for result in results] == [200] * 500
    assert [result["body"]["recorded"] for result in results] == [True] + [False] * 499
    refused(courier.post("/v1/receipts", {"receipts": [entry(carried)] * 501}), 422, "invalid", "/receipts")


def test_an_empty_outbox_is_answered(courier: Api) -> None:
    answer = outbox(courier)

    assert answer.json() == {"results": []}
    assert answer.headers["upheld-now"] == courier.at()

"""Who must keep it (contract, sections 3, 4 and 12): by the order, by the commitment itself, by the kind."""

from typing import Any

import pytest

from tests.api.serving import Api, refused


def recipient(commitment: dict[str, Any], role: str = "courier") -> str | None:
    found: str | None = next(h["recipient"] for h in commitment["handoffs"] if h["role"] == role)
    return found


def own(api: Api, id: str, recipient: str, role: str = "courier") -> dict[str, Any]:
    answer = api.put(f"/v1/commitments/{id}/assignment", {"role": role, "recipient": recipient})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


# -- of an order ------------------------------------------------------------------------------------------------


def test_an_order_says_who_carries_it_as_it_was_told(agent: Api, order: str) -> None:
    plan = {
        "role": "courier",
        "recipient": "courier:li",
        "departs_at": agent.at(hours=1),
        "planned_start": agent.at(hours=2),
        "planned_end": agent.at(hours=3),
        "stop": 4,
        "address": "上海市 南京路 1号",
        "depot": "east",
    }
    answer, told = agent.put(f"/v1/orders/{order}/assignment", plan), {**plan, "erased": False}

    assert answer.json() == {"order_id": order, "assignments": [told]}
    assert agent.get(f"/v1/orders/{order}") == {"order_id": order, "assignments": [told], "commitments": []}


def test_what_was_not_said_of_an_assignment_is_null(agent: Api, order: str) -> None:
    (assignment,) = agent.assign(order, "courier:li")["assignments"]

    names = ("departs_at", "planned_start", "planned_end", "stop", "address", "depot")
    assert assignment == {"role": "courier", "recipient": "courier:li", **dict.fromkeys(names), "erased": False}


def test_the_live_commitments_with_that_role_go_to_the_recipient(agent: Api, order: str) -> None:
    live, kept = agent.promise(order_id=order)["id"], agent.promise(order_id=order)["id"]
    refund, broken = (
        agent.promise("refund", order_id=order)["id"],
        agent.promise(order_id=order, due=agent.due(hours=1))["id"],
    )
    agent.command(kept, "fulfilment", {})
    agent.later(hours=1)
    agent.assign(order, "courier:li")

    assert recipient(agent.commitment(live)) == "courier:li"
    assert recipient(agent.commitment(broken)) == "courier:li"
    assert recipient(agent.commitment(kept)) is None
    assert recipient(agent.commitment(refund), "finance") == "team:finance"


def test_the_assignment_waits_for_the_promise(agent: Api, order: str) -> None:
    agent.assign(order, "courier:li")
    made = agent.promise(order_id=order)

    assert (recipient(made), made["warnings"]) == ("courier:li", [])
    assert agent.told(made["id"]) == ["CommitmentMade", "HandoffAssigned"]


def test_an_order_replaces_the_default_of_a_kind_until_it_names_nobody(agent: Api, order: str) -> None:
    id = agent.promise("free_item", order_id=order)["id"]
    agent.assign(order, "warehouse:hu", role="warehouse")
    assert recipient(agent.commitment(id), "warehouse") == "warehouse:hu"
    agent.delete(f"/v1/orders/{order}/assignment", role="warehouse")

    assert recipient(agent.commitment(id), "warehouse") == "team:warehouse"


def test_the_same_assignment_again_records_nothing(agent: Api, order: str) -> None:
    agent.promise(order_id=order)
    plan: dict[str, Any] = {"departs_at": agent.at(hours=5), "stop": 3, "address": "1 High Street"}
    first, second = (agent.assign(order, "courier:li", **plan) for _ in range(2))

    assert first == second
    told = [item["type"] for item in agent.history(order_id=order)]
    assert told == ["CommitmentMade", "OrderAssigned", "HandoffAssigned"]


def test_other_times_for_the_same_recipient_void_nothing(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor, departs_at=agent.at(hours=5))
    id = agent.promise(order_id=order)["id"]
    courier.receipt(id)
    agent.assign(order, courier.actor, departs_at=agent.at(hours=6))
    (handoff,) = agent.commitment(id)["handoffs"]

    assert (handoff["state"], handoff["received"]) == ("acknowledged", True)
    assert handoff["receipt_due_at"] == agent.at(hours=5.5)


def test_another_recipient_starts_anew(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor)
    id = agent.promise(order_id=order)["id"]
    courier.receipt(id)
    agent.later(minutes=30)
    agent.assign(order, "courier:bo")
    (handoff,) = agent.commitment(id)["handoffs"]

    assert (handoff["recipient"], handoff["state"], handoff["received"]) == ("courier:bo", "assigned", False)
    assert (handoff["received_revision"], handoff["receipt_due_at"]) == (None, agent.at(hours=1))


def test_a_receipt_is_due_half_an_hour_before_the_departure_that_is_ahead(agent: Api, order: str) -> None:
    agent.assign(order, "courier:li", departs_at=agent.at(hours=5), planned_start=agent.at(hours=7))
    (ahead,) = agent.promise(order_id=order)["handoffs"]
    agent.assign(order, "courier:li", planned_start=agent.at(hours=7))
    (planned,) = agent.promise(order_id=order)["handoffs"]
    agent.assign(order, "courier:li", departs_at=agent.at(minutes=20))
    (too_late,) = agent.promise(order_id=order)["handoffs"]

    assert ahead["receipt_due_at"] == agent.at(hours=4.5)
    assert planned["receipt_due_at"] == agent.at(hours=6.5)
    assert too_late["receipt_due_at"] == agent.at(hours=1)


def test_a_receipt_is_never_due_after_the_promise_itself(agent: Api, order: str) -> None:
    agent.assign(order, "courier:li", departs_at=agent.at(hours=5))
    (handoff,) = agent.promise(order_id=order, due=agent.due(minutes=40))["handoffs"]

    assert handoff["receipt_due_at"] == agent.at(minutes=40)


def test_an_assignment_that_is_removed_leaves_nobody_and_is_gone(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor)
    id = agent.promise(order_id=order)["id"]
    courier.receipt(id)
    agent.later(hours=1)
    removed = agent.delete(f"/v1/orders/{order}/assignment", role="courier")
    (handoff,) = agent.commitment(id)["handoffs"]

    assert (removed.status_code, removed.content) == (204, b"")
    assert (handoff["recipient"], handoff["state"], handoff["received"]) == (None, "unassigned", False)
    assert handoff["receipt_due_at"] == agent.at(hours=11)  # twelve hours before its due
    assert [item["type"] for item in agent.history(order_id=order)][-2:] == ["OrderUnassigned", "HandoffReleased"]
    refused(agent.delete(f"/v1/orders/{order}/assignment", role="courier"), 404, "not_found")
    assert agent.get(f"/v1/orders/{order}")["assignments"] == []


def test_an_unknown_order_is_not_found(agent: Api) -> None:
    refused(agent.request("GET", "/v1/orders/SO-nowhere"), 404, "not_found")
    refused(agent.delete("/v1/orders/SO-nowhere/assignment", role="courier"), 404, "not_found")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"role": None}, "/role"),
        ({"role": "boss"}, "/role"),
        ({"role": "team"}, "/role"),
        ({"recipient": "li"}, "/recipient"),
        ({"recipient": "boss:li"}, "/recipient"),
        ({"recipient": "courier:李"}, "/recipient"),
        ({"stop": -1}, "/stop"),
        ({"stop": 1.5}, "/stop"),
        ({"stop": 2**31}, "/stop"),
        ({"address": "a" * 501}, "/address"),
        ({"departs_at": "07:30"}, "/departs_at"),
    ],
)
def test_an_assignment_outside_its_limits_is_refused(
    agent: Api, order: str, change: dict[str, Any], pointer: str
) -> None:
    body = {"role": "courier", "recipient": "courier:li", **change}
    answer = agent.put(f"/v1/orders/{order}/assignment", {k: v for k, v in body.items() if v is not None})

    refused(answer, 422, "invalid", pointer)
    refused(agent.request("GET", f"/v1/orders/{order}"), 404, "not_found")


# -- of a commitment itself -------------------------------------------------------------------------------------


def test_its_own_assignment_goes_before_the_order_s_until_it_is_removed(agent: Api, order: str) -> None:
    agent.assign(order, "courier:li")
    id = agent.promise(order_id=order)["id"]
    assert recipient(own(agent, id, "courier:bo")) == "courier:bo"
    agent.assign(order, "courier:mei")
    assert recipient(agent.commitment(id)) == "courier:bo"
    removed = agent.delete(f"/v1/commitments/{id}/assignment", role="courier")

    assert (removed.status_code, removed.content) == (204, b"")
    assert recipient(agent.commitment(id)) == "courier:mei"
    refused(agent.delete(f"/v1/commitments/{id}/assignment", role="courier"), 404, "not_found")


def test_without_an_order_its_own_assignment_leaves_nobody_behind(agent: Api) -> None:
    id = agent.promise()["id"]
    own(agent, id, "courier:bo")
    agent.delete(f"/v1/commitments/{id}/assignment", role="courier")

    assert recipient(agent.commitment(id)) is None


def test_its_own_assignment_again_records_nothing(agent: Api) -> None:
    id = agent.promise()["id"]
    first, second = (own(agent, id, "courier:bo") for _ in range(2))

    assert first == second
    assert agent.told(id) == ["CommitmentMade", "HandoffAssigned"]


def test_its_own_assignment_names_a_role_of_its_path(agent: Api) -> None:
    id = agent.promise()["id"]
    answer = agent.put(f"/v1/commitments/{id}/assignment", {"role": "finance", "recipient": "finance:zhao"})

    refused(answer, 422, "invalid", "/role")


def test_what_is_closed_is_not_assigned_any_more(agent: Api) -> None:
    id = agent.promise()["id"]
    agent.command(id, "fulfilment", {})
    answer = agent.put(f"/v1/commitments/{id}/assignment", {"role": "courier", "recipient": "courier:bo"})

    refused(answer, 409, "commitment_closed")


def test_a_commitment_may_be_given_to_a_team(agent: Api) -> None:
    id = agent.promise()["id"]
    own(agent, id, "team:courier")

    claimed = agent.by("courier:bo").receipt(id)
    assert recipient(claimed["commitment"]) == "courier:bo"


def test_who_promised_it_and_must_keep_it_knows_of_it(agent: Api) -> None:
    id = agent.promise()["id"]
    (handoff,) = own(agent, id, agent.actor)["handoffs"]

    assert (handoff["recipient"], handoff["received"]) == (agent.actor, True)

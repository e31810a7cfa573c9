"""PUT `/v1/routes/{id}`: who carries what today, as a whole (contract, section 4)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.serving import Api, refused


@pytest.fixture
def orders(order: str) -> list[str]:
    return [f"{order}-{number}" for number in range(3)]


@pytest.fixture
def route(order: str) -> str:
    return f"/v1/routes/north%2F{order}"


def plan(agent: Api, orders: list[str], recipient: str = "courier:li", **more: Any) -> dict[str, Any]:
    stops = [{"order_id": order, "stop": number} for number, order in enumerate(orders, 1)]
    return {"recipient": recipient, "role": "courier", "departs_at": agent.at(hours=5), "stops": stops, **more}


def planned(api: Api, route: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.put(route, body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def carriers(api: Api, orders: list[str]) -> list[str | None]:
    def carrier(order: str) -> str | None:
        answer = api.request("GET", f"/v1/orders/{order}")
        assignments = answer.json()["assignments"] if answer.status_code == 200 else []
        return assignments[0]["recipient"] if assignments else None

    return [carrier(order) for order in orders]


def test_a_route_is_answered_as_it_was_planned(agent: Api, orders: list[str], route: str, order: str) -> None:
    stops = [
        {
            "order_id": orders[0],
            "stop": 3,
            "planned_start": agent.at(hours=6),
            "planned_end": agent.at(hours=7),
            "address": "3 Willow Lane",
        }
    ]
    body = {**plan(agent, []), "depot": "north", "stops": stops}

    assert planned(agent, route, body) == {"id": f"north/{order}", **body}
    assert agent.get(f"/v1/orders/{orders[0]}")["assignments"] == [
        {
            **{n: body[n] for n in ("role", "recipient", "departs_at", "depot")},
            **{n: stops[0][n] for n in STOP},
            "erased": False,
        }
    ]


STOP = ("stop", "planned_start", "planned_end", "address")


def test_what_is_promised_on_its_orders_goes_along(agent: Api, orders: list[str], route: str) -> None:
    ids = [agent.promise(order_id=order)["id"] for order in orders]
    planned(agent, route, plan(agent, orders))

    assert {agent.commitment(id)["handoffs"][0]["recipient"] for id in ids} == {"courier:li"}


def test_orders_that_are_dropped_become_unassigned(agent: Api, orders: list[str], route: str) -> None:
    id = agent.promise(order_id=orders[0])["id"]
    planned(agent, route, plan(agent, orders))
    planned(agent, route, plan(agent, orders[1:]))

    assert carriers(agent, orders) == [None, "courier:li", "courier:li"]
    assert agent.commitment(id)["handoffs"][0]["recipient"] is None


def test_a_route_without_stops_is_empty(agent: Api, orders: list[str], route: str) -> None:
    planned(agent, route, plan(agent, orders))
    planned(agent, route, plan(agent, []))

    assert carriers(agent, orders) == [None, None, None]


def test_unchanged_ones_keep_their_receipts(agent: Api, orders: list[str], route: str) -> None:
    id = agent.promise(order_id=orders[0])["id"]
    planned(agent, route, plan(agent, orders[:1]))
    agent.by("courier:li").receipt(id)
    planned(agent, route, plan(agent, orders, departs_at=agent.at(hours=4)))

    assert agent.commitment(id)["handoffs"][0]["received"] is True


def test_another_recipient_starts_anew(agent: Api, orders: list[str], route: str) -> None:
    id = agent.promise(order_id=orders[0])["id"]
    planned(agent, route, plan(agent, orders))
    agent.by("courier:li").receipt(id)
    planned(agent, route, plan(agent, orders, "courier:bo"))
    handoff = agent.commitment(id)["handoffs"][0]

    assert (handoff["recipient"], handoff["received"]) == ("courier:bo", False)


def test_the_same_route_again_records_nothing(agent: Api, orders: list[str], route: str) -> None:
    agent.promise(order_id=orders[0])
    body = plan(agent, orders)
    positions = [agent.put(route, body).headers["Upheld-Position"] for _ in range(2)]

    assert positions[0] == positions[1]


def test_an_order_that_went_to_another_route_stays_there(agent: Api, orders: list[str], route: str) -> None:
    planned(agent, route, plan(agent, orders))
    planned(agent, f"{route}-south", plan(agent, orders[:1], "courier:bo"))
    planned(agent, route, plan(agent, orders[1:]))

    assert carriers(agent, orders) == ["courier:bo", "courier:li", "courier:li"]


def test_an_order_that_was_assigned_by_itself_stays_so(agent: Api, orders: list[str], route: str) -> None:
    planned(agent, route, plan(agent, orders))
    agent.assign(orders[0], "courier:mei")
    planned(agent, route, plan(agent, []))

    assert carriers(agent, orders) == ["courier:mei", None, None]


def test_a_route_that_changes_its_role_leaves_none_behind(agent: Api, orders: list[str], route: str) -> None:
    planned(agent, route, plan(agent, orders))
    planned(agent, route, {**plan(agent, orders, "technician:wu"), "role": "technician"})
    roles = [[a["role"] for a in agent.get(f"/v1/orders/{order}")["assignments"]] for order in orders]

    assert roles == [["technician"]] * 3


def test_of_two_plans_at_once_one_holds_as_a_whole(agent: Api, orders: list[str], route: str) -> None:
    recipients = [f"courier:{name}" for name in ("li", "bo", "mei", "wu")] * 4
    with ThreadPoolExecutor(len(recipients)) as pool:
        answers = list(pool.map(lambda who: agent.by("system:oms").put(route, plan(agent, orders, who)), recipients))
    assert {answer.status_code for answer in answers} == {200}
    agent.end_of_the_log()

    assert len(set(carriers(agent, orders))) == 1


def test_a_route_of_five_hundred_stops(agent: Api, order: str, route: str) -> None:
    orders = [f"{order}-{number}" for number in range(500)]
    planned(agent, route, plan(agent, orders))
    planned(agent, route, plan(agent, orders[:1]))

    assert carriers(agent, [orders[0], orders[499]]) == ["courier:li", None]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"role": "pilot"}, "/role"),
        ({"recipient": "pilot:li"}, "/recipient"),
        ({"departs_at": None}, "/departs_at"),
        ({"stops": [{"order_id": "A", "stop": 1}, {"order_id": "A", "stop": 2}]}, "/stops/1/order_id"),
        ({"stops": [{"order_id": "A", "stop": -1}]}, "/stops/0/stop"),
        ({"stops": [{"order_id": "A B", "stop": 1}]}, "/stops/0/order_id"),
        ({"stops": [{"order_id": "A", "stop": 1, "address": ""}]}, "/stops/0/address"),
        ({"vehicle": "van 7"}, "/vehicle"),
    ],
)
def test_what_is_no_route_is_refused(
    agent: Api, orders: list[str], route: str, change: dict[str, Any], pointer: str
) -> None:
    refused(agent.put(route, plan(agent, orders) | change), 422, pointer=pointer)
    assert carriers(agent, orders) == [None, None, None]

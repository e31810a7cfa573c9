"""What the board asks the API: flags with their promises, counted in groups, and what each vehicle still lacks."""

from typing import Any

import pytest

from tests.api.serving import Api, refused
from tests.api.streams import opening


@pytest.fixture
def flagged(agent: Api, order: str) -> dict[str, Any]:
    """A promise on an order from a depot whose courier does not know of it."""
    agent.assign(order, "courier:bo", depot=f"north-{order}")
    promise = agent.promise(order_id=order)
    agent.later(minutes=61)
    return promise


def test_a_flag_says_from_which_depot_its_keeper_leaves(agent: Api, order: str, flagged: dict[str, Any]) -> None:
    (flag,) = agent.get("/v1/flags", depot=f"north-{order}")["items"]

    assert (flag["commitment_id"], flag["depot"]) == (flagged["id"], f"north-{order}")


def test_flags_come_with_their_commitments_as_they_stand_or_stood(agent: Api, flagged: dict[str, Any]) -> None:
    before = agent.now
    agent.later(minutes=1)
    agent.command(flagged["id"], "escalations", {"action": "taken"})
    asked: dict[str, Any] = {"commitment_id": flagged["id"], "include": "commitment"}
    (now,) = agent.get("/v1/flags", **asked)["items"]
    (then,) = agent.get("/v1/flags", **asked, as_of=before.isoformat())["items"]

    assert now["commitment"] == agent.commitment(flagged["id"])
    assert (now["commitment"]["taken_by"], then["commitment"]["taken_by"]) == (agent.actor, None)


def test_flags_are_counted_by_what_they_have_in_common_the_most_urgent_first(agent: Api, order: str) -> None:
    agent.assign(order, "courier:bo")
    for hours in (3, 2):
        agent.promise(order_id=order, due=agent.due(hours=hours))
    agent.promise(due=agent.due(hours=1))
    agent.later(minutes=65)
    mine: dict[str, Any] = {"made_by": agent.actor}
    groups = agent.get("/v1/flags/groups", by="recipient", **mine)["items"]
    nobody = agent.get("/v1/flags", without="recipient", **mine)["items"]

    assert [(group["group"], group["flags"]) for group in groups] == [(None, 1), ("courier:bo", 2)]
    assert groups[0]["rescue_by"] == nobody[0]["rescue_by"]
    refused(agent.request("GET", "/v1/flags/groups", by="promise"), 422, "invalid", "/query/by")


def test_who_deals_with_a_flag_is_no_news_for_the_stream_of_flags_and_is_for_the_board(
    agent: Api, flagged: dict[str, Any]
) -> None:
    asked, who = {"made_by": agent.actor}, {"X-Actor": "supervisor:wang"}
    with (
        opening(str(agent.client.base_url).rstrip("/"), agent.actor) as open_stream,
        agent.client.stream("GET", "/board/stream", params=asked, headers=who) as stream,
    ):
        flags = open_stream(None, **asked)
        lines = (line for line in stream.iter_lines() if line.startswith("event"))
        assert next(lines) == "event: changed", "what was recorded since the page was made is not lost"
        while not flags.stays_silent(0.5):
            pass  # what was flagged before it was asked may be told once more
        agent.command(flagged["id"], "escalations", {"action": "taken"})
        assert next(lines) == "event: changed"
        assert flags.stays_silent()


def test_the_yard_says_what_each_vehicle_lacks_and_with_whom_it_lies(agent: Api, order: str) -> None:
    depot, departs_at = f"depot-{order}", agent.at(hours=1)
    trip: dict[str, Any] = {"departs_at": departs_at, "stop": 4, "address": "3 Willow Lane", "depot": depot}
    agent.assign(order, "courier:bo", **trip)
    agent.assign(order, "warehouse:hu", role="warehouse")
    cable = agent.promise("free_item", order_id=order)["id"]
    told = agent.promise(order_id=order)["id"]

    def lacks() -> dict[str, list[tuple[str, str]]]:
        found = agent.get("/v1/yard", depot=depot)
        loads = [load for one in found["items"] for stop in one["stops"] for load in stop["loads"]]
        return {one["commitment"]["id"]: [(lack["what"], lack["recipient"]) for lack in one["lacks"]] for one in loads}

    assert lacks() == {
        cable: [("not_packed", "warehouse:hu"), ("not_loaded", "courier:bo"), ("not_read", "courier:bo")],
        told: [("not_read", "courier:bo")],
    }
    agent.by("warehouse:hu").receipt(cable, "held", role="warehouse")
    courier = agent.by("courier:bo")
    courier.receipt(cable, "acknowledged", role="courier")
    courier.receipt(told, "seen")
    assert lacks() == {cable: [("not_loaded", "courier:bo")], told: [("not_acknowledged", "courier:bo")]}
    courier.receipt(told, "declined", reason="No room")
    courier.receipt(cable, "held", role="courier")
    assert lacks() == {told: [("declined", "courier:bo")]}
    courier.receipt(told, "acknowledged")
    (vehicle,) = agent.get("/v1/yard", depot=depot)["items"]
    assert (vehicle["promises"], vehicle["lacking"], vehicle["stops"]) == (2, 0, [])
    assert depot in agent.get("/v1/yard")["depots"]


def test_the_yard_shows_who_leaves_within_a_day_earliest_first_and_leaves_out_who_was_named_otherwise(
    agent: Api, order: str
) -> None:
    depot = f"depot-{order}"
    for number, hours in enumerate((5, 2, 40)):
        agent.assign(f"{order}-{number}", f"courier:c{number}", departs_at=agent.at(hours=hours), depot=depot)
        agent.promise(order_id=f"{order}-{number}")
    other = agent.promise(order_id=f"{order}-1")["id"]
    body = {"role": "courier", "recipient": "courier:other"}
    assert agent.put(f"/v1/commitments/{other}/assignment", body).status_code == 200
    soon = agent.get("/v1/yard", depot=depot)["items"]
    later = agent.get("/v1/yard", depot=depot, from_=agent.at(hours=30), to=agent.at(hours=50))["items"]

    assert [(one["recipient"], one["promises"]) for one in soon] == [("courier:c1", 1), ("courier:c0", 1)]
    assert [one["recipient"] for one in later] == ["courier:c2"]

    leaves = {number: agent.get(f"/v1/orders/{order}-{number}")["assignments"][0]["departs_at"] for number in range(3)}
    for from_, to, previous, following in (
        (1, 4, None, leaves[0]),
        (4, 20, leaves[1], leaves[2]),
        (50, 60, leaves[2], None),
        (41 + 31 * 24, 42 + 31 * 24, None, None),
    ):
        found = agent.get("/v1/yard", depot=depot, from_=agent.at(hours=from_), to=agent.at(hours=to))
        assert (found["previous"], found["next"]) == (previous, following), from_
    # What leaves with nobody's word, or with a promise that another one keeps, is no vehicle of the yard.
    agent.assign(f"{order}-3", "courier:c3", departs_at=agent.at(hours=25), depot=depot)
    agent.promise("refund", order_id=f"{order}-3")
    assert agent.get("/v1/yard", depot=depot, from_=agent.at(hours=4), to=agent.at(hours=20))["next"] == leaves[2]
    wrong = agent.request("GET", "/v1/yard", from_=agent.at(hours=2), to=agent.at(hours=1))
    refused(wrong, 422, "invalid", "/query/to")


def test_who_has_a_channel_with_a_number_can_be_called(supervisor: Api, courier: Api) -> None:
    channels = ["mailto://shop:secret@example.com", "signal://gateway.example/+15551230000/+8613800138000"]
    person = supervisor.put(f"/v1/people/{courier.actor}", {"name": "Li", "channels": channels}).json()
    without = supervisor.put(f"/v1/people/{courier.actor}", {"name": "Li", "channels": channels[:1]}).json()

    assert (person["phone"], without["phone"]) == ("+8613800138000", None)

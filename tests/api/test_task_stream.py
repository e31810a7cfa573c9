"""GET `/v1/tasks/stream`: what a keeper has to do, as it changes."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api.serving import Api, Serving, refused
from tests.api.streams import Event, Open, opening

PATH = "/v1/tasks/stream"


@pytest.fixture
def stream(agent: Api, courier: Api, serving: Serving) -> Iterator[Open]:
    """Opens streams on what a courier has to do."""
    agent.later(seconds=1)  # who had what until this very instant would be told of what comes in it
    with opening(serving.url, courier.actor, PATH) as open_stream:
        yield open_stream


@pytest.fixture
def carried(agent: Api, courier: Api, order: str) -> str:
    """A promise on an order that the courier carries."""
    agent.assign(order, courier.actor)
    return str(agent.promise(order_id=order)["id"])


def about(event: Event) -> tuple[str, Any, Any]:
    return event.name, event.data["commitment_id"], event.data["order_id"]


def test_what_he_is_given_is_told_once_his_tasks_show_it(
    agent: Api, courier: Api, order: str, serving: Serving, stream: Open
) -> None:
    looking = stream()
    agent.assign(order, courier.actor)
    id = agent.promise(order_id=order)["id"]
    told = looking.of(id)
    (stop,) = serving.by(courier.actor).get("/v1/tasks")["items"]

    assert about(told) == ("changed", id, order)
    assert told.data.keys() == {"commitment_id", "order_id"}
    assert [shown["id"] for shown in stop["commitments"]] == [id]
    assert told.id == agent.history(commitment_id=id)[-1]["position"]


def test_whatever_is_recorded_of_his_tasks_is_told(agent: Api, courier: Api, carried: str, stream: Open) -> None:
    agent.later(seconds=1)
    looking = stream()
    courier.receipt(carried, "seen")
    assert looking.of(carried)
    agent.command(carried, "amendments", {"promise": "It comes by ten", "reason": "r"})
    assert looking.of(carried)
    courier.command(carried, "fulfilment", {})
    assert looking.of(carried)
    agent.command(carried, "reopening", {"reason": "disputed"})
    assert looking.of(carried)
    agent.later(days=2)
    assert looking.of(carried)


def test_a_changed_plan_of_an_order_is_told_of_the_order(
    agent: Api, courier: Api, carried: str, order: str, stream: Open
) -> None:
    agent.later(seconds=1)
    looking = stream()
    agent.assign(order, courier.actor, stop=5)

    assert about(looking.next()) == ("changed", None, order)


def test_what_is_taken_from_him_is_told_and_nothing_of_it_after_that(
    agent: Api, courier: Api, carried: str, order: str, stream: Open, serving: Serving
) -> None:
    other = agent.by(f"{courier.actor}-other")
    agent.later(seconds=1)
    with opening(serving.url, "supervisor:wang", PATH) as open_stream:
        his, others = stream(), open_stream(recipient=other.actor)
        agent.assign(order, other.actor)
        assert about(his.of(carried)) == about(others.of(carried)) == ("changed", carried, order)
        while not his.stays_silent(0.5):
            pass
        agent.later(seconds=1)
        other.receipt(carried)
        assert others.of(carried)

    assert his.stays_silent(0.5)


def test_what_a_member_claims_is_told_to_the_whole_team(agent: Api, order: str, serving: Serving) -> None:
    agent.later(seconds=1)
    with opening(serving.url, "finance:zhao", PATH) as as_zhao, opening(serving.url, "courier:li", PATH) as as_li:
        zhao, li = as_zhao(), as_li()
        id = agent.promise("refund", order_id=order)["id"]
        assert about(zhao.of(id)) == ("changed", id, order)
        agent.later(seconds=1)
        agent.by("finance:wu").receipt(id)
        assert zhao.of(id)
        agent.later(seconds=1)
        agent.command(id, "contacts", {"channel": "phone"})

        assert zhao.stays_silent(0.5)
        assert li.stays_silent(0.1)


def test_who_is_put_into_a_team_while_he_looks_on_is_told_of_its_tasks(
    agent: Api, courier: Api, order: str, stream: Open
) -> None:
    looking, team = stream(), "team:" + courier.actor.replace(":", "-")
    assert agent.put(f"/v1/people/{courier.actor}", {"name": "Li", "team": team}).status_code == 200
    agent.assign(order, team)

    assert looking.of(agent.promise(order_id=order)["id"])


def test_who_comes_back_goes_on_from_what_his_tasks_showed(
    agent: Api, courier: Api, carried: str, stream: Open
) -> None:
    agent.later(seconds=1)
    shown = int(courier.request("GET", "/v1/tasks").headers["upheld-position"])
    agent.command(carried, "contacts", {"channel": "phone"})
    looking = stream(shown)

    assert looking.started == shown
    while (told := looking.of(carried)).id <= shown:  # what stands there may be told once more
        pass
    assert stream(told.id).next() == told
    assert stream(999_999_999).next().name == "reset"


def test_a_stream_ends_with_its_server_and_goes_on_at_another(serve: Callable[..., Serving]) -> None:
    with serve() as first, opening(first.url, "courier:li", PATH) as open_stream:
        agent = first.by("agent:ling")
        agent.assign("SO-1", "courier:li")
        streams = [open_stream() for _ in range(5)]
        id = agent.promise(order_id="SO-1")["id"]
        seen = streams[0].of(id)
        agent.command(id, "contacts", {"channel": "phone"})
        began = time.monotonic()
        first.stop()
        assert time.monotonic() - began < 4
    with serve() as second, opening(second.url, "courier:li", PATH) as open_stream:
        again = open_stream(seen.id)
        while (missed := again.next()).id <= seen.id:  # what was seen may be told once more
            pass

        assert about(missed) == ("changed", id, "SO-1")


@pytest.mark.parametrize(
    ("headers", "params", "pointer"),
    [
        ({"Last-Event-ID": "yesterday"}, {}, "/header/last-event-id"),
        ({}, {"recipient": "li"}, "/query/recipient"),
        ({}, {"as_of": "2026-11-20T12:00:00Z"}, "/query/as_of"),
    ],
)
def test_what_cannot_be_streamed_is_refused(
    agent: Api, headers: dict[str, str], params: dict[str, Any], pointer: str
) -> None:
    refused(agent.request("GET", PATH, headers=headers, **params), 422, pointer=pointer)

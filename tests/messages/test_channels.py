"""A channel fails in many ways; a message gets through all the same, or it is known that it did not, and why."""

from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.api.serving import Api, Serving
from tests.api.signed import House
from tests.messages.conftest import People
from tests.messages.receivers import Inbox, eventually
from tests.messages.test_keepers import outcomes


def promised_to(courier: Api, agent: Api, people: People) -> str:
    order = people.order()
    agent.assign(order, courier.actor)
    return str(agent.promise("redelivery", order_id=order)["id"])


def known(agent: Api, id: str, *expected: tuple[str, str]) -> None:
    """Until these outcomes, and no other, are recorded."""
    eventually(lambda: agent.end_of_the_log() > 0 and outcomes(agent, id) == list(expected))


def test_a_channel_that_failed_is_tried_again(people: People, inbox: Inbox) -> None:
    inbox.answer = lambda request: 500 if request < 3 else 200
    agent, courier = people.person("agent"), people.person("courier", inbox.channel())

    id = promised_to(courier, agent, people)

    inbox.wait(1)
    known(agent, id, ("HandoffSent", courier.actor))
    assert inbox.requests == 3


def test_where_one_channel_fails_for_good_the_next_one_is_used_and_both_are_recorded(people: People) -> None:
    with Inbox() as dead, Inbox() as alive:
        dead.answer = lambda _: 403
        agent, courier = people.person("agent"), people.person("courier", dead.channel(), alive.channel())

        id = promised_to(courier, agent, people)

        alive.wait(1)
        known(agent, id, ("HandoffFailed", courier.actor), ("HandoffSent", courier.actor))
        (failed,) = [e for e in agent.history(commitment_id=id) if e["type"] == "HandoffFailed"]
        assert "did not take it" in failed["data"]["reason"]
        assert (dead.requests, alive.requests) == (3, 1)


def test_where_every_channel_fails_it_is_recorded_and_the_flag_comes_as_ever(people: People, inbox: Inbox) -> None:
    inbox.answer = lambda _: 500
    agent, courier = people.person("agent"), people.person("courier", inbox.channel())

    id = promised_to(courier, agent, people)

    known(agent, id, ("HandoffFailed", courier.actor))
    assert agent.commitment(id)["handoffs"][0]["state"] == "assigned"
    agent.later(hours=1)
    assert agent.flag(id) == "not_received"


def test_whom_no_channel_reaches_is_listed_until_one_does(people: People, inbox: Inbox) -> None:
    inbox.answer = lambda _: 500
    agent, courier = people.person("agent"), people.person("courier", inbox.channel())
    assert courier.actor not in unreachable(agent)
    promised_to(courier, agent, people)
    eventually(lambda: courier.actor in unreachable(agent))

    inbox.answer = lambda _: 200
    agent.later(minutes=1)
    promised_to(courier, agent, people)

    eventually(lambda: courier.actor not in unreachable(agent))


def unreachable(agent: Api) -> set[str]:
    found = agent.get("/v1/people", unreachable="true", limit=500)["items"]
    return {person["actor"] for person in found}


def test_who_has_no_channel_is_known_not_to_have_been_told(people: People) -> None:
    agent, courier = people.person("agent"), people.person("courier")

    id = promised_to(courier, agent, people)

    known(agent, id, ("HandoffFailed", courier.actor))


def test_of_whom_nobody_said_how_he_is_reached_nothing_is_recorded(people: People, everybody: Api) -> None:
    agent = people.person("agent")

    id = promised_to(everybody.by("courier:unheard-of"), agent, people)
    agent.later(minutes=5)

    assert outcomes(agent, id) == []


def test_who_answers_that_it_belongs_elsewhere_has_not_taken_it(people: People, inbox: Inbox) -> None:
    with Inbox() as elsewhere:
        elsewhere.answer = lambda _: 302
        agent, courier = people.person("agent"), people.person("courier", elsewhere.channel(), inbox.channel())

        id = promised_to(courier, agent, people)

        inbox.wait(1)
        known(agent, id, ("HandoffFailed", courier.actor), ("HandoffSent", courier.actor))


def test_of_somebody_who_is_known_no_more_nothing_is_recorded(people: People, inbox: Inbox) -> None:
    inbox.answer = lambda _: 500
    agent, courier = people.person("agent"), people.person("courier", inbox.channel())
    id = promised_to(courier, agent, people)
    eventually(lambda: inbox.requests > 0)

    assert agent.delete(f"/v1/people/{courier.actor}").status_code == 204
    agent.later(minutes=5)

    assert ("HandoffSent", courier.actor) not in outcomes(agent, id)


def test_nobody_waits_for_a_channel_that_hangs(people: People, inbox: Inbox) -> None:
    with Inbox() as hanging:
        hanging.answer = lambda _: None
        agent = people.person("agent")
        *stuck, other = (
            people.person("courier", channel, id=f"c{number}")
            for number, channel in enumerate([hanging.channel()] * 3 + [inbox.channel()])
        )
        for one in stuck:
            promised_to(one, agent, people)
        eventually(lambda: hanging.requests == len(stuck))

        promised_to(other, agent, people)

        # A channel is cut off after four seconds: one after another they would take longer.
        inbox.wait(1, within=10)


def test_nothing_is_left_of_jobs_that_are_done(people: People, inbox: Inbox, process: Serving) -> None:
    agent, courier = people.person("agent"), people.person("courier", inbox.channel())
    id = promised_to(courier, agent, people)
    known(agent, id, ("HandoffSent", courier.actor))

    with psycopg.connect(str(process.settings["database_url"]), autocommit=True) as conn:
        left = (
            "SELECT count(*) FROM procrastinate_jobs j JOIN notices n ON n.message::text = j.args->>'message'"
            " WHERE n.recipient = %s"
        )
        eventually(lambda: conn.execute(left, (courier.actor,)).fetchone() == (0,))
        undone = "SELECT count(*) FROM notices WHERE recipient = %s AND done_at IS NULL"
        assert conn.execute(undone, (courier.actor,)).fetchone() == (0,)


def test_where_people_sign_in_a_channel_of_ones_own_leads_into_no_network_of_the_company(
    fresh_database: Callable[[], str], tmp_path: Path, inbox: Inbox
) -> None:
    config = tmp_path / "upheld.toml"
    config.write_text('[messages]\nretry_after = ["PT0S"]\n')
    with House(tmp_path, fresh_database(), config=config) as house:
        oms, courier = house.key_of("system:oms"), house.key_of("courier:li")
        oms.put("/v1/people/courier:li", {"name": "Li", "locale": "en", "time_zone": "Asia/Shanghai", "channels": []})
        mine = {"name": "Li", "locale": "en", "time_zone": "Asia/Shanghai", "channels": [inbox.channel()]}
        assert courier.put("/v1/people/courier:li", mine).status_code == 200
        oms.assign("SO-1", "courier:li")
        id = str(oms.promise("redelivery", order_id="SO-1")["id"])

        known(oms, id, ("HandoffFailed", "courier:li"))
        (failed,) = [one for one in oms.history(commitment_id=id) if one["type"] == "HandoffFailed"]
        assert "an address that is not public" in failed["data"]["reason"]
        assert inbox.requests == 0

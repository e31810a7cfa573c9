"""What is in danger climbs: the keeper, the maker, the supervisor, the manager; each is told once, and it ends."""

from collections.abc import Iterator

import pytest

from tests.api.serving import Api
from tests.messages.conftest import People
from tests.messages.receivers import Inbox


class Company:
    """An agent, her supervisor, his manager and a courier, each with an inbox."""

    def __init__(self, people: People, **inboxes: Inbox) -> None:
        self.inboxes = inboxes
        channel = {who: inbox.channel() for who, inbox in inboxes.items()}
        self.people = people
        self.manager = people.person("chief", channel["manager"], id="manager")
        self.supervisor = people.person("chief", channel["supervisor"], reports_to=self.manager.actor)
        self.agent = people.person("agent", channel["agent"], reports_to=self.supervisor.actor)
        self.courier = people.person("courier", channel["courier"])

    def promise(self, **terms: object) -> str:
        order = self.people.order()
        self.agent.assign(order, self.courier.actor, stop=11)
        return str(self.agent.promise("redelivery", order_id=order, **terms)["id"])

    def told(self) -> dict[str, list[str]]:
        """What each has been told so far, without links."""
        return {who: [text.rpartition(" http")[0] for text in inbox.texts] for who, inbox in self.inboxes.items()}


@pytest.fixture
def company(people: People) -> Iterator[Company]:
    with Inbox() as courier, Inbox() as agent, Inbox() as supervisor, Inbox() as manager:
        yield Company(people, courier=courier, agent=agent, supervisor=supervisor, manager=manager)


NEW, NAG = "Stop 11: new promise", "Stop 11: please confirm"
UNCONFIRMED = "In danger: not confirmed"


def test_a_missed_receipt_climbs_step_by_step(company: Company) -> None:
    agent = company.agent
    company.promise()
    company.inboxes["courier"].wait(1)

    agent.later(minutes=60)
    agent.later(minutes=1)
    company.inboxes["courier"].wait(2)
    assert company.told() == {"courier": [NEW, NAG], "agent": [], "supervisor": [], "manager": []}

    agent.later(minutes=14)
    company.inboxes["agent"].wait(1)
    assert company.told() == {"courier": [NEW, NAG], "agent": [UNCONFIRMED], "supervisor": [], "manager": []}

    agent.later(minutes=45)
    company.inboxes["supervisor"].wait(1)
    agent.later(hours=3)
    company.inboxes["manager"].wait(1)

    agent.later(hours=5)
    assert company.told() == {
        "courier": [NEW, NAG],
        "agent": [UNCONFIRMED],
        "supervisor": [UNCONFIRMED],
        "manager": [UNCONFIRMED],
    }


def test_who_is_asked_is_led_to_where_it_can_be_mended(company: Company) -> None:
    company.promise()
    company.agent.later(minutes=76)
    company.inboxes["agent"].wait(1)
    company.agent.later(minutes=45)
    company.inboxes["supervisor"].wait(1)

    here = company.agent.client.base_url
    assert company.inboxes["agent"].texts[0].endswith(f" {here}/desk")
    assert company.inboxes["supervisor"].texts[0].endswith(f" {here}/board")


def test_the_climb_ends_with_the_receipt(company: Company) -> None:
    id = company.promise()
    company.agent.later(minutes=76)
    company.inboxes["agent"].wait(1)

    company.courier.receipt(id)
    company.agent.later(hours=8)

    assert company.told()["supervisor"] == []


def test_after_downtime_only_the_highest_step_is_told(company: Company) -> None:
    company.promise()
    company.inboxes["courier"].wait(1)

    company.agent.later(hours=2, minutes=30)
    company.inboxes["supervisor"].wait(1)
    company.agent.later(minutes=5)

    told = company.told()
    assert (told["agent"], told["supervisor"], told["manager"]) == ([], [UNCONFIRMED], [])


def test_a_decline_goes_to_the_maker_at_once_with_the_time_left_to_tell_the_customer(company: Company) -> None:
    id = company.promise(due=company.agent.due(hours=3, seconds=30))

    company.courier.receipt(id, "declined", reason="the van is full")

    company.inboxes["agent"].wait(1)
    assert company.told()["agent"] == ["In danger: declined, 3h left"]


def test_whoever_is_asked_too_often_or_moved_too_often_is_the_supervisors_matter_at_once(company: Company) -> None:
    id = company.promise()

    for _ in range(3):
        company.agent.command(id, "contacts", {"channel": "phone"})

    company.inboxes["supervisor"].wait(1)
    assert company.told()["supervisor"] == ["In danger: customer keeps asking"]


def test_who_is_off_duty_is_passed_over_and_told_when_he_begins(people: People) -> None:
    with Inbox() as courier, Inbox() as agent, Inbox() as supervisor:
        boss = people.person("chief", supervisor.channel())
        begins = people.person("chief", id="clock").now
        hours = _hours(begins.hour * 60 + begins.minute + 240, 240)
        ling = people.person("agent", agent.channel(), reports_to=boss.actor, on_duty=hours, time_zone="UTC")
        li, order = people.person("courier", courier.channel()), people.order()
        ling.assign(order, li.actor)
        ling.promise("redelivery", order_id=order, due=ling.due(hours=3))

        ling.later(hours=1)
        ling.later(minutes=16)
        supervisor.wait(1)
        assert agent.texts == []

        ling.later(hours=1, minutes=44)
        supervisor.wait(2)
        assert agent.texts == []
        ling.later(hours=1)

        agent.wait(1)


def _hours(begins: int, long: int) -> str:
    begins, ends = begins % 1440, (begins + long) % 1440
    return f"{begins // 60:02}:{begins % 60:02}-{ends // 60:02}:{ends % 60:02}"


def test_a_new_recipient_starts_the_ladder_anew(company: Company, people: People) -> None:
    with Inbox() as inbox:
        bo = people.person("courier", inbox.channel(), id="bo")
        id = company.promise()
        company.agent.later(minutes=76)
        company.inboxes["agent"].wait(1)
        company.agent.put(f"/v1/commitments/{id}/assignment", {"role": "courier", "recipient": bo.actor})
        inbox.wait(1)
        company.agent.later(minutes=61)
        inbox.wait(2)
        company.agent.later(minutes=15)

        company.inboxes["agent"].wait(2)
        assert company.told()["supervisor"] == []


def test_who_has_it_is_reminded_before_it_is_due(company: Company) -> None:
    id = company.promise(due=company.agent.due(hours=6))
    company.inboxes["courier"].wait(1)
    company.courier.receipt(id)

    company.agent.later(hours=4, minutes=59)
    assert company.told()["courier"] == [NEW]
    company.agent.later(minutes=1)

    company.inboxes["courier"].wait(2)
    assert company.told()["courier"][1] == "Stop 11: due in 1h"


def test_whoever_takes_it_pauses_the_climb_for_all(company: Company) -> None:
    id = company.promise()
    company.agent.later(minutes=76)
    company.inboxes["agent"].wait(1)

    company.supervisor.command(id, "escalations", {"action": "taken", "note": "I call him"})
    company.agent.later(minutes=50)

    assert company.told()["supervisor"] == []


def test_what_is_raised_goes_up_at_once(company: Company) -> None:
    id = company.promise()

    company.agent.command(id, "escalations", {"action": "raised"})
    company.agent.command(id, "escalations", {"action": "raised"})

    company.inboxes["supervisor"].wait(1)
    assert company.told()["supervisor"] == ["In danger: raised to you"]


def test_a_nag_reaches_the_keeper_and_nobody_else(company: Company) -> None:
    id = company.promise()
    company.inboxes["courier"].wait(1)

    company.supervisor.command(id, "escalations", {"action": "nagged"})
    company.agent.later(minutes=1)

    company.inboxes["courier"].wait(2)
    assert company.told() == {"courier": [NEW, NAG], "agent": [], "supervisor": [], "manager": []}


@pytest.mark.parametrize("boss", ["supervisor:who-is-not-there", None])
def test_where_nobody_can_be_asked_all_supervisors_are(people: People, boss: str | None) -> None:
    with Inbox() as courier, Inbox() as supervisor:
        wang = people.person("supervisor", supervisor.channel(), id="wang")
        ling = people.person("agent", reports_to=boss or people.person("supervisor", id="mute").actor)
        li, order = people.person("courier", courier.channel()), people.order()
        ling.assign(order, li.actor)
        ling.promise("redelivery", order_id=order)

        for minutes in (61, 60):
            ling.later(minutes=minutes)

        supervisor.wait(1)
        wang.delete(f"/v1/people/{wang.actor}")


def test_a_broken_promise_goes_to_the_maker_then_up(company: Company, everybody: Api) -> None:
    id = company.promise(due=company.agent.due(hours=2))
    company.courier.receipt(id)

    company.agent.later(hours=2)
    company.inboxes["agent"].wait(1)
    company.agent.later(hours=1)

    company.inboxes["supervisor"].wait(1)
    assert company.told()["agent"] == ["In danger: overdue"]
    assert everybody.commitment(id)["escalation_level"] == 2

"""The cable, told by messages alone: whoever must bring it hears of it, and it climbs until he says that he has it."""

import time

from api.stories.cable import CABLE
from tests.messages.receivers import eventually
from tests.messages.test_ladder import Company, company

__all__ = ["company"]

PROMISE = next(str(step.body["promise"]) for step in CABLE.steps if step.name == "cable")


def test_the_keeper_the_maker_and_the_supervisor_hear_of_it_and_nobody_twice(company: Company) -> None:
    agent, courier, order = company.agent, company.courier, company.people.order()
    agent.assign(order, courier.actor, stop=7, departs_at=agent.at(hours=-4))
    began = time.monotonic()
    cable = agent.promise(
        "free_item",
        order_id=order,
        promise=PROMISE,
        path=["courier"],
        due=agent.due(hours=30),
        conversation="call-3301",
    )
    assert "already_departed" in cable["warnings"]

    company.inboxes["courier"].wait(1)
    assert company.inboxes["courier"].times[0] - began < 10, (
        "the keeper is told when it is promised, and not when it is to be confirmed"
    )
    agent.later(minutes=60)
    assert agent.flag(cable["id"]) == "not_received"
    agent.later(minutes=1)
    company.inboxes["courier"].wait(2)
    agent.later(minutes=14)
    company.inboxes["agent"].wait(1)
    agent.later(minutes=45)
    company.inboxes["supervisor"].wait(1)
    assert agent.commitment(cable["id"])["escalation_level"] == 2

    courier.receipt(cable["id"], "held", via="scan")
    assert agent.flag(cable["id"]) is None
    assert agent.commitment(cable["id"])["escalation_level"] == 0
    agent.later(hours=8)

    assert company.told() == {
        "courier": ["Stop 7: new promise", "Stop 7: please confirm"],
        "agent": ["In danger: not confirmed"],
        "supervisor": ["In danger: not confirmed"],
        "manager": [],
    }
    ids = [id for inbox in company.inboxes.values() for id in inbox.ids]
    assert len(set(ids)) == len(ids) == 4, "nothing was sent twice"
    eventually(lambda: agent.end_of_the_log() > 0 and agent.told(cable["id"]).count("HandoffSent") == 4)

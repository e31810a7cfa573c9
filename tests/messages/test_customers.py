"""A customer is told what becomes of the word that was given: once, by day, and only what the kind tells of."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import httpx

from tests.api.serving import Api
from tests.messages.conftest import People
from tests.messages.receivers import Inbox, eventually


def informed(agent: Api, id: str) -> int:
    assert agent.end_of_the_log()
    return agent.told(id).count("CustomerInformed")


def test_a_customer_hears_that_it_moved_and_that_it_was_kept(people: People, inbox: Inbox) -> None:
    agent, customer = people.person("agent"), people.customer(inbox.channel())
    made = agent.promise("refund", customer_id=customer, promise="39.00 back by Friday", due=agent.due(hours=30))
    agent.later(minutes=2)
    assert inbox.texts == [], "that it was made he knows"

    agent.command(made["id"], "amendments", {"due": agent.due(hours=40), "reason": "the bank is closed"})
    agent.later(minutes=1)
    (moved,) = inbox.wait(1)
    agent.command(made["id"], "fulfilment", {})
    agent.later(minutes=1)
    (_, kept) = inbox.wait(2)

    assert "Our promise to you has changed: “39.00 back by Friday”" in moved
    assert "Our promise to you is kept: “39.00 back by Friday”" in kept
    eventually(lambda: informed(agent, made["id"]) == 2)


def test_the_link_in_it_opens_that_promise(people: People, inbox: Inbox) -> None:
    agent, customer = people.person("agent"), people.customer(inbox.channel(), locale="zh-CN")
    made = agent.promise("refund", customer_id=customer, promise="三个工作日内退款", due=agent.due(hours=30))
    agent.command(made["id"], "fulfilment", {})
    agent.later(minutes=1)

    (text,) = inbox.wait(1)

    assert "我们对您的承诺已兑现：“三个工作日内退款”" in text
    link = next(word for word in text.replace("：", " ").split() if word.startswith("http"))
    page = httpx.get(link, headers={"Accept": "application/json"}, trust_env=False, timeout=30)
    assert page.json()["promise"] == "三个工作日内退款"


def test_a_broken_promise_is_told_by_day(people: People, inbox: Inbox) -> None:
    agent, customer = people.person("agent"), people.customer(inbox.channel())
    # Midnight in Shanghai, where it is due.
    midnight = {"date": agent.now.date().isoformat()}
    agent.promise("refund", customer_id=customer, due=midnight, time_zone="Asia/Shanghai")
    ends = datetime.combine(agent.now.date() + timedelta(days=1), time(), ZoneInfo("Asia/Shanghai"))
    agent.move_clock(ends.astimezone(UTC) + timedelta(minutes=6))
    agent.later(hours=7)
    assert inbox.texts == []
    agent.later(hours=1)

    assert "We have not kept our promise to you" in inbox.wait(1)[0]


def test_several_things_of_one_customer_are_one_message(people: People, inbox: Inbox) -> None:
    agent, customer = people.person("agent"), people.customer(inbox.channel())
    made = [agent.promise("refund", customer_id=customer, due=agent.due(hours=30))["id"] for _ in range(3)]
    for id in made:
        agent.command(id, "fulfilment", {})

    agent.later(minutes=1)

    (text,) = inbox.wait(1)
    assert text.count("is kept") == 3
    for id in made:
        eventually(lambda id=id: informed(agent, id) == 1)  # type: ignore[misc]


def test_what_was_moved_and_moved_back_in_time_is_told_to_nobody(people: People, inbox: Inbox) -> None:
    agent, customer = people.person("agent"), people.customer(inbox.channel())
    made = agent.promise("refund", customer_id=customer, due=agent.due(hours=30))
    for due in (agent.due(hours=40), agent.due(hours=30)):
        agent.command(made["id"], "amendments", {"due": due, "reason": "A slip"})

    agent.later(minutes=5)

    assert inbox.texts == []


def test_a_wrong_tap_that_is_taken_back_in_time_is_told_to_nobody(people: People, inbox: Inbox) -> None:
    agent, customer = people.person("agent"), people.customer(inbox.channel())
    made = agent.promise("refund", customer_id=customer, due=agent.due(hours=30))
    agent.command(made["id"], "fulfilment", {})
    agent.command(made["id"], "reopening", {"reason": "mistaken"})

    agent.later(minutes=5)

    assert inbox.texts == []


def test_a_notice_informs_each_customer_once_of_all_his_promises(people: People, inbox: Inbox, everybody: Api) -> None:
    agent, first, second = (
        people.person("agent"),
        people.customer(inbox.channel("1")),
        people.customer(inbox.channel("2")),
    )
    unreached = people.customer()
    order = people.order()
    for customer in (first, first, second, unreached):
        agent.promise("redelivery", customer_id=customer, order_id=order)
    body = {"where": {"order_id": order}, "due": {"shift": {"amount": 1, "unit": "days"}}, "reason": "snow"}

    begun = everybody.post("/v1/amendments", body | {"inform_customers": True}).json()
    eventually(lambda: everybody.get(f"/v1/jobs/{begun['job']}")["state"] == "done")

    texts = inbox.wait(2)
    assert sorted(text.count("has changed") for text in texts) == [1, 2]
    job = everybody.get(f"/v1/jobs/{begun['job']}")
    assert (job["done"], job["not_informed"], job["skipped"]) == (4, 1, [])
    everybody.later(minutes=5)
    assert len(inbox.texts) == 2


def test_a_notice_that_says_nothing_of_customers_tells_none(people: People, inbox: Inbox, everybody: Api) -> None:
    agent, customer, order = people.person("agent"), people.customer(inbox.channel()), people.order()
    agent.promise("redelivery", customer_id=customer, order_id=order)
    body = {"where": {"order_id": order}, "due": {"shift": {"amount": 1, "unit": "days"}}, "reason": "snow"}

    begun = everybody.post("/v1/amendments", body).json()
    eventually(lambda: everybody.get(f"/v1/jobs/{begun['job']}")["state"] == "done")
    everybody.later(minutes=5)

    assert inbox.texts == []

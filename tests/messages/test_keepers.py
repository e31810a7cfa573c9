"""Whoever must keep a promise is told of it, on a channel that he reads, and asked again where he does not answer."""

import re
from datetime import timedelta

from tests.api.serving import Api, instant
from tests.messages.conftest import People
from tests.messages.receivers import Inbox, Mailbox, eventually


def outcomes(agent: Api, id: str) -> list[tuple[str, str]]:
    """What left for whom, and what did not."""
    kinds = ("HandoffSent", "HandoffFailed")
    return [(e["type"], e["data"]["recipient"]) for e in agent.history(commitment_id=id) if e["type"] in kinds]


def all_is_decided(agent: Api) -> bool:
    """Whether of all that was recorded it is decided who is told of it."""
    standing = agent.client.get("/readyz", params={"verbose": ""}).json()["standing"]
    return any(row["name"] == "telling" and row["lag_events"] == 0 for row in standing)


def sent_to(agent: Api, id: str, recipient: str, count: int = 1) -> None:
    """Until it is recorded that messages left for somebody."""
    eventually(lambda: agent.end_of_the_log() > 0 and outcomes(agent, id).count(("HandoffSent", recipient)) >= count)


def test_the_keeper_is_told_as_soon_as_he_is_named(people: People, inbox: Inbox) -> None:
    agent, courier, order = people.person("agent"), people.person("courier", inbox.channel()), people.order()
    agent.assign(order, courier.actor, stop=11)
    made = agent.promise("redelivery", order_id=order)

    (text,) = inbox.wait(1)

    assert re.fullmatch(r"Stop 11: new promise http://127\.0\.0\.1:\d+/\S*", text)
    assert len(text) <= 70
    sent_to(agent, made["id"], courier.actor)
    assert agent.commitment(made["id"])["handoffs"][0]["state"] == "sent"
    assert agent.commitment(made["id"])["handoffs"][0]["received"] is False


def test_sent_says_by_which_channel_and_hides_its_secret(people: People, inbox: Inbox) -> None:
    agent, order = people.person("agent"), people.order()
    courier = people.person("courier", inbox.channel("a-secret-path"))
    agent.assign(order, courier.actor)
    made = agent.promise("redelivery", order_id=order)
    sent_to(agent, made["id"], courier.actor)

    (sent,) = [event for event in agent.history(commitment_id=made["id"]) if event["type"] == "HandoffSent"]

    assert sent["data"]["channel"].startswith("json://127.0.0.1")
    assert "a-secret-path" not in str(sent)


def test_in_full_it_has_the_words_of_the_customer_and_the_times_of_the_keeper(people: People, inbox: Inbox) -> None:
    agent, order = people.person("agent"), people.order()
    courier = people.person("courier", inbox.channel(), content="full", time_zone="Europe/Sofia", locale="bg")
    agent.assign(order, courier.actor, stop=4)
    at_four = (agent.now + timedelta(days=3)).replace(hour=16, minute=0, second=0, microsecond=0)
    agent.promise("free_item", order_id=order, promise="随货赠送高清线一根", due={"at": instant(at_four)})

    (text,) = inbox.wait(1)

    assert "Спирка 4: ново обещание" in text
    assert "„随货赠送高清线一根“" in text
    assert "18:00" in text, "what is 16:00 in Greenwich is 18:00 in Sofia"
    assert f"Поръчка {order}" in text


def test_a_mail_carries_the_id_by_which_a_repeat_is_recognised(people: People, mailbox: Mailbox) -> None:
    agent, order = people.person("agent"), people.order()
    courier = people.person("courier", mailbox.channel("li@example.com"))
    agent.assign(order, courier.actor)
    made = agent.promise("redelivery", order_id=order)

    eventually(lambda: len(mailbox.got) == 1)

    assert re.fullmatch(r"[0-9a-f-]{36}", str(mailbox.got[0]["Upheld-Message"]))
    sent_to(agent, made["id"], courier.actor)


def test_a_gateway_that_sends_approved_texts_only_gets_what_it_needs(people: People, inbox: Inbox) -> None:
    agent, order = people.person("agent"), people.order()
    courier = people.person("courier", inbox.channel(), locale="zh-CN")
    agent.assign(order, courier.actor, stop=2)
    agent.promise("redelivery", order_id=order)

    inbox.wait(1)

    message = inbox.got[0]
    assert (message["template"], message["template_id"], message["stop"]) == ("assigned.zh-CN", "SMS_7001", "2")
    assert message["message_id"] == inbox.ids[0]


def test_ordinary_deliveries_make_no_noise(people: People, inbox: Inbox) -> None:
    agent, courier, order = people.person("agent"), people.person("courier", inbox.channel()), people.order()
    agent.assign(order, courier.actor)
    agent.promise("delivery", order_id=order)
    agent.promise("redelivery", order_id=order)

    texts = inbox.wait(1)
    agent.later(minutes=5)

    assert len(texts) == 1


def test_who_made_the_promise_himself_needs_no_message(people: People, inbox: Inbox) -> None:
    agent = people.person("agent", inbox.channel())
    agent.promise("callback", due=agent.due(minutes=20))
    agent.promise("callback", due=agent.due(hours=4))

    agent.later(hours=3, minutes=1)

    assert inbox.wait(1) == inbox.texts
    assert len(inbox.texts) == 1
    assert "Due in 59m" in inbox.texts[0], "only of what falls due soon he is reminded"


def test_ten_promises_in_a_minute_are_two_messages_and_ten_flags_are_one(people: People, inbox: Inbox) -> None:
    agent, courier, order = people.person("agent"), people.person("courier", inbox.channel()), people.order()
    agent.assign(order, courier.actor)
    agent.promise("redelivery", order_id=order)
    inbox.wait(1)
    for _ in range(9):
        agent.promise("redelivery", order_id=order)
    eventually(lambda: all_is_decided(agent))
    agent.later(minutes=1)
    (_, rest) = inbox.wait(2)
    assert "9 promises need you" in rest

    agent.later(minutes=59)
    agent.later(minutes=1)

    assert "10 promises need you" in inbox.wait(3)[2]
    agent.later(minutes=5)
    assert len(inbox.texts) == 3


def test_what_was_received_meanwhile_is_asked_for_no_more(people: People, inbox: Inbox) -> None:
    agent, courier, order = people.person("agent"), people.person("courier", inbox.channel()), people.order()
    agent.assign(order, courier.actor)
    first = agent.promise("redelivery", order_id=order)
    inbox.wait(1)
    second = agent.promise("redelivery", order_id=order)
    for made in (first, second):
        courier.receipt(made["id"])

    agent.later(hours=2)

    assert len(inbox.texts) == 1


def test_a_changed_promise_is_told_anew_and_a_withdrawn_one_to_whoever_knew_of_it(people: People, inbox: Inbox) -> None:
    agent, courier, order = people.person("agent"), people.person("courier", inbox.channel()), people.order()
    agent.assign(order, courier.actor, stop=3)
    made = agent.promise("redelivery", order_id=order)
    inbox.wait(1)
    courier.receipt(made["id"])
    agent.later(minutes=2)

    agent.command(made["id"], "amendments", {"promise": "It comes by three", "reason": "snow"})
    assert "Stop 3: promise changed" in inbox.wait(2)[1]
    courier.receipt(made["id"], revision=2)
    agent.later(minutes=2)
    agent.command(made["id"], "withdrawal", {"reason": "not needed", "cause": "agreed"})

    assert "Stop 3: withdrawn" in inbox.wait(3)[2]


def test_whoever_knew_of_it_hears_that_another_one_has_it(people: People, inbox: Inbox) -> None:
    agent, order = people.person("agent"), people.order()
    li, bo = people.person("courier", inbox.channel(), id="li"), people.person("courier", id="bo")
    agent.assign(order, li.actor, stop=3)
    made = agent.promise("redelivery", order_id=order)
    inbox.wait(1)
    li.receipt(made["id"])
    agent.later(minutes=2)

    agent.assign(order, bo.actor, stop=1)

    assert "no longer yours" in inbox.wait(2)[1]


def test_a_team_without_a_channel_of_its_own_is_told_by_telling_its_members(people: People, inbox: Inbox) -> None:
    team = f"team:north-{people.order().lower()}"
    agent, order = people.person("agent"), people.order()
    li = people.person("courier", inbox.channel("li"), id="li", team=team)
    bo = people.person("courier", inbox.channel("bo"), id="bo", team=team)
    agent.assign(order, team)
    made = agent.promise("redelivery", order_id=order)

    inbox.wait(2)

    sent_to(agent, made["id"], li.actor)
    sent_to(agent, made["id"], bo.actor)
    assert agent.commitment(made["id"])["handoffs"][0]["state"] == "sent"


def test_who_is_off_duty_hears_of_it_when_he_begins(people: People, inbox: Inbox) -> None:
    agent, order = people.person("agent"), people.order()
    courier = people.person("courier", inbox.channel(), time_zone="UTC", on_duty=_an_hour_from(agent))
    agent.assign(order, courier.actor)
    made = agent.promise("redelivery", order_id=order, due=agent.due(days=2))

    agent.later(minutes=55)
    assert inbox.texts == []
    agent.later(minutes=6)

    inbox.wait(1)
    sent_to(agent, made["id"], courier.actor)


def test_what_cannot_wait_for_the_morning_does_not(people: People, inbox: Inbox) -> None:
    agent, order = people.person("agent"), people.order()
    courier = people.person("courier", inbox.channel(), time_zone="UTC", on_duty=_an_hour_from(agent))
    agent.assign(order, courier.actor)
    agent.promise("redelivery", order_id=order, due=agent.due(minutes=40))

    inbox.wait(1)


def _an_hour_from(agent: Api) -> str:
    """Hours of duty that begin in an hour, by the clock of the test."""
    begins = (agent.now.hour * 60 + agent.now.minute + 60) % 1440
    ends = (begins + 120) % 1440
    return f"{begins // 60:02}:{begins % 60:02}-{ends // 60:02}:{ends % 60:02}"

"""A phone whose browser asked for messages gets them, too; it is nobody's only channel, and is forgotten once gone."""

import base64
import json

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.api.serving import Api
from tests.messages.conftest import People
from tests.messages.receivers import Inbox, eventually
from tests.messages.test_keepers import outcomes
from tests.policies.push_service import Browser, PushService


def listening(person: Api, browser: Browser, service: PushService, path: str = "/s/1") -> None:
    """A browser of this person subscribes."""
    point = browser.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {"p256dh": _plain(point), "auth": _plain(browser.auth)}
    answer = person.post(
        f"/v1/people/{person.actor}/push-subscriptions",
        {"endpoint": service.url + path, "expirationTime": None, "keys": keys},
    )
    assert answer.status_code == 201, answer.text


def _plain(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_the_phone_gets_it_until_the_receipt_is_due_beside_the_channel(people: People, inbox: Inbox) -> None:
    agent, courier, order = people.person("agent"), people.person("courier", inbox.channel()), people.order()
    with PushService() as service:
        browser = Browser()
        listening(courier, browser, service)
        agent.assign(order, courier.actor, stop=7)
        made = agent.promise("redelivery", order_id=order)

        eventually(lambda: len(service.pushed) == 1)
        inbox.wait(1)
        sent = ("HandoffSent", courier.actor)
        eventually(lambda: agent.end_of_the_log() > 0 and outcomes(agent, made["id"]) == [sent, sent])

    (pushed,) = service.pushed
    shown = json.loads(browser.open(pushed))
    assert (shown["body"], shown["id"]) == ("Stop 7: new promise", inbox.ids[0])
    assert shown["url"] == f"{agent.client.base_url}/courier#c-{made['id']}"
    assert (shown["commitments"], shown["order_id"]) == ([made["id"]], order)
    assert "/k/" in inbox.texts[0]
    assert (pushed.headers["ttl"], pushed.headers["urgency"]) == ("3600", "high")


def test_a_browser_that_is_gone_is_forgotten_and_the_channel_is_used_all_the_same(people: People, inbox: Inbox) -> None:
    agent, courier, order = people.person("agent"), people.person("courier", inbox.channel()), people.order()
    with PushService() as service:
        service.answers["/s/1"] = 410
        listening(courier, Browser(), service)
        agent.assign(order, courier.actor)
        agent.promise("redelivery", order_id=order)
        eventually(lambda: len(service.pushed) == 1)
        inbox.wait(1)
        path = f"/v1/people/{courier.actor}/push-subscriptions"
        eventually(lambda: agent.delete(path, endpoint=f"{service.url}/s/1").status_code == 404)


def test_a_push_service_that_refuses_is_tried_again_and_then_recorded(people: People, inbox: Inbox) -> None:
    agent, courier, order = people.person("agent"), people.person("courier", inbox.channel()), people.order()
    with PushService() as service:
        service.answers["/s/1"] = 500
        listening(courier, Browser(), service)
        agent.assign(order, courier.actor)
        made = agent.promise("redelivery", order_id=order)

        both = [("HandoffFailed", courier.actor), ("HandoffSent", courier.actor)]
        eventually(lambda: agent.end_of_the_log() > 0 and sorted(outcomes(agent, made["id"])) == both)
    assert len(service.pushed) == 3

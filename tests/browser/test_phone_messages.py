"""A message that comes while nobody looks is shown, says that the promise has arrived, and confirms nothing."""

import base64
import json
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.api.serving import Api
from tests.browser.phone import Office, Phone, Phones
from tests.messages.receivers import eventually
from tests.policies.push_service import Browser as Keys
from tests.policies.push_service import PushService


@pytest.fixture
def service() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.fixture
def phone(phones: Phones, office: Office) -> Phone:
    return phones(permissions=["notifications"]).enter(office.courier)


def listen(courier: Api, keys: Keys, service: PushService) -> None:
    """As the page has it done by the browser, which on this machine knows no push service: somebody listens for him."""
    person = {"name": "Li", "locale": "en", "time_zone": "Asia/Shanghai", "channels": []}
    assert courier.put(f"/v1/people/{courier.actor}", person).status_code == 200
    point = keys.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    plain = {"p256dh": _plain(point), "auth": _plain(keys.auth)}
    answer = courier.post(
        f"/v1/people/{courier.actor}/push-subscriptions", {"endpoint": f"{service.url}/s/1", "keys": plain}
    )
    assert answer.status_code == 201, answer.text


def _plain(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def deliver(phone: Phone, message: bytes) -> None:
    """Hand a message to the page's worker, as the browser does when its push service has one."""
    devtools, registered = phone.devtools(), []
    devtools.on("ServiceWorker.workerRegistrationUpdated", lambda event: registered.extend(event["registrations"]))
    devtools.send("ServiceWorker.enable")
    while not registered:
        phone.page.wait_for_timeout(10)
    ours = {"origin": phone.url, "registrationId": registered[0]["registrationId"]}
    devtools.send("ServiceWorker.deliverPushMessage", {**ours, "data": message.decode()})


def test_a_message_is_shown_says_that_the_promise_has_arrived_and_leads_to_it_without_confirming_it(
    phone: Phone, office: Office, service: PushService
) -> None:
    keys, order = Keys(), office.order()
    listen(office.agent.by(office.courier), keys, service)
    # A page of the same server that is not his: the worker is alone.
    phone.page.goto(f"{phone.url}/livez")
    id = office.promise(order_id=order)
    eventually(lambda: len(service.pushed) == 1)
    message = json.loads(keys.open(service.pushed[0]))
    assert message.keys() >= {"id", "title", "body"}
    assert "HandoffDelivered" not in office.told(id)
    deliver(phone, json.dumps({**message, "url": f"/courier#c-{id}"}).encode())

    eventually(lambda: "HandoffDelivered" in office.told(id))
    (worker,) = phone.context.service_workers
    assert worker.evaluate(_SHOWN) == [[message["title"], message["body"]]]
    phone.visit("#more")
    assert not {"HandoffSeen", "HandoffAcknowledged"} & set(office.told(id))
    worker.evaluate(_CLICK)
    phone.page.get_by_role("button", name="I know").wait_for()
    assert phone.page.url.endswith(f"#c-{id}")
    eventually(lambda: "HandoffSeen" in office.told(id))
    assert worker.evaluate(_SHOWN) == []


_SHOWN = "registration.getNotifications().then(all => all.map(one => [one.title, one.body]))"

# No program can press a notification: the event is the worker's own, only that it must not be extended.
_CLICK = """async () => {
  const [notification] = await registration.getNotifications();
  const event = new NotificationEvent("notificationclick", {notification});
  event.waitUntil = work => work.catch(() => undefined);
  dispatchEvent(event);
}"""

"""Browsers that ask for messages: subscribing, and leaving (contract, section 8)."""

from typing import Any

import pytest

from tests.api.serving import BROWSER_KEYS, Api, refused

POINT = BROWSER_KEYS["p256dh"]


@pytest.fixture
def path(courier: Api) -> str:
    return f"/v1/people/{courier.actor}/push-subscriptions"


def subscription(courier: Api, **more: Any) -> dict[str, Any]:
    endpoint = f"https://push.example/{courier.actor}"
    return {"endpoint": endpoint, "expirationTime": None, "keys": BROWSER_KEYS} | more


def test_a_browser_subscribes_once_and_leaves(courier: Api, path: str) -> None:
    body = subscription(courier)
    for _ in range(2):
        answer = courier.post(path, body)
        assert (answer.status_code, answer.json()["subscriptions"]) == (201, 1)
    more = subscription(courier, endpoint="https://push.example:8443/s?x=1", expirationTime=1_900_000_000_000)
    assert courier.post(path, more).json()["subscriptions"] == 2

    assert courier.request("DELETE", path, {"endpoint": body["endpoint"]}).status_code == 204
    refused(courier.request("DELETE", path, {"endpoint": body["endpoint"]}), 404, "not_found")
    assert courier.delete(path, endpoint=more["endpoint"]).status_code == 204
    refused(courier.delete(path, endpoint=more["endpoint"]), 404, "not_found")


def test_who_is_deleted_is_told_nothing_any_more(courier: Api, supervisor: Api, path: str) -> None:
    supervisor.put(f"/v1/people/{courier.actor}", {"name": "Li"})
    courier.post(path, subscription(courier))
    supervisor.delete(f"/v1/people/{courier.actor}")

    refused(courier.delete(path, endpoint=subscription(courier)["endpoint"]), 404)


def test_a_browser_alone_makes_nobody_reachable(courier: Api, supervisor: Api, path: str) -> None:
    supervisor.put(f"/v1/people/{courier.actor}", {"name": "Li"})
    courier.post(path, subscription(courier))
    unreachable = supervisor.get("/v1/people", unreachable="true", limit=500)["items"]

    assert courier.actor in [person["actor"] for person in unreachable]


def test_the_key_to_subscribe_with_stays_the_same(courier: Api) -> None:
    first, second = (courier.get("/v1/push-key") for _ in range(2))
    assert first == second
    assert len(first["public_key"]) == 87


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"endpoint": "http://push.example/s"}, "/endpoint"),
        ({"endpoint": "https://user:secret@push.example/s"}, "/endpoint"),
        ({"endpoint": "https:///s"}, "/endpoint"),
        ({"endpoint": "https://push.example:0/s"}, "/endpoint"),
        ({"endpoint": "https://push.example:99999/s"}, "/endpoint"),
        ({"endpoint": "https://push.example/s#part"}, "/endpoint"),
        ({"endpoint": "https://пуш.example/s"}, "/endpoint"),
        ({"endpoint": "ftp://push.example/s"}, "/endpoint"),
        ({"endpoint": "https://push.example/" + "s" * 2000}, "/endpoint"),
        ({"endpoint": None}, "/endpoint"),
        ({"expirationTime": "soon"}, "/expirationTime"),
        ({"expirationTime": True}, "/expirationTime"),
        ({"expirationTime": -1}, "/expirationTime"),
        ({"expirationTime": 1e300}, "/expirationTime"),
        ({"keys": {**BROWSER_KEYS, "p256dh": POINT[:-4] + "AAAA"}}, "/keys/p256dh"),
        ({"keys": {**BROWSER_KEYS, "p256dh": "!"}}, "/keys/p256dh"),
        ({"keys": {**BROWSER_KEYS, "auth": "AAAA"}}, "/keys/auth"),
        ({"keys": {**BROWSER_KEYS, "more": "AAAA"}}, "/keys/more"),
        ({"keys": {"p256dh": POINT}}, "/keys/auth"),
        ({"expires": 1}, "/expires"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_what_no_browser_says_is_refused(courier: Api, path: str, change: dict[str, Any], pointer: str) -> None:
    refused(courier.post(path, subscription(courier, **change)), 422, "invalid", pointer)


@pytest.mark.parametrize("actor", ["team:courier", "pilot:li", "li"])
def test_who_is_not_one_person_does_not_listen(courier: Api, actor: str) -> None:
    refused(courier.post(f"/v1/people/{actor}/push-subscriptions", subscription(courier)), 422, "invalid")


def test_a_browser_that_leaves_is_named_once(courier: Api, path: str) -> None:
    refused(courier.delete(path), 422, "invalid", "/endpoint")
    answer = courier.request("DELETE", path, {"endpoint": "https://push.example/a"}, endpoint="https://push.example/b")
    refused(answer, 422, "invalid", "/endpoint")

"""Erasing at the HTTP face: what is answered, and that nobody is shown a word any more, wherever he looks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Serve
from tests.api.serving import Api, Serving, instant, refused
from tests.api.streams import Open, opening

WORDS = ("XLR cable", "Petrova", "12 Long Street", "call-8871", "blue door", "whatsapp")


@pytest.fixture
def admin(everybody: Api) -> Api:
    return everybody.by("admin:root")


@pytest.fixture
def customer(order: str) -> str:
    """A customer whom no other test knows."""
    return f"CU-{order}"


@pytest.fixture
def cable(agent: Api, courier: Api, order: str, customer: str) -> dict[str, Any]:
    """A promise that a courier carries to her door, and what was said of it."""
    agent.by("supervisor:wang").assign(order, courier.actor, address="12 Long Street", stop=3)
    made = agent.promise(
        order_id=order,
        promise="An XLR cable for Mrs Petrova",
        customer_id=customer,
        channel="whatsapp",
        conversation="call-8871",
    )
    agent.command(made["id"], "contacts", {"channel": "whatsapp", "note": "the blue door"})
    return made


def erase(admin: Api, customer: str) -> dict[str, Any]:
    answer = admin.delete(f"/v1/customers/{customer}")
    assert answer.status_code == 202, answer.text
    assert answer.headers["Upheld-Position"] == str(answer.json()["position"])
    return dict(answer.json())


def test_erasing_is_answered_with_what_was_erased_and_asked_again_with_nothing_more(
    admin: Api, cable: dict[str, Any], customer: str
) -> None:
    first = erase(admin, customer)
    again = erase(admin, customer)

    assert first == {"customer_id": customer, "streams": 2, "position": first["position"], "still_open": 1}
    assert again == {"customer_id": customer, "streams": 0, "position": first["position"], "still_open": 0}
    (told,) = admin.history(customer_id=customer, type="CustomerErased")
    assert (told["position"], told["commitment_id"], told["actor"]) == (first["position"], None, "admin:root")
    assert admin.by("agent:ling").promise(customer_id=customer, promise="A new one")["promise"] == "A new one"


def test_of_a_customer_nobody_ever_heard_of_nothing_is_erased_or_held(admin: Api, customer: str) -> None:
    refused(admin.delete(f"/v1/customers/{customer}"), 404, "not_found")
    refused(admin.put(f"/v1/customers/{customer}/hold", {"reason": "a lawsuit"}), 404, "not_found")
    assert admin.put(f"/v1/customers/{customer}/contact", {"locale": "en", "channels": []}).status_code == 200
    assert erase(admin, customer)["streams"] == 0
    refused(admin.request("GET", f"/v1/customers/{customer}/contact"), 404, "not_found")
    assert erase(admin, customer)["position"]


def test_while_a_hold_stands_nothing_is_erased(admin: Api, cable: dict[str, Any], customer: str) -> None:
    path = f"/v1/customers/{customer}/hold"
    refused(admin.request("GET", path), 404, "not_found")
    refused(admin.delete(path), 404, "not_found")
    refused(admin.put(path, {"reason": "a lawsuit", "until": admin.at(hours=-1)}), 422, pointer="/until")
    held = admin.put(path, {"reason": "a lawsuit", "until": None})
    assert held.json() == {
        "customer_id": customer,
        "reason": "a lawsuit",
        "until": None,
        "held_by": "admin:root",
        "held_at": instant(admin.now),
    }
    assert admin.get(path) == held.json()
    refused(admin.delete(f"/v1/customers/{customer}"), 409, "on_hold")
    assert admin.commitment(cable["id"])["promise"] == cable["promise"]
    (told,) = admin.history(customer_id=customer, type="CustomerHeld")
    assert told["data"] == {"reason": "a lawsuit", "until": None}

    assert admin.delete(path).status_code == 204
    refused(admin.request("GET", path), 404, "not_found")
    assert admin.put(path, {"reason": "a lawsuit", "until": admin.at(hours=1)}).status_code == 200
    refused(admin.delete(f"/v1/customers/{customer}"), 409, "on_hold")
    admin.later(hours=1)
    assert erase(admin, customer)["streams"] == 2


def everything(api: Api, cable: dict[str, Any], courier: Api, order: str, customer: str) -> Iterator[tuple[str, str]]:
    """All that somebody can read about the promise: each place, and what it says."""
    id, then = cable["id"], instant(api.now)
    places: list[tuple[str, dict[str, object]]] = [
        (f"/v1/commitments/{id}", {}),
        (f"/v1/commitments/{id}", {"as_of": then}),
        (f"/v1/commitments/{id}", {"revision": 1}),
        ("/v1/commitments", {"customer_id": customer}),
        (f"/v1/orders/{order}", {}),
        ("/v1/tasks", {"recipient": courier.actor}),
        ("/v1/tasks", {"recipient": courier.actor, "as_of": then}),
        ("/v1/flags", {"commitment_id": id, "include": "commitment"}),
        ("/v1/flags", {"commitment_id": id, "as_of": then}),
        ("/v1/history", {"commitment_id": id}),
        ("/v1/history", {"order_id": order}),
        ("/v1/history", {"customer_id": customer}),
        (f"/v1/customers/{customer}/export", {}),
        ("/desk", {"order_id": order}),
        (f"/desk/promises/{id}", {}),
        ("/board", {}),
        ("/board/yard", {}),
        ("/history", {"customer_id": customer}),
        ("/history", {"type": "CustomerErased"}),
        ("/history/print", {"customer_id": customer}),
        (f"/history/commitments/{id}", {}),
        (f"/history/customers/{customer}", {}),
        ("/history/screen", {"recipient": courier.actor, "at": then}),
    ]
    for path, asked in places:
        answer = api.request("GET", path, headers={"Accept": "application/json, text/html"}, **asked)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
        yield path, answer.text
    for kind in ("text/csv", "application/x-ndjson"):
        yield kind, api.request("GET", "/v1/history", headers={"Accept": kind}, commitment_id=id).text


def test_nobody_is_shown_a_word_any_more_wherever_he_looks(
    admin: Api, agent: Api, courier: Api, cable: dict[str, Any], order: str, customer: str
) -> None:
    link = agent.post(f"/v1/commitments/{cable['id']}/customer-link", {}).json()["url"]
    keeper = agent.by("supervisor:wang").post(f"/v1/people/{courier.actor}/keeper-link", {}).json()["url"]
    agent.later(hours=30)
    agent.later(minutes=1)
    shown = "".join(text for _, text in everything(agent, cable, courier, order, customer))
    assert all(word in shown for word in WORDS), [word for word in WORDS if word not in shown]
    assert "Petrova" in agent.client.get(keeper).text + agent.client.get(link).text

    erase(admin, customer)
    for place, text in everything(agent, cable, courier, order, customer):
        assert not [word for word in WORDS if word in text], place
    assert agent.client.get(link).status_code == 404
    assert "Petrova" not in agent.client.get(keeper).text

    assert (agent.commitment(cable["id"])["erased"], agent.commitment(cable["id"])["status"]) == (True, "broken")
    (stop,) = [one for one in agent.get("/v1/tasks", recipient=courier.actor)["items"] if one["order_id"] == order]
    assert (stop["address"], stop["erased"], stop["stop"]) == (None, True, 3)
    (flag,) = agent.get("/v1/flags", commitment_id=cable["id"])["items"]
    assert (flag["promise"], flag["erased"]) == (None, True)
    told = agent.history(commitment_id=cable["id"])
    assert {item["data"].get("erased") for item in told} == {True}
    assert agent.get("/v1/history", conversation="call-8871", customer_id=customer)["items"] == []
    assert agent.get("/v1/commitments", conversation="call-8871", customer_id=customer)["items"] == []


def test_the_promise_goes_on_without_its_words(
    admin: Api, agent: Api, courier: Api, cable: dict[str, Any], customer: str
) -> None:
    erase(admin, customer)
    path = f"/v1/commitments/{cable['id']}"
    refused(agent.post(f"{path}/amendments", {"promise": "Two cables", "reason": "why"}), 409, "erased")
    moved = agent.command(cable["id"], "amendments", {"due": agent.due(days=2), "reason": "the blue door"})
    assert (moved["revision"], moved["promise"], moved["erased"]) == (2, None, True)
    courier.receipt(cable["id"], revision=2)
    kept = courier.command(cable["id"], "fulfilment", {"note": "at the blue door"}, key="k")
    assert (kept["status"], kept["promise"]) == ("kept", None)
    assert courier.command(cable["id"], "fulfilment", {"note": "at the blue door"}, key="k") == kept
    assert "blue door" not in json.dumps(agent.history(commitment_id=cable["id"]))


@pytest.fixture
def stream(serving: Serving, agent: Api) -> Iterator[Open]:
    with opening(serving.url, agent.actor) as open_stream:
        yield open_stream


def test_whoever_looks_on_hears_of_it_and_whoever_comes_back_is_told_no_word(
    admin: Api, agent: Api, cable: dict[str, Any], customer: str, stream: Open
) -> None:
    id = cable["id"]
    looking = stream()
    agent.later(hours=30)
    raised = looking.of(id)
    while raised.data["reason"] != "overdue":
        raised = looking.of(id)
    assert "Petrova" in raised.data["promise"]
    assert "Petrova" in stream(raised.id).of(id).data["promise"]

    erase(admin, customer)
    told = looking.of(id)
    assert (told.name, told.data["promise"], told.data["erased"]) == ("flagged", None, True)
    again = stream(raised.id).next()
    assert again.name == "reset"
    agent.by("supervisor:wang").command(id, "fulfilment", {})
    cleared = looking.of(id)
    assert (cleared.name, cleared.data["promise"]) == ("cleared", None)


def test_the_export_holds_all_that_is_held_on_a_customer_and_nothing_of_others(
    admin: Api, agent: Api, courier: Api, cable: dict[str, Any], order: str, customer: str
) -> None:
    agent.promise(order_id=order, promise="The secret of somebody else", customer_id="CU-8")
    agent.post(f"/v1/commitments/{cable['id']}/customer-link", {})
    admin.put(
        f"/v1/customers/{customer}/contact",
        {"name": "Petrova", "locale": "bg", "channels": ["mailto://shop:secret@example.com?to=petrova@example.org"]},
    )
    admin.put(f"/v1/customers/{customer}/hold", {"reason": "a lawsuit"})
    courier.command(cable["id"], "fulfilment", {"note": "at the blue door"})
    answer = admin.request("GET", f"/v1/customers/{customer}/export")

    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{customer}.json"
    assert all(word in answer.text for word in (*WORDS, "at the blue door", "petrova%40example.org", "a lawsuit"))
    assert not [word for word in ("secret", "CU-8") if word in answer.text]
    held = answer.json()
    assert held["contact"]["name"] == "Petrova"
    (one,) = held["commitments"]
    assert [item["type"] for item in one["history"]] == agent.told(cable["id"])
    assert one["link"] == {"is_open": True}
    assert [item["type"] for item in held["history"]] == ["CustomerHeld"]
    assert held["orders"][0]["assignments"][0]["address"] == "12 Long Street"
    refused(admin.request("GET", "/v1/customers/CU-nobody/export"), 404, "not_found")


def test_every_process_forgets(serve: Serve, tmp_path: Path) -> None:
    """What one process remembers of a promise another one erases; it shows no word of it from then on."""
    first, second = serve(), serve()
    with first, second:
        one, other = first.by("agent:ling"), second.by("admin:root")
        id = one.promise(customer_id="CU-9", promise="An HDMI cable")["id"]
        answer = other.delete(
            "/v1/customers/CU-9",
        )
        assert answer.status_code == 202
        asked = one.post(f"/v1/commitments/{id}/contacts", {"channel": "phone"})
        assert (asked.json()["promise"], asked.json()["erased"]) == (None, True)
        seen = one.request(
            "GET", f"/v1/commitments/{id}", headers={"Upheld-Min-Position": answer.headers["Upheld-Position"]}
        )
        assert seen.json()["promise"] is None

"""What holds for every request (contract, section 2): who asks, time, keys, versions, positions, pages."""

import time
from datetime import timedelta, timezone
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

import pytest

from tests.api.serving import Api, Serving, instant, refused

NOBODY_KNOWS = "00000000-0000-4000-8000-000000000000"


# -- JSON -------------------------------------------------------------------------------------------------------


def test_an_instant_with_any_offset_is_answered_in_utc_with_its_microseconds(agent: Api) -> None:
    at = (agent.now + timedelta(days=1)).replace(microsecond=123456)
    made = agent.promise(due={"at": at.astimezone(timezone(timedelta(hours=5, minutes=45))).isoformat()})

    assert made["due"]["at"] == instant(at)
    assert made["due"]["at"].endswith(".123456Z")
    assert agent.commitment(made["id"])["due"]["at"] == instant(at)


def test_an_instant_without_an_offset_is_refused(agent: Api) -> None:
    naive = agent.post("/v1/commitments", agent.promising(due={"at": "2027-06-01T12:00:00"}))

    refused(naive, 422, "invalid", "/due/at")


@pytest.mark.parametrize(
    "words",
    [
        "明天重新送货时会带一根免费的HDMI线",
        "Утре до обяд 🎁",
        "  two,\ta tab\nand a line  ",
        "e\u0301 é",
        "x",
        "汉" * 2000,
    ],
)
def test_a_promise_is_stored_as_it_was_typed(agent: Api, words: str) -> None:
    made = agent.promise(promise=words)

    assert made["promise"] == words
    assert agent.commitment(made["id"])["promise"] == words
    assert agent.history(commitment_id=made["id"])[0]["data"]["promise"] == words


@pytest.mark.parametrize("words", ["", "汉" * 2001])
def test_a_promise_of_no_or_too_many_characters_is_refused(agent: Api, words: str) -> None:
    refused(agent.post("/v1/commitments", agent.promising(promise=words)), 422, "invalid", "/promise")


def test_an_unknown_field_is_refused_and_named(agent: Api) -> None:
    answer = agent.post("/v1/commitments", agent.promising(colour="red", due={**agent.due(days=1), "a/b~c": 1}))

    problem = refused(answer, 422, "invalid", "/colour")
    assert "/due/a~1b~0c" in [error["pointer"] for error in problem["errors"]]


def test_every_fault_has_its_pointer(agent: Api) -> None:
    body = {"customer_id": "CU 7", "kind": "refund", "promise": 5, "items": [{"sku": "A", "quantity": 0}]}

    problem = refused(agent.post("/v1/commitments", body), 422, "invalid")
    assert {error["pointer"] for error in problem["errors"]} == {"/customer_id", "/promise", "/items/0/quantity"}


@pytest.mark.parametrize("order_id", ["货/2027/东区", "a%2Fb", "SO?1#2&x=%20", "..", "Ω≈ç√∫", "x" * 128, "订" * 128])
def test_an_id_is_any_printable_text_percent_encoded_in_paths(agent: Api, oms: Api, order_id: str) -> None:
    path = f"/v1/orders/{quote(order_id, safe='').replace('.', '%2E')}"
    made = agent.promise(order_id=order_id, customer_id=order_id)
    assigned = oms.put(f"{path}/assignment", {"role": "courier", "recipient": "courier:li"})

    assert assigned.json()["order_id"] == order_id
    assert [c["id"] for c in agent.get(path)["commitments"]] == [made["id"]]
    assert [c["id"] for c in agent.get("/v1/commitments", customer_id=order_id)["items"]] == [made["id"]]
    assert oms.delete(f"{path}/assignment", role="courier").status_code == 204


@pytest.mark.parametrize("order_id", ["", "two words", "tab\there", "x" * 129, "zero\u200bwidth", "line\n", "\u3000"])
def test_an_id_with_spaces_or_unprintable_characters_is_refused(agent: Api, order_id: str) -> None:
    refused(agent.post("/v1/commitments", agent.promising(order_id=order_id)), 422, "invalid", "/order_id")


def test_an_unknown_path_and_an_unknown_method_are_problems_too(agent: Api) -> None:
    refused(agent.request("GET", "/v1/nothing"), 404, "not_found")
    assert "GET" in agent.request("PATCH", f"/v1/commitments/{NOBODY_KNOWS}").headers["allow"]
    assert agent.request("DELETE", "/v1/commitments").headers["allow"] == "GET, POST"
    assert agent.request("POST", "/v1/orders/SO-1/assignment", {}).headers["allow"] == "DELETE, PUT"
    refused(agent.request("PATCH", f"/v1/commitments/{NOBODY_KNOWS}"), 405, "method_not_allowed")


@pytest.mark.parametrize("id", [NOBODY_KNOWS, "SO-1", "%E6%B1%89", "a%2Fb"])
def test_an_unknown_commitment_is_not_found(agent: Api, id: str) -> None:
    refused(agent.request("GET", f"/v1/commitments/{id}"), 404, "not_found")
    refused(agent.post(f"/v1/commitments/{id}/fulfilment", {}), 404, "not_found")


# -- who --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["commitments", f"commitments/{NOBODY_KNOWS}", "history", "flags", "tasks", "scorecard"]
)
def test_nobody_is_answered_who_does_not_say_who_asks(agent: Api, path: str) -> None:
    answer = agent.client.get(f"/v1/{path}")

    assert "X-Actor" in refused(answer, 401, "unauthenticated")["detail"]
    assert answer.headers["www-authenticate"]


def test_a_command_without_an_actor_records_nothing(agent: Api) -> None:
    before = agent.end_of_the_log()

    refused(agent.client.post("/v1/commitments", json=agent.promising()), 401, "unauthenticated")
    assert agent.recorded(after=before) == []


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"kind": 7, "king": null}'])
def test_nobody_is_told_what_is_wrong_with_a_body_who_does_not_say_who_asks(agent: Api, body: bytes) -> None:
    answer = agent.client.post("/v1/commitments", content=body, headers={"Content-Type": "application/json"})

    refused(answer, 401, "unauthenticated")


def test_nothing_but_the_state_of_the_process_the_test_clock_and_whom_one_can_be_is_answered_to_nobody(
    agent: Api,
) -> None:
    described = agent.client.get("/openapi.json").json()["paths"]
    open_to_all = {"/livez", "/readyz", "/metrics", "/v1/test-clock", "/v1/hooks/{name}", "/c/{token}", "/k/{token}"}
    open_to_all |= {"/v1/keepers", "/v1/pairings"}  # in open mode one chooses who one is; a code says it

    for path, methods in described.items():
        for method in methods.keys() - ({"get", "put", "post"} if path in open_to_all else set()):
            refused(agent.client.request(method, path), 401, "unauthenticated")


@pytest.mark.parametrize(
    "actor",
    [
        "ling",
        "agent:",
        ":ling",
        "agent:li ng",
        "Agent:ling",
        "agent:ling:2",
        "boss:ling",
        "team:agent",
        "agent:l/i",
        "",
    ],
)
def test_a_malformed_actor_is_not_known(agent: Api, actor: str) -> None:
    refused(agent.request("GET", "/v1/commitments", headers={"X-Actor": actor}), 401, "unauthenticated")


@pytest.mark.parametrize("actor", ["agent:Ling.2_~@+-x", "courier:1", "admin:a", "technician:t", "finance:zhao"])
def test_an_actor_is_a_role_and_an_id(agent: Api, actor: str) -> None:
    assert agent.by(actor).promise()["made_by"] == actor


def test_a_system_speaks_on_behalf_of_the_maker_and_the_keeper_and_the_history_names_both(
    agent: Api, courier: Api, oms: Api, order: str
) -> None:
    oms.assign(order, courier.actor)
    made = oms.by("system:oms", on_behalf_of=agent.actor).promise(order_id=order)
    received = oms.by("system:oms", on_behalf_of=courier.actor).receipt(made["id"])

    assert made["made_by"] == agent.actor
    assert received["commitment"]["handoffs"][0]["received"] is True
    history = oms.history(commitment_id=made["id"])
    assert [(item["type"], item["actor"], item["on_behalf_of"]) for item in history] == [
        ("CommitmentMade", "system:oms", agent.actor),
        ("HandoffAssigned", "system:oms", agent.actor),
        ("HandoffAcknowledged", "system:oms", courier.actor),
    ]
    assert history == oms.history(commitment_id=made["id"], actor="system:oms")
    assert history[-1:] == oms.history(actor=courier.actor)


def test_only_a_system_may_speak_on_behalf_of_somebody(supervisor: Api) -> None:
    refused(supervisor.by("supervisor:wang", on_behalf_of="agent:ling").request("GET", "/v1/tasks"), 403, "forbidden")


def test_on_whose_behalf_must_be_somebody(oms: Api) -> None:
    refused(oms.by("system:oms", on_behalf_of="agent ling").request("GET", "/v1/tasks"), 401, "unauthenticated")


# -- two times --------------------------------------------------------------------------------------------------


def test_what_happened_and_when_it_was_written_are_two_times(agent: Api) -> None:
    made = agent.promise(made_at=agent.at(hours=-3))
    agent.command(made["id"], "fulfilment", {"at": agent.at(hours=-2)})

    making, keeping = agent.history(commitment_id=made["id"])
    assert (making["occurred_at"], making["recorded_at"]) == (agent.at(hours=-3), agent.at())
    assert (keeping["occurred_at"], keeping["recorded_at"]) == (agent.at(hours=-2), agent.at())


@pytest.mark.parametrize("name", ["fulfilment", "attempts"])
def test_nothing_happened_before_the_making_or_after_now(agent: Api, name: str) -> None:
    made = agent.promise(made_at=agent.at(hours=-3))
    body = {"outcome": "other"} if name == "attempts" else {}
    for at in (agent.at(hours=-4), agent.at(seconds=1)):
        answer = agent.post(f"/v1/commitments/{made['id']}/{name}", {**body, "at": at})
        refused(answer, 422, "invalid", "/at")


def test_a_making_lies_in_the_past(agent: Api) -> None:
    answer = agent.post("/v1/commitments", agent.promising(made_at=agent.at(seconds=1)))

    refused(answer, 422, "invalid", "/made_at")


def test_only_a_supervisor_or_a_system_tells_of_more_than_a_day_ago(agent: Api, supervisor: Api, oms: Api) -> None:
    body = agent.promising(made_at=agent.at(days=-2))

    refused(agent.post("/v1/commitments", body), 422, "invalid", "/made_at")
    assert agent.promise(made_at=agent.at(days=-1))["made_at"] == agent.at(days=-1)
    for trusted in (supervisor, oms):
        made = trusted.promise(made_at=agent.at(days=-2))
        refused(agent.post(f"/v1/commitments/{made['id']}/fulfilment", {"at": agent.at(days=-1.5)}), 422, None, "/at")
        assert trusted.command(made["id"], "fulfilment", {"at": agent.at(days=-1.5)})["kept_at"] == agent.at(days=-1.5)


def test_a_person_for_whom_a_system_speaks_may_be_told_of_later_than_a_day(agent: Api, oms: Api) -> None:
    made = oms.by("system:oms", on_behalf_of=agent.actor).promise(made_at=agent.at(days=-2))

    assert (made["made_by"], made["made_at"]) == (agent.actor, agent.at(days=-2))


def test_as_of_answers_what_was_recorded_by_then(agent: Api) -> None:
    made, before = agent.promise(), agent.at(microseconds=-1)
    first = agent.at()
    agent.later(minutes=5)
    agent.command(made["id"], "fulfilment", {"at": first})

    assert agent.commitment(made["id"], as_of=first)["status"] == "open"
    assert agent.commitment(made["id"], as_of=agent.at(microseconds=-1))["status"] == "open"
    assert agent.commitment(made["id"], as_of=agent.at())["status"] == "kept"
    refused(agent.request("GET", f"/v1/commitments/{made['id']}", as_of=before), 404, "not_found")


def test_a_revision_is_shown_as_it_last_stood(agent: Api, order: str) -> None:
    agent.assign(order, "courier:li")
    made = agent.promise(order_id=order, promise="It comes by noon")
    heard = agent.by("courier:li").receipt(made["id"])["commitment"]
    agent.command(made["id"], "amendments", {"promise": "It comes by ten", "due": agent.due(hours=9), "reason": "r"})
    path = f"/v1/commitments/{made['id']}"
    was = agent.request("GET", path, revision=1)

    assert was.json() == heard
    assert was.headers["etag"] == f'"{heard["version"]}"'
    assert agent.commitment(made["id"], revision=2) == agent.commitment(made["id"])
    refused(agent.request("GET", path, revision=3), 422, "invalid", "/query/revision")
    for nonsense in ("0", "-1", "one", "1.5", "", "9" * 5000):
        refused(agent.request("GET", f"{path}?revision={nonsense}"), 422, "invalid", "/query/revision")
    refused(agent.request("GET", path, revision=1, as_of=agent.at()), 422, "invalid", "/query/revision")
    refused(agent.request("GET", f"/v1/commitments/{NOBODY_KNOWS}", revision=1), 404, "not_found")


@pytest.mark.parametrize("path", ["commitments/{}", "tasks", "flags"])
def test_nothing_is_known_of_the_future(agent: Api, path: str) -> None:
    made = agent.promise()

    answer = agent.request("GET", f"/v1/{path.format(made['id'])}", as_of=agent.at(seconds=1))
    refused(answer, 422, "invalid", "/query/as_of")


# -- idempotency ------------------------------------------------------------------------------------------------


def test_the_same_key_and_body_get_the_first_answer_again(agent: Api) -> None:
    key, body = uuid4().hex, agent.promising("free_item", due=agent.due(minutes=30))
    first = agent.post("/v1/commitments", body, key=key)
    agent.command(first.json()["id"], "fulfilment", {})
    again = agent.post("/v1/commitments", body, key=key)

    assert first.json()["warnings"] == ["receipt_window_does_not_fit", "no_recipient_yet"]
    assert (again.status_code, again.json()) == (201, first.json())
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    for name in ("location", "etag", "upheld-position"):
        assert again.headers[name] == first.headers[name]
    assert len(agent.get("/v1/commitments", made_by=agent.actor)["items"]) == 1


def test_the_order_of_fields_does_not_make_another_body(agent: Api) -> None:
    key, body = uuid4().hex, agent.promising()
    first = agent.post("/v1/commitments", body, key=key)

    assert agent.post("/v1/commitments", dict(reversed(body.items())), key=key).json() == first.json()


@pytest.mark.parametrize(
    ("name", "body", "other"),
    [
        ("amendments", {"promise": "Tomorrow", "reason": "r"}, {"promise": "Today", "reason": "r"}),
        ("contacts", {"channel": "phone", "minutes": 4}, {"channel": "phone"}),
        ("attempts", {"outcome": "other"}, {"outcome": "damaged"}),
        ("receipts", {"revision": 1, "state": "acknowledged"}, {"revision": 1, "state": "seen"}),
        ("fulfilment", {"note": "Left at the door"}, {}),
        ("withdrawal", {"reason": "r", "cause": "agreed"}, {"reason": "r", "cause": "mistake"}),
    ],
)
def test_a_command_with_a_known_key_is_answered_again_and_one_with_another_body_refused(
    agent: Api, order: str, name: str, body: dict[str, object], other: dict[str, object]
) -> None:
    agent.assign(order, agent.actor)
    id, key = agent.promise(order_id=order)["id"], uuid4().hex
    path = f"/v1/commitments/{id}/{name}"
    first = agent.post(path, body, key=key)
    assert first.status_code == 200, first.text
    told = agent.told(id)
    agent.command(id, "contacts", {"channel": "chat"})
    again = agent.post(path, body, key=key)

    assert again.json() == first.json()
    assert (again.headers["idempotency-replayed"], again.headers["etag"]) == ("true", first.headers["etag"])
    refused(agent.post(path, other, key=key), 422, "idempotency_key_reused")
    since = [type for type in agent.told(id)[len(told) :] if type != "CommitmentEscalated"]
    assert since == ["CustomerContacted"]  # a failed attempt goes up the ladder by itself


def test_another_body_under_the_key_of_a_creation_is_refused(agent: Api) -> None:
    key = uuid4().hex
    agent.post("/v1/commitments", agent.promising(), key=key)

    refused(agent.post("/v1/commitments", agent.promising(promise="Other"), key=key), 422, "idempotency_key_reused")
    assert len(agent.get("/v1/commitments", made_by=agent.actor)["items"]) == 1


def test_a_creation_that_would_be_refused_by_now_is_answered_as_it_was(agent: Api) -> None:
    body = agent.promising(made_at=agent.at(hours=-23))
    first = agent.post("/v1/commitments", body, key="late")
    agent.later(hours=2)
    again = agent.post("/v1/commitments", body, key="late")

    refused(agent.post("/v1/commitments", body, key="later"), 422, "invalid", "/made_at")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    refused(agent.post("/v1/commitments", body | {"kind": "no such kind"}, key="late"), 422, "idempotency_key_reused")


def test_a_key_counts_for_one_actor_and_one_path(agent: Api, supervisor: Api) -> None:
    key, body = uuid4().hex, agent.promising()
    first = agent.post("/v1/commitments", body, key=key).json()
    other = supervisor.post("/v1/commitments", body, key=key)
    kept = agent.post(f"/v1/commitments/{first['id']}/fulfilment", {}, key=key)
    reopened = agent.post(f"/v1/commitments/{first['id']}/reopening", {"reason": "mistaken"}, key=key)

    assert other.status_code == 201
    assert other.json()["id"] != first["id"]
    assert (kept.json()["status"], reopened.json()["status"]) == ("kept", "open")


def test_a_system_that_speaks_for_two_keepers_may_use_one_key_for_both(agent: Api) -> None:
    id, key = agent.promise(order_id=(order := f"SO-{uuid4().hex}"))["id"], uuid4().hex
    given, seen = {"revision": 1, "state": "seen"}, []
    for courier in ("courier:li", "courier:bo"):
        agent.by("supervisor:wang").assign(order, courier)
        gateway = agent.by("system:gateway", on_behalf_of=courier)
        seen.append(gateway.post(f"/v1/commitments/{id}/receipts", given, key=key))

    assert [answer.json()["recorded"] for answer in seen] == [True, True]
    assert not any("idempotency-replayed" in answer.headers for answer in seen)


def test_a_refused_command_is_decided_anew(agent: Api) -> None:
    id, key = agent.promise()["id"], uuid4().hex
    agent.command(id, "withdrawal", {"reason": "r", "cause": "agreed"})
    path, body = f"/v1/commitments/{id}/fulfilment", {"note": "Done"}
    refused(agent.post(path, body, key=key), 409, "commitment_closed")
    agent.command(id, "reopening", {"reason": "disputed"})
    accepted = agent.post(path, body, key=key)

    assert accepted.json()["status"] == "kept"
    assert "idempotency-replayed" not in accepted.headers


def test_a_command_that_recorded_nothing_is_decided_anew(agent: Api) -> None:
    id, key = agent.promise()["id"], uuid4().hex
    path, same = f"/v1/commitments/{id}/amendments", {"promise": "It comes by noon", "reason": "r"}
    assert agent.post(path, same, key=key).json()["revision"] == 1
    agent.command(id, "amendments", {"promise": "It comes later", "reason": "r"})
    decided = agent.post(path, same, key=key)

    assert decided.json()["revision"] == 3
    assert "idempotency-replayed" not in decided.headers


def test_a_key_that_was_used_for_an_amendment_with_what_happens_by_itself_is_answered_whole(agent: Api) -> None:
    id, key = agent.promise()["id"], uuid4().hex
    agent.command(id, "amendments", {"due": agent.due(days=2), "reason": "r"})
    path, body = f"/v1/commitments/{id}/amendments", {"due": agent.due(days=3), "reason": "r"}
    first = agent.post(path, body, key=key)
    again = agent.post(path, body, key=key)

    assert (first.json()["postponements"], first.json()["escalation_level"]) == (2, 2)
    assert again.json() == first.json()
    assert again.headers["upheld-position"] == first.headers["upheld-position"]


@pytest.mark.parametrize("key", ["k", "k" * 255, "ключ".encode().decode("latin-1"), '"quoted, key"; a=b'])
def test_a_key_is_any_text_up_to_255_characters(agent: Api, key: str) -> None:
    sent = {b"X-Actor": agent.actor.encode(), b"Idempotency-Key": key.encode("latin-1")}
    first, again = (agent.client.post("/v1/commitments", json=agent.promising(), headers=sent) for _ in range(2))

    assert first.status_code == 201
    assert again.json() == first.json()


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_of_no_or_too_many_characters_is_refused(agent: Api, key: str) -> None:
    refused(agent.post("/v1/commitments", agent.promising(), key=key), 422, "invalid", "/header/idempotency-key")


def test_a_dry_run_uses_up_no_key(agent: Api) -> None:
    key = uuid4().hex
    agent.post("/v1/commitments", agent.promising(promise="Maybe"), key=key, dry_run="true")

    assert agent.post("/v1/commitments", agent.promising(promise="Yes"), key=key).status_code == 201


# -- versions ---------------------------------------------------------------------------------------------------


def test_the_etag_of_a_commitment_is_its_version(agent: Api) -> None:
    made = agent.promise()

    assert agent.request("GET", f"/v1/commitments/{made['id']}").headers["etag"] == f'"{made["version"]}"'
    assert agent.request("GET", f"/v1/commitments/{made['id']}", as_of=agent.at()).headers["etag"] == '"1"'


def test_an_amendment_against_what_was_seen_is_accepted(agent: Api) -> None:
    made = agent.promise()

    amended = agent.command(
        made["id"], "amendments", {"promise": "Later", "reason": "r"}, if_match=f'"{made["version"]}"'
    )
    assert (amended["revision"], amended["version"]) == (2, 2)


def test_a_receipt_or_a_contact_in_between_does_not_matter(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor)
    made = agent.promise(order_id=order)
    courier.receipt(made["id"], "seen")
    courier.receipt(made["id"])
    agent.command(made["id"], "contacts", {"channel": "phone"})
    agent.command(made["id"], "attempts", {"outcome": "no_access"})

    body = {"reason": "r", "cause": "agreed"}
    assert agent.command(made["id"], "withdrawal", body, if_match=f'"{made["version"]}"')["status"] == "withdrawn"


@pytest.mark.parametrize(
    "change",
    [
        {"promise": "Other words"},
        {"due": {"within": {"amount": 3, "unit": "days"}}},
        {"path": ["warehouse", "courier"]},
        {"value": {"amount": "1", "currency": "CNY"}},
    ],
)
@pytest.mark.parametrize(("name", "more"), [("amendments", {"items": []}), ("withdrawal", {"cause": "agreed"})])
def test_a_change_of_the_terms_in_between_fails_and_records_nothing(
    agent: Api, change: dict[str, object], name: str, more: dict[str, object]
) -> None:
    made = agent.promise()
    agent.command(made["id"], "amendments", {**change, "reason": "r"})
    told = agent.told(made["id"])
    body = {"reason": "r", **more}
    answer = agent.post(f"/v1/commitments/{made['id']}/{name}", body, if_match=f'"{made["version"]}"')

    refused(answer, 412, "precondition_failed")
    assert agent.told(made["id"]) == told


def test_a_change_of_the_status_in_between_fails(agent: Api) -> None:
    made = agent.promise()
    agent.command(made["id"], "fulfilment", {})
    agent.command(made["id"], "reopening", {"reason": "mistaken"})

    answer = agent.post(f"/v1/commitments/{made['id']}/amendments", {"promise": "Other", "reason": "r"}, if_match='"1"')
    refused(answer, 412, "precondition_failed")


def test_the_clock_that_breaks_a_promise_changes_its_status(agent: Api) -> None:
    id = agent.promise(due=agent.due(hours=2))["id"]
    path, body = f"/v1/commitments/{id}/amendments", {"promise": "Other", "reason": "r"}
    agent.later(hours=1)
    seen = agent.request("GET", f"/v1/commitments/{id}").headers["etag"]
    agent.later(hours=1)

    assert seen == '"2"'  # a missed receipt is recorded, and matters to nobody who amends
    refused(agent.post(path, body, if_match=seen), 412, "precondition_failed")
    assert agent.command(id, "amendments", body, if_match='"3"')["status"] == "broken"


def test_any_of_several_versions_and_any_version_at_all_will_do(agent: Api) -> None:
    id = agent.promise()["id"]
    agent.command(id, "amendments", {"promise": "Two", "reason": "r"})

    assert agent.command(id, "amendments", {"promise": "3", "reason": "r"}, if_match='"1", "2"')["revision"] == 3
    assert agent.command(id, "amendments", {"promise": "4", "reason": "r"}, if_match="*")["revision"] == 4


def test_a_version_that_does_not_exist_yet_fails(agent: Api) -> None:
    id = agent.promise()["id"]

    answer = agent.post(f"/v1/commitments/{id}/amendments", {"promise": "Two", "reason": "r"}, if_match='"2"')
    refused(answer, 412, "precondition_failed")


def test_a_weak_version_never_matches(agent: Api) -> None:
    id = agent.promise()["id"]

    answer = agent.post(f"/v1/commitments/{id}/amendments", {"promise": "Two", "reason": "r"}, if_match='W/"1"')
    refused(answer, 412, "precondition_failed")


@pytest.mark.parametrize("field", ["promise", "due", "path"])
def test_what_a_promise_cannot_be_without_cannot_be_amended_to_null(agent: Api, field: str) -> None:
    id = agent.promise()["id"]

    answer = agent.post(f"/v1/commitments/{id}/amendments", {field: None, "reason": "r"})
    refused(answer, 422, "invalid", f"/{field}")


def test_a_plan_that_ends_before_it_begins_is_refused(supervisor: Api) -> None:
    plan = {"planned_start": "2027-03-01T10:00:00Z", "planned_end": "2027-03-01T09:00:00Z"}

    answer = supervisor.put(f"/v1/orders/{uuid4()}/assignment", {"role": "courier", "recipient": "courier:li", **plan})
    refused(answer, 422, "invalid", "/planned_end")


def test_a_key_counts_before_the_version(agent: Api) -> None:
    id, key = agent.promise()["id"], uuid4().hex
    path, body = f"/v1/commitments/{id}/amendments", {"promise": "Two", "reason": "r"}
    first = agent.post(path, body, key=key, if_match='"1"')

    assert agent.post(path, body, key=key, if_match='"1"').json() == first.json()


# -- read your writes -------------------------------------------------------------------------------------------


def test_a_command_answers_the_position_of_the_last_event_that_it_caused(agent: Api, order: str) -> None:
    made = agent.post("/v1/commitments", agent.promising(order_id=order))
    assigned = agent.put(f"/v1/orders/{order}/assignment", {"role": "courier", "recipient": "courier:li"})
    history = agent.history(order_id=order)

    assert [item["type"] for item in history] == ["CommitmentMade", "OrderAssigned", "HandoffAssigned"]
    assert int(made.headers["upheld-position"]) == history[0]["position"]
    assert int(assigned.headers["upheld-position"]) == history[2]["position"]


def test_a_command_that_recorded_nothing_answers_a_position_that_was_reached(agent: Api, order: str) -> None:
    body = {"role": "courier", "recipient": "courier:li"}
    first, second = (agent.put(f"/v1/orders/{order}/assignment", body) for _ in range(2))

    assert second.headers["upheld-position"] == first.headers["upheld-position"]


def test_a_get_answers_only_from_what_has_reached_the_position(agent: Api) -> None:
    for number in range(20):
        made = agent.post("/v1/commitments", agent.promising(promise=f"Promise {number}"))
        headers = {"Upheld-Min-Position": made.headers["upheld-position"], "X-Actor": agent.actor}
        listed = agent.client.get("/v1/commitments", params={"made_by": agent.actor}, headers=headers).json()["items"]

        assert len(listed) == number + 1


def test_a_position_that_never_comes_is_waited_for_five_seconds(agent: Api) -> None:
    began = time.monotonic()
    answer = agent.request("GET", "/v1/flags", headers={"Upheld-Min-Position": str(10**17)})

    refused(answer, 503, "projection_behind")
    assert int(answer.headers["retry-after"]) >= 1
    assert time.monotonic() - began > 4.5


# -- pages ------------------------------------------------------------------------------------------------------


def test_pages_follow_one_another_without_gap_or_repetition(agent: Api) -> None:
    made = [agent.promise(promise=f"Promise {number}")["id"] for number in range(7)]
    seen, path = [], f"/v1/commitments?made_by={agent.actor}&limit=3"
    while path:
        answer = agent.request("GET", path)
        seen += [item["id"] for item in answer.json()["items"]]
        if len(seen) == 3:
            agent.promise(promise="Made while somebody reads")
        path = answer.links.get("next", {}).get("url", "")
        assert (answer.json()["next_cursor"] is None) == (not path)

    assert seen == made[::-1]


def test_the_link_to_the_next_page_keeps_what_was_asked(agent: Api) -> None:
    for _ in range(2):
        agent.promise(channel="微信 & 电话")
    answer = agent.request("GET", "/v1/commitments", limit=1, channel="微信 & 电话", made_by=agent.actor)
    asked = parse_qs(urlsplit(answer.links["next"]["url"]).query)

    assert asked == {
        "limit": ["1"],
        "channel": ["微信 & 电话"],
        "made_by": [agent.actor],
        "cursor": [answer.json()["next_cursor"]],
    }


def test_a_page_has_50_items_unless_another_limit_is_named(agent: Api) -> None:
    for number in range(51):
        agent.promise(promise=f"Promise {number}")

    assert len(agent.get("/v1/commitments", made_by=agent.actor)["items"]) == 50
    whole = agent.get("/v1/commitments", made_by=agent.actor, limit=500)
    assert (len(whole["items"]), whole["next_cursor"]) == (51, None)


@pytest.mark.parametrize("path", ["commitments", "flags", "history"])
@pytest.mark.parametrize("limit", ["0", "501", "-1", "many", "1.5", ""])
def test_a_limit_is_1_to_500(agent: Api, path: str, limit: str) -> None:
    refused(agent.request("GET", f"/v1/{path}", limit=limit), 422, "invalid", "/query/limit")


@pytest.mark.parametrize("path", ["commitments", "flags", "history"])
def test_a_page_that_ends_exactly_has_no_next(agent: Api, path: str) -> None:
    id = agent.promise(due=agent.due(minutes=1))["id"]
    agent.later(minutes=1)
    asked = {"commitment_id": id} if path == "history" else {"made_by": agent.actor}
    count = len(agent.get(f"/v1/{path}", **asked)["items"])
    answer = agent.request("GET", f"/v1/{path}", limit=count, **asked)

    assert answer.json()["next_cursor"] is None
    assert "link" not in answer.headers


# -- the clock of a test ----------------------------------------------------------------------------------------


def test_the_test_clock_stands_still_and_moves_forward_only(agent: Api) -> None:
    first, second = agent.promise()["made_at"], agent.promise()["made_at"]
    moved = agent.move_clock(agent.now + timedelta(seconds=1))

    assert first == second
    assert moved.json() == {"now": agent.at()}
    refused(agent.put("/v1/test-clock", {"now": agent.at(seconds=-1)}), 422, "invalid", "/now")
    assert agent.put("/v1/test-clock", {"now": agent.at()}).status_code == 200


def test_when_the_test_clock_has_moved_everything_due_is_recorded_and_shown(agent: Api) -> None:
    id = agent.promise(due=agent.due(hours=2))["id"]
    agent.later(hours=2)

    assert agent.commitment(id)["status"] == "broken"
    assert agent.told(id) == ["CommitmentMade", "ReceiptMissed", "CommitmentBroken", "CommitmentEscalated"]


def test_a_request_gets_an_id_of_its_own(agent: Api, serving: Serving) -> None:
    ids = {agent.request("GET", "/v1/tasks").headers["x-request-id"] for _ in range(2)}
    agent.request("GET", "/livez")  # whose turn comes when the line of the request before is written

    assert len(ids) == 2
    assert all(id in serving.logged for id in ids)


# -- what comes twice, or is not known --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "commitments/{id}"),
        ("GET", "orders/SO-1"),
        ("GET", "commitments"),
        ("GET", "tasks"),
        ("GET", "flags"),
        ("GET", "history"),
        ("GET", "scorecard"),
        ("POST", "commitments"),
        ("POST", "commitments/{id}/fulfilment"),
        ("DELETE", "orders/SO-1/assignment"),
    ],
)
def test_a_query_that_nobody_reads_or_that_is_ambiguous_is_refused(agent: Api, method: str, path: str) -> None:
    where = "/v1/" + path.format(id=agent.promise()["id"])
    for query in ("when=now", "as_of=2001-01-01T00:00:00Z&as_of=2002-01-01T00:00:00Z", "role=courier&role=agent"):
        refused(agent.request(method, f"{where}?{query}"), 422, "invalid")


def test_of_two_answers_to_whether_it_is_a_rehearsal_none_is_taken(agent: Api) -> None:
    before = agent.end_of_the_log()
    answer = agent.post("/v1/commitments?dry_run=true&dry_run=false", agent.promising())

    refused(answer, 422, "invalid", "/query/dry_run")
    assert agent.recorded(after=before) == []


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [("X-Actor", "agent:bo", 401), ("Idempotency-Key", "a", 422), ("Idempotency-Key", "b", 422)],
)
def test_a_header_that_comes_twice_is_refused(agent: Api, name: str, value: str, status: int) -> None:
    headers = [("X-Actor", agent.actor), ("Idempotency-Key", "a"), (name, value)]
    answer = agent.client.post("/v1/commitments", json=agent.promising(), headers=headers)

    assert answer.status_code == status, answer.text


def test_a_path_with_a_slash_behind_it_leads_nowhere(agent: Api) -> None:
    refused(agent.request("GET", "/v1/flags/", headers={"Host": "localhost"}), 404, "not_found")

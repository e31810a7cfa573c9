"""Webhooks of other systems: who is believed, what is made of what they send, and what becomes of what fails."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from tests.api.serving import MASTER_KEY, Api, Serving, refused

STANDARD = "whsec_" + base64.b64encode(b"the secret of the standard").decode()
CONFIG = """
[hooks.bare]
verify = "bearer"
secret = ["fresh-secret", "former-secret"]
actor = "system:crm"
[[hooks.bare.commands]]
when = { event = "promised" }
send = "POST /v1/commitments"
on_behalf_of = "agent:{agent|nobody}"
key = "{id}"
body = { customer_id = "{customer}", kind = "callback", promise = "{words}", due = { within = DUE } }
[[hooks.bare.commands]]
when = { event = ["contacted", "promised and contacted"], "tags" = "urgent" }
send = "POST /v1/commitments/{commitment}/contacts"
body = { channel = "phone", note = "{words|no words}", minutes = "{minutes|}" }
[[hooks.bare.commands]]
when = { event = "planned" }
send = "PUT /v1/orders/{order}/assignment"
body = { role = "courier", recipient = "courier:{courier}", stop = "{stops.0.number}" }
[[hooks.bare.commands]]
when = { event = "dropped" }
send = "DELETE /v1/orders/{order}/assignment?role={role}"
[hooks.named]
verify = "bearer"
header = "X-Token"
secret = "named-secret"
[hooks.timed]
verify = "hmac"
header = "X-Signature"
algorithm = "sha512"
prefix = "v0="
signed = "v0:{timestamp}:{body}"
timestamp_header = "X-Timestamp"
tolerance = "PT2M"
secret = ["hmac-one", "hmac-two"]
[hooks.standard]
verify = "standard"
secret = "WHSEC"
[[hooks.standard.commands]]
send = "POST /v1/commitments"
body = { customer_id = "CU-7", kind = "callback", promise = "{words}", due = { within = DUE } }
[[hooks.standard.commands]]
when = { twice = true }
send = "POST /v1/commitments"
body = { customer_id = "CU-8", kind = "callback", promise = "{words}", due = { within = DUE } }
""".replace("WHSEC", STANDARD).replace("DUE", '{ amount = 2, unit = "hours" }')
PROMISED = {"event": "promised", "id": "T-1", "agent": "ling", "customer": "CU-7", "words": "We ring at two"}


@pytest.fixture(scope="module")
def url(fresh_database: Callable[[], str]) -> str:
    return fresh_database()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hooks")
    (folder / "upheld.toml").write_text(CONFIG, "utf-8")
    return folder


@pytest.fixture(scope="module")
def hooked(url: str, folder: Path) -> Iterator[Serving]:
    with Serving(folder, database_url=url, master_key=MASTER_KEY, config=folder / "upheld.toml") as serving:
        yield serving


@pytest.fixture(scope="module")
def auditor(hooked: Serving) -> Api:
    return hooked.by("auditor:chen")


@pytest.fixture
def told(auditor: Api) -> Callable[..., httpx.Response]:
    """A delivery to the hook `bare`, by who knows its secret: `told({"event": "promised", …})`."""

    def send(payload: object, secret: str = "fresh-secret") -> httpx.Response:
        sent = json.dumps(payload)
        return auditor.client.post("/v1/hooks/bare", content=sent, headers={"Authorization": f"Bearer {secret}"})

    return send


def results(answer: httpx.Response, status: int = 200) -> list[dict[str, Any]]:
    assert answer.status_code == status, answer.text
    return list(answer.json()["results"])


def timed(api: Api, secret: str = "hmac-one", body: bytes = b"{}", **span: float) -> httpx.Response:
    at = str(int((datetime.now(UTC) + timedelta(**span)).timestamp()))
    digest = hmac.new(secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha512).hexdigest()
    return api.client.post("/v1/hooks/timed", content=body, headers={"X-Signature": f"v0={digest}", "X-Timestamp": at})


def standard(api: Api, id: str, payload: object, at: datetime | None = None) -> httpx.Response:
    body, at = json.dumps(payload), at or datetime.now(UTC)
    signature = Webhook(STANDARD).sign(id, at, body)
    headers = {"webhook-id": id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
    return api.client.post("/v1/hooks/standard", content=body, headers=headers)


# -- who is believed --------------------------------------------------------------------------------------------


def test_a_hook_that_is_not_configured_is_not_there(auditor: Api) -> None:
    refused(auditor.client.post("/v1/hooks/nobody", json={}), 404)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "fresh-secret"},
        {"Authorization": "Basic fresh-secret"},
        {"Authorization": b"Bearer fresh-secret\xff"},
        {"X-Actor": "system:crm"},
    ],
)
def test_who_does_not_know_the_secret_is_refused_and_leaves_no_trace_but_a_line(
    auditor: Api, hooked: Serving, url: str, headers: dict[str, Any]
) -> None:
    before = auditor.end_of_the_log()
    refused(auditor.client.post("/v1/hooks/bare", json=PROMISED, headers=headers), 401, "unauthenticated")

    assert auditor.end_of_the_log() == before
    line = [line for line in hooked.logged.splitlines() if "a webhook was refused" in line][-1]
    assert json.loads(line)["hook"] == "bare"
    assert "fresh-secret" not in hooked.logged


def test_two_secrets_are_good_while_one_is_replaced(told: Callable[..., httpx.Response], auditor: Api) -> None:
    assert results(told({}, "fresh-secret")) == results(told({}, "former-secret")) == []
    assert results(timed(auditor, "hmac-one")) == results(timed(auditor, "hmac-two")) == []
    refused(timed(auditor, "hmac-three"), 401)


def test_a_secret_may_come_in_a_header_of_another_name(auditor: Api) -> None:
    assert results(auditor.client.post("/v1/hooks/named", json={}, headers={"X-Token": "named-secret"})) == []
    refused(auditor.client.post("/v1/hooks/named", json={}, headers={"Authorization": "Bearer named-secret"}), 401)


@pytest.mark.parametrize("minutes", [-3, 3])
def test_what_was_signed_at_another_time_is_refused(auditor: Api, minutes: int) -> None:
    refused(timed(auditor, minutes=minutes), 401)
    refused(standard(auditor, "msg_old", {"words": "x"}, datetime.now(UTC) + timedelta(minutes=2 * minutes)), 401)


def test_a_signature_of_other_bytes_is_refused(auditor: Api) -> None:
    good = timed(auditor, body=b'{"a": 1}')
    signed = {name: good.request.headers[name] for name in ("X-Signature", "X-Timestamp")}

    assert good.status_code == 200
    refused(auditor.client.post("/v1/hooks/timed", content=b'{"a":1}', headers=signed), 401)
    for broken in ({"X-Timestamp": "soon"}, {"X-Signature": "v0=zz"}, {"X-Signature": signed["X-Signature"][3:]}):
        refused(auditor.client.post("/v1/hooks/timed", content=b'{"a": 1}', headers=signed | broken), 401)


@pytest.mark.parametrize("signature", ["v1", "v1,*", "v1,", "v2,AAAA", "v1,éé", "v1,AAAA v1a,BBBB"])
def test_a_standard_signature_that_is_none_is_refused(auditor: Api, signature: str) -> None:
    headers = {"webhook-id": "msg", "webhook-timestamp": str(int(time.time())), "webhook-signature": signature}
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    for body in (b"{}", b"\xff"):
        refused(auditor.client.post("/v1/hooks/standard", content=body, headers=sent), 401)


# -- what is made of it -----------------------------------------------------------------------------------------


def test_a_delivery_becomes_a_promise_of_the_person_whom_it_names(
    told: Callable[..., httpx.Response], auditor: Api
) -> None:
    answer = told(PROMISED | {"id": "T-2", "words": "Обаждаме се в два 🙂 {id} {{x}}"})
    (made,) = results(answer)

    assert (made["command"], made["status"]) == ("POST /v1/commitments", 201)
    assert made["body"]["promise"] == "Обаждаме се в два 🙂 {id} {{x}}"
    assert made["body"]["made_by"] == "agent:ling"
    shown = auditor.get(
        f"/v1/commitments/{made['body']['id']}", headers={"Upheld-Min-Position": answer.headers["Upheld-Position"]}
    )
    assert shown["handoffs"][0]["recipient"] == "agent:ling"


def test_a_delivery_that_comes_again_records_once(told: Callable[..., httpx.Response], auditor: Api) -> None:
    (first,), (again,) = (results(told(PROMISED | {"id": "T-3"})) for _ in range(2))
    assert again["body"]["id"] == first["body"]["id"]

    sent = [results(standard(auditor, "msg_3", {"words": "Soon", "twice": True})) for _ in range(2)]
    assert [result["body"]["id"] for result in sent[0]] == [result["body"]["id"] for result in sent[1]]
    assert len({result["body"]["id"] for result in sent[0]}) == 2
    (other,) = results(standard(auditor, "msg_4", {"words": "Soon"}))
    assert other["body"]["id"] != sent[0][0]["body"]["id"]


def test_two_contacts_with_the_same_words_are_two_unless_they_are_one_delivery(
    told: Callable[..., httpx.Response],
) -> None:
    (made,) = results(told(PROMISED | {"id": "T-4"}))
    asked = {"event": "contacted", "tags": ["vip", "urgent"], "commitment": made["body"]["id"], "minutes": 7}

    assert [results(told(asked))[0]["body"]["contacts"] for _ in range(2)] == [1, 1]
    assert results(told(asked | {"call": 2, "minutes": None}))[0]["body"]["contacts"] == 2
    assert results(told(asked | {"tags": ["calm"]})) == []


def test_a_value_keeps_its_type_and_a_path_its_one_segment(told: Callable[..., httpx.Response], auditor: Api) -> None:
    planned = {"event": "planned", "order": "SO/1?role=x#ü", "courier": "li", "stops": [{"number": 7}]}
    (assigned,) = results(told(planned))

    assert assigned["command"] == "PUT /v1/orders/SO%2F1%3Frole%3Dx%23%C3%BC/assignment"
    assert (assigned["body"]["order_id"], assigned["body"]["assignments"][0]["stop"]) == ("SO/1?role=x#ü", 7)
    (dropped,) = results(told({"event": "dropped", "order": "SO/1?role=x#ü", "role": "courier"}))
    assert (dropped["status"], dropped["body"]) == (204, None)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"agent": "ling\r\nX-Actor: admin:me"}, 401),
        ({"agent": "ling:x"}, 401),
        ({"agent": ["ling"]}, 422),
        ({"words": {"$ref": "{id}"}}, 422),
        ({"words": "a\u0000b"}, 422),
        ({"words": "\ud800"}, 422),
        ({"words": 1e999}, 422),
        ({"customer": 7}, 422),
        ({"customer": "CU-7&dry_run=true x"}, 422),
        ({"id": "k" * 300}, 422),
        ({"id": "\n"}, 422),
        ({"id": None}, 422),
    ],
)
def test_what_is_sent_is_data_and_never_more(
    told: Callable[..., httpx.Response], auditor: Api, change: dict[str, Any], status: int
) -> None:
    headers = {"Authorization": "Bearer fresh-secret"}
    body = json.dumps(PROMISED | {"id": f"odd {change}"[:40]} | change).replace("Infinity", "1e999")
    (result,) = results(auditor.client.post("/v1/hooks/bare", content=body, headers=headers), 202)

    assert (result["status"], result["body"]["status"]) == (status, status)


@pytest.mark.parametrize("commitment", ["..", "../orders/SO-1", "%2e%2e", "a/b", "", "\u0000"])
def test_no_value_leads_to_another_path(told: Callable[..., httpx.Response], commitment: str) -> None:
    (result,) = results(told({"event": "contacted", "tags": "urgent", "commitment": commitment}), 202)

    assert result["status"] in (404, 422)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"a": 1, "a": 2}', b"[NaN]", b"[" * 5000, b"1" * 5000, b"a=b", b"{}{}"]
)
def test_what_is_not_json_is_refused_once_it_is_known_who_sent_it(auditor: Api, body: bytes) -> None:
    bearer = {"Authorization": "Bearer fresh-secret", "Content-Type": "application/json"}

    refused(auditor.client.post("/v1/hooks/bare", content=body, headers=bearer), 422, "malformed_json")
    refused(auditor.client.post("/v1/hooks/bare", content=body), 401)


def test_too_much_is_refused(auditor: Api) -> None:
    refused(auditor.client.post("/v1/hooks/bare", content=b" " * (1024 * 1024 + 1)), 413)


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)
PAYLOADS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "agent", "customer", "words", "commitment", "order", "courier", "stops", "role"]),
            inner,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=30, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    payload=PAYLOADS,
    event=st.sampled_from(["promised", "contacted", "planned", "dropped", "other", 1, None]),
    tags=st.sampled_from(["urgent", ["urgent"], [], {}]),
)
def test_whatever_is_sent_is_answered_and_never_with_a_failure(
    told: Callable[..., httpx.Response], payload: Any, event: Any, tags: Any
) -> None:
    sent = payload | {"event": event, "tags": tags} if isinstance(payload, dict) else payload

    for result in results(answer := told(sent), answer.status_code):
        assert result["status"] < 500, result
    assert answer.status_code in (200, 202)


def test_with_sign_in_required_a_hook_is_believed_by_its_secret_alone(url: str, folder: Path) -> None:
    settings = {"database_url": url, "master_key": MASTER_KEY, "config": folder / "upheld.toml", "auth": "required"}
    with Serving(folder, **settings) as serving:
        anybody = serving.by("agent:ling")
        refused(anybody.post("/v1/commitments", {}), 401)
        bearer = {"Authorization": "Bearer fresh-secret", "X-Actor": "admin:root"}
        (made,) = results(anybody.client.post("/v1/hooks/bare", json=PROMISED | {"id": "T-5"}, headers=bearer))

    assert (made["status"], made["body"]["made_by"]) == (201, "agent:ling")

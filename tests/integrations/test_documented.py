"""The systems of docs/integrations: the configuration on the page of each, and what that system sends."""

import base64
import hashlib
import hmac
import json
import re
import time
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from store.embedded import EmbeddedServer
from tests.api.serving import MASTER_KEY, ROOT, Api, EmptyDatabase, Serving

PAYLOADS = Path(__file__).parent / "payloads"
MONDAY = datetime(2027, 3, 1, 2, 15, tzinfo=UTC)
SYSTEMS = ("chatwoot", "erpnext", "zammad", "zendesk")


def documented(system: str) -> str:
    """The configuration on the page of a system."""
    page = (ROOT / "docs" / "integrations" / f"{system}.md").read_text("utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return str(block)


def secret(system: str) -> bytes:
    return str(tomllib.loads(documented(system))["hooks"][system]["secret"]).encode()


def zammad(body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature": "sha1=" + hmac.new(secret("zammad"), body, hashlib.sha1).hexdigest()}


def zendesk(body: bytes) -> dict[str, str]:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hmac.new(secret("zendesk"), at.encode() + body, hashlib.sha256).digest()
    return {
        "X-Zendesk-Webhook-Signature": base64.b64encode(digest).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": at,
    }


def chatwoot(body: bytes) -> dict[str, str]:
    at = str(int(time.time()))
    digest = hmac.new(secret("chatwoot"), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Chatwoot-Signature": f"sha256={digest}", "X-Chatwoot-Timestamp": at, "X-Chatwoot-Delivery": "d-1"}


def erpnext(body: bytes) -> dict[str, str]:
    digest = hmac.new(secret("erpnext"), body, hashlib.sha256).digest()
    return {"X-Frappe-Webhook-Signature": base64.b64encode(digest).decode()}


SIGNED: dict[str, Callable[[bytes], dict[str, str]]] = {
    "chatwoot": chatwoot,
    "erpnext": erpnext,
    "zammad": zammad,
    "zendesk": zendesk,
}


@pytest.fixture(scope="module")
def shop(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Whoever looks at what those systems told; it is Monday morning in Shanghai."""
    folder = tmp_path_factory.mktemp("integrations")
    config = folder / "upheld.toml"
    places = '[defaults]\ntime_zone = "Asia/Shanghai"\ncalendar = "CN"\n'
    config.write_text(places + "\n".join(documented(system) for system in SYSTEMS), "utf-8")
    settings = {"master_key": MASTER_KEY, "config": config, "test_clock": 1}
    with EmptyDatabase(server.dsn, clock=MONDAY) as url, Serving(folder, database_url=url, **settings) as serving:
        api = serving.by("supervisor:wang")
        assert api.move_clock(MONDAY).status_code == 200
        yield api


def payload(name: str) -> dict[str, Any]:
    return dict(json.loads((PAYLOADS / f"{name}.json").read_text("utf-8")))


def told(shop: Api, system: str, payload: dict[str, Any], *, escaped: bool = True) -> httpx.Response:
    """What that system sends, signed as it does, without saying who asks in any other way."""
    body = json.dumps(payload, ensure_ascii=escaped).encode()
    headers = {"Content-Type": "application/json", **SIGNED[system](body)}
    answer = shop.client.post(f"/v1/hooks/{system}", content=body, headers=headers)
    shop.see(answer)
    return answer


def recorded(answer: httpx.Response, status: int = 201) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    (result,) = answer.json()["results"]
    assert result["status"] == status, result
    return dict(result["body"])


def test_a_promise_in_a_ticket_of_zammad_is_recorded_once_however_often_it_is_told(shop: Api) -> None:
    made = recorded(told(shop, "zammad", payload("zammad"), escaped=False))
    again = recorded(told(shop, "zammad", payload("zammad"), escaped=False))

    promise = shop.commitment(made["id"])
    assert again["id"] == made["id"]
    assert promise["promise"] == "Обаждаме се до 16 ч. с часа на доставката"
    assert (promise["customer_id"], promise["order_id"]) == ("zammad-88", "SO-4711")
    assert (promise["made_by"], promise["due"]["at"]) == ("agent:ling@shop.example", "2027-03-02T08:00:00Z")
    (first, *_) = shop.history(commitment_id=made["id"])
    assert (first["actor"], first["on_behalf_of"]) == ("system:zammad", "agent:ling@shop.example")
    assert len(shop.get("/v1/commitments", customer_id="zammad-88")["items"]) == 1


def test_a_ticket_of_another_group_is_none_of_our_promises(shop: Api) -> None:
    sent = payload("zammad")
    sent["ticket"]["group"]["name"] = "Returns"

    answer = told(shop, "zammad", sent)
    assert (answer.status_code, answer.json()) == (200, {"results": []})


def test_what_was_promised_in_zendesk_is_kept_when_the_ticket_is_solved(shop: Api) -> None:
    made = recorded(told(shop, "zendesk", payload("zendesk-promised")))
    solved = payload("zendesk-kept")
    solved["ticket"]["commitment"] = made["id"]

    assert (made["status"], made["order_id"], made["due"]["at"]) == ("open", None, "2027-03-03T16:00:00Z")
    assert shop.get("/v1/commitments", conversation="zendesk-35436")["items"][0]["id"] == made["id"]
    assert recorded(told(shop, "zendesk", solved), 200)["status"] == "kept"
    assert shop.told(made["id"])[-1] == "CommitmentKept"


def test_a_private_note_in_a_labelled_conversation_of_chatwoot_is_a_promise(shop: Api) -> None:
    made = recorded(told(shop, "chatwoot", payload("chatwoot"), escaped=False))

    promise = shop.commitment(made["id"])
    assert promise["promise"] == "我们两小时内给您回电，告知送货时间"
    assert promise["due"]["rule"] == {"within": {"amount": 2, "unit": "hours"}}
    assert (promise["order_id"], promise["conversation"]) == ("SO-1001", "chatwoot-567")


@pytest.mark.parametrize("change", [{"private": False}, {"event": "message_updated"}, {"conversation": {"labels": []}}])
def test_any_other_message_of_chatwoot_is_none(shop: Api, change: dict[str, Any]) -> None:
    answer = told(shop, "chatwoot", payload("chatwoot") | change)

    assert (answer.status_code, answer.json()) == (200, {"results": []})


def test_a_delivery_date_that_is_moved_in_erpnext_amends_the_promise(shop: Api) -> None:
    made = recorded(told(shop, "erpnext", payload("erpnext-submitted")))
    shop.get("/v1/commitments", headers={"Upheld-Min-Position": str(shop.end_of_the_log())})
    assert (made["value"], made["due"]["at"]) == ({"amount": "1299.5", "currency": "CNY"}, "2027-03-05T16:00:00Z")

    job = recorded(told(shop, "erpnext", payload("erpnext-moved")), 202)
    assert job["matched"] == 1
    deadline = time.monotonic() + 20
    while (state := shop.get(f"/v1/jobs/{job['job']}")["state"]) != "done":
        assert state in ("queued", "running")
        assert time.monotonic() < deadline
        time.sleep(0.05)

    promise = shop.commitment(made["id"])
    assert promise["promise"] == "Your order is delivered by 2027-03-08"
    assert (promise["due"]["at"], promise["postponements"]) == ("2027-03-08T16:00:00Z", 1)


@pytest.mark.parametrize("system", SYSTEMS)
def test_nobody_else_speaks_for_a_system(shop: Api, system: str) -> None:
    body = json.dumps(payload(next(PAYLOADS.glob(f"{system}*.json")).stem)).encode()
    headers = SIGNED[system](body)

    altered = shop.client.post(f"/v1/hooks/{system}", content=body + b" ", headers=headers)
    assert altered.status_code == 401
    assert shop.client.post(f"/v1/hooks/{system}", content=body).status_code == 401

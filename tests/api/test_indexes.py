"""Every index that is kept up to date with each event is one that some question goes by."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg.sql import SQL, Identifier

from bench.generate import Plan, generate
from policies.clock import CLOCK
from projections.registry import PROJECTIONS
from store.attempts import Attempts, Limit
from store.database import Database
from store.keyring import Keyring
from tests.api.conftest import Serve
from tests.api.serving import BROWSER_KEYS, Api
from tests.messages.receivers import eventually

pytestmark = pytest.mark.anyio

_IDLE = """
SELECT s.indexrelname FROM pg_stat_user_indexes s JOIN pg_index i USING (indexrelid)
WHERE s.schemaname = 'public' AND s.idx_scan = 0 AND NOT i.indisunique AND s.relname NOT LIKE 'procrastinate%'
ORDER BY s.indexrelname
"""
"""Indexes that nobody looked anything up in. A unique one is a rule as well; the tables of a library are its own."""


async def test_no_index_is_there_that_no_question_goes_by(
    serve: Serve, database: Database, keyring: Keyring, project: Callable[..., Awaitable[None]], tmp_path: Path
) -> None:
    await generate(database, keyring, Plan(1_500, until=datetime.now(UTC), per_day=500))
    await project(*PROJECTIONS, CLOCK)
    async with await database.connect("test") as conn:
        await conn.execute("VACUUM ANALYZE")
        # A table of a few pages is read from end to end, whatever indexes it has.
        await conn.execute(SQL("ALTER DATABASE {} SET enable_seqscan = off").format(Identifier(conn.info.dbname)))
    config = tmp_path / "upheld.toml"
    config.write_text(_CONFIG)
    with serve(database_url=database.dsn, config=config) as serving:
        ask_everything(serving.by("supervisor:wang"))
        go_on(serving.by("agent:ling"))
    async with Database.open(database.dsn, tmp_path) as signing_in:
        for address in ("192.0.2.7", "192.0.2.8"):
            await Attempts(signing_in, keyring).note(Limit("key", most=1), address, datetime.now(UTC))

    # What connections have counted is there for all to see once they are closed.
    idle = [name for (name,) in await database.fetch(_IDLE)]
    assert not idle, ", ".join(idle)


_CONFIG = """
[retention]
after_close = "P2Y"
[[webhooks]]
url = "http://127.0.0.1:9/nobody-listens"
secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
allow_private = true
[hooks.helpdesk]
verify = "bearer"
secret = "a-secret-of-the-test"
[[hooks.helpdesk.commands]]
send = "POST /v1/commitments/{nowhere}/contacts"
body = { channel = "phone" }
"""


def ask_everything(api: Api) -> None:
    """Every question that the API answers, by each of its filters."""
    a_day_ago = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    made = api.history(type="CommitmentMade", limit=200)
    about = next(item for item in made if item["order_id"] and item["data"]["conversation"])
    facts = api.history(commitment_id=about["commitment_id"])
    then = facts[-1]["recorded_at"]
    commitment = api.commitment(about["commitment_id"])
    recipient = next(handoff["recipient"] for handoff in commitment["handoffs"] if handoff["recipient"])
    told: dict[str, Any] = {
        "order_id": about["order_id"],
        "customer_id": about["customer_id"],
        "recipient": recipient,
        "channel": about["data"]["channel"],
        "conversation": about["data"]["conversation"],
    }
    for name, value in {**told, "actor": about["actor"], "from_": then, "to": then}.items():
        api.history(**{name: value})
    for name, value in {**told, "made_by": about["actor"], "due_before": then, "due_after": a_day_ago}.items():
        api.get("/v1/commitments", **{name: value})
        api.get("/v1/commitments", **{name: value}, status="open")
    long_ago = (datetime.now(UTC) - timedelta(days=3_000)).isoformat()
    api.get("/v1/commitments", status="broken")
    rare: dict[str, Any] = {"kind": "never-promised", "channel": "never-used", "due_before": long_ago}
    for name, value in rare.items():
        assert api.get("/v1/commitments", **{name: value})["items"] == []
    for name, value in {"recipient": recipient, "kind": about["data"]["kind"], "rescue_before": then}.items():
        api.get("/v1/flags", **{name: value})
        api.get("/v1/flags", **{name: value}, as_of=a_day_ago)
    api.get("/v1/flags")
    api.get("/v1/flags/groups", by="recipient")
    api.get("/v1/yard", from_=then, to=(datetime.fromisoformat(then) + timedelta(hours=1)).isoformat())
    api.get("/v1/tasks", recipient=recipient)
    api.get("/v1/tasks", recipient=recipient, as_of=a_day_ago)
    api.get(f"/v1/orders/{about['order_id']}")
    api.commitment(about["commitment_id"], as_of=a_day_ago)
    api.get("/v1/scorecard", from_=a_day_ago, group_by="role")
    assert api.request("GET", "/metrics").status_code == 200


def go_on(api: Api) -> None:
    """What is recorded goes on, is routed, and is projected."""
    order = "SO-of-the-test"
    person = {"name": "Li", "locale": "en", "time_zone": "UTC", "channels": []}
    assert api.put("/v1/people/courier:li", person).status_code == 200
    for number in (1, 2):
        code = api.post("/v1/people/courier:li/pairings", None).json()["code"]
        assert api.client.post("/v1/pairings", json={"code": code}).status_code == 201
        api.client.cookies.clear()  # another phone
        assert len(api.get("/v1/people/courier:li/devices")["items"]) == number
    promise = api.promise(order_id=order)
    api.by("system:oms").assign(order, "courier:li")
    api.by("courier:li").receipt(promise["id"])
    hook = api.client.post("/v1/hooks/helpdesk", json={}, headers={"Authorization": "Bearer a-secret-of-the-test"})
    assert hook.status_code == 202
    today = api.post("/v1/people/courier:li/keeper-link", None).json()["url"]
    assert api.client.get(today).status_code == 200
    browser = {"endpoint": "https://push.example/s", "keys": BROWSER_KEYS}
    assert api.post("/v1/people/courier:li/push-subscriptions", browser).status_code == 201
    api.command(promise["id"], "amendments", {"promise": "It comes in the evening", "reason": "The van broke down"})
    eventually(lambda: "HandoffFailed" in api.told(promise["id"]))
    notice = {"where": {"order_id": order}, "promise": "It comes at night", "reason": "Snow", "inform_customers": True}
    job = api.by("supervisor:wang").post("/v1/amendments", notice).json()["job"]
    eventually(lambda: api.get(f"/v1/jobs/{job}")["state"] == "done")
    api.by("courier:li").command(promise["id"], "fulfilment", {})
    assert "CommitmentKept" in api.told(promise["id"])
    admin, customer = api.by("admin:root"), f"/v1/customers/{promise['customer_id']}"
    assert admin.put(f"{customer}/hold", {"reason": "a lawsuit"}).status_code == 200
    assert admin.delete(f"{customer}/hold").status_code == 204
    assert [admin.delete(customer).status_code for _ in range(2)] == [202, 202]

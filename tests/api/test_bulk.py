"""POST `/v1/amendments`: one notice that moves many promises (contract, sections 4 and 12)."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.api.serving import Api, Serving, refused

SHIFT = {"due": {"shift": {"amount": 1, "unit": "days"}}, "reason": "The road to the depot is snowed in"}


def begin(api: Api, where: dict[str, Any], key: str | None = None, **change: Any) -> dict[str, Any]:
    answer = api.post("/v1/amendments", {"where": where, **SHIFT, **change}, key=key)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def done(api: Api, job: str, within: float = 20) -> dict[str, Any]:
    """A job, once it is done."""
    deadline = time.monotonic() + within
    while (shown := api.get(f"/v1/jobs/{job}"))["state"] not in ("done", "failed"):
        assert time.monotonic() < deadline, shown
        time.sleep(0.05)
    return dict(shown)


def test_every_promise_that_matches_is_moved_and_its_receipts_are_void(agent: Api, order: str) -> None:
    agent.assign(order, "courier:li")
    mine = [agent.promise(order_id=order) for _ in range(3)]
    other = agent.by(f"{agent.actor}-2").promise()
    agent.by("courier:li").receipt(mine[0]["id"])
    begun = begin(agent, {"made_by": agent.actor})
    job = done(agent, begun["job"])

    assert begun["matched"] == 3
    assert job == {
        "id": begun["job"],
        "state": "done",
        "matched": 3,
        "done": 3,
        "not_informed": 0,
        "untold": [],
        "error": None,
        "skipped": [],
    }
    for before in mine:
        after = agent.commitment(before["id"])
        was, due = (datetime.fromisoformat(each["due"]["at"]) for each in (before, after))
        assert due - was == timedelta(days=1)
        assert (after["revision"], after["postponements"]) == (2, 1)
        assert after["handoffs"][0]["received"] is False
    assert agent.commitment(other["id"]) == {**other, "warnings": []}
    (told,) = agent.history(commitment_id=mine[0]["id"], type="CommitmentAmended")
    assert (told["actor"], told["data"]["reason"]) == (agent.actor, SHIFT["reason"])


def test_what_is_closed_is_not_touched(agent: Api) -> None:
    kept, live = agent.promise()["id"], agent.promise()["id"]
    agent.command(kept, "fulfilment", {})
    begun = begin(agent, {"made_by": agent.actor})
    done(agent, begun["job"])

    assert begun["matched"] == 1
    assert [agent.commitment(id)["revision"] for id in (kept, live)] == [1, 2]


def test_the_orders_of_a_depot_are_found(agent: Api, order: str) -> None:
    depot = f"depot of {order}"
    there, elsewhere = f"{order}-1", f"{order}-2"
    agent.assign(there, "courier:li", depot=depot)
    agent.assign(elsewhere, "courier:li", depot="elsewhere")
    ids = [agent.promise("delivery", order_id=one)["id"] for one in (there, elsewhere)]
    begun = begin(agent, {"kind": "delivery", "depot": depot})
    done(agent, begun["job"])

    assert begun["matched"] == 1
    assert [agent.commitment(id)["revision"] for id in ids] == [2, 1]


def test_what_cannot_be_moved_is_skipped_and_said_why(agent: Api) -> None:
    early, late = agent.promise(due=agent.due(hours=3))["id"], agent.promise(due=agent.due(days=9))["id"]
    begun = begin(agent, {"made_by": agent.actor}, due={"shift": {"amount": -2, "unit": "days"}})
    job = done(agent, begun["job"])

    (skipped,) = job["skipped"]
    assert (skipped["commitment_id"], skipped["code"], job["done"]) == (early, "invalid", 2)
    assert skipped["detail"] == "has passed already"
    assert [agent.commitment(id)["revision"] for id in (early, late)] == [1, 2]


def test_a_dry_run_shows_what_would_become_of_them_and_records_nothing(agent: Api) -> None:
    made = agent.promise()
    answer = agent.post("/v1/amendments", {"where": {"made_by": agent.actor}, **SHIFT}, dry_run="true")
    (shown,) = answer.json()["preview"]

    assert (answer.status_code, answer.json()["matched"]) == (200, 1)
    assert (shown["commitment_id"], shown["due_at"]) == (made["id"], made["due"]["at"])
    assert datetime.fromisoformat(shown["new_due_at"]) - datetime.fromisoformat(shown["due_at"]) == timedelta(days=1)
    assert agent.commitment(made["id"])["revision"] == 1


def test_the_same_key_is_the_same_job(agent: Api) -> None:
    id = agent.promise()["id"]
    jobs = [begin(agent, {"made_by": agent.actor}, key="snow") for _ in range(2)]
    done(agent, jobs[0]["job"])

    assert jobs[0] == jobs[1]
    assert agent.commitment(id)["revision"] == 2
    other = {"where": {"made_by": agent.actor}, **SHIFT, "reason": "Ice"}
    refused(agent.post("/v1/amendments", other, key="snow"), 422, "idempotency_key_reused")


def test_the_selection_is_fixed_when_it_is_begun(agent: Api) -> None:
    first = agent.promise()["id"]
    begun = begin(agent, {"made_by": agent.actor})
    second = agent.promise()["id"]
    done(agent, begun["job"])

    assert [agent.commitment(id)["revision"] for id in (first, second)] == [2, 1]


def test_new_words_and_a_new_date_for_all(agent: Api) -> None:
    id = agent.promise()["id"]
    day = agent.at(days=3)[:10]
    begun = begin(agent, {"made_by": agent.actor}, promise="It comes on Thursday", due={"date": day})
    done(agent, begun["job"])
    after = agent.commitment(id)

    assert (after["promise"], after["due"]["rule"]) == ("It comes on Thursday", {"date": day})


def test_whoever_was_not_told_is_counted_once(agent: Api) -> None:
    for customer in ("CU-1", "CU-1", "CU-2"):
        agent.promise(customer_id=customer)
    begun = begin(agent, {"made_by": agent.actor}, inform_customers=True)

    job = done(agent, begun["job"])
    assert (job["not_informed"], job["untold"]) == (2, ["CU-1", "CU-2"])


def test_nothing_that_matches_is_done_at_once(agent: Api) -> None:
    begun = begin(agent, {"made_by": f"{agent.actor}-nobody"})
    assert (begun["matched"], done(agent, begun["job"])["done"]) == (0, 0)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"where": {}}, "/where"),
        ({"where": {"colour": "red"}}, "/where/colour"),
        ({"where": {"status": "lost"}}, "/where/status"),
        ({"due": None}, ""),
        ({"due": {"shift": {"amount": 1, "unit": "moons"}}}, "/due/shift/unit"),
        ({"due": {"shift": {"amount": 1, "unit": "days"}, "date": "2027-03-04"}}, "/due"),
        ({"reason": None}, "/reason"),
        ({"inform_customers": "yes"}, "/inform_customers"),
    ],
)
def test_what_is_no_notice_is_refused(agent: Api, change: dict[str, Any], pointer: str) -> None:
    body = {"where": {"made_by": agent.actor}, **SHIFT, **change}
    refused(agent.post("/v1/amendments", body), 422, pointer=pointer)


@pytest.mark.parametrize("job", ["nothing", "00000000-0000-4000-8000-000000000000"])
def test_there_is_no_such_job(agent: Api, job: str) -> None:
    refused(agent.request("GET", f"/v1/jobs/{job}"), 404, "not_found")


def test_a_job_whose_process_is_killed_goes_on_and_amends_nothing_twice(
    serve: Callable[..., Serving], fresh_database: Callable[[], str]
) -> None:
    url = fresh_database()
    first = serve(database_url=url).wait()
    agent = first.by("agent:ling")
    ids = [agent.promise(customer_id=f"CU-{number}")["id"] for number in range(400)]
    begun = begin(agent, {"made_by": "agent:ling"})
    while not agent.get(f"/v1/jobs/{begun['job']}")["done"]:
        pass
    first.kill()
    again = serve(database_url=url).wait().by("agent:ling")
    job = done(again, begun["job"], within=30)

    assert (job["done"], job["skipped"]) == (400, [])
    assert {again.commitment(id)["revision"] for id in ids[::20]} == {2}
    amended = again.history(type="CommitmentAmended", limit=500)
    assert len(amended) == len({item["commitment_id"] for item in amended}) == 400

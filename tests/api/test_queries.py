"""What can be asked (contract, sections 5 and 12): commitments, orders, tasks, flags, history, scorecard, health."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.api.serving import Api, refused


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [str(item["id"]) for item in items]


# -- commitments ------------------------------------------------------------------------------------------------


def test_commitments_are_found_by_each_of_their_sides(agent: Api, order: str) -> None:
    agent.assign(order, "courier:li")
    other = agent.promise("refund", customer_id="CU-other", due=agent.due(days=9))["id"]
    sought = agent.promise(
        order_id=order, customer_id=f"CU-{order}", channel="电话", conversation=f"call-{order}", due=agent.due(days=2)
    )["id"]
    agent.command(other, "fulfilment", {})

    sides: list[dict[str, Any]] = [
        {"order_id": order},
        {"customer_id": f"CU-{order}"},
        {"status": "open"},
        {"kind": "redelivery"},
        {"role": "courier"},
        {"recipient": "courier:li"},
        {"role": "courier", "recipient": "courier:li"},
        {"channel": "电话"},
        {"conversation": f"call-{order}"},
        {"due_before": agent.at(days=3)},
        {"due_after": agent.at(days=1), "due_before": agent.at(days=3)},
    ]
    for asked in sides:
        assert ids(agent.get("/v1/commitments", made_by=agent.actor, **asked)["items"]) == [sought], asked
    sides = [{"status": "kept"}, {"kind": "refund"}, {"due_after": agent.at(days=3)}, {"recipient": "team:finance"}]
    for asked in sides:
        assert ids(agent.get("/v1/commitments", made_by=agent.actor, **asked)["items"]) == [other], asked
    assert agent.get("/v1/commitments", made_by=agent.actor, role="finance", recipient="courier:li")["items"] == []


def test_commitments_come_newest_first(agent: Api) -> None:
    made = [agent.promise(made_at=agent.at(hours=-hours))["id"] for hours in (1, 3, 2)]

    assert ids(agent.get("/v1/commitments", made_by=agent.actor)["items"]) == made[::-1]


@pytest.mark.parametrize(
    ("path", "asked", "pointer"),
    [
        ("commitments", {"status": "lost"}, "/query/status"),
        ("commitments", {"colour": "red"}, "/query/colour"),
        ("commitments", {"made_by": "ling"}, "/query/made_by"),
        ("commitments", {"due_before": "soon"}, "/query/due_before"),
        ("commitments", {"order_id": "two words"}, "/query/order_id"),
        ("flags", {"reason": "bored"}, "/query/reason"),
        ("flags", {"rescue_before": "2027-01-01"}, "/query/rescue_before"),
        ("history", {"commitment_id": "SO-1"}, "/query/commitment_id"),
        ("history", {"after": "-1"}, "/query/after"),
        ("history", {"after": "last"}, "/query/after"),
        ("history", {"from_": "2027-01-01T00:00:00"}, "/query/from"),
        ("scorecard", {"group_by": "mood"}, "/query/group_by"),
        ("tasks", {"recipient": "li"}, "/query/recipient"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(agent: Api, path: str, asked: dict[str, Any], pointer: str) -> None:
    refused(agent.request("GET", f"/v1/{path}", **asked), 422, "invalid", pointer)


@pytest.mark.parametrize("path", ["commitments", "flags", "history"])
@pytest.mark.parametrize("cursor", ["x", "WzFd!", "bnVsbA", "WyJhIl0", "W10", "WzEsMl0", "%00", "e30"])
def test_a_cursor_that_nobody_gave_is_refused(agent: Api, path: str, cursor: str) -> None:
    refused(agent.request("GET", f"/v1/{path}?cursor={cursor}"), 422)


def test_the_cursor_of_one_query_is_no_cursor_of_another(agent: Api) -> None:
    for _ in range(2):
        agent.promise(due=agent.due(minutes=1))
    agent.later(minutes=1)
    cursor = agent.get("/v1/flags", limit=1, made_by=agent.actor)["next_cursor"]

    refused(agent.request("GET", "/v1/commitments", cursor=cursor), 422, "invalid", "/query/cursor")


# -- orders and tasks -------------------------------------------------------------------------------------------


def test_an_order_shows_its_assignments_and_its_commitments_newest_first(agent: Api, order: str) -> None:
    first, second = (agent.promise(kind, order_id=order)["id"] for kind in ("redelivery", "refund"))
    agent.assign(order, "courier:li")
    agent.assign(order, "warehouse:hu", role="warehouse")
    shown = agent.get(f"/v1/orders/{order}")

    assert shown["order_id"] == order
    assert [(a["role"], a["recipient"]) for a in shown["assignments"]] == [
        ("courier", "courier:li"),
        ("warehouse", "warehouse:hu"),
    ]
    assert ids(shown["commitments"]) == [second, first]
    assert shown["commitments"][0] == agent.commitment(second)


def test_the_task_view_holds_stops_in_planned_order_and_then_what_has_no_order(
    agent: Api, courier: Api, order: str
) -> None:
    plans: dict[str, dict[str, Any]] = {
        f"{order}-late": {"departs_at": agent.at(hours=5), "stop": 1},
        f"{order}-second": {"departs_at": agent.at(hours=1), "stop": 2, "address": "2 High Street"},
        f"{order}-first": {"departs_at": agent.at(hours=1), "stop": 1, "planned_start": agent.at(hours=2)},
        f"{order}-unplanned": {},
    }
    for order_id, plan in plans.items():
        agent.assign(order_id, courier.actor, **plan)
        agent.promise(order_id=order_id)
    alone = [agent.promise(due=agent.due(hours=hours))["id"] for hours in (30, 20)]
    for id in alone:
        agent.put(f"/v1/commitments/{id}/assignment", {"role": "courier", "recipient": courier.actor})
    items = courier.get("/v1/tasks")["items"]

    names = ("order_id", "stop", "address", "departs_at", "planned_start", "planned_end")
    assert [item["order_id"] for item in items] == [
        f"{order}-first",
        f"{order}-second",
        f"{order}-late",
        f"{order}-unplanned",
        None,
        None,
    ]
    assert {name: items[0][name] for name in names} == dict.fromkeys(names) | {
        "order_id": f"{order}-first",
        **plans[f"{order}-first"],
    }
    assert items[1]["address"] == "2 High Street"
    assert [ids(item["commitments"]) for item in items[4:]] == [[alone[1]], [alone[0]]]
    assert items == agent.get("/v1/tasks", recipient=courier.actor)["items"]
    assert set(items[0]) == {*names, "commitments", "erased"}


def test_tasks_hold_what_is_open_or_broken_only(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor)
    lives, kept, gone = (agent.promise(order_id=order, due=agent.due(hours=1))["id"] for _ in range(3))
    agent.command(kept, "fulfilment", {})
    agent.command(gone, "withdrawal", {"reason": "r", "cause": "mistake"})
    agent.later(hours=1)
    (stop,) = courier.get("/v1/tasks")["items"]

    assert [(c["id"], c["status"]) for c in stop["commitments"]] == [(lives, "broken")]


def test_a_member_sees_what_the_team_has_until_another_member_claims_it(agent: Api, order: str) -> None:
    id = agent.promise("refund", order_id=order)["id"]

    def sees(actor: str) -> bool:
        tasks = agent.by(actor).get("/v1/tasks")["items"]
        return id in [c["id"] for stop in tasks for c in stop["commitments"]]

    assert (sees("finance:zhao"), sees("finance:wu"), sees("courier:li")) == (True, True, False)
    agent.by("finance:wu").receipt(id)
    assert (sees("finance:zhao"), sees("finance:wu")) == (False, True)


def test_what_a_screen_could_show_at_an_instant(agent: Api, courier: Api, order: str) -> None:
    def shown(at: str) -> list[Any]:
        return list(agent.get("/v1/tasks", recipient=courier.actor, as_of=at)["items"])

    empty = agent.at()
    agent.later(minutes=1)
    agent.assign(order, courier.actor, stop=7, address="7 High Street")
    id = agent.promise(order_id=order, promise="A cable")["id"]
    first = agent.at()
    agent.later(minutes=1)
    agent.command(id, "amendments", {"promise": "A longer cable", "reason": "r"})
    agent.assign(order, courier.actor, stop=8)
    amended = agent.at()
    agent.later(minutes=1)
    agent.assign(order, "courier:bo")

    assert shown(empty) == []
    assert [(s["order_id"], s["stop"], s["address"]) for s in shown(first)] == [(order, 7, "7 High Street")]
    assert shown(first)[0]["commitments"][0]["promise"] == "A cable"
    assert [(s["stop"], s["commitments"][0]["promise"]) for s in shown(amended)] == [(8, "A longer cable")]
    assert shown(agent.at()) == courier.get("/v1/tasks")["items"] == []


def test_what_a_screen_showed_is_what_the_task_view_answered_then(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor, departs_at=agent.at(hours=5), stop=2)
    for kind in ("redelivery", "free_item"):
        agent.promise(kind, order_id=order)
    then, at = courier.get("/v1/tasks")["items"], agent.at()
    agent.later(hours=1)
    agent.by("supervisor:wang").receipt(then[0]["commitments"][0]["id"], role="courier")

    assert agent.get("/v1/tasks", recipient=courier.actor, as_of=at)["items"] == then


def test_the_task_view_says_what_time_it_is_and_up_to_which_event_it_shows_everything(
    agent: Api, courier: Api, order: str
) -> None:
    agent.assign(order, courier.actor)
    agent.promise(order_id=order)
    end = agent.end_of_the_log()
    headers = courier.request("GET", "/v1/tasks").headers

    assert int(headers["upheld-position"]) >= end
    assert headers["upheld-now"] == agent.at()
    agent.later(minutes=1, microseconds=5)
    assert courier.request("GET", "/v1/tasks").headers["upheld-now"] == agent.at()
    past = courier.request("GET", "/v1/tasks", as_of=agent.at())
    assert not {"upheld-position", "upheld-now", "etag"} & past.headers.keys()


def test_a_long_day_travels_compressed_to_who_takes_that(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor)

    def read(accepted: str) -> tuple[httpx.Response, str | None, int]:
        answer = courier.request("GET", "/v1/tasks", headers={"Accept-Encoding": accepted})
        assert answer.headers["vary"] == "Accept-Encoding"
        return answer, answer.headers.get("content-encoding"), int(answer.headers["content-length"])

    agent.promise(order_id=order)
    assert read("gzip")[1] is None, "a short one is not worth it"
    promised = [agent.promise(order_id=order)["id"] for _ in range(4)]
    as_it_is, encoding, length = read("br, gzip;q=0")
    small, small_encoding, small_length = read("br, GZIP;q=0.5")
    assert (encoding, small_encoding) == (None, "gzip")
    assert (small.json(), small.headers["etag"]) == (as_it_is.json(), as_it_is.headers["etag"])
    assert small_length < length / 3
    receipts = [
        {"commitment_id": id, "idempotency_key": f"key-{id}", "revision": 1, "state": "seen"} for id in promised
    ]
    answer = courier.post("/v1/receipts", {"receipts": receipts}, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert [one["status"] for one in answer.json()["results"]] == [200] * 4


def test_who_holds_the_task_view_already_is_not_sent_it_again(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor)
    id = agent.promise(order_id=order)["id"]
    first = courier.request("GET", "/v1/tasks")
    tag = first.headers["etag"]

    def again(held: str) -> httpx.Response:
        return courier.request("GET", "/v1/tasks", headers={"If-None-Match": held})

    agent.promise()  # which is nothing to him
    for held in (tag, tag.removeprefix("W/"), f'"a", {tag}', "*"):
        known = again(held)
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
        assert int(known.headers["upheld-position"]) > int(first.headers["upheld-position"])
        assert known.headers["upheld-now"] == agent.at()
        assert not {"content-type", "content-length"} & known.headers.keys()
    for held in ('W/"a"', tag[:-2], "yesterday", "", "D3B*;q"):
        assert (again(held).status_code, again(held).json()) == (200, first.json())
    courier.receipt(id, "seen")
    assert again(tag).status_code == 200
    assert again(tag).headers["etag"] != tag
    assert tag.startswith('W/"')
    assert first.headers["cache-control"] == "private, no-cache"


# -- flags ------------------------------------------------------------------------------------------------------


def test_a_flag_says_what_is_wrong_since_when_and_until_when_it_can_be_mended(
    agent: Api, courier: Api, order: str
) -> None:
    agent.assign(order, courier.actor, departs_at=agent.at(hours=5), depot=f"depot {order}")
    made = agent.promise(order_id=order, promise="A cable")
    due = agent.at(hours=4.5)
    assert agent.get("/v1/flags", made_by=agent.actor) == {"items": [], "next_cursor": None, "total": 0}
    agent.later(hours=4.5)
    page = agent.get("/v1/flags", made_by=agent.actor)

    assert page == {
        "items": [
            {
                "commitment_id": made["id"],
                "order_id": order,
                "kind": "redelivery",
                "promise": "A cable",
                "reason": "not_received",
                "since": due,
                "role": "courier",
                "recipient": courier.actor,
                "made_by": agent.actor,
                "due_at": made["due"]["at"],
                "receipt_due_at": due,
                "rescue_by": agent.at(minutes=30),
                "depot": f"depot {order}",
                "erased": False,
            }
        ],
        "next_cursor": None,
        "total": 1,
    }
    agent.later(minutes=30)
    assert agent.get("/v1/flags", made_by=agent.actor)["items"][0]["rescue_by"] == made["due"]["at"]


def test_the_earliest_rescue_comes_first_and_pages_follow(agent: Api) -> None:
    made = [agent.promise(due=agent.due(hours=hours))["id"] for hours in (15, 13, 14, 16, 13)]
    agent.later(hours=12)
    asked: dict[str, Any] = {"made_by": agent.actor, "limit": 2}
    pages, cursor = [], None
    while True:
        page = agent.get("/v1/flags", **asked, cursor=cursor)
        pages.append([flag["commitment_id"] for flag in page["items"]])
        assert page["total"] == 5
        if (cursor := page["next_cursor"]) is None:
            break

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [id for page in pages for id in page] == [*sorted((made[1], made[4])), made[2], made[0], made[3]]


def test_flags_are_found_by_each_of_their_sides(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor, depot=f"depot {order}")
    sought = agent.promise(order_id=order, due=agent.due(hours=2))["id"]
    other = agent.promise("refund", due=agent.due(hours=3))["id"]
    agent.later(hours=2)
    agent.by("finance:zhao").receipt(other, "declined", reason="No budget")

    def found(**asked: Any) -> list[str]:
        return [flag["commitment_id"] for flag in agent.get("/v1/flags", made_by=agent.actor, **asked)["items"]]

    assert found() == [sought, other]
    sides: list[dict[str, Any]] = [
        {"reason": "overdue"},
        {"recipient": courier.actor},
        {"role": "courier"},
        {"kind": "redelivery"},
        {"depot": f"depot {order}"},
        {"rescue_before": agent.at(minutes=30)},
    ]
    for asked in sides:
        assert found(**asked) == [sought], asked
        assert agent.get("/v1/flags", made_by=agent.actor, **asked)["total"] == 1
    assert found(reason="declined") == [other]


def test_flags_of_an_instant_are_what_was_answered_then(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor, departs_at=agent.at(hours=5))
    made = [agent.promise(order_id=order, promise=words)["id"] for words in ("A cable", "A plug")]
    nothing = agent.at(hours=4)
    agent.later(hours=4.5)
    asked: dict[str, Any] = {"made_by": agent.actor}
    before, at = agent.get("/v1/flags", **asked), agent.at()
    agent.later(minutes=1)
    agent.command(made[0], "amendments", {"promise": "A longer cable", "reason": "r"})
    agent.command(made[1], "fulfilment", {})
    agent.later(hours=2)

    assert before["total"] == 2
    assert agent.get("/v1/flags", **asked, as_of=at) == before
    assert agent.get("/v1/flags", **asked, as_of=nothing) == {"items": [], "next_cursor": None, "total": 0}
    assert agent.get("/v1/flags", **asked, as_of=agent.at()) == agent.get("/v1/flags", **asked)
    first = agent.get("/v1/flags", **asked, as_of=at, limit=1)
    second = agent.get("/v1/flags", **asked, as_of=at, limit=1, cursor=first["next_cursor"])
    assert first["items"] + second["items"] == before["items"]
    assert (first["total"], second["total"], second["next_cursor"]) == (2, 2, None)
    assert agent.get("/v1/flags", **asked, as_of=at, recipient="courier:nobody")["total"] == 0


@pytest.mark.parametrize(
    "reason", ["disputed", "declined", "attempted", "overdue", "unassigned", "stale_revision", "not_received"]
)
def test_each_reason_is_shown_exactly_while_it_holds(agent: Api, courier: Api, order: str, reason: str) -> None:
    id = agent.promise(order_id=order, due=agent.due(hours=24))["id"]
    if reason != "unassigned":
        agent.assign(order, courier.actor)
    match reason:
        case "disputed":
            agent.command(id, "fulfilment", {})
            agent.command(id, "reopening", {"reason": "disputed"})
        case "declined":
            courier.receipt(id, "declined", reason="None in the van")
        case "attempted":
            agent.command(id, "attempts", {"outcome": "no_access"})
        case "overdue":
            courier.receipt(id)
            agent.later(hours=24)
        case "unassigned":
            assert agent.flag(id) is None
            agent.later(hours=12)
        case "stale_revision":
            courier.receipt(id)
            agent.command(id, "amendments", {"promise": "Other", "reason": "r"})
            assert agent.flag(id) is None
            agent.later(hours=1)
        case "not_received":
            agent.later(minutes=59)
            assert agent.flag(id) is None
            agent.later(minutes=1)

    assert agent.flag(id) == reason
    if reason == "unassigned":
        agent.assign(order, courier.actor)
    elif reason in ("declined", "stale_revision", "not_received"):
        courier.receipt(id, revision=2 if reason == "stale_revision" else 1)
    elif reason == "attempted":
        agent.command(id, "amendments", {"due": agent.due(days=2), "reason": "r"})
    else:
        agent.command(id, "fulfilment", {})
    assert agent.flag(id) is None


def test_a_commitment_has_one_flag_the_first_of_the_list(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor)
    id = agent.promise(order_id=order, due=agent.due(hours=2))["id"]
    agent.later(hours=1)
    reasons = [agent.flag(id)]
    agent.later(hours=1)
    reasons.append(agent.flag(id))
    agent.command(id, "attempts", {"outcome": "no_access"})
    reasons.append(agent.flag(id))
    courier.receipt(id, "declined", reason="Broken van")
    reasons.append(agent.flag(id))
    agent.command(id, "fulfilment", {})
    agent.command(id, "reopening", {"reason": "disputed"})
    reasons.append(agent.flag(id))

    assert reasons == ["not_received", "overdue", "attempted", "declined", "disputed"]
    assert agent.get("/v1/flags", made_by=agent.actor)["total"] == 1


# -- history ----------------------------------------------------------------------------------------------------


def test_an_item_of_the_history_is_shown_as_the_contract_has_it(agent: Api, order: str) -> None:
    agent.assign(order, "courier:li", stop=3, address="1 High Street")
    id = agent.promise(order_id=order, channel="phone")["id"]
    assigned, made, handed = agent.history(order_id=order)

    assert list(made) == [
        "position",
        "type",
        "commitment_id",
        "order_id",
        "customer_id",
        "actor",
        "on_behalf_of",
        "recorded_at",
        "occurred_at",
        "revision",
        "data",
    ]
    assert (made["type"], made["commitment_id"], made["customer_id"], made["revision"]) == (
        "CommitmentMade",
        id,
        "CU-7",
        1,
    )
    assert (made["actor"], made["on_behalf_of"], made["recorded_at"]) == (agent.actor, None, agent.at())
    assert (made["data"]["promise"], made["data"]["channel"]) == ("It comes by noon", "phone")
    assert (assigned["type"], assigned["commitment_id"], assigned["revision"]) == ("OrderAssigned", None, None)
    assert (assigned["data"]["address"], assigned["data"]["stop"]) == ("1 High Street", 3)
    assert (handed["type"], handed["data"]["recipient"]) == ("HandoffAssigned", "courier:li")
    assert assigned["position"] < made["position"] < handed["position"]


def test_the_history_is_found_by_each_of_its_sides(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor)
    customer, conversation = f"CU-{order}", f"chat {order}"
    id = agent.promise(order_id=order, customer_id=customer, channel=f"wechat {order}", conversation=conversation)["id"]
    agent.promise("refund")
    agent.later(minutes=1)
    since = agent.at()
    courier.receipt(id)
    whole = ["CommitmentMade", "HandoffAssigned", "HandoffAcknowledged"]

    def types(**asked: Any) -> list[str]:
        return [item["type"] for item in agent.history(**asked)]

    assert types(commitment_id=id) == whole
    assert types(order_id=order) == ["OrderAssigned", *whole]
    assert types(customer_id=customer) == whole
    assert types(channel=f"wechat {order}") == types(conversation=conversation) == whole
    assert types(actor=courier.actor) == ["HandoffAcknowledged"]
    assert types(recipient=courier.actor) == ["OrderAssigned", "HandoffAssigned", "HandoffAcknowledged"]
    assert types(commitment_id=id, type="HandoffAssigned") == ["HandoffAssigned"]
    assert types(commitment_id=id, from_=since) == ["HandoffAcknowledged"]
    assert types(commitment_id=id, to=since) == ["CommitmentMade", "HandoffAssigned"]
    assert types(commitment_id=id, from_=since, to=since) == []
    assert types(commitment_id=id, after=agent.history(commitment_id=id)[1]["position"]) == ["HandoffAcknowledged"]
    refused(agent.request("GET", "/v1/history", type="NoSuchEvent"), 422, "invalid", "/query/type")


def test_the_log_can_be_followed(agent: Api) -> None:
    end = agent.end_of_the_log()
    assert agent.history(after=end, actor=agent.actor) == []
    agent.promise()

    assert [item["type"] for item in agent.history(after=end, actor=agent.actor)] == ["CommitmentMade"]


def test_pages_of_the_history_follow_by_position(agent: Api) -> None:
    id = agent.promise()["id"]
    for _ in range(6):
        agent.command(id, "contacts", {"channel": "phone"})
    whole = agent.history(commitment_id=id)
    first = agent.get("/v1/history", commitment_id=id, limit=5)
    second = agent.get("/v1/history", commitment_id=id, limit=5, cursor=first["next_cursor"])

    assert first["items"] + second["items"] == whole
    assert second["next_cursor"] is None


@pytest.mark.parametrize("accept", ["application/x-ndjson", "text/plain;q=0.5, application/x-ndjson"])
def test_the_history_can_be_exported_as_lines_of_json(agent: Api, accept: str) -> None:
    id = agent.promise(promise='"Quoted", 换行\nhere')["id"]
    for _ in range(60):
        agent.command(id, "contacts", {"channel": "phone", "note": "Where?"})
    answer = agent.request("GET", "/v1/history", commitment_id=id, headers={"Accept": accept}, limit=1)

    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line) for line in answer.text.split("\n") if line] == agent.history(commitment_id=id)


def test_a_format_that_is_refused_by_name_is_not_sent(agent: Api) -> None:
    id = agent.promise()["id"]
    asked = {"Accept": "text/csv;q=0, application/json"}
    answer = agent.request("GET", "/v1/history", commitment_id=id, headers=asked)

    assert answer.headers["content-type"] == "application/json"


def test_the_history_can_be_exported_as_a_table(agent: Api) -> None:
    id = agent.promise(promise='"Quoted", 换行\nhere')["id"]
    agent.command(id, "fulfilment", {"note": "Done; =1+1"})
    answer = agent.request("GET", "/v1/history", commitment_id=id, headers={"Accept": "text/csv"})
    header, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8"), newline=""))
    whole = agent.history(commitment_id=id)

    assert answer.headers["content-type"].startswith("text/csv")
    assert header == list(whole[0])
    assert [json.loads(row[-1]) for row in rows] == [item["data"] for item in whole]
    assert [row[:-1] for row in rows] == [
        ["" if value is None else str(value) for value in list(item.values())[:-1]] for item in whole
    ]


# -- scorecard --------------------------------------------------------------------------------------------------


def test_the_scorecard_counts_how_each_promise_ended(agent: Api) -> None:
    def made(**terms: Any) -> str:
        return str(agent.promise("callback", due=agent.due(hours=2), **terms)["id"])

    value = {"amount": "39.00", "currency": "CNY"}
    kept, moved, agreed, late, broken, gone, denied, mistake, lives = (made(value=value) for _ in range(9))
    agent.command(kept, "fulfilment", {})
    later = {"due": agent.due(hours=9), "reason": "r"}
    agent.command(moved, "amendments", later)
    agent.command(agreed, "amendments", {**later, "customer_agreed": True})
    agent.command(lives, "amendments", {**later, "due": agent.due(hours=12)})
    for id, cause in ((gone, "agreed"), (denied, "not_agreed"), (mistake, "mistake")):
        agent.command(id, "withdrawal", {"reason": "r", "cause": cause})
    agent.command(broken, "contacts", {"channel": "phone"})
    agent.later(hours=3)
    for id in (moved, agreed, late):
        agent.command(id, "fulfilment", {})
    cards = agent.get("/v1/scorecard", group_by="made_by", from_=agent.at(hours=-3))["items"]
    (card,) = [card for card in cards if card["group"] == agent.actor]

    assert card == card | {
        "group": agent.actor,
        "made": 8,
        "kept": 2,
        "kept_moved": 1,
        "kept_late": 1,
        "broken": 2,
        "withdrawn": 1,
        "open": 1,
        "kept_rate": pytest.approx(2 / 6),
        "received_in_time_rate": 1.0,
        "receipt_seconds": {"p50": 0.0, "p95": 0.0},
        "contacts": 1,
        "postponements": 3,
        "reopened": 0,
        "broken_by": {"never_received": 0, "declined": 0, "received_not_done": 2},
        "value": {"CNY": "312.00"},
    }


@pytest.mark.parametrize("group_by", ["kind", "made_by", "role", "recipient", "depot", "day", None])
def test_the_scorecard_can_be_grouped(agent: Api, group_by: str | None) -> None:
    agent.promise()
    cards = agent.get("/v1/scorecard", group_by=group_by, from_=agent.at())["items"]

    assert sum(card["made"] for card in cards) >= 1
    assert all(set(cards[0]) == set(card) for card in cards)


def test_days_are_those_of_the_default_zone(agent: Api) -> None:
    midnight = (agent.now + timedelta(days=1)).replace(hour=16, minute=0, second=0, microsecond=0)
    agent.move_clock(midnight - timedelta(seconds=1))
    since = agent.at()
    agent.promise()
    agent.move_clock(midnight)
    agent.promise()
    days = [(card["group"], card["made"]) for card in agent.get("/v1/scorecard", group_by="day", from_=since)["items"]]

    assert days == [(str(midnight.date()), 1), (str(midnight.date() + timedelta(days=1)), 1)]


def test_a_scorecard_of_nothing_divides_nothing(agent: Api) -> None:
    (card,) = agent.get("/v1/scorecard", from_=agent.at(days=1))["items"]

    assert (card["made"], card["kept_rate"], card["received_in_time_rate"]) == (0, None, None)
    assert agent.get("/v1/scorecard", group_by="kind", from_=agent.at(days=1)) == {"items": []}


# -- health -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_process_that_is_well_says_so_to_everybody(agent: Api, path: str) -> None:
    assert agent.client.get(path).status_code == 200


def test_what_is_measured_is_told_to_prometheus(agent: Api) -> None:
    agent.promise()
    measured = agent.client.get("/metrics")

    assert measured.headers["content-type"].startswith("text/plain")
    for name in ("upheld_http_seconds_count", "upheld_append_batch_events", "upheld_projection_position"):
        assert name in measured.text
    assert 'route="/v1/commitments"' in measured.text


def test_the_interface_is_described_and_can_be_read(agent: Api) -> None:
    described = agent.client.get("/openapi.json").json()

    for path in (
        "/v1/commitments",
        "/v1/commitments/{id}/amendments",
        "/v1/commitments/{id}/receipts",
        "/v1/receipts",
        "/v1/orders/{order_id}/assignment",
        "/v1/tasks",
        "/v1/flags",
        "/v1/history",
        "/v1/scorecard",
        "/v1/deadlines/preview",
    ):
        assert path in described["paths"], path
    assert "<html" in agent.client.get("/docs").text


def test_what_a_rehearsal_and_a_page_answer_is_described(agent: Api) -> None:
    paths = agent.client.get("/openapi.json").json()["paths"]

    for path, recorded in (("/v1/commitments", "201"), ("/v1/amendments", "202")):
        assert {"200", recorded} <= paths[path]["post"]["responses"].keys()
    assert "304" in paths["/v1/tasks"]["get"]["responses"]
    for path in ("/c/{token}", "/k/{token}"):
        assert "text/html" in paths[path]["get"]["responses"]["200"]["content"]
        assert "text/html" in paths[path]["get"]["responses"]["4XX"]["content"]
        assert "303" in paths[path]["post"]["responses"]
    for path in ("/livez", "/readyz", "/metrics"):
        assert "text/plain" in paths[path]["get"]["responses"]["200"]["content"]


def test_the_start_page_shows_what_is_in_danger_and_says_nothing_to_a_script(agent: Api) -> None:
    agent.promise(promise="<script>alert(1)</script>", due=agent.due(minutes=1))
    agent.later(minutes=1)
    page = agent.client.get("/")

    assert page.status_code == 200
    assert "<script>alert" not in page.text

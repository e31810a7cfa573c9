"""Three working days: a refund and a compensation, from one call of ours (see api/stories/three_working_days.py)."""

from typing import Any

import pytest

from api.stories.three_working_days import THREE_WORKING_DAYS
from tests.stories.conftest import Api, Telling

BEFORE_NATIONAL_DAY = "2026-09-30T07:00:00Z"
AFTER_THE_MAKE_UP_SATURDAY = "2026-10-10T16:00:00Z"
IN_CHINA = {"time_zone": "Asia/Shanghai", "calendar": "CN"}
THREE_DAYS = {"within": {"amount": 3, "unit": "working_days"}}


@pytest.fixture
def trip(api: Api) -> Telling:
    return Telling(api, THREE_WORKING_DAYS)


def refund_at(api: Api, **body: object) -> dict[str, Any]:
    """A refund that a system records on behalf of the agent who promised it."""
    body |= {"customer_id": "CU-2088-BUYER", "order_id": "TRIP-2088", "kind": "refund", "promise": "三个工作日内退款"}
    headers = {"X-On-Behalf-Of": "agent:qin"}
    answer = api.send("system:oms", "POST", "/v1/commitments", body | {"due": THREE_DAYS} | IN_CHINA, headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_promised_on_a_friday_three_working_days_end_with_wednesday(trip: Telling) -> None:
    trip.until(0, "15:02")

    assert trip.anchor.strftime("%A") == "Friday"
    for name in ("refund", "compensation"):
        due = trip.commitment(name)["due"]
        assert (trip.local(due["at"]), due["rule"]) == ((6, "00:00"), THREE_DAYS)


def test_over_the_national_day_three_working_days_end_with_the_make_up_saturday(api: Api) -> None:
    refund = refund_at(api, made_at=BEFORE_NATIONAL_DAY)

    assert (refund["made_at"], refund["due"]["at"]) == (BEFORE_NATIONAL_DAY, AFTER_THE_MAKE_UP_SATURDAY)
    assert refund["made_by"] == "agent:qin"
    made = api.history(commitment_id=refund["id"], type="CommitmentMade")[0]
    assert (made["actor"], made["on_behalf_of"]) == ("system:oms", "agent:qin")


def test_a_preview_counts_the_same_way_before_anything_is_promised(api: Api) -> None:
    preview = api.post(
        "agent:qin", "/v1/deadlines/preview", due=THREE_DAYS, **IN_CHINA, **{"from": BEFORE_NATIONAL_DAY}
    )

    assert (preview["at"], preview["local"]) == (AFTER_THE_MAKE_UP_SATURDAY, "2026-10-11T00:00:00+08:00")
    assert preview["warnings"] == []


def test_finance_sees_both_promises_with_their_words(trip: Telling) -> None:
    trip.until(0, "15:02")

    tasks = trip.api.get("/v1/tasks", who="finance:zhao")["items"]

    assert [task["order_id"] for task in tasks] == ["TRIP-2088"]
    assert {commitment["promise"] for commitment in tasks[0]["commitments"]} == {
        trip.words("refund"),
        trip.words("compensation"),
    }


def test_one_cause_has_two_beneficiaries(trip: Telling) -> None:
    trip.until(0, "15:02")

    found = trip.api.items("/v1/commitments", conversation="call-2088-out")

    assert {(each["kind"], each["customer_id"], each["order_id"]) for each in found} == {
        ("refund", "CU-2088-BUYER", "TRIP-2088"),
        ("compensation", "CU-2088-SELLER", "TRIP-2088"),
    }


@pytest.mark.parametrize(("path", "by_agent"), [("/v1/commitments", "made_by"), ("/v1/history", "actor")])
def test_a_call_that_we_made_is_as_findable_as_one_that_we_took(api: Api, path: str, by_agent: str) -> None:
    made = [refund_at(api, channel="phone", direction=direction)["id"] for direction in ("outbound", "inbound")]
    by = {"order_id": "TRIP-2088", "customer_id": "CU-2088-BUYER", by_agent: "agent:qin", "channel": "phone"}

    for name, value in by.items():
        found = api.items(path, **{name: value})
        ids = {item["commitment_id"] if path == "/v1/history" else item["id"] for item in found}
        assert ids == set(made), name
        assert api.items(path, **{name: f"{value}X"}) == []


def test_a_receipt_on_monday_morning_is_in_time_for_a_promise_of_friday_afternoon(trip: Telling) -> None:
    trip.until(0, "15:02")
    assert trip.local(trip.handoff("refund", "finance")["receipt_due_at"]) == (3, "10:00")

    trip.until(3, "12:00")
    assert trip.api.flags() == {}
    assert trip.handoff("refund", "finance")["recipient"] == "finance:zhao"


def test_kept_on_the_second_day_is_not_late(trip: Telling) -> None:
    trip.until(4, "11:00")

    refund = trip.commitment("refund")
    assert (refund["status"], refund["late"], refund["broken_at"]) == ("kept", False, None)


def test_kept_on_the_fourth_day_is_late(trip: Telling) -> None:
    trip.until(6, "00:00")
    assert trip.reason("compensation") == "overdue"

    trip.to_the_end()
    compensation = trip.commitment("compensation")
    assert (compensation["status"], compensation["late"], trip.reason("compensation")) == ("kept", True, None)
    assert trip.local(compensation["broken_at"]) == (6, "00:00")


def test_the_scorecard_tells_the_one_from_the_other(trip: Telling) -> None:
    trip.to_the_end()

    groups = {group["group"]: group for group in trip.api.items("/v1/scorecard", group_by="kind")}

    assert (groups["refund"]["kept"], groups["refund"]["kept_late"]) == (1, 0)
    assert (groups["compensation"]["kept"], groups["compensation"]["kept_late"]) == (0, 1)

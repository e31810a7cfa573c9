"""The big invoice: wait, wait, half an hour more; until it goes up by itself (see api/stories/big_invoice.py)."""

from datetime import datetime, timedelta

import pytest

from api.stories.big_invoice import BIG_INVOICE
from tests.stories.conftest import Api, Telling

HALF_AN_HOUR = {"within": {"amount": 30, "unit": "minutes"}}


@pytest.fixture
def invoices(api: Api) -> Telling:
    return Telling(api, BIG_INVOICE)


def test_the_big_invoice_is_flagged_while_the_small_one_is_kept(invoices: Telling) -> None:
    invoices.until(0, "11:00")

    assert (invoices.commitment("small")["status"], invoices.commitment("small")["late"]) == ("kept", False)
    assert invoices.api.flags() == {invoices.ids["big"]: "overdue"}
    assert len(invoices.history("big", "ReceiptMissed")) == 1


def test_each_repeated_call_is_counted_with_its_minutes(invoices: Telling) -> None:
    invoices.to_the_end()

    assert invoices.commitment("big")["contacts"] == 3
    assert [call["data"]["minutes"] for call in invoices.history("big", "CustomerContacted")] == [8, 11, 22]


def test_each_new_time_is_a_postponement_and_its_words_stay(invoices: Telling) -> None:
    counted = []
    for time in ("11:05", "11:06", "12:05", "14:06"):
        invoices.until(0, time)
        counted.append(invoices.commitment("big")["postponements"])

    assert counted == [0, 1, 2, 3]
    amended = [item["data"]["promise"] for item in invoices.history("big", "CommitmentAmended")]
    assert amended == [
        "您别着急，再等一等，十二点以前一定开好。",
        "已经帮您催了，下午两点以前开好。",
        "开票系统正在维修，请再等半个小时。",
    ]


def test_the_second_postponement_lifts_it_to_the_supervisor_by_itself(invoices: Telling) -> None:
    invoices.until(0, "12:04")
    assert invoices.commitment("big")["escalation_level"] < 2

    invoices.until(0, "12:05")
    assert invoices.commitment("big")["escalation_level"] == 2
    lifted = [step for step in invoices.history("big", "CommitmentEscalated") if step["data"]["level"] > 1]
    assert [(each["actor"], each["data"]["level"], each["data"]["cause"]) for each in lifted] == [
        ("system:upheld", 2, "postponements")
    ]


def test_i_have_urged_it_without_a_time_is_refused(invoices: Telling) -> None:
    invoices.until(0, "12:04")
    body = {"customer_id": "CU-9001", "kind": "answer", "promise": "已经帮您催了"}

    refused = invoices.api.send("agent:jin", "POST", "/v1/commitments", body)

    assert (refused.status_code, refused.json()["code"]) == (422, "due_required")
    assert invoices.api.items("/v1/commitments", kind="answer") == []
    timed = invoices.api.post("agent:jin", "/v1/commitments", **body, due=HALF_AN_HOUR)
    assert invoices.local(timed["due"]["at"]) == (0, "12:34")


def test_the_half_hour_expires_at_the_minute(invoices: Telling) -> None:
    invoices.just_before(0, "14:36")
    assert invoices.commitment("big")["status"] == "open"

    invoices.until(0, "14:36")
    assert (invoices.commitment("big")["status"], invoices.reason("big")) == ("broken", "overdue")
    broken = invoices.history("big", "CommitmentBroken")[-1]
    assert invoices.local(broken["recorded_at"]) == (0, "14:36")


def test_half_an_hour_is_half_an_hour_over_lunch_after_hours_and_over_midnight(invoices: Telling) -> None:
    invoices.until(0, "12:05")

    for number, time in enumerate(("12:10", "17:50", "23:45")):
        invoices.api.set_clock(asked := invoices.instant(0, time))
        again = {"promise": f"再等半个小时（{number}）", "reason": "系统维修", "due": HALF_AN_HOUR}
        amended = invoices.api.post("agent:jin", invoices.path("big", "/amendments"), **again)
        assert datetime.fromisoformat(amended["due"]["at"]) == asked + timedelta(minutes=30)


def test_the_scorecard_shows_the_two_with_five_hours_and_three_contacts_for_one(invoices: Telling) -> None:
    invoices.to_the_end()
    invoices.api.set_clock(invoices.instant(0, "14:50"))
    invoices.api.post("finance:zhao", invoices.path("big", "/fulfilment"))

    groups = {group["group"]: group for group in invoices.api.items("/v1/scorecard", group_by="kind")}
    shown = groups["invoice"]
    assert (shown["made"], shown["kept"], shown["kept_late"]) == (2, 1, 1)
    assert (shown["contacts"], shown["postponements"], shown["value"]) == (3, 3, {"CNY": "10540.00"})
    assert shown["keeping_seconds"]["p95"] > timedelta(hours=5).total_seconds() > shown["keeping_seconds"]["p50"]

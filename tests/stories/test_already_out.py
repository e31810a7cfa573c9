"""The order that was already out: three promises, each with a clock of its own (see api/stories/already_out.py)."""

import pytest

from api.stories.already_out import ALREADY_OUT
from tests.stories.conftest import Api, Telling


@pytest.fixture
def order(api: Api) -> Telling:
    return Telling(api, ALREADY_OUT)


def test_a_delivery_is_overdue_from_the_first_minute_after_its_day(order: Telling) -> None:
    order.just_before(2, "00:00")
    assert (order.commitment("delivery")["status"], order.reason("delivery")) == ("open", None)

    order.until(2, "00:00")
    flag = order.flag("delivery")
    assert flag is not None
    assert (flag["reason"], order.local(flag["since"])) == ("overdue", (2, "00:00"))
    broken = order.history("delivery", "CommitmentBroken")[0]
    assert (order.local(broken["recorded_at"]), order.commitment("delivery")["status"]) == ((2, "00:00"), "broken")


def test_a_callback_is_overdue_at_its_minute_though_no_courier_is_involved(order: Telling) -> None:
    order.just_before(3, "16:00")
    handoff = order.commitment("callback")["handoffs"][0]
    assert (handoff["role"], handoff["recipient"], handoff["received"]) == ("agent", "agent:tom", True)
    assert order.reason("callback") is None

    order.until(3, "16:00")
    flag = order.flag("callback", recipient="agent:tom")
    assert flag is not None
    assert (flag["reason"], order.local(flag["since"])) == ("overdue", (3, "16:00"))


def test_the_agent_finds_the_callback_among_his_own_tasks(order: Telling) -> None:
    order.until(3, "15:00")

    tasks = order.api.get("/v1/tasks", who="agent:tom")["items"]

    assert [commitment["id"] for task in tasks for commitment in task["commitments"]] == [order.ids["callback"]]


def test_sent_at_once_is_flagged_hours_before_the_customer_calls_again(order: Telling) -> None:
    order.until(3, "13:28")

    flag = order.flag("redelivery")
    assert flag is not None
    assert (flag["reason"], flag["recipient"]) == ("not_received", "courier:dave")


def test_two_calls_are_counted_with_their_minutes(order: Telling) -> None:
    order.until(3, "17:03")

    assert order.commitment("delivery")["contacts"] == 2
    calls = order.history("delivery", "CustomerContacted")
    assert [(call["actor"], call["data"]["minutes"]) for call in calls] == [("agent:tom", 26), ("agent:priya", 31)]


def test_this_evening_is_a_postponement_and_the_earlier_words_are_kept(order: Telling) -> None:
    order.until(3, "17:32")

    redelivery = order.commitment("redelivery")
    assert (redelivery["revision"], redelivery["postponements"], redelivery["status"]) == (2, 1, "open")
    assert redelivery["promise"] == "The courier left long ago and will be with you this evening."
    first = order.history("redelivery", "CommitmentMade")[0]
    assert (first["actor"], first["data"]["promise"]) == ("agent:tom", order.words("redelivery"))
    earlier = order.commitment("redelivery", as_of=order.instant(3, "17:31").isoformat())
    assert earlier["promise"] == order.words("redelivery")


def test_the_evening_passes_and_the_word_is_broken_twice(order: Telling) -> None:
    order.until(3, "21:00")

    assert order.reason("redelivery") == "overdue"
    assert order.commitment("redelivery")["times_broken"] == 2


def test_the_complaint_can_be_found_again(order: Telling) -> None:
    order.to_the_end()

    found = order.api.history(customer_id="CU-14017", type="CustomerContacted", actor="system:shop")

    assert [item["data"]["channel"] for item in found] == ["web"]
    assert found[0]["data"]["note"].startswith("A complaint from the form on the site")


def test_one_look_at_the_order_tells_all_three_promises_and_what_became_of_them(order: Telling) -> None:
    order.to_the_end()

    commitments = order.api.get("/v1/orders/WEB-14017")["commitments"]

    assert {commitment["kind"]: commitment["status"] for commitment in commitments} == {
        "delivery": "broken",
        "redelivery": "broken",
        "callback": "broken",
    }
    assert set(order.api.flags().values()) == {"overdue"}

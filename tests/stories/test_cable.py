"""The cable: promised at noon, carried by somebody who never heard of it (see api/stories/cable.py)."""

import pytest

from api.stories.cable import CABLE, DECLINED, LONGER_CABLE, NEVER_CAME, REASSIGNED
from tests.stories.conftest import Api, Telling

LONGER = "两米不够长，换成五米的 HDMI 线，同样免费。"


@pytest.fixture
def cable(api: Api) -> Telling:
    return Telling(api, CABLE)


def test_a_delivery_that_nobody_carries_is_flagged_before_the_family_waits_for_it(cable: Telling) -> None:
    cable.just_before(1, "12:00")
    assert cable.reason("redelivery") is None

    cable.until(1, "12:00")
    assert cable.reason("redelivery") == "unassigned"


def test_the_date_of_the_delivery_moves_once_and_the_first_words_stay(cable: Telling) -> None:
    cable.until(2, "11:55")

    redelivery = cable.commitment("redelivery")
    assert (redelivery["revision"], redelivery["postponements"]) == (2, 1)
    assert cable.local(redelivery["due"]["at"]) == (4, "00:00")
    assert [made["data"]["promise"] for made in cable.history("redelivery", "CommitmentMade")] == [
        cable.words("redelivery")
    ]


def test_while_promising_the_agent_learns_that_the_van_has_left(cable: Telling) -> None:
    cable.until(2, "12:00")

    assert "already_departed" in cable.answers["cable"]["warnings"]


def test_a_rehearsal_says_so_too_and_records_nothing(cable: Telling) -> None:
    cable.until(2, "11:59")
    body = {"customer_id": "CU-3301", "order_id": "TV-3301", "kind": "free_item", "promise": "HDMI"}

    answer = cable.api.send("agent:ling", "POST", "/v1/commitments?dry_run=true", body)

    assert answer.status_code == 200
    assert "already_departed" in answer.json()["warnings"]
    assert len(cable.api.items("/v1/commitments", order_id="TV-3301")) == 1


def test_the_cable_passes_from_the_warehouse_that_packs_it_to_the_courier_who_carries_it(cable: Telling) -> None:
    cable.until(2, "12:25")

    handoffs = [(h["role"], h["recipient"], h["state"], h["received"]) for h in cable.commitment("cable")["handoffs"]]
    assert handoffs == [
        ("warehouse", "warehouse:hu", "held", True),
        ("courier", "courier:li", "assigned", False),
    ]


def test_the_cable_is_flagged_as_soon_as_its_receipt_is_due(cable: Telling) -> None:
    cable.just_before(2, "13:00")
    assert cable.reason("cable") is None

    cable.until(2, "13:00")
    flag = cable.flag("cable")
    assert flag is not None
    assert (flag["reason"], flag["role"], flag["recipient"]) == ("not_received", "courier", "courier:li")
    assert (cable.local(flag["since"]), flag["promise"]) == ((2, "13:00"), cable.words("cable"))
    missed = cable.history("cable", "ReceiptMissed")[0]
    assert (cable.local(missed["recorded_at"]), missed["actor"]) == ((2, "13:00"), "system:upheld")


def test_it_stands_flagged_for_hours_when_the_courier_calls(cable: Telling) -> None:
    cable.until(3, "18:40")

    flag = cable.flag("cable")
    assert flag is not None
    assert (flag["reason"], cable.local(flag["since"])) == ("unassigned", (3, "12:00"))


def test_the_auditor_sees_that_the_couriers_screen_held_nothing_at_the_minute_of_his_call(cable: Telling) -> None:
    cable.to_the_end()

    at_his_call = cable.instant(3, "18:40").isoformat()
    assert cable.api.items("/v1/tasks", recipient="courier:bo", as_of=at_his_call) == []
    told = cable.api.items("/v1/tasks", recipient="courier:bo", as_of=cable.instant(3, "19:05").isoformat())
    assert cable.ids["cable"] in [commitment["id"] for commitment in told[0]["commitments"]]


def test_each_call_of_the_family_is_counted_with_its_minutes(cable: Telling) -> None:
    cable.to_the_end()

    calls = cable.api.history(order_id="TV-3301", type="CustomerContacted")
    assert [call["data"]["minutes"] for call in calls] == [12, 9, 5]
    assert cable.commitment("redelivery")["contacts"] + cable.commitment("cable")["contacts"] == 3


def test_at_once_is_a_postponement_and_its_keepers_must_receive_it_anew(cable: Telling) -> None:
    cable.until(3, "19:05")

    promised = cable.commitment("cable")
    assert (promised["revision"], promised["postponements"]) == (2, 1)
    assert [handoff["received"] for handoff in promised["handoffs"]] == [False, False]


def test_the_flag_clears_when_the_courier_has_it_at_last(cable: Telling) -> None:
    cable.to_the_end()
    assert cable.reason("cable") == "not_received"

    answer = cable.api.post("courier:bo", cable.path("cable", "/receipts"), revision=2, state="held")

    assert answer["counts"]
    assert cable.reason("cable") is None


def test_his_task_view_shows_the_cable_on_that_stop_with_the_words_of_the_customer(cable: Telling) -> None:
    cable.to_the_end()

    stop = cable.api.get("/v1/tasks", who="courier:bo")["items"][0]

    assert (stop["order_id"], stop["stop"]) == ("TV-3301", 11)
    assert stop["address"] == "望京西园三区 312 号楼 2 单元 501 室"
    assert [(commitment["id"], commitment["promise"]) for commitment in stop["commitments"]] == [
        (cable.ids["cable"], "确实还没有通知师傅，马上通知，HDMI 线免费送到，不收您一分钱。")
    ]


# -- variant A: the order moves to another courier ---------------------------------------------------------------


def test_a_reassigned_courier_must_acknowledge_anew(api: Api) -> None:
    reassigned = Telling(api, REASSIGNED)
    reassigned.until(0, "13:20")
    assert reassigned.handoff("cable", "courier")["received"]

    reassigned.until(0, "16:00")
    handoff = reassigned.handoff("cable", "courier")
    assert (handoff["recipient"], handoff["state"], handoff["received"]) == ("courier:bo", "assigned", False)
    reassigned.until(1, "07:00")
    assert reassigned.reason("cable") == "not_received"
    reassigned.until(1, "07:20")
    assert reassigned.reason("cable") is None
    reassigned.to_the_end()
    kept = reassigned.commitment("cable")
    assert (kept["status"], kept["late"]) == ("kept", False)


def test_the_word_of_the_courier_who_was_replaced_is_recorded_and_does_not_count(api: Api) -> None:
    reassigned = Telling(api, REASSIGNED)
    reassigned.until(0, "16:00")

    answer = api.post("courier:li", reassigned.path("cable", "/receipts"), revision=1, state="acknowledged")

    assert (answer["recorded"], answer["counts"], answer["why_not"]) == (True, False, "no_longer_recipient")
    assert not reassigned.handoff("cable", "courier")["received"]


def test_the_cable_leaves_the_screen_of_the_one_and_appears_on_that_of_the_other(api: Api) -> None:
    reassigned = Telling(api, REASSIGNED)
    reassigned.until(0, "16:00")

    assert api.get("/v1/tasks", who="courier:li")["items"] == []
    assert [task["order_id"] for task in api.get("/v1/tasks", who="courier:bo")["items"]] == ["TV-3302"]


# -- variant B: a longer cable is promised after the receipt ------------------------------------------------------


def test_a_promise_amended_after_the_receipt_is_flagged_as_a_stale_revision(api: Api) -> None:
    longer = Telling(api, LONGER_CABLE)
    longer.just_before(0, "16:00")
    assert longer.reason("cable") is None

    longer.until(0, "16:00")
    flag = longer.flag("cable")
    assert flag is not None
    assert (flag["reason"], flag["recipient"]) == ("stale_revision", "courier:li")
    handoff = longer.handoff("cable", "courier")
    assert (handoff["revision"], handoff["received_revision"], handoff["received"]) == (2, 1, False)


def test_having_seen_the_longer_one_is_no_receipt_and_having_it_is(api: Api) -> None:
    longer = Telling(api, LONGER_CABLE)
    longer.to_the_end()
    assert longer.reason("cable") == "stale_revision"

    api.post("courier:li", longer.path("cable", "/receipts"), revision=2, state="held")

    assert longer.reason("cable") is None


def test_a_receipt_for_the_shorter_one_counts_no_longer(api: Api) -> None:
    longer = Telling(api, LONGER_CABLE)
    longer.to_the_end()

    answer = api.post("courier:li", longer.path("cable", "/receipts"), revision=1, state="acknowledged")

    assert (answer["recorded"], answer["counts"], answer["why_not"]) == (True, False, "older_revision")
    assert answer["commitment"]["promise"] == LONGER


# -- variant C: the courier declines -----------------------------------------------------------------------------


def test_a_declined_cable_is_flagged_at_once_to_its_agent_with_time_left_to_tell_the_family(api: Api) -> None:
    declined = Telling(api, DECLINED)
    declined.just_before(0, "13:40")
    assert declined.reason("cable") is None

    declined.to_the_end()
    flag = declined.flag("cable", made_by="agent:mei")
    assert flag is not None
    assert (flag["reason"], flag["recipient"]) == ("declined", "courier:bo")
    assert (declined.local(flag["since"]), declined.local(flag["rescue_by"])) == ((0, "13:40"), (0, "14:30"))
    assert declined.local(flag["due_at"]) == (3, "00:00")


def test_why_he_declined_is_in_the_history_and_he_cannot_leave_it_out(api: Api) -> None:
    declined = Telling(api, DECLINED)
    declined.until(0, "13:39")
    body = {"revision": 1, "state": "declined"}
    refused = api.send("courier:bo", "POST", declined.path("cable", "/receipts"), body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/reason")

    declined.to_the_end()
    assert [said["data"]["reason"] for said in declined.history("cable", "HandoffDeclined")] == ["车上没有这种线了"]


# -- variant D: kept, says the courier; it never came, says the family ----------------------------------------------


def test_what_the_family_disputes_is_flagged_at_once(api: Api) -> None:
    never = Telling(api, NEVER_CAME)
    never.until(1, "17:00")
    assert (never.commitment("cable")["status"], never.reason("cable")) == ("kept", None)

    never.to_the_end()
    assert (never.commitment("cable")["status"], never.reason("cable")) == ("open", "disputed")


def test_both_words_stay_in_the_history(api: Api) -> None:
    never = Telling(api, NEVER_CAME)
    never.to_the_end()

    said = [*never.history("cable", "CommitmentKept"), *never.history("cable", "CommitmentReopened")]
    assert [(word["actor"], word["data"]["note"]) for word in said] == [
        ("courier:li", "已放在门口"),
        ("agent:ling", "家里人说门口什么也没有"),
    ]

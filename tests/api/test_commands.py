"""Commands on a commitment (contract, section 4): made, amended, withdrawn, kept, tried, reopened, asked for again."""

from datetime import timedelta
from typing import Any

import pytest

from tests.api.serving import Api, refused

WORKING_DAY = {"within": {"amount": 1, "unit": "working_days"}}


def promised(api: Api, body: dict[str, Any], **params: Any) -> Any:
    return api.post("/v1/commitments", body, **params)


# -- making -----------------------------------------------------------------------------------------------------


def test_a_commitment_is_shown_as_the_contract_has_it(agent: Api, order: str) -> None:
    departs = agent.at(hours=20)
    agent.assign(order, "courier:li", departs_at=departs)
    body = {
        "order_id": order,
        "customer_id": "CU-7",
        "kind": "free_item",
        "promise": "A free HDMI cable comes with tomorrow's redelivery",
        "items": [{"sku": "HDMI-2M", "quantity": 1}],
        "made_at": agent.at(minutes=-5),
        "channel": "phone",
        "direction": "inbound",
        "conversation": "call-8871",
        "value": {"amount": "39.00", "currency": "CNY"},
        "due": {**WORKING_DAY, "not_before": agent.at(hours=1)},
    }
    answer = promised(agent, body)
    made = answer.json()

    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/commitments/{made['id']}"
    assert answer.headers["content-type"] == "application/json"
    assert made == {
        "id": made["id"],
        "version": 3,
        "revision": 1,
        "status": "open",
        **{name: body[name] for name in ("order_id", "customer_id", "kind", "promise", "items", "made_at", "channel")},
        **{name: body[name] for name in ("direction", "conversation", "value")},
        "made_by": agent.actor,
        "due": {
            "at": made["due"]["at"],
            "not_before": agent.at(hours=1),
            "time_zone": "Asia/Shanghai",
            "calendar": "CN",
            "rule": WORKING_DAY,
        },
        "handoffs": [
            {
                "role": "warehouse",
                "recipient": "team:warehouse",
                "asked": "held",
                "state": "assigned",
                "revision": 1,
                "received": False,
                "received_revision": None,
                "receipt_due_at": agent.at(hours=1),
                "nagged_at": None,
            },
            {
                "role": "courier",
                "recipient": "courier:li",
                "asked": "held",
                "state": "assigned",
                "revision": 1,
                "received": False,
                "received_revision": None,
                "receipt_due_at": agent.at(hours=19.5),
                "nagged_at": None,
            },
        ],
        "kept_at": None,
        "broken_at": None,
        "late": False,
        "times_broken": 0,
        "contacts": 0,
        "postponements": 0,
        "escalation_level": 0,
        "taken_by": None,
        "paused_until": None,
        "reopened_as": None,
        "warnings": ["calendar_incomplete"],
        "erased": False,
    }
    assert agent.commitment(made["id"]) == {**made, "warnings": []}


def test_what_was_not_said_is_null_or_empty(agent: Api) -> None:
    made = agent.promise()

    assert [made[name] for name in ("order_id", "channel", "direction", "conversation", "value")] == [None] * 5
    assert made["items"] == []
    assert made["made_at"] == agent.at()


@pytest.mark.parametrize(
    ("kind", "path", "default", "days"),
    [
        ("delivery", ["courier"], [None], None),
        ("redelivery", ["courier"], [None], None),
        ("free_item", ["warehouse", "courier"], ["team:warehouse", None], 3),
        ("repair", ["technician"], [None], 3),
        ("refund", ["finance"], ["team:finance"], 3),
        ("compensation", ["finance"], ["team:finance"], 3),
        ("price_adjustment", ["finance"], ["team:finance"], 3),
        ("invoice", ["finance"], ["team:finance"], 1),
        ("callback", ["agent"], ["{made_by}"], None),
        ("answer", ["agent"], ["{made_by}"], None),
    ],
)
def test_a_built_in_kind_has_its_path_its_recipients_and_its_time(
    agent: Api, kind: str, path: list[str], default: list[str | None], days: int | None
) -> None:
    answer = promised(agent, agent.promising(kind, due=None))
    if days is None:
        refused(answer, 422, "due_required", "/due")
        answer = promised(agent, agent.promising(kind))
    else:
        asked = {"within": {"amount": days, "unit": "working_days"}}
        assert answer.json()["due"]["rule"] == asked
        preview = agent.post("/v1/deadlines/preview", {"due": asked}).json()
        assert answer.json()["due"]["at"] == preview["at"]

    handoffs = answer.json()["handoffs"]
    assert [handoff["role"] for handoff in handoffs] == path
    expected = [name and name.replace("{made_by}", agent.actor) for name in default]
    assert [handoff["recipient"] for handoff in handoffs] == expected


@pytest.mark.parametrize(
    ("kind", "receipt"),
    [
        ("delivery", None),
        ("redelivery", timedelta(hours=36)),  # nobody yet: twelve hours before a due in two days
        ("repair", timedelta(hours=24)),
        ("refund", timedelta(hours=4)),  # working hours: from a quarter past ten in the morning
        ("invoice", timedelta(hours=2)),
    ],
)
def test_a_built_in_kind_says_when_its_receipt_is_due(agent: Api, kind: str, receipt: timedelta | None) -> None:
    start_of_work(agent)
    (handoff,) = agent.promise(kind, due=agent.due(days=2))["handoffs"]

    assert handoff["receipt_due_at"] == (None if receipt is None else agent.at(seconds=receipt.total_seconds()))
    assert handoff["received"] is (receipt is None)


def start_of_work(agent: Api) -> None:
    """Go on to a quarter past ten in Shanghai on the next Tuesday."""
    ahead = (agent.now + timedelta(days=1)).replace(hour=2, minute=15, second=0, microsecond=0)
    while ahead.weekday() != 1:
        ahead += timedelta(days=1)
    agent.move_clock(ahead)


def test_what_an_agent_promises_to_do_himself_is_received_at_once(agent: Api) -> None:
    (handoff,) = agent.promise("callback")["handoffs"]

    assert (handoff["recipient"], handoff["received"], handoff["received_revision"]) == (agent.actor, True, 1)


def test_an_unknown_kind_is_refused(agent: Api) -> None:
    refused(promised(agent, agent.promising("gift")), 422, "invalid", "/kind")


@pytest.mark.parametrize("missing", ["customer_id", "kind", "promise"])
def test_what_is_needed_is_missed_by_name(agent: Api, missing: str) -> None:
    body = agent.promising()
    del body[missing]

    refused(promised(agent, body), 422, "invalid", f"/{missing}")


@pytest.mark.parametrize(
    ("due", "pointer"),
    [
        ({}, "/due"),
        ({"at": "2027-12-01T00:00:00Z", "date": "2027-12-01"}, "/due"),
        ({"at": "2027-02-01T00:00:00Z"}, "/due/at"),
        ({"date": "2027-02-28"}, "/due/date"),
        ({"date": "2027-02-30"}, "/due/date"),
        ({"date": "20271201"}, "/due/date"),
        ({"within": {"amount": 0, "unit": "days"}}, "/due/within/amount"),
        ({"within": {"amount": 1.5, "unit": "days"}}, "/due/within/amount"),
        ({"within": {"amount": "1", "unit": "days"}}, "/due/within/amount"),
        ({"within": {"amount": 1, "unit": "weeks"}}, "/due/within/unit"),
        ({"within": {"amount": 1}}, "/due/within/unit"),
        ({"within": {"amount": 100_000, "unit": "days"}}, "/due/within"),
        ({"at": "2027-12-01T00:00:00Z", "not_before": "2027-12-02T00:00:00Z"}, "/due/not_before"),
        ({"date": "2027-12-01", "time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"date": "2027-12-01", "calendar": "Atlantis"}, "/calendar"),
    ],
)
def test_a_due_that_cannot_be_is_refused(agent: Api, due: dict[str, Any], pointer: str) -> None:
    problem = refused(promised(agent, agent.promising(due=due)), 422, "invalid")

    pointers = [error["pointer"] for error in problem["errors"]]
    assert any(found.endswith(pointer) for found in pointers), pointers


def test_a_due_counts_from_the_making(agent: Api) -> None:
    made = agent.promise(made_at=agent.at(hours=-2), due={"within": {"amount": 3, "unit": "hours"}})

    assert made["due"]["at"] == agent.at(hours=1)


def test_the_zone_and_the_calendar_stand_in_the_due_or_beside_it(agent: Api) -> None:
    inside = agent.promise(due={"date": "2028-06-01", "time_zone": "Europe/Sofia", "calendar": "GB-ENG"})
    beside = agent.promise(due={"date": "2028-06-01"}, time_zone="Europe/Sofia", calendar="GB-ENG")

    assert inside["due"] == beside["due"]
    assert (inside["due"]["at"], inside["due"]["calendar"]) == ("2028-06-01T21:00:00Z", "GB-ENG")
    assert inside["due"]["rule"] == {"date": "2028-06-01"}


@pytest.mark.parametrize(
    ("from_", "due", "local"),
    [
        # Three working days over a weekend, and over a holiday with a make-up Saturday (10 October 2026).
        ("2026-11-20T02:15:00Z", {"within": {"amount": 3, "unit": "working_days"}}, "2026-11-26T00:00:00+08:00"),
        ("2026-09-30T02:15:00Z", {"within": {"amount": 3, "unit": "working_days"}}, "2026-10-11T00:00:00+08:00"),
        ("2026-11-20T09:30:00Z", {"within": {"amount": 4, "unit": "working_hours"}}, "2026-11-23T12:30:00+08:00"),
        ("2026-11-20T02:15:00Z", {"within": {"amount": 30, "unit": "minutes"}}, "2026-11-20T10:45:00+08:00"),
        ("2026-11-20T02:15:00Z", {"within": {"amount": 2, "unit": "days"}}, "2026-11-23T00:00:00+08:00"),
        ("2026-11-20T02:15:00Z", {"date": "2026-11-25"}, "2026-11-26T00:00:00+08:00"),
        ("2026-11-20T02:15:00Z", {"at": "2026-11-25T00:00:00Z"}, "2026-11-25T08:00:00+08:00"),
        # The clocks of Sofia go from 03:00 to 04:00 on 28 March 2027, and back on 31 October 2027.
        (
            "2027-03-28T00:30:00Z",
            {"within": {"amount": 1, "unit": "hours"}, "time_zone": "Europe/Sofia"},
            "2027-03-28T04:30:00+03:00",
        ),
        ("2027-10-30T10:00:00Z", {"date": "2027-10-31", "time_zone": "Europe/Sofia"}, "2027-11-01T00:00:00+02:00"),
    ],
)
def test_a_deadline_can_be_seen_before_anything_is_promised(
    agent: Api, from_: str, due: dict[str, Any], local: str
) -> None:
    before = agent.end_of_the_log()
    preview = agent.post("/v1/deadlines/preview", {"due": due, "from": from_})

    assert preview.status_code == 200
    assert preview.json().keys() == {"at", "local", "time_zone", "warnings"}
    assert preview.json()["local"] == local
    assert preview.json()["time_zone"] == due.get("time_zone", "Asia/Shanghai")
    assert preview.json()["warnings"] == []
    assert agent.recorded(after=before) == []


def test_a_deadline_over_holidays_that_are_not_published_yet_says_so(agent: Api) -> None:
    body = {"due": {"within": {"amount": 3, "unit": "working_days"}}, "from": "2031-09-30T02:00:00Z"}

    assert agent.post("/v1/deadlines/preview", body).json()["warnings"] == ["calendar_incomplete"]


def test_a_dry_run_says_what_it_would_be_and_records_nothing(agent: Api, order: str) -> None:
    before = agent.end_of_the_log()
    body = agent.promising("free_item", order_id=order, due=agent.due(minutes=5))
    rehearsed = promised(agent, body, dry_run="true")

    assert rehearsed.status_code == 200
    assert rehearsed.json()["warnings"] == ["receipt_window_does_not_fit", "no_recipient_yet"]
    assert agent.end_of_the_log() == before
    refused(agent.request("GET", f"/v1/commitments/{rehearsed.json()['id']}"), 404)
    made = promised(agent, body).json()
    assert {**made, "id": None} == {**rehearsed.json(), "id": None}


def test_a_dry_run_is_refused_for_the_same_reasons(agent: Api) -> None:
    refused(promised(agent, agent.promising(due=None), dry_run="true"), 422, "due_required", "/due")


# -- warnings ---------------------------------------------------------------------------------------------------


def test_a_thing_that_can_no_longer_be_loaded_is_warned_of(agent: Api, order: str) -> None:
    agent.assign(order, "courier:li", departs_at=agent.at(hours=-4))

    assert "already_departed" in agent.promise("free_item", order_id=order)["warnings"]
    assert "already_departed" not in agent.promise("redelivery", order_id=order)["warnings"]


def test_the_same_kind_on_the_same_order_is_warned_of_while_the_other_lives(agent: Api, order: str) -> None:
    first = agent.promise(order_id=order)
    second = agent.promise(order_id=order)
    agent.command(first["id"], "fulfilment", {})
    agent.command(second["id"], "withdrawal", {"reason": "r", "cause": "mistake"})
    third = agent.promise(order_id=order)

    assert "duplicate_kind_on_order" not in first["warnings"]
    assert "duplicate_kind_on_order" in second["warnings"]
    assert "duplicate_kind_on_order" not in third["warnings"]


def test_warnings_belong_to_the_answer_of_the_command_alone(agent: Api) -> None:
    made = agent.promise()

    assert made["warnings"] == ["no_recipient_yet"]
    assert agent.commitment(made["id"])["warnings"] == []


def test_an_amendment_warns_too(agent: Api) -> None:
    made = agent.promise()

    amended = agent.command(made["id"], "amendments", {"due": agent.due(minutes=10), "reason": "r"})
    assert amended["warnings"] == ["receipt_window_does_not_fit", "no_recipient_yet"]


# -- amending ---------------------------------------------------------------------------------------------------


def test_an_amendment_raises_the_revision_and_voids_receipts(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor)
    id = agent.promise(order_id=order)["id"]
    courier.receipt(id)
    agent.later(minutes=10)
    amended = agent.command(id, "amendments", {"promise": "The longer cable", "reason": "He asked for it"})
    (handoff,) = amended["handoffs"]

    assert (amended["promise"], amended["revision"], amended["postponements"]) == ("The longer cable", 2, 0)
    assert (handoff["state"], handoff["revision"], handoff["received"]) == ("assigned", 2, False)
    assert (handoff["received_revision"], handoff["receipt_due_at"]) == (1, agent.at(hours=1))


def test_only_a_later_due_is_a_postponement(agent: Api) -> None:
    id = agent.promise()["id"]
    earlier = agent.command(id, "amendments", {"due": agent.due(hours=12), "reason": "r"})
    later = agent.command(id, "amendments", {"due": agent.due(hours=13), "reason": "r"})

    assert (earlier["postponements"], later["postponements"]) == (0, 1)


def test_the_second_postponement_goes_to_the_supervisor(agent: Api) -> None:
    id = agent.promise()["id"]
    levels = [
        agent.command(id, "amendments", {"due": agent.due(days=days), "reason": "r"})["escalation_level"]
        for days in (2, 3, 4)
    ]

    assert levels == [0, 2, 2]
    assert agent.told(id).count("CommitmentEscalated") == 1


def test_within_counts_from_the_amendment(agent: Api) -> None:
    id = agent.promise()["id"]
    agent.later(minutes=20)
    due = {"within": {"amount": 30, "unit": "minutes"}}

    assert agent.command(id, "amendments", {"due": due, "reason": "r"})["due"]["at"] == agent.at(minutes=30)


def test_an_amendment_keeps_the_zone_and_the_calendar_of_the_promise(agent: Api) -> None:
    id = agent.promise(time_zone="Europe/Sofia", calendar="BG")["id"]

    due = agent.command(id, "amendments", {"due": {"date": "2028-06-01"}, "reason": "r"})["due"]
    assert (due["at"], due["time_zone"], due["calendar"]) == ("2028-06-01T21:00:00Z", "Europe/Sofia", "BG")


def test_an_amendment_that_changes_nothing_records_nothing(agent: Api) -> None:
    made = agent.promise(items=[{"sku": "A", "quantity": 1}])
    body = {"promise": made["promise"], "due": agent.due(days=1), "items": made["items"], "path": ["courier"]}
    amended = agent.command(made["id"], "amendments", {**body, "reason": "r"})

    assert (amended["revision"], amended["version"]) == (1, made["version"])
    assert agent.told(made["id"]) == ["CommitmentMade"]


@pytest.mark.parametrize(
    "body", [{"reason": "r"}, {"promise": "x"}, {"promise": None, "reason": "r"}, {"due": None, "reason": "r"}]
)
def test_an_amendment_says_what_changes_and_why(agent: Api, body: dict[str, Any]) -> None:
    refused(agent.post(f"/v1/commitments/{agent.promise()['id']}/amendments", body), 422, "invalid")


def test_a_path_can_be_amended_and_its_new_roles_have_their_recipients(agent: Api, courier: Api, order: str) -> None:
    agent.assign(order, courier.actor)
    id = agent.promise(order_id=order)["id"]
    longer = agent.command(id, "amendments", {"path": ["warehouse", "courier"], "reason": "r"})
    shorter = agent.command(id, "amendments", {"path": ["warehouse"], "reason": "r"})

    assert [(h["role"], h["recipient"]) for h in longer["handoffs"]] == [
        ("warehouse", None),
        ("courier", courier.actor),
    ]
    assert [handoff["role"] for handoff in shorter["handoffs"]] == ["warehouse"]
    assert shorter["revision"] == 3


@pytest.mark.parametrize("path", [["courier", "courier"], ["boss"], ["team"], []])
def test_a_path_names_known_roles_once(agent: Api, path: list[str]) -> None:
    refused(promised(agent, agent.promising(path=path)), 422, "invalid")


# -- keeping ----------------------------------------------------------------------------------------------------


def test_kept_in_time_is_not_late(agent: Api) -> None:
    made = agent.promise(due=agent.due(hours=2))
    agent.later(hours=1)
    kept = agent.command(made["id"], "fulfilment", {"note": "Left with the neighbour", "evidence": ["photo-1"]})

    assert (kept["status"], kept["kept_at"], kept["late"]) == ("kept", agent.at(), False)
    assert agent.history(commitment_id=made["id"])[-1]["data"] == {
        "note": "Left with the neighbour",
        "evidence": ["photo-1"],
    }


def test_the_clock_breaks_a_promise_at_its_due(agent: Api) -> None:
    id = agent.promise(due=agent.due(hours=2))["id"]
    agent.later(hours=2)
    broken = agent.commitment(id)

    assert (broken["status"], broken["broken_at"], broken["times_broken"]) == ("broken", agent.at(), 1)


def test_a_broken_promise_can_be_kept_late(agent: Api) -> None:
    id = agent.promise(due=agent.due(hours=2))["id"]
    due = agent.later(hours=2)
    agent.later(hours=1)
    kept = agent.command(id, "fulfilment", {})

    assert (kept["status"], kept["late"], kept["times_broken"]) == ("kept", True, 1)
    assert kept["broken_at"] == agent.at(hours=-1)
    assert due < agent.now


def test_what_was_done_in_time_is_on_time_whenever_it_is_told(agent: Api) -> None:
    id = agent.promise(due=agent.due(hours=2))["id"]
    agent.later(hours=3)
    kept = agent.command(id, "fulfilment", {"at": agent.at(hours=-1)})

    assert (kept["status"], kept["late"], kept["broken_at"], kept["kept_at"]) == (
        "kept",
        False,
        None,
        agent.at(hours=-1),
    )
    assert "CommitmentBroken" in agent.told(id)


def test_a_later_due_reopens_a_broken_promise_and_it_stays_counted(agent: Api) -> None:
    id = agent.promise(due=agent.due(hours=2))["id"]
    agent.later(hours=3)
    amended = agent.command(id, "amendments", {"due": agent.due(hours=1), "reason": "r"})

    assert (amended["status"], amended["broken_at"], amended["times_broken"]) == ("open", None, 1)
    agent.later(hours=1)
    assert (agent.commitment(id)["status"], agent.commitment(id)["times_broken"]) == ("broken", 2)


def test_other_words_alone_do_not_reopen_a_broken_promise(agent: Api) -> None:
    id = agent.promise(due=agent.due(hours=2))["id"]
    agent.later(hours=3)

    assert agent.command(id, "amendments", {"promise": "Other words", "reason": "r"})["status"] == "broken"


def test_keeping_needs_no_words(agent: Api) -> None:
    made = agent.promise()

    kept = agent.request("POST", f"/v1/commitments/{made['id']}/fulfilment")
    assert (kept.status_code, kept.json()["status"]) == (200, "kept")


def test_keeping_twice_records_once(agent: Api) -> None:
    id = agent.promise()["id"]
    first, second = (agent.command(id, "fulfilment", {}) for _ in range(2))

    assert first == second
    assert agent.told(id).count("CommitmentKept") == 1


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("amendments", {"promise": "Other", "reason": "r"}),
        ("withdrawal", {"reason": "r", "cause": "agreed"}),
        ("attempts", {"outcome": "other"}),
    ],
)
def test_what_makes_no_sense_on_a_kept_promise_is_refused(agent: Api, name: str, body: dict[str, Any]) -> None:
    id = agent.promise()["id"]
    agent.command(id, "fulfilment", {})
    told = agent.told(id)

    refused(agent.post(f"/v1/commitments/{id}/{name}", body), 409, "commitment_closed")
    assert agent.told(id) == told


@pytest.mark.parametrize("cause", ["agreed", "not_agreed", "mistake"])
def test_a_promise_can_be_withdrawn(agent: Api, cause: str) -> None:
    id = agent.promise()["id"]
    body = {"reason": "He changed his mind", "cause": cause}

    assert agent.command(id, "withdrawal", body)["status"] == "withdrawn"
    assert agent.command(id, "withdrawal", body)["status"] == "withdrawn"
    assert agent.history(commitment_id=id)[-1]["data"] == body
    assert agent.told(id) == ["CommitmentMade", "CommitmentWithdrawn"]
    refused(agent.post(f"/v1/commitments/{id}/fulfilment", {}), 409, "commitment_closed")


def test_a_broken_promise_can_be_withdrawn(agent: Api) -> None:
    id = agent.promise(due=agent.due(hours=2))["id"]
    agent.later(hours=2)

    assert agent.command(id, "withdrawal", {"reason": "r", "cause": "not_agreed"})["status"] == "withdrawn"


# -- reopening --------------------------------------------------------------------------------------------------


def test_the_customers_word_reopens_a_kept_promise(agent: Api, supervisor: Api) -> None:
    id = agent.promise()["id"]
    supervisor.command(id, "fulfilment", {})
    reopened = agent.command(id, "reopening", {"reason": "disputed", "note": "It never came"})

    assert (reopened["status"], reopened["kept_at"]) == ("open", None)
    assert agent.flag(id) == "disputed"


def test_a_promise_that_was_reopened_after_its_due_is_broken(agent: Api) -> None:
    id = agent.promise(due=agent.due(hours=1))["id"]
    agent.command(id, "fulfilment", {})
    agent.later(hours=2)

    assert agent.command(id, "reopening", {"reason": "disputed"})["status"] == "broken"


def test_a_wrong_tap_is_taken_back_by_its_recorder_or_a_supervisor(agent: Api, courier: Api, supervisor: Api) -> None:
    for recorder, other in ((agent, agent), (courier, supervisor)):
        id = agent.promise()["id"]
        recorder.command(id, "fulfilment", {})
        assert other.command(id, "reopening", {"reason": "mistaken"})["status"] == "open"
        assert agent.flag(id) is None


def test_a_wrong_tap_of_somebody_else_or_of_the_day_before_is_not_taken_back(
    agent: Api, courier: Api, supervisor: Api
) -> None:
    id = agent.promise(due=agent.due(days=3))["id"]
    courier.command(id, "fulfilment", {})

    refused(agent.post(f"/v1/commitments/{id}/reopening", {"reason": "mistaken"}), 403, "forbidden")
    agent.later(hours=24, seconds=1)
    refused(courier.post(f"/v1/commitments/{id}/reopening", {"reason": "mistaken"}), 403, "forbidden")
    assert supervisor.command(id, "reopening", {"reason": "mistaken"})["status"] == "open"


def test_only_what_is_closed_can_be_reopened(agent: Api) -> None:
    id = agent.promise()["id"]

    refused(agent.post(f"/v1/commitments/{id}/reopening", {"reason": "disputed"}), 409, "commitment_not_closed")


# -- attempts and contacts --------------------------------------------------------------------------------------


def test_a_failed_attempt_leaves_the_status_and_excuses_the_next_postponement(agent: Api) -> None:
    id = agent.promise()["id"]
    tried = agent.command(id, "attempts", {"outcome": "customer_absent", "note": "Rang twice"})

    assert tried["status"] == "open"
    assert agent.flag(id) == "attempted"
    moved = agent.command(id, "amendments", {"due": agent.due(days=2), "reason": "r"})
    assert (moved["postponements"], agent.flag(id)) == (0, None)
    assert agent.command(id, "amendments", {"due": agent.due(days=3), "reason": "r"})["postponements"] == 1


@pytest.mark.parametrize(
    "outcome", ["customer_absent", "no_access", "wrong_address", "customer_refused", "damaged", "other"]
)
def test_an_attempt_has_an_outcome(agent: Api, outcome: str) -> None:
    id = agent.promise()["id"]
    agent.command(id, "attempts", {"outcome": outcome, "at": agent.at()})

    (tried,) = agent.history(commitment_id=id, type="FulfilmentAttempted")
    assert tried["data"]["outcome"] == outcome


def test_each_time_that_the_customer_asks_again_is_counted(agent: Api) -> None:
    id = agent.promise()["id"]
    body = {"channel": "phone", "direction": "inbound", "note": "Where is it?", "minutes": 12}
    counted = [agent.command(id, "contacts", body)["contacts"] for _ in range(2)]

    assert counted == [1, 2]
    assert [asked["data"] for asked in agent.history(commitment_id=id, type="CustomerContacted")] == [body, body]


def test_the_third_contact_goes_to_the_supervisor(agent: Api) -> None:
    id = agent.promise()["id"]
    levels = [agent.command(id, "contacts", {"channel": "phone"})["escalation_level"] for _ in range(4)]

    assert levels == [0, 0, 2, 2]
    assert agent.told(id).count("CommitmentEscalated") == 1


def test_a_customer_may_ask_about_what_is_closed(agent: Api) -> None:
    id = agent.promise()["id"]
    agent.command(id, "fulfilment", {})

    assert agent.command(id, "contacts", {"channel": "chat"})["contacts"] == 1


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("contacts", {"channel": "phone", "minutes": -1}, "/minutes"),
        ("contacts", {"channel": "phone", "minutes": 1441}, "/minutes"),
        ("contacts", {"channel": "phone", "note": "n" * 2001}, "/note"),
        ("contacts", {"channel": "phone", "direction": "sideways"}, "/direction"),
        ("contacts", {}, "/channel"),
        ("attempts", {"outcome": "rain"}, "/outcome"),
        ("attempts", {}, "/outcome"),
        ("withdrawal", {"cause": "agreed"}, "/reason"),
        ("withdrawal", {"reason": "r" * 2001, "cause": "agreed"}, "/reason"),
        ("withdrawal", {"reason": "r", "cause": "because"}, "/cause"),
        ("reopening", {"reason": "other"}, "/reason"),
        ("fulfilment", {"note": "n" * 2001}, "/note"),
        ("amendments", {"value": {"amount": "1.00001", "currency": "CNY"}, "reason": "r"}, "/value/amount"),
        ("amendments", {"value": {"amount": 39, "currency": "CNY"}, "reason": "r"}, "/value/amount"),
        ("amendments", {"value": {"amount": "1e3", "currency": "CNY"}, "reason": "r"}, "/value/amount"),
        ("amendments", {"value": {"amount": "1", "currency": "cny"}, "reason": "r"}, "/value/currency"),
        ("amendments", {"value": {"amount": "1", "currency": "ABC"}, "reason": "r"}, "/value/currency"),
        ("amendments", {"promise": "p", "reason": "r", "customer_agreed": "yes"}, "/customer_agreed"),
    ],
)
def test_a_command_outside_its_limits_is_refused_with_its_pointer(
    agent: Api, name: str, body: dict[str, Any], pointer: str
) -> None:
    id = agent.promise()["id"]

    refused(agent.post(f"/v1/commitments/{id}/{name}", body), 422, "invalid", pointer)
    assert agent.told(id) == ["CommitmentMade"]


@pytest.mark.parametrize("amount", ["0", "0.0001", "999999999999999.9999", "39.00"])
def test_a_value_is_a_decimal_text_kept_as_it_was_written(agent: Api, amount: str) -> None:
    made = agent.promise("refund", value={"amount": amount, "currency": "EUR"})

    assert made["value"] == {"amount": amount, "currency": "EUR"}

"""People and customers: who they are, how they are reached, when they are at work (contract, section 8)."""

from typing import Any

import psycopg
import pytest

from api.querying import cursor
from policies.channels import masked, merged
from tests.api.serving import Api, Serving, refused

MAIL = "mailto://shop:s3cret@example.com?to=li@example.com"
MASKED = "mailto://shop:****@example.com/li%40example.com"
GRAM = "tgram://123456789:AbcdefghijklmnopqrstuvwxyZ123456789/12315544"


@pytest.fixture
def courier(agent: Api) -> str:
    """A courier whom no other test knows."""
    return agent.actor.replace("agent", "courier")


def put(api: Api, actor: str, **person: Any) -> dict[str, Any]:
    answer = api.put(f"/v1/people/{actor}", {"name": "Li Wei", **person})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_person_is_answered_with_secrets_masked(supervisor: Api, courier: str) -> None:
    person = {
        "name": "李伟",
        "locale": "zh-CN",
        "time_zone": "Europe/Sofia",
        "team": "team:north",
        "reports_to": "supervisor:wang",
        "on_duty": "Mo-Sa 06:00-15:00",
        "channels": [MAIL, GRAM],
        "content": "full",
    }
    answered = put(supervisor, courier, **person)

    assert answered == {"actor": courier, **person, "channels": [MASKED, "tgram://****/12315544/"], "phone": None}
    assert supervisor.get(f"/v1/people/{courier}") == answered


def test_what_is_left_out_has_its_default(supervisor: Api, courier: str) -> None:
    assert put(supervisor, courier) == {
        "phone": None,
        "actor": courier,
        "name": "Li Wei",
        "locale": "en",
        "time_zone": "Asia/Shanghai",
        "team": None,
        "reports_to": None,
        "on_duty": None,
        "channels": [],
        "content": "minimal",
    }


def test_a_channel_that_comes_back_masked_stays_as_it_was(supervisor: Api, courier: str, serving: Serving) -> None:
    put(supervisor, courier, channels=[MAIL])
    put(supervisor, courier, channels=[GRAM, MASKED], name="Li")

    assert supervisor.get(f"/v1/people/{courier}")["channels"] == ["tgram://****/12315544/", MASKED]


@pytest.mark.filterwarnings("ignore:.*imghdr")  # the library looks for a module that later Pythons do not have
def test_of_two_channels_that_are_shown_alike_each_stays(supervisor: Api, courier: str) -> None:
    two = ("json://example.com/a", "json://example.com/b")
    shown = tuple(masked(channel) for channel in two)

    assert shown[0] == shown[1]
    assert merged(shown, two) == two
    assert merged((*shown, shown[0]), two) == (*two, shown[0])


def test_a_channel_that_cannot_be_read_is_not_told_to_the_log(supervisor: Api, courier: str, serving: Serving) -> None:
    for channel in ("tgram://UNMISTAKABLE/1", "slack://UNMISTAKABLE/x", "UNMISTAKABLE"):
        refused(supervisor.put(f"/v1/people/{courier}", {"name": "Li", "channels": [channel]}), 422)

    assert "UNMISTAKABLE" not in serving.logged


def test_a_cursor_that_was_made_up_is_refused(supervisor: Api) -> None:
    refused(supervisor.request("GET", "/v1/people", cursor=cursor("\x00")), 422, "invalid", "/query/cursor")


@pytest.mark.parametrize("shown", ["jsons://user:****@example.com/****", "viber://****/abc"])
def test_whatever_the_address_holds_its_secret_is_not_shown(supervisor: Api, courier: str, shown: str) -> None:
    channel = shown.replace("****", "s3cret")
    assert put(supervisor, courier, channels=[channel])["channels"][0].rstrip("/") == shown.rstrip("/")


def test_nothing_of_a_person_is_in_clear_in_the_database(supervisor: Api, courier: str, serving_database: str) -> None:
    put(supervisor, courier, name="Unmistakable Name", channels=[MAIL])
    with psycopg.connect(serving_database) as conn:
        rows = conn.execute("SELECT * FROM contact_points").fetchall()
        changes = conn.execute("SELECT * FROM contact_changes").fetchall()
    stored = repr(rows) + repr(changes)

    assert courier in stored
    assert "Unmistakable" not in stored
    assert "s3cret" not in stored


def test_each_change_is_noted_once(supervisor: Api, courier: str, serving_database: str) -> None:
    for name in ("Li", "Li", "Li Wei"):
        put(supervisor, courier, name=name)
    supervisor.delete(f"/v1/people/{courier}")
    with psycopg.connect(serving_database) as conn:
        noted = conn.execute(
            "SELECT changed_by, document IS NULL FROM contact_changes WHERE id = %s ORDER BY number", (courier,)
        ).fetchall()

    assert noted == [(supervisor.actor, False), (supervisor.actor, False), (supervisor.actor, True)]


def test_a_person_who_is_deleted_is_gone(supervisor: Api, courier: str) -> None:
    put(supervisor, courier)
    assert supervisor.delete(f"/v1/people/{courier}").status_code == 204
    refused(supervisor.request("GET", f"/v1/people/{courier}"), 404, "not_found")
    refused(supervisor.delete(f"/v1/people/{courier}"), 404, "not_found")


def test_who_is_reached_by_nothing_is_listed(supervisor: Api, courier: str) -> None:
    without, reached = [f"{courier}-{number}" for number in range(5)], f"{courier}-5"
    for actor in without:
        put(supervisor, actor)
    put(supervisor, reached, channels=[MAIL])
    everybody = pages(supervisor, limit=2)
    unreachable = pages(supervisor, limit=2, unreachable="true")

    assert {*without, reached} <= set(everybody)
    assert everybody == sorted(everybody)
    assert set(without) <= set(unreachable)
    assert reached not in unreachable


def pages(api: Api, **asked: Any) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = api.get("/v1/people", cursor=cursor, **asked)
        found += [item["actor"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            return found


def test_the_receipt_clock_runs_while_the_recipient_is_at_work(agent: Api, courier: str, order: str) -> None:
    put(agent, courier, on_duty="24/7")
    agent.assign(order, courier)
    always = agent.promise(order_id=order, due=agent.due(days=20))
    hour = f"{(agent.now.hour + 3) % 24:02}"  # wherever the clock stands, his work is still to come
    put(agent, courier, on_duty=f"Mo-Su {hour}:00-{hour}:30", time_zone="UTC")
    seldom = agent.promise(order_id=order, due=agent.due(days=20))

    assert always["handoffs"][0]["receipt_due_at"] == agent.at(hours=1)
    assert seldom["handoffs"][0]["receipt_due_at"] > agent.at(hours=24)
    assert seldom["handoffs"][0]["receipt_due_at"].endswith(f"T{hour}:30:00Z")


def test_who_is_put_in_a_team_sees_and_claims_what_it_has(agent: Api, courier: str, order: str) -> None:
    team = "team:" + courier.replace(":", "-")
    put(agent, courier, team=team)
    agent.assign(order, team)
    id = agent.promise(order_id=order)["id"]
    li = agent.by(courier)
    assert [stop["order_id"] for stop in li.get("/v1/tasks")["items"]] == [order]
    assert li.receipt(id)["counts"] is True
    refused(agent.by("courier:stranger").post(f"/v1/commitments/{id}/receipts", {"revision": 1, "state": "seen"}), 403)

    assert agent.commitment(id)["handoffs"][0]["recipient"] == courier


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": None}, "/name"),
        ({"locale": "fr"}, "/locale"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"team": "north"}, "/team"),
        ({"reports_to": "wang"}, "/reports_to"),
        ({"reports_to": "pilot:wang"}, "/reports_to"),
        ({"on_duty": "whenever"}, "/on_duty"),
        ({"on_duty": "off"}, "/on_duty"),
        ({"on_duty": "2026 Jan 05 09:00-18:00"}, "/on_duty"),
        ({"on_duty": "2026 Mo-Fr 08:00-17:00"}, "/on_duty"),
        ({"channels": ["nonsense"]}, "/channels/0"),
        ({"channels": [MAIL, "syslog://"]}, "/channels/1"),
        ({"channels": [" syslog://"]}, "/channels/0"),
        ({"channels": [MASKED.replace("example", "elsewhere") + "\x00"]}, "/channels/0"),
        ({"content": "everything"}, "/content"),
        ({"salary": 1}, "/salary"),
    ],
)
def test_who_cannot_be_is_refused(supervisor: Api, courier: str, change: dict[str, Any], pointer: str) -> None:
    refused(supervisor.put(f"/v1/people/{courier}", {"name": "Li", **change}), 422, pointer=pointer)
    refused(supervisor.request("GET", f"/v1/people/{courier}"), 404)


@pytest.mark.parametrize("actor", ["li", "pilot:li", "courier:", "courier:l i"])
def test_who_is_nobody_is_refused(supervisor: Api, actor: str) -> None:
    refused(supervisor.put(f"/v1/people/{actor}", {"name": "Li"}), 422, "invalid")


def test_a_customers_contact_is_kept_and_masked(agent: Api, order: str) -> None:
    path = f"/v1/customers/CU%2F{order}/contact"
    contact = {"name": "The Lin family", "locale": "zh-CN", "channels": [MAIL]}
    answer = agent.put(path, contact)

    assert answer.status_code == 200
    assert answer.json() == {"customer_id": f"CU/{order}", **contact, "channels": [MASKED], "phone": None}
    assert agent.get(path) == answer.json()
    assert agent.delete(path).status_code == 204
    refused(agent.request("GET", path), 404, "not_found")
    refused(agent.put(path, {"channels": ["nonsense"]}), 422, pointer="/channels/0")


@pytest.fixture(scope="session")
def serving_database(serving: Serving) -> str:
    """The database of the process that most tests share."""
    return str(serving.settings["database_url"])


def test_of_channels_that_look_alike_the_second_can_be_kept_alone(supervisor: Api, courier: str) -> None:
    path = f"/v1/people/{courier}"
    put(
        supervisor,
        courier,
        channels=["json://example.com/first", "json://example.com/second", "tgram://123456789:abcdefg_hij/7/"],
    )
    shown = supervisor.get(path)["channels"]
    assert shown[:2] == ["json://example.com/****", "json://example.com/****#2"]

    put(supervisor, courier, channels=[shown[1]])
    put(supervisor, courier, channels=["json://example.com/another", "json://example.com/****"])

    assert len(supervisor.get(path)["channels"]) == 2


@pytest.mark.parametrize(
    "channel",
    [
        "json://u:****@example.com/****",
        "workflows://example.com/WF1/SIG1?template=/etc/hostname",
        "vapid://li@example.com/li@example.com?keyfile=/etc/hostname&subfile=/etc/hostname",
        "vapid://li@example.com/li@example.com#?keyfile=/etc/hostname&subfile=/etc/hostname",
        "json://example.com/x#?method=DELETE",
        "json://example.com/x?+method=GET",
        "json://example.com/x? :rto =9999",
        "json://example.com/x?retry=10&wait=20",
    ],
)
def test_a_channel_that_is_masked_names_a_file_or_commands_is_refused(
    supervisor: Api, courier: str, channel: str
) -> None:
    answer = supervisor.put(f"/v1/people/{courier}", {"name": "Li", "channels": [channel]})
    refused(answer, 422, pointer="/channels/0")


def test_nobody_reports_to_himself(supervisor: Api, courier: str) -> None:
    answer = supervisor.put(f"/v1/people/{courier}", {"name": "Li", "reports_to": courier})
    refused(answer, 422, pointer="/reports_to")


@pytest.mark.parametrize("option", ["method=DELETE", "rto=100000", "cto=100000"])
def test_a_channel_does_not_say_how_it_is_asked(supervisor: Api, option: str) -> None:
    body = {"name": "Li", "time_zone": "Asia/Shanghai", "channels": [f"json://gateway.example/a?{option}"]}
    refused(supervisor.put("/v1/people/courier:li-asks", body), 422, "invalid", "/channels/0")

"""A keeper's link: the tasks of one day without an account, and a word about each (contract, section 8)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tests.api.serving import Api, Serving, refused

JSON = {"Accept": "application/json"}

Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(serving: Serving, everybody: Api) -> Ask:
    """Asks for a path as somebody who is known to nobody; what was written before can be read by then."""

    def ask(
        path: str, data: dict[str, object] | None = None, method: str | None = None, **headers: str
    ) -> httpx.Response:
        everybody.get("/v1/tasks")
        asked = method or ("POST" if data is not None else "GET")
        answer = httpx.request(asked, serving.url + path, data=data, headers=headers, trust_env=False, timeout=30)
        everybody.see(answer)
        return answer

    return ask


@pytest.fixture
def recorded(serving: Serving) -> Callable[[], int]:
    """How much is in the log, but for what becomes of messages, also of those that others were to get."""

    def count() -> int:
        with psycopg.connect(str(serving.settings["database_url"])) as conn:
            row = conn.execute(
                "SELECT count(*) FROM stored_events WHERE topic NOT IN ('HandoffSent', 'HandoffFailed')"
            ).fetchone()
        return row[0] if row else 0

    return count


def link(courier: Api) -> str:
    """The path of a courier's link."""
    answer = courier.by("supervisor:wang").post(f"/v1/people/{courier.actor}/keeper-link", None)
    assert answer.status_code == 201, answer.text
    assert answer.json().keys() == {"url"}
    return urlsplit(str(answer.json()["url"])).path


def says(id: str, state: str = "acknowledged", revision: int = 1, **more: object) -> dict[str, object]:
    return {"commitment_id": id, "revision": revision, "role": "courier", "state": state, **more}


def test_the_link_is_short_enough_for_an_sms_and_the_same_all_day(courier: Api, serving: Serving) -> None:
    path = link(courier)

    assert re.fullmatch(r"/k/[A-Za-z0-9_-]{20}", path)
    assert link(courier) == path
    with psycopg.connect(str(serving.settings["database_url"])) as conn:
        stored = repr(conn.execute("SELECT * FROM keeper_links").fetchall())
    assert courier.actor in stored
    assert path.removeprefix("/k/") not in stored


def test_the_link_shows_what_the_tasks_show_and_the_teams(courier: Api, agent: Api, order: str, ask: Ask) -> None:
    agent.assign(order, courier.actor, stop=4, address="3 Willow Lane", planned_start=agent.at(hours=2))
    team = "team:" + courier.actor.replace(":", "-")
    agent.put(f"/v1/people/{courier.actor}", {"name": "Li", "team": team})
    agent.assign(f"{order}-team", team, stop=5)
    agent.promise(order_id=order, promise="它明天来 <b>", items=[{"sku": "TV", "quantity": 2}])
    agent.promise(order_id=f"{order}-team", promise="For any of you")
    path, tasks = link(courier), courier.get("/v1/tasks")["items"]
    answer = ask(path, **JSON)
    shown = ask(path).text

    assert [unversioned(stop) for stop in answer.json()["items"]] == [unversioned(stop) for stop in tasks]
    assert answer.json()["actor"] == courier.actor
    assert shown.index("Stop 4") < shown.index("Stop 5")
    for words in ("3 Willow Lane", "search?query=3%20Willow%20Lane", "它明天来 &lt;b&gt;", "2 × TV", "For any of you"):
        assert words in shown
    for id in (tasks[0]["commitments"][0]["id"], tasks[0]["commitments"][0]["due"]["at"]):
        assert id in answer.text


def test_reading_records_nothing(courier: Api, agent: Api, order: str, ask: Ask, recorded: Callable[[], int]) -> None:
    agent.assign(order, courier.actor)
    id = agent.promise(order_id=order)["id"]
    path = link(courier)
    agent.end_of_the_log()
    before = recorded()
    for _ in range(2):
        assert ask(path).status_code == ask(path, **JSON).status_code == 200
        assert ask(path, method="HEAD").status_code == 200
        assert ask(f"{path}?about={id}&revision=1&said=acknowledged", **{"Sec-Purpose": "prefetch"}).status_code == 200

    assert recorded() == before
    assert "Recorded" not in ask(f"{path}?about={id}&revision=1&said=acknowledged").text


def test_the_button_acknowledges_as_that_keeper_and_leads_back(courier: Api, agent: Api, order: str, ask: Ask) -> None:
    agent.assign(order, courier.actor)
    id = agent.promise(order_id=order)["id"]
    path = link(courier)
    answer = ask(path, says(id))
    back = urlsplit(answer.headers["location"])
    (told,) = agent.history(commitment_id=id, type="HandoffAcknowledged")

    assert answer.status_code == 303
    assert back.path == path
    assert "Recorded. Thank you." in ask(f"{back.path}?{back.query}").text
    assert (told["actor"], told["on_behalf_of"], told["data"]["via"]) == (courier.actor, None, "link")
    assert agent.commitment(id)["handoffs"][0]["received"] is True
    assert ask(path, says(id), **JSON).json()["recorded"] is False
    assert agent.told(id).count("HandoffAcknowledged") == 1


@pytest.mark.parametrize(
    ("kind", "button", "state"), [("redelivery", "I know", "acknowledged"), ("free_item", "It is in the van", "held")]
)
def test_the_page_has_the_button_that_the_kind_asks_for(
    courier: Api, agent: Api, order: str, ask: Ask, kind: str, button: str, state: str
) -> None:
    agent.assign(order, courier.actor)
    id = agent.promise(kind, order_id=order)["id"]
    path = link(courier)
    shown = ask(path).text

    assert f">{button}</button>" in shown
    assert f'name="state" value="{state}"' in shown
    ask(path, says(id, state))
    assert f">{button}</button>" not in ask(path).text
    assert next(h for h in agent.commitment(id)["handoffs"] if h["role"] == "courier")["received"] is True


def test_what_asks_for_no_receipt_has_no_button(courier: Api, agent: Api, order: str, ask: Ask) -> None:
    agent.assign(order, courier.actor)
    agent.promise("delivery", order_id=order)
    shown = ask(link(courier)).text

    assert "Nothing to confirm" in shown
    assert "<form" not in shown


def test_who_cannot_says_why_and_may_think_better_of_it(courier: Api, agent: Api, order: str, ask: Ask) -> None:
    agent.assign(order, courier.actor)
    id = agent.promise(order_id=order)["id"]
    path = link(courier)
    without = ask(path, says(id, "declined", reason=["", " "]))
    assert (without.status_code, "say why you cannot" in without.text) == (422, True)
    refused(ask(path, says(id, "declined"), **JSON), 422, "invalid", "/reason")
    assert ask(path, says(id, "declined", reason=["There is not enough time", "The bridge is shut"])).status_code == 303
    (told,) = agent.history(commitment_id=id, type="HandoffDeclined")

    assert told["data"]["reason"] == "There is not enough time: The bridge is shut"
    assert agent.flag(id) == "declined"
    assert "You said that you cannot" in ask(path).text
    ask(path, says(id))
    assert agent.flag(id) is None


def test_a_word_about_an_older_revision_is_recorded_and_shows_what_changed(
    courier: Api, agent: Api, order: str, ask: Ask
) -> None:
    agent.assign(order, courier.actor)
    id = agent.promise(order_id=order, promise="It comes by noon")["id"]
    path = link(courier)
    agent.command(id, "amendments", {"promise": "It comes by ten", "reason": "She works"})
    answer = ask(path, says(id))
    shown = ask(answer.headers["location"].partition("#")[0]).text
    told = ask(path, says(id), **JSON).json()

    assert (told["counts"], told["why_not"], told["current_revision"]) == (False, "older_revision", 2)
    assert "This promise changed meanwhile" in shown
    assert "Recorded. Thank you." not in shown
    assert shown.index("It comes by noon") < shown.index("It comes by ten")
    # He knows an older one, whenever he looks, until he says that he knows the one that counts.
    assert "It comes by noon" in ask(path).text
    ask(path, says(id, revision=2))
    assert "It comes by noon" not in ask(path).text


def test_what_went_to_somebody_else_is_recorded_and_said(courier: Api, agent: Api, order: str, ask: Ask) -> None:
    agent.assign(order, courier.actor)
    id = agent.promise(order_id=order)["id"]
    path = link(courier)
    agent.assign(order, f"{courier.actor}-other")
    answer = ask(path, says(id))

    assert "is not yours any more" in ask(answer.headers["location"].partition("#")[0]).text
    assert ask(path, says(id), **JSON).json()["why_not"] == "no_longer_recipient"


def test_the_link_is_for_what_is_his_and_nothing_else(courier: Api, agent: Api, order: str, ask: Ask) -> None:
    agent.assign(order, f"{courier.actor}-other")
    id = agent.promise(order_id=order, promise="Unmistakable")["id"]
    path = link(courier)

    assert "Unmistakable" not in ask(path).text
    refused(ask(path, says(id), **JSON), 403, "forbidden")
    assert (ask(path, says(id)).status_code, "this was never yours" in ask(path, says(id)).text) == (403, True)
    assert ask(path, says("00000000-0000-4000-8000-000000000000")).status_code == 404
    assert agent.told(id) == ["CommitmentMade", "HandoffAssigned"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"revision": 0}, "/revision"),
        ({"revision": "first"}, "/revision"),
        ({"revision": 2}, "/revision"),
        ({"revision": ["1", "1"]}, "/revision"),
        ({"state": "delivered"}, "/state"),
        ({"state": None}, "/state"),
        ({"role": "pilot"}, "/role"),
        ({"commitment_id": "none"}, "/commitment_id"),
        ({"reason": "\x00"}, "/reason"),
        ({"reason": ["x" * 2000, "y"]}, "/reason"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_a_form_that_cannot_be_is_refused(
    courier: Api, agent: Api, order: str, ask: Ask, change: dict[str, Any], pointer: str
) -> None:
    agent.assign(order, courier.actor)
    id = agent.promise(order_id=order)["id"]
    path = link(courier)
    form = {name: value for name, value in {**says(id), **change}.items() if value is not None}

    refused(ask(path, form, **JSON), 422, "invalid", pointer)
    assert ask(path, form).status_code == 422
    assert agent.told(id) == ["CommitmentMade", "HandoffAssigned"]


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("application/json", b"{}", 422),
        ("application/x-www-form-urlencoded", b"", 422),
        ("application/x-www-form-urlencoded", b"=%ff", 422),
        ("application/x-www-form-urlencoded", b"a=1&" * 100, 422),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 2_000_000, 413),
    ],
)
def test_what_is_no_form_is_refused(courier: Api, serving: Serving, kind: str, content: bytes, status: int) -> None:
    url = serving.url + link(courier)
    answer = httpx.post(url, content=content, headers={**JSON, "Content-Type": kind}, trust_env=False, timeout=30)

    refused(answer, status)


def test_a_link_that_is_revoked_opens_nothing_and_the_next_one_is_another(
    courier: Api, supervisor: Api, ask: Ask
) -> None:
    first, path = link(courier), f"/v1/people/{courier.actor}/keeper-link"
    assert supervisor.delete(path).status_code == 204
    refused(supervisor.delete(path), 404, "not_found")
    refused(ask(first, **JSON), 404, "not_found")
    refused(ask(first, says("00000000-0000-4000-8000-000000000000"), **JSON), 404, "not_found")
    shown = ask(first)
    second = link(courier)

    assert (shown.status_code, "This link opens nothing" in shown.text) == (404, True)
    assert second != first
    assert ask(second).status_code == 200


def test_a_person_who_is_deleted_has_no_link(courier: Api, supervisor: Api, ask: Ask) -> None:
    supervisor.put(f"/v1/people/{courier.actor}", {"name": "Li"})
    path = link(courier)
    assert supervisor.delete(f"/v1/people/{courier.actor}").status_code == 204

    assert ask(path).status_code == 404


@pytest.mark.parametrize(("time_zone", "hour"), [(None, 16), ("Pacific/Kiritimati", 10), ("America/Sao_Paulo", 3)])
def test_a_link_is_good_until_midnight_where_its_keeper_is(
    courier: Api, supervisor: Api, ask: Ask, time_zone: str | None, hour: int
) -> None:
    if time_zone is not None:
        supervisor.put(f"/v1/people/{courier.actor}", {"name": "Li", "time_zone": time_zone})
    path = link(courier)
    ends_at = datetime.fromisoformat(ask(path, **JSON).json()["ends_at"])

    assert (ends_at.hour, ends_at.minute) == (hour, 0)
    assert timedelta(0) < ends_at - supervisor.now <= timedelta(days=1)
    supervisor.move_clock(ends_at.astimezone(UTC) - timedelta(seconds=1))
    assert ask(path).status_code == 200
    supervisor.move_clock(ends_at.astimezone(UTC))
    assert ask(path).status_code == 404
    refused(supervisor.delete(f"/v1/people/{courier.actor}/keeper-link"), 404, "not_found")
    assert link(courier) != path


@pytest.mark.parametrize(
    ("locale", "words"), [("en", "Your tasks today"), ("zh-CN", "您今天的任务"), ("bg", "Вашите задачи днес")]
)
def test_the_page_speaks_the_keepers_language_else_the_browsers(
    courier: Api, supervisor: Api, ask: Ask, locale: str, words: str
) -> None:
    path = link(courier)
    assert words in ask(path, **{"Accept-Language": locale}).text
    supervisor.put(f"/v1/people/{courier.actor}", {"name": "Li", "locale": locale})
    answer = ask(path, **{"Accept-Language": "bg" if locale == "en" else "en"})

    assert words in answer.text
    assert answer.headers["content-language"] == locale


def test_nobody_keeps_or_finds_the_page(courier: Api, ask: Ask) -> None:
    path = link(courier)
    for answer in (ask(path), ask(path, **JSON)):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-robots-tag"] == "noindex"
    assert "script" not in ask(path).headers["content-security-policy"]


@pytest.mark.parametrize("token", ["x", "a" * 20, "%00", "%F0%9F%98%80", "%ff", "A" * 4000])
def test_what_is_no_link_opens_nothing(ask: Ask, token: str) -> None:
    assert ask(f"/k/{token}", **JSON).status_code in (404, 422)
    assert ask(f"/k/{token}", says("x"), **JSON).status_code in (404, 422)


@pytest.mark.parametrize("actor", ["team:courier", "pilot:li", "li"])
def test_there_is_no_link_for_who_is_not_one_person(agent: Api, actor: str) -> None:
    refused(agent.post(f"/v1/people/{actor}/keeper-link", None), 422, "invalid")


def test_what_messengers_add_to_the_address_is_left_alone(courier: Api, ask: Ask) -> None:
    assert ask(f"{link(courier)}?from=singlemessage&utm_source=sms").status_code == 200


def unversioned(stop: dict[str, Any]) -> dict[str, Any]:
    """A stop without the versions of its promises, which go up when a message about one did not leave."""
    kept = [{name: value for name, value in one.items() if name != "version"} for one in stop["commitments"]]
    return stop | {"commitments": kept}


def test_the_link_of_a_supervisor_speaks_for_him_and_for_nobody_whom_he_could_speak_for(
    courier: Api, ask: Ask, recorded: Callable[[], int]
) -> None:
    """Whoever holds it is not the supervisor: an SMS was passed on, or somebody looked over his shoulder."""
    agent = courier.by("agent:ling")
    agent.assign("SO-L1", courier.actor)
    id = agent.promise("callback", order_id="SO-L1", path=["courier"])["id"]
    for actor in ("supervisor:lin", "admin:lin"):
        path = link(courier.by(actor))
        before = recorded()
        answer = ask(path, says(id, "held"), **JSON)
        refused(answer, 403, "forbidden")
        assert "promise" not in answer.json()
        assert recorded() == before

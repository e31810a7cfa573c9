"""The desk without a browser: what a form becomes, what is proposed, and what whoever looks on is told."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest

from api.pages.desk_form import Draft, digest, items_text, read_items
from api.pages.desk_looking import Option, Previewed, only_or_chosen
from domain.values import Item
from tests.api.serving import MASTER_KEY, Api, Serving


@pytest.fixture(scope="module")
def agent(fresh_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    settings: dict[str, object] = {"database_url": fresh_database(), "master_key": MASTER_KEY}
    with Serving(tmp_path_factory.mktemp("desk"), **settings) as serving:
        yield serving.by("agent:ling")


def opened(agent: Api, method: str, path: str, **more: object) -> httpx.Response:
    """A page as a browser asks for it."""
    return agent.client.request(method, path, headers={"X-Actor": agent.actor}, **more)  # type: ignore[arg-type]


# -- the form ------------------------------------------------------------------------------------------------------


def test_a_proposal_follows_what_is_typed_until_the_field_is_the_agents_own() -> None:
    draft = Draft()
    draft.propose("kind", "refund")
    draft.propose("kind", "invoice")
    assert draft["kind"] == "invoice"
    draft.propose("kind", None)
    assert draft["kind"] == ""

    draft = Draft.of({"kind": "callback", "was_kind": "refund"})
    draft.propose("kind", "invoice")
    assert draft["kind"] == "callback"


def test_a_field_that_the_agent_has_emptied_stays_empty() -> None:
    draft = Draft.of({"was_due": "tomorrow"})
    draft.propose("due", "friday")

    assert draft["due"] == ""


def test_a_value_that_was_changed_to_what_is_proposed_next_stays_the_agents_own() -> None:
    draft = Draft.of({"kind": "callback", "was_kind": "refund"})
    draft.propose("kind", "callback")
    draft.propose("kind", "invoice")

    assert draft["kind"] == "callback"


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("HDMI-2M", [("HDMI-2M", 1)]),
        ("2 x TV-55, 3×CABLE", [("TV-55", 2), ("CABLE", 3)]),
        ("TV-55 x 2；CABLE、PLUG", [("TV-55", 2), ("CABLE", 1), ("PLUG", 1)]),
        (" , ", []),
    ],
)
def test_things_are_typed_as_people_write_them(text: str, items: list[tuple[str, int]]) -> None:
    assert [(one["sku"], one["quantity"]) for one in read_items(text)] == items
    assert read_items(items_text(Item(*one) for one in items)) == read_items(text)


def test_what_was_seen_is_known_whatever_the_order_of_its_fields() -> None:
    assert digest({"kind": "refund", "promise": "p"}) == digest({"promise": "p", "kind": "refund"})
    assert digest({"kind": "refund", "promise": "p"}) != digest({"kind": "refund", "promise": "q"})


# -- what is sent --------------------------------------------------------------------------------------------------

STRANGE = [
    {"line": "\x00"},
    {"line": "refund tomorrow", "customer_id": "a b", "order_id": "\x00"},
    {"line": "x" * 3000, "customer_id": "CU-1", "kind": "refund"},
    {"kind": "no such kind", "customer_id": "CU-1", "promise": "p", "due": "tomorrow"},
    {"kind": "refund", "customer_id": "CU-1", "promise": "p", "amount": "1,5", "currency": "??"},
    {"kind": "refund", "customer_id": "CU-1", "promise": "p", "direction": "sideways"},
    {"kind": "refund", "customer_id": "CU-1", "promise": "p", "due": "\ud83d\ude80", "due_choice": "{"},
    {"kind": "refund", "customer_id": "CU-1", "promise": "p", "items": "9999999 x a, x x x"},
]


@pytest.mark.parametrize("sent", STRANGE)
@pytest.mark.parametrize("path", ["/desk", "/desk/look"])
def test_whatever_a_form_sends_is_answered_and_nothing_is_recorded(agent: Api, path: str, sent: dict[str, str]) -> None:
    data = {name: value.encode("utf-8", "surrogatepass") for name, value in sent.items()}
    answer = opened(agent, "POST", path, data=data)

    assert answer.status_code in (200, 422), answer.text
    assert agent.get("/v1/commitments", customer_id="CU-1")["items"] == []


@pytest.mark.parametrize("what", ["contacts", "amendments", "withdrawal", "reopening", "fulfilment", "customer-link"])
def test_a_form_about_a_promise_that_is_not_there_finds_nothing(agent: Api, what: str) -> None:
    assert opened(agent, "POST", f"/desk/promises/{uuid4()}/{what}", data={"reason": "r"}).status_code == 404


def test_words_that_name_another_time_than_the_new_one_are_asked_about_once(agent: Api) -> None:
    id = agent.promise("callback", customer_id="CU-3", promise="I call you back tomorrow at noon")["id"]
    form = {"due": "in 5 days", "reason": "The expert is away", "version": str(agent.commitment(id)["version"])}
    asked = opened(agent, "POST", f"/desk/promises/{id}/amendments", data=form)
    assert (asked.status_code, agent.commitment(id)["revision"]) == (422, 1)
    assert "still name another time" in asked.text
    assert "tomorrow at noon" in asked.text

    stays = opened(agent, "POST", f"/desk/promises/{id}/amendments", data={**form, "words_stay": "1"})
    assert (stays.status_code, agent.commitment(id)["revision"]) == (303, 2)
    changed = {
        **form,
        "due": "in 6 days",
        "promise": "I call you back",
        "version": str(agent.commitment(id)["version"]),
    }
    assert opened(agent, "POST", f"/desk/promises/{id}/amendments", data=changed).status_code == 303


def test_a_new_time_is_one_of_the_promises_own_clock(agent: Api) -> None:
    due = agent.due(days=1) | {"time_zone": "Europe/Sofia"}
    id = agent.promise("callback", customer_id="CU-3", promise="We call", due=due)["id"]
    day = f"{agent.now + timedelta(days=4):%Y-%m-%d}"
    form = {"due": f"{day} 18:00", "reason": "She is away", "version": str(agent.commitment(id)["version"])}
    answer = opened(agent, "POST", f"/desk/promises/{id}/amendments", data=form)
    assert answer.status_code == 303, answer.text
    amended = agent.commitment(id)["due"]
    local = datetime.fromisoformat(amended["at"]).astimezone(ZoneInfo("Europe/Sofia"))
    assert (amended["time_zone"], local.hour, local.minute) == ("Europe/Sofia", 18, 0)


def test_an_order_that_is_known_in_capitals_is_asked_about_and_not_taken_for_it(agent: Api) -> None:
    agent.assign("TV-3301", "courier:li")
    line = {"line": "redelivery tomorrow, tv-3301", "customer_id": "CU-1"}
    looked = opened(agent, "POST", "/desk/look", data=line)

    assert "There is no order tv-3301, but there is TV-3301." in looked.text
    assert "There is no order" not in opened(agent, "POST", "/desk/look", data={**line, "order_id": "TV-3301"}).text


def test_of_several_times_the_one_that_can_still_be_is_no_question() -> None:
    tonight, tomorrow = (
        Option(day, {"date": day}, Previewed(datetime.now(UTC), "UTC")) for day in ("2026-11-24", "2026-11-25")
    )

    assert only_or_chosen([tomorrow], "") is tomorrow
    assert only_or_chosen([tonight, tomorrow], "") is None
    assert only_or_chosen([tonight, tomorrow], "2026-11-25") is tomorrow


def test_what_another_site_sends_is_refused(agent: Api) -> None:
    headers = {"X-Actor": "agent:ling", "Sec-Fetch-Site": "cross-site"}
    answer = agent.client.post("/desk", data={"line": "refund tomorrow"}, headers=headers)

    assert answer.status_code == 403


# -- looking on ----------------------------------------------------------------------------------------------------


def test_a_page_hears_of_what_was_recorded_since_it_was_read(agent: Api) -> None:
    agent.promise("callback", customer_id="CU-2")
    read_at = agent.end_of_the_log()
    id = agent.promise("callback", customer_id="CU-2")["id"]
    by_others = agent.by("agent:mei").promise("callback", customer_id="CU-2")["id"]
    agent.end_of_the_log()
    told: list[str] = []
    with agent.client.stream("GET", f"/desk/stream?after={read_at}", headers={"X-Actor": "agent:ling"}) as answer:
        for line in answer.iter_lines():
            told += [line] if line.startswith("data:") else []
            if id in line:
                break

    assert any(id in line for line in told)
    assert not any(by_others in line for line in told)


def test_a_line_without_end_is_not_read_and_keeps_nobody_waiting(agent: Api) -> None:
    looked = opened(agent, "POST", "/desk/look", data={"line": "- " * 300_000, "due": "3 x 4 " * 50_000})

    assert looked.status_code == 200
    assert "This time is not understood" in looked.text

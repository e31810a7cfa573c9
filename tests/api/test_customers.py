"""The customer's link: one promise, nothing else, and nobody of the staff (contract, sections 4 and 11)."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.serving import Api, Serving, refused

JSON = {"Accept": "application/json"}

See = Callable[..., httpx.Response]


def link(api: Api, id: str) -> str:
    """The path of a commitment's link."""
    answer = api.post(f"/v1/commitments/{id}/customer-link", None)
    assert answer.status_code == 201, answer.text
    return urlsplit(str(answer.json()["url"])).path


@pytest.fixture
def see(serving: Serving) -> See:
    """Looks at a path as somebody who is known to nobody."""

    def look(path: str, method: str = "GET", **headers: str) -> httpx.Response:
        return httpx.request(method, serving.url + path, headers=headers, trust_env=False, timeout=30)

    return look


def told(see: See, path: str) -> dict[str, Any]:
    answer = see(path, **JSON)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_link_shows_the_promise_and_nobody_of_the_staff(agent: Api, order: str, see: See, serving: Serving) -> None:
    agent.assign(order, "courier:li")
    made = agent.promise(order_id=order, promise="它明天来 <b>", conversation="call-8871", channel="phone")
    answer = agent.post(f"/v1/commitments/{made['id']}/customer-link", None)
    path = urlsplit(answer.json()["url"]).path

    assert answer.json()["url"].startswith(f"{serving.url}/c/")
    assert told(see, path) == {
        "promise": "它明天来 <b>",
        "items": [],
        "order_id": order,
        "status": "open",
        "standing": "open",
        "made_at": made["made_at"],
        "due": {name: made["due"][name] for name in ("at", "not_before", "time_zone")},
        "first_due_at": made["due"]["at"],
        "moved": 0,
        "kept_at": None,
        "known": False,
        "erased": False,
        "before": [],
    }
    for shown in (see(path).text, see(path, **JSON).text):
        assert not any(who in shown for who in (agent.actor, "courier:li", "call-8871", made["id"]))


def test_the_same_promise_has_the_same_link_until_it_is_revoked(agent: Api, see: See) -> None:
    id = agent.promise()["id"]
    first = link(agent, id)
    assert link(agent, id) == first
    assert agent.delete(f"/v1/commitments/{id}/customer-link").status_code == 204
    refused(see(first, **JSON), 404, "not_found")
    refused(agent.delete(f"/v1/commitments/{id}/customer-link"), 404, "not_found")
    second = link(agent, id)

    assert second != first
    assert told(see, second)["promise"] == "It comes by noon"
    refused(see(first, **JSON), 404, "not_found")


def test_a_link_opens_no_other_promise(agent: Api, see: See) -> None:
    mine, other = (link(agent, agent.promise()["id"]).rpartition("/")[2] for _ in range(2))
    own, others = (base64.urlsafe_b64decode(token) for token in (mine, other))
    swapped = base64.urlsafe_b64encode(others[:16] + own[16:]).decode()
    refused(see(f"/c/{swapped}", **JSON), 404, "not_found")


@pytest.mark.parametrize("token", ["x", "%00", "a" * 48, "%F0%9F%98%80", "." * 48, "A" * 4000])
def test_what_is_no_link_opens_nothing(see: See, token: str) -> None:
    assert see(f"/c/{token}", **JSON).status_code in (404, 422)
    assert see(f"/c/{token}", "POST", **JSON).status_code in (404, 422)


def test_who_knows_how_it_stands(agent: Api, order: str, see: See) -> None:
    agent.assign(order, "courier:li")
    id = agent.promise(order_id=order)["id"]
    path = link(agent, id)
    agent.by("courier:li").receipt(id)
    assert told(see, path)["known"] is True
    agent.command(id, "amendments", {"due": agent.due(days=2), "reason": "The van broke down"})
    moved = told(see, path)
    assert (moved["moved"], moved["known"], moved["first_due_at"] < moved["due"]["at"]) == (1, False, True)
    assert [(one["promise"], one["due_at"]) for one in moved["before"]] == [(moved["promise"], moved["first_due_at"])]
    assert "The van broke down" not in see(path).text
    agent.later(days=3)
    assert told(see, path)["standing"] == "overdue"
    agent.command(id, "fulfilment", {})
    assert told(see, path)["standing"] == "kept_late"


def test_a_customer_who_did_not_get_it_says_so(agent: Api, see: See) -> None:
    id = agent.promise(customer_id="CU-7")["id"]
    path = link(agent, id)
    refused(see(path, "POST", **JSON), 409, "commitment_not_closed")
    agent.command(id, "fulfilment", {})
    for _ in range(2):
        answer = see(path, "POST", **JSON)
        assert (answer.status_code, answer.json()["standing"]) == (200, "disputed")
    agent.end_of_the_log()
    (reopened,) = agent.history(commitment_id=id, type="CommitmentReopened")

    assert (reopened["actor"], reopened["data"]["reason"]) == ("customer:CU-7", "disputed")
    assert agent.flag(id) == "disputed"


def test_the_button_of_the_page_leads_back_to_it(agent: Api, see: See) -> None:
    id = agent.promise()["id"]
    path = link(agent, id)
    assert "<form" not in see(path).text
    agent.command(id, "fulfilment", {})
    assert '<form method="post">' in see(path).text
    answer = see(path, "POST")

    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert "You told us that you did not get this" in see(path).text


@pytest.mark.parametrize(
    ("language", "words"), [("en", "What we promised you"), ("zh-CN", "我们对您的承诺"), ("bg", "Какво ви обещахме")]
)
def test_the_page_speaks_the_customers_language(agent: Api, see: See, language: str, words: str) -> None:
    answer = see(link(agent, agent.promise()["id"]), **{"Accept-Language": language})

    assert words in answer.text
    assert answer.headers["content-language"] == language
    assert answer.headers["cache-control"] == "no-store"
    assert "script" not in answer.headers["content-security-policy"]


def test_a_link_that_opens_nothing_says_so_as_a_page(see: See) -> None:
    answer = see("/c/nothing")
    assert answer.status_code == 404
    assert "This link opens nothing" in answer.text


def test_there_is_no_link_to_what_there_is_not(agent: Api) -> None:
    refused(agent.post("/v1/commitments/00000000-0000-4000-8000-000000000000/customer-link", None), 404, "not_found")
    refused(agent.post("/v1/commitments/nothing/customer-link", None), 404, "not_found")


def test_what_was_promised_before_stays_to_be_read(agent: Api, see: See) -> None:
    id = agent.promise("free_item", promise="A cable")["id"]
    path = link(agent, id)
    agent.later(minutes=5)
    agent.command(id, "amendments", {"promise": "A longer cable", "reason": "Too short"})
    agent.command(id, "amendments", {"path": ["courier"], "reason": "It is in the shop"})
    (before,) = told(see, path)["before"]

    assert (before["promise"], before["until"]) == ("A cable", agent.at())
    assert "What we had promised before" in see(path).text


def test_the_language_is_chosen_in_the_address_and_kept_by_the_button(agent: Api, see: See) -> None:
    id = agent.promise()["id"]
    path = link(agent, id)
    agent.command(id, "fulfilment", {})
    page = see(f"{path}?lang=bg", **{"Accept-Language": "en"})
    answer = see(f"{path}?lang=bg", "POST")

    assert page.headers["content-language"] == "bg"
    assert '<a href="?lang=zh-CN" lang="zh-CN"' in page.text
    assert answer.headers["location"] == f"{path}?lang=bg"
    assert see("/c/nothing?lang=zh-CN").headers["content-language"] == "zh-CN"


def test_the_page_is_light_and_found_by_no_search_engine(agent: Api, see: See) -> None:
    id = agent.promise("free_item", promise="线" * 2000)["id"]
    for number in range(5):
        agent.command(id, "amendments", {"promise": f"{number}" + "кабел " * 30, "reason": "Again"})
    answer = see(link(agent, agent.promise()["id"]))

    assert len(see(link(agent, id)).content) < 20_000
    assert len(answer.content) < 8_000
    assert answer.headers["x-robots-tag"] == "noindex"
    assert '<meta name="robots" content="noindex, nofollow">' in answer.text
    assert not any(part in answer.text for part in ("<script", "<link", "<img", " style="))
    assert "style-src 'sha256-" in answer.headers["content-security-policy"]

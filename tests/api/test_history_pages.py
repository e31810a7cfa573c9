"""The history's pages over HTTP: what is taken along, addresses, and who asks for what is not there."""

import csv
import io
import json
from typing import Any

import httpx
import pytest

from tests.api.serving import Api, Serving


@pytest.fixture
def look(serving: Serving, everybody: Api) -> Any:
    """Opens a page as somebody: `look("/history", actor="auditor:chen")`."""

    def open_as(path: str, actor: str | None = "auditor:chen", **params: Any) -> httpx.Response:
        everybody.all_taken_in()
        headers = {"X-Actor": actor} if actor is not None else {}
        return httpx.get(serving.url + path, params=params or None, headers=headers, trust_env=False, timeout=30)

    return open_as


def test_all_that_is_found_is_taken_along_as_the_api_exports_it(agent: Api, order: str, look: Any) -> None:
    id = agent.promise(order_id=order, promise='"好的", =1+1\nкабел')["id"]
    for _ in range(3):
        agent.command(id, "contacts", {"channel": "phone"})
    lines = look("/history/export", format="ndjson", order_id=order)
    table = look("/history/export", format="csv", order_id=order, before="1", limit="1")
    exported = agent.request("GET", "/v1/history", order_id=order, headers={"Accept": "text/csv"})

    assert [json.loads(line) for line in lines.text.splitlines()] == agent.history(order_id=order)
    assert lines.headers["content-type"].startswith("application/x-ndjson")
    assert lines.headers["content-disposition"].startswith('attachment; filename="history-')
    assert table.content.startswith(b"\xef\xbb\xbf"), "a spreadsheet program would not know its alphabet"
    assert table.content[3:] == exported.content
    assert len(list(csv.reader(io.StringIO(table.content.decode("utf-8-sig"), newline="")))) == 1 + len(
        agent.history(order_id=order)
    )


def test_what_cannot_be_taken_along_is_refused(look: Any) -> None:
    assert look("/history/export", format="pdf").status_code == 422
    refused = look("/history/export", format="csv", actor_="x", order_id="a b")
    assert (refused.status_code, "At most 128 characters" in refused.text) == (422, True)


def test_a_search_lives_in_a_clean_address(look: Any) -> None:
    moved = look("/history", order_id="SO-1 ", customer_id="", type="", **{"from": "2027-03-01T10:15"})
    assert moved.status_code == 303
    assert moved.headers["location"] == "/history?order_id=SO-1&from=2027-03-01T02%3A15%3A00Z"
    assert look(moved.headers["location"]).status_code == 200


def test_pages_lead_to_the_older_and_back_to_the_newer(agent: Api, order: str, look: Any) -> None:
    id = agent.promise(order_id=order)["id"]
    for _ in range(119):
        agent.command(id, "contacts", {"channel": "phone"})
    positions = [item["position"] for item in agent.history(order_id=order)]

    def shown(path: str) -> tuple[list[int], dict[str, str]]:
        text = look(path).text
        found = [int(part.split('"')[0]) for part in text.split('id="p-')[1:]]
        links = {
            name: part.rpartition('href="')[2].split('"')[0].replace("&amp;", "&")
            for name in ("Newer", "Older")
            if (part := text.partition(f'data-key="{name[0].lower()}">{name}')[0]) != text
        }
        return found, links

    for order_asked in ("", "&order=oldest_first"):
        seen: list[int] = []
        found, links = shown(f"/history?order_id={order}{order_asked}")
        onwards, back = ("Newer", "Older") if order_asked else ("Older", "Newer")
        assert back not in links
        seen += found
        while onwards in links:
            found, links = shown(links[onwards])
            seen += found
        assert seen == (positions if order_asked else positions[::-1])
        found, links = shown(links[back])
        assert found == seen[len(seen) - len(seen) % 50 - 50 : len(seen) - len(seen) % 50]


def test_the_history_is_asked_for_newest_first(agent: Api, order: str) -> None:
    id = agent.promise(order_id=order)["id"]
    for _ in range(6):
        agent.command(id, "contacts", {"channel": "phone"})
    whole = agent.history(commitment_id=id)
    asked = {"commitment_id": id, "order": "newest_first"}
    first = agent.get("/v1/history", limit=5, **asked)
    second = agent.get("/v1/history", limit=5, cursor=first["next_cursor"], **asked)

    assert first["items"] + second["items"] == whole[::-1]
    assert second["next_cursor"] is None
    before = whole[4]["position"]
    assert agent.history(before=before, **asked) == whole[3::-1]
    assert agent.history(commitment_id=id, before=before) == whole[:4]
    assert agent.history(actor=agent.actor, order="newest_first")[0] == whole[-1]


@pytest.mark.parametrize("params", [{"order": "random"}, {"before": "-1"}, {"before": "last"}])
def test_an_order_or_a_place_that_there_is_not_is_refused(agent: Api, params: dict[str, Any]) -> None:
    answer = agent.request("GET", "/v1/history", **params)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/query/{next(iter(params))}")


def test_a_customer_sees_promises_across_orders_and_where_there_are_more(agent: Api, order: str, look: Any) -> None:
    customer = f"CU/{order}"
    for number in range(52):
        agent.promise(order_id=f"{order}-{number}", customer_id=customer, promise=f"Promise {number}.")
    first = look(f"/history/customers/{customer.replace('/', '%2F')}").text
    older = first.partition('data-key="o"')[0].rpartition('href="')[2].split('"')[0]
    second = look(older).text

    assert ("Promise 51." in first, "Promise 0." in first) == (True, False)
    assert ("Promise 51." in second, "Promise 0." in second) == (False, True)


def test_a_screen_is_no_page_of_the_future_nor_of_nobody(agent: Api, look: Any) -> None:
    future = look("/history/screen", recipient="courier:li", at=agent.at(days=1))
    nobody = look("/history/screen", recipient="li", at=agent.at(hours=-1))

    assert (future.status_code, "That lies in the future" in future.text) == (422, True)
    assert (nobody.status_code, "Write a role and a name" in nobody.text) == (422, True)


def test_a_screen_shows_the_words_of_then(agent: Api, order: str, courier: Api, look: Any) -> None:
    agent.assign(order, courier.actor, stop=4, address="3 Willow Lane")
    id = agent.promise(order_id=order, promise="It comes by noon")["id"]
    then = agent.at()
    agent.later(minutes=5)
    agent.command(id, "amendments", {"promise": "It comes by three", "reason": "Traffic"})
    courier.receipt(id, revision=2)
    shown = look("/history/screen", recipient=courier.actor, at=then).text
    now = look("/history/screen", recipient=courier.actor, at=agent.at()).text

    assert ("It comes by noon" in shown, "It comes by three" in shown, "Not confirmed yet" in shown) == (
        True,
        False,
        True,
    )
    assert ("It comes by three" in now, "Confirmed: you know" in now) == (True, True)


@pytest.mark.parametrize("path", ["/history/commitments/nothing", f"/history/commitments/{'0' * 32}"])
def test_what_was_never_promised_has_no_page(look: Any, path: str) -> None:
    assert look(path).status_code == 404


@pytest.mark.parametrize("path", ["/history", "/history/print", "/history/screen", "/history/customers/CU-7"])
def test_nothing_is_shown_to_who_has_not_said_who_he_is(look: Any, path: str) -> None:
    assert "Who are you?" in look(path, actor=None).text


def test_strange_addresses_are_answered(look: Any) -> None:
    for query in (
        "before=x",
        "after=-1",
        "type=None",
        "from=9999-99-99",
        "order_id=%F0%9F%98%80&utm=1",
        "channel=" + "x" * 500,
    ):
        assert look(f"/history?{query}").status_code in (200, 303, 422), query
    assert look("/history/newer?order_id=a%20b").text == ""


def test_what_is_erased_can_be_searched_for_before_anything_was(look: Any, order: str) -> None:
    found = look("/history", type="CustomerErased", customer_id=f"CU-{order}")

    assert found.status_code == 200
    assert '<option value="CustomerErased" selected>' in found.text
    assert "Nothing of that kind was recorded" in found.text


def test_events_of_two_promises_of_one_order_say_which_they_are_about(agent: Api, order: str, look: Any) -> None:
    words = ("A free HDMI cable comes with the television, and it costs nothing", "Das Kabel kommt morgen")
    for promise in words:
        id = agent.promise(order_id=order, promise=promise)["id"]
        agent.command(id, "contacts", {"channel": "phone"})
    found = look("/history", order_id=order, type="CustomerContacted").text

    assert ">A free HDMI cable comes with the…</q>" in found
    assert ">Das Kabel kommt morgen</q>" in found

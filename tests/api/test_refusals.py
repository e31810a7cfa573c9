"""Refusals at the forms of pages: in the reader's language where they are known, and marked as English where not."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from babel.messages.pofile import read_po

from api.refusals import KNOWN, refusal
from tests.api.serving import Api, Serving, refused

LOCALES = ("zh_CN", "bg")
ENGLISH = '<span lang="en">'


@pytest.mark.parametrize("locale", LOCALES)
def test_every_refusal_that_a_form_can_cause_is_translated(locale: str) -> None:
    file = Path(__file__).parents[2] / "api" / "locales" / f"{locale}.po"
    with file.open("rb") as opened:
        translated = {message.id for message in read_po(opened, locale=locale) if message.string}

    assert translated >= KNOWN


@pytest.mark.parametrize("locale", LOCALES)
def test_what_the_api_answers_to_a_careless_form_is_among_them(agent: Api, locale: str) -> None:
    careless: tuple[dict[str, Any], ...] = (
        {"due": {"at": "2020-01-01T00:00:00Z"}},
        {"due": {"within": {"amount": 9000, "unit": "days"}}},
        {"promise": "long" * 1000},
        {"promise": ""},
        {"order_id": "SO 7"},
        {"kind": "song"},
        {"customer_id": None},
        {"path": ["dragon"]},
    )
    for terms in careless:
        answer = agent.post("/v1/commitments", agent.promising(**terms))
        problem = refused(answer, 422)
        for fault in problem["errors"]:
            assert ENGLISH not in refusal(fault["detail"], locale), fault


def test_a_promise_that_is_closed_or_unknown_is_told_so_in_words_of_the_reader(agent: Api, supervisor: Api) -> None:
    id = agent.promise()["id"]
    supervisor.command(id, "fulfilment", {})
    closed = agent.post(f"/v1/commitments/{id}/amendments", {"promise": "Later", "reason": "No van"}).json()
    unknown = agent.request("GET", "/v1/commitments/0b4a8a8e-6f0e-5f0c-9a38-2f1d6f3f9c11").json()

    assert refusal(closed["detail"], "zh_CN") == "承诺已经兑现或撤回"
    assert refusal(unknown["detail"], "bg") == "няма такова обещание"


def test_what_is_not_known_stays_english_and_is_marked_and_never_markup() -> None:
    assert refusal("is a <b>new</b> fault", "bg") == f"{ENGLISH}is a &lt;b&gt;new&lt;/b&gt; fault</span>"
    assert refusal("there is no role '<b>'", "zh_CN") == "没有“&lt;b&gt;”这个角色"
    assert refusal("is <odd>", "en") == "is &lt;odd&gt;"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"do": "reassign", "role": "courier", "recipient": "Li Wei"}, "courier:li"),
        ({"do": "amend", "due": "2020-01-01T10:00", "reason": "x", "version": "1"}, "已经过去"),
    ],
)
def test_the_board_says_at_the_field_what_is_wrong(
    serving: Serving, supervisor: Api, agent: Api, order: str, form: dict[str, Any], expected: str
) -> None:
    id = agent.promise(order_id=order)["id"]
    agent.all_taken_in()
    cookies = {"upheld_actor": supervisor.actor, "upheld_locale": "zh_CN"}
    with httpx.Client(base_url=serving.url, cookies=cookies, trust_env=False, timeout=30) as browser:
        page = browser.post(f"/board/flags/{id}", data={**form, "key": f"refused-{id}"})

    assert page.status_code == 422, page.text[:500]
    assert expected in page.text, page.text[1500:6000]
    assert ENGLISH not in page.text

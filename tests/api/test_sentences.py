"""The history in sentences: every fact has one, in every language, and what was erased is told as erased."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import psycopg
import pytest
from babel.messages.pofile import read_po
from psycopg.conninfo import make_conninfo

from api.pages.events import Sentence
from api.pages.sentences import SENTENCES, sentence
from api.pages.wording import Wording
from api.texts import LOCALES
from domain.facts import FACTS
from domain.values import AttemptOutcome, FlagReason, Source, WhyNot, WithdrawalCause
from projections.history import HistoryItem
from tests.api.serving import Api, Serving

DOCS = Path(__file__).parents[2] / "docs"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVERYTHING: dict[str, object] = {
    "kind": "free_item",
    "promise": "A free cable",
    "items": [{"sku": "HDMI-2M", "quantity": 1}],
    "due": {"at": "2026-11-23T16:00:00+00:00"},
    "channel": "wechat",
    "direction": "inbound",
    "warnings": ["already_departed"],
    "changed": ["promise", "due"],
    "customer_agreed": True,
    "reason": "the wall is far",
    "note": "the third floor",
    "outcome": "no_access",
    "minutes": 5,
    "evidence": ["a"],
    "level": 2,
    "cause": "agreed",
    "role": "courier",
    "recipient": "courier:li",
    "source": "order",
    "receipt_due_at": "2026-11-20T13:00:00+00:00",
    "departs_at": "2026-11-20T07:30:00+00:00",
    "planned_start": "2026-11-20T15:00:00+00:00",
    "stop": 4,
    "address": "3 Willow Lane",
}
"""What facts of every type say; each takes its own from it."""
PERSONAL = ("promise", "items", "channel", "direction", "reason", "note", "address", "evidence")
ERASED = {**EVERYTHING, **dict.fromkeys(PERSONAL), "erased": True}


def fact(type: str, **data: object) -> HistoryItem:
    whose = UUID(int=1), "SO-1001", "CU-7", "agent:ling", None
    return HistoryItem(7, type, *whose, NOON, NOON, 2, {**EVERYTHING, **data})


def all_of(told: Sentence) -> str:
    """Everything that a sentence says, as one text."""
    quotes = [part for quote in told.quotes for part in (quote.label, quote.words) if part is not None]
    return "\n".join([told.words, *quotes, *told.facts])


def documented() -> set[str]:
    """The types of events that auditors are told of."""
    rows = re.findall(r"^\| ((?:`[A-Z]\w+`(?:, )?)+) \|", (DOCS / "auditors.md").read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"\w+", row)}


def test_every_fact_has_its_sentence_and_its_line_in_the_documentation() -> None:
    assert FACTS.keys() <= SENTENCES.keys()
    assert FACTS.keys() <= documented() <= SENTENCES.keys()


@pytest.mark.parametrize("type", SENTENCES)
def test_a_fact_is_told_in_each_language(type: str) -> None:
    told = {locale: sentence(fact(type), Wording(locale, UTC)) for locale in LOCALES}

    assert len({one.words for one in told.values()}) == len(LOCALES), told
    for one in told.values():
        assert "%" not in all_of(one)
        assert (one.icon, one.tone, len(one.facts)) == (told["en"].icon, told["en"].tone, len(told["en"].facts))
    assert len({Wording(locale, UTC).t(SENTENCES[type][0]) for locale in LOCALES}) == len(LOCALES)


@pytest.mark.parametrize("type", SENTENCES)
@pytest.mark.parametrize("locale", LOCALES)
def test_an_erased_fact_is_told_without_its_personal_words(type: str, locale: str) -> None:
    told = all_of(sentence(replace(fact(type), data=ERASED), Wording(locale, UTC)))

    assert told
    assert not [word for word in ("cable", "HDMI", "wechat", "the wall", "floor", "Willow", "None") if word in told]


@pytest.mark.parametrize(
    ("type", "name", "values"),
    [
        ("CommitmentWithdrawn", "cause", get_args(WithdrawalCause)),
        ("FulfilmentAttempted", "outcome", get_args(AttemptOutcome)),
        ("HandoffHeld", "why_not", get_args(WhyNot)),
        ("HandoffAssigned", "source", get_args(Source)),
        ("CommitmentEscalated", "cause", (*get_args(FlagReason), "postponements", "contacts", "raised")),
        ("CommitmentEscalated", "level", (1, 2, 3)),
        ("CommitmentReopened", "reason", ("disputed", "mistaken")),
    ],
)
@pytest.mark.parametrize("locale", LOCALES)
def test_each_case_of_a_fact_is_told_apart(type: str, name: str, values: tuple[object, ...], locale: str) -> None:
    told = [all_of(sentence(fact(type, **{name: value}), Wording(locale, UTC))) for value in values]

    assert len(set(told)) == len(values)
    assert not [one for value, one in zip(values, told, strict=True) if "_" in str(value) and str(value) in one]


def test_a_fact_of_a_later_version_is_called_by_its_type() -> None:
    assert sentence(fact("CommitmentPraised"), Wording("bg", UTC)).words == "CommitmentPraised"


def test_whoever_speaks_for_himself_through_a_system_is_named() -> None:
    words = Wording("en", UTC, {"agent:ling": "Ling"})
    told = sentence(replace(fact("EscalationTaken"), actor="system:desk", on_behalf_of="agent:ling"), words)

    assert told.words == "Ling (agent) said: I deal with it"


@pytest.fixture
def erased(agent: Api, courier: Api, order: str, serving: Serving) -> dict[str, Any]:
    """A promise whose customer wanted to be forgotten: its key is gone, and with it its words."""
    agent.assign(order, courier.actor)
    made = agent.promise(order_id=order, promise="A secret cable", customer_id=f"CU-{order}")
    agent.command(made["id"], "contacts", {"channel": "phone", "note": "a secret note"})
    agent.later(minutes=1)
    with psycopg.connect(make_conninfo(str(serving.settings["database_url"]))) as conn:
        conn.execute("UPDATE streams SET key = NULL WHERE id = %s", (made["id"],))
    return made


@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_says_of_erased_words_that_they_are_erased(
    erased: dict[str, Any], agent: Api, courier: Api, locale: str
) -> None:
    written, event = "(erased)", "The personal words of this event are erased"
    if locale != "en":
        with (Path(__file__).parents[2] / "api" / "locales" / f"{locale}.po").open("rb") as file:
            catalogue = read_po(file, locale=locale)
        written, event = str(catalogue[written].string), str(catalogue[event].string)
    then = (agent.now - timedelta(seconds=1)).isoformat()
    for path, query, also in (
        ("/history", {"commitment_id": erased["id"]}, event),
        (f"/history/commitments/{erased['id']}", {}, event),
        ("/history/screen", {"recipient": courier.actor, "at": then}, written),
        (f"/history/customers/{erased['customer_id']}", {}, written),
        ("/history/print", {"commitment_id": erased["id"]}, event),
    ):
        headers = {"X-Actor": "auditor:chen", "Accept-Language": locale.replace("_", "-")}
        answer = agent.client.get(path, params=query, headers=headers, follow_redirects=True)
        assert answer.status_code == 200, path
        assert written in answer.text, path
        assert also in answer.text, path
        assert "secret" not in answer.text, path

"""Every event is told in a sentence, in three languages, and nothing of what is erased is made up."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from babel.messages.extract import extract_from_dir

from api.pages.history_handoffs import handed
from api.pages.sentences import SENTENCES, sentence
from api.pages.wording import Wording
from domain.facts import FACTS
from policies.texts import translations
from projections.history import HistoryItem

NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)
LOCALES = ("en", "zh_CN", "bg")
SAID: dict[str, dict[str, object]] = {
    "CommitmentMade": {"kind": "free_item", "promise": "A cable", "items": [{"sku": "HDMI", "quantity": 1}]},
    "CommitmentAmended": {"changed": ["promise", "due"], "promise": "A longer cable", "reason": "Too short"},
    "CommitmentWithdrawn": {"cause": "agreed", "reason": "Sold out"},
    "CommitmentReopened": {"reason": "disputed"},
    "CommitmentEscalated": {"level": 2, "cause": "not_received"},
    "FulfilmentAttempted": {"outcome": "customer_absent"},
    "CustomerContacted": {"channel": "phone", "direction": "inbound", "minutes": 12, "note": "Where is it?"},
    "ReceiptMissed": {"role": "courier", "recipient": None, "receipt_due_at": "2026-11-24T04:00:00Z"},
}


def event(type: str, position: int = 1, actor: str = "agent:ling", **said: object) -> HistoryItem:
    """An event as the history has it; what a hand-off says is there unless it is said otherwise."""
    due = {"at": "2026-11-25T16:00:00Z", "time_zone": "Asia/Shanghai"}
    usual = {"role": "courier", "recipient": "courier:li", "due": due, **SAID.get(type, {})}
    revision = int(str(said.pop("revision", 1)))
    at = NOON + timedelta(minutes=position)
    return HistoryItem(position, type, UUID(int=7), "SO-1", "CU-7", actor, None, at, at, revision, {**usual, **said})


def test_every_type_of_event_has_a_sentence_of_its_own() -> None:
    assert SENTENCES.keys() == FACTS.keys() | {"CustomerErased"}
    told = [sentence(event(type), Wording("en", UTC)).words for type in SENTENCES]
    assert len(set(told)) == len(told) == 24


@pytest.mark.parametrize("type", SENTENCES)
def test_a_sentence_says_the_same_in_each_language(type: str) -> None:
    told = [sentence(event(type), Wording(locale, UTC, {"courier:li": "Li"})) for locale in LOCALES]
    assert len({one.words for one in told}) == 3
    assert len({(one.icon, one.tone, len(one.quotes), len(one.facts)) for one in told}) == 1
    assert not any("%(" in text for one in told for text in (one.words, *one.facts))


def test_people_are_named_by_their_names_and_by_what_they_are() -> None:
    words = Wording("en", UTC, {"courier:li": "Li"})
    held = event("HandoffHeld", revision=2, actor="courier:li")
    assert sentence(held, words).words == "Li (courier) received revision 2: it is in the van"
    assert sentence(event("CommitmentMade"), words).words == "ling (agent) promised the customer CU-7:"
    assert words.who("system:upheld") == "Upheld, by itself"
    assert words.who("team:warehouse") == "the team warehouse"
    assert words.who("captain:ahab") == "ahab (captain)"


def test_a_receipt_that_does_not_count_says_why() -> None:
    told = sentence(event("HandoffAcknowledged", why_not="older_revision"), Wording("en", UTC))
    assert told.tone == "alarm"
    assert "It does not count: the promise had changed meanwhile" in told.facts


def test_what_is_erased_is_said_to_be_and_nothing_stands_for_it() -> None:
    erased = event("CommitmentMade", promise=None, items=None, channel=None, erased=True)
    (quote,) = sentence(erased, Wording("en", UTC)).quotes
    assert quote.words is None
    assert sentence(event("CustomerContacted", note=None, channel=None, erased=True), Wording("bg", UTC)).quotes == ()


def test_words_that_look_like_a_place_for_a_value_are_only_words() -> None:
    told = sentence(event("CommitmentMade", promise="100 %(who)s %"), Wording("en", UTC, {"agent:ling": "%(x)s"}))
    assert told.words == "%(x)s (agent) promised the customer CU-7:"
    assert told.quotes[0].words == "100 %(who)s %"


def test_an_event_of_a_later_version_is_called_by_its_type() -> None:
    assert sentence(event("SomethingNew"), Wording("en", UTC)).words == "SomethingNew"


@pytest.mark.parametrize("locale", ["zh_CN", "bg"])
def test_every_word_in_the_code_of_the_pages_is_translated(locale: str) -> None:
    pages = Path(__file__).parents[2] / "api" / "pages"
    found = {
        message
        for _, _, message, _, _ in extract_from_dir(
            str(pages), [("**.py", "python")], keywords={"t": None, "msg": None, "gettext": None}
        )
        if isinstance(message, str) and message
    }
    assert len(found) > 150
    catalogue = translations("api", locale)
    # The name of a thing may be the same everywhere.
    assert {one for one in found if catalogue.gettext(one) == one} == set()


def test_the_hand_offs_of_a_promise_say_who_received_which_revision() -> None:
    events = [
        event("CommitmentMade", 1, path=["courier"]),
        event("HandoffAssigned", 1, recipient="courier:li"),
        event("HandoffHeld", 5, recipient="courier:li"),
        event("CommitmentAmended", 9, revision=2, path=["courier"], known_to=[]),
        event("ReceiptMissed", 12, revision=2, recipient="courier:li"),
        event("HandoffAcknowledged", 13, revision=1, recipient="courier:li", why_not="older_revision"),
        event("HandoffReleased", 20, revision=2, recipient="courier:li"),
        event("HandoffAssigned", 25, revision=2, recipient="team:courier"),
        event("HandoffAcknowledged", 30, revision=2, recipient="courier:bo"),
        event("HandoffDeclined", 31, revision=2, recipient="courier:bo"),
    ]
    told = [
        (held.recipient, held.revision, held.received_at is not None, held.missed_at is not None, held.declined_at)
        for held in handed(events, {"courier": "held"})
    ]
    assert told == [
        ("courier:li", 1, True, False, None),
        ("courier:li", 2, False, True, None),
        (None, 2, False, False, None),
        ("courier:bo", 2, False, False, NOON + timedelta(minutes=31)),
    ]

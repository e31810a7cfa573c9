"""The words that are understood, a file a language: tables only, so that a language is added by a file and a line here.

`TIMES` gives for each meaning ("unit:hours", or several in a row: "day:1 part:morning") the phrases that have it,
between commas. `KINDS` gives them for each kind of promise; `*` stands for any one word. What the meanings are is
told in api/phrases/terms.py.
"""

from typing import Protocol

from api.phrases.words import bg, en, zh

__all__ = ["LANGUAGES", "Language"]


class Language(Protocol):
    """What a file of words holds."""

    TIMES: dict[str, str]
    KINDS: dict[str, str]
    CIRCUMSTANCES: str
    """Words before a kind that make it the occasion and not the thing promised: "with the redelivery"."""
    OCCASIONS: str
    """The same, where they follow it."""
    TELLING: str
    """Verbs of what was: a weekday beside them is no deadline."""
    LINKING: str
    """Words after which a bare number still may have been an hour: "by 6 or so", but not "by 6 people"."""
    ORDER_LABELS: str
    """Words before an order's number that go with it."""
    PAST: str
    """Words of a due that nobody can keep any more."""


LANGUAGES: tuple[Language, ...] = (en, zh, bg)

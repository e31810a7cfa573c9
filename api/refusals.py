"""What the API says of a fault, in the language of who fills in a form.

The API speaks English, in whole sentences behind a pointer; those that somebody at a form can cause have translations
in the catalogue, some with a value in them. What is not known stays English, and is marked so for whoever reads aloud.

>>> str(refusal("String should have at most 2000 characters", "bg"))
'има повече от 2000 знака'
>>> str(refusal("is <odd>", "bg"))
'<span lang="en">is &lt;odd&gt;</span>'
"""

import re
from typing import Final

from markupsafe import Markup, escape

from policies.texts import translations

__all__ = ["KNOWN", "refusal"]

_PLAIN: Final = (
    "does not lie after the making",
    "has passed already",
    "holds the character NUL",
    "is not a currency of ISO 4217",
    "is not a date with a time",
    "is not an instant with an offset, as in 2026-11-20T02:15:00Z",
    "is not made of printable characters without spaces",
    "is not of the form ROLE:ID, as in courier:li",
    "is required with a decline",
    "its words are gone for good; make a new promise for other ones",
    "lies after the due itself",
    "lies before the making of the promise",
    "lies in the future",
    "lies more than 24 hours back; only a supervisor or a system may say so",
    "lies more than ten years ahead",
    "lies more than ten years away",
    "names no filter, and would be every promise that there is",
    "names nothing to amend: due, promise, or both",
    "names nothing to amend: one of promise, due, path, items and value",
    "nobody is known by this name; look at it, or send it once more to name him all the same",
    "only who recorded it, or a supervisor, may call it a mistake",
    "nobody is accountable for this hand-off yet",
    "there is no such commitment",
    "there is no such order",
)
_WITH_VALUES: Final = {
    r"Field required": "is missing",
    r"String should have at least \d+ characters?": "is empty",
    r"String should have at most (?P<most>\d+) characters?": "has more than %(most)s characters",
    r"String should match pattern '.*:\[A-Z.*": "is not of the form ROLE:ID, as in courier:li",
    r"String should match pattern .*": "is not written as it has to be",
    r"is no kind of promise; there are .*": "is no kind of promise",
    r"is not on the path of this commitment: .*": "is not on the path of this promise",
    r"the commitment is (?:kept|withdrawn)": "the promise is kept or withdrawn by now",
    r"still names another time: “(?P<time>.*)”; .*": "still names another time: “%(time)s”. Change it, too; or send it"
    " once more, and it stays",
    r"there is no role '(?P<role>.*)'": "there is no role “%(role)s”",
    r".* may change what he and his team promised, and not what .* did": (
        "only who made this promise, or somebody of his team, may change it"
    ),
    r".* never was the recipient of this commitment": "this person never was to keep the promise",
}
KNOWN: Final = frozenset((*_PLAIN, *_WITH_VALUES.values()))
"""The sentences that have to be in each catalogue."""


def refusal(detail: str, locale: str) -> Markup:
    """A fault in the words of a language, for a page."""
    words = translations("api", locale)
    if (said := words.gettext(detail)) != detail:
        return escape(said)
    for pattern, sentence in _WITH_VALUES.items():
        if (found := re.fullmatch(pattern, detail, re.DOTALL)) is not None:
            return escape(words.gettext(sentence) % found.groupdict())
    if locale == "en":
        return escape(detail)
    return Markup('<span lang="en">{}</span>').format(detail)

"""The number of the order in a line, and the promise without it.

>>> from api.phrases.tokens import tokens_of
>>> line = "Free cable with the redelivery, SO-1001"
>>> orders_of(tokens_of(line))
[(6, 9)]
>>> without_order(line, tokens_of(line), (6, 9))
'Free cable with the redelivery'
"""

from functools import cache

from api.phrases.terms import clusters_of, words
from api.phrases.tokens import Token
from api.phrases.words import LANGUAGES

__all__ = ["Place", "orders_of", "tidy", "without_order"]

Place = tuple[int, int]
"""From which token up to which."""

_LONGEST_NAME = 8
_FEWEST_DIGITS = 3
_FEWEST_DIGITS_ALONE = 4
"""Of a number without letters, which is taken for an order's only where that is said before it."""
_SAYS_LITTLE = ("for",)
_NO_ORDER = frozenset({"tel", "phone", "fax", "ext", "room", "mid", "pre", "since", "until", "no", "iso", "usb"})
_SEPARATORS = " \t\n,;:|-–—，、；：·/"
_BRACKETS = (("(", ")"), ("[", "]"), ("（", "）"), ("【", "】"))


@cache
def _labels() -> list[tuple[str, ...]]:
    texts = (text for language in LANGUAGES for text in words(language.ORDER_LABELS))
    return sorted(texts, key=len, reverse=True)


def orders_of(tokens: list[Token]) -> list[Place]:
    """What stands in the line in the form of an order's number: SO-1001, WEB-2026-14017, #10045; and what is called
    one: order 4711, order SO-7.
    """
    found: list[Place] = []
    place = 0
    while place < len(tokens):
        is_called_one = _label_before(tokens, place) not in (None, _SAYS_LITTLE)
        last = _end_of_order(tokens, place, _FEWEST_DIGITS if not is_called_one else 1)
        if last == place and is_called_one and _is_bare(tokens, place):
            last = place + 1
        if last > place:
            found.append((place, last))
        place = max(last, place + 1)
    return found


def _is_bare(tokens: list[Token], place: int) -> bool:
    """Whether a number stands there by itself."""
    token, after = tokens[place], tokens[place + 1] if place + 1 < len(tokens) else None
    ends = after is None or not after.glued or after.sort == "han" or after.text in ",.;:!?)，。；：！？）"
    return token.sort == "number" and not token.marks and len(token.text) >= _FEWEST_DIGITS_ALONE and ends


def _label_before(tokens: list[Token], place: int) -> tuple[str, ...] | None:
    """The words that introduce an order, where they stand before `place`."""
    for label in _labels():
        if tuple(token.text for token in tokens[max(0, place - len(label)) : place]) == label:
            return label
    return None


def _end_of_order(tokens: list[Token], place: int, fewest: int) -> int:
    """Up to which token an order's number reaches that begins here; `place` where none does."""
    named = tokens[place].sort == "word" and _is_name(tokens[place])
    width = 2 if named else 1
    mark = tokens[place + width - 1].text if place + width - 1 < len(tokens) else ""
    if (mark != "-" if named else mark != "#") or place + width >= len(tokens):
        return place
    number, before = tokens[place + width], tokens[place - 1] if place else None
    last = place + width + 1
    after = tokens[last] if last < len(tokens) and tokens[last].glued else None
    stands_alone = before is None or not tokens[place].glued or before.sort == "han" or before.text in "(（[【,，:：;；"
    ends = after is None or after.sort == "han" or (after.sort == "mark" and after.text not in "-/_#@")
    glued = all(token.glued for token in tokens[place + 1 : last])
    return last if stands_alone and ends and glued and _is_number(number, fewest) else place


def _is_name(token: Token) -> bool:
    ascii_only = token.text.isascii() and token.text.isalpha() and len(token.text) <= _LONGEST_NAME
    # A month is none: Nov-2026.
    return ascii_only and token.text not in _NO_ORDER and not any(clusters_of([token]))


def _is_number(token: Token, fewest: int) -> bool:
    digits = token.text.split("-")
    return token.sort == "number" and not token.marks.strip("-") and max(map(len, digits)) >= fewest


def without_order(line: str, tokens: list[Token], order: Place) -> str:
    """The words as typed, without the order's number and what only introduces it ("for order"), tidy."""
    first, last = order
    first -= len(_label_before(tokens, first) or ())
    left, right = line[: tokens[first].start], line[tokens[last - 1].end :]
    for opening, closing in _BRACKETS:
        if left.rstrip().endswith(opening) and right.lstrip().startswith(closing):
            left, right = left.rstrip()[:-1], right.lstrip()[1:]
    if left.rstrip() and left.rstrip()[-1] in _SEPARATORS:
        right = right.lstrip(_SEPARATORS)
        left = left if right.strip(" .!?。！？") else left.rstrip(_SEPARATORS)
    return tidy(left + right)


def tidy(text: str) -> str:
    """Without spaces that say nothing, and without what would separate it from nothing.

    >>> tidy(" : refund  within three days ,")
    'refund within three days'
    """
    return " ".join(text.split()).strip(_SEPARATORS)

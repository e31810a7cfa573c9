"""What was promised: the kind of the thing, not of the occasion on which it comes.

>>> from api.phrases.tokens import tokens_of
>>> tokens = tokens_of("free HDMI cable with the redelivery")
>>> [(kind, first) for kind, first, _ in kinds_of(tokens, ["free_item", "redelivery"])]
[('free_item', 0)]
"""

from collections.abc import Collection
from functools import cache

from api.phrases.terms import Phrases, match, phrases
from api.phrases.tokens import Token
from api.phrases.words import LANGUAGES

__all__ = ["Named", "kinds_of"]

Named = tuple[str, int, int]
"""A kind, and from which token up to which it was named."""

_REACH = 4
"""Tokens: how far before a kind the word can stand that makes it the occasion."""
_ENDS = frozenset(",.;!?，。；！？、+()")
_FREE = "free_item"
_GENERAL, _PARTICULAR = "delivery", "redelivery"


@cache
def _kinds() -> Phrases:
    return phrases(pair for language in LANGUAGES for pair in language.KINDS.items())


@cache
def _before() -> Phrases:
    return phrases(("with", language.CIRCUMSTANCES) for language in LANGUAGES)


@cache
def _after() -> Phrases:
    return phrases(("when", language.OCCASIONS) for language in LANGUAGES)


def kinds_of(tokens: list[Token], kinds: Collection[str]) -> list[Named]:
    """The kinds that are promised, each once, in the order of the line.

    A kind that no table knows is found by its own name. What is only the occasion counts where nothing else was named.
    """
    own = phrases((name, name.replace("_", " ").replace("-", " ")) for name in kinds)
    found: list[Named] = []
    place = 0
    while place < len(tokens):
        taken = match(tokens, place, _kinds()) or match(tokens, place, own)
        if taken is not None and taken[1] in kinds:
            found.append((taken[1], place, place + taken[0]))
        place += taken[0] if taken is not None else 1
    found = [one for number, one in enumerate(found) if not _is_attribute(one, found[number + 1 : number + 2])]
    promised = [one for number, one in enumerate(found) if not _is_occasion(tokens, one, found[:number])] or found[:1]
    first: dict[str, Named] = {}
    for one in promised:
        first.setdefault(one[0], one)
    if {_GENERAL, _PARTICULAR} <= first.keys():
        del first[_GENERAL]
    return list(first.values())


def _is_attribute(one: Named, following: list[Named]) -> bool:
    """Whether it is the free of a free repair."""
    return one[0] == _FREE and bool(following) and following[0][1] == one[2]


def _is_occasion(tokens: list[Token], one: Named, before: list[Named]) -> bool:
    _, first, last = one
    if last < len(tokens) and match(tokens, last, _after()) is not None:
        return True
    start = max(first - _REACH, before[-1][2] if before else 0)
    for place in range(first - 1, start - 1, -1):
        if tokens[place].text in _ENDS:
            return False
        if match(tokens, place, _before()) is not None:
            return True
    return False

"""A line cut into tokens that know their place: words, numbers, single Chinese characters, and marks.

>>> [(token.text, token.sort) for token in tokens_of("明天 by 6PM")]
[('明', 'han'), ('天', 'han'), ('by', 'word'), ('6', 'number'), ('pm', 'word')]
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Excerpt", "Token", "excerpt", "fold", "tokens_of"]

_DIGITS = frozenset("0123456789")
_BETWEEN_DIGITS = {":": ":", ".": ".", "/": "/", "-": "-", ",": ","}
_LONGEST = 6
"""Digits: what is longer is no number of a clock, a calendar or a span."""
_DASHES_AND_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "–": "-", "‑": "-", "‐": "-"})


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Part of a line, as typed, and where in it: `line[start:end] == text`."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Token:
    """The folded text, its place in the line, and whether it follows the one before without a space.

    Of a number with marks inside ("25.11.2026") it has the numbers, and the marks between them.
    """

    text: str
    start: int
    end: int
    sort: Literal["word", "number", "han", "mark"]
    glued: bool
    numbers: tuple[int, ...] = ()
    marks: str = ""


def fold(line: str) -> str:
    """The line with full-width characters, dashes and quotes made plain, as long as before.

    >>> fold("ＳＯ－１００１")
    'SO-1001'
    """
    return "".join(
        chr(ord(char) - 0xFEE0) if "！" <= char <= "～" else " " if char == "\u3000" else char for char in line
    ).translate(_DASHES_AND_QUOTES)


def excerpt(line: str, tokens: list[Token], first: int, last: int) -> Excerpt:
    """What was typed from the first token up to, and without, the last."""
    start, end = tokens[first].start, tokens[last - 1].end
    return Excerpt(line[start:end], start, end)


def tokens_of(line: str) -> list[Token]:
    """The tokens of a line.

    >>> [(token.numbers, token.marks) for token in tokens_of("25.11. 18:30 2026-11-25")]
    [((25, 11), '.'), ((), ''), ((18, 30), ':'), ((2026, 11, 25), '--')]
    """
    plain = fold(line)
    text = "".join(char.lower() if len(char.lower()) == 1 else char for char in plain)
    tokens: list[Token] = []
    place = 0
    while place < len(text):
        char = text[place]
        if char.isspace():
            place += 1
            continue
        glued = bool(tokens) and tokens[-1].end == place
        if char in _DIGITS:
            token = _number(text, place, glued)
        elif _is_han(char):
            token = Token(char, place, place + 1, "han", glued)
        elif char.isalpha():
            end = _end_of_word(text, place)
            token = Token(text[place:end], place, end, "word", glued)
        else:
            token = Token(char, place, place + 1, "mark", glued)
        tokens.append(token)
        place = token.end
    return tokens


def _is_han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff" or char == "〇"


def _end_of_word(text: str, place: int) -> int:
    """Where a word ends; an apostrophe within belongs to it."""
    while place < len(text):
        inside = text[place] == "'" and text[place + 1 : place + 2].isalpha()
        if not (text[place].isalpha() or inside or "\u0300" <= text[place] <= "\u036f") or _is_han(text[place]):
            break
        place += 1
    return place


def _number(text: str, start: int, glued: bool) -> Token:
    numbers, marks, place = [], "", start
    while True:
        first = place
        while text[place : place + 1] in _DIGITS and place < len(text):
            place += 1
        # A long one is nothing that we read; -1 fits no rule.
        numbers.append(int(text[first:place]) if place - first <= _LONGEST else -1)
        mark = _BETWEEN_DIGITS.get(text[place : place + 1])
        if mark is None or text[place + 1 : place + 2] not in _DIGITS or place + 1 >= len(text):
            break
        marks += mark
        place += 1
    return Token(text[start:place], start, place, "number", glued, tuple(numbers), marks)

"""Tokens with a meaning: what of a line could speak of time, and what of it stands together.

A meaning is a sort and a value ("unit", "hours"). Words get theirs from the tables of the languages, the longest
phrase first; numbers get theirs by their form. Terms that stand side by side are a cluster, and a cluster is
read as a whole or not at all.

>>> line = tokens_of("call tomorrow by 6 pm")
>>> [[(term.sort, term.value) for term in cluster] for cluster in clusters_of(line)]
[[('day', 1), ('by', ''), ('number', 6), ('half_of_day', 'pm')]]
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from api.phrases.tokens import Token, tokens_of
from api.phrases.words import LANGUAGES
from api.phrases.words.zh import DIGITS, LARGE, NTH, TEN

__all__ = ["Phrases", "Term", "Value", "clusters_of", "is_strong", "match", "phrases", "words"]

Value = int | str | tuple[int, ...]

_DATES = frozenset({"day", "tonight", "weekday", "month", "iso", "dmy", "dm", "slashes", "eod", "eow", "eom", "week"})
_STRONG = _DATES | {"part", "midnight", "time", "hours", "past", "vague", "gone", "possessive"}
"""Sorts that speak of time by themselves."""
_AFTER_A_DIGIT = frozenset({"unit", "half_of_day", "oclock", "hours_or_oclock", "nth", "roughly", "filler"})
"""What may be written to a number without a space: 6pm, 25th; others make it the name of a thing: 4K, 2m."""
_NAMES = frozenset("#$€£¥№+/_*=&")
_FORMS = {
    "": "number",
    ":": "time",
    "--": "iso",
    "..": "dmy",
    "/": "slash",
    "//": "slashes",
    ",": "comma_decimal",
    ":-:": "hours",
}


@dataclass(frozen=True, slots=True)
class Term:
    """One meaning, and from which token up to which it was said; a weak one says nothing of time by itself."""

    sort: str
    value: Value
    first: int
    last: int
    weak: bool = True


Phrases = dict[str, list[tuple[tuple[str, ...], str]]]
"""By its first word: each phrase, the longest first, and what it means."""


def phrases(table: Iterable[tuple[str, str]]) -> Phrases:
    """Phrases to look up, from pairs of a meaning and the phrases that have it, between commas."""
    found: Phrases = {}
    for meaning, texts in table:
        for text in words(texts):
            found.setdefault(text[0], []).append((text, meaning))
    for entries in found.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    return found


def words(texts: str) -> list[tuple[str, ...]]:
    """The token texts of each phrase.

    >>> words("up to, 今天")
    [('up', 'to'), ('今', '天')]
    """
    return [tuple(token.text for token in tokens_of(text)) for text in texts.split(",") if text.strip()]


@cache
def _times() -> Phrases:
    return phrases(pair for language in LANGUAGES for pair in language.TIMES.items())


def match(tokens: list[Token], place: int, table: Phrases) -> tuple[int, str] | None:
    """How many tokens the longest phrase takes that begins here, and what it means; `*` is any one word."""
    for text, meaning in table.get(tokens[place].text, ()):
        said = tokens[place : place + len(text)]
        if len(said) == len(text) and all(want in ("*", token.text) for want, token in zip(text, said, strict=True)):
            return len(text), meaning
    return None


def is_strong(cluster: list[Term]) -> bool:
    """Whether it speaks of time: by one of its terms, or by a number with a unit or half of the day."""
    pairs = pairwise(cluster)
    amounts = {"number", "one", "half", "dotted", "decimal", "comma_decimal", "range"}
    units = {"unit", "half_of_day", "oclock", "hours_or_oclock", "month", "month_mark", "day_mark"}
    return any(not term.weak for term in cluster) or any(
        (one.sort in amounts and two.sort in units) or (one.sort == "month" and two.sort in amounts)
        for one, two in pairs
    )


def clusters_of(tokens: list[Token], taken: frozenset[int] = frozenset()) -> list[list[Term]]:
    """The terms of a line, those together that stand together; tokens that are `taken` mean nothing."""
    clusters: list[list[Term]] = []
    place = 0
    while place < len(tokens):
        found = [] if place in taken else _terms_at(tokens, place)
        if not found:
            place += 1
            continue
        if found[0].sort != "nothing":
            if clusters and clusters[-1][-1].last == place:
                clusters[-1].extend(found)
            else:
                clusters.append(found)
        place = found[-1].last
    return clusters


def _terms_at(tokens: list[Token], place: int) -> list[Term]:
    token = tokens[place]
    if token.text == NTH:
        count = _numeral(tokens, place + 1)[1] or int(place + 1 < len(tokens) and tokens[place + 1].sort == "number")
        return [Term("nothing", "", place, place + 1 + count)]
    if token.sort == "number":
        return _number_at(tokens, place)
    if (found := match(tokens, place, _times())) is not None:
        count, meaning = found
        return _terms(meaning, place, place + count)
    if token.sort == "han":
        amount, count = _numeral(tokens, place)
        return [] if not count else [Term("range" if amount is None else "number", amount or 0, place, place + count)]
    if token.text == "," or (token.text == "-" and _joins(tokens, place)):
        return [Term("comma" if token.text == "," else "filler", "", place, place + 1)]
    if token.text.endswith("'s") and token.text[:-2] in _times():
        return [Term("possessive", "", place, place + 1, weak=False)]
    return []


def _terms(meaning: str, first: int, last: int) -> list[Term]:
    """The terms of a phrase; where it has several, each of them was said by all of it."""
    terms = []
    for part in meaning.split():
        sort, _, value = part.rstrip("?").partition(":")
        weak = part.endswith("?") or sort not in _STRONG
        number = int(value) if value.lstrip("-").isdigit() else value
        terms.append(Term(sort, number, first, last, weak))
    return terms


def _joins(tokens: list[Token], place: int) -> bool:
    """Whether a mark stands between two words without a space, as the hyphens of a three-working-day term do."""
    return 0 < place < len(tokens) - 1 and tokens[place].glued and tokens[place + 1].glued


def _number_at(tokens: list[Token], place: int) -> list[Term]:
    token = tokens[place]
    before = tokens[place - 1] if place and token.glued else None
    after = tokens[place + 1] if place + 1 < len(tokens) and tokens[place + 1].glued else None
    sort, value, last = _FORMS.get(token.marks, "nothing"), token.numbers, place + 1
    if before is not None and (before.sort == "word" or before.text in _NAMES):
        sort = "nothing"
    if after is not None and (after.text in "%°\"'/" or (after.sort == "word" and not _belongs(tokens, place + 1))):
        sort = "nothing"
    if token.numbers == (24, 7) or -1 in token.numbers:
        sort = "nothing"
    elif token.marks == ".":
        sort = "dotted" if token.text[-2] != "." else "decimal"
        if after is not None and after.text == "." and _is_day_and_month(*value):
            sort, last = "dm", place + 2
    elif token.marks == ":" and token.text[-2] == ":":
        sort = "nothing"  # 16:9
    elif token.marks == ":" and token.text.startswith("0"):
        # Who writes 06:30 counts the hours through.
        value = (*value, 24)
    elif token.marks == "-" and value[0] < value[1] <= 31:
        sort = "range"
    if sort == "number":
        return [Term("year" if 2000 <= value[0] < 2100 else sort, value[0], place, last)]
    return [Term(sort, value, place, last, sort not in _STRONG)]


def _belongs(tokens: list[Token], place: int) -> bool:
    found = match(tokens, place, _times())
    return found is not None and found[1].partition(":")[0] in _AFTER_A_DIGIT


def _is_day_and_month(day: int, month: int) -> bool:
    return 1 <= day <= 31 and 1 <= month <= 12


def _numeral(tokens: list[Token], place: int) -> tuple[int | None, int]:
    """The number that Chinese characters name from here on, and how many they are.

    >>> _numeral(tokens_of("二十五号"), 0), _numeral(tokens_of("三百天"), 0)
    ((25, 3), (None, 2))
    """
    end = place
    while end < len(tokens) and (tokens[end].text in DIGITS or tokens[end].text in (TEN, *LARGE)):
        # "周一三点": the one has its meaning already, and "二星期三" ends before the weekday.
        end += 1
    text = "".join(token.text for token in tokens[place:end])
    tens, ten, ones = text.partition(TEN)
    if not ten:
        return DIGITS.get(text), len(text)
    amounts = [default if not part else DIGITS.get(part) for part, default in ((tens, 1), (ones, 0))]
    left, right = amounts
    return (None if left is None or right is None else left * 10 + right), len(text)

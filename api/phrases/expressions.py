"""The expressions of time in a line: those that can be read, and those that were only seen.

A cluster is read as a whole, or else in the parts between its commas and its ands. Only words without a meaning of
their own in it ("room 12", an article) may be left off its ends: never one that would change what the rest says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from api.phrases.clusters import sort_out
from api.phrases.dues import Dues, dues_of
from api.phrases.said import Said
from api.phrases.terms import Phrases, Term, is_strong, match, phrases, words
from api.phrases.tokens import Token
from api.phrases.words import LANGUAGES

__all__ = ["Expression", "expressions_of", "together"]

_AT_MOST = 24
"""Terms that can belong together; what is longer is no expression but a heap."""
_SLACK = 6
_NUMBERS = frozenset({"number", "year", "one", "nth", "slash", "dotted", "decimal"})
_JOINTS = frozenset({"and", "filler", "comma", "this", "next", "in", "at", "on", "within", "to", "of"})
_LEADING = _NUMBERS | _JOINTS | {"pre", "inside", "half_of_day"}
"""What may be left off in front; of these the last three belong to what is before them."""
_TRAILING = _NUMBERS | _JOINTS | {"half", "by", "do", "before", "about", "after", "month", "po", "not"}
"""What may be left off at the end; of these the last nine belong to what comes after."""
_OF_A_NUMBER = frozenset({"unit", "half", "oclock", "hours_or_oclock", "month_mark", "day_mark", "year_mark"})
_FIRM = frozenset({"by", "do", "before", "pre", "within", "in", "inside", "later", "po"})
_CLAUSE_ENDS = frozenset(",.;!?，。；！？")
_DAYS = frozenset({"day", "weekday", "tonight", "week", "month", "iso", "dmy", "dm", "eow", "eom", "possessive", "nth"})


@dataclass(frozen=True, slots=True)
class Expression:
    """From which token up to which it stands; what it says, and its dues; neither where it was only seen."""

    first: int
    last: int
    said: Said | None
    dues: Dues
    names_a_day: bool


@cache
def _linking() -> frozenset[str]:
    return frozenset(text[0] for language in LANGUAGES for text in words(language.LINKING))


@cache
def _telling() -> Phrases:
    return phrases(("told", language.TELLING) for language in LANGUAGES)


def expressions_of(tokens: list[Token], clusters: list[list[Term]], now: datetime) -> list[Expression]:
    """Each expression of a line in its order."""
    told = _told(tokens)
    return [one for cluster in clusters for one in _read(tokens, cluster, now, told)]


def _read(tokens: list[Token], cluster: list[Term], now: datetime, told: list[bool]) -> Iterator[Expression]:
    found = _whole(tokens, _bared(cluster), now, told)
    if found is not None:
        yield found
        return
    ranges = any(term.sort in ("every", "to", "range") for term in cluster)
    for sort in ("comma",) if ranges else ("comma", "and"):
        cut = [at for at, term in enumerate(cluster) if term.sort == sort]
        if cut:
            for start, end in zip([-1, *cut], [*cut, len(cluster)], strict=True):
                yield from _read(tokens, cluster[start + 1 : end], now, told) if end > start + 1 else ()
            return
    # Of what is over there is nothing to understand.
    if is_strong(cluster) and not any(term.sort == "gone" for term in cluster):
        yield _seen(_bared(cluster), None)


def together(found: list[Expression], now: datetime) -> Dues:
    """The dues of a day and an hour that stand apart: "tomorrow by courier before 6 pm"; none of any other two."""
    said = sorted((one.said for one in found if one.said is not None), key=lambda one: not one.days)
    if len(said) != 2 or said[0].clock or said[0].part or not said[0].days or said[1].days or not said[1].clock:
        return Dues()
    bounds = (said[0].bounds | said[1].bounds) - {"before", "pre"}
    return _dues(Said(bounds, days=said[0].days, clock=said[1].clock, part=said[1].part, strong=True), now)


def _bared(cluster: list[Term]) -> list[Term]:
    """Without what is loose at its ends, except as much as an expression could need."""
    start, end = 0, len(cluster)
    while start < end and cluster[start].sort in _LEADING:
        start += 1
    while end > start and cluster[end - 1].sort in _TRAILING:
        end -= 1
    return cluster[max(0, start - _SLACK) : end + _SLACK]


def _whole(tokens: list[Token], cluster: list[Term], now: datetime, told: list[bool]) -> Expression | None:
    """The longest that can be read, the loose ends tried one by one."""
    if len(cluster) > _AT_MOST:
        return None
    for end in range(len(cluster), 0, -1):
        if end < len(cluster) and not _comes_off(tokens, cluster, end):
            break
        for start in range(end):
            if start and not _goes_off(cluster, start):
                break
            if start and cluster[start].sort in _OF_A_NUMBER:
                continue
            terms = cluster[start:end]
            said = sort_out(terms)
            if said is None or not _is_meant(tokens, terms, said):
                continue
            elsewhere = _is_told(terms, said, told) or _counts_from_elsewhere(cluster[:end], cluster[end:], said)
            dues = Dues() if elsewhere else _dues(said, now)
            if dues.options:
                return _seen(terms, said, dues)
            return _seen(terms, None) if is_strong(terms) else None
    return None


def _goes_off(cluster: list[Term], start: int) -> bool:
    """Whether what comes before may be left off: not the nine of "9 to 12" or "9 am - 12 pm"."""
    before, first = cluster[start - 1], cluster[start - 2 : start - 1]
    counted = before.sort in ("to", "half_of_day") and first and first[0].sort in _NUMBERS
    return before.sort in _LEADING and not counted


def _comes_off(tokens: list[Token], cluster: list[Term], end: int) -> bool:
    """Whether what follows may be left off: not the hour of "tomorrow about 6", but what is about 6 cables."""
    term, after = cluster[end], cluster[end + 1 : end + 2]
    if term.sort in ("about", "after", "to") and after and after[0].sort == "number":
        return not _lets_be(tokens, after[0].last, after[0].last)
    return term.sort in _TRAILING


def _dues(said: Said, now: datetime) -> Dues:
    try:
        return dues_of(said, now)
    except (OverflowError, ValueError):  # at the end of all calendars
        return Dues()


def _seen(terms: list[Term], said: Said | None, dues: Dues | None = None) -> Expression:
    quiet = {"filler", "comma", "and", "of"}
    spoken = [term for term in terms if term.sort not in quiet] or terms
    days = any(term.sort in _DAYS for term in terms)
    return Expression(spoken[0].first, spoken[-1].last, said, dues or Dues(), days)


def _is_meant(tokens: list[Token], terms: list[Term], said: Said) -> bool:
    """Whether it is about time: a bare number is an hour only in company, and not before a thing."""
    if not said.bounds and said.span is None and not said.this and not is_strong(terms):
        return False
    if said.loose is None:
        return True
    # An hour comes after its word or its day: "by 6", "Friday 6", but not "HDMI 2.1 by Friday".
    if terms[0] is said.loose and (said.loose.sort == "number" or (said.dotted and said.days)):
        return False
    company = (
        said.bounds & {"by", "do", "before", "pre", "at"},
        said.bounds and said.clock is None,
        said.clock and (said.days or said.part),
        said.dotted and (said.clock or said.days),
        said.days[1:],
    )
    return any(company) and _lets_be(tokens, said.loose.last, terms[-1].last)


def _lets_be(tokens: list[Token], place: int, last: int) -> bool:
    """Whether a bare number may have been an hour, by the token that follows."""
    if place < last or place >= len(tokens):
        return True
    token = tokens[place]
    is_mark = token.sort == "mark" and not (token.glued and token.text == "-")
    return token.sort == "han" or is_mark or token.text in _linking()


def _told(tokens: list[Token]) -> list[bool]:
    """For each token, whether its clause tells what was."""
    told = [False] * len(tokens)
    start, tells = 0, False
    for place, token in enumerate(tokens):
        if token.text in _CLAUSE_ENDS:
            told[start:place] = [tells] * (place - start)
            start, tells = place, False
        elif match(tokens, place, _telling()) is not None:
            tells = True
    told[start:] = [tells] * (len(tokens) - start)
    return told


def _counts_from_elsewhere(terms: list[Term], rest: list[Term], said: Said) -> bool:
    """Whether a span does not begin now: within three days of the delivery, after it, from it; 收货后3天内."""
    unit = max((at for at, term in enumerate(terms) if term.sort not in ("of", "filler", "comma")), default=0)
    following = {term.sort for term in (*terms[unit + 1 :], *rest[:1])}
    return said.span is not None and (terms[0].sort == "later" or not following.isdisjoint({"of", "after", "po"}))


def _is_told(terms: list[Term], said: Said, told: list[bool]) -> bool:
    """Whether it is when something was; what is said to be by then, or of tomorrow, is ahead all the same."""
    if said.bounds & _FIRM or not told[terms[0].first]:
        return False
    return not any(day[0] in ("next", "of_week") or (day[0] == "day" and day[1] != 0) for day in said.days)

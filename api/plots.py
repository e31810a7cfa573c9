"""Plots, drawn on the server as SVG: bars beside words, told apart by their pattern as well as by their colour.

Pure functions: figures in, markup out; nothing is loaded, run or styled from elsewhere, and it prints in black and
white. What a plot shows stands in a table beside it, so that the drawing itself need not be read out.

>>> str(bars([Bar("Mon", (Part(0, 3, "3"),))], ["kept"], "How the word was kept")).startswith("<svg")
True
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

__all__ = ["PATTERNS", "Bar", "Part", "bars", "key"]

_WIDTH = 360.0
_ROW = 40.0
_BAR = 14.0
_NUMBERS = 74.0
"""The room right of the bars, for what each of them comes to."""

PATTERNS = ("full", "rising", "dots", "falling", "cross", "empty")
"""How the parts of a bar are filled, one after another."""

_DRAWN = {
    "full": '<rect width="8" height="8" fill="currentColor"/>',
    "rising": '<path d="M-2 2l4-4M0 8l8-8M6 10l4-4" stroke="currentColor" stroke-width="2"/>',
    "dots": '<circle cx="2" cy="2" r="1.5" fill="currentColor"/><circle cx="6" cy="6" r="1.5" fill="currentColor"/>',
    "falling": '<path d="M-2 6l4 4M0 0l8 8M6-2l4 4" stroke="currentColor" stroke-width="2"/>',
    "cross": '<path d="M0 4h8M4 0v8" stroke="currentColor" stroke-width="1.5"/>',
    "empty": "",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar: of which series, how long, and what is written of it."""

    series: int
    amount: float
    words: str


@dataclass(frozen=True, slots=True)
class Bar:
    """What stands above a bar, the parts of it, and what is written behind it."""

    label: str
    parts: tuple[Part, ...]
    total: str = ""

    @property
    def amount(self) -> float:
        return sum(part.amount for part in self.parts)


def bars(rows: Sequence[Bar], series: Sequence[str], title: str, *, name: str = "plot") -> Markup:
    """Bars below one another, the longest as wide as there is room; parts that are nothing are left out.

    `series` names the parts in the order of `PATTERNS`; `name` tells the patterns of several plots on a page apart.
    """
    most = max((row.amount for row in rows), default=0.0) or 1.0
    height = _ROW * len(rows) + 4
    drawn = Markup("").join(_row(row, number, most, name) for number, row in enumerate(rows))
    return Markup(
        '<svg class="plot" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{title}">'
        "<defs>{patterns}</defs>{drawn}</svg>"
    ).format(width=_WIDTH, height=height, title=title, patterns=_patterns(len(series), name), drawn=drawn)


def key(series: int, name: str = "plot") -> Markup:
    """A small field with the pattern of a series, for the key of a plot on the same page."""
    return Markup(
        '<svg class="key s{series}" viewBox="0 0 24 14" aria-hidden="true">'
        '<rect x="1" y="1" width="22" height="12" fill="url(#{name}-{series})" stroke="currentColor"/></svg>'
    ).format(series=series, name=name)


def _patterns(number: int, name: str) -> Markup:
    return Markup("").join(
        Markup(
            '<pattern id="{name}-{series}" class="s{series}" width="8" height="8" patternUnits="userSpaceOnUse">'
            "{drawn}</pattern>"
        ).format(name=name, series=series, drawn=Markup(_DRAWN[PATTERNS[series % len(PATTERNS)]]))  # noqa: S704
        for series in range(number)
    )


def _row(row: Bar, number: int, most: float, name: str) -> Markup:
    top = number * _ROW
    rects = Markup("").join(_rects(row, top + 20, most, name))
    return Markup(
        '<text x="0" y="{label:g}">{words}</text>{rects}<text class="total" x="{end:g}" y="{total:g}">{of}</text>'
    ).format(label=top + 15, words=row.label, rects=rects, end=_WIDTH, total=top + 32, of=row.total)


def _rects(row: Bar, top: float, most: float, name: str) -> Iterator[Markup]:
    left, room = 0.5, _WIDTH - _NUMBERS
    for part in row.parts:
        width = part.amount / most * room
        if width <= 0:
            continue
        yield Markup(
            '<rect class="s{series}" x="{left:.2f}" y="{top:g}" width="{width:.2f}" height="{height:g}"'
            ' fill="url(#{name}-{series})" stroke="currentColor"><title>{words}</title></rect>'
        ).format(series=part.series, left=left, top=top, width=width, height=_BAR, name=name, words=part.words)
        left += width

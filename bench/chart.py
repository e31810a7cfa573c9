"""A bar chart as SVG, drawn here: readable in black and white, and in the dark."""

from collections.abc import Sequence
from html import escape

from bench.measure import Figure

__all__ = ["bars"]

_WIDTH, _ROW, _NAMES, _NUMBERS = 760, 26, 300, 90
_STYLE = (
    "text{font:13px sans-serif;fill:#111}.ours{fill:#111}.theirs{fill:url(#lines);stroke:#111}.range{stroke:#888;"
    "stroke-width:2}@media(prefers-color-scheme:dark){text{fill:#eee}.ours{fill:#eee}.theirs{stroke:#eee}"
    "#lines path{stroke:#eee}}"
)
_HATCHED = (
    '<pattern id="lines" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<path d="M0 6L6 0" stroke="#111" stroke-width="1"/></pattern>'
)


def bars(title: str, figures: Sequence[Figure]) -> str:
    """One bar a figure, ours filled and others hatched, with its spread as a line over its end.

    >>> chart = bars("Durable appends", [Figure("Upheld", "events/s", 9000, 8000, 9500)])
    >>> chart.startswith("<svg "), "9,000" in chart
    (True, True)
    """
    most = max((figure.most for figure in figures), default=1.0)
    height = _ROW * (len(figures) + 1) + 16
    unit = figures[0].unit if figures else ""
    rows = [_bar(figure, number, (_WIDTH - _NAMES - _NUMBERS) / most) for number, figure in enumerate(figures)]
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style><defs>{_HATCHED}</defs>",
            f'<text x="0" y="18" style="font-weight:bold">{escape(title)}, {escape(unit)}</text>',
            *rows,
            "</svg>\n",
        )
    )


def _bar(figure: Figure, number: int, scale: float) -> str:
    top = _ROW * (number + 1) + 8
    middle, width = top + _ROW / 2 - 4, figure.median * scale
    kind = "ours" if "Upheld" in figure.name else "theirs"
    return (
        f'<text x="0" y="{middle + 4:.0f}">{escape(figure.name)}</text>'
        f'<rect class="{kind}" x="{_NAMES}" y="{top}" width="{width:.1f}" height="{_ROW - 8}"/>'
        f'<path class="range" d="M{_NAMES + figure.least * scale:.1f} {middle}H{_NAMES + figure.most * scale:.1f}"/>'
        f'<text x="{_NAMES + figure.most * scale + 8:.1f}" y="{middle + 4:.0f}">{figure.median:,.0f}</text>'
    )

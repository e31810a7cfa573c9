"""The plots of the scorecard: what is drawn, how long, and that it can be told apart without colour."""

import re
from xml.etree import ElementTree

import pytest

from api.plots import PATTERNS, Bar, Part, bars, key

_SVG = "{http://www.w3.org/2000/svg}"


def drawn(*rows: Bar, series: int = 3) -> ElementTree.Element:
    """The plot as a reader of XML has it: what is not well-formed is no plot."""
    markup = str(bars(rows, [f"series {n}" for n in range(series)], "A plot"))
    return ElementTree.fromstring(markup.replace("<svg ", f'<svg xmlns="{_SVG[1:-1]}" ', 1))


def rects(plot: ElementTree.Element) -> list[dict[str, str]]:
    return [dict(one.attrib) for one in plot.findall(f"{_SVG}rect")]


def test_the_longest_bar_is_as_wide_as_there_is_room_and_the_others_in_proportion() -> None:
    plot = drawn(Bar("Mon", (Part(0, 10, "10"),)), Bar("Tue", (Part(0, 2.5, "2.5"),)))
    widths = [float(one["width"]) for one in rects(plot)]

    assert widths[1] == pytest.approx(widths[0] / 4, abs=0.01)
    assert widths[0] < float(plot.attrib["viewBox"].split()[2])


def test_parts_follow_one_another_and_what_is_nothing_is_left_out() -> None:
    first, second = rects(drawn(Bar("Mon", (Part(0, 1, "1"), Part(1, 0, "0"), Part(2, 3, "3")))))

    assert float(second["x"]) == pytest.approx(float(first["x"]) + float(first["width"]), abs=0.01)
    assert (first["fill"], second["fill"]) == ("url(#plot-0)", "url(#plot-2)")


def test_every_series_has_a_pattern_of_its_own() -> None:
    plot = drawn(Bar("Mon", ()), series=len(PATTERNS))
    patterns = [ElementTree.tostring(one) for one in plot.iter(f"{_SVG}pattern")]
    without_names = {re.sub(rb'(id|class)="[^"]*"', b"", one) for one in patterns}

    assert len(without_names) == len(PATTERNS)


def test_a_label_from_outside_stays_words() -> None:
    plot = drawn(Bar('<script>alert("1")</script>', (Part(0, 1, "<b>"),), "&"))

    assert [one.text for one in plot.findall(f"{_SVG}text")] == ['<script>alert("1")</script>', "&"]
    assert not list(plot.iter(f"{_SVG}script"))


@pytest.mark.parametrize("rows", [[], [Bar("Mon", ())], [Bar("Mon", (Part(0, 0, "0"),))]])
def test_where_there_is_nothing_nothing_is_drawn(rows: list[Bar]) -> None:
    assert rects(drawn(*rows)) == []


def test_plots_on_one_page_have_patterns_of_their_own() -> None:
    assert 'id="cause-0"' in bars([], ["a"], "t", name="cause")
    assert "url(#cause-0)" in key(0, "cause")

"""The page of threats names tests: each is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "threats.md"
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_test_that_the_page_of_threats_names_is_there() -> None:
    named = _NAMED.findall(PAGE.read_text())
    assert len(named) > 30
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE)
    ]
    assert missing == []


def test_every_danger_says_what_stops_it() -> None:
    rows = [line.split("|")[1:4] for line in PAGE.read_text().splitlines() if re.match(r"\| [a-z]", line)]
    dangers = [(danger.strip(), stops.strip()) for danger, stops, _ in rows if danger.strip() != "danger"]
    assert len(dangers) > 30
    assert all(stops for _, stops in dangers)

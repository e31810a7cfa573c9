"""What was measured: as a table on the terminal, as JSON, and as the record in docs/performance.md."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.chart import bars
from bench.measure import Figure, Goal, machine

__all__ = ["Results", "newest", "record", "show", "write"]

_ROOT = Path(__file__).parents[1]
_RESULTS = _ROOT / "bench" / "results"
_PAGE = _ROOT / "docs" / "performance.md"
_CHART = _ROOT / "docs" / "performance.svg"
_BEGIN, _END = "<!-- figures begin -->", "<!-- figures end -->"

Results = Mapping[str, Sequence[Figure]]
"""The figures of each part."""


def show(part: str, figures: Sequence[Figure], goals: Sequence[Goal]) -> None:
    """Print the tables of one part."""
    table = Table("what", "median", "least", "most", "unit", title=part)
    for figure in figures:
        table.add_row(figure.name, *(_number(n) for n in (figure.median, figure.least, figure.most)), figure.unit)
    compared = Table("goal", "wanted", "measured", "")
    for goal in goals:
        if (measured := goal.measured(figures)) is not None:
            compared.add_row(_title(goal), goal.wanted, goal.said(measured), _verdict(goal, measured))
    for one in (table, compared):
        Console(width=140).print(one)


def write(results: Results) -> Path:
    """Write everything that was measured in one run as JSON."""
    _RESULTS.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    file = _RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    parts = {part: [asdict(figure) for figure in figures] for part, figures in results.items()}
    file.write_text(json.dumps({"machine": machine(), "at": now.isoformat(), "parts": parts}, indent=1) + "\n")
    return file


def newest() -> dict[str, dict[str, Any]]:
    """Each part as it was measured last, and where and when that was."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(_RESULTS.glob("*.json")):
        run = json.loads(file.read_text())
        for part, figures in run["parts"].items():
            of_part = [Figure(**figure) for figure in figures]
            found[part] = {"machine": run["machine"], "at": run["at"], "figures": of_part}
    return found


def record(goals: Mapping[str, Sequence[Goal]]) -> None:
    """Rewrite the figures in docs/performance.md, and its chart, from the newest results."""
    found = newest()
    lines: list[str] = []
    appended = [figure for part in ("peers", "appends") if part in found for figure in found[part]["figures"]]
    if appended:
        once = {figure.name: figure for figure in appended}
        _CHART.write_text(bars("Durable appends", sorted(once.values(), key=lambda figure: figure.median)))
        lines += [f"![Durable appends; the tables below have the same figures]({_CHART.name})", ""]
    for part, of_part in goals.items():
        if part in found:
            lines += _section(part, found[part], of_part)
    before, _, rest = _PAGE.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    _PAGE.write_text(f"{before}{_BEGIN}\n\n" + "\n".join(lines) + f"\n{_END}{after}")


def _section(part: str, measured: Mapping[str, Any], goals: Sequence[Goal]) -> list[str]:
    figures: list[Figure] = measured["figures"]
    lines = [f"### {part}", "", f"{measured['at'][:10]}, {measured['machine']}", ""]
    reached = [(goal, value) for goal in goals if (value := goal.measured(figures)) is not None]
    if reached:
        lines += ["| goal | wanted | measured | |", "|---|---|---|---|"]
        for goal, value in reached:
            lines.append(f"| {_title(goal)} | {goal.wanted} | {goal.said(value)} | {_verdict(goal, value)} |")
        lines.append("")
    lines += ["| what | median | least | most | unit |", "|---|---|---|---|---|"]
    for figure in figures:
        numbers = " | ".join(_number(n) for n in (figure.median, figure.least, figure.most))
        lines.append(f"| {figure.name} | {numbers} | {figure.unit} |")
    return [*lines, ""]


def _title(goal: Goal) -> str:
    return f"{goal.name} ÷ {goal.others or goal.per[0]}" if goal.per else goal.name


def _verdict(goal: Goal, measured: float) -> str:
    if goal.at_least is None and goal.at_most is None:
        return ""
    return "reached" if goal.holds(measured) else "missed"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

"""`make bench`: measures, prints a table, and writes the figures as JSON to bench/results/."""

import json
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from bench.appends import appends
from bench.measure import Figure, machine
from bench.requests import requests

_ROUNDS = 5
_RATIOS = (
    ("Upheld appends, 1 in flight", "pgbench one-row INSERT, 1 clients"),
    ("Upheld appends, 16 in flight", "pgbench one-row INSERT, 16 clients"),
    ("Upheld appends, 64 in flight", "pgbench one-row INSERT, 16 clients"),
    ("POST /v1/commitments, 16 connections", "no-op POST, 16 connections"),
    ("POST /v1/commitments, 64 connections", "no-op POST, 64 connections"),
)


async def _measure(rounds: int) -> dict[str, Figure]:
    with tempfile.TemporaryDirectory(prefix="upheld-bench-") as folder:
        return await appends(Path(folder, "appends"), rounds) | await requests(Path(folder, "requests"), rounds)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else _ROUNDS
    figures = uvloop.run(_measure(rounds))
    table = Table("what", "median", "least", "most", "unit", title=machine())
    for figure in figures.values():
        table.add_row(figure.name, *(f"{n:,.0f}" for n in (figure.median, figure.least, figure.most)), figure.unit)
    ratios = {f"{one} / {other}": figures[one].median / figures[other].median for one, other in _RATIOS}
    compared = Table("ratio of medians", "")
    for name, ratio in ratios.items():
        compared.add_row(name, f"{ratio:.2f}")
    for one in (table, compared):
        Console(width=120).print(one)
    results = Path("bench/results")
    results.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    written = {"machine": machine(), "at": now.isoformat(), "figures": [asdict(f) for f in figures.values()]}
    file = results / f"{now:%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(written | {"ratios": ratios}, indent=1) + "\n")
    print(f"written to {file}")


if __name__ == "__main__":
    main()

"""`make bench`: measures, prints tables, and writes the figures as JSON to bench/results/.

>>> python -m bench appends requests --rounds 3  # doctest: +SKIP
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uvloop
from rich.console import Console

from bench import (
    appends,
    clock,
    day,
    encryption,
    exports,
    importing,
    keystrokes,
    lag,
    notice,
    pages,
    peers,
    phone,
    rebuild,
    report,
    requests,
    scale,
    seals,
    streams,
)
from bench.measure import Figure, Goal, Options, machine
from bench.processes import stop_servers

_PARTS: dict[str, tuple[Callable[[Options], Awaitable[list[Figure]]], Sequence[Goal]]] = {
    "appends": (appends.appends, appends.GOALS),
    "peers": (peers.peers, peers.GOALS),
    "requests": (requests.requests, requests.GOALS),
    "rebuild": (rebuild.rebuild, rebuild.GOALS),
    "encryption": (encryption.encryption, encryption.GOALS),
    "lag": (lag.lag, lag.GOALS),
    "scale": (scale.scale, scale.GOALS),
    "clock": (clock.clock, clock.GOALS),
    "import": (importing.importing, importing.GOALS),
    "notice": (notice.notice, notice.GOALS),
    "streams": (streams.streams, streams.GOALS),
    "exports": (exports.exports, exports.GOALS),
    "seals": (seals.seals, seals.GOALS),
    "day": (day.day, day.GOALS),
    "phone": (phone.phone, phone.GOALS),
    "pages": (pages.pages, pages.GOALS),
    "typing": (keystrokes.typing, keystrokes.GOALS),
}
_ALSO = {"memory": "scale"}
"""What is measured along with another part."""

_USUAL = ("appends", "requests", "lag")
"""What is measured when nothing is named: some minutes of it."""


def main() -> None:
    arguments = _parser().parse_args()
    # Whatever was started is ended in order, as after Ctrl-C, which a shell's background jobs ignore.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if arguments.record:
        report.record({name: goals for name, (_, goals) in _PARTS.items()})
        return
    parts = _PARTS if "all" in arguments.parts else arguments.parts or _USUAL
    named = dict.fromkeys(_ALSO.get(part, part) for part in parts)
    Console().print(machine())
    for part in named:
        measure, goals = _PARTS[part]
        print(f"measuring {part} ...", flush=True)
        with tempfile.TemporaryDirectory(prefix="upheld-bench-") as folder:
            try:
                figures = uvloop.run(_measured(measure, _options(arguments, Path(folder))))
            except KeyboardInterrupt:
                sys.exit(130)
            finally:
                stop_servers(Path(folder))
        if figures:
            report.show(part, figures, goals)
            # What was measured stays, whatever becomes of the parts that follow.
            print(f"written to {report.write({part: figures})}")


async def _measured(measure: Callable[[Options], Awaitable[list[Figure]]], options: Options) -> list[Figure]:
    return await measure(options)


def _options(arguments: argparse.Namespace, folder: Path) -> Options:
    chosen = {name: value for name, value in vars(arguments).items() if name not in ("parts", "record")}
    return Options(folder, **{name: value for name, value in chosen.items() if value is not None})


def _part(name: str) -> str:
    if name not in (*_PARTS, *_ALSO, "all"):
        raise argparse.ArgumentTypeError(f"there is no part {name}")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measures how fast Upheld is, and against what."
    )
    add = parser.add_argument
    add("parts", nargs="*", metavar="PART", type=_part, help=f"{', '.join((*_PARTS, *_ALSO))}, or all")
    add("--rounds", type=int, help="how often the contenders of a comparison take turns, after one to warm up")
    add("--seconds", type=float, help="how long each of them runs in a turn")
    add("--commitments", type=int, help="the length of the generated log; for the clock, how many are open")
    add("--rows", type=int, help="import: the rows of the smaller file")
    add("--rate", type=int, help="lag: commands a second")
    add("--pace-seconds", type=float, help="lag: for how long")
    add("--scale", type=float, help="day: the size of the company, 1 being 300 agents and 60 crews")
    add("--data-dir", type=Path, help="a folder made by bench.generate, instead of a log made for the occasion")
    add("--small-data-dir", type=Path, help="scale: the same for the short log")
    add("--record", action="store_true", help="measure nothing; write the newest results into docs/performance.md")
    return parser


if __name__ == "__main__":
    main()

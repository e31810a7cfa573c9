"""Asks what is known to be wrong with the pinned dependencies, of Python and of npm.

Exit status 1 where something is known, 3 where a service could not be asked: then nothing is known, good or bad.

`python .ci/audit.py PIP_AUDIT NPM`
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements-dev.lock", "requirements-node.lock", "requirements-audit.lock")
KNOWN, NOT_ASKED = 1, 3


def python_faults(program: str, lock: str) -> list[str] | None:
    """What is known about the packages of a lock file; None where nobody could be asked."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        asked = ("--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json")
        command = [program, *asked, f"--output={report}", f"--requirement={ROOT / lock}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            found = json.loads(report.read_text())["dependencies"]
        except (OSError, ValueError, KeyError):
            print(f"{lock}: NOT ASKED: {last_line(done.stderr)}")
            return None
    faults = [f"{one['name']} {one['version']}: {fault['id']}" for one in found for fault in one.get("vulns", [])]
    # That nothing is known of what nobody knows is no good news.
    if skipped := [one["skip_reason"] for one in found if "skip_reason" in one]:
        print(f"{lock}: NOT ASKED about {len(skipped)} of {len(found)} packages: {skipped[0]}")
        return faults or None
    return faults


def node_faults(program: str) -> list[str] | None:
    """The same of npm's packages, those that only build and test included."""
    done = subprocess.run([program, "audit", "--json"], cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["vulnerabilities"]
    except (ValueError, KeyError):
        print(f"package-lock.json: NOT ASKED: {last_line(done.stderr)}")
        return None
    return [f"{name}: {one['severity']}" for name, one in found.items()]


def last_line(text: str) -> str:
    """Why it failed, as the program says it."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and "complete log" not in line]
    return lines[-1] if lines else "it said nothing"


def main() -> int:
    """Ask about all of them, and say what came of it."""
    pip_audit, npm = sys.argv[1:]
    asked = {lock: python_faults(pip_audit, lock) for lock in LOCKS} | {"package-lock.json": node_faults(npm)}
    for lock, faults in asked.items():
        for fault in faults or []:
            print(f"{lock}: {fault}")
        if faults == []:
            print(f"{lock}: nothing is known to be wrong")
    if any(asked.values()):
        return KNOWN
    if None in asked.values():
        print("not everybody could be asked; that says nothing about the dependencies", file=sys.stderr)
        return NOT_ASKED
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What Upheld is made of: each dependency has its reason, the bill names all, the audit does not reassure falsely."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "decisions" / "026-what-stands-on-what-others-made.md"


def declared() -> set[str]:
    """What the project asks for itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    node = json.loads((ROOT / "package.json").read_text())
    named = {match[0].lower() for asked in python if (match := re.match(r"[A-Za-z0-9._-]+", asked))}
    return named | set(node["dependencies"]) | set(node["devDependencies"])


def test_each_dependency_says_what_it_is_for_and_none_that_is_gone_does() -> None:
    reasons = dict(re.findall(r"^\| `([^`]+)` \| ([^|]+)", PAGE.read_text(), re.MULTILINE))
    assert set(reasons) == declared()
    assert all(reason.strip() for reason in reasons.values())


def bill(folder: Path) -> bytes:
    target = folder / "bill.json"
    subprocess.run([sys.executable, ROOT / ".ci/sbom.py", target], check=True, capture_output=True, timeout=30)
    return target.read_bytes()


def test_the_bill_names_all_that_is_pinned_and_is_the_same_each_time(tmp_path: Path) -> None:
    made = bill(tmp_path)
    named = {one["name"].lower(): one for one in json.loads(made)["components"]}

    assert bill(tmp_path) == made
    assert declared() <= named.keys()
    assert "libpq" not in named
    assert {"starlette", "psycopg-binary"} <= named.keys(), "what they bring along is named, too"
    for lock in ("requirements.lock", "requirements-dev.lock", "requirements-node.lock"):
        pinned = re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", (ROOT / lock).read_text(), re.MULTILINE)
        assert pinned
        for name, version in pinned:
            assert (named[name]["version"], named[name]["purl"]) == (version, f"pkg:pypi/{name}@{version}")
    assert named["fastapi"]["scope"] == named["preact"]["scope"] == "required"
    assert named["pytest"]["scope"] == named["esbuild"]["scope"] == "excluded"
    assert len(named["preact"]["hashes"][0]["content"]) == 128


FINE = {"dependencies": [{"name": "httpx", "version": "1", "vulns": []}]}
FAULTY = {"dependencies": [{"name": "httpx", "version": "1", "vulns": [{"id": "GHSA-1"}]}]}
UNKNOWN = {"dependencies": [{"name": "httpx", "skip_reason": "Dependency not found"}]}


@pytest.mark.parametrize(
    ("python", "node", "status", "says"),
    [
        (FINE, {"vulnerabilities": {}}, 0, "nothing is known to be wrong"),
        (FAULTY, {"vulnerabilities": {}}, 1, "httpx 1: GHSA-1"),
        (FINE, {"vulnerabilities": {"htm": {"severity": "high"}}}, 1, "package-lock.json: htm: high"),
        (UNKNOWN, {"vulnerabilities": {}}, 3, "NOT ASKED about 1 of 1 packages"),
        (None, {"vulnerabilities": {}}, 3, "requirements-dev.lock: NOT ASKED: no way out"),
        (FINE, {"error": {"code": "EAUDIT"}}, 3, "package-lock.json: NOT ASKED: no way out"),
        (FAULTY, {"error": {}}, 1, "NOT ASKED"),
    ],
)
def test_that_nobody_could_be_asked_is_told_and_is_no_good_news(
    tmp_path: Path, python: object, node: object, status: int, says: str
) -> None:
    """The programs that ask are scripts here that answer so."""
    (tmp_path / "python.json").write_text(json.dumps(python))
    (tmp_path / "node.json").write_text(json.dumps(node))
    pip_audit, npm = tmp_path / "pip-audit", tmp_path / "npm"
    answers = f'for o in "$@"; do case $o in --output=*) cp {tmp_path}/python.json "${{o#--output=}}";; esac; done'
    pip_audit.write_text(f"#!/bin/sh\n{answers if python else ''}\necho no way out >&2\nexit 1\n")
    npm.write_text(f"#!/bin/sh\ncat {tmp_path}/node.json\necho no way out >&2\nexit 1\n")
    for program in (pip_audit, npm):
        program.chmod(0o755)

    command = [sys.executable, str(ROOT / ".ci/audit.py"), str(pip_audit), str(npm)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert done.returncode == status, done.stdout + done.stderr
    assert says in done.stdout

"""Writes what Upheld is made of, as a software bill of materials (CycloneDX 1.6), from the lock files and nothing else.

The same lock files make the same bytes: `python .ci/sbom.py build/upheld.cdx.json`.
"""

import base64
import json
import re
import sys
import tomllib
from pathlib import Path
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

ROOT = Path(__file__).parents[1]
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+?)(?:\s*;\s*(.+?))?\s*\\?$", re.IGNORECASE)


def python_components(lock: Path, scope: str) -> dict[str, dict[str, object]]:
    """The packages of a lock file by their addresses."""
    found: dict[str, dict[str, object]] = {}
    for line in lock.read_text().splitlines():
        if match := PINNED.match(line):
            name, version, marker = match.groups()
            purl = f"pkg:pypi/{name.lower()}@{version}"
            more = {"properties": [{"name": "upheld:only-where", "value": marker}]} if marker else {}
            found[purl] = {"type": "library", "bom-ref": purl, "name": name, "version": version} | {
                "scope": scope,
                "purl": purl,
                **more,
            }
    return found


def node_components(lock: Path) -> dict[str, dict[str, object]]:
    """The same of npm's, with the hash and the licence that its lock file holds."""
    found: dict[str, dict[str, object]] = {}
    for path, package in json.loads(lock.read_text())["packages"].items():
        name = path.rpartition("node_modules/")[2]
        if not name:
            continue
        purl = f"pkg:npm/{quote(name, safe='/')}@{package['version']}"
        kind, _, digest = package.get("integrity", "").partition("-")
        hashes = [{"alg": "SHA-512", "content": base64.b64decode(digest).hex()}] if kind == "sha512" else []
        licence = package.get("license")
        found[purl] = {"type": "library", "bom-ref": purl, "name": name, "version": package["version"]} | {
            "scope": "excluded" if package.get("dev") else "required",
            "purl": purl,
            **({"hashes": hashes} if hashes else {}),
            **({"licenses": [{"expression": licence}]} if licence else {}),
        }
    return found


def bill() -> dict[str, object]:
    """What runs is `required`; what only builds and tests is `excluded`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    runs = python_components(ROOT / "requirements.lock", "required")
    builds = python_components(ROOT / "requirements-dev.lock", "excluded")
    builds |= python_components(ROOT / "requirements-node.lock", "excluded")
    components = builds | runs | node_components(ROOT / "package-lock.json")
    ordered = [components[purl] for purl in sorted(components)]
    own = f"pkg:pypi/{project['name']}@{project['version']}"
    subject = {"type": "application", "bom-ref": own, "name": project["name"], "version": project["version"]}
    serial = uuid5(NAMESPACE_URL, json.dumps([own, ordered], sort_keys=True))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": subject | {"licenses": [{"license": {"id": project["license"]}}], "purl": own}},
        "components": ordered,
    }


def main() -> None:
    """Write it to the file that is named."""
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    made = bill()
    target.write_text(json.dumps(made, indent=2) + "\n")
    print(f"{target}: {len(made['components'])} components")  # type: ignore[arg-type]


if __name__ == "__main__":
    main()

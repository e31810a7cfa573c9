"""What the keeper's page decides by itself, tested by node without a browser: `npm run test`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_what_the_page_decides_by_itself() -> None:
    # Where the machine has no Node.js, `make install` has put one beside Python.
    path = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
    npm = shutil.which("npm", path=path)
    assert npm is not None, "there is no npm; `make install` takes care of one"
    tested = subprocess.run(
        [npm, "run", "--silent", "test"],
        cwd=ROOT,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if tested.returncode != 0:
        pytest.fail(f"{tested.stdout}\n{tested.stderr}", pytrace=False)

"""SQL kept beside the code that uses it: a `.sql` file of named queries, each described in one line.

>>> queries("projections", "flags.sql")["delete"]  # doctest: +SKIP
'DELETE FROM flags WHERE commitment_id = ANY(%(ids)s)'
"""

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

__all__ = ["queries"]

_NAME = re.compile(r"^-- (\w+): .+$", re.MULTILINE)


@cache
def queries(package: str, file: str) -> dict[str, LiteralString]:
    """The queries of a file by name; a query begins at a line `-- name: what it is for`."""
    parts = _NAME.split(files(package).joinpath(file).read_text("utf-8"))
    return {
        name: cast("LiteralString", body.strip().rstrip(";"))
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }

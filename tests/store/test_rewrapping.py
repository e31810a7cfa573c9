"""Another master key must reach every key: a table that is forgotten would be lost with the old one."""

import pytest

from store.database import Database
from store.rewrapping import TABLES

pytestmark = pytest.mark.anyio

_KEYS = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = 'public' AND data_type = 'bytea' AND column_name IN ('key', 'private')
"""
"""Columns that are called as wrapped keys are."""


async def test_every_wrapped_key_is_wrapped_anew(database: Database) -> None:
    assert {(one.table, one.key) for one in TABLES} == set(await database.fetch(_KEYS))

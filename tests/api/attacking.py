"""Somebody who has the whole database and the master key, and looks for words in it: as they stand, and decrypted."""

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID, uuid5

import psycopg
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from domain.errors import MasterKeyLost
from store.embedded import PROGRAMS
from store.keyring import Keyring

__all__ = ["dump", "found", "restore"]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BYTES = re.compile(r"\\\\x([0-9a-f]+)")
_CONTACTS = UUID("c9c4c6de-7f5b-5d7b-8a43-5b1c7a0d4e21")
_WRAPPED = 61
_HEAD = 13
"""Of what is encrypted: the version and the nonce."""


def dump(url: str, file: Path, *options: str) -> Path:
    """The whole database in a file, by PostgreSQL's own program."""
    subprocess.run([PROGRAMS / "pg_dump", "--dbname", url, "--file", file, *options], check=True, env=_environment())
    return file


def restore(file: Path, url: str) -> None:
    """A database as it was when it was dumped with `--format=custom`; what was in it before is gone."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("DROP SCHEMA public, building CASCADE")
        conn.execute("CREATE SCHEMA public")
    options = ["--no-owner", "--exit-on-error"]
    subprocess.run([PROGRAMS / "pg_restore", "--dbname", url, *options, file], check=True, env=_environment())


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C"}


def found(text: str, keyring: Keyring, words: Iterable[str], ids: Sequence[str]) -> set[str]:
    """Those of the words that stand in a dump, or in what any key in it that the master key opens decrypts.

    Whatever is encrypted is tried with each key, and nothing is held against its seal: no context need be known.
    """
    blobs = {bytes.fromhex(match) for match in _BYTES.findall(text)}
    named = {UUID(name) for name in _UUID.findall(text)}
    named |= {uuid5(_CONTACTS, f"{category}/{id}") for category in ("customer", "person") for id in ids}
    keys = {key for blob in blobs if len(blob) == _WRAPPED for name in named if (key := _opened(keyring, name, blob))}
    sealed = [blob.partition(b"\0")[2] if blob.startswith(b"{") else blob for blob in blobs]
    plain = [_decrypted(key, blob) for key in keys for blob in sealed if len(blob) > _HEAD]
    every = [text.encode(), *blobs, *plain]
    return {word for word in words if any(word.encode() in one for one in every)}


def _opened(keyring: Keyring, name: UUID, wrapped: bytes) -> bytes | None:
    try:
        return keyring.unwrap(name, wrapped)
    except MasterKeyLost:
        return None


def _decrypted(key: bytes, sealed: bytes) -> bytes:
    """What AES-256-GCM encrypted, whether it was altered or not: counter mode, which begins at two."""
    counter = sealed[1:_HEAD] + (2).to_bytes(4)
    return Cipher(algorithms.AES256(key), modes.CTR(counter)).decryptor().update(sealed[_HEAD:])

import asyncio
import base64
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from domain.errors import ConfigurationError, MasterKeyLost, UpheldError
from store.database import Connection
from store.embedded import EmbeddedServer
from store.keyring import Keyring, open_keyring
from store.migrations import apply

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = base64.b64encode(bytes(range(1, 33))).decode()
STARTING_PROCESS = """
import asyncio, sys, psycopg
from pathlib import Path
from store.keyring import open_keyring
async def main():
    async with await psycopg.AsyncConnection.connect(sys.argv[1], autocommit=True) as connection:
        print((await open_keyring(connection, Path(sys.argv[2]))).fingerprint.hex())
asyncio.run(main())
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer.start(tmp_path_factory.mktemp("keyring"))
    yield server
    server.stop()


@pytest.fixture
async def connection(server: EmbeddedServer) -> AsyncIterator[Connection]:
    """A connection to a database that has no master key yet."""
    async with await psycopg.AsyncConnection.connect(server.dsn, autocommit=True) as connection:
        await apply(connection)
        await connection.execute("DELETE FROM keyring")
        yield connection


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(bytes(range(32)))


def files_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


async def test_the_first_start_creates_a_key_that_only_its_owner_may_read(
    connection: Connection, tmp_path: Path
) -> None:
    first = await open_keyring(connection, tmp_path / "new")
    file = tmp_path / "new/master.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert files_in(tmp_path / "new") == ["master.key"]
    assert (await open_keyring(connection, tmp_path / "new")).fingerprint == first.fingerprint


async def test_two_processes_that_start_at_once_agree_on_one_key(
    connection: Connection, server: EmbeddedServer, tmp_path: Path
) -> None:
    command = [sys.executable, "-W", "error", "-c", STARTING_PROCESS, server.dsn, str(tmp_path)]
    pair = [await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    fingerprints = [(await process.communicate())[0] for process in pair]
    assert fingerprints[0] == fingerprints[1] != b""


async def test_the_variable_goes_before_the_file_and_nothing_is_created(connection: Connection, tmp_path: Path) -> None:
    from_variable = await open_keyring(connection, tmp_path, master_key=KEY)
    (tmp_path / "mounted").write_text(KEY + "\n")
    from_file = await open_keyring(connection, tmp_path, master_key_file=tmp_path / "mounted")
    assert from_variable.fingerprint == from_file.fingerprint
    assert not (tmp_path / "master.key").exists()


async def test_a_missing_key_file_is_refused_once_the_log_has_begun_and_no_new_one_is_made(
    connection: Connection, tmp_path: Path
) -> None:
    await open_keyring(connection, tmp_path)
    (tmp_path / "master.key").unlink()
    with pytest.raises(MasterKeyLost, match=r"can never be read again: restore the file") as refused:
        await open_keyring(connection, tmp_path)
    assert str(tmp_path / "master.key") in str(refused.value)
    assert files_in(tmp_path) == []
    with pytest.raises(MasterKeyLost, match="UPHELD_MASTER_KEY_FILE"):
        await open_keyring(connection, tmp_path, master_key_file=tmp_path / "mounted")


async def test_another_master_key_than_the_databases_is_refused(connection: Connection, tmp_path: Path) -> None:
    await open_keyring(connection, tmp_path, master_key=KEY)
    with pytest.raises(MasterKeyLost, match=r"^UPHELD_MASTER_KEY holds another master key"):
        await open_keyring(connection, tmp_path, master_key=OTHER_KEY)


@pytest.mark.parametrize("malformed", ["", "secret", KEY[:-8], KEY + KEY, "*" * 44, "schlüssel"])
async def test_a_malformed_key_is_refused_in_one_line_that_names_its_source_and_not_the_key(
    connection: Connection, tmp_path: Path, malformed: str
) -> None:
    (tmp_path / "mounted").write_text(malformed)
    for key, file in ((malformed, None), (None, tmp_path / "mounted")):
        with pytest.raises(ConfigurationError, match=r"^UPHELD_MASTER_KEY(_FILE)?\b") as refused:
            await open_keyring(connection, tmp_path, master_key=key, master_key_file=file)
        assert "\n" not in str(refused.value)
        assert not malformed or malformed not in str(refused.value)
        assert refused.value.__cause__ is None
    cursor = await connection.execute("SELECT count(*) FROM keyring")
    assert await cursor.fetchone() == (0,)


async def test_a_key_file_that_cannot_be_read_is_refused_in_one_line(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for file, words in (
        (tmp_path, "Is a directory"),
        (tmp_path / "none", "No such file"),
        (tmp_path / "binary", "text"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            await open_keyring(connection, tmp_path, master_key_file=file)


async def test_a_data_folder_that_cannot_hold_the_key_is_refused(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"master\.key"):
        await open_keyring(connection, tmp_path / "file")


def test_a_wrapped_key_opens_for_its_stream_and_master_key_only(keyring: Keyring) -> None:
    stream, key = uuid4(), keyring.new_key()
    wrapped = keyring.wrap(stream, key)
    assert len(wrapped) == 61
    assert keyring.unwrap(stream, wrapped) == key
    for stranger, other_stream in ((keyring, uuid4()), (Keyring(bytes(32)), stream)):
        with pytest.raises(MasterKeyLost):
            stranger.unwrap(other_stream, wrapped)


def test_equal_fields_are_sealed_differently_and_open_again(keyring: Keyring) -> None:
    key = keyring.new_key()
    first, second = (keyring.seal(key, "周二送到".encode(), b"promise") for _ in range(2))
    assert first != second
    assert keyring.open(key, first, b"promise") == keyring.open(key, second, b"promise") == "周二送到".encode()


def test_a_sealed_field_that_was_altered_or_moved_does_not_open(keyring: Keyring) -> None:
    key = keyring.new_key()
    sealed = keyring.seal(key, b"Tuesday", b"promise")
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    newer = b"\x02" + sealed[1:]
    for wrong_key, wrong, context in (
        (key, altered, b"promise"),
        (key, newer, b"promise"),
        (key, sealed[:20], b"promise"),
        (key, b"", b"promise"),
        (key, sealed, b"notes"),
        (keyring.new_key(), sealed, b"promise"),
    ):
        with pytest.raises(UpheldError, match="altered"):
            keyring.open(wrong_key, wrong, context)


def test_a_blind_index_is_equal_for_equal_values_of_one_field_and_one_master_key(keyring: Keyring) -> None:
    blind = keyring.blind("conversation", "wechat-77")
    assert len(blind) == 16
    assert blind == Keyring(bytes(range(32))).blind("conversation", "wechat-77")
    assert blind != keyring.blind("channel", "wechat-77")
    assert blind != Keyring(bytes(32)).blind("conversation", "wechat-77")
    assert keyring.digest(b"{}") != keyring.digest(b"{ }")


def test_nothing_secret_shows_in_a_keyring(keyring: Keyring) -> None:
    assert repr(keyring) == f"Keyring(fingerprint={keyring.fingerprint.hex()[:8]})"


def test_sealing_and_opening_take_microseconds(keyring: Keyring) -> None:
    stream, key, field = uuid4(), keyring.new_key(), os.urandom(200)
    wrapped, sealed = keyring.wrap(stream, key), keyring.seal(key, field, b"promise")
    for work in (
        partial(keyring.seal, key, field, b"promise"),
        partial(keyring.open, key, sealed, b"promise"),
        partial(keyring.unwrap, stream, wrapped),
    ):
        begin = time.thread_time()
        for _ in range(2_000):
            work()
        # Ten times what it takes, so that only a lost cache fails and not a busy machine.
        assert (time.thread_time() - begin) / 2_000 < 40e-6

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from domain.errors import ConfigurationError, Unavailable
from store.embedded import EmbeddedServer

ROOT = Path(__file__).parents[2]
OWNER = """
import sys
from pathlib import Path
from store.embedded import EmbeddedServer
server = EmbeddedServer.start(Path(sys.argv[1]))
print(server.dsn, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that was initialised once, to be copied: initdb takes longer than all of a test."""
    data_dir = tmp_path_factory.mktemp("initialised")
    EmbeddedServer.start(data_dir).stop()
    return data_dir


@pytest.fixture
def data_dir(initialised: Path, tmp_path: Path) -> Path:
    subprocess.run(["cp", "-a", initialised / "postgres", tmp_path], check=True)
    return tmp_path


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer.start(data_dir)
    yield server
    server.stop()


def another_owner(data_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", OWNER, str(data_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said_by(owner: subprocess.Popen[str]) -> str:
    assert owner.stdout is not None
    return owner.stdout.readline().strip()


def leave(owner: subprocess.Popen[str]) -> None:
    owner.communicate()
    assert owner.returncode == 0


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres/postmaster.pid").read_text().split()[0])


def owners(data_dir: Path) -> list[int]:
    pids: list[int] = json.loads((data_dir / "postgres/.handle_pids.json").read_text())
    return pids


def answers(server: EmbeddedServer) -> bool:
    with psycopg.connect(server.dsn) as connection:
        return connection.execute("SELECT current_database()").fetchone() == ("upheld",)


def test_a_new_folder_is_created_and_holds_the_database_upheld(tmp_path: Path) -> None:
    server = EmbeddedServer.start(tmp_path / "not" / "there yet, né")
    try:
        assert answers(server)
        with psycopg.connect(server.dsn) as connection:
            assert connection.info.parameter_status("server_encoding") == "UTF8"
            assert connection.info.server_version >= 180000
    finally:
        server.stop()


def test_a_path_too_long_for_a_socket_still_serves(data_dir: Path) -> None:
    long = data_dir / ("long" * 15) / ("path" * 15)
    long.mkdir(parents=True)
    shutil.move(data_dir / "postgres", long)
    server = EmbeddedServer.start(long)
    try:
        assert answers(server)
    finally:
        server.stop()


def test_the_last_handle_stops_the_server_and_a_second_stop_does_nothing(data_dir: Path) -> None:
    first, second = EmbeddedServer.start(data_dir), EmbeddedServer.start(data_dir)
    first.stop()
    first.stop()
    assert second.is_running()
    second.stop()
    assert not second.is_running()


def test_another_process_joins_and_leaves_without_stopping_the_server(server: EmbeddedServer, data_dir: Path) -> None:
    other = another_owner(data_dir)
    assert said_by(other) == server.dsn
    assert sorted(owners(data_dir)) == sorted([os.getpid(), other.pid])
    leave(other)
    assert owners(data_dir) == [os.getpid()]
    assert answers(server)


def test_the_server_outlives_its_first_owner_and_stops_with_its_last(data_dir: Path) -> None:
    first, second = another_owner(data_dir), another_owner(data_dir)
    assert said_by(first) == said_by(second)
    leave(first)
    pid = postmaster(data_dir)
    assert f"{data_dir}/postgres" in Path(f"/proc/{pid}/cmdline").read_text()
    leave(second)
    assert not (data_dir / "postgres/postmaster.pid").exists()


def test_two_processes_that_start_at_once_on_a_new_folder_share_one_server(tmp_path: Path) -> None:
    pair = [another_owner(tmp_path) for _ in range(2)]
    assert len({said_by(owner) for owner in pair}) == 1
    for owner in pair:
        leave(owner)


def test_an_owner_that_was_killed_does_not_keep_the_server_from_stopping(data_dir: Path) -> None:
    killed = another_owner(data_dir)
    said_by(killed)
    server = EmbeddedServer.start(data_dir)
    killed.kill()
    killed.communicate()
    server.stop()
    assert not server.is_running()
    assert owners(data_dir) == []


def test_an_owners_id_that_went_to_another_process_is_not_an_owner(data_dir: Path) -> None:
    handles = data_dir / "postgres/.handle_pids.json"
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        handles.write_text(json.dumps([stranger.pid]))
        os.utime(handles, (time.time() - 3600, time.time() - 3600))
        EmbeddedServer.start(data_dir).stop()
        assert not (data_dir / "postgres/postmaster.pid").exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_handle_list_that_was_cut_off_counts_as_empty(data_dir: Path) -> None:
    (data_dir / "postgres/.handle_pids.json").write_text("[12")
    server = EmbeddedServer.start(data_dir)
    assert owners(data_dir) == [os.getpid()]
    server.stop()
    assert not server.is_running()


def test_a_server_that_was_killed_is_noticed_and_revived_once(server: EmbeddedServer, data_dir: Path) -> None:
    os.kill(postmaster(data_dir), signal.SIGKILL)
    deadline = time.monotonic() + 30
    while server.is_running():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert server.revive()
    assert not server.revive()
    assert answers(server)


def test_a_server_that_was_stopped_on_purpose_is_not_revived(data_dir: Path) -> None:
    server = EmbeddedServer.start(data_dir)
    server.stop()
    assert not server.revive()
    assert not server.is_running()


@pytest.mark.parametrize("left_behind", ["another process", "this very process", "an empty file"])
def test_what_a_kill_left_behind_does_not_keep_the_server_from_starting(data_dir: Path, left_behind: str) -> None:
    server = EmbeddedServer.start(data_dir)
    lock = data_dir / "postgres/postmaster.pid"
    os.kill(postmaster(data_dir), signal.SIGKILL)
    server.stop()
    stranger = subprocess.Popen(["sleep", "60"])
    found = {"another process": str(stranger.pid), "this very process": str(os.getpid()), "an empty file": ""}
    pid = found[left_behind]
    _, *rest = lock.read_text().splitlines()
    lock.write_text("\n".join([pid, *rest]) if pid else "")
    try:
        again = EmbeddedServer.start(data_dir)
        assert answers(again)
        again.stop()
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_initialisation_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres.unfinished").mkdir()
    (tmp_path / "postgres.unfinished/PG_VERSION").write_text("18\n")
    server = EmbeddedServer.start(tmp_path)
    try:
        assert answers(server)
    finally:
        server.stop()


def test_a_lost_folder_is_told_and_not_replaced_by_an_empty_log(data_dir: Path) -> None:
    server = EmbeddedServer.start(data_dir)
    os.kill(postmaster(data_dir), signal.SIGKILL)
    shutil.move(data_dir / "postgres", data_dir / "moved")
    time.sleep(0.05)
    with pytest.raises(Unavailable, match="is gone"):
        server.revive()
    server.stop()


def a_file(path: Path) -> Path:
    path.write_text("")
    return path


def of_another_major(path: Path) -> Path:
    (path / "postgres").mkdir(parents=True)
    (path / "postgres/PG_VERSION").write_text("16\n")
    return path


def with_something_else_in_it(path: Path) -> Path:
    (path / "postgres").mkdir(parents=True)
    (path / "postgres/notes.txt").write_text("mine")
    return path


def not_writable(path: Path) -> Path:
    return Path("/proc/upheld")


@pytest.mark.parametrize(
    ("situation", "words"),
    [
        (a_file, "is a file, not a folder"),
        (of_another_major, "holds data of PostgreSQL 16, this Upheld brings 18"),
        (with_something_else_in_it, "is not empty, and holds no PostgreSQL data"),
        (not_writable, "cannot be used"),
    ],
)
def test_a_folder_that_cannot_serve_is_refused_in_one_line(
    tmp_path: Path, situation: Callable[[Path], Path], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words) as refused:
        EmbeddedServer.start(situation(tmp_path / "data"))
    assert str(refused.value).startswith("UPHELD_DATA_DIR: ")
    assert "\n" not in str(refused.value)


def test_a_server_that_does_not_start_says_why_in_one_line(data_dir: Path) -> None:
    with (data_dir / "postgres/postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = 'a lot'\n")
    with pytest.raises(Unavailable, match=r"pg_ctl ended with 1: .* contains errors") as failed:
        EmbeddedServer.start(data_dir)
    assert "\n" not in str(failed.value)


def test_no_secret_of_this_process_reaches_the_server(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPHELD_MASTER_KEY", "hunter2")
    server = EmbeddedServer.start(data_dir)
    try:
        assert b"hunter2" not in Path(f"/proc/{postmaster(data_dir)}/environ").read_bytes()
    finally:
        server.stop()

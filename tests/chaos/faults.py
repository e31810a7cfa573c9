"""What befalls processes. Only what a test started is ever signalled, each process by its own id."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg

from store.embedded import PROGRAMS, EmbeddedServer
from tests.api.forking import Begun
from tests.api.serving import Serving

__all__ = [
    "backends",
    "kill_backend",
    "kill_with_children",
    "replica_that_takes_over",
    "running",
    "stalled",
    "stop_at_once",
    "terminate_backend",
]

_STOPS_WITHIN = 10.0
_REPLICA_SECONDS = 1.5


def kill_with_children(process: "Begun | subprocess.Popen[bytes] | psutil.Process") -> None:
    """End a process and all that it started, as a power cut does."""
    # The parent first, lest it begin anew what dies.
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        # A child may end by itself as soon as its parent has.
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()


def running(processes: Iterable[psutil.Process], said: str) -> list[psutil.Process]:
    """Those that have not ended, and have this in one of the arguments that they were started with."""
    found = []
    for process in processes:
        # Whoever started it may fetch its end between any two questions.
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(said in argument for argument in process.cmdline()):
                found.append(process)
    return found


def backends(url: str, application: str) -> list[int]:
    """The server's processes for connections of this name."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()"
    with psycopg.connect(url, autocommit=True) as conn:
        return [pid for (pid,) in conn.execute(query, (application,))]


def terminate_backend(url: str, application: str) -> None:
    """Cut the connections of this name, as an operator does."""
    with psycopg.connect(url, autocommit=True) as conn:
        for pid in backends(url, application):
            conn.execute("SELECT pg_terminate_backend(%s)", (pid,))


def kill_backend(server: EmbeddedServer, application: str) -> None:
    """Kill the server's process for a connection of this name; the server then ends all its others and recovers."""
    ids = backends(server.dsn, application)
    found = [child for child in psutil.Process(_postmaster(server)).children() if child.pid in ids]
    assert found, application
    for child in found:
        child.kill()


def stop_at_once(server: EmbeddedServer) -> None:
    """Stop a server in the middle of what it does."""
    pid = _postmaster(server)
    # It would wait for there to be no server, and may never see that: another one is begun at once.
    _run(server, "pg_ctl", "stop", "-m", "immediate", "-W", "-D", server.pgdata)
    deadline = time.monotonic() + _STOPS_WITHIN
    while not _has_ended(pid):
        assert time.monotonic() < deadline, "the server does not stop"
        time.sleep(0.02)


@contextmanager
def replica_that_takes_over(server: EmbeddedServer) -> Iterator[None]:
    """A replica that has what the server has now and receives no more; in the end the server is lost, it takes over.

    It does so in the folder of the server, at whose address clients look for it.
    """
    replica, folder = server.data_dir / "replica", server.pgdata.stat()
    replica.mkdir(mode=0o700)
    os.chown(replica, folder.st_uid, folder.st_gid)
    _run(server, "pg_basebackup", "--no-sync", "--checkpoint=fast", "-d", server.dsn, "-D", replica)
    (replica / "standby.signal").touch()
    yield
    stop_at_once(server)
    server.pgdata.rename(server.data_dir / "lost")
    replica.rename(server.pgdata)
    assert server.revive()
    # Those who try to connect meet what is a replica still.
    time.sleep(_REPLICA_SECONDS)
    _run(server, "pg_ctl", "promote", "-w", "-D", server.pgdata)


def _has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _run(server: EmbeddedServer, program: str, *arguments: str | Path) -> None:
    folder, root = server.pgdata.stat(), os.geteuid() == 0
    done = subprocess.run(
        [PROGRAMS / program, *arguments],
        cwd="/",
        # PostgreSQL's programs refuse to run as root.
        user=folder.st_uid if root else None,
        group=folder.st_gid if root else None,
        extra_groups=[] if root else None,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done


def _postmaster(server: EmbeddedServer) -> int:
    return int((server.pgdata / "postmaster.pid").read_text().split()[0])


@contextmanager
def stalled(serving: Serving) -> Iterator[float]:
    """A process that stands still meanwhile, as one that is swapped out; gives the instant from which on it does."""
    serving.process.send_signal(signal.SIGSTOP)
    try:
        while psutil.Process(serving.process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.001)
        yield time.monotonic()
    finally:
        serving.process.send_signal(signal.SIGCONT)

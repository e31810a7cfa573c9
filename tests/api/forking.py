"""Processes of `upheld` that begin at once, each forked from one that has imported all of it already.

>>> begun = begin(["serve", "--port", "0"], cwd=ROOT, env=environment, stdout=said, stderr=logged)  # doctest: +SKIP
>>> begun.send_signal(signal.SIGTERM)  # doctest: +SKIP
>>> begun.wait(10)  # doctest: +SKIP
0

To import takes a second of a processor each time, and a run of the tests begins hundreds. What is begun so is told from
one that was started anew by nothing but that: it has its own environment, folder, files and end, and may be killed.
How a process starts is tested where it is started by its command.
"""

import contextlib
import functools
import gc
import json
import math
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any

__all__ = ["Begun", "begin"]

_MODULE = "api.cli"
_LENGTH = 8
_lock = threading.Lock()


class Begun:
    """One that was begun, as `subprocess.Popen` shows it."""

    def __init__(self, told: int) -> None:
        self._told = os.fdopen(told, "rb", buffering=0)
        self.pid = int(self._line())
        self.returncode: int | None = None
        self._ending = threading.Lock()
        # By its own handle: once it has ended, its number may be another's.
        try:
            self._handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self._handle = -1

    def poll(self) -> int | None:
        """How it ended, if it has."""
        with self._ending:
            if self.returncode is None and select.select([self._told], [], [], 0)[0]:
                self._end()
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, once it has. Raises `subprocess.TimeoutExpired`."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while (returncode := self.poll()) is None:
            if time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(_MODULE, timeout or 0)
            # Another thread may wait as well, and be the one that is told.
            time.sleep(0.01)
        return returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None and self._handle >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _end(self) -> None:
        self.returncode = int(self._line())
        self._told.close()
        if self._handle >= 0:
            os.close(self._handle)

    def _line(self) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n"):
            read = self._told.read(1)
            if not read:
                raise ChildProcessError("nobody tells what became of the process")
            line += read
        return bytes(line)


def begin(
    arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdout: IO[bytes], stderr: IO[bytes]
) -> Begun:
    """Begin `upheld` with these arguments."""
    asked = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}).encode()
    told, telling = os.pipe()
    try:
        with _lock, open(os.devnull, "rb") as nothing:
            files = [nothing.fileno(), stdout.fileno(), stderr.fileno(), telling]
            there, _ = _origin()
            socket.send_fds(there, [len(asked).to_bytes(_LENGTH)], files)
            there.sendall(asked)
    finally:
        os.close(telling)
    return Begun(told)


@functools.cache
def _origin() -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
    """The one from which all are forked, which ends with this process; and where it listens."""
    here, there = socket.socketpair()
    with there:
        command = [sys.executable, "-m", __name__, str(there.fileno())]
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2], pass_fds=[there.fileno()])
    return here, process


# -- the one from which all are forked ----------------------------------------------------------------------------


def _serve(listening: socket.socket) -> dict[str, Any]:
    """What somebody asked for, in the process that is to do it; it never returns elsewhere."""
    for name in ("api", "store", "policies", "projections"):
        for module in pkgutil.walk_packages(import_module(name).__path__, f"{name}."):
            import_module(module.name)
    sys.modules.pop(_MODULE)  # it is run as the main one
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who looks after one that was begun ends unseen
    while True:
        head, files, _, _ = socket.recv_fds(listening, _LENGTH, 4)
        if not head:
            os._exit(0)
        asked: dict[str, Any] = json.loads(_read(listening, int.from_bytes(head)))
        if os.fork() == 0:
            listening.close()
            if _look_after(files):
                return asked
        for file in files:
            os.close(file)


def _read(listening: socket.socket, size: int) -> bytes:
    read = bytearray()
    while len(read) < size:
        read += listening.recv(size - len(read))
    return bytes(read)


def _look_after(files: list[int]) -> bool:
    """True in the process that is begun; who looks after it tells its number and how it ended, and ends."""
    *standard, telling = files
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    begun = os.fork()
    if begun == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, file in enumerate(standard):
            os.dup2(file, number)
        for file in files:
            os.close(file)
        return True
    for file in standard:
        os.close(file)
    os.write(telling, f"{begun}\n".encode())
    _, status = os.waitpid(begun, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(telling, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _main() -> None:
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        asked = _serve(listening)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = [_MODULE, *asked["arguments"]]
    runpy.run_module(_MODULE, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()

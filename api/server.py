"""Serving: one process, or several on one socket, until SIGTERM or SIGINT; then everything ends in order."""

import asyncio
import contextlib
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import structlog
import uvicorn
import uvloop
from prometheus_client.multiprocess import mark_process_dead

from api.app import create_app
from api.logs import configure_logs
from api.metrics import FOLDER
from api.runtime import open_runtime, together
from api.settings import Settings
from domain.errors import ConfigurationError

__all__ = ["address", "bind", "open_to", "run", "serve", "serve_with", "work"]

log = structlog.get_logger("upheld.server")

_FINISH_SECONDS = 5
_KEPT_SECONDS = 75
"""How long an idle connection is kept: longer than clients and proxies do (nginx: 60 seconds), so that none is closed
here just as a request is sent over it."""
_LOOK_EVERY = 0.2


def open_to(host: str, settings: Settings) -> Settings:
    """The settings with the mode that goes with an address: open on loopback, else with sign-in.

    Raises `ConfigurationError` where open mode would be reached from elsewhere.
    """
    loopback = _is_loopback(host)
    if settings.auth == "open" and not loopback:
        raise ConfigurationError(f"UPHELD_AUTH: 'open' goes with a loopback address only, not with {host}")
    if settings.test_clock and not loopback:
        raise ConfigurationError(f"UPHELD_TEST_CLOCK: goes with a loopback address only, not with {host}")
    return settings.model_copy(update={"auth": settings.auth or ("open" if loopback else "required")})


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 picks a free one. Raises `ConfigurationError` where it cannot be had."""
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigurationError(f"cannot listen on {host}:{port}: {error}") from None
    listener.listen(2048)
    return listener


def address(listener: socket.socket) -> str:
    """Where a socket listens, as a browser writes it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to us and a word once requests are answered."""

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()


def run(main: Callable[[asyncio.Event], Any]) -> None:
    """Run `main` on a fresh event loop; the event it is given is set by SIGTERM or SIGINT."""

    async def until_signal() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        working, stopping = asyncio.ensure_future(main(stop)), asyncio.ensure_future(stop.wait())
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await asyncio.wait((working,), timeout=_FINISH_SECONDS + 2)
            working.cancel()
        stopping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working

    configure_logs()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_signal())


async def serve(settings: Settings, listener: socket.socket, stop: asyncio.Event, *, announce: bool = True) -> None:
    """Serve on a socket until told to stop; commands in flight finish first."""

    def listening() -> None:
        if announce:
            print(f"listening on {address(listener)}", flush=True)

    if settings.auth == "open" and settings.public_url is None:
        settings = settings.model_copy(update={"public_url": address(listener)})
    async with open_runtime(settings) as runtime:
        config = uvicorn.Config(
            create_app(runtime=runtime, stopping=stop),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_FINISH_SECONDS,
            timeout_keep_alive=_KEPT_SECONDS,
        )
        server = _Server(config, listening)

        async def end() -> None:
            await stop.wait()
            server.should_exit = True

        async with together([end()]):
            await server.serve([listener])


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Feed the projections and follow the policies, without requests, until told to stop."""
    async with open_runtime(settings) as runtime, together(runtime.beside()):
        log.info("working")
        await stop.wait()


async def serve_with(workers: int, settings: Settings, listener: socket.socket, stop: asyncio.Event) -> None:
    """Serve with several processes on one socket; one that dies is begun again."""
    async with open_runtime(settings):
        with tempfile.TemporaryDirectory(prefix="upheld-metrics-") as figures:
            processes = [_spawn(listener, settings, figures) for _ in range(workers)]
            announced = asyncio.ensure_future(_announce(listener))
            while not stop.is_set():
                for index, process in enumerate(processes):
                    if process.poll() is not None:
                        log.error("a serving process died", status=process.returncode)
                        # What it counted stays in the sum; what it had now, as a queue, is no more.
                        mark_process_dead(process.pid, figures)  # type: ignore[no-untyped-call]
                        processes[index] = _spawn(listener, settings, figures)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _LOOK_EVERY)
            announced.cancel()
            listener.close()  # else whoever comes now would wait for an answer that nobody gives
            await asyncio.to_thread(_end, processes)


def _spawn(listener: socket.socket, settings: Settings, figures: str) -> "subprocess.Popen[bytes]":
    program = f"from api.server import child; child({listener.fileno()}, {settings.auth!r}, {os.getpid()})"
    environment = {**os.environ, FOLDER: figures}
    return subprocess.Popen([sys.executable, "-c", program], pass_fds=[listener.fileno()], env=environment)


def child(fd: int, auth: str, parent: int) -> None:
    """One of several serving processes; it ends with its parent, whose id it is told: it may be gone already."""
    settings = Settings.load().model_copy(update={"auth": auth})
    listener = socket.socket(fileno=fd)

    async def follow_parent(stop: asyncio.Event) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if os.getppid() != parent:
                stop.set()

    async def main(stop: asyncio.Event) -> None:
        async with together([follow_parent(stop)]):
            await serve(settings, listener, stop, announce=False)

    run(main)
    if os.getppid() != parent:  # it was killed, and removed nothing
        shutil.rmtree(os.environ[FOLDER], ignore_errors=True)


async def _announce(listener: socket.socket) -> None:
    """Say where it listens once a request is answered."""
    host, port = listener.getsockname()[:2]
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    await reader.readline()
    writer.close()
    print(f"listening on {address(listener)}", flush=True)


def _end(processes: "list[subprocess.Popen[bytes]]") -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(_FINISH_SECONDS + 2)
        except subprocess.TimeoutExpired:
            process.kill()

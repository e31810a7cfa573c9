"""What failures happen to: serving processes on a database of the test's own, and a server that may be stopped."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from store.embedded import EmbeddedServer
from tests.api.serving import MASTER_KEY, EmptyDatabase, Serving

Serve = Callable[..., Serving]


@pytest.fixture(scope="session")
def rounds() -> int:
    """How often each failure happens; `make chaos` asks for more than one."""
    return int(os.environ.get("CHAOS_ROUNDS", "1"))


@pytest.fixture
def url(server: EmbeddedServer) -> Iterator[str]:
    """An empty database of the test's own, on the server of all tests."""
    with EmptyDatabase(server.dsn) as url:
        yield url


@pytest.fixture
def serve(url: str, tmp_path: Path) -> Iterator[Serve]:
    """Starts processes on that database: `serve()`."""
    with _starting(tmp_path, database_url=url) as start:
        yield start


@pytest.fixture
def own_server() -> Iterator[EmbeddedServer]:
    """A server of the test's own that writes durably; the test may do to it whatever it likes."""
    with tempfile.TemporaryDirectory(prefix="upheld-chaos-") as folder:
        server = EmbeddedServer.start(Path(folder))
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def serve_there(own_server: EmbeddedServer, tmp_path: Path) -> Iterator[Serve]:
    """Starts processes that share that server, and start it again when it died: `serve_there("--workers", "2")`."""
    with _starting(tmp_path, data_dir=own_server.data_dir) as start:
        yield start


@contextmanager
def _starting(folder: Path, **usual: object) -> Iterator[Serve]:
    """Processes that answer requests; whoever still runs at the end must end well on SIGTERM."""
    with ExitStack() as stack:
        yield lambda *arguments, **settings: stack.enter_context(
            Serving(folder, *arguments, **{"master_key": MASTER_KEY, **usual, **settings})
        )

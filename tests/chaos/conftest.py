"""What failures happen to: serving processes on a database of the test's own, and a server that may be stopped."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
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
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts processes: `serve(database_url=url)`. Whoever still runs at the end must end well on SIGTERM."""
    with ExitStack() as stack:
        yield lambda *arguments, **settings: stack.enter_context(
            Serving(tmp_path, *arguments, **{"master_key": MASTER_KEY, **settings})
        )


@pytest.fixture
def own_server() -> Iterator[EmbeddedServer]:
    """A server of the test's own that writes durably; the test may do to it whatever it likes."""
    with tempfile.TemporaryDirectory(prefix="upheld-chaos-") as folder:
        server = EmbeddedServer.start(Path(folder))
        try:
            yield server
        finally:
            server.stop()

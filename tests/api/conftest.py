"""Situations at the HTTP face: a process that serves, with a clock that a test moves, or with the real one."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.embedded import EmbeddedServer
from tests.api.serving import MASTER_KEY, Api, EmptyDatabase, Serving

MONDAY = datetime(2027, 3, 1, 2, 15, tzinfo=UTC)
"""When the test clock begins to move: a quarter past ten in the morning in Shanghai."""

Serve = Callable[..., Serving]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def serving(fresh_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The process that most tests share: its clock stands until one of them moves it, and days are Shanghai's.

    Each test has actors and orders of its own, and counts time from when it begins.
    """
    folder = tmp_path_factory.mktemp("serving")
    config = folder / "upheld.toml"
    config.write_text('[defaults]\ntime_zone = "Asia/Shanghai"\ncalendar = "CN"\n')
    url = fresh_database(clock=MONDAY)
    settings = {"database_url": url, "master_key": MASTER_KEY, "config": config, "test_clock": 1}
    with Serving(folder, **settings) as serving:
        yield serving


@pytest.fixture(scope="session")
def everybody(serving: Serving) -> Api:
    """Who knows all that was written; the clock moves from here on."""
    api = serving.by("agent:everybody")
    assert api.move_clock(MONDAY).status_code == 200
    return api


@pytest.fixture
def agent(everybody: Api) -> Api:
    """An agent whom no other test knows, so that what was made by him is the test's own."""
    return everybody.by(f"agent:ling-{next(_numbers)}")


@pytest.fixture
def supervisor(everybody: Api) -> Api:
    return everybody.by("supervisor:wang")


@pytest.fixture
def oms(everybody: Api) -> Api:
    """The company's order system."""
    return everybody.by("system:oms")


@pytest.fixture
def courier(everybody: Api) -> Api:
    """A courier whom no other test knows."""
    return everybody.by(f"courier:li-{next(_numbers)}")


@pytest.fixture
def order() -> str:
    """An order that no other test knows."""
    return f"SO-{next(_numbers)}"


@pytest.fixture
def serve(fresh_database: Callable[[], str], tmp_path: Path) -> Iterator[Serve]:
    """Starts processes with the real clock on one database of the test's own: `serve()`, `serve("--workers", "2")`.

    A setting that is given goes before the usual ones. Whoever still runs at the end must end well on SIGTERM.
    """
    with ExitStack() as stack:
        usual: dict[str, object] = {"master_key": MASTER_KEY}

        def start(*arguments: str, **settings: object) -> Serving:
            if "database_url" not in settings and "data_dir" not in settings:
                usual.setdefault("database_url", fresh_database())
            return stack.enter_context(Serving(tmp_path, *arguments, **(usual | settings)))

        yield start


@pytest.fixture(scope="module")
def office(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Where codes are made, in open mode: who may make them is told elsewhere. Its clock is the real one."""
    with EmptyDatabase(server.dsn) as url:
        settings: dict[str, object] = {"database_url": url, "master_key": MASTER_KEY}
        with Serving(tmp_path_factory.mktemp("office"), **settings) as serving:
            yield serving


@pytest.fixture(scope="module")
def closed(office: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A process on the same database where everybody signs in."""
    with Serving(tmp_path_factory.mktemp("closed"), **office.settings, auth="required") as serving:
        yield serving


@pytest.fixture
def wang(office: Serving) -> Api:
    return office.by("supervisor:wang")

"""The system's Chromium, phones, and a server that they all ask."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from store.embedded import EmbeddedServer
from tests.api.serving import MASTER_KEY, EmptyDatabase, Serving
from tests.browser.phone import FLAGS, SMALL, Office, Phone, Phones, chromium

# What comes at all comes at once, except on a machine that has much else to do.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium from the system; where there is none, what needs it is skipped.

    Not for the session: while Playwright runs, no other event loop can.
    """
    if (program := chromium()) is None:
        pytest.skip("there is no chromium on this machine; Debian's package of that name will do")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


Begin = Callable[..., Serving]


@pytest.fixture(scope="module")
def begin(fresh_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begin]:
    """Starts a process with an empty database, which ends with the file: `begin()`, `begin(CONFIG, test_clock=1)`.

    `clock` is where its test clock begins. What a page shows is often all that there is, so that files share the server
    of all databases and no database.
    """
    with ExitStack() as stack:

        def start(config: str = "", clock: datetime | None = None, **settings: object) -> Serving:
            folder = tmp_path_factory.mktemp("serving")
            (folder / "upheld.toml").write_text(config)
            url = fresh_database(clock=clock)
            usual = {"database_url": url, "master_key": MASTER_KEY, "config": folder / "upheld.toml"}
            return stack.enter_context(Serving(folder, **(usual | settings)))

        yield start


@pytest.fixture(scope="session")
def company(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The process that most phones ask, each test's with a courier of its own; it takes photos."""
    folder = tmp_path_factory.mktemp("phone")
    config = folder / "upheld.toml"
    config.write_text(
        '[defaults]\ntime_zone = "Asia/Shanghai"\n[evidence]\nphotos = true\n[push]\nallow_private = true\n'
    )
    with EmptyDatabase(server.dsn) as url:
        settings: dict[str, object] = {"database_url": url, "master_key": MASTER_KEY, "config": config}
        with Serving(folder, **settings) as serving:
            yield serving


@pytest.fixture
def office(company: Serving) -> Office:
    return Office(company.by("agent:ling"))


@pytest.fixture
def phones(browser: Browser, server: EmbeddedServer, request: pytest.FixtureRequest) -> Iterator[Phones]:
    """Phones with the page that was never opened: `phones()`, `phones(line.url, locale="bg-BG")`."""
    with ExitStack() as stack:

        def buy(url: str | None = None, **more: object) -> Phone:
            settings = {"locale": "en-GB", "viewport": SMALL, **more}
            context = stack.enter_context(browser.new_context(**settings))  # type: ignore[arg-type]
            return Phone(context, url or request.getfixturevalue("company").url)

        yield buy


@pytest.fixture
def phone(phones: Phones, office: Office) -> Phone:
    """The phone of the courier; he has just begun to use it, and has nothing to do yet."""
    return phones().enter(office.courier)

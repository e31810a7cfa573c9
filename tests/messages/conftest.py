"""Situations of messages: a process whose clock a test moves, people who can be reached, and where they read."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import MONDAY
from tests.api.serving import MASTER_KEY, Api, Serving
from tests.messages.receivers import Inbox, Mailbox

CONFIG = """
[defaults]
time_zone = "Asia/Shanghai"
calendar = "CN"
[roles.chief]
[push]
allow_private = true
[messages]
retry_after = ["PT0S", "PT0S", "PT1S"]
template_ids = { "assigned.zh-CN" = "SMS_7001" }
"""

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def process(fresh_database: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The process that the tests of messages share. Each has people and orders of its own."""
    folder = tmp_path_factory.mktemp("messages")
    config = folder / "upheld.toml"
    config.write_text(CONFIG)
    url = fresh_database(clock=MONDAY)
    settings: dict[str, object] = {"database_url": url, "master_key": MASTER_KEY, "config": config}
    with Serving(folder, **settings, test_clock=1) as serving:
        yield serving


@pytest.fixture(scope="session")
def everybody(process: Serving) -> Api:
    api = process.by("supervisor:everybody")
    assert api.move_clock(MONDAY).status_code == 200
    return api


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as inbox:
        yield inbox


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as mailbox:
        yield mailbox


class People:
    """Whom a test knows, each by an id of its own."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._number = next(_numbers)

    def person(self, role: str, *channels: str, **what: Any) -> Api:
        """Somebody of the staff who is reached by these channels."""
        actor = f"{role}:{what.pop('id', role)}-{self._number}"
        body = {"name": "Li", "locale": "en", "time_zone": "Asia/Shanghai", "channels": list(channels), **what}
        answer = self._api.put(f"/v1/people/{actor}", body)
        assert answer.status_code == 200, answer.text
        return self._api.by(actor)

    def customer(self, *channels: str, locale: str = "en") -> str:
        customer_id = f"CU-{self._number}-{next(_numbers)}"
        body = {"name": "Wang", "locale": locale, "channels": list(channels)}
        answer = self._api.put(f"/v1/customers/{customer_id}/contact", body)
        assert answer.status_code == 200, answer.text
        return customer_id

    def order(self) -> str:
        return f"SO-M{next(_numbers)}"


@pytest.fixture
def people(everybody: Api) -> People:
    return People(everybody)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of these tests, in a file."""
    file = tmp_path / "upheld.toml"
    file.write_text(CONFIG)
    return file

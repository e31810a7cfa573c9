"""Whatever befalls the server, what was tapped is recorded once, and nothing is shown as done before."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from store.embedded import EmbeddedServer
from tests.api.serving import MASTER_KEY, ROOT, EmptyDatabase, Serving
from tests.browser.line import Line
from tests.browser.phone import Office, Phone, Phones
from tests.messages.receivers import eventually

MANY = 20
Begin = Callable[..., Serving]


@pytest.fixture(scope="module")
def url(server: EmbeddedServer) -> Iterator[str]:
    with EmptyDatabase(server.dsn) as url:
        yield url


@pytest.fixture(scope="module")
def begin(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begin]:
    """Starts a server on the same data: `begin()`, `begin(program=newer)`."""
    folder = tmp_path_factory.mktemp("phone")
    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(Serving(folder, database_url=url, master_key=MASTER_KEY, **more))


class Center:
    """Where servers run, one after the other, all behind the same address."""

    def __init__(self, begin: Begin, line: Line) -> None:
        self.begin, self.line = begin, line
        self.start()

    def start(self, **more: object) -> None:
        self.serving = self.begin(**more)
        self.line.port = self.serving.port

    def kill(self) -> None:
        self.serving.kill()


@pytest.fixture(scope="module")
def center(begin: Begin) -> Iterator[Center]:
    with Line(0) as line:
        yield Center(begin, line)


@pytest.fixture
def office(center: Center) -> Office:
    center.line.losing, center.line.lost = None, 0
    return Office(center.serving.by("agent:ling"))


@pytest.fixture
def phone(phones: Phones, center: Center, office: Office) -> Phone:
    phone = phones(center.line.url)
    phone.page.clock.install()
    return phone.enter(office.courier)


def test_an_answer_that_is_lost_leaves_the_tap_on_the_phone_and_one_event_in_the_history(
    phone: Phone, center: Center, office: Office
) -> None:
    id = office.promise()
    phone.open(id)
    eventually(lambda: "HandoffSeen" in office.told(id))
    center.line.losing = b"acknowledged"
    phone.say("I know")
    phone.shows("The server cannot be reached.")
    assert center.line.lost > 0
    assert office.told(id).count("HandoffAcknowledged") == 1
    assert "Confirmed" not in phone.text()
    phone.go("").shows("1 thing saved on this phone, not sent")

    center.line.losing = None
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    phone.shows("Confirmed: you know")
    assert office.told(id).count("HandoffAcknowledged") == 1
    assert phone.outbox() == []


def test_what_the_server_was_recording_when_it_was_killed_is_recorded_once_after_it_came_back(
    phone: Phone, center: Center, office: Office, url: str
) -> None:
    ids = [office.cable() for _ in range(MANY)]
    phone.row(ids[-1]).wait_for()
    eventually(lambda: all("HandoffDelivered" in office.told(id) for id in ids))
    phone.page.evaluate(_WATCH)
    phone.go("loading")
    phone.context.set_offline(True)
    for id in ids:
        phone.page.locator(".things > li", has=phone.page.locator(f'a[href="#c-{id}"]')).locator(".main").click()
    eventually(lambda: len(phone.outbox()) == MANY)
    phone.pass_undo()
    phone.shows(f"{MANY} things saved on this phone, not sent")
    before = events(url)
    center.line.losing = b"held"
    phone.context.set_offline(False)
    eventually(lambda: events(url) > before)
    center.kill()
    phone.shows("The server cannot be reached.")
    assert phone.page.evaluate("confirmed") == [], "nothing is confirmed before the server says so"
    assert len(phone.outbox()) == MANY

    center.start()
    center.line.losing = None
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    phone.page.locator(".things .done").nth(MANY - 1).wait_for()
    assert phone.outbox() == []
    office = Office(center.serving.by("agent:ling"))
    assert [office.told(id).count("HandoffHeld") for id in ids] == [1] * MANY


_WATCH = """() => {
  window.confirmed = [];
  new MutationObserver(() => confirmed.push(...[...document.querySelectorAll(".done")].map(one => one.innerText)))
    .observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
}"""


def events(url: str) -> int:
    """How long the log is."""
    with psycopg.connect(url, autocommit=True) as conn:
        (count,) = conn.execute("SELECT count(*) FROM stored_events").fetchone() or (0,)
        return int(count)


def test_what_is_promised_after_the_stream_broke_off_appears_by_itself(
    phone: Phone, center: Center, office: Office
) -> None:
    phone.row(office.promise()).wait_for()
    center.kill()
    center.start()
    office = again(office, center)

    id = office.promise("Promised by another server")
    phone.waits_for(phone.row(id))


@contextmanager
def serving_behind(line: Line, folder: Path) -> Iterator[Callable[[str], Serving]]:
    """Begins processes on a database, to the newest of which the line leads: `serve(url)`."""
    with ExitStack() as stack:

        def serve(database: str) -> Serving:
            serving = stack.enter_context(Serving(folder, database_url=database, master_key=MASTER_KEY))
            line.port = serving.port
            return serving

        yield serve


Restored = tuple[str, str, Line, Callable[[str], Serving]]


@pytest.fixture
def restored(server: EmbeddedServer, tmp_path: Path) -> Iterator[Restored]:
    """A database, another one for its backup, and a line behind which either is served."""
    with (
        EmptyDatabase(server.dsn) as url,
        EmptyDatabase(server.dsn) as backup,
        Line(0) as line,
        serving_behind(line, tmp_path) as serve,
    ):
        yield url, backup, line, serve


@pytest.mark.timeout(300)
def test_after_a_backup_was_restored_the_phone_goes_on_from_what_the_office_has(
    phones: Phones, server: EmbeddedServer, restored: Restored
) -> None:
    url, backup, line, serve = restored
    before = serve(url)
    office = Office(before.by("agent:ling"))
    id = office.promise()
    office.agent.end_of_the_log()
    before.kill()
    copy(server.dsn, url, backup)
    lost = serve(url)
    office.agent = lost.by("agent:ling")
    phone = phones(line.url)
    phone.page.clock.install()
    phone.enter(office.courier).open(id).say("I know")
    phone.shows("Confirmed: you know")
    office.oms = lost.by("system:oms")
    gone = office.promise("It is not in the backup")
    phone.go("").row(gone).wait_for()
    lost.kill()

    office.agent = serve(backup).by("agent:ling")
    phone.waits_for(phone.row(gone), state="detached")
    phone.row(id).get_by_text("Not confirmed yet").wait_for()
    phone.open(id).say("I know")
    phone.shows("Confirmed: you know")
    assert office.told(id).count("HandoffAcknowledged") == 1


@pytest.mark.timeout(300)
def test_what_was_only_seen_before_a_backup_was_restored_is_not_shown_any_more(
    phones: Phones, server: EmbeddedServer, restored: Restored
) -> None:
    url, backup, line, serve = restored
    before = serve(url)
    office = Office(before.by("agent:ling"))
    # Of a delivery the phone says nothing by itself, not even that it has arrived.
    id = office.promise("In the old words", "delivery")
    tapped = office.promise()
    phone = phones(line.url)
    phone.page.clock.install()
    phone.enter(office.courier).open(tapped).say("I know")
    phone.shows("Confirmed: you know")
    office.agent.end_of_the_log()
    before.kill()
    copy(server.dsn, url, backup)
    lost = serve(url)
    office.agent = lost.by("agent:ling")
    office.amend(id, "In words that are lost")
    phone.waits_for(phone.go("").row(id).get_by_text("In words that are lost"))
    # It is told of words before it is told up to which event they are, by the next answer at the latest.
    lasts_until(phone, office)
    lost.kill()

    serve(backup)
    phone.waits_for(phone.row(id).get_by_text("In the old words"))


def test_a_phone_remembers_how_far_it_has_seen_though_nothing_has_changed_for_it(phone: Phone, office: Office) -> None:
    id = office.promise()
    eventually(lambda: "HandoffDelivered" in office.told(id))
    lasts_until(phone, office)
    Office(office.agent).promise("Somebody else keeps it")
    lasts_until(phone, office)


def lasts_until(phone: Phone, office: Office) -> None:
    """Let minutes go by until the phone knows that it has seen all of the log; its clock must be installed."""
    end = office.agent.end_of_the_log()

    def knows() -> bool:
        if phone.seen_until() >= end:
            return True
        phone.page.clock.fast_forward(60_000)
        phone.page.wait_for_timeout(1_000)
        return False

    eventually(knows, within=60)


def copy(dsn: str, source: str, target: str) -> None:
    """Have a database hold what another one does."""
    names = [str(conninfo_to_dict(url)["dbname"]) for url in (target, source)]
    with psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as conn:
        conn.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(names[0])))
        conn.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(Identifier, names)))


def again(office: Office, center: Center) -> Office:
    """The same courier's office, at the server that runs now."""
    other = Office(center.serving.by("agent:ling"))
    other.courier = office.courier
    return other


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same program with a newer page."""
    program = tmp_path_factory.mktemp("newer")
    for package in ("domain", "store", "projections", "policies"):
        (program / package).symlink_to(ROOT / package)
    shutil.copytree(ROOT / "api", program / "api", ignore=shutil.ignore_patterns("__pycache__", "*.br", "*.gz"))
    built = program / "api" / "web" / "built"
    files = json.loads((built / "files.json").read_text())
    (script,) = built.glob("app-*.js")
    renamed = "app-NEWER000.js"
    script.rename(built / renamed)
    worker = built / "worker.js"
    worker.write_text(worker.read_text().replace(script.name, renamed).replace("courier-", "courier-newer-", 1))
    (built / renamed).write_text((built / renamed).read_text() + "\ndocument.documentElement.dataset.newer = 'yes';")
    (built / "files.json").write_text(json.dumps({**files, "script": renamed}))
    return program


def test_a_page_that_is_a_week_old_works_on_and_takes_over_the_newer_one_when_told_to(
    phone: Phone, center: Center, office: Office, newer: Path
) -> None:
    id = office.promise()
    phone.open(id)
    eventually(lambda: "HandoffSeen" in office.told(id))
    center.line.losing = b"acknowledged"
    phone.say("I know")
    phone.shows("The server cannot be reached.")
    center.kill()
    center.start(program=newer)
    office = again(office, center)

    phone.go("").page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    phone.shows("There is a newer version of this page.")
    script = phone.page.evaluate("new URL(document.querySelector('script[src]').src).pathname")
    assert office.agent.request("GET", script).status_code == 404, "the server has it no more"
    assert phone.page.evaluate("path => fetch(path).then(answer => answer.status)", script) == 200
    phone.tap("Use it")
    phone.page.locator("html[data-newer=yes]").wait_for()
    phone.shows("1 thing saved on this phone, not sent")
    assert "newer version" not in phone.page.inner_text("body")
    assert [entry["said"]["state"] for entry in phone.outbox()] == ["acknowledged"]

    center.line.losing = None
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    phone.shows("Confirmed: you know")
    assert office.told(id).count("HandoffAcknowledged") == 1

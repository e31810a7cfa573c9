"""Backup and restore as an operator does them: with the commands, beside processes that serve."""

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from projections.leader import LOCKS, lock_of
from store.migrations import _LOCK as MIGRATIONS
from store.timelines import AHEAD
from tests.api.serving import MASTER_KEY, ROOT, Api, Serving, environment, refused, run
from tests.messages.receivers import Inbox, eventually
from tests.policies.receiving import SECRETS, Receiver

HOLDS_UP = """
CREATE FUNCTION wait_there() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('application_name') = 'pg_restore' THEN
        PERFORM pg_advisory_lock_shared(42);
    END IF;
END $$;
CREATE EVENT TRIGGER wait_there ON ddl_command_end WHEN TAG IN ('CREATE FUNCTION') EXECUTE FUNCTION wait_there();
"""
"""Has a restore wait in the middle while somebody holds that lock."""


class Place:
    """A database and a folder, as one installation has them."""

    def __init__(self, folder: Path, **settings: object) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.settings: dict[str, Any] = settings

    def upheld(self, *arguments: str, **more: object) -> "subprocess.CompletedProcess[str]":
        return run(*arguments, folder=self.folder, **{**self.settings, **more})

    def serve(self) -> Serving:
        return Serving(self.folder, **{"data_dir": self.folder, **self.settings})

    def backup(self, name: str = "upheld.backup") -> Path:
        done = self.upheld("backup", str(self.folder / name))
        assert done.returncode == 0, done.stderr
        return self.folder / name

    def restore(self, backup: Path, *options: str) -> str:
        done = self.upheld("restore", str(backup), *options)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def place(bare_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Place]:
    """Makes places with an empty database each, all with one master key."""

    def make(name: str, **settings: object) -> Place:
        return Place(
            tmp_path_factory.mktemp(name), **{"database_url": bare_database(), "master_key": MASTER_KEY, **settings}
        )

    return make


SEEN = ("flags", "history?limit=500", "tasks?recipient=courier:li", "scorecard", "commitments")


def seen(agent: Api) -> dict[str, Any]:
    """All that the queries show; flags appear by the clock, and stay."""
    return {path: agent.get(f"/v1/{path}") for path in SEEN}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not in pytest's folder: another session that starts shuts it to all but root, as whom PostgreSQL does not run."""
    with tempfile.TemporaryDirectory(prefix="upheld-tests-") as folder:
        yield Path(folder)


def test_what_was_backed_up_while_it_served_is_served_from_another_folder_and_goes_on(folder: Path) -> None:
    here, there = Place(folder / "here"), Place(folder / "there")
    with here.serve().wait() as serving:
        agent = serving.by("agent:ling")
        agent.assign("SO-1", "courier:li")
        id = agent.promise(order_id="SO-1", promise="A cable, 一根线")["id"]
        agent.by("courier:li").receipt(id)
        agent.all_taken_in()
        before, end = seen(agent), agent.end_of_the_log()
        said = here.upheld("backup", str(here.folder))
        assert said.returncode == 0, said.stderr
        assert f"the log up to position {end}" in said.stdout
        assert f"the master key is not in it: it is in {here.folder / 'master.key'}" in said.stdout
    (backup,) = here.folder.glob("upheld-*.backup")
    (there.folder / "master.key").write_bytes((here.folder / "master.key").read_bytes())

    said_there = there.restore(backup)

    assert f"restored: the log up to position {end}" in said_there
    assert f"it goes on at position {end + AHEAD + 1}" in said_there
    assert said_there.endswith("the seals hold\n")
    with there.serve().wait() as serving:
        agent = serving.by("agent:ling")
        assert seen(agent) == before
        rows = json.loads(there.upheld("status", "--json").stdout)
        assert all(row["lag_events"] == 0 and row["rebuild"] is None for row in rows), "nothing is built anew"
        agent.command(id, "amendments", {"promise": "Two cables", "reason": "asked"})
        assert agent.commitment(id)["promise"] == "Two cables"
        assert agent.end_of_the_log() > end + AHEAD
        again = agent.promise(order_id="SO-1")
        assert again["handoffs"][0]["recipient"] == "courier:li"
    assert there.upheld("verify").stdout.endswith("the seals hold\n")


def test_a_backup_waits_for_a_rebuild_which_would_have_everybody_wait(place: Callable[..., Place]) -> None:
    here = place("here")
    with here.serve().wait() as serving:
        serving.by("agent:ling").promise()
    file = here.folder / "upheld.backup"
    with psycopg.connect(here.settings["database_url"], autocommit=True) as conn:
        lock = (LOCKS, lock_of("rebuild"))
        conn.execute("SELECT pg_advisory_lock(%s, %s)", lock)
        env = environment({"data_dir": here.folder, **here.settings})
        process = subprocess.Popen([sys.executable, "-m", "api.cli", "backup", str(file)], cwd=ROOT, env=env)
        waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = %s"
        eventually(lambda: conn.execute(waits, (LOCKS,)).fetchone() is not None)
        assert not file.exists()
        conn.execute("SELECT pg_advisory_unlock(%s, %s)", lock)
        assert process.wait(30) == 0
    assert file.exists()


def test_what_is_wrong_is_said_in_one_line_before_anything_is_changed(place: Callable[..., Place]) -> None:
    here, there = place("here"), place("there")
    with here.serve().wait() as serving:
        serving.by("agent:ling").promise()
    backup = here.backup()

    other = here.upheld("restore", str(backup))
    assert (other.returncode, other.stderr.count("\n")) == (1, 1)
    assert "the database holds a log with events up to position" in other.stderr
    wrong = there.upheld("restore", str(backup), master_key="MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert "UPHELD_MASTER_KEY holds another master key than the one that the backup was made under" in wrong.stderr
    no_key = there.upheld("restore", str(backup), master_key="")
    assert f"{there.folder / 'master.key'} is missing: put the master key there" in no_key.stderr
    assert not (there.folder / "master.key").exists()
    taken = here.upheld("backup", str(backup))
    assert (taken.returncode, "is there already" in taken.stderr) == (2, True)
    assert "nowhere cannot be read" in there.upheld("restore", "nowhere").stderr
    assert "restored" in there.restore(backup), "the database is as empty as it was"


def killed(place: Place, backup: Path, when: Callable[[psycopg.Connection], bool]) -> None:
    """Begin to restore, and kill that with its programs as soon as something holds."""
    command = [sys.executable, "-m", "api.cli", "restore", str(backup)]
    env = environment({"data_dir": place.folder, **place.settings})
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with psycopg.connect(place.settings["database_url"], autocommit=True) as conn:
        deadline = time.monotonic() + 30
        while not when(conn):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def loading(conn: psycopg.Connection) -> bool:
    """Whether a restore stands in the middle of loading."""
    asked = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'pg_restore' AND wait_event = 'advisory'"
    return conn.execute(asked).fetchone() is not None


def loaded(conn: psycopg.Connection) -> bool:
    return conn.execute("SELECT to_regclass('stored_events') IS NOT NULL").fetchone() == (True,)


def test_a_restore_that_was_killed_while_it_loaded_says_so_and_is_begun_again(place: Callable[..., Place]) -> None:
    here, there, other = place("here"), place("there"), place("other")
    with here.serve().wait() as serving:
        agent = serving.by("agent:ling")
        for number in range(20):
            agent.promise(order_id=f"SO-{number}")
    backup = here.backup()
    url = there.settings["database_url"]
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(HOLDS_UP)
        conn.execute("SELECT pg_advisory_lock(42)")
        killed(there, backup, loading)
        assert not loaded(conn)
        still = there.upheld("restore", str(backup))
        assert "another restore goes on" in still.stderr, "its program does not know yet that nobody feeds it"
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_restore'")
        conn.execute("SELECT pg_advisory_unlock(42)")
        eventually(lambda: not loading(conn))
        assert not loaded(conn)
    for command in (["serve", "--port", "0"], ["worker"], ["backup", str(there.folder / "b")]):
        refusal = there.upheld(*command)
        assert (refusal.returncode, refusal.stderr.count("\n")) == (2, 1), refusal
        assert "run the same `upheld restore` again" in refusal.stderr
    with other.serve().wait() as serving:
        serving.by("agent:ling").promise()
    assert "the restore of another backup was begun" in there.upheld("restore", str(other.backup())).stderr

    there.restore(backup)

    with there.serve().wait() as serving:
        assert len(serving.by("agent:ling").get("/v1/commitments")["items"]) == 20


def test_a_restore_that_was_killed_behind_loading_goes_on_where_it_was(place: Callable[..., Place]) -> None:
    here, there = place("here"), place("there")
    with here.serve().wait() as serving:
        id = serving.by("agent:ling").promise()["id"]
    backup = here.backup()
    with psycopg.connect(there.settings["database_url"], autocommit=True) as conn:
        conn.execute(HOLDS_UP)
        conn.execute("SELECT pg_advisory_lock(42)")

        def stands_behind_loading(other: psycopg.Connection) -> bool:
            if loading(other):
                conn.execute("SELECT pg_advisory_lock(%s)", (MIGRATIONS,))
                conn.execute("SELECT pg_advisory_unlock(42)")
            return loaded(other)

        killed(there, backup, stands_behind_loading)
    assert "run the same `upheld restore` again" in there.upheld("worker").stderr

    assert "it goes on at position" in there.restore(backup)

    with there.serve().wait() as serving:
        assert serving.by("agent:ling").commitment(id)["promise"] == "It comes by noon"


# -- who knows of what was lost ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def set_back(place: Callable[..., Place]) -> Iterator[tuple[Api, int, int]]:
    """A log that was restored, and in which something was recorded since; where it ended before, and the lost one."""
    here, there = place("here"), place("there")
    with here.serve().wait() as serving:
        agent = serving.by("agent:ling")
        agent.promise()
        backup, kept = here.backup(), agent.end_of_the_log()
        for _ in range(3):
            agent.promise()
        lost = agent.end_of_the_log()
    there.restore(backup)
    with there.serve().wait() as serving:
        agent = serving.by("agent:ling")
        agent.promise(promise="Made after the restore")
        agent.all_taken_in()
        yield agent, kept, lost


def test_who_has_seen_what_was_lost_is_told_where_the_log_ended_though_it_is_longer_now(
    set_back: tuple[Api, int, int],
) -> None:
    agent, kept, lost = set_back
    assert agent.end_of_the_log() > lost
    began = time.monotonic()
    for position in (kept + 1, lost, kept + AHEAD):
        answer = agent.request("GET", "/v1/tasks", headers={"Upheld-Min-Position": str(position)})
        assert refused(answer, 503, "projection_behind")["log_position"] == kept
    assert time.monotonic() - began < 4, "nobody waits for what does not come"
    assert agent.request("GET", "/v1/tasks", headers={"Upheld-Min-Position": str(kept)}).status_code == 200


def test_who_follows_the_log_misses_nothing_that_was_recorded_since(set_back: tuple[Api, int, int]) -> None:
    agent, _, lost = set_back
    followed = agent.get("/v1/history", after=lost)["items"]
    assert [item["data"]["promise"] for item in followed if item["type"] == "CommitmentMade"] == [
        "Made after the restore"
    ]


@pytest.mark.parametrize("stream", ["flags", "tasks"])
def test_who_looked_on_before_is_told_to_read_anew(set_back: tuple[Api, int, int], stream: str) -> None:
    agent, kept, lost = set_back
    headers = {"X-Actor": "supervisor:wang", "Last-Event-ID": str(lost)}
    with agent.client.stream("GET", f"/v1/{stream}/stream", headers=headers) as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: reset", (kept, lost)


# -- who is told again ------------------------------------------------------------------------------------------


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as inbox:
        yield inbox


@pytest.fixture
def waiting(place: Callable[..., Place], inbox: Inbox) -> Path:
    """A backup that was made while a message to a courier could not leave, and which left since."""
    here = place("here")
    inbox.answer = lambda _: None
    with here.serve().wait() as serving:
        agent = serving.by("agent:ling")
        body = {"name": "Li", "locale": "en", "time_zone": "UTC", "channels": [inbox.channel()]}
        for actor in ("courier:li", "courier:bo"):
            assert agent.put(f"/v1/people/{actor}", body).status_code == 200
        agent.assign("SO-1", "courier:li", stop=1)
        agent.promise(order_id="SO-1")
        eventually(lambda: inbox.requests == 1)
        backup = here.backup()
        inbox.answer = lambda _: 200
        inbox.released.set()
        inbox.wait(1)
    inbox.got.clear()
    return backup


def test_what_waited_when_the_backup_was_made_is_not_told_again(
    place: Callable[..., Place], waiting: Path, inbox: Inbox
) -> None:
    there = place("there")
    assert "1 things that people were to be told are not told by this copy" in there.restore(waiting)
    with there.serve().wait() as serving:
        agent = serving.by("agent:ling")
        agent.assign("SO-2", "courier:bo", stop=2)
        agent.promise(order_id="SO-2")
        inbox.wait(1)
        time.sleep(1)
    assert len(inbox.got) == 1
    assert "Stop 2" in inbox.texts[0]


def test_after_a_move_what_waited_is_told_where_it_is_asked_for(
    place: Callable[..., Place], waiting: Path, inbox: Inbox
) -> None:
    there = place("there")
    assert "not told" not in there.restore(waiting, "--send-waiting")
    with there.serve().wait():
        inbox.wait(1)
        time.sleep(1)
    assert len(inbox.got) == 1


def test_a_webhook_is_sent_what_the_backup_does_not_know_it_received_with_the_same_ids(
    place: Callable[..., Place], tmp_path: Path
) -> None:
    config = tmp_path / "upheld.toml"
    with Receiver() as receiver:
        config.write_text(f'[[webhooks]]\nurl = "{receiver.url}"\nsecret = "{SECRETS[0]}"\nallow_private = true\n')
        here, there = place("here", config=config), place("there", config=config)
        receiver.answer = 500
        with here.serve().wait() as serving:
            agent = serving.by("agent:ling")
            agent.promise()
            end = agent.end_of_the_log()
            receiver.wait(lambda: receiver.asked)
            backup = here.backup()
            receiver.answer = 204
            with contextlib.suppress(httpx.HTTPError):
                run("webhooks", "enable", receiver.url, folder=here.folder, **here.settings)
            receiver.wait(lambda: len(receiver.times) == end)
        there.restore(backup)
        with there.serve().wait() as serving:
            run("webhooks", "enable", receiver.url, folder=there.folder, **there.settings)
            receiver.wait(lambda: set(receiver.times.values()) == {2})
            serving.by("agent:ling").promise()
            receiver.wait(lambda: len(receiver.times) == 2 * end)
        assert sorted(receiver.times.values()) == [1] * end + [2] * end

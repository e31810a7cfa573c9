"""Seals over HTTP and on the command line: what an auditor checks himself, and what an operator is told."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from store.keyring import Keyring, open_keyring
from store.seals import put_seal
from tests.api.serving import MASTER_KEY, ROOT, Api, Serving, refused, run


@pytest.fixture(scope="module")
def url(fresh_database: Callable[[], str]) -> str:
    return fresh_database()


@pytest.fixture(scope="module")
def sealing(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A process whose log is this module's own."""
    with Serving(tmp_path_factory.mktemp("seals"), database_url=url, master_key=MASTER_KEY) as serving:
        yield serving


@pytest.fixture(scope="module")
def auditor(sealing: Serving, url: str, tmp_path_factory: pytest.TempPathFactory) -> Api:
    """Twelve promises were made, and sealed; one more was not."""
    agent = sealing.by("agent:ling")
    for number in range(12):
        agent.promise(promise=f"Promise {number}")
    asyncio.run(seal(url, tmp_path_factory.mktemp("keys")))
    agent.promise(promise="Just now")
    return sealing.by("auditor:chen")


async def seal(url: str, folder: Path) -> None:
    """What the server does ten seconds later."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        keyring: Keyring = await open_keyring(conn, folder, master_key=MASTER_KEY)
        while await put_seal(conn, keyring, datetime.now(UTC), most=10) is not None:
            pass


def test_seals_are_listed_page_by_page_and_follow_one_another(auditor: Api) -> None:
    whole = auditor.get("/v1/history/seals")
    first = auditor.request("GET", "/v1/history/seals", limit=1)
    rest = auditor.get("/v1/history/seals", cursor=first.json()["next_cursor"])

    assert [*first.json()["items"], *rest["items"]] == whole["items"]
    assert first.links["next"]["url"].startswith("/v1/history/seals?")
    one, *others = whole["items"]
    assert (one["first_position"], one["last_position"], one["size"], one["previous"]) == (1, 10, 10, "0" * 64)
    assert [seal["first_position"] for seal in others] == [seal["last_position"] + 1 for seal in whole["items"][:-1]]
    assert {seal["key"] for seal in whole["items"]} == {key["id"] for key in whole["keys"]}


def test_a_stranger_checks_an_event_with_the_lines_of_the_manual(auditor: Api, tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(import base64.*?)```", (ROOT / "docs/auditors.md").read_text(), re.DOTALL)
    check = tmp_path / "check.py"
    check.write_text(program)
    public = auditor.get("/v1/history/seals")["keys"][-1]["public"]

    def checked(proof: dict[str, object], public: str = public) -> "subprocess.CompletedProcess[str]":
        file = tmp_path / "proof.json"
        file.write_text(json.dumps(proof))
        arguments = [sys.executable, "-I", str(check), str(file), public]
        return subprocess.run(arguments, capture_output=True, text=True, check=False)

    for position in (1, 7, 10, 12):
        proof = auditor.get(f"/v1/history/{position}/proof")
        assert proof["public"] == public
        answer = checked(proof)
        assert (answer.returncode, answer.stderr) == (0, "")
        assert answer.stdout.startswith(f"position {position} is in the log")
    leaf = auditor.get("/v1/history/1/proof")
    moved = {**leaf, "index": 1}
    later = {**leaf, "seal": {**leaf["seal"], "sealed_at": "2020-01-01T00:00:00Z"}}
    for wrong in (moved, later):
        assert checked(wrong).returncode == 1
    assert checked(leaf, public="00" * 32).returncode == 1


def test_there_is_no_proof_of_what_is_not_sealed_or_not_there(auditor: Api) -> None:
    end = auditor.history()[-1]["position"]
    answer = auditor.request("GET", f"/v1/history/{end}/proof")
    if answer.status_code != 200:  # where ten seconds went by, it is sealed
        refused(answer, 404, "not_found")
    refused(auditor.request("GET", f"/v1/history/{10**17}/proof"), 404, "not_found")
    for wrong in ("0", "-1", "x", str(10**30)):
        refused(auditor.request("GET", f"/v1/history/{wrong}/proof"), 422, "invalid")


def test_an_operator_is_told_that_all_holds_and_else_where_it_does_not(
    auditor: Api, sealing: Serving, url: str, tmp_path: Path
) -> None:
    settings = {"database_url": url, "master_key": MASTER_KEY}
    published = tmp_path / "seals.ndjson"
    published.write_text("".join(json.dumps(seal) + "\n" for seal in auditor.get("/v1/history/seals")["items"]))
    key = run("seal-key", folder=tmp_path, **settings)
    holds = run("verify", "--published", str(published), folder=tmp_path, **settings)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("UPDATE stored_events SET state = state || '\\x00'::bytea WHERE notification_id = 7")
    fails = run("verify", folder=tmp_path, **settings)
    told = run("verify", "--json", folder=tmp_path, **settings)

    assert (holds.returncode, holds.stdout.splitlines()[-1]) == (0, "the seals hold")
    tail = ("1 event is not sealed yet, from position 13 on", "3 seals up to position 13")
    assert any(told in holds.stdout for told in tail), "where ten seconds went by, it is sealed"
    assert (fails.returncode, fails.stdout.splitlines()[0]) == (1, "position 7: the event was changed")
    assert fails.stdout.splitlines()[-1] == "the seals do not hold; the first bad position is 7"
    assert told.returncode == 1
    assert json.loads(told.stdout)["problems"] == [{"position": 7, "what": "the event was changed"}]
    assert key.stdout.startswith(auditor.get("/v1/history/seals")["keys"][0]["public"])
    for file, reason in ((tmp_path / "none", "No such file"), (ROOT / "README.md", "does not hold a seal")):
        wrong = run("verify", "--published", str(file), folder=tmp_path, **settings)
        assert (wrong.returncode, reason in wrong.stderr, len(wrong.stderr.splitlines())) == (2, True, 1)

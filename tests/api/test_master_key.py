"""Another master key: all that was said is read by it as before, whatever interrupts the change."""

import asyncio
import base64
import os
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from store.rewrapping import rewrap
from tests.api.serving import BROWSER_KEYS, MASTER_KEY, Serving, run
from tests.api.test_erased_everywhere import CONFIG
from tests.api.test_evidence import add, picture, show


@pytest.fixture
def settings(fresh_database: Callable[[], str], tmp_path: Path) -> dict[str, object]:
    (tmp_path / "upheld.toml").write_text(CONFIG)
    return {"database_url": fresh_database(), "config": tmp_path / "upheld.toml"}


def old(settings: dict[str, object]) -> dict[str, object]:
    return {**settings, "master_key": MASTER_KEY}


def new(settings: dict[str, object], tmp_path: Path) -> dict[str, object]:
    return {**settings, "master_key_file": tmp_path / "new.key"}


class Lived:
    """What is kept by a process before the change, and read after it."""

    def __init__(self, serving: Serving) -> None:
        agent = serving.by("agent:ling")
        agent.by("supervisor:wang").assign("SO-1", "courier:li", address="12 Long Street")
        body = agent.promising(order_id="SO-1", promise="An XLR cable", conversation="call-8871")
        self.made = agent.post("/v1/commitments", body, key="k")
        self.body, self.id = body, self.made.json()["id"]
        self.link = agent.post(f"/v1/commitments/{self.id}/customer-link", {}).json()["url"].split("/c/")[1]
        self.photo = add(agent.by("courier:li"), picture()).json()["id"]
        agent.by("courier:li").command(self.id, "attempts", {"outcome": "no_access", "evidence": [self.photo]})
        person = {"name": "Li", "locale": "en", "time_zone": "Asia/Shanghai", "channels": ["json://localhost/a"]}
        assert agent.by("supervisor:wang").put("/v1/people/courier:li", person).status_code == 200
        push = {"endpoint": "https://push.example/1", "keys": BROWSER_KEYS}
        assert agent.by("courier:li").post("/v1/people/courier:li/push-subscriptions", push).is_success
        headers = {"Authorization": "Bearer shop-secret", "webhook-id": "msg_1"}
        assert agent.client.post("/v1/hooks/shop", json={"customer": "CU-7"}, headers=headers).is_success

    def check(self, serving: Serving) -> None:
        """All of it reads as it did."""
        agent = serving.by("agent:ling")
        agent.end_of_the_log()
        assert agent.commitment(self.id)["promise"] == "An XLR cable"
        assert agent.get("/v1/orders/SO-1")["assignments"][0]["address"] == "12 Long Street"
        (found,) = agent.get("/v1/commitments", conversation="call-8871")["items"]
        assert found["id"] == self.id
        again = agent.post("/v1/commitments", self.body, key="k")
        assert (again.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (
            201,
            self.made.json(),
            "true",
        )
        told = agent.client.get(f"/c/{self.link}", headers={"Accept": "application/json"})
        assert told.json()["promise"] == "An XLR cable"
        assert show(agent.by("courier:li"), self.photo).status_code == 200
        assert agent.get("/v1/people/courier:li")["name"] == "Li"
        assert agent.promise(promise="A new one")["promise"] == "A new one"


def keys_of(settings: dict[str, object]) -> list[bytes]:
    """Every wrapped key in the database."""
    tables = {"streams": "key", "contact_points": "key", "evidence": "key", "kept_deliveries": "key"}
    tables |= {"push_subscriptions": "key", "seal_keys": "private"}
    with psycopg.connect(str(settings["database_url"])) as conn:
        return [row[0] for table, key in tables.items() for row in conn.execute(f"SELECT {key} FROM {table}".encode())]


def test_all_is_read_by_the_new_key_as_before_and_nothing_by_the_old_one(
    settings: dict[str, object], tmp_path: Path
) -> None:
    file = tmp_path / "new.key"
    with Serving(tmp_path, **old(settings)) as serving:
        lived = Lived(serving)
        refused = run("master-key", "rotate", str(file), folder=tmp_path, **old(settings))
        assert (refused.returncode, "stop them first" in refused.stderr) == (1, True), refused.stderr
        lived.check(serving)
    before = keys_of(settings)
    rotated = run("master-key", "rotate", str(file), folder=tmp_path, **old(settings))
    assert rotated.returncode == 0, rotated.stderr
    assert f"the master key is the one in {file}" in rotated.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    assert not set(before) & set(keys_of(settings))

    lost = run("verify", folder=tmp_path, **old(settings))
    assert (lost.returncode, "another master key" in lost.stderr) == (1, True), lost.stderr
    with Serving(tmp_path, **new(settings, tmp_path)) as serving:
        lived.check(serving)
        assert serving.by("admin:root").delete("/v1/customers/CU-7").status_code == 202
    verified = run("verify", folder=tmp_path, **new(settings, tmp_path))
    assert (verified.returncode, verified.stdout.splitlines()[-1]) == (0, "the seals hold"), verified.stdout
    same = run("master-key", "rotate", str(file), folder=tmp_path, **new(settings, tmp_path))
    assert (same.returncode, "is the one that this database has" in same.stderr) == (2, True), same.stderr


def test_what_was_interrupted_goes_on_and_nobody_serves_meanwhile(settings: dict[str, object], tmp_path: Path) -> None:
    with Serving(tmp_path, **old(settings)) as serving:
        lived = Lived(serving)
    masters = [os.urandom(32), os.urandom(32)]
    (tmp_path / "new.key").write_bytes(base64.b64encode(masters[0]))
    (tmp_path / "other.key").write_bytes(base64.b64encode(masters[1]))
    before = keys_of(settings)
    asyncio.run(_interrupted(str(settings["database_url"]), base64.b64decode(MASTER_KEY), masters[0]))
    after = keys_of(settings)
    assert set(before) & set(after)
    assert set(before) - set(after)

    refused = run("verify", folder=tmp_path, **old(settings))
    assert (refused.returncode, "was begun and did not end" in refused.stderr) == (2, True), refused.stderr
    other = run("master-key", "rotate", str(tmp_path / "other.key"), folder=tmp_path, **old(settings))
    assert (other.returncode, "end that one first" in other.stderr) == (2, True), other.stderr
    ended = run("master-key", "rotate", str(tmp_path / "new.key"), folder=tmp_path, **old(settings))
    assert ended.returncode == 0, ended.stderr
    with Serving(tmp_path, **new(settings, tmp_path)) as serving:
        lived.check(serving)
    again = {**settings, "master_key_file": tmp_path / "other.key"}
    moved = run("master-key", "rotate", str(tmp_path / "other.key"), folder=tmp_path, **new(settings, tmp_path))
    assert moved.returncode == 0, moved.stderr
    with Serving(tmp_path, **again) as serving:
        lived.check(serving)


async def _interrupted(url: str, old: bytes, new: bytes) -> None:
    """The first table only."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        async for progress in rewrap(conn, old, new):
            assert (progress.table, progress.done, progress.foreign) == ("streams", progress.total, 0)
            break

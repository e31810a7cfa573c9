"""A delivery that cannot be carried out is not lost: it is kept, encrypted, and tried again once things are mended."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.api.serving import MASTER_KEY, Api, Serving, refused, run

CONFIG = """
[hooks.shop]
verify = "bearer"
secret = "shop-secret"
[[hooks.shop.commands]]
send = "POST /v1/commitments"
body = { customer_id = "{customer}", kind = "answer", promise = "In writing: {PLACE}", due = { within = DUE } }
[[hooks.shop.commands]]
send = "POST /v1/commitments"
body = { customer_id = "{customer}", kind = "callback", promise = "{words}", due = { within = DUE } }
[hooks.other]
verify = "bearer"
secret = "shop-secret"
[[hooks.other.commands]]
send = "POST /v1/commitments/{id}/fulfilment"
""".replace("DUE", '{ amount = 2, unit = "hours" }')
Replay = Callable[..., "tuple[int, Any]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "upheld.toml").write_text(CONFIG.replace("PLACE", "mistyped"), "utf-8")
    (tmp_path / "mended.toml").write_text(CONFIG.replace("PLACE", "words"), "utf-8")
    return tmp_path


@pytest.fixture
def url(fresh_database: Callable[[], str]) -> str:
    return fresh_database()


@pytest.fixture
def auditor(url: str, folder: Path) -> Iterator[Api]:
    """Whoever reads at a process whose first rule asks for what the shop does not send."""
    with Serving(folder, database_url=url, master_key=MASTER_KEY, config=folder / "upheld.toml") as serving:
        yield serving.by("auditor:chen")


@pytest.fixture
def hooks(url: str, folder: Path) -> Replay:
    """Runs `upheld hooks …` with the configuration of that name; answers the exit status, and what it told."""

    def command(*arguments: str, config: str = "mended.toml") -> tuple[int, Any]:
        settings = {"database_url": url, "master_key": MASTER_KEY, "config": folder / config}
        ended = run("hooks", *arguments, folder=folder, **settings)
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended.returncode, json.loads(ended.stdout) if "--json" in arguments else ended.stdout or ended.stderr

    return command


def told(api: Api, hook: str = "shop", **sent: Any) -> httpx.Response:
    payload = {"id": "T-1", "customer": "CU-7", "words": "We ring at two", **sent}
    return api.client.post(f"/v1/hooks/{hook}", json=payload, headers={"Authorization": "Bearer shop-secret"})


def made(api: Api) -> list[str]:
    api.end_of_the_log()
    return sorted(item["promise"] for item in api.get("/v1/commitments")["items"])


def test_what_could_not_be_carried_out_is_carried_out_once_the_configuration_is_mended(
    auditor: Api, hooks: Replay, url: str
) -> None:
    answer = told(auditor)
    first, second = answer.json()["results"]
    assert (answer.status_code, first["status"], second["status"]) == (202, 422, 201)
    assert (first["body"]["code"], first["body"]["detail"]) == ("mapping_failed", "'mistyped' is missing")
    assert told(auditor).status_code == 202, "the same again is kept once"

    status, [kept] = hooks("list", "--json")
    assert (status, kept["hook"]) == (0, "shop")
    assert kept["reason"] == "POST /v1/commitments: mapping_failed: 'mistyped' is missing"
    with psycopg.connect(url) as conn:
        (row,) = conn.execute("SELECT key || document FROM kept_deliveries").fetchall()
    assert b"We ring" not in row[0]
    assert b"mistyped" not in row[0]

    assert hooks("replay", "--json", config="upheld.toml") == (
        1,
        [{name: kept[name] for name in ("id", "hook", "reason")}],
    )
    assert hooks("replay", "shop")[0] == 0
    assert hooks("list") == (0, "nothing is kept\n")
    assert made(auditor) == ["In writing: We ring at two", "We ring at two"]


def test_one_of_several_can_be_tried_alone(auditor: Api, hooks: Replay) -> None:
    for number in range(2):
        assert told(auditor, id=f"T-{number}").status_code == 202
    _, [first, second] = hooks("list", "--json")

    assert hooks("replay", "shop", "--id", second["id"]) == (
        0,
        f"{second['id']} shop: carried out\n1 carried out, 0 still kept\n",
    )
    _, listed = hooks("list")
    assert listed.startswith(f"{first['id']} shop, ")
    status, said = hooks("replay", "--id", str(uuid4()))
    assert (status, said.startswith("upheld: no delivery ")) == (1, True)


def test_what_is_refused_for_good_stays_until_it_is_forgotten(auditor: Api, hooks: Replay, folder: Path) -> None:
    answer = told(auditor, "other", id=str(uuid4()))
    assert (answer.status_code, answer.json()["results"][0]["status"]) == (202, 404)
    (folder / "empty.toml").write_text("")

    status, said = hooks("replay")
    assert status == 1
    assert ": not_found: " in said
    assert said.endswith("0 carried out, 1 still kept\n")
    assert "no hook of that name is configured" in hooks("replay", config="empty.toml")[1]


def test_without_the_database_the_sender_is_asked_to_try_again(auditor: Api, url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    admin = psycopg.conninfo.make_conninfo(url, dbname="postgres")
    identifier = psycopg.sql.Identifier(str(name))
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute(psycopg.sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(identifier))
        conn.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            answer = told(auditor)
        finally:
            conn.execute(psycopg.sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(identifier))
    refused(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1

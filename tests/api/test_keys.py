"""API keys: told once, kept as a hash, refused at once when they are revoked; and who guesses at them has to wait."""

import itertools
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

from store.embedded import EmbeddedServer
from tests.api.browsing import Browser
from tests.api.serving import MASTER_KEY, EmptyDatabase, Serving, instant, refused, run
from tests.api.signed import House
from tests.messages.receivers import eventually

_addresses = (f"192.0.2.{number}" for number in itertools.count(1))


@pytest.fixture(scope="module")
def url(server: EmbeddedServer) -> Iterator[str]:
    with EmptyDatabase(server.dsn) as url:
        yield url


@pytest.fixture(scope="module")
def house(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Two processes that serve on one socket."""
    with House(tmp_path_factory.mktemp("house"), url, "--workers", "2") as house:
        yield house


@pytest.fixture
def address() -> str:
    """Where nobody else comes from; a proxy on this machine is believed about that."""
    return next(_addresses)


def ask(house: House, authorization: str | None, address: str, path: str = "/v1/me") -> httpx.Response:
    """A request on a connection of its own, which any of the processes may take."""
    said = {"Authorization": authorization} if authorization is not None else {}
    headers = {"X-Actor": "admin:root", "X-Forwarded-For": address, **said}
    return httpx.get(house.url + path, headers=headers, trust_env=False, timeout=30)


def made(house: House, actor: str = "system:oms", **more: object) -> str:
    answer = house.key_of("admin:root").post("/v1/keys", {"actor": actor, **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


def wrong(key: str) -> str:
    """The same key with another secret."""
    return key[:-8] + ("a" * 8 if key[-8:] != "a" * 8 else "b" * 8)


# -- who it is ---------------------------------------------------------------------------------------------------


def test_a_key_says_who_asks_whatever_x_actor_says(house: House, address: str) -> None:
    key = made(house, "courier:li")

    for scheme in ("Bearer", "bearer", "BEARER"):
        assert ask(house, f"{scheme} {key}", address).json()["actor"] == "courier:li"


@pytest.mark.parametrize(
    "said",
    [
        None,
        "",
        "Bearer",
        "Bearer upk_",
        "Bearer upk_abcdefgh",
        "Bearer upk_abcdefgh_" + "a" * 51,
        "Bearer upk_abcdefgh_" + "a" * 52,
        "Bearer UPK_abcdefgh_" + "a" * 52,
        "Bearer upk_abcdefg%00_" + "a" * 52,
        "Bearer \u00e9",
        "Basic YWRtaW46cm9vdA==",
        "upk_abcdefgh_" + "a" * 52,
    ],
)
def test_what_is_no_key_lets_nobody_in(house: House, address: str, said: str | None) -> None:
    headers = [(b"x-forwarded-for", address.encode()), *([(b"authorization", said.encode("latin-1"))] if said else [])]
    answer = httpx.get(f"{house.url}/v1/me", headers=headers, trust_env=False, timeout=30)

    refused(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_two_keys_at_once_are_none(house: House, address: str) -> None:
    key = made(house)
    headers = [("Authorization", f"Bearer {key}")] * 2 + [("X-Forwarded-For", address)]
    refused(httpx.get(f"{house.url}/v1/me", headers=headers, trust_env=False, timeout=30), 401, "unauthenticated")


def test_another_secret_and_another_prefix_are_not_told_apart(house: House, address: str) -> None:
    key = made(house)
    answers = [ask(house, f"Bearer {text}", address) for text in (wrong(key), "upk_" + "a" * 8 + key[12:])]

    assert len({refused(answer, 401)["detail"] for answer in answers}) == 1


def test_a_key_that_has_expired_lets_nobody_in(house: House, address: str) -> None:
    for lifetime in (1, 2, 4, 8):  # a busy machine may come too late with the first
        key = made(house, expires_at=instant(datetime.now(UTC) + timedelta(seconds=lifetime)))
        if (before := ask(house, f"Bearer {key}", address)).status_code == 200:
            break
    assert before.status_code == 200
    time.sleep(lifetime + 0.1)

    assert "expired" in refused(ask(house, f"Bearer {key}", address), 401)["detail"]


def test_a_key_that_is_revoked_is_refused_by_every_process_from_the_next_request_on(house: House, address: str) -> None:
    key = made(house)
    assert [ask(house, f"Bearer {key}", address).status_code for _ in range(8)] == [200] * 8
    revoked = house.key_of("admin:root").delete(f"/v1/keys/{key[4:12]}")

    assert revoked.status_code == 204
    assert [ask(house, f"Bearer {key}", address).status_code for _ in range(8)] == [401] * 8
    refused(house.key_of("admin:root").delete(f"/v1/keys/{key[4:12]}"), 404, "not_found")


def test_the_keys_of_a_person_who_is_deleted_open_nothing_and_those_of_a_system_stay(
    house: House, address: str
) -> None:
    admin, keys = house.key_of("admin:root"), {}
    for actor in ("agent:mei", "system:crm", "agent:bo"):
        keys[actor] = made(house, actor)
        assert admin.put(f"/v1/people/{actor}", {"name": "M"}).status_code == 200
    for actor in ("agent:mei", "system:crm"):
        assert house.key_of("supervisor:wang").delete(f"/v1/people/{actor}").status_code == 204

    refused(ask(house, f"Bearer {keys['agent:mei']}", address), 401, "unauthenticated")
    for actor in ("system:crm", "agent:bo"):
        assert ask(house, f"Bearer {keys[actor]}", address).json()["actor"] == actor


@pytest.mark.parametrize("by", ["his deletion", "revoking his key"])
def test_who_is_shut_out_is_left_no_code_that_he_asked_for_in_that_moment(house: House, address: str, by: str) -> None:
    actor, admin = f"courier:late-{by.rsplit(maxsplit=1)[-1]}", house.key_of("admin:root")
    key, codes, stop = made(house, actor), list[str](), threading.Event()
    assert admin.put(f"/v1/people/{actor}", {"name": "L"}).status_code == 200

    def ask_for_codes() -> None:
        headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": address}
        with httpx.Client(base_url=house.url, headers=headers, trust_env=False, timeout=20) as client:
            while not stop.is_set():
                answer = client.post(f"/v1/people/{actor}/pairings")
                if answer.status_code != 201:
                    return
                codes.append(answer.json()["code"])

    asking = [threading.Thread(target=ask_for_codes) for _ in range(4)]
    for thread in asking:
        thread.start()
    eventually(lambda: len(codes) > 8)
    path = f"/v1/people/{actor}" if by == "his deletion" else f"/v1/keys/{key[4:12]}"
    assert admin.delete(path).status_code == 204
    stop.set()
    for thread in asking:
        thread.join()

    with Browser(house) as browser:
        for code in codes[-6:]:
            refused(browser.post("/v1/pairings", {"code": code}), 422)
    assert house.key_of("supervisor:wang").get(f"/v1/people/{actor}/devices")["items"] == []


def test_a_stream_ends_soon_after_its_key_was_revoked(house: House, address: str) -> None:
    key = made(house, "courier:li")
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.stream("GET", f"{house.url}/v1/tasks/stream", headers=headers, timeout=14, trust_env=False) as stream:
        assert stream.status_code == 200
        house.key_of("admin:root").delete(f"/v1/keys/{key[4:12]}")
        # It ends before it would show that it lives, for which this one does not wait.
        assert [line for line in stream.iter_lines() if line.startswith("event")] == []


# -- what is kept, and what is not -------------------------------------------------------------------------------


def test_the_database_holds_no_secret_and_a_row_that_was_altered_opens_nothing(
    house: House, url: str, address: str
) -> None:
    key = made(house)
    secret = key.rpartition("_")[2]
    with psycopg.connect(url, autocommit=True) as conn:
        rows = [row for (row,) in conn.execute("SELECT api_keys::text FROM api_keys")]
        assert any(key[4:12] in row for row in rows)
        assert not any(secret in row or secret.encode().hex() in row for row in rows)
        assert ask(house, f"Bearer {key}", address).status_code == 200
        conn.execute("UPDATE api_keys SET actor = 'admin:mallory' WHERE prefix = %s", (key[4:12],))
        refused(ask(house, f"Bearer {key}", address), 401, "unauthenticated")
        conn.execute(
            "UPDATE api_keys SET actor = 'system:oms', expires_at = '2100-01-01' WHERE prefix = %s", (key[4:12],)
        )
        refused(ask(house, f"Bearer {key}", address), 401, "unauthenticated")


def test_no_secret_is_in_the_log(house: House, address: str) -> None:
    keys = [made(house), wrong(made(house)), "upk_" + "b" * 8 + "_" + "c" * 52]
    for key in keys:
        ask(house, f"Bearer {key}", address)
        ask(house, f"Bearer {key}", address, "/v1/nothing?at=here")

    assert keys[0][4:12] in {line["prefix"] for line in house.lines("a key was made")}
    assert {key[4:12] for key in keys[1:]} <= {line["prefix"] for line in house.lines("a key was refused")}
    for key in keys:
        assert key.rpartition("_")[2] not in house.logged + house.said


def test_when_a_key_was_used_is_noted_once_a_minute_at_most(house: House, address: str) -> None:
    key, admin = made(house), house.key_of("admin:root")

    def used() -> str | None:
        found = {one["prefix"]: one for one in admin.get("/v1/keys", limit=500)["items"]}
        return found[key[4:12]]["last_used_at"]  # type: ignore[no-any-return]

    assert used() is None
    began = datetime.now(UTC)
    ask(house, f"Bearer {key}", address)
    deadline = time.monotonic() + 15
    while (first := used()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert began - timedelta(seconds=1) < datetime.fromisoformat(first) <= datetime.now(UTC)
    for _ in range(4):
        ask(house, f"Bearer {key}", address)
    time.sleep(1.2)
    assert used() == first


# -- who tries in vain -------------------------------------------------------------------------------------------


def test_who_tries_wrong_keys_has_to_wait_whichever_process_he_asks_and_nobody_else_has(
    house: House, address: str
) -> None:
    key = made(house)
    tried = [f"Bearer upk_aaaaaaa{letter}_{'a' * 52}" for letter in "abcdefghijklmnopqrst"]
    assert [ask(house, one, address).status_code for one in tried] == [401] * 20

    answer = ask(house, tried[0], address)
    refused(answer, 429, "too_many_attempts")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert ask(house, f"Bearer {key}", address).status_code == 200, "a right key is not guessed"
    refused(ask(house, "Bearer nonsense", next(_addresses)), 401)


def test_who_guesses_at_one_key_from_many_places_has_to_wait_and_its_holder_has_not(house: House) -> None:
    key = made(house)
    places = list(itertools.islice(_addresses, 11))
    answers = [ask(house, f"Bearer {wrong(key)}", place) for place in places]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert ask(house, f"Bearer {key}", places[-1]).status_code == 200


def test_of_ipv6_a_whole_network_is_one_place(house: House) -> None:
    places = [f"2001:db8:1:1::{number:x}" for number in range(21)]
    answers = [ask(house, "Bearer nonsense", place) for place in places]

    assert [answer.status_code for answer in answers] == [401] * 20 + [429]
    refused(ask(house, "Bearer nonsense", "2001:db8:1:2::1"), 401)


def test_what_was_refused_is_counted(house: House, address: str) -> None:
    ask(house, "Bearer nonsense", address)
    figures = httpx.get(f"{house.url}/metrics", trust_env=False, timeout=30).text

    assert 'upheld_refused_requests_total{code="unauthenticated"}' in figures


# -- making, listing, revoking -----------------------------------------------------------------------------------


def test_a_key_that_is_asked_for_again_under_its_idempotency_key_is_the_same(house: House) -> None:
    admin, body = house.key_of("admin:root"), {"actor": "system:wms", "label": "Warehouse"}
    first, again = (admin.post("/v1/keys", body, key="wms-1") for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["key"] == again.json()["key"]
    assert again.headers["idempotency-replayed"] == "true"
    assert first.headers["cache-control"] == "no-store"
    refused(admin.post("/v1/keys", {**body, "label": "Other"}, key="wms-1"), 422, "idempotency_key_reused")
    assert admin.post("/v1/keys", body).json()["key"] != first.json()["key"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/actor"),
        ({"actor": "team:courier"}, "/actor"),
        ({"actor": "boss:ling"}, "/actor"),
        ({"actor": "system:oms", "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"actor": "system:oms", "secret": "x"}, "/secret"),
    ],
)
def test_a_key_that_nobody_could_hold_is_not_made(house: House, body: dict[str, str], pointer: str) -> None:
    refused(house.key_of("admin:root").post("/v1/keys", body), 422, "invalid", pointer)


def test_the_keys_are_listed_page_by_page_the_newest_first_without_their_secrets(house: House) -> None:
    keys = [made(house, label=f"n{number}") for number in range(3)]
    admin = house.key_of("admin:root")
    page = admin.get("/v1/keys", limit=2)
    rest = admin.get("/v1/keys", limit=1, cursor=page["next_cursor"])

    shown = [*page["items"], *rest["items"]]
    assert [(one["prefix"], one["label"], one["created_by"]) for one in shown] == [
        (key[4:12], f"n{number}", "admin:root") for number, key in reversed(list(enumerate(keys)))
    ]
    assert all(one.keys() & {"key", "secret", "secret_hash"} == set() for one in shown)


def test_an_operator_makes_lists_and_revokes_keys_beside_the_processes_that_serve(house: House, address: str) -> None:
    created = house.upheld("key", "create", "--role", "system", "--id", "cli", "--expires", "90d", "--label", "By hand")
    key = created.stdout.strip()
    assert created.returncode == 0
    assert key.startswith("upk_")
    assert key not in created.stderr
    assert ask(house, f"Bearer {key}", address).json()["actor"] == "system:cli"

    listed = house.upheld("key", "list", "--json")
    (shown,) = (one for one in json.loads(listed.stdout) if one["prefix"] == key[4:12])
    lasts = datetime.fromisoformat(shown["expires_at"]) - datetime.fromisoformat(shown["created_at"])
    assert (shown["actor"], shown["label"], round(lasts / timedelta(days=1))) == ("system:cli", "By hand", 90)
    assert key.rpartition("_")[2] not in listed.stdout + house.upheld("key", "list").stdout

    revoked = house.upheld("key", "revoke", key)
    assert (revoked.returncode, revoked.stdout) == (0, f"{key[4:12]} is revoked\n"), "the secret is not said again"
    refused(ask(house, f"Bearer {key}", address), 401, "unauthenticated")
    again = house.upheld("key", "revoke", key[4:12])
    assert (again.returncode, again.stderr.splitlines()[-1]) == (
        1,
        f"upheld: there is no key '{key[4:12]}', or it was revoked: see upheld key list",
    )


@pytest.mark.parametrize("options", [("--role", "boss"), ("--role", "system", "--expires", "soon"), ("--role", "team")])
def test_an_operator_is_told_in_a_line_what_is_wrong(house: House, options: tuple[str, ...]) -> None:
    answer = house.upheld("key", "create", "--id", "x", *options)

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.splitlines()[-1].startswith("upheld: ")


@pytest.fixture
def embedded() -> Iterator[Path]:
    """A data directory of its own, where PostgreSQL may go: not in pytest's folder, which another session shuts."""
    with tempfile.TemporaryDirectory(prefix="upheld-tests-") as folder:
        yield Path(folder)


def test_the_first_key_is_made_before_anything_is_served_and_is_good_in_the_embedded_database(embedded: Path) -> None:
    settings = {"master_key": MASTER_KEY, "auth": "required"}

    def created(role: str, id: str) -> str:
        made = run("key", "create", "--role", role, "--id", id, folder=embedded, **settings)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    key = created("admin", "root")
    with Serving(embedded, **settings) as serving:

        def asked(key: str) -> httpx.Response:
            headers = {"Authorization": f"Bearer {key}"}
            return httpx.get(f"{serving.url}/v1/me", headers=headers, trust_env=False, timeout=30)

        assert asked(key).json()["actor"] == "admin:root"
        assert asked(created("courier", "li")).json()["actor"] == "courier:li"
        assert run("key", "revoke", key[4:12], folder=embedded, **settings).returncode == 0
        refused(asked(key), 401, "unauthenticated")


def test_a_code_that_was_made_with_a_key_is_void_once_the_key_is_revoked(house: House) -> None:
    root = house.key_of("admin:root")
    made = root.post("/v1/keys", {"actor": "courier:passing"}).json()
    code = house.with_key(made["key"]).post("/v1/people/courier:passing/pairings", None).json()["code"]
    assert root.delete(f"/v1/keys/{made['prefix']}").status_code == 204
    refused(root.client.post("/v1/pairings", json={"code": code}), 422, pointer="/code")
    assert root.get("/v1/people/courier:passing/devices")["items"] == []

"""A phone becomes a keeper's by a code, and nobody's by a word of the office (OWASP ASVS 5.0, V6.5, V6.6)."""

import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.browsing import Browser, code_for
from tests.api.conftest import Serve
from tests.api.serving import BROWSER_KEYS, Api, Serving, refused


@pytest.fixture
def phone(closed: Serving) -> Iterator[Browser]:
    with Browser(closed, {"User-Agent": "Mozilla/5.0 (Linux; Android 14) Chrome/131.0 Mobile Safari/537.36"}) as phone:
        yield phone


def test_a_phone_is_a_keepers_once_it_brings_the_code(wang: Api, phone: Browser) -> None:
    assert phone.me is None
    made = wang.post("/v1/people/courier:li/pairings", None)
    assert made.headers["cache-control"] == "no-store"
    code, expires_at = made.json()["code"], datetime.fromisoformat(made.json()["expires_at"])
    assert re.fullmatch("[2-9A-HJKMNP-TV-Z]{8}", code)
    assert timedelta(minutes=9) < expires_at - wang.now <= timedelta(minutes=10)

    paired = phone.pair(f" {code[:4].lower()}-{code[4:]} ")

    assert (paired["actor"], paired["device"]["name"]) == ("courier:li", "Chrome, Android")
    assert phone.me == "courier:li"
    assert phone.get("/v1/tasks").json()["items"] == []
    [device] = wang.get("/v1/people/courier:li/devices")["items"]
    assert device == paired["device"]


def test_asvs_6_5_1_a_code_is_good_once(wang: Api, phone: Browser, closed: Serving) -> None:
    code = code_for(wang, "courier:bo")
    phone.pair(code)
    with Browser(closed) as other:
        refused(other.post("/v1/pairings", {"code": code}), 422, "invalid", "/code")
        assert other.me is None


def test_asvs_6_5_1_of_two_who_bring_a_code_at_once_one_has_it(wang: Api, closed: Serving, office: Serving) -> None:
    for _ in range(5):
        code, gate, answers = code_for(wang, "courier:xi"), threading.Barrier(4), []

        def bring(serving: Serving, code: str = code, gate: threading.Barrier = gate) -> None:
            with Browser(serving) as phone:
                gate.wait()
                answers.append(phone.post("/v1/pairings", {"code": code}).status_code)  # noqa: B023

        threads = [threading.Thread(target=bring, args=(one,)) for one in (closed, office, closed, office)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [201, 422, 422, 422]


def test_asvs_6_5_5_a_code_is_good_for_ten_minutes(everybody: Api, serving: Serving) -> None:
    early, late = code_for(everybody, "courier:early"), code_for(everybody, "courier:late")
    with Browser(serving) as phone:
        everybody.later(minutes=9, seconds=59)
        phone.pair(early)
        everybody.later(seconds=1)
        refused(phone.post("/v1/pairings", {"code": late}), 422, "invalid", "/code")


def test_a_new_code_voids_the_one_before_and_not_that_of_another(wang: Api, phone: Browser) -> None:
    before, others, after = (code_for(wang, who) for who in ("courier:hu", "courier:mo", "courier:hu"))
    refused(phone.post("/v1/pairings", {"code": before}), 422)
    assert phone.pair(others)["actor"] == "courier:mo"
    assert phone.pair(after)["actor"] == "courier:hu"


def test_asvs_6_6_3_whoever_guesses_from_one_address_waits(wang: Api, closed: Serving, office: Serving) -> None:
    code = code_for(wang, "courier:guessed")
    with Browser(closed) as guesser:
        for number in range(20):
            refused(guesser.post("/v1/pairings", {"code": f"AAAAAA{number:02}"}), 422)
        answer = guesser.post("/v1/pairings", {"code": code})
        refused(answer, 429, "too_many_attempts")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        guesser.url = office.url
        refused(guesser.post("/v1/pairings", {"code": code}, Origin=office.url), 429)
    with Browser(closed) as keeper:
        assert keeper.pair(code)["actor"] == "courier:guessed"


@pytest.mark.parametrize("code", ["", "x" * 41, None, 7, ["AAAAAAAA"]])
def test_what_cannot_be_a_code_is_refused(phone: Browser, code: object) -> None:
    refused(phone.post("/v1/pairings", {"code": code}), 422, "invalid", "/code")


@pytest.mark.parametrize("code", ["😀" * 8, "0OIL1U0O", "' OR 1=1", "%00"])
def test_what_was_never_a_code_is_refused_like_one_that_was(phone: Browser, code: str) -> None:
    problem = refused(phone.post("/v1/pairings", {"code": code}), 422, "invalid", "/code")
    assert problem["detail"] == "is no code that is good now; ask for a new one"


def test_half_a_character_is_no_code(phone: Browser) -> None:
    half = phone.ask(
        "POST", "/v1/pairings", content=rb'{"code": "\ud83d"}', headers={"Content-Type": "application/json"}
    )
    refused(half, 422)


@pytest.mark.parametrize("actor", ["team:courier", "pilot:li", "li"])
def test_there_is_no_code_for_who_is_not_one_person(wang: Api, actor: str) -> None:
    refused(wang.post(f"/v1/people/{actor}/pairings", None), 422, "invalid")


def test_asvs_6_5_6_a_lost_phone_is_revoked_at_once_in_every_process(
    wang: Api, office: Serving, closed: Serving, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = {**office.settings, "auth": "required"}
    with Serving(tmp_path_factory.mktemp("second"), **settings) as second, Browser(closed) as phone:
        paired = phone.pair(code_for(wang, "courier:lost"))
        for serving in (closed, second):
            phone.url = serving.url
            assert phone.me == "courier:lost"
        path = f"/v1/people/courier:lost/devices/{paired['device']['id']}"
        assert wang.delete(path).status_code == 204
        for serving in (second, closed):
            phone.url = serving.url
            refused(phone.get("/v1/tasks"), 401, "unauthenticated")
        refused(wang.delete(path), 404, "not_found")
        assert wang.get("/v1/people/courier:lost/devices")["items"] == []


def test_a_device_is_revoked_by_its_owners_path_alone(wang: Api, phone: Browser) -> None:
    paired = phone.pair(code_for(wang, "courier:own"))
    refused(wang.delete(f"/v1/people/courier:other/devices/{paired['device']['id']}"), 404)
    refused(wang.delete("/v1/people/courier:own/devices/nonsense"), 404)
    assert phone.me == "courier:own"


@pytest.mark.parametrize("path", ["/v1/tasks/stream?recipient=courier:hears"])
def test_the_streams_of_a_revoked_phone_end(
    wang: Api, office: Serving, closed: Serving, phone: Browser, path: str
) -> None:
    paired = phone.pair(code_for(wang, "courier:hears"))
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in phone.cookies.items())}
    with httpx.stream("GET", closed.url + path, headers=cookie, trust_env=False, timeout=10) as stream:
        pieces = stream.iter_bytes()
        assert next(pieces)
        assert wang.delete(f"/v1/people/courier:hears/devices/{paired['device']['id']}").status_code == 204
        assert list(pieces) == []
    refused(phone.get(path), 401)


def test_whoever_is_forgotten_is_signed_in_nowhere_and_by_no_code(wang: Api, phone: Browser) -> None:
    """ASVS 5.0, 7.4.2."""
    wang.put("/v1/people/courier:gone", {"name": "Gone"})
    phone.pair(code_for(wang, "courier:gone"))
    code = code_for(wang, "courier:gone")
    assert wang.delete("/v1/people/courier:gone").status_code == 204
    assert phone.me is None
    refused(phone.post("/v1/pairings", {"code": code}), 422)


def test_whoever_has_a_lost_phone_gets_no_other_one_by_a_code_that_he_made_with_it(wang: Api, phone: Browser) -> None:
    paired = phone.pair(code_for(wang, "courier:robbed"))
    code = code_for(wang, "courier:robbed")
    assert wang.delete(f"/v1/people/courier:robbed/devices/{paired['device']['id']}").status_code == 204

    refused(phone.post("/v1/pairings", {"code": code}), 422)


def test_whoever_stands_in_no_book_is_signed_out_all_the_same(wang: Api, phone: Browser) -> None:
    phone.pair(code_for(wang, "courier:nobody"))
    refused(wang.delete("/v1/people/courier:nobody"), 404, "not_found")

    assert phone.me is None


def test_in_open_mode_a_code_says_who_one_is(wang: Api, office: Serving) -> None:
    with Browser(office) as phone:
        assert phone.pair(code_for(wang, "courier:open"))["actor"] == "courier:open"


def test_asvs_6_3_1_whoever_guesses_from_everywhere_waits_and_nobody_for_more_than_a_minute(serve: Serve) -> None:
    serving = serve().wait()
    code = code_for(serving.by("supervisor:wang"), "courier:li")
    statuses = []
    with Browser(serving) as guesser:
        for number in range(301):
            address = f"203.0.{number // 200}.{number % 200 + 1}"
            answer = guesser.post("/v1/pairings", {"code": "AAAAAAAA"}, **{"X-Forwarded-For": address})
            statuses.append(answer.status_code)
    assert statuses == [422] * 300 + [429]
    assert int(answer.headers["retry-after"]) <= 60
    with Browser(serving) as keeper:
        refused(keeper.post("/v1/pairings", {"code": code}), 429, "too_many_attempts")


def test_a_lost_phone_is_shown_nothing_by_the_link_that_it_made_and_told_nothing(
    wang: Api, phone: Browser, closed: Serving
) -> None:
    phone.pair(code_for(wang, "courier:lost"))
    link = phone.post("/v1/people/courier:lost/keeper-link").json()["url"]
    browser = {"endpoint": "https://push.example/lost", "keys": BROWSER_KEYS}
    assert phone.post("/v1/people/courier:lost/push-subscriptions", browser).json()["subscriptions"] == 1
    path = urlsplit(link).path
    assert phone.get(path, Cookie=None).status_code == 200

    [device] = wang.get("/v1/people/courier:lost/devices")["items"]
    assert wang.delete(f"/v1/people/courier:lost/devices/{device['id']}").status_code == 204
    assert phone.get(path, Cookie=None).status_code == 404
    phone.pair(code_for(wang, "courier:lost"))
    other = {"endpoint": "https://push.example/found", "keys": BROWSER_KEYS}
    assert phone.post("/v1/people/courier:lost/push-subscriptions", other).json()["subscriptions"] == 1

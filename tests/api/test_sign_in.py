"""Staff sign in by a provider of OpenID Connect: who is let in, and whoever is not (OWASP ASVS 5.0, V10, V3, V7)."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from store.embedded import EmbeddedServer
from tests.api.browsing import Browser
from tests.api.provider import CLIENT, SECRET, OpenIdProvider, segment
from tests.api.serving import MASTER_KEY, EmptyDatabase, Serving, refused

LING = {"sub": "b7e1", "preferred_username": "ling", "name": "Ling Wu", "role": "agent", "team": "north"}


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdProvider]:
    with OpenIdProvider() as provider:
        yield provider


@pytest.fixture(scope="module")
def serving(
    running: OpenIdProvider, server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("sign-in")
    config = folder / "upheld.toml"
    config.write_text(
        f'[oidc]\nissuer = "{running.issuer}"\nclient_id = "{CLIENT}"\nclient_secret = "{SECRET}"\n'
        'team_claim = "team"\n'
    )
    settings: dict[str, object] = {"master_key": MASTER_KEY, "config": config, "auth": "required"}
    with EmptyDatabase(server.dsn) as url, Serving(folder, database_url=url, **settings) as serving:
        yield serving


@pytest.fixture
def provider(running: OpenIdProvider) -> OpenIdProvider:
    """The provider, where Ling signs in next."""
    running.reset()
    running.person = dict(LING)
    return running


@pytest.fixture
def browser(serving: Serving, provider: OpenIdProvider) -> Iterator[Browser]:
    with Browser(serving) as browser:
        yield browser


@pytest.fixture
def anew(serving: Serving, provider: OpenIdProvider, tmp_path: Path) -> Iterator[Browser]:
    """A browser at a process that has never asked the provider."""
    with Serving(tmp_path, **serving.settings) as anew, Browser(anew) as browser:
        yield browser


def is_not_let_in(browser: Browser, words: str = "cannot be trusted", status: int = 403) -> None:
    """Nobody is signed in by an attempt, and a page says why."""
    answer = browser.follow("/sign-in")
    assert (answer.status_code, browser.me) == (status, None), answer.text
    assert "Not signed in" in answer.text
    assert words in answer.text
    assert answer.headers["cache-control"] == "no-store"


# -- who is let in ---------------------------------------------------------------------------------------------------


def test_whoever_the_provider_knows_is_signed_in_and_goes_on_to_where_he_wanted(browser: Browser) -> None:
    asked = browser.get("/history?order_id=SO-1")
    assert asked.status_code == 303
    start = browser.get(asked.headers["location"])
    assert "Sign in" in start.text
    assert "/sign-in?return_to=/history%3Forder_id%3DSO-1" in start.text
    assert browser.me is None

    arrived = browser.follow("/sign-in?return_to=/desk%3Forder_id%3DSO-1")

    assert (arrived.status_code, arrived.url.raw_path) == (200, b"/desk?order_id=SO-1")
    assert browser.me == "agent:ling"
    assert "Ling Wu" in arrived.text
    assert "Sign out" in arrived.text


def test_the_book_of_people_learns_of_him_once(browser: Browser, provider: OpenIdProvider) -> None:
    browser.follow("/sign-in")
    ling = browser.get("/v1/people/agent:ling").json()
    assert (ling["name"], ling["team"]) == ("Ling Wu", "team:north")
    provider.person["name"] = "Somebody"

    browser.follow("/sign-in")

    assert browser.get("/v1/people/agent:ling").json()["name"] == "Ling Wu"


def test_tokens_are_signed_in_any_of_three_ways_and_keys_change(anew: Browser, provider: OpenIdProvider) -> None:
    for alg in ("RS256", "ES256", "EdDSA", "RS256"):
        anew.cookies.clear()
        anew.follow("/sign-in")
        assert anew.me == "agent:ling", alg
        provider.rotate(alg)


def test_what_the_provider_tells_only_whoever_asks_counts_too(browser: Browser, provider: OpenIdProvider) -> None:
    del provider.person["role"]
    provider.userinfo = {"sub": "b7e1", "role": ["supervisor"]}
    browser.follow("/sign-in")
    assert browser.me == "supervisor:ling"


def test_what_it_tells_of_somebody_else_does_not(browser: Browser, provider: OpenIdProvider) -> None:
    del provider.person["role"]
    provider.userinfo = {"sub": "another", "role": "supervisor"}
    is_not_let_in(browser, "no role here")


def test_keys_that_nobody_knows_have_the_keys_asked_for_a_few_times_a_minute(
    anew: Browser, provider: OpenIdProvider
) -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "made-up"})
    provider.sign = lambda claims: provider.signed(claims, stranger, "RS256")
    for _ in range(8):
        is_not_let_in(anew)
    assert provider.asked.count("keys") == 1 + 5


# -- who is not ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "twisted",
    [
        {"iss": "https://login.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": None},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
    ],
    ids=json.dumps,
)
def test_asvs_10_5_a_token_for_somebody_else_or_another_time_is_refused(
    browser: Browser, provider: OpenIdProvider, twisted: dict[str, Any]
) -> None:
    """10.5.1 nonce, 10.5.2 sub, 10.5.4 audience; the issuer, and the times with a minute's leeway."""
    provider.twist = lambda claims: {n: v for n, v in (claims | twisted).items() if v is not None}
    is_not_let_in(browser)


def test_a_token_whose_clock_is_half_a_minute_off_is_good(browser: Browser, provider: OpenIdProvider) -> None:
    now = int(time.time())
    provider.twist = lambda claims: claims | {"iat": now + 30, "exp": now - 30, "aud": [CLIENT], "azp": CLIENT}
    browser.follow("/sign-in")
    assert browser.me == "agent:ling"


def unsigned(claims: dict[str, Any], alg: str, signature: str = "") -> str:
    parts = ({"alg": alg, "typ": "JWT", "kid": "first"}, claims)
    return ".".join([*(segment(json.dumps(part).encode()) for part in parts), signature])


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "HS256", "RS256", "", "RS512", "PS256", "ES256K"])
def test_a_token_that_anybody_could_have_made_is_refused(browser: Browser, provider: OpenIdProvider, alg: str) -> None:
    provider.sign = lambda claims: unsigned(claims, alg)
    is_not_let_in(browser)


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(browser: Browser, provider: OpenIdProvider) -> None:
    """ASVS 5.0, 9.1.2 and 9.1.3: the kind of key goes with the algorithm."""
    public = provider.key.as_pem(private=False)

    def signed(claims: dict[str, Any]) -> str:
        key = OctKey.import_key(base64.urlsafe_b64encode(public).decode(), {"kid": str(provider.key.kid)})
        return jwt.encode({"alg": "HS256", "kid": str(provider.key.kid)}, claims, key, algorithms=["HS256"])

    provider.sign = signed
    is_not_let_in(browser)


def test_a_token_signed_by_a_key_that_it_brings_along_is_refused(browser: Browser, provider: OpenIdProvider) -> None:
    own = RSAKey.generate_key(2048, {"kid": "own"})

    def signed(claims: dict[str, Any]) -> str:
        header = {"alg": "RS256", "jwk": own.as_dict(private=False)}
        return jwt.encode(header, claims, own, algorithms=["RS256"])

    provider.sign = signed
    is_not_let_in(browser)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "." * 10])
def test_what_is_no_token_is_refused(browser: Browser, provider: OpenIdProvider, token: str) -> None:
    provider.sign = lambda _: token
    is_not_let_in(browser)


@pytest.mark.parametrize(
    ("person", "words"),
    [
        ({"role": None}, "no role here"),
        ({"role": "pilot"}, "no role here"),
        ({"role": ["system", "team"]}, "no role here"),
        ({"role": ["agent", "supervisor"]}, "several roles"),
        ({"preferred_username": "///"}, "no name"),
        ({"preferred_username": None, "email": None}, "no name"),
    ],
)
def test_whoever_has_no_place_here_is_told_so_and_nothing_is_kept(
    browser: Browser, provider: OpenIdProvider, person: dict[str, Any], words: str
) -> None:
    provider.person |= {"sub": "nobody", "preferred_username": "nobody", **person}
    is_not_let_in(browser, words)
    provider.person = dict(LING)
    browser.follow("/sign-in")
    assert browser.get("/v1/people/agent:nobody").status_code in (403, 404)


def test_asvs_10_5_2_a_name_that_is_given_to_another_makes_him_nobody_else(
    browser: Browser, provider: OpenIdProvider
) -> None:
    browser.follow("/sign-in")
    browser.cookies.clear()
    provider.person["sub"] = "another"
    is_not_let_in(browser, "somebody else who has been here before")

    provider.person = {**LING, "preferred_username": "ling-wu", "role": "supervisor"}
    browser.follow("/sign-in")
    assert browser.me == "supervisor:ling", "another name and another role at the provider are the same person here"


# -- attempts that are not this browser's ---------------------------------------------------------------------------


def test_asvs_10_1_2_an_attempt_is_ended_by_the_browser_that_began_it(browser: Browser, serving: Serving) -> None:
    there = browser.get("/sign-in").headers["location"]
    back = httpx.get(there, trust_env=False, timeout=30).headers["location"]
    with Browser(serving) as victim:
        assert victim.get(back).status_code == 403
        victim.get("/sign-in")
        assert victim.get(back).status_code == 403, "the state is that of another attempt"
        assert victim.me is None
    assert browser.get(back).status_code == 303
    assert browser.me == "agent:ling"


def test_an_attempt_ends_once(browser: Browser, provider: OpenIdProvider) -> None:
    back = httpx.get(browser.get("/sign-in").headers["location"], trust_env=False, timeout=30).headers["location"]
    flow = dict(browser.cookies)
    assert browser.get(back).status_code == 303
    assert "upheld-sign-in" not in browser.cookies
    browser.cookies = flow
    assert browser.get(back).status_code == 403, "the provider takes a code once"
    assert browser.me is None


@pytest.mark.parametrize("place", [10, 70, -2])
def test_an_attempt_that_was_tampered_with_is_none(browser: Browser, place: int) -> None:
    back = httpx.get(browser.get("/sign-in").headers["location"], trust_env=False, timeout=30).headers["location"]
    kept = browser.cookies["upheld-sign-in"]
    browser.cookies["upheld-sign-in"] = kept[:place] + ("A" if kept[place] != "A" else "B") + kept[place + 1 :]
    assert browser.get(back).status_code == 403
    assert browser.me is None


@pytest.mark.parametrize("answer", [{"iss": "https://login.example"}, {"iss": ""}])
def test_asvs_10_2_2_an_answer_of_another_provider_is_refused_before_its_code_is_sent_anywhere(
    browser: Browser, provider: OpenIdProvider, answer: dict[str, str]
) -> None:
    provider.answer = answer
    is_not_let_in(browser)
    assert "token" not in provider.asked


def test_whoever_says_no_there_is_told_so(browser: Browser, provider: OpenIdProvider) -> None:
    provider.answer = {"error": "access_denied", "code": ""}
    is_not_let_in(browser, "not let in there")


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "javascript:alert(1)",
        "/\t/evil",
        "x",
        "",
    ],
)
def test_asvs_3_7_2_nobody_is_led_elsewhere(browser: Browser, wanted: str) -> None:
    there = browser.ask("GET", "/sign-in", params={"return_to": wanted}).headers["location"]
    back = httpx.get(there, trust_env=False, timeout=30).headers["location"]
    assert browser.get(back).headers["location"] == "/"


def test_the_provider_is_asked_as_the_standards_say(browser: Browser, provider: OpenIdProvider) -> None:
    there = urlsplit(browser.get("/sign-in").headers["location"])
    asked = {name: values[0] for name, values in parse_qs(there.query).items()}
    assert asked["scope"] == "openid profile"
    assert asked["redirect_uri"] == f"{browser.url}/sign-in/callback"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert all(len(asked[name]) == 43 for name in ("state", "nonce", "code_challenge"))


# -- the provider is not there --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://login.example"}, {"token_endpoint": 7}, {"jwks_uri": "ftp://login.example/keys"}],
    ids=json.dumps,
)
def test_asvs_10_5_3_a_provider_that_is_another_is_none(
    anew: Browser, provider: OpenIdProvider, metadata: dict[str, Any]
) -> None:
    provider.metadata = metadata
    answer = anew.get("/sign-in")
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text
    assert int(answer.headers["retry-after"]) >= 1


def test_a_provider_that_is_down_is_told_of_with_when_to_try_again(
    serving: Serving, tmp_path: Path, provider: OpenIdProvider
) -> None:
    config = tmp_path / "upheld.toml"
    config.write_text('[oidc]\nissuer = "http://127.0.0.1:9/realm"\nclient_id = "upheld"\nclient_secret = "s"\n')
    with Serving(tmp_path, **{**serving.settings, "config": config}) as cut_off, Browser(cut_off) as browser:
        answer = browser.get("/sign-in", **{"Accept-Language": "bg"})
        assert answer.status_code == 503
        assert "Услугата, чрез която влизате, в момента е недостъпна." in answer.text
        assert int(answer.headers["retry-after"]) >= 1
        assert '"why":"unavailable"' in cut_off.logged


def test_a_provider_that_fails_in_the_middle_is_told_of(browser: Browser, provider: OpenIdProvider) -> None:
    def fail(_: dict[str, Any]) -> str:
        raise RuntimeError("the provider's own fault")

    provider.sign = fail
    is_not_let_in(browser, "cannot be reached", 503)


# -- sessions -------------------------------------------------------------------------------------------------------


def test_signing_out_ends_the_session_here_and_leads_to_the_provider(
    browser: Browser, provider: OpenIdProvider
) -> None:
    """ASVS 5.0, 7.4.1 and 7.4.4."""
    browser.follow("/sign-in")
    stolen = dict(browser.cookies)
    page = browser.get("/desk")
    assert page.headers["cache-control"] == "no-store"
    assert f"form-action 'self' {provider.issuer.removesuffix('/realm')};" in page.headers["content-security-policy"]

    left = browser.ask("POST", "/sign-out", data={})

    there = urlsplit(left.headers["location"])
    asked = parse_qs(there.query)
    assert left.status_code == 303
    assert left.headers["location"].startswith(f"{provider.issuer}/logout?")
    assert asked["client_id"] == [CLIENT]
    assert asked["post_logout_redirect_uri"] == [f"{browser.url}/"]
    assert asked["id_token_hint"][0].count(".") == 2
    assert browser.cookies == {}
    browser.cookies = stolen
    assert browser.me is None


def test_asvs_7_2_4_whoever_signs_in_again_has_a_new_token_and_the_old_one_is_dead(browser: Browser) -> None:
    browser.follow("/sign-in")
    before = dict(browser.cookies)
    browser.follow("/sign-in")
    assert browser.cookies["upheld"] != before["upheld"]
    browser.cookies = before
    assert browser.me is None


def test_a_page_of_another_site_cannot_sign_anybody_out(browser: Browser) -> None:
    browser.follow("/sign-in")
    refused(browser.ask("POST", "/sign-out", data={}, headers={"Sec-Fetch-Site": "cross-site"}), 403, "forbidden")
    assert browser.me == "agent:ling"

"""What a session is held to: how its cookie is set, what proves a command, how it ends (OWASP ASVS 5.0, V3, V7)."""

from collections.abc import Iterator

import pytest

from tests.api.browsing import Browser, code_for
from tests.api.serving import Api, Serving, refused

TLS = {"X-Forwarded-Proto": "https"}


@pytest.fixture
def ling(wang: Api, closed: Serving) -> Iterator[Browser]:
    """An agent, signed in."""
    with Browser(closed) as browser:
        browser.pair(code_for(wang, "agent:ling"))
        yield browser


PROMISE = {
    "customer_id": "CU-7",
    "kind": "redelivery",
    "promise": "By noon",
    "due": {"within": {"amount": 2, "unit": "days"}},
}


# -- the cookie ------------------------------------------------------------------------------------------------------


def test_asvs_3_3_the_cookie_is_for_this_host_for_tls_and_out_of_reach_of_scripts(wang: Api, closed: Serving) -> None:
    """3.3.1 Secure, 3.3.2 SameSite, 3.3.3 __Host-, 3.3.4 HttpOnly; 7.2.3: 256 random bits."""
    with Browser(closed, TLS) as browser:
        browser.pair(code_for(wang, "courier:li"))
        [cookie] = browser.set_cookies
    name, _, rest = cookie.partition("=")
    value, *attributes = rest.split("; ")
    assert name == "__Host-upheld"
    assert len(value) == 43
    assert {*attributes} == {"Path=/", "HttpOnly", "Secure", "SameSite=Lax", f"Max-Age={180 * 24 * 3600}"}


def test_on_this_machine_without_tls_it_is_one_that_every_browser_and_program_sends(ling: Browser) -> None:
    assert list(ling.cookies) == ["upheld"]


@pytest.mark.parametrize("host", ["promises.example", "127.0.0.1.promises.example"])
def test_whoever_comes_by_another_name_has_the_cookie_for_tls_whatever_it_looks_like(
    wang: Api, closed: Serving, host: str
) -> None:
    with Browser(closed, {"Host": host, "Origin": f"http://{host}"}) as browser:
        browser.pair(code_for(wang, "courier:li"))
        assert list(browser.cookies) == ["__Host-upheld"]
        browser.cookies = {"upheld": browser.cookies["__Host-upheld"]}
        assert browser.me is None, "without its prefix it may be another host's"


def test_asvs_3_4_1_whoever_came_by_tls_comes_by_nothing_else(closed: Serving) -> None:
    with Browser(closed, TLS) as browser:
        for path in ("/", "/livez", "/v1/me", "/nothing"):
            assert browser.get(path).headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    with Browser(closed) as browser:
        assert "strict-transport-security" not in browser.get("/").headers


def test_nothing_of_who_is_signed_in_stays_behind_in_the_browser(ling: Browser) -> None:
    for path in ("/", "/desk", "/v1/me", "/v1/commitments", "/v1/people/agent:ling/devices"):
        assert ling.get(path).headers["cache-control"] == "no-store", path
    assert ling.get("/v1/tasks").headers["cache-control"] == "private, no-cache", "a phone asks whether it has changed"


def test_nothing_of_a_session_is_logged_or_said(ling: Browser, closed: Serving) -> None:
    token = ling.cookies["upheld"]
    refused(ling.post("/v1/commitments", {}), 422)
    ling.get(f"/v1/nothing?token={token}")
    assert token not in closed.logged
    listed = ling.get("/v1/people/agent:ling/sessions")
    assert listed.json()["items"]
    assert token not in listed.text


# -- what proves a command --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": None, "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": None, "Origin": "null"},
        {"Sec-Fetch-Site": None, "Origin": None},
    ],
    ids=str,
)
def test_asvs_3_5_1_a_command_by_cookie_is_proved_to_come_from_a_page_of_ours(
    ling: Browser, headers: dict[str, str | None]
) -> None:
    for path in ("/v1/commitments", "/sign-out", "/desk"):
        refused(ling.post(path, PROMISE, **headers), 403, "forbidden")
    assert ling.get("/v1/commitments", **headers).status_code == 200, "a link from elsewhere is followed"


def test_a_cookie_that_is_good_no_more_does_not_hide_one_that_is(ling: Browser) -> None:
    """As in a frame on the same site, where the window has signed out since."""
    ling.cookies = {"upheld": "signed-out-long-ago", "__Host-upheld-embed": ling.cookies["upheld"]}
    assert ling.me == "agent:ling"


def test_either_proof_will_do(ling: Browser) -> None:
    for headers in ({"Origin": None}, {"Sec-Fetch-Site": None}):
        assert ling.post("/v1/commitments", PROMISE, **headers).status_code == 201


def test_who_one_says_one_is_counts_for_nothing(ling: Browser, closed: Serving) -> None:
    assert ling.get("/v1/me", **{"X-Actor": "supervisor:wang"}).json()["actor"] == "agent:ling"
    with Browser(closed) as stranger:
        refused(stranger.get("/v1/flags", **{"X-Actor": "admin:root"}), 401, "unauthenticated")
        stranger.cookies = {"upheld": "made-up", "upheld_actor": "admin:root"}
        refused(stranger.get("/v1/flags"), 401, "unauthenticated")
        stranger.cookies = {"upheld": "x" * 4000}
        refused(stranger.get("/v1/flags"), 401, "unauthenticated")


def test_a_browser_that_is_anothers_by_now_takes_nothing_that_was_meant_for_one(ling: Browser) -> None:
    refused(ling.get("/v1/me", **{"Upheld-Expect-Actor": "courier:li"}), 401, "unauthenticated")
    assert ling.get("/v1/me", **{"Upheld-Expect-Actor": "agent:ling"}).status_code == 200


# -- signing in and out -----------------------------------------------------------------------------------------------


def test_asvs_7_2_4_to_sign_in_again_is_a_new_token_and_ends_the_one_before(ling: Browser, wang: Api) -> None:
    before = dict(ling.cookies)
    ling.pair(code_for(wang, "agent:ling"))
    assert ling.me == "agent:ling"
    ling.cookies = before
    assert ling.me is None


def test_asvs_7_4_1_to_sign_out_ends_it_for_whoever_has_the_cookie(ling: Browser) -> None:
    stolen = dict(ling.cookies)
    assert ling.post("/sign-out", Accept="application/json").status_code == 204
    assert ling.cookies == {}
    ling.cookies = stolen
    assert ling.me is None
    assert ling.get("/desk").headers["location"] == "/?return_to=%2Fdesk"


def test_asvs_7_4_5_somebody_is_signed_out_everywhere_by_who_may(ling: Browser, wang: Api, closed: Serving) -> None:
    code = code_for(wang, "agent:ling")
    assert len(wang.get("/v1/people/agent:ling/sessions")["items"]) >= 1
    assert wang.delete("/v1/people/agent:ling/sessions").status_code == 204
    assert ling.me is None
    assert wang.get("/v1/people/agent:ling/sessions")["items"] == []
    refused(ling.post("/v1/pairings", {"code": code}), 422)


def test_asvs_7_5_2_one_of_ones_own_sessions_is_ended(ling: Browser, wang: Api, closed: Serving) -> None:
    with Browser(closed) as other:
        other.pair(code_for(wang, "agent:ling"))
        newest, *_ = ling.get("/v1/people/agent:ling/sessions").json()["items"]
        ended = ling.ask("DELETE", f"/v1/people/agent:ling/sessions/{newest['id']}")
        assert ended.status_code == 204
        assert (other.me, ling.me) == (None, "agent:ling")


@pytest.mark.parametrize("actor", ["admin:root", "system:oms"])
def test_nobody_becomes_an_administrator_or_a_system_by_a_code_that_he_makes(ling: Browser, actor: str) -> None:
    refused(ling.post(f"/v1/people/{actor}/pairings"), 403, "forbidden")
    refused(ling.get(f"/v1/people/{actor}/devices"), 403, "forbidden")
    refused(ling.ask("DELETE", f"/v1/people/{actor}/sessions"), 403, "forbidden")


def test_nobody_else_says_who_an_administrator_is_or_signs_him_out(ling: Browser, wang: Api, closed: Serving) -> None:
    with Browser(closed) as supervisor:
        supervisor.pair(code_for(wang, "supervisor:lin"))
        known = {"name": "R", "channels": ["json://example.com/elsewhere"]}
        refused(supervisor.ask("PUT", "/v1/people/admin:root", json=known), 403, "forbidden")
        refused(supervisor.ask("DELETE", "/v1/people/admin:root"), 403, "forbidden")
        refused(supervisor.post("/v1/people/admin:root/keeper-link"), 403, "forbidden")

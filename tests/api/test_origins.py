"""Open mode on a machine with a browser: pages of others can neither ask nor command, by whatever name they come."""

import httpx
import pytest

from tests.api.serving import Serving, refused

AGENT = {"X-Actor": "agent:ling"}


def asked(serving: Serving, method: str = "GET", path: str = "/v1/flags", **headers: str) -> httpx.Response:
    return httpx.request(method, serving.url + path, headers={**AGENT, **headers}, trust_env=False, timeout=30)


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_whoever_names_this_machine_is_answered(serving: Serving, name: str) -> None:
    assert asked(serving, Host=f"{name}:{serving.port}").status_code == 200
    assert asked(serving, Host=name).status_code == 200


@pytest.mark.parametrize(
    "name", ["rebound.example", "127.0.0.1.rebound.example", "192.0.2.7", "0.0.0.0", "localhost.", "a b", "[::1", "@"]
)
@pytest.mark.parametrize("path", ["/v1/flags", "/", "/courier", "/livez", "/nothing"])
def test_whoever_is_led_here_by_another_name_is_not(serving: Serving, name: str, path: str) -> None:
    answer = asked(serving, path=path, Host=f"{name}:{serving.port}")
    refused(answer, 421, "misdirected")


def test_where_people_reach_it_is_a_name_of_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    public = "https://promises.example:8443/upheld"
    with Serving(tmp_path_factory.mktemp("public"), public_url=public) as serving:
        assert asked(serving, Host="promises.example:8443").status_code == 200
        assert asked(serving, Host="Promises.Example:8443").status_code == 200
        refused(asked(serving, Host="promises.example"), 421, "misdirected")


@pytest.mark.parametrize("path", ["/v1/commitments", "/desk", "/c/x", "/k/x", "/v1/people/courier:li/keeper-link"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://rebound.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_a_page_of_another_site_commands_nothing(serving: Serving, path: str, headers: dict[str, str]) -> None:
    refused(asked(serving, "POST", path, **headers), 403, "forbidden")


def test_a_page_of_ours_and_a_program_do(serving: Serving) -> None:
    own = {"Sec-Fetch-Site": "same-origin", "Origin": serving.url}
    for headers in (own, {"Origin": serving.url}, {"Sec-Fetch-Site": "none"}, {}):
        assert asked(serving, "POST", "/v1/commitments", **headers).status_code == 422
    assert asked(serving, **{"Sec-Fetch-Site": "cross-site"}).status_code == 200, "a link from elsewhere is followed"

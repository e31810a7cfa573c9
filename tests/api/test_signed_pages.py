"""The pages where people sign in: nothing for strangers, and for everybody what the table says, in words."""

import itertools
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from api.pages import ROUTERS
from store.embedded import EmbeddedServer
from tests.api.serving import Api, EmptyDatabase, refused
from tests.api.signed import House

ROLES = ("agent:ling", "courier:li", "supervisor:wang", "auditor:chen", "system:oms", "admin:root")
PAGES = sorted(
    {(method, route.path) for router in ROUTERS for route in router.routes for method in route.methods - {"HEAD"}}
)
SIGNING_IN = {"/sign-in", "/sign-in/callback", "/sign-in/frame", "/sign-out"}
FOR_STRANGERS = {"/", "/language", "/courier", "/courier/", *SIGNING_IN}
STREAMS = {"/board/stream", "/desk/stream"}


class Promised:
    """A promise of somebody's that is overdue, and so in danger."""

    def __init__(self, house: House, maker: str, words: str) -> None:
        self.oms = house.key_of("system:oms", on_behalf_of=maker)
        due, order = {"at": self.oms.at(hours=-1)}, f"SO-{words.replace(' ', '-')}"
        made = self.oms.promise(promise=words, order_id=order, made_at=self.oms.at(hours=-3), due=due)
        self.id, self.words = str(made["id"]), words


@pytest.fixture(scope="module")
def house(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with EmptyDatabase(server.dsn) as url, House(tmp_path_factory.mktemp("house"), url) as house:
        yield house


@pytest.fixture(scope="module")
def own(house: House) -> Promised:
    return Promised(house, "agent:ling", "The cable comes along")


@pytest.fixture(scope="module")
def other(house: House, own: Promised) -> Promised:
    """What an agent of another team promised."""
    promised = Promised(house, "agent:eve", "The money is back")
    # Whoever reads from now on reads both.
    supervisor = house.key_of("supervisor:wang")
    supervisor._seen[0] = supervisor.end_of_the_log()
    assert supervisor.get("/v1/flags")["total"] == 2
    return promised


def opened(api: Api, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    return api.client.request(method, path, headers={**api._headers, **headers}, follow_redirects=False)


def nobody(house: House, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Who has neither a key nor a session, whatever else he says."""
    cookies = {"Cookie": "upheld_actor=admin:root", "X-Actor": "admin:root"}
    return httpx.request(method, house.url + path, headers={**cookies, **headers}, trust_env=False, timeout=30)


def shown(answer: httpx.Response, status: int = 200) -> str:
    """The text of a page."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html"), answer.headers
    return answer.text


def at(path: str, id: str) -> str:
    for name, value in {"{id}": id, "{what}": "withdrawal"}.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize(("method", "path"), [page for page in PAGES if page[1] not in FOR_STRANGERS])
def test_whoever_has_not_signed_in_is_sent_to_the_start_and_led_back_from_there(
    house: House, other: Promised, method: str, path: str
) -> None:
    target = at(path, other.id)
    answer = nobody(house, f"{target}?a=1", method)

    assert (answer.status_code, answer.headers["location"]) == (303, f"/?return_to={quote(target + '?a=1', safe='')}")
    assert other.words not in answer.text
    part = nobody(house, target, method, **{"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (204, f"/?return_to={quote(target, safe='')}")


def test_the_start_shows_strangers_nothing_of_anybody(house: House, other: Promised) -> None:
    page = shown(nobody(house, "/"))

    assert other.words not in page
    assert "agent:" not in page
    assert "admin" not in page


def test_a_key_that_is_not_good_opens_no_page(house: House, other: Promised) -> None:
    api = house.with_key("upk_" + "a" * 8 + "_" + "b" * 52)
    answer = opened(api, "/board")

    assert answer.status_code in (303, 401)
    assert other.words not in answer.text


@pytest.mark.parametrize("actor", ROLES)
def test_every_page_answers_everybody_with_a_page_and_never_with_a_fault(
    house: House, other: Promised, actor: str
) -> None:
    api = house.key_of(actor)
    for method, path in PAGES:
        if path in STREAMS:
            continue
        for headers in ({}, {"HX-Request": "true"}):
            answer = opened(api, at(path, other.id), method, **headers)
            assert answer.status_code < 500, (method, path, answer.text)
            if answer.status_code == 403:
                assert answer.headers["content-type"].startswith("text/html"), (method, path, answer.text)
    assert "unexpected" not in {line["event"] for line in house.lines("unexpected")}


def test_an_agent_sees_his_own_on_the_start_and_on_the_board(house: House, own: Promised, other: Promised) -> None:
    for path in ("/", "/board", "/board/list"):
        page = shown(opened(house.key_of("agent:ling"), path))
        assert own.words in page, path
        assert other.words not in page, path
    page = shown(opened(house.key_of("supervisor:wang"), "/board"))
    assert own.words in page
    assert other.words in page


def test_a_keeper_is_told_in_words_that_the_board_is_not_for_him(house: House, other: Promised) -> None:
    courier = house.key_of("courier:li")
    for path in ("/board", "/board/list", "/board/scorecard", "/history", f"/desk/promises/{other.id}"):
        page = shown(opened(courier, path), 403)
        assert "This is not for you to see" in page
        assert other.words not in page
    in_chinese = shown(opened(courier, "/board", **{"Accept-Language": "zh-CN"}), 403)
    assert "您无权查看" in in_chinese
    assert other.words not in shown(opened(courier, "/"))
    for stream in ("/board/stream", f"/desk/stream?about={other.id}"):
        shown(opened(courier, stream), 403)


def test_what_a_page_was_refused_is_logged_once(house: House, other: Promised) -> None:
    before = len(house.lines("forbidden"))
    shown(opened(house.key_of("auditor:chen"), "/board/amend"), 200)
    shown(opened(house.key_of("courier:li"), "/board"), 403)

    assert [(line["who"], line["what"]) for line in house.lines("forbidden")[before:]] == [
        ("courier:li", "GET /v1/flags")
    ]


def test_the_desk_shows_a_colleagues_promise_and_says_why_it_cannot_be_taken_back(
    house: House, other: Promised
) -> None:
    ling = house.key_of("agent:ling")
    assert other.words in shown(opened(ling, f"/desk/promises/{other.id}"))
    form = {"reason": "no", "cause": "agreed", "key": "k1"}
    answer = ling.client.post(f"/desk/promises/{other.id}/withdrawal", data=form, headers=ling._headers)

    assert "only who made this promise, or somebody of his team, may change it" in shown(answer, 422)
    assert house.key_of("supervisor:wang").commitment(other.id)["status"] == "broken"


def test_a_step_on_the_board_that_is_not_for_somebody_says_so(house: House, own: Promised) -> None:
    ling = house.key_of("agent:ling")
    form = {"do": "taken", "key": "k2"}
    answer = ling.client.post(f"/board/flags/{own.id}", data=form, headers=ling._headers)

    assert "Not recorded: you may not do this." in shown(answer, 422)


def test_nobody_chooses_who_he_is(house: House) -> None:
    form = {"actor": "admin:root", "next": "/board"}
    answer = httpx.post(f"{house.url}/who", data=form, trust_env=False, timeout=30)
    assert (answer.status_code, "set-cookie" in answer.headers) == (303, False)
    ling = house.key_of("agent:ling")
    assert "set-cookie" not in ling.client.post("/who", data=form, headers=ling._headers).headers
    refused(httpx.get(f"{house.url}/v1/keepers", trust_env=False, timeout=30), 401, "unauthenticated")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/courier"])
def test_what_is_not_about_anybody_is_answered_to_everybody(house: House, path: str) -> None:
    assert nobody(house, path).status_code == 200


def test_links_open_what_they_are_for_without_a_key(house: House, own: Promised) -> None:
    supervisor = house.key_of("supervisor:wang")
    links = [
        supervisor.post(f"/v1/commitments/{own.id}/customer-link", None).json()["url"],
        supervisor.post("/v1/people/courier:li/keeper-link", None).json()["url"],
    ]
    for path in (link.partition("//")[2].partition("/")[2] for link in links):
        assert nobody(house, f"/{path}").status_code == 200


def test_pages_and_roles_are_all_tried() -> None:
    assert len(PAGES) > 30
    assert len(list(itertools.product(PAGES, ROLES))) > 180

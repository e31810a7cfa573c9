"""`[privacy] person_scorecards = false`: no figures of single persons, nor of so few promises that they tell of one."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from store.embedded import EmbeddedServer
from tests.api.serving import Api, EmptyDatabase, refused
from tests.api.signed import House

CONFIG = """
[privacy]
person_scorecards = false
[evidence]
photos = true
"""


@pytest.fixture(scope="module")
def house(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Ling made six promises and Eve two; couriers Li and Han, and the team of finance, have to keep them."""
    folder = tmp_path_factory.mktemp("house")
    config = folder / "upheld.toml"
    config.write_text(CONFIG)
    with EmptyDatabase(server.dsn) as url, House(folder, url, config=config) as house:
        for maker, kind, many in (
            ("agent:ling", "redelivery", 5),
            ("agent:eve", "refund", 2),
            ("agent:ling", "refund", 4),
        ):
            api = house.key_of("system:oms", on_behalf_of=maker)
            for _ in range(many):
                id = api.promise(kind)["id"]
                if kind == "redelivery":
                    body = {"role": "courier", "recipient": "courier:li"}
                    assert house.key_of("system:oms").put(f"/v1/commitments/{id}/assignment", body).status_code == 200
        yield house


@pytest.fixture
def supervisor(house: House) -> Api:
    api = house.key_of("supervisor:wang")
    api.end_of_the_log()
    return api


def test_figures_of_single_persons_are_shown_to_nobody(supervisor: Api, house: House) -> None:
    for actor in ("supervisor:wang", "auditor:chen", "admin:root"):
        api = house.key_of(actor)
        api.end_of_the_log()
        for group_by in ("made_by", "recipient"):
            problem = refused(api.request("GET", "/v1/scorecard", group_by=group_by), 403, "forbidden")
            assert "single persons" in problem["detail"]


def test_large_groups_are_shown(supervisor: Api) -> None:
    for group_by, made in (("kind", [5, 6]), ("role", [5, 6]), ("day", [11]), (None, [11])):
        groups = supervisor.get("/v1/scorecard", group_by=group_by)["items"]
        assert sorted(group["made"] for group in groups) == made, group_by


def test_a_group_of_a_team_is_none_of_a_person(supervisor: Api) -> None:
    at = supervisor.get("/v1/history", type="CommitmentMade", limit=500)["items"]
    refunds = [item["occurred_at"] for item in at if item["data"]["kind"] == "refund"]
    (group,) = supervisor.get("/v1/scorecard", group_by="recipient", from_=refunds[0])["items"]

    assert (group["group"], group["made"]) == ("team:finance", 6)


def test_a_group_of_fewer_than_five_is_shown_to_nobody_and_an_empty_time_is(supervisor: Api) -> None:
    at = supervisor.get("/v1/history", type="CommitmentMade", limit=500)["items"]
    last_four = at[-4]["occurred_at"]
    for group_by in (None, "kind", "day", "depot"):
        problem = refused(supervisor.request("GET", "/v1/scorecard", group_by=group_by, from_=last_four), 403)
        assert "fewer than 5" in problem["detail"]

    assert supervisor.get("/v1/scorecard", to="2020-01-01T00:00:00Z")["items"][0]["made"] == 0


def test_everybody_may_look_at_himself(house: House) -> None:
    for maker, made in (("agent:ling", 9), ("agent:eve", 2)):
        api = house.key_of(maker)
        api.end_of_the_log()
        (group,) = api.get("/v1/scorecard", group_by="made_by")["items"]
        assert (group["group"], group["made"]) == (maker, made)
        assert sum(one["made"] for one in api.get("/v1/scorecard", group_by="recipient")["items"]) == made


def test_the_page_says_why_it_shows_no_figures(house: House) -> None:
    supervisor = house.key_of("supervisor:wang")
    page = supervisor.client.get("/board/scorecard?group_by=made_by", headers=supervisor._headers)

    assert page.status_code == 403
    assert page.headers["content-type"].startswith("text/html")
    assert "single persons" in page.text


def picture() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (4, 4)).save(written, "JPEG")
    return written.getvalue()


def test_a_photo_is_seen_by_who_took_it_and_by_the_office_and_by_no_other_keeper(house: House) -> None:
    photo, li, auditor = picture(), house.key_of("courier:li"), house.key_of("auditor:chen")
    taken = li.client.post("/v1/evidence", files={"photo": photo}, headers=li._headers)
    assert taken.status_code == 201, taken.text
    path = taken.headers["location"]

    for actor in ("courier:li", "agent:ling", "supervisor:wang", "auditor:chen", "system:oms"):
        assert house.key_of(actor).request("GET", path).status_code == 200, actor
    refused(house.key_of("courier:han").request("GET", path), 403, "forbidden")
    refused(auditor.client.post("/v1/evidence", files={"photo": photo}, headers=auditor._headers), 403, "forbidden")


def test_a_keeper_names_photos_of_his_own_as_evidence_and_no_other_keepers(house: House) -> None:
    by_han = house.key_of("courier:han")
    taken = by_han.client.post("/v1/evidence", files={"photo": picture()}, headers=by_han._headers).json()["id"]
    oms, li = house.key_of("system:oms", on_behalf_of="agent:ling"), house.key_of("courier:li")
    id = oms.promise("redelivery")["id"]
    body = {"role": "courier", "recipient": "courier:li"}
    assert house.key_of("system:oms").put(f"/v1/commitments/{id}/assignment", body).status_code == 200

    for command, more in (("fulfilment", {}), ("attempts", {"outcome": "no_access"})):
        problem = refused(li.post(f"/v1/commitments/{id}/{command}", more | {"evidence": [taken]}), 422, "invalid")
        assert problem["errors"] == [{"pointer": "/evidence/0", "detail": "is no evidence that was added"}]
    own = oms.promise("callback")["id"]
    refused(
        house.key_of("agent:ling").post(f"/v1/commitments/{own}/attempts", {"outcome": "other", "evidence": [taken]}),
        422,
    )
    office = house.key_of("supervisor:wang")
    assert office.post(f"/v1/commitments/{id}/fulfilment", {"evidence": [taken]}).status_code == 200

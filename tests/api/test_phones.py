"""What a keeper's phone asks first: who its user is, and whom he can choose to be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.serving import Api, Serving

LI = {"name": "Li Wei", "locale": "zh-CN", "time_zone": "Asia/Urumqi"}


def asked_as(actor: str) -> dict[str, Any]:
    return {"actor": actor, "recipients": [actor, "team:courier"]}


def test_who_is_known_is_shown_as_the_book_of_people_says(courier: Api) -> None:
    courier.put(f"/v1/people/{courier.actor}", LI)

    assert courier.get("/v1/me") == {**asked_as(courier.actor), **LI, "photos": False, "known": True}


def test_of_whom_nothing_is_known_the_zone_is_that_of_the_configuration(courier: Api) -> None:
    nothing = {"name": None, "locale": None, "time_zone": "Asia/Shanghai", "photos": False, "known": False}

    assert courier.get("/v1/me") == {**asked_as(courier.actor), **nothing}


def test_a_system_that_speaks_for_somebody_is_told_of_him(courier: Api) -> None:
    assert courier.by("system:oms", on_behalf_of=courier.actor).get("/v1/me")["actor"] == courier.actor


def test_a_phone_is_told_whether_photos_are_taken(serve: Callable[..., Serving], tmp_path: Path) -> None:
    config = tmp_path / "photos.toml"
    config.write_text("[evidence]\nphotos = true\n")
    with serve(config=config) as serving:
        assert serving.by("courier:li").get("/v1/me")["photos"] is True


@pytest.fixture
def company(serve: Callable[..., Serving]) -> Api:
    """A company of which nothing is known yet."""
    return serve().by("agent:ling")


def keepers(api: Api) -> list[tuple[str, Any, int]]:
    items = api.get("/v1/keepers")["items"]
    assert all(item.keys() == {"actor", "name", "tasks"} for item in items)
    return [(item["actor"], item["name"], item["tasks"]) for item in items]


def test_keepers_are_who_has_something_to_keep_and_who_is_known_to_be_one(company: Api) -> None:
    for actor in ("courier:li", "technician:bo", "agent:ling", "supervisor:wang", "auditor:chen", "team:north"):
        assert company.put(f"/v1/people/{actor}", {**LI, "name": actor.upper()}).status_code == 200
    company.assign("SO-1", "courier:ming")
    kept = company.promise(order_id="SO-1")["id"]
    company.assign("SO-2", "courier:li")
    company.assign("SO-2", "courier:li", role="warehouse")
    company.promise("free_item", order_id="SO-2")
    company.promise("delivery", order_id="SO-2")
    company.promise("callback")

    assert keepers(company) == [
        ("courier:li", "COURIER:LI", 2),
        ("agent:ling", "AGENT:LING", 1),
        ("courier:ming", None, 1),
        ("technician:bo", "TECHNICIAN:BO", 0),
    ]
    company.command(kept, "fulfilment", {})
    assert "courier:ming" not in [actor for actor, _, _ in keepers(company)]


def test_what_lies_with_a_team_is_counted_for_nobody(company: Api) -> None:
    id = company.promise("refund", order_id="SO-1")["id"]
    assert keepers(company) == []
    company.put("/v1/people/finance:zhao", LI)
    assert keepers(company) == [("finance:zhao", "Li Wei", 0)]
    company.by("finance:wu").receipt(id)
    assert keepers(company) == [("finance:wu", None, 1), ("finance:zhao", "Li Wei", 0)]


def test_there_is_nobody_to_choose_where_nobody_keeps_anything(company: Api) -> None:
    assert keepers(company) == []

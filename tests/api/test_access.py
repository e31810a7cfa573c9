"""Who may do what with `UPHELD_AUTH=required`: each cell of the table of the contract, section 9, tried for real."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from api.access import NARROWED, ROUTES, unplaced
from api.app import create_app
from api.settings import Settings
from domain.access import TABLE, Operation
from store.embedded import EmbeddedServer
from tests.api.serving import Api, EmptyDatabase, refused
from tests.api.signed import House

CONTRACT = """
| make, amend, withdraw, contacts, reopen, customer link and contact | own team's | – | yes | – | yes |
| receipts, fulfilment, attempts | where recipient or member of the team | the same | yes | – | yes, on behalf |
| assignments, routes, bulk, jobs, escalations | `raised` only | – | yes | – | yes |
| read a commitment, an order, tasks | yes | own tasks | yes | yes | yes |
| flags, scorecard | own | – | yes | yes | yes |
| history, export, as_of, verify | own | – | yes | yes | yes |
| people, pairings, keeper links | self | self | yes | – | yes |
| keys, holds and erasure | – | – | – | – | – |
"""
"""The table as the contract has it; its last row is a sentence there: an admin does all of it, and alone these."""

ACTORS = {
    "agent": "agent:ling",
    "keeper": "courier:li",
    "supervisor": "supervisor:wang",
    "auditor": "auditor:chen",
    "system": "system:oms",
    "admin": "admin:root",
}
RELATIONS = ("own", "team", "foreign")
STRANGER, ANOTHER_KEEPER = "agent:eve", "technician:max"

_numbers = itertools.count(1)


def cells() -> dict[str, dict[str, str]]:
    """The words of the contract, by the beginning of the row and by the column."""
    found = {}
    for line in CONTRACT.strip().splitlines():
        row, *said = (part.strip() for part in line.strip("|").split("|"))
        said = [said[number - 1] if words == "the same" else words for number, words in enumerate(said)]
        found[row.partition(",")[0]] = dict(zip(ACTORS, [*said, "yes"], strict=True))
    return found


CELLS = cells()


class Asked(NamedTuple):
    """Somebody sends a request that is about something of his own, of his team, or of a stranger."""

    house: House
    who: str
    relation: str

    @property
    def api(self) -> Api:
        return self.house.key_of(self.who)

    @property
    def oms(self) -> Api:
        return self.house.key_of("system:oms")

    @property
    def supervisor(self) -> Api:
        return self.house.key_of("supervisor:wang")

    @property
    def maker(self) -> str:
        mate = "agent:bo" if self.who == "agent:ling" else STRANGER
        return {"own": self.who, "team": mate, "foreign": STRANGER}[self.relation]

    @property
    def keeper(self) -> str:
        role = self.who.partition(":")[0]
        return {"own": self.who, "team": f"team:{role}", "foreign": ANOTHER_KEEPER}[self.relation]

    def promise(self, **terms: Any) -> str:
        """What the maker of this relation promised."""
        return str(self.house.key_of("system:oms", on_behalf_of=self.maker).promise(**terms)["id"])

    def task(self, **terms: Any) -> str:
        """What the keeper of this relation has to keep."""
        id = str(self.house.key_of("system:oms", on_behalf_of=STRANGER).promise(**terms)["id"])
        body = {"role": "courier", "recipient": self.keeper}
        assert self.oms.put(f"/v1/commitments/{id}/assignment", body).status_code == 200
        return id

    def on(self, id: str, command: str, body: object) -> httpx.Response:
        return self.api.post(f"/v1/commitments/{id}/{command}", body)

    def seen(self, path: str, **asked: Any) -> httpx.Response:
        return self.api.request("GET", path, **asked)


Send = Callable[[Asked], httpx.Response]


def _new(what: str) -> str:
    return f"{what}-{next(_numbers)}"


def _reopen(asked: Asked) -> httpx.Response:
    id = asked.promise()
    asked.supervisor.command(id, "fulfilment", {})
    return asked.on(id, "reopening", {"reason": "disputed"})


def _contact(asked: Asked) -> httpx.Response:
    customer = _new("CU")
    position = asked.house.key_of("system:oms", on_behalf_of=asked.maker)
    position.promise(customer_id=customer)
    position.get("/v1/commitments", customer_id=customer)
    return asked.api.put(f"/v1/customers/{customer}/contact", {"locale": "en", "channels": []})


def _receipt(asked: Asked) -> httpx.Response:
    id = asked.task()
    api = asked.house.key_of(asked.who, on_behalf_of=asked.keeper) if asked.who.startswith("system:") else asked.api
    return api.post(f"/v1/commitments/{id}/receipts", {"revision": 1, "state": "acknowledged"})


def _order(asked: Asked) -> httpx.Response:
    order = _new("SO")
    asked.task(order_id=order)
    return asked.seen(f"/v1/orders/{order}")


def _proof(asked: Asked) -> httpx.Response:
    """Not sealed yet is a 404 for whoever may ask."""
    id = asked.promise()
    (made,) = (item for item in asked.supervisor.history(commitment_id=id) if item["type"] == "CommitmentMade")
    answer = asked.seen(f"/v1/history/{made['position']}/proof")
    return httpx.Response(200) if answer.status_code == 404 else answer


def _past(asked: Asked) -> httpx.Response:
    id = asked.promise()
    return asked.seen(f"/v1/commitments/{id}", as_of=asked.supervisor.history(commitment_id=id)[-1]["recorded_at"])


def _about(asked: Asked) -> str:
    return asked.who if asked.relation == "own" else "courier:bo"


def _person(asked: Asked) -> httpx.Response:
    known = {"name": "Somebody", "locale": "en", "time_zone": "UTC", "channels": []}
    if _about(asked) == "agent:ling":
        known["team"] = "team:north"
    return asked.api.put(f"/v1/people/{_about(asked)}", known)


def _job(asked: Asked) -> httpx.Response:
    body = {
        "where": {"order_id": _new("SO")},
        "due": {"date": "2036-01-01"},
        "reason": "Flood",
        "inform_customers": False,
    }
    job = asked.oms.post("/v1/amendments", body).json()["job"]
    return asked.seen(f"/v1/jobs/{job}")


def _revoked(asked: Asked) -> httpx.Response:
    key = asked.house.key_of("admin:root").post("/v1/keys", {"actor": "system:gone"}).json()
    return asked.api.delete(f"/v1/keys/{key['prefix']}")


_BULK = {"where": {"order_id": "SO-none"}, "due": {"date": "2036-01-01"}, "reason": "Flood", "inform_customers": False}
_CARRIER = {"role": "courier", "recipient": "courier:li"}

REQUESTS: dict[str, dict[str, Send]] = {
    "make": {
        "amend": lambda asked: asked.on(asked.promise(), "amendments", {"promise": "By ten", "reason": "Traffic"}),
        "withdraw": lambda asked: asked.on(asked.promise(), "withdrawal", {"reason": "No", "cause": "agreed"}),
        "contact of the customer": lambda asked: asked.on(asked.promise(), "contacts", {"channel": "phone"}),
        "reopen": _reopen,
        "customer link": lambda asked: asked.on(asked.promise(), "customer-link", None),
        "how a customer is reached": _contact,
    },
    "receipts": {
        "receipt": _receipt,
        "fulfilment": lambda asked: asked.on(asked.task(), "fulfilment", {}),
        "attempt": lambda asked: asked.on(asked.task(), "attempts", {"outcome": "no_access"}),
    },
    "assignments": {
        "assign": lambda asked: asked.api.put(f"/v1/commitments/{asked.promise()}/assignment", _CARRIER),
        "release": lambda asked: asked.api.delete(f"/v1/commitments/{asked.task()}/assignment", role="courier"),
        "assign an order": lambda asked: asked.api.put(f"/v1/orders/{_new('SO')}/assignment", _CARRIER),
        "plan a route": lambda asked: asked.api.put(
            f"/v1/routes/{_new('R')}", {**_CARRIER, "departs_at": asked.api.at(hours=5), "stops": []}
        ),
        "who can be named": lambda asked: asked.seen("/v1/keepers"),
        "bulk": lambda asked: asked.api.post("/v1/amendments", _BULK, dry_run="true"),
        "job": _job,
        "take": lambda asked: asked.on(asked.promise(), "escalations", {"action": "taken"}),
        "raise": lambda asked: asked.on(asked.promise(), "escalations", {"action": "raised"}),
    },
    "read a commitment": {
        "commitment": lambda asked: asked.seen(f"/v1/commitments/{asked.task()}"),
        "an earlier revision": lambda asked: asked.seen(f"/v1/commitments/{asked.task()}", revision=1),
        "order": _order,
        "commitments": lambda asked: asked.seen("/v1/commitments", recipient=asked.keeper),
        "tasks": lambda asked: asked.seen("/v1/tasks", recipient=asked.keeper),
    },
    "flags": {
        "flags": lambda asked: asked.seen("/v1/flags", made_by=asked.maker),
        "counted flags": lambda asked: asked.seen("/v1/flags/groups", by="reason", made_by=asked.maker),
    },
    "history": {
        "history of a commitment": lambda asked: asked.seen("/v1/history", commitment_id=asked.promise()),
        "history of an actor": lambda asked: asked.seen("/v1/history", actor=asked.maker),
        "export": lambda asked: asked.seen(
            "/v1/history", commitment_id=asked.promise(), headers={"Accept": "text/csv"}
        ),
        "as_of of a commitment": _past,
        "as_of of the flags": lambda asked: asked.seen("/v1/flags", made_by=asked.maker, as_of="2026-01-01T00:00:00Z"),
        "as_of of the tasks": lambda asked: asked.seen(
            "/v1/tasks", recipient=asked.maker, as_of="2026-01-01T00:00:00Z"
        ),
        "proof": _proof,
    },
    "people": {
        "person": _person,
        "keeper link": lambda asked: asked.api.post(f"/v1/people/{_about(asked)}/keeper-link", None),
        "pairing": lambda asked: asked.api.post(f"/v1/people/{_about(asked)}/pairings", None),
        "devices": lambda asked: asked.seen(f"/v1/people/{_about(asked)}/devices"),
        "end of the sessions": lambda asked: asked.api.delete(f"/v1/people/{_about(asked)}/sessions"),
    },
    "keys": {
        "make a key": lambda asked: asked.api.post("/v1/keys", {"actor": "system:oms"}),
        "list the keys": lambda asked: asked.seen("/v1/keys"),
        "revoke a key": _revoked,
    },
}
"""What is tried of each row."""

_WHOSE = {
    "yes": RELATIONS,
    "yes, on behalf": RELATIONS,
    "–": (),
    "own team's": ("own", "team"),
    "where recipient or member of the team": ("own", "team"),
    "own tasks": ("own", "team"),
    "own": ("own",),
    "self": ("own",),
}
"""With what somebody may do a thing, by the words of his cell."""


def expected(row: str, column: str, request: str, relation: str) -> bool:
    words = CELLS[row][column]
    return request == "raise" if words == "`raised` only" else relation in _WHOSE[words]


def tried() -> Iterator[Any]:
    """Every request of every row, by every role, with what is his own, his team's, and a stranger's."""
    for row, requests in REQUESTS.items():
        for column, request, relation in itertools.product(ACTORS, requests, RELATIONS):
            # Only of an agent and a keeper is there a team; whose a thing is matters to nobody else.
            if relation == "foreign" or (column in ("agent", "keeper") and row not in ("assignments", "keys")):
                if relation == "team" and row == "people":
                    continue
                allowed = expected(row, column, request, relation)
                yield pytest.param(row, column, request, relation, allowed, id=f"{column}-{request}-{relation}")


@pytest.fixture(scope="module")
def house(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with EmptyDatabase(server.dsn) as url, House(tmp_path_factory.mktemp("house"), url) as house:
        yield house


@pytest.mark.parametrize(("row", "column", "request_", "relation", "allowed"), list(tried()))
def test_a_cell_of_the_table(house: House, row: str, column: str, request_: str, relation: str, allowed: bool) -> None:
    answer = REQUESTS[row][request_](Asked(house, ACTORS[column], relation))

    if allowed:
        assert 200 <= answer.status_code < 300, answer.text
    else:
        refused(answer, 403, "forbidden")


_GRANTS = {
    "yes": "yes",
    "–": "no",
    "own": "own",
    "own tasks": "own",
    "own team's": "own_team",
    "self": "self",
    "where recipient or member of the team": "where_recipient",
    "`raised` only": "raised_only",
    "yes, on behalf": "on_behalf",
}


def test_the_table_is_that_of_the_contract() -> None:
    rows = {
        Operation.PROMISE: "make",
        Operation.KEEP: "receipts",
        Operation.DIRECT: "assignments",
        Operation.READ: "read a commitment",
        Operation.WATCH: "flags",
        Operation.AUDIT: "history",
        Operation.PEOPLE: "people",
        Operation.ADMINISTER: "keys",
    }
    for operation, row in rows.items():
        assert TABLE[operation] == {column: _GRANTS[words] for column, words in CELLS[row].items()}, operation
    assert TABLE[Operation.REOPEN] == {**TABLE[Operation.PROMISE], "keeper": "own"}
    assert set(TABLE) - set(rows) == {Operation.REOPEN, Operation.BE_SOMEBODY, Operation.NOTHING}


def test_nobody_is_let_in_anywhere_who_does_not_say_who_he_is(house: House) -> None:
    """Whatever a route does, who asks is looked at: a row would be of no use where nobody looks."""
    open_to_all = ROUTES[Operation.NOTHING]
    for route in (route for routes in ROUTES.values() for route in routes if route not in open_to_all):
        method, path = route.split(" ")
        answer = httpx.request(method, house.url + path, headers={"X-Actor": "admin:root"}, trust_env=False, timeout=30)
        refused(answer, 401, "unauthenticated")


def test_each_route_of_the_api_stands_in_a_row() -> None:
    app = create_app(Settings())
    assert sum(getattr(route, "path", "").startswith("/v1/") for route in app.routes) > 50
    assert unplaced(app.routes) == []

    known = {
        f"{method} {getattr(route, 'path', '')}" for route in app.routes for method in getattr(route, "methods", ())
    }
    assert {route for routes in ROUTES.values() for route in routes} <= known, "a row names a route that there is not"
    assert known >= NARROWED
    app.add_api_route("/v1/secrets", lambda: None, methods=["GET", "POST"])
    assert unplaced(app.routes) == ["GET /v1/secrets", "POST /v1/secrets"]


# -- what a list holds for who may see his own -------------------------------------------------------------------


def test_an_agent_is_shown_his_own_flags_scorecard_and_history_and_no_others(house: House) -> None:
    ling, eve = (Asked(house, "agent:ling", relation) for relation in ("own", "foreign"))
    overdue = {"made_at": ling.api.at(hours=-3), "due": {"at": ling.api.at(hours=-1)}}
    own, other = ling.promise(**overdue), eve.promise(**overdue)
    ling.supervisor.command(own, "contacts", {"channel": "phone"})
    for api in (ling.api, ling.supervisor):
        api._seen[0] = ling.supervisor.end_of_the_log()

    assert own in {flag["commitment_id"] for flag in ling.api.get("/v1/flags", limit=500)["items"]}
    assert {flag["made_by"] for flag in ling.api.get("/v1/flags", limit=500)["items"]} == {"agent:ling"}
    assert {flag["made_by"] for flag in ling.supervisor.get("/v1/flags", limit=500)["items"]} > {"agent:ling"}
    (all_of_his,) = ling.api.get("/v1/scorecard")["items"]
    (all_of_all,) = ling.supervisor.get("/v1/scorecard")["items"]
    made = {one["group"]: one["made"] for one in ling.supervisor.get("/v1/scorecard", group_by="made_by")["items"]}
    assert all_of_his["made"] == made["agent:ling"] < all_of_all["made"]
    history = ling.api.history(after=0)
    while more := ling.api.history(after=history[-1]["position"]):
        history += more
    about = {item["commitment_id"] for item in history}
    assert own in about
    assert other not in about
    assert "CustomerContacted" in {item["type"] for item in history if item["commitment_id"] == own}
    assert all(
        item["actor"] == "agent:ling" or item["on_behalf_of"] == "agent:ling" or _made_by_ling(ling, item)
        for item in history
    )


def _made_by_ling(asked: Asked, item: dict[str, Any]) -> bool:
    return bool(asked.supervisor.commitment(item["commitment_id"])["made_by"] == "agent:ling")


def test_a_keeper_is_shown_what_he_has_to_keep_and_no_more(house: House) -> None:
    order = _new("SO")
    own, other = (Asked(house, "courier:li", relation).task(order_id=order) for relation in ("own", "foreign"))
    asked = Asked(house, "courier:li", "own")
    asked.api._seen[0] = asked.supervisor.end_of_the_log()

    shown = {one["id"] for one in asked.api.get("/v1/commitments", limit=500)["items"]}
    assert own in shown
    assert other not in shown
    assert [one["id"] for one in asked.api.get(f"/v1/orders/{order}")["commitments"]] == [own]
    assert len(asked.supervisor.get(f"/v1/orders/{order}")["commitments"]) == 2


def test_who_had_something_to_keep_may_still_see_it_and_say_that_he_did_it(house: House) -> None:
    asked = Asked(house, "courier:li", "own")
    id = asked.task()
    body = {"role": "courier", "recipient": "courier:han"}
    assert asked.oms.put(f"/v1/commitments/{id}/assignment", body).status_code == 200

    assert asked.api.commitment(id)["status"] == "open"
    assert asked.api.command(id, "fulfilment", {})["status"] == "kept"


def test_a_wrong_tap_is_taken_back_by_who_made_it_and_by_no_other_keeper(house: House) -> None:
    asked = Asked(house, "courier:li", "team")
    id = asked.task()
    asked.api.command(id, "fulfilment", {})
    han = house.key_of("courier:han")

    refused(han.post(f"/v1/commitments/{id}/reopening", {"reason": "mistaken"}), 403, "forbidden")
    refused(asked.on(id, "reopening", {"reason": "disputed"}), 403, "forbidden")
    assert asked.api.command(id, "reopening", {"reason": "mistaken"})["status"] == "open"
    refused(asked.on(id, "reopening", {"reason": "mistaken"}), 403, "forbidden")


def test_a_receipt_that_a_system_gives_has_the_rights_of_the_person(house: House) -> None:
    id = Asked(house, "courier:li", "own").task()
    body = {"revision": 1, "state": "acknowledged"}
    for person in (None, "courier:stranger"):
        api = house.key_of("system:oms", on_behalf_of=person)
        refused(api.post(f"/v1/commitments/{id}/receipts", body), 403, "forbidden")

    assert house.key_of("system:oms", on_behalf_of="courier:li").receipt(id)["counts"]


def test_nobody_but_a_system_speaks_for_another(house: House) -> None:
    for actor in ("agent:ling", "supervisor:wang", "admin:root"):
        refused(house.key_of(actor, on_behalf_of="courier:li").request("GET", "/v1/tasks"), 403, "forbidden")


def test_in_a_batch_each_receipt_is_judged_by_whose_it_is(house: House) -> None:
    own, other = (Asked(house, "courier:li", relation).task() for relation in ("own", "foreign"))
    said = {"revision": 1, "state": "acknowledged"}
    receipts = [{"commitment_id": id, "idempotency_key": id, **said} for id in (own, other)]

    answer = house.key_of("courier:li").post("/v1/receipts", {"receipts": receipts})

    assert [result["status"] for result in answer.json()["results"]] == [200, 403]


def test_an_agent_makes_promises_in_his_own_name(house: House) -> None:
    assert house.key_of("agent:alone").promise()["made_by"] == "agent:alone"
    for actor in ("courier:li", "auditor:chen"):
        api = house.key_of(actor)
        refused(api.post("/v1/commitments", api.promising()), 403, "forbidden")


def test_a_customer_to_whom_nobody_promised_anything_can_be_made_reachable_by_any_agent(house: House) -> None:
    body = {"locale": "en", "channels": []}
    assert house.key_of("agent:alone").put(f"/v1/customers/{_new('CU')}/contact", body).status_code == 200


def test_nobody_gives_himself_a_team_or_a_superior_or_leaves_them(house: House) -> None:
    eve, known = house.key_of("agent:eve"), {"name": "Eve", "locale": "bg", "time_zone": "UTC", "channels": []}
    for more in ({"team": "team:north"}, {"team": None}, {"team": "team:south", "reports_to": "agent:ling"}):
        refused(eve.put("/v1/people/agent:eve", {**known, **more}), 403, "forbidden")
    refused(eve.delete("/v1/people/agent:eve"), 403, "forbidden")

    assert eve.put("/v1/people/agent:eve", {**known, "team": "team:south"}).json()["locale"] == "bg"


def test_a_keeper_sees_in_the_yard_what_his_own_vehicle_lacks(house: House) -> None:
    for keeper in ("courier:li", "courier:han"):
        order = _new("SO")
        plan = {"role": "courier", "recipient": keeper, "departs_at": house.key_of("system:oms").at(hours=5)}
        assert house.key_of("system:oms").put(f"/v1/orders/{order}/assignment", plan).status_code == 200
        house.key_of("system:oms").promise(order_id=order)
    li, supervisor = house.key_of("courier:li"), house.key_of("supervisor:wang")
    li._seen[0] = supervisor.end_of_the_log()

    assert {vehicle["recipient"] for vehicle in li.get("/v1/yard")["items"]} == {"courier:li"}
    assert {vehicle["recipient"] for vehicle in supervisor.get("/v1/yard")["items"]} == {"courier:li", "courier:han"}

    trip = {"role": "courier", "recipient": "courier:han", "departs_at": supervisor.at(hours=100), "depot": "far"}
    order = _new("SO")
    assert house.key_of("system:oms").put(f"/v1/orders/{order}/assignment", trip).status_code == 200
    house.key_of("system:oms").promise(order_id=order)
    li._seen[0] = supervisor.end_of_the_log()
    assert (li.get("/v1/yard")["next"], supervisor.get("/v1/yard")["next"] is None) == (None, False)
    there: Any = {"from_": supervisor.at(hours=99), "to": supervisor.at(hours=101)}
    assert (li.get("/v1/yard", **there)["depots"], supervisor.get("/v1/yard", **there)["depots"]) == ([], ["far"])


def test_who_is_a_keeper_of_another_role_has_the_same_rights(house: House) -> None:
    for actor in ("warehouse:hu", "finance:zhao", "technician:tang"):
        keeper = Asked(house, actor, "team")
        assert keeper.on(keeper.task(), "fulfilment", {}).status_code == 200
        refused(keeper.on(Asked(house, actor, "foreign").task(), "fulfilment", {}), 403, "forbidden")


# -- what comes of a refusal -------------------------------------------------------------------------------------


def test_a_refusal_is_logged_once_with_who_what_and_why(house: House) -> None:
    before, id = len(house.lines("forbidden")), Asked(house, "agent:ling", "foreign").promise()
    refused(
        house.key_of("agent:ling").post(f"/v1/commitments/{id}/withdrawal", {"reason": "x", "cause": "agreed"}), 403
    )

    (line,) = house.lines("forbidden")[before:]
    assert (line["who"], line["what"], line["id"]) == (
        "agent:ling",
        "POST /v1/commitments/{id}/withdrawal",
        id,
    )
    assert "agent:eve" in line["why"]
    assert house.key_of("supervisor:wang").told(id) == ["CommitmentMade"]


def test_who_is_refused_learns_nothing_of_his_body(house: House) -> None:
    answer = house.key_of("auditor:chen").post("/v1/commitments", {"nonsense": 1})
    refused(answer, 403, "forbidden")


def test_a_stream_obeys_the_table(house: House) -> None:
    keeper, agent = house.key_of("courier:li"), house.key_of("agent:ling")
    refused(keeper.request("GET", "/v1/flags/stream"), 403, "forbidden")
    refused(agent.request("GET", "/v1/flags/stream", made_by="agent:eve"), 403, "forbidden")
    refused(keeper.request("GET", "/v1/tasks/stream", recipient="courier:han"), 403, "forbidden")
    with keeper.client.stream("GET", "/v1/tasks/stream", headers=keeper._headers) as answer:
        assert answer.status_code == 200

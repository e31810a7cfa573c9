"""Two processes on one database, and many who speak at once: nothing is lost, nothing is doubled, one wins."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.serving import MASTER_KEY, Serving, instant

pytestmark = pytest.mark.anyio

AGENT, OMS = {"X-Actor": "agent:ling"}, {"X-Actor": "system:oms"}
ROUNDS = 15


@pytest.fixture(scope="module")
def two(
    fresh_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Serving, Serving]]:
    """Two processes on one database, with the real clock."""
    settings = {"database_url": fresh_database(), "master_key": MASTER_KEY}
    folder = tmp_path_factory.mktemp("two")
    one, other = Serving(folder, **settings), Serving(folder, **settings)
    with one, other:
        yield one, other


@asynccontextmanager
async def talking(two: tuple[Serving, Serving]) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    limits = httpx.Limits(max_connections=50)
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=serving.url, timeout=30, trust_env=False, limits=limits)
            )
            for serving in two
        ]
        yield one, other


def promising(**terms: Any) -> dict[str, Any]:
    due = {"at": instant(datetime.now(UTC) + timedelta(days=1))}
    return {"customer_id": "CU-7", "kind": "redelivery", "promise": "It comes by noon", "due": due, **terms}


async def promise(client: httpx.AsyncClient, **terms: Any) -> str:
    made = await client.post("/v1/commitments", json=promising(**terms), headers=AGENT)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def command(client: httpx.AsyncClient, id: str, name: str, body: object, **headers: str) -> httpx.Response:
    return await client.post(f"/v1/commitments/{id}/{name}", json=body, headers={**AGENT, **headers})


async def test_two_hundred_creations_with_one_key_make_one_commitment(two: tuple[Serving, Serving]) -> None:
    headers, body = {**AGENT, "Idempotency-Key": uuid4().hex}, promising(order_id="SO-200")
    async with talking(two) as clients:
        answers = await asyncio.gather(
            *(clients[number % 2].post("/v1/commitments", json=body, headers=headers) for number in range(200))
        )
        listed = await clients[0].get(
            "/v1/commitments",
            params={"order_id": "SO-200"},
            headers={**AGENT, "Upheld-Min-Position": answers[0].headers["upheld-position"]},
        )

    assert Counter(answer.status_code for answer in answers) == {201: 200}
    assert len({answer.text for answer in answers}) == 1
    for name in ("upheld-position", "etag", "location"):
        assert len({answer.headers[name] for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 199
    assert [item["id"] for item in listed.json()["items"]] == [answers[0].json()["id"]]


async def test_two_hundred_commands_with_one_key_are_one(two: tuple[Serving, Serving]) -> None:
    async with talking(two) as clients:
        id, key = await promise(clients[0]), uuid4().hex
        body = {"channel": "phone"}
        answers = await asyncio.gather(
            *(command(clients[n % 2], id, "contacts", body, **{"Idempotency-Key": key}) for n in range(200))
        )

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["contacts"] for answer in answers} == {1}
    assert len({answer.text for answer in answers}) == 1


async def test_of_two_amendments_against_one_version_one_wins(two: tuple[Serving, Serving]) -> None:
    async with talking(two) as clients:
        for _ in range(ROUNDS):
            id = await promise(clients[0])
            answers = await asyncio.gather(
                *(
                    command(client, id, "amendments", {"promise": words, "reason": "r"}, **{"If-Match": '"1"'})
                    for client, words in zip(clients, ("One", "Two"), strict=True)
                )
            )
            assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_two_amendments_against_any_version_are_both_applied(two: tuple[Serving, Serving]) -> None:
    async with talking(two) as clients:
        for _ in range(ROUNDS):
            id = await promise(clients[0])
            bodies = (
                {"promise": "Other words", "reason": "r"},
                {"value": {"amount": "5", "currency": "CNY"}, "reason": "r"},
            )
            answers = await asyncio.gather(
                *(command(client, id, "amendments", body) for client, body in zip(clients, bodies, strict=True))
            )
            position = str(max(int(answer.headers["upheld-position"]) for answer in answers))
            shown = (
                await clients[0].get(f"/v1/commitments/{id}", headers={**AGENT, "Upheld-Min-Position": position})
            ).json()

            assert [answer.status_code for answer in answers] == [200, 200]
            assert sorted(answer.json()["revision"] for answer in answers) == [2, 3]
            assert (shown["revision"], shown["promise"]) == (3, "Other words")
            assert shown["value"] == {"amount": "5", "currency": "CNY"}


async def test_fifty_contacts_at_once_are_fifty(two: tuple[Serving, Serving]) -> None:
    async with talking(two) as clients:
        id = await promise(clients[0])
        answers = await asyncio.gather(
            *(command(clients[number % 2], id, "contacts", {"channel": "phone"}) for number in range(50))
        )

    assert Counter(answer.status_code for answer in answers) == {200: 50}
    assert sorted(answer.json()["contacts"] for answer in answers) == list(range(1, 51))


async def test_what_is_kept_and_withdrawn_at_once_is_one_of_the_two(two: tuple[Serving, Serving]) -> None:
    async with talking(two) as clients:
        for _ in range(ROUNDS):
            id = await promise(clients[0])
            kept, withdrawn = await asyncio.gather(
                command(clients[0], id, "fulfilment", {}),
                command(clients[1], id, "withdrawal", {"reason": "r", "cause": "agreed"}),
            )
            assert sorted((kept.status_code, withdrawn.status_code)) == [200, 409]
            refusal = kept if kept.status_code == 409 else withdrawn
            assert refusal.json()["code"] == "commitment_closed"


async def test_a_promise_and_an_assignment_at_the_same_moment_always_meet(two: tuple[Serving, Serving]) -> None:
    """Five hundred times, on two processes: whichever comes first, the promise has its recipient."""
    in_flight = asyncio.Semaphore(12)

    async def meet(number: int, clients: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> tuple[str | None, list[str]]:
        order, recipient = f"SO-meet-{number}", f"courier:c{number}"
        maker, assigner, reader = clients[number % 2], clients[(number + 1) % 2], clients[number // 2 % 2]
        async with in_flight:
            made, assigned = await asyncio.gather(
                maker.post("/v1/commitments", json=promising(order_id=order), headers=AGENT),
                assigner.put(
                    f"/v1/orders/{order}/assignment", json={"role": "courier", "recipient": recipient}, headers=OMS
                ),
            )
            assert (made.status_code, assigned.status_code) == (201, 200), (made.text, assigned.text)
            position = max(int(answer.headers["upheld-position"]) for answer in (made, assigned))
            headers = {**AGENT, "Upheld-Min-Position": str(position)}
            shown = await reader.get(f"/v1/commitments/{made.json()['id']}", headers=headers)
            if number % 10 == 0:
                tasks = await reader.get("/v1/tasks", params={"recipient": recipient}, headers=headers)
                assert [c["id"] for stop in tasks.json()["items"] for c in stop["commitments"]] == [made.json()["id"]]
        return shown.json()["handoffs"][0]["recipient"], made.json()["warnings"]

    async with talking(two) as clients:
        met = await asyncio.gather(*(meet(number, clients) for number in range(500)))

    assert [recipient for recipient, _ in met] == [f"courier:c{number}" for number in range(500)]
    # The two orders of events really happened.
    assert len({tuple(warnings) for _, warnings in met}) == 2


async def test_an_order_that_goes_from_hand_to_hand_ends_with_the_last(two: tuple[Serving, Serving]) -> None:
    """Two processes reassign one order again and again: its commitments are with whoever carries it in the end."""
    async with talking(two) as clients:
        ids = [await promise(clients[0], order_id="SO-hands") for _ in range(3)]

        async def assign(number: int) -> httpx.Response:
            body = {"role": "courier", "recipient": f"courier:c{number}"}
            return await clients[number % 2].put("/v1/orders/SO-hands/assignment", json=body, headers=OMS)

        answers = await asyncio.gather(*(assign(number) for number in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        position = max(int(answer.headers["upheld-position"]) for answer in answers)
        headers = {**AGENT, "Upheld-Min-Position": str(position)}
        order = (await clients[1].get("/v1/orders/SO-hands", headers=headers)).json()

    (assignment,) = order["assignments"]
    assert {c["handoffs"][0]["recipient"] for c in order["commitments"]} == {assignment["recipient"]}
    assert {c["id"] for c in order["commitments"]} == set(ids)


async def test_positions_rise_and_the_recorded_time_never_falls(two: tuple[Serving, Serving]) -> None:
    async with talking(two) as clients:
        made = await asyncio.gather(
            *(clients[n % 2].post("/v1/commitments", json=promising(), headers=AGENT) for n in range(200))
        )
        answered = {int(answer.headers["upheld-position"]) for answer in made}
        headers = {**AGENT, "Accept": "application/x-ndjson", "Upheld-Min-Position": str(max(answered))}
        exported = await clients[0].get("/v1/history", headers=headers)
    items = [json.loads(line) for line in exported.text.splitlines()]
    positions = [item["position"] for item in items]
    recorded = [datetime.fromisoformat(item["recorded_at"]) for item in items]

    assert len(answered) == 200
    assert answered <= set(positions)
    assert positions == sorted(set(positions))
    assert recorded == sorted(recorded)


async def test_who_is_named_again_and_again_at_once_is_answered_as_it_was_recorded(
    two: tuple[Serving, Serving],
) -> None:
    """Naming the same again records nothing; its answer must not be that of the next one, which is not recorded yet."""
    async with talking(two) as (one, _):
        for number in range(4):
            path = f"/v1/orders/SO-again-{number}/assignment"
            names = [f"courier:{'ab'[n // 3 % 2]}" for n in range(60)]
            bodies = [{"role": "courier", "recipient": name} for name in names]
            answers = await asyncio.gather(*(one.put(path, json=body, headers=OMS) for body in bodies))
            assert Counter(answer.status_code for answer in answers) == {200: 60}
            for body, answer in zip(bodies, answers, strict=True):
                assert [named["recipient"] for named in answer.json()["assignments"]] == [body["recipient"]]
                assert int(answer.headers["Upheld-Position"]) > 0

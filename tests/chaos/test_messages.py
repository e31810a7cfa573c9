"""Messages outlive whoever carries them: none is lost, and one is sent twice only where a kill fell in between."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.api.serving import MASTER_KEY, Serving
from tests.chaos.faults import kill_with_children
from tests.messages.receivers import Inbox, eventually

BURSTS, KILLS = 6, 3
FAILS = 0.2
_CONFIG = """
[messages]
customer_hours = "24/7"
retry_after = ["PT0S", "PT0S", "PT1S", "PT1S", "PT1S"]
"""
_BETWEEN = 5.0
"""Seconds within which what was sent before a kill and recorded by nobody is sent again."""


class Company:
    """Serving processes on one database, of which any may be killed, and a clock that stands until it is moved."""

    def __init__(self, stack: ExitStack, folder: Path, url: str) -> None:
        config = folder / "upheld.toml"
        config.write_text(_CONFIG)
        self._settings: dict[str, object] = {
            "database_url": url,
            "master_key": MASTER_KEY,
            "config": config,
            "test_clock": 1,
        }
        self._stack, self._folder = stack, folder
        self._client = stack.enter_context(httpx.Client(timeout=20, trust_env=False))
        self._started: list[Serving] = []
        self.processes = [self._start(), self._start()]
        self.kills: list[float] = []

    def _start(self) -> Serving:
        self._started.append(self._stack.enter_context(Serving(self._folder, **self._settings)))
        return self._started[-1]

    def send(self, method: str, path: str, body: object, *, key: str | None = None) -> httpx.Response:
        """A request to whoever answers it."""
        headers = {"X-Actor": "system:oms", **({"Idempotency-Key": key} if key else {})}
        deadline = time.monotonic() + 30
        while True:
            for process in self.processes:
                try:
                    answer = self._client.request(method, process.url + path, json=body, headers=headers)
                except httpx.TransportError:
                    continue
                if answer.status_code != 503:
                    assert answer.is_success, answer.text
                    return answer
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kill_the_oldest(self) -> None:
        """Whoever runs longest leads; another one is started in his place."""
        oldest = self.processes.pop(0)
        self.kills.append(time.monotonic())
        kill_with_children(oldest.process)
        self.processes.append(self._start())

    def may_have_sent_twice(self, inbox: Inbox, id: str | None) -> bool:
        """Whether a kill fell in between, or a process stood still so long that another took its messages over."""
        stood_still = any("deposed a leader" in one.logged for one in self._started)
        return stood_still or any(fell_between(inbox, id, kill) for kill in self.kills)


@pytest.mark.timeout(240)
def test_of_every_message_it_is_known_what_became_of_it_whoever_is_killed(
    tmp_path: Path, url: str, rounds: int
) -> None:
    promises, couriers = (240, 12) if rounds == 1 else (1_000, 50)
    dice = random.Random(3301)
    with Inbox() as inbox, ExitStack() as stack:
        inbox.answer = lambda _: 500 if dice.random() < FAILS else 200
        company = Company(stack, tmp_path, url)
        for number in range(couriers):
            person = {"name": "Li", "locale": "en", "time_zone": "UTC", "channels": [inbox.channel(str(number))]}
            company.send("PUT", f"/v1/people/courier:c{number}", person)
            assignment = {"role": "courier", "recipient": f"courier:c{number}"}
            company.send("PUT", f"/v1/orders/SO-{number}/assignment", assignment)
        kills = sorted(dice.sample(range(promises // 10, promises), KILLS))
        for number in range(promises):
            if number in kills:
                company.kill_the_oldest()
            promise(company, number, couriers)
            if (number + 1) % (promises // BURSTS) == 0:
                a_minute_later(company)
        a_minute_later(company)
        eventually(lambda: outcomes(url) == {"done": promises}, within=60)

        # Each promise was told of, or it is recorded that it could not be.
        told = recorded(url)
        assert len(told) == promises
        assert all(sent == 1 or failed for sent, failed in told.values()), told
        repeated = [id for id, count in Counter(inbox.ids).items() if count > 1]
        assert all(company.may_have_sent_twice(inbox, id) for id in repeated)
        lost = sum(not sent for sent, _ in told.values())
        print(f"{promises} promises, {len(inbox.ids)} messages came of {inbox.requests} tries;", end=" ")
        print(f"{len(repeated)} came twice, {lost} promises were recorded as not told")


def test_what_was_sent_and_not_recorded_when_the_process_died_comes_again_with_the_same_id(
    tmp_path: Path, url: str
) -> None:
    with Inbox() as inbox, ExitStack() as stack:
        company = Company(stack, tmp_path, url)

        def die_at_the_first(request: int) -> int:
            if request == 1:
                company.kill_the_oldest()
            return 200

        inbox.answer = die_at_the_first
        person = {"name": "Li", "locale": "en", "time_zone": "UTC", "channels": [inbox.channel()]}
        company.send("PUT", "/v1/people/courier:c0", person)
        company.send("PUT", "/v1/orders/SO-0/assignment", {"role": "courier", "recipient": "courier:c0"})
        promise(company, 0, 1)

        inbox.wait(2)
        eventually(lambda: outcomes(url) == {"done": 1})

        assert len(set(inbox.ids)) == 1
        assert list(recorded(url).values()) == [(1, 0)]


def test_what_was_decided_and_waits_when_the_process_dies_is_told_by_the_next(tmp_path: Path, url: str) -> None:
    with Inbox() as inbox, ExitStack() as stack:
        company = Company(stack, tmp_path, url)
        person = {"name": "Li", "locale": "en", "time_zone": "UTC", "channels": [inbox.channel()]}
        company.send("PUT", "/v1/people/courier:c0", person)
        company.send("PUT", "/v1/orders/SO-0/assignment", {"role": "courier", "recipient": "courier:c0"})
        promise(company, 0, 1)
        inbox.wait(1)
        promise(company, 1, 1)
        eventually(lambda: outcomes(url) == {"done": 1, "waits": 1})

        company.kill_the_oldest()
        a_minute_later(company)

        inbox.wait(2)
        eventually(lambda: outcomes(url) == {"done": 2})


@pytest.mark.timeout(600)
def test_a_notice_tells_each_customer_once_of_all_his_promises_whoever_is_killed(
    tmp_path: Path, url: str, rounds: int
) -> None:
    promises, customers = (300, 120) if rounds == 1 else (10_000, 4_000)
    with Inbox() as inbox, ExitStack() as stack:
        company = Company(stack, tmp_path, url)
        with ThreadPoolExecutor(8) as together:
            list(together.map(lambda number: contact(company, number, inbox), range(customers)))
            list(together.map(lambda number: promise(company, number, promises, customers), range(promises)))
        notice = {"where": {"kind": "redelivery"}, "due": {"shift": {"amount": 1, "unit": "days"}}, "reason": "Snow"}
        began = time.monotonic()
        job = company.send("POST", "/v1/amendments", notice | {"inform_customers": True}, key="snow").json()["job"]
        for part in (0.3, 0.7):
            eventually(lambda part=part: progress(company, job)["done"] >= part * promises, within=120)  # type: ignore[misc]
            company.kill_the_oldest()
        eventually(lambda: progress(company, job)["state"] == "done", within=120)
        amended = time.monotonic() - began
        eventually(lambda: len(inbox.got) > customers / 2, within=120)
        company.kill_the_oldest()
        eventually(lambda: len(set(inbox.ids)) == customers, within=300)
        told = time.monotonic() - began

        done = progress(company, job)
        assert (done["matched"], done["done"], done["skipped"], done["not_informed"]) == (promises, promises, [], 0)
        assert {shown["revision"] for shown in first_page(company)} == {2}, "each was amended once"
        eventually(lambda: informed(url) == promises, within=60)
        twice = [id for id, count in Counter(inbox.ids).items() if count > 1]
        assert all(company.may_have_sent_twice(inbox, id) for id in twice)
        print(f"{promises} promises amended in {amended:.1f} s, {customers} customers told in {told:.1f} s, with three")
        print(f"kills; {len(twice)} messages came twice")


def contact(company: Company, number: int, inbox: Inbox) -> None:
    reached = {"locale": "en", "channels": [inbox.channel(f"customer-{number}")]}
    company.send("PUT", f"/v1/customers/CU-{number}/contact", reached)


def progress(company: Company, job: str) -> dict[str, Any]:
    return dict(company.send("GET", f"/v1/jobs/{job}", None).json())


def first_page(company: Company) -> list[dict[str, Any]]:
    return list(company.send("GET", "/v1/commitments?limit=500", None).json()["items"])


def informed(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute("SELECT count(*) FROM stored_events WHERE topic = 'CustomerInformed'").fetchone()
    return int(row[0]) if row is not None else 0


def promise(company: Company, number: int, couriers: int, customers: int = 1) -> None:
    body = {
        "kind": "redelivery",
        "customer_id": f"CU-{number % customers}",
        "order_id": f"SO-{number % couriers}",
        "promise": f"It comes by noon ({number})",
        "due": {"within": {"amount": 3, "unit": "days"}},
    }
    company.send("POST", "/v1/commitments", body, key=f"promise-{number}")


def a_minute_later(company: Company) -> None:
    shown = company.send("GET", "/readyz?verbose", None)
    assert shown.is_success
    with psycopg.connect(str(company.processes[0].settings["database_url"]), autocommit=True) as conn:
        row = conn.execute("SELECT now + interval '61 seconds' FROM test_clock").fetchone()
    assert row is not None
    company.send("PUT", "/v1/test-clock", {"now": row[0].isoformat()})


def outcomes(url: str) -> dict[str, int]:
    """How many notices there are, by how far they came."""
    with psycopg.connect(url, autocommit=True) as conn:
        query = "SELECT CASE WHEN done_at IS NULL THEN 'waits' ELSE 'done' END, count(*) FROM notices GROUP BY 1"
        return dict(conn.execute(query).fetchall())


def recorded(url: str) -> dict[str, tuple[int, int]]:
    """How often it is recorded of each promise that it was told of, and that it could not be."""
    query = """
    SELECT s.id::text, count(*) FILTER (WHERE e.topic = 'HandoffSent'),
           count(*) FILTER (WHERE e.topic = 'HandoffFailed')
    FROM streams s JOIN stored_events e ON e.originator_id = s.id WHERE s.category = 'commitment' GROUP BY s.id
    """
    with psycopg.connect(url, autocommit=True) as conn:
        return {id: (sent, failed) for id, sent, failed in conn.execute(query)}


def fell_between(inbox: Inbox, id: str | None, kill: float) -> bool:
    """Whether a kill fell between two times at which a message came."""
    times = [at for one, at in zip(inbox.ids, inbox.times, strict=True) if one == id]
    return any(first - _BETWEEN < kill < second for first, second in pairwise(times))

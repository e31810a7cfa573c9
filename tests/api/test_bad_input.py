"""Whatever is sent, the answer is a problem that says what is wrong; nothing is recorded, and nothing breaks."""

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.fuzzing import Fuzzing
from tests.api.serving import BROWSER_KEYS, Api, Serving, refused

AT = "2029-06-01T12:00:00Z"
DUE = {"at": AT, "not_before": "2029-06-01T11:00:00Z", "time_zone": "Asia/Shanghai", "calendar": "CN"}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "commitments"): {
        "customer_id": "CU-7",
        "kind": "free_item",
        "promise": "A cable",
        "order_id": "SO-1",
        "due": DUE,
        "time_zone": "Asia/Shanghai",
        "calendar": "CN",
        "path": ["courier"],
        "items": [{"sku": "HDMI", "quantity": 1}],
        "channel": "phone",
        "direction": "inbound",
        "conversation": "call-1",
        "value": {"amount": "39.00", "currency": "CNY"},
        "made_at": "2027-03-01T02:00:00Z",
    },
    ("POST", "commitments/{id}/amendments"): {
        "promise": "A longer cable",
        "due": DUE,
        "path": ["courier"],
        "items": [{"sku": "HDMI", "quantity": 2}],
        "value": {"amount": "40", "currency": "CNY"},
        "reason": "r",
        "customer_agreed": True,
    },
    ("POST", "commitments/{id}/withdrawal"): {"reason": "r", "cause": "agreed"},
    ("POST", "commitments/{id}/fulfilment"): {"note": "n", "at": "2027-03-01T02:15:00Z", "evidence": ["photo-1"]},
    ("POST", "commitments/{id}/reopening"): {"reason": "disputed", "note": "n"},
    ("POST", "commitments/{id}/attempts"): {"outcome": "other", "note": "n", "at": "2027-03-01T02:15:00Z"},
    ("POST", "commitments/{id}/contacts"): {"channel": "phone", "direction": "inbound", "note": "n", "minutes": 5},
    ("POST", "commitments/{id}/receipts"): {
        "revision": 1,
        "state": "declined",
        "role": "courier",
        "reason": "r",
        "via": "tap",
    },
    ("POST", "receipts"): {"receipts": []},
    ("PUT", "commitments/{id}/assignment"): {"role": "courier", "recipient": "courier:li"},
    ("PUT", "orders/{order}/assignment"): {
        "role": "courier",
        "recipient": "courier:li",
        "departs_at": AT,
        "planned_start": AT,
        "planned_end": AT,
        "stop": 3,
        "address": "1 High Street",
        "depot": "east",
    },
    ("POST", "people/courier:li/push-subscriptions"): {"endpoint": "https://push.example/s", "keys": BROWSER_KEYS},
    ("POST", "deadlines/preview"): {"due": DUE, "time_zone": "Asia/Shanghai", "calendar": "CN", "from": AT},
    ("PUT", "test-clock"): {"now": AT},
}
EVERYWHERE = pytest.mark.parametrize(("method", "path"), BODIES, ids=lambda part: part)
MARK = '"\ue000"'
"""Where a value stands that is written as raw JSON."""

INSTANTS = [
    "",
    "soon",
    "2029-06-01",
    "2029-06-01T12:00:00",
    "2029-06-01T12:00Z",
    "2029-06-01T25:00:00Z",
    "2029-02-30T12:00:00Z",
    "0000-01-01T00:00:00Z",
    "1900-12-31T23:59:59Z",
    "9999-12-31T23:59:59Z",
    "-2029-06-01T12:00:00Z",
    "99999-01-01T00:00:00Z",
    "2029-06-01T12:00:00+99:99",
    "2029-06-01T12:00:00 Z",
    "２０２９-06-01T12:00:00Z",
    "2029-W22-5T12:00:00Z",
    0,
    1862222222,
    -1.5,
    {},
    [],
    True,
]


class Sent:
    """Sends raw bytes as the body of a request, and expects that it is refused and that nothing is recorded."""

    def __init__(self, agent: Api) -> None:
        self.agent = agent
        made = agent.post("/v1/commitments", agent.promising(order_id="SO-1"))
        self.id, self._end = str(made.json()["id"]), int(made.headers["upheld-position"])

    def __call__(
        self, method: str, path: str, body: bytes, *, kind: str | None = "application/json", **headers: str
    ) -> httpx.Response:
        named = {"X-Actor": self.agent.actor, **({"Content-Type": kind} if kind else {}), **headers}
        sent = {name.encode(): value.encode("latin-1") for name, value in named.items()}
        url = "/v1/" + path.replace("{id}", self.id).replace("{order}", "SO-1")
        return self.agent.client.request(method, url, content=body, headers=sent)

    def refused(self, method: str, path: str, body: bytes, *statuses: int, **more: Any) -> None:
        answer = self(method, path, body, **more)
        assert answer.status_code in (statuses or (400, 422)), f"{answer.status_code}: {answer.text} for {body[:300]!r}"
        refused(answer, answer.status_code)

    def recorded_nothing(self) -> None:
        assert self.agent.recorded(after=self._end) == []


@pytest.fixture(scope="module")
def target(everybody: Api) -> Sent:
    return Sent(everybody)


@pytest.fixture
def sent(target: Sent) -> Iterator[Sent]:
    yield target
    target.recorded_nothing()


def places(body: Any, *found: str | int) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every place in a body, and the value that stands there."""
    for name, value in body.items() if isinstance(body, dict) else enumerate(body):
        yield (*found, name), value
        if isinstance(value, dict | list):
            yield from places(value, *found, name)


def with_raw(body: dict[str, Any], place: tuple[str | int, ...], raw: str) -> bytes:
    """The body with some raw JSON at a place."""
    changed = json.loads(json.dumps(body))
    *way, last = place
    inner = changed
    for name in way:
        inner = inner[name]
    inner[last] = "\ue000"
    return json.dumps(changed, ensure_ascii=False).replace(MARK, raw).encode()


# -- bodies -----------------------------------------------------------------------------------------------------


@EVERYWHERE
def test_an_unknown_field_is_refused_wherever_it_stands(sent: Sent, method: str, path: str) -> None:
    body = BODIES[method, path]
    for place in [(), *(place for place, value in places(body) if isinstance(value, dict))]:
        sent.refused(method, path, with_raw(body, (*place, "colour"), '"red"'), 422)


@EVERYWHERE
def test_a_value_of_another_type_is_refused(sent: Sent, method: str, path: str) -> None:
    body = BODIES[method, path]
    others = ['{"a": 1}', "[[]]", "1.5", "-1", '"\\u0000"', "1e400", "9" * 400]
    for place, value in places(body):
        for raw in others:
            if (path, raw) != ("receipts", "[[]]"):  # each receipt is judged by itself
                sent.refused(method, path, with_raw(body, place, raw), 422)
        if not isinstance(value, bool):
            sent.refused(method, path, with_raw(body, place, "true"), 422)


@EVERYWHERE
@pytest.mark.parametrize("raw", ["NaN", "-Infinity", r'"\ud800"', r'"a\udfffb"', "9" * 5000, r'"\u0000"'])
def test_a_value_that_json_or_text_does_not_have_is_refused(sent: Sent, method: str, path: str, raw: str) -> None:
    body = BODIES[method, path]
    for place, _ in places(body):
        sent.refused(method, path, with_raw(body, place, raw))


@EVERYWHERE
@pytest.mark.parametrize("name", [r'"\ud800"', r'"a\u0000b"', '""', r'"\ud83d\ude00"', '"a/b~"'])
def test_a_strange_name_of_a_field_is_refused(sent: Sent, method: str, path: str, name: str) -> None:
    body = json.dumps(BODIES[method, path])[:-1]
    separator = ", " if len(body) > 1 else ""

    sent.refused(method, path, f"{body}{separator}{name}: 1}}".encode(), 422, 400)


@EVERYWHERE
def test_an_absurd_instant_is_refused(sent: Sent, method: str, path: str) -> None:
    body = BODIES[method, path]
    for place, value in places(body):
        if isinstance(value, str) and value.endswith("Z"):
            for wrong in INSTANTS:
                sent.refused(method, path, with_raw(body, place, json.dumps(wrong)), 422)


@EVERYWHERE
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'promise': 1}",
        b'{"promise": "A" "B"}',
        b'{"promise":',
        b"\x00",
        b"\xff\xfe\xfd",
        b'{"promise": "\xff"}',
        b'{"promise": "\xed\xa0\x80"}',
        b"[" * 100_000,
        b'{"due":' * 100_000,
        b'{"receipts":' + b"[" * 900 + b"]" * 900 + b"}",
        b"promise=A+cable",
        b"{} {}",
        b"undefined",
    ],
    ids=lambda body: body[:14].decode("latin-1"),
)
def test_what_is_not_json_is_refused(sent: Sent, method: str, path: str, body: bytes) -> None:
    if path == "receipts" and body.startswith(b'{"receipts":'):
        # Each receipt is judged by itself.
        assert sent(method, path, body).json()["results"][0]["status"] == 422
        return
    sent.refused(method, path, body)


@EVERYWHERE
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"text"', b"5", b"true", b"[{}]"])
def test_what_is_no_object_is_refused(sent: Sent, method: str, path: str, body: bytes) -> None:
    if (path, body) != ("commitments/{id}/fulfilment", b""):  # which needs none
        sent.refused(method, path, body, 422)


@pytest.mark.parametrize(
    "receipt",
    [
        r'{"\ud800": 1}',
        r'"\ud800"',
        '"\\u0000"',
        "9" * 400,
        "{" + '"a":{' * 300 + "}" * 301,
        '{"commitment_id": "\\ud800"}',
    ],
)
def test_a_strange_receipt_of_an_outbox_is_its_own_refusal(sent: Sent, receipt: str) -> None:
    good = {"commitment_id": sent.id, "idempotency_key": "k", "revision": 9, "state": "seen"}
    answer = sent("POST", "receipts", f'{{"receipts": [{receipt}, {json.dumps(good)}]}}'.encode())

    if answer.status_code != 200:
        refused(answer, 422)
        return
    assert [result["status"] for result in answer.json()["results"]] == [422, 422]
    assert [result["body"]["code"] for result in answer.json()["results"]] == ["invalid", "invalid"]


@EVERYWHERE
def test_a_field_that_comes_twice_is_refused(sent: Sent, method: str, path: str) -> None:
    body = json.dumps(BODIES[method, path])
    twice = body[:-1] + ", " + body[1:]

    sent.refused(method, path, twice.encode())


@EVERYWHERE
@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/xml", ";;;", "json"]
)
def test_another_content_type_is_refused(sent: Sent, method: str, path: str, kind: str | None) -> None:
    sent.refused(method, path, json.dumps(BODIES[method, path]).encode(), 415, 422, kind=kind)


@EVERYWHERE
def test_a_body_that_is_too_large_is_refused_declared_or_not(
    sent: Sent, serving: Serving, method: str, path: str
) -> None:
    body = b'{"promise": "' + b"x" * 5_000_000 + b'"}'
    path = path.replace("{id}", sent.id).replace("{order}", "SO-1")
    start = f"{method} /v1/{path} HTTP/1.1\r\nHost: localhost\r\n"
    start += f"X-Actor: {sent.agent.actor}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    declared = raw(serving, f"{start}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(part), part) for part in (body[i : i + 65536] for i in range(0, len(body), 65536))
    )
    chunked = raw(serving, f"{start}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n")

    for answer in (declared, chunked):
        assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
        assert b"application/problem+json" in answer
        assert b'"code"' in answer


def raw(serving: Serving, request: bytes) -> bytes:
    """What is answered to raw bytes; who answers early need not read them all."""
    parts = urlsplit(serving.url)
    answered = b""
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=10) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65536):
                answered += chunk
    return answered


# -- paths, queries, headers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "id", ["a%00b", "%ff", "%ed%a0%80", "%C3", "two%20words", "x%0Ay", "%E2%80%8B", "x" * 129, "%"]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "orders/{}"), ("PUT", "orders/{}/assignment"), ("DELETE", "orders/{}/assignment?role=courier")],
)
def test_an_order_id_that_cannot_be_is_refused(sent: Sent, method: str, path: str, id: str) -> None:
    body = b'{"role": "courier", "recipient": "boss:li"}' if method == "PUT" else b""

    sent.refused(method, path.replace("{}", id), body, 422, 404)


@pytest.mark.parametrize("id", ["a%00b", "%ff", "%ed%a0%80", "two%20words", "%", "%7B%7D", "..%2F..%2Fetc", "x" * 5000])
@pytest.mark.parametrize("name", ["", "/fulfilment", "/receipts", "/assignment?role=courier"])
def test_a_commitment_id_that_cannot_be_is_refused(sent: Sent, id: str, name: str) -> None:
    method = {"": "GET", "/assignment?role=courier": "DELETE"}.get(name, "POST")
    body = b"{}" if name == "/fulfilment" else b'{"revision": 1, "state": "seen"}' if name == "/receipts" else b""

    sent.refused(method, f"commitments/{id}{name}", body, 404, 422)


@pytest.mark.parametrize("value", ["%00", "%ff", "%ed%a0%80", "%0a", "x%20y", "x" * 10_000])
@pytest.mark.parametrize(
    "asked",
    [
        "commitments?order_id=",
        "commitments?customer_id=",
        "commitments?status=",
        "commitments?made_by=",
        "commitments?role=",
        "commitments?recipient=",
        "commitments?due_before=",
        "commitments?cursor=",
        "flags?reason=",
        "flags?as_of=",
        "flags?rescue_before=",
        "flags?recipient=",
        "history?actor=",
        "history?from=",
        "history?commitment_id=",
        "history?after=",
        "tasks?recipient=",
        "tasks?as_of=",
        "scorecard?group_by=",
        "scorecard?to=",
    ],
)
def test_a_parameter_that_cannot_be_is_refused(sent: Sent, asked: str, value: str) -> None:
    answer = sent("GET", asked + value, b"")
    if asked in ("commitments?order_id=", "commitments?customer_id=") and value in ("%ff", "%ed%a0%80"):
        # Read as U+FFFD, which is printable: nobody has that id.
        assert answer.json()["items"] == []
        return
    refused(answer, 422)


@pytest.mark.parametrize("value", ["%ff", "%ed%a0%80", "%0a", "x%20y", "汉", "'; DROP TABLE streams; --", "%25s", "{}"])
@pytest.mark.parametrize(
    "asked", ["commitments?channel=", "commitments?kind=", "flags?depot=", "history?conversation="]
)
def test_a_word_that_nobody_used_finds_nothing(sent: Sent, asked: str, value: str) -> None:
    assert sent("GET", asked + value, b"").json()["items"] == []


@pytest.mark.parametrize("position", ["-1", "1.5", "many", "", "9" * 30, "0x10", "²"])
def test_a_malformed_position_is_refused(sent: Sent, position: str) -> None:
    answer = sent("GET", "commitments", b"", **{"Upheld-Min-Position": position})

    refused(answer, 422, "invalid", "/header/upheld-min-position")


@pytest.mark.parametrize(
    "version", ["3", "abc", '"abc"', '"3', "", '"-1"', '"3" "4"', '"9999999999999999999999"', "\xff"]
)
@pytest.mark.parametrize(
    ("name", "body"),
    [("amendments", {"promise": "p", "reason": "r"}), ("withdrawal", {"reason": "r", "cause": "agreed"})],
)
def test_a_malformed_version_is_refused(sent: Sent, version: str, name: str, body: dict[str, str]) -> None:
    sent.refused("POST", f"commitments/{{id}}/{name}", json.dumps(body).encode(), 400, 412, **{"If-Match": version})


@pytest.mark.parametrize(
    "lines",
    [
        "X-Actor: \xff\xfe:li",
        "X-Actor: agent:ling\r\nX-On-Behalf-Of: \xff",
        "X-Actor: agent:ling\r\nContent-Length: abc",
        "X-Actor: agent:ling\r\nContent-Length: -1",
        "X-Actor: agent:ling\r\nContent-Length: 99999999999999999999",
        "X-Actor: agent:ling\r\nContent-Length: 2\r\nTransfer-Encoding: chunked",
        "X-Actor: agent:\x00ling",
        "X-Actor agent:ling",
        "X-Actor: " + "a" * 200_000,
    ],
    ids=lambda lines: repr(lines[:60]),
)
def test_malformed_headers_are_refused(sent: Sent, serving: Serving, lines: str) -> None:
    start = (
        "POST /v1/commitments HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
    )
    answer = raw(serving, f"{start}{lines}\r\n\r\n".encode("latin-1") + b"{}")

    assert answer[:10] == b"HTTP/1.1 4", answer[:200]


@pytest.mark.parametrize(
    "line", ["NONSENSE", "GET", "GET /v1/commitments HTTP/9.9", "G\xffT / HTTP/1.1", "GET /\x00 HTTP/1.1"]
)
def test_what_is_not_http_is_refused(sent: Sent, serving: Serving, line: str) -> None:
    answer = raw(serving, f"{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode("latin-1"))

    assert answer[:10] == b"HTTP/1.1 4", answer[:200]


@pytest.mark.parametrize(
    "path", ["/v1/orders/\xff\xfe", "/v1/commitments?order_id=\xff", "//v1//commitments", "/v1/../etc", "*"]
)
def test_a_path_in_other_bytes_breaks_nothing(sent: Sent, serving: Serving, path: str) -> None:
    start = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Actor: agent:ling\r\n\r\n"

    assert raw(serving, start.encode("latin-1"))[:10] in (b"HTTP/1.1 2", b"HTTP/1.1 4")


# -- what is odd and right --------------------------------------------------------------------------------------


@pytest.mark.parametrize("from_", ["1901-01-01T00:00:00Z", "9979-12-31T23:59:59Z", "2027-03-01T02:15:00.999999Z"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue", "Asia/Kathmandu", "America/Sao_Paulo"])
@pytest.mark.parametrize("unit", ["minutes", "hours", "days", "working_hours", "working_days"])
def test_a_deadline_at_the_edge_of_time_is_computed_or_refused(agent: Api, from_: str, zone: str, unit: str) -> None:
    for amount in (1, 2000, 100_000):
        body = {"due": {"within": {"amount": amount, "unit": unit}}, "time_zone": zone, "from": from_}
        answer = agent.post("/v1/deadlines/preview", body)
        if answer.status_code != 200:
            refused(answer, 422)


@pytest.mark.parametrize("made_at", ["1901-01-01T00:00:00Z", "1999-12-31T23:59:59.999999Z"])
@pytest.mark.parametrize(
    "due", [{"at": "9979-12-31T23:59:59Z"}, {"within": {"amount": 3, "unit": "working_days"}}, {"date": "2000-01-01"}]
)
def test_a_promise_at_the_edge_of_time_is_recorded_and_shown(oms: Api, made_at: str, due: dict[str, Any]) -> None:
    made = oms.promise(made_at=made_at, due=due, order_id="SO-edge")

    oms.assign("SO-edge", "courier:li", departs_at="1901-01-01T00:00:00Z", planned_end="9979-12-31T23:59:59Z")
    assert oms.commitment(made["id"])["made_at"] == made_at
    for path in ("flags", "tasks", "scorecard?group_by=day", "history", "orders/SO-edge"):
        oms.get(f"/v1/{path}")


def test_whatever_the_description_allows_or_forbids_is_answered_as_it_says(serving: Serving, everybody: Api) -> None:
    """In short; `make fuzz` does it at length, as everybody."""
    fuzzing = Fuzzing(serving.url, {"supervisor": {"X-Actor": "supervisor:wang"}})
    fuzzing.operations = [one for one in fuzzing.operations if one.path != "/v1/test-clock"]
    assert len(fuzzing.operations) > 20

    found = fuzzing.run(cases=1, examples=2)

    assert found.faults == []
    assert {"2xx", "4xx"} <= found.answers.keys()

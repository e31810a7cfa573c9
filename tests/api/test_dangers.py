"""What is dangerous on the web, tried: the table in docs/threats.md says which test stands for what."""

import ast
import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.routing import Route

from api.app import create_app
from api.protecting import protected
from api.settings import Settings
from api.spreadsheets import as_it_was, defused
from tests.api.serving import MASTER_KEY, ROOT, Api, Serving, run
from tests.api.test_bad_input import raw
from tests.api.test_evidence import add, photographing, show

__all__ = ["photographing"]  # a fixture

FORMULAS = ('=HYPERLINK("https://evil.example")', "+1", "-1", "@SUM(1)", "=1+1", "＝1", "＠SUM")
EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


# -- what every answer tells a browser --------------------------------------------------------------------------


def addresses() -> list[str]:
    """All that can be asked for, with something in the place of each parameter; and what is refused early."""
    app = create_app(Settings())
    known = {route.path for route in app.routes if isinstance(route, Route) and "GET" in (route.methods or ())}
    filled = {re.sub(r"\{[^}]*\}", "x", path) for path in known if not path.endswith(("/stream", "/live"))}
    return sorted(filled | {"/nowhere", "/assets/nowhere.js", "/v1/commitments?limit=0", "/v1/commitments?a=%00"})


@pytest.mark.parametrize("path", addresses())
def test_nothing_is_taken_for_something_else_or_shown_inside_another_page(agent: Api, path: str) -> None:
    with agent.client.stream("GET", path, headers={"X-Actor": "supervisor:wang", "Accept": "text/html"}) as answer:
        headers = answer.headers
    assert answer.status_code < 500
    assert {name: headers.get(name) for name in EVERYWHERE} == EVERYWHERE
    assert "geolocation=()" in headers["permissions-policy"]
    if "javascript" not in headers.get("content-type", ""):
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none';")
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        scripts = re.search(r"script-src ([^;]*)", policy)
        assert "unsafe" not in (scripts[1] if scripts else "")


def test_a_page_whose_scripts_are_named_by_their_hashes_still_runs_them(agent: Api) -> None:
    policy = agent.client.get("/docs").headers["content-security-policy"]
    assert re.search(r"script-src 'self' 'sha256-[A-Za-z0-9+/]{43}='", policy)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/v1/flags", {"X-Actor": "nobody"}, 401),
        ("POST", "/v1/commitments", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("PATCH", "/v1/commitments", {}, 405),
        ("GET", "/", {"Host": "rebound.example"}, 421),
        ("POST", "/v1/commitments", {"Content-Type": "application/json"}, 422),
    ],
)
def test_a_refusal_is_protected_as_everything_is(
    agent: Api, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = agent.client.request(method, path, headers={"X-Actor": "agent:ling", **headers})
    assert answer.status_code == status
    assert EVERYWHERE.items() <= dict(answer.headers).items()


# -- headers and addresses --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"a\r\nSet-Cookie: x=y", b"a\nb", b"a\rb", b"a\0b"])
def test_no_value_begins_another_header(value: bytes) -> None:
    ((_, sent), *_) = protected([(b"Location", value)])
    assert not set(b"\r\n\0") & set(sent)


@pytest.mark.parametrize("end", ["%0d%0a", "%0a", "%E5%98%8A%E5%98%8D"])
@pytest.mark.parametrize(
    "path",
    [
        "/v1/commitments?limit=1&channel={}",
        "/history?order_id={}",
        "/history/export?format=csv&order_id={}",
        "/history/export?format={}",
        "/desk/found?find={}&order_id={}&embed=1",
        "/c/x{}?lang={}",
        "/k/x{}",
        "/courier/{}",
        "/board/flags/{}",
    ],
)
def test_a_line_end_in_an_address_ends_no_header(agent: Api, path: str, end: str) -> None:
    agent.promise(channel="phone")
    answer = agent.client.get(path.replace("{}", f"{end}Set-Cookie:%20evil=1"), headers={"X-Actor": "supervisor:wang"})
    assert answer.status_code < 500
    assert "evil" not in answer.headers.get("set-cookie", "")


ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\r\n/evil.example",
    "javascript:alert(1)",
    "evil.example",
    "",
)


@pytest.mark.parametrize("target", ELSEWHERE)
@pytest.mark.parametrize("form", ["/who", "/language"])
def test_no_form_leads_to_another_site(agent: Api, form: str, target: str) -> None:
    sent = {"actor": "agent:ling", "locale": "bg", "next": target}
    answer = agent.client.post(form, data=sent, headers={"Sec-Fetch-Site": "same-origin"})
    agent.client.cookies.clear()  # who one is and how one reads is for this test alone
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_page_offers_a_way_to_another_site(agent: Api, target: str) -> None:
    page = agent.client.get("/who", params={"next": target}).text
    led = [one or other for one, other in re.findall(r'(?:href|action)="([^"]*)"|name="next" value="([^"]*)"', page)]
    assert len(led) > 5
    assert not [to for to in led if not re.match(r"#|[?]|/(?![/\\])|$", to)], led


# -- spreadsheets -----------------------------------------------------------------------------------------------


@given(st.text(alphabet="'=+-@\t\r\n＝ab1"))
def test_whatever_a_cell_said_is_read_again_and_no_formula_is_left(text: str) -> None:
    assert as_it_was(defused(text)) == text
    assert not defused(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_of_an_exported_history_is_a_formula(agent: Api, formula: str) -> None:
    order = formula.replace(" ", "")
    agent.promise(order_id=order, customer_id=order)
    exported = agent.request("GET", "/v1/history", headers={"Accept": "text/csv"}, order_id=order).text
    rows = list(csv.DictReader(io.StringIO(exported)))

    assert rows
    assert {row["order_id"] for row in rows} == {f"'{order}"}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(FORMULAS)]
    assert {as_it_was(row["customer_id"]) for row in rows} <= {order, ""}


def test_no_cell_of_the_scorecard_is_a_formula(agent: Api) -> None:
    agent.assign("SO-formula", "courier:li", depot="=1+1")
    agent.promise(order_id="SO-formula")
    agent.all_taken_in()
    cookie = {"Cookie": "upheld_actor=supervisor:wang"}
    got = agent.client.get("/board/scorecard.csv", params={"group_by": "depot"}, headers=cookie)
    assert "'=1+1" in {row["group"] for row in csv.DictReader(io.StringIO(got.text))}


def test_rows_that_an_import_gives_back_are_no_formulas_and_are_taken_as_they_were_the_next_time(
    fresh_database: Callable[[], str], tmp_path: Path
) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(
        "order_id,customer_id,kind,promise,due_at\n"
        "=1+1,'=x,redelivery,-by noon,never\n"
        "=2+2,CU-7,redelivery,-by noon,2030-01-01T00:00:00Z\n"
    )
    known: dict[str, object] = {"database_url": fresh_database(), "master_key": MASTER_KEY}
    first = run("import", str(orders), folder=tmp_path, **known)
    assert json.loads(first.stdout.splitlines()[-1])["rejected"] == 1, first.stdout + first.stderr
    rejected = tmp_path / "orders.csv.rejected.csv"
    (row,) = csv.DictReader(io.StringIO(rejected.read_text()))
    assert (row["order_id"], row["customer_id"], row["promise"]) == ("'=1+1", "'=x", "'-by noon")

    again = tmp_path / "mended.csv"
    again.write_text(rejected.read_text().replace("never", "2030-01-01T00:00:00Z"))
    second = run("import", str(again), folder=tmp_path, **known)
    assert json.loads(second.stdout.splitlines()[-1])["imported"] == 1, second.stdout + second.stderr
    with Serving(tmp_path, **known).wait() as serving:
        auditor = serving.by("auditor:chen")
        auditor.end_of_the_log()
        found = auditor.get("/v1/commitments")["items"]
    assert {(one["order_id"], one["customer_id"], one["promise"]) for one in found} == {
        ("=1+1", "=x", "-by noon"),
        ("=2+2", "CU-7", "-by noon"),
    }


# -- logs -------------------------------------------------------------------------------------------------------

STEERING = "a\x1b[2Jb\x9b31mc\r\nd\u2028e\x07\x7f"
SAYS = f"""
import logging, structlog
from api.logs import configure_logs
configure_logs()
structlog.get_logger("upheld.test").warning("said", order_id={STEERING!r})
logging.getLogger("library").error("it says %s", {STEERING!r})
"""


def test_what_was_sent_begins_no_line_of_the_log_and_steers_no_terminal() -> None:
    done = subprocess.run([sys.executable, "-c", SAYS], cwd=ROOT, capture_output=True, timeout=30, check=True)
    lines = done.stderr.decode().removesuffix("\n").split("\n")
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
    assert json.loads(lines[0])["order_id"] == STEERING
    assert json.loads(lines[1])["event"] == f"it says {STEERING}"


def test_on_a_terminal_it_steers_nothing_either() -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", SAYS], cwd=ROOT, stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # the terminal is gone with who wrote to it
        pass
    finally:
        os.close(ours)
    assert process.wait(30) == 0
    assert b"said" in shown
    assert b"it says" in shown
    # Colours are the log's own; nothing else that begins with ESC is.
    plain = re.sub(rb"\x1b\[[0-9;]*m", b"", shown).decode()
    assert len(plain.strip().splitlines()) == 2
    assert all(line.isprintable() for line in plain.strip().splitlines())


# -- secrets ----------------------------------------------------------------------------------------------------

HUSH = "hush-hush-4711"


FAR = f"postgresql://upheld:{HUSH}@127.0.0.1:1/upheld"


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        (("status",), {"database_url": FAR}),
        (("serve", "--port", "0"), {"database_url": FAR}),
        (("backup", "file"), {"database_url": FAR}),
        (("status",), {"database_url": f"postgresql://upheld:{HUSH}@nowhere.invalid/upheld"}),
        (("status",), {"database_url": f"postgresql://upheld:{HUSH}@[/upheld"}),
        (("serve", "--port", "0"), {"database_url": f"host=127.0.0.1 port=1 password='{HUSH}"}),
        (("verify",), {"database_url": f"upheld {HUSH}"}),
        (("serve", "--port", "0"), {"master_key": HUSH}),
        (("restore", "file"), {"master_key": HUSH}),
    ],
)
def test_no_refusal_of_a_command_tells_a_secret(
    fresh_database: Callable[[], str], tmp_path: Path, command: tuple[str, ...], settings: dict[str, str]
) -> None:
    done = run(*command, folder=tmp_path, **{"database_url": fresh_database(), "master_key": MASTER_KEY, **settings})
    assert done.returncode in (1, 2), done
    assert HUSH not in done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_a_secret_of_the_configuration_is_in_no_answer_and_no_line_of_the_log(
    fresh_database: Callable[[], str], tmp_path: Path
) -> None:
    config = tmp_path / "upheld.toml"
    config.write_text(
        "[[webhooks]]\n"
        f'url = "http://127.0.0.1:1/{HUSH}"\n'
        'secret = "whsec_aHVzaC1odXNoLTQ3MTEtaHVzaC1odXNo"\nallow_private = true\n'
        f'[hooks.desk]\nverify = "bearer"\nsecret = "{HUSH}"\n'
        '[[hooks.desk.commands]]\nsend = "POST /v1/commitments"\nbody = { kind = "callback" }\n'
    )
    settings: dict[str, object] = {"database_url": fresh_database(), "master_key": MASTER_KEY, "config": config}
    with Serving(tmp_path, **settings).wait() as serving:
        agent = serving.by("supervisor:wang")
        channel = f"json://li:{HUSH}@127.0.0.1:1/x"
        body = {"name": "Li", "locale": "en", "time_zone": "UTC", "channels": [channel]}
        said = [agent.put("/v1/people/courier:li", body).text]
        agent.assign("SO-1", "courier:li")
        agent.promise(order_id="SO-1")
        agent.end_of_the_log()
        wrong = agent.client.post("/v1/hooks/desk", json={}, headers={"Authorization": f"Bearer {HUSH}x"})
        asked = ("/readyz?verbose", "/metrics", "/openapi.json")
        said += [wrong.text, *(agent.client.get(path).text for path in asked)]
        said += [json.dumps(agent.get("/v1/people/courier:li")), json.dumps(agent.history())]
    said += [serving.logged]
    for secret in (HUSH, "aHVzaC1odXNoLTQ3MTEtaHVzaC1odXNo", MASTER_KEY):
        assert not [text for text in said if secret in text], secret


_SECRET = re.compile(r"secret|token|password|digest|fingerprint|code_hash|api_key", re.IGNORECASE)


def compared(source: Path) -> Iterator[str]:
    """Where a module compares by `==` what has the name of a secret."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            for side in (node.left, *node.comparators):
                name = side.attr if isinstance(side, ast.Attribute) else side.id if isinstance(side, ast.Name) else ""
                if _SECRET.search(name):
                    yield f"{source.relative_to(ROOT)}:{node.lineno} {name}"


PUBLIC = {"store/verification.py digest", "store/keyring.py fingerprint", "store/rewrapping.py fingerprint"}
"""The hash of a seal, which everybody is shown; that of a master key, which nobody sends."""


def test_secrets_are_compared_in_a_time_that_tells_nothing() -> None:
    rooms = ("api", "policies", "projections", "store", "domain")
    sources = [file for room in rooms for file in (ROOT / room).rglob("*.py")]
    found = {re.sub(r":\d+", "", one) for source in sources for one in compared(source)}
    assert found - PUBLIC == set()


# -- files ------------------------------------------------------------------------------------------------------


@pytest.fixture
def li(photographing: Serving) -> Api:
    return photographing.by("courier:li")


def polyglot(ending: bytes) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(written, "JPEG", comment=ending[:200])
    return written.getvalue() + ending


def zipped() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("evil.html", "<script>alert(1)</script>")
    return written.getvalue()


@pytest.mark.parametrize("ending", [b"<script>alert(1)</script>", b"<?php system('id') ?>", zipped(), b"%PDF-1.7 evil"])
def test_a_photo_that_is_something_else_besides_is_kept_as_a_photo_alone(li: Api, ending: bytes) -> None:
    added = add(li, polyglot(ending))
    assert added.status_code == 201
    answer = show(li, added.json()["id"])

    assert ending[:8] not in answer.content
    assert Image.open(io.BytesIO(answer.content)).size == (8, 8)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == f'inline; filename="{added.json()["id"]}.jpg"'
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "photo",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"GIF89a/*<script>alert(1)</script>*/",
        b"<html><script>alert(1)</script>",
        b"%!PS\n(evil) run",
        zipped(),
    ],
)
def test_what_only_calls_itself_a_photo_is_refused(li: Api, photo: bytes) -> None:
    assert add(li, photo).status_code == 422


# -- limits -----------------------------------------------------------------------------------------------------


def test_who_asks_for_more_than_there_is_on_a_page_is_refused(agent: Api) -> None:
    for path in ("commitments", "history", "flags"):
        assert agent.request("GET", f"/v1/{path}", limit=501).status_code == 422


def test_a_header_without_end_is_refused(serving: Serving) -> None:
    start = b"GET /v1/flags HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Actor: "
    assert raw(serving, start + b"a" * 1_000_000 + b"\r\n\r\n")[:10] in (b"HTTP/1.1 4", b"")

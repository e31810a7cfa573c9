"""How a hook is configured: by what its sender is known, and what is made of what he sends."""

import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.catalogue import parse_catalogue
from domain.errors import ConfigurationError, MappingFailed, Unauthenticated
from domain.hooks import Hook
from domain.signatures import Delivery, Hmac
from domain.templates import Json, Template

NOW = datetime(2026, 11, 20, 2, 15, tzinfo=UTC)
PAYLOAD: Json = {
    "id": 81,
    "price": 39.5,
    "vip": True,
    "none": None,
    "empty": "",
    "words": "with {id}, 100 %",
    "tags": ["promise", 1],
    "0": "zero",
    "nested": {"list": [{"a": "first"}, {"a": "second"}]},
}


def hook(text: str, verify: str = "verify = 'bearer'\nsecret = 's'") -> Hook:
    return parse_catalogue(f"[hooks.x]\n{verify}\n{text}").hooks["x"]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{id}", 81),
        ("{ id }", 81),
        ("{price}", 39.5),
        ("{vip}", True),
        ("{none}", None),
        ("{tags}", ["promise", 1]),
        ("{tags.0}", "promise"),
        ("{0}", "zero"),
        ("{nested.list.1.a}", "second"),
        ("{nested.list}", [{"a": "first"}, {"a": "second"}]),
        ("No. {id} at {price}, {vip}", "No. 81 at 39.5, true"),
        ("{words}!", "with {id}, 100 %!"),
        ("{gone|}", None),
        ("{none|}", None),
        ("{empty|}", None),
        ("{empty}", ""),
        ("{gone|some thing}", "some thing"),
        ("{none|x} {empty|y} {gone|}.", "x y ."),
        ("{{id}} {{{id}}}", "{id} {81}"),
        ("", ""),
    ],
)
def test_a_template_is_filled_with_what_was_sent(source: str, value: Json) -> None:
    assert Template.parse(source).value(PAYLOAD) == value


@pytest.mark.parametrize(
    "source",
    [
        "{gone}",
        "{tags.2}",
        "{tags.-1}",
        "{tags.x}",
        "{id.x}",
        "{words.0}",
        "{nested.list.a}",
        "{tags.²}",
        "x{none}",
        "x{tags}",
    ],
)
def test_what_is_missing_is_told_by_its_path(source: str) -> None:
    with pytest.raises(MappingFailed) as failed:
        Template.parse(source).value(PAYLOAD)
    assert source.partition("{")[2].rstrip("}") in str(failed.value)


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("id = 81", True),
        ("id = '81'", False),
        ("id = true", False),
        ("vip = true", True),
        ("vip = 1", False),
        ("tags = 'promise'", True),
        ("tags = ['x', 'promise']", True),
        ("tags = 'prom'", False),
        ("tags = true", False),
        ("'nested.list.0.a' = 'first'", True),
        ("id = 81, vip = false", False),
        ("gone = ''", False),
        ("", True),
    ],
)
def test_a_rule_holds_where_all_its_conditions_do(when: str, holds: bool) -> None:
    rules = hook(f"[[hooks.x.commands]]\nsend = 'POST /v1/commitments'\nwhen = {{ {when} }}").rules_for(PAYLOAD)

    assert bool(rules) is holds


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("colour = 1", "hooks.x.colour: is not a key of a hook"),
        ("prefix = 'v1='", "hooks.x.prefix: is not a key of a hook"),
        ("actor = 'x'", "hooks.x.actor: is not of the form ROLE:ID"),
        ("actor = 'boss:x'", "hooks.x.actor: there is no role 'boss'"),
        ("actor = 'team:agent'", "hooks.x.actor: there is no role 'team'"),
        ("secret_file = '/none'", "hooks.x.secret: stands beside secret_file"),
        ("commands = 3", "hooks.x.commands: expected 'array', got 'int'"),
        ("[[hooks.x.commands]]\nsent = ''", "hooks.x.commands[0].sent: is not a key of a command of a hook"),
        ("[[hooks.x.commands]]\nkey = 'x'", "hooks.x.commands[0].send: is missing"),
        ("[[hooks.x.commands]]\nsend = 'GET /v1/commitments'", "hooks.x.commands[0].send: 'GET /v1/commitments' is no"),
        (
            "[[hooks.x.commands]]\nsend = 'POST /v1/hooks/x'",
            "hooks.x.commands[0].send: 'POST /v1/hooks/x' is no command",
        ),
        ("[[hooks.x.commands]]\nsend = 'POST /v1/{a}'", "hooks.x.commands[0].send: 'POST /v1/{a}' is no command"),
        ("[[hooks.x.commands]]\nsend = 'PUT /v1/routes/{a'", "hooks.x.commands[0].send: '/v1/routes/{a' has a brace"),
        ("[[hooks.x.commands]]\nsend = 'PUT /v1/routes/{}'", "hooks.x.commands[0].send: '/v1/routes/{}' has a brace"),
        ("[[hooks.x.commands]]\nsend = 'PUT /v1/routes/{a..b}'", "hooks.x.commands[0].send: 'a..b' is no path"),
        ("[[hooks.x.commands]]\nsend = 'POST /v1/receipts'\nbody = 'x'", "hooks.x.commands[0].body: expected"),
        (
            "[[hooks.x.commands]]\nsend = 'POST /v1/receipts'\nbody = { a = [{ b = '}' }] }",
            "hooks.x.commands[0].body.a[0].b: '}' has a brace",
        ),
        (
            "[[hooks.x.commands]]\nsend = 'POST /v1/receipts'\nbody = { a = 2026-11-20 }",
            "hooks.x.commands[0].body.a: is a date or a time",
        ),
        (
            "[[hooks.x.commands]]\nsend = 'POST /v1/receipts'\nwhen = { a.b = 'x' }",
            'hooks.x.commands[0].when.a: is a table; write a path in quotes, as in "a.b"',
        ),
        (
            "[[hooks.x.commands]]\nsend = 'POST /v1/receipts'\nwhen = { a = [] }",
            "hooks.x.commands[0].when.a: is neither",
        ),
        (
            "actor = 'agent:x'\n[[hooks.x.commands]]\nsend = 'POST /v1/receipts'\non_behalf_of = 'agent:y'",
            "hooks.x.commands[0].on_behalf_of: only a system may speak",
        ),
    ],
)
def test_a_damaged_hook_is_one_line_that_names_the_key(text: str, line: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        hook(text)
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("verify", "line"),
    [
        ("secret = 's'", "hooks.x.verify: is missing"),
        ("verify = 'trust'\nsecret = 's'", "hooks.x.verify: invalid enum value 'trust'"),
        ("verify = 'bearer'", "hooks.x.secret: is missing"),
        ("verify = 'bearer'\nsecret = ''", "hooks.x.secret: holds one secret, or two"),
        ("verify = 'bearer'\nsecret = []", "hooks.x.secret: holds one secret, or two"),
        ("verify = 'bearer'\nsecret = ['a', 'b', 'c']", "hooks.x.secret: holds one secret, or two"),
        ("verify = 'bearer'\nsecret_file = '/none/such'", "hooks.x.secret_file: /none/such cannot be read: No such"),
        ("verify = 'standard'\nsecret = 'whsec_%'", "hooks.x.secret: is no secret of Standard Webhooks"),
        ("verify = 'standard'\nsecret = 'whsec_'", "hooks.x.secret: is no secret of Standard Webhooks"),
        ("verify = 'hmac'\nsecret = 's'", "hooks.x.header: is missing"),
        ("verify = 'hmac'\nsecret = 's'\nheader = 'H'\nalgorithm = 'md5'", "hooks.x.algorithm: invalid enum value"),
        ("verify = 'hmac'\nsecret = 's'\nheader = 'H'\nsigned = 'x'", "hooks.x.signed: is not made of {body}"),
        (
            "verify = 'hmac'\nsecret = 's'\nheader = 'H'\nsigned = '{timestamp}{body}'",
            "hooks.x.timestamp_header: is missing",
        ),
        (
            "verify = 'hmac'\nsecret = 's'\nheader = 'H'\ntimestamp_header = 'T'",
            "hooks.x.timestamp_header: is of no use",
        ),
        ("verify = 'hmac'\nsecret = 's'\nheader = 'H'\ntolerance = '5'", "hooks.x.tolerance: '5' is not an ISO 8601"),
    ],
)
def test_a_damaged_verification_is_one_line_that_names_the_key(verify: str, line: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        hook("", verify)
    assert str(refused.value).startswith(line)


def test_a_name_stands_in_a_path() -> None:
    with pytest.raises(ConfigurationError, match=r"^hooks\.a/b: is not a name"):
        parse_catalogue("[hooks.'a/b']\nverify = 'bearer'\nsecret = 's'")


def test_secrets_may_lie_in_a_file_one_a_line_and_are_shown_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text("first-word\n second-word \n\n", encoding="utf-8")
    read = hook("", f"verify = 'bearer'\nsecret_file = '{file}'")

    for secret in (b"first-word", b"second-word"):
        read.verification.check(Delivery({"authorization": f"bearer {secret.decode()}"}, b""), NOW)
    assert "word" not in repr(read)


@pytest.mark.parametrize(
    ("timestamp", "is_good"),
    [
        (str(int(NOW.timestamp())), True),
        (str(int(NOW.timestamp() * 1000)), True),
        (NOW.isoformat(), True),
        ("2026-11-20T10:19:00+08:00", True),
        ("2026-11-20T10:21:00+08:00", False),
        ("2026-11-20T02:15:00", False),
        ("0001-01-01T00:00:00+14:00", False),
        ("9" * 30, False),
        ("²", False),
        ("", False),
    ],
)
def test_the_time_that_is_signed_is_told_in_several_forms(timestamp: str, is_good: bool) -> None:
    verification = Hmac(("s",), "H", signed="{timestamp}.{body}", timestamp_header="T")
    signed = f"{timestamp}.{{}}".encode("latin-1")
    headers = {"h": hmac.digest(b"s", signed, "sha256").hex(), "t": timestamp}

    def check(**altered: Any) -> None:
        verification.check(Delivery(headers | altered, b"{}"), NOW)

    if is_good:
        check()
    else:
        with pytest.raises(Unauthenticated):
            check()
    with pytest.raises(Unauthenticated):
        check(t=(NOW + timedelta(seconds=1)).isoformat())

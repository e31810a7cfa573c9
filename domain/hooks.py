"""Webhooks of other systems: by what each is known, and which commands are made of it (contract, section 8).

>>> table = {
...     "verify": "bearer",
...     "secret": "s3cret",
...     "commands": [
...         {
...             "when": {"ticket.tags": "promise"},
...             "send": "POST /v1/commitments",
...             "key": "ticket-{ticket.id}",
...             "body": {"customer_id": "{ticket.customer}", "promise": "{note}"},
...         }
...     ],
... }
>>> hook = read_hook("helpdesk", table, frozenset({"system"}))
>>> hook.actor
'system:helpdesk'
>>> payload = {"ticket": {"id": 81, "customer": "CU-7", "tags": ["promise"]}, "note": "We call back"}
>>> [rule] = hook.rules_for(payload)
>>> command = rule.command(payload)
>>> command.method, command.target, command.key
('POST', '/v1/commitments', 'ticket-81')
>>> command.body
{'customer_id': 'CU-7', 'promise': 'We call back'}
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from domain.actors import Actor
from domain.errors import Invalid
from domain.rules import Condition, Filled, Rule, path_of
from domain.signatures import Verification
from domain.tables import fault, read
from domain.templates import Json, Place, Template
from domain.verifying import read_verification

__all__ = ["Hook", "read_hook"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)

_COMMANDS = """
POST /v1/commitments
POST /v1/commitments/{}/amendments
POST /v1/commitments/{}/withdrawal
POST /v1/commitments/{}/fulfilment
POST /v1/commitments/{}/reopening
POST /v1/commitments/{}/attempts
POST /v1/commitments/{}/contacts
POST /v1/commitments/{}/receipts
POST /v1/receipts
PUT /v1/commitments/{}/assignment
DELETE /v1/commitments/{}/assignment
PUT /v1/orders/{}/assignment
DELETE /v1/orders/{}/assignment
PUT /v1/routes/{}
POST /v1/commitments/{}/escalations
POST /v1/amendments
POST /v1/commitments/{}/customer-link
DELETE /v1/commitments/{}/customer-link
POST /v1/deadlines/preview
"""
"""The commands of section 4 of the contract, `{}` for what stands in a path."""

_KNOWN = tuple(
    (method, re.compile(re.escape(path).replace(r"\{\}", "[^/]+")))
    for method, path in map(str.split, _COMMANDS.strip().splitlines())
)

_P = TypeVar("_P")


@dataclass(frozen=True, slots=True)
class Hook:
    """Another system that may send: how it is known, who it is here, and the rules by which its deliveries are read."""

    name: str
    verification: Verification
    actor: str
    rules: tuple[Rule, ...]

    def rules_for(self, payload: Json) -> list[Rule]:
        """The rules that hold for a payload, in their order."""
        return [rule for rule in self.rules if all(condition.holds(payload) for condition in rule.when)]


class _Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    send: str
    when: dict[str, object] = {}
    on_behalf_of: str | None = None
    key: str | None = None
    body: dict[str, object] | None = None


def read_hook(name: str, raw: object, roles: frozenset[str]) -> Hook:
    """A hook as the file has it. Raises `ConfigurationError`: one line that begins with the key that is wrong."""
    key = f"hooks.{name}"
    if not _NAME.fullmatch(name):
        raise fault(key, "is not a name of letters, digits, _, . and -")
    table, verification = read_verification(key, raw)
    actor = _actor(f"{key}.actor", table.actor or f"system:{name}", roles)
    rules: list[Rule] = []
    for number, rule in enumerate(table.commands):
        rules.append(_rule(f"{key}.commands[{number}]", rule, actor, rules))
    return Hook(name, verification, str(actor), tuple(rules))


def _actor(key: str, text: str, roles: frozenset[str]) -> Actor:
    try:
        actor = Actor.parse(text)
    except Invalid as error:
        raise fault(key, str(error)) from error
    if actor.role not in roles or actor.role == "team":
        raise fault(key, f"there is no role '{actor.role}'")
    return actor


def _rule(key: str, raw: object, actor: Actor, before: list[Rule]) -> Rule:
    table = read(key, raw, _Rule, "a command of a hook")
    if table.on_behalf_of is not None and actor.role != "system":
        raise fault(f"{key}.on_behalf_of", f"only a system may speak on somebody's behalf, and {actor} is none")
    method, target = _target(f"{key}.send", table.send)
    return Rule(
        when=tuple(_condition(f"{key}.when", path, values) for path, values in table.when.items()),
        send=table.send,
        method=method,
        target=target,
        nth=1 + sum(rule.path == path_of(target) for rule in before),
        on_behalf_of=_template(f"{key}.on_behalf_of", table.on_behalf_of) if table.on_behalf_of is not None else None,
        key=_template(f"{key}.key", table.key) if table.key is not None else None,
        body=_filled(f"{key}.body", table.body),
    )


def _target(key: str, send: str) -> tuple[str, Template]:
    method, _, target = send.partition(" ")
    template = _template(key, target.strip())
    if not any(method == known and pattern.fullmatch(path_of(template)) for known, pattern in _KNOWN):
        raise fault(key, f"'{send}' is no command, as in 'POST /v1/commitments/{{ticket.commitment}}/fulfilment'")
    return method, template


def _condition(key: str, path: str, values: object) -> Condition:
    key = f"{key}.{path}"
    if isinstance(values, dict):
        raise fault(key, f'is a table; write a path in quotes, as in "{path}.{next(iter(values), "name")}"')
    wanted = values if isinstance(values, list) else [values]
    plain = tuple(value for value in wanted if isinstance(value, str | int | float))
    if not plain or len(plain) < len(wanted):
        raise fault(key, "is neither a text, a number, true nor false, nor a list of them")
    return Condition(_parsed(key, Place.parse, path), plain)


def _filled(key: str, raw: object) -> Filled:
    match raw:
        case str():
            return _template(key, raw)
        case dict():
            return {name: _filled(f"{key}.{name}", value) for name, value in raw.items()}
        case list():
            return [_filled(f"{key}[{number}]", value) for number, value in enumerate(raw)]
        case None | bool() | int() | float():
            return raw
    raise fault(key, "is a date or a time; write it as a text, in quotes")


def _template(key: str, text: str) -> Template:
    return _parsed(key, Template.parse, text)


def _parsed(key: str, parse: Callable[[str], _P], text: str) -> _P:
    try:
        return parse(text)
    except ValueError as error:
        raise fault(key, str(error)) from error

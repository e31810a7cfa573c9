"""Sends whatever the description of the interface allows, and what it forbids, as everybody, and judges each answer.

>>> found = Fuzzing(serving.url, as_everybody()).run(cases=20_000, seconds=600)  # doctest: +SKIP
>>> found.cases, found.faults  # doctest: +SKIP
(20004, [])

`python -m tests.api.fuzzing` is what `make fuzz` does: half of the cases go to a server of its own in open mode, half
to one that asks for sign-in, to which each role comes with a key.
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.serving import Serving, run

__all__ = ["ROLES", "Found", "Fuzzing", "as_everybody"]

ROLES = ("agent", "courier", "warehouse", "finance", "supervisor", "auditor", "system", "admin")
_SHAPE = (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
_EXAMPLES = 10
"""Of each operation in a round, half of them allowed and half of them forbidden."""
_WITHIN = 10
_KNOWN: dict[str, Any] = {
    "kind": "redelivery",
    "role": "courier",
    "recipient": "courier:fuzz",
    "revision": 1,
    "path": ["courier"],
    "due": {"within": {"amount": 1, "unit": "days"}},
    "time_zone": "Asia/Shanghai",
    "calendar": "CN",
    "value": {"amount": "39.00", "currency": "CNY"},
    "items": [{"sku": "HDMI-2M", "quantity": 1}],
}
"""Words that mean something, so that what is right in form gets further."""
_MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def as_everybody(keys: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
    """By which headers each role is known: by `X-Actor` in open mode, by its key where sign-in is required.

    >>> as_everybody({"agent": "upk_1"})
    {'agent': {'Authorization': 'Bearer upk_1'}}
    """
    if keys:
        return {role: {"Authorization": f"Bearer {key}"} for role, key in keys.items()}
    return {role: {"X-Actor": f"{role}:fuzz"} for role in ROLES}


@dataclass
class Found:
    """What came of it: cases by the class of their answer, and each fault with how to repeat it."""

    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def cases(self) -> int:
        return self.answers.total()


class Fuzzing:
    """Sends to a server as each of some roles."""

    def __init__(self, url: str, everybody: Mapping[str, Mapping[str, str]]) -> None:
        self.url = url
        self._everybody = everybody
        self._schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        found = self._schema.get_all_operations()
        self.operations = [operation.ok() for operation in found if isinstance(operation, Ok)]
        self._session = requests.Session()
        self._session.trust_env = False
        self._numbers = itertools.count(1)

    def run(self, *, cases: int, seconds: float = float("inf"), start: int = 1, examples: int = _EXAMPLES) -> Found:
        """Send at least so many, in rounds over all operations and roles, or until the time is over."""
        found, deadline = Found(), time.monotonic() + seconds
        for round_number in itertools.count(start):
            for operation, mode in itertools.product(self.operations, _MODES):
                if time.monotonic() > deadline:
                    return found
                self._send(found, operation, mode, round_number, max(examples // len(_MODES), 1))
            if found.cases >= cases:
                return found
        raise AssertionError("rounds have no end")

    def _send(self, found: Found, operation: Any, mode: GenerationMode, number: int, examples: int) -> None:
        """Some requests for one operation, each as everybody; the first fault is kept, as small as it gets."""
        promise = self._promise()

        @seed(number)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        @given(case=operation.as_strategy(generation_mode=mode), is_there=st.booleans())
        def answered(case: schemathesis.Case[Any], is_there: bool) -> None:
            self._aim(case, promise if is_there else None)
            for headers in self._everybody.values():
                found.answers[self._judge(case, headers)] += 1

        try:
            answered()
        except (FailureGroup, AssertionError, requests.RequestException) as error:
            found.faults.append(f"{operation.label}, {mode.value}, seed {number}: {error}")
        except Exception as error:
            # A case that cannot be made (a schema that nothing is outside of) was sent to nobody.
            if type(error).__name__ not in ("Unsatisfiable", "SkipTest"):
                raise

    def _judge(self, case: schemathesis.Case[Any], headers: Mapping[str, str]) -> str:
        if case.path.endswith("/stream"):
            return self._judge_stream(case, headers)
        answer = case.call(base_url=self.url, session=self._session, headers=dict(headers), timeout=_WITHIN)
        is_away = answer.status_code == 503 and "retry-after" in answer.headers
        checks = _SHAPE if is_away else (not_a_server_error, *_SHAPE)
        case.validate_response(answer, checks=list(checks), headers=dict(headers))
        return "503" if is_away else f"{answer.status_code // 100}xx"

    def _judge_stream(self, case: schemathesis.Case[Any], headers: Mapping[str, str]) -> str:
        """A stream never ends by itself, and begins at once or not at all."""
        sent = case.as_transport_kwargs(base_url=self.url)
        sent["headers"] = {**sent["headers"], **headers}
        with self._session.request(**sent, stream=True, timeout=_WITHIN) as answer:
            kind = answer.headers["content-type"]
            expected = "text/event-stream" if answer.status_code == 200 else "application/problem+json"
            assert answer.status_code < 500 and kind.startswith(expected), f"{answer.status_code}, {kind}"  # noqa: PT018
            return f"{answer.status_code // 100}xx"

    def _promise(self) -> dict[str, str]:
        """What is there to be aimed at: a promise that nobody has touched, and its order, which somebody carries."""
        number = next(self._numbers)
        carried = {"role": "courier", "recipient": "courier:fuzz"}
        body: dict[str, Any] = {
            "customer_id": "CU-7",
            "kind": "redelivery",
            "promise": "It comes by noon",
            "order_id": f"FUZZ-{number}",
            "due": {"within": {"amount": 1, "unit": "days"}},
        }
        maker = self._everybody.get("system", next(iter(self._everybody.values())))
        made = self._session.post(f"{self.url}/v1/commitments", json=body, headers=dict(maker), timeout=_WITHIN)
        made.raise_for_status()
        at = f"{self.url}/v1/orders/FUZZ-{number}/assignment"
        self._session.put(at, json=carried, headers=dict(maker), timeout=_WITHIN).raise_for_status()
        return {"id": str(made.json()["id"]), "order_id": f"FUZZ-{number}", "actor": "courier:fuzz"}

    def _aim(self, case: schemathesis.Case[Any], promise: Mapping[str, str] | None) -> None:
        """Let half of the cases meet something that is there, by somebody who acts for himself."""
        case.headers.pop("X-Actor", None)
        position = str(case.headers.get("Upheld-Min-Position", ""))
        if position.isdigit():
            case.headers["Upheld-Min-Position"] = "1"  # what is still to come is waited for, five seconds long
        if promise is None:
            return
        case.headers.pop("X-On-Behalf-Of", None)
        for name in case.path_parameters:
            if name in promise and (name != "id" or "/commitments/" in case.path):
                case.path_parameters[name] = quote(promise[name], safe="")
        if isinstance(case.body, dict):
            case.body |= {name: value for name, value in {**_KNOWN, **promise}.items() if name in case.body}
            for name in ("at", "made_at"):  # nearly every instant is too long ago, or to come
                case.body.pop(name, None)


def main() -> None:
    """Fuzz a server, for at most so many minutes; exit status 1 where something was found."""
    asked = argparse.ArgumentParser(description=main.__doc__)
    asked.add_argument("--cases", type=int, default=20_000)
    asked.add_argument("--minutes", type=float, default=10.0)
    asked.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000)
    asked.add_argument("--auth", choices=("open", "required"), action="append", help="how one is known; else both ways")
    options = asked.parse_args()
    ways = options.auth or ["open", "required"]
    faults = 0
    for auth in ways:
        with tempfile.TemporaryDirectory(prefix="upheld-fuzz-") as folder:
            found = _fuzz(Path(folder), auth, options, len(ways))
        for fault in found.faults:
            print(fault, end="\n\n")
        told = ", ".join(f"{number} {name}" for name, number in sorted(found.answers.items()))
        print(f"{auth}: {found.cases} cases ({told}), seed {options.seed}: {len(found.faults)} faults", flush=True)
        faults += len(found.faults)
    sys.exit(bool(faults))


def _fuzz(folder: Path, auth: str, options: argparse.Namespace, ways: int) -> Found:
    """A part of the cases, in a part of the time."""
    keys = {role: _key(folder, role) for role in ROLES} if auth == "required" else None
    with Serving(folder, auth=auth).wait() as serving:
        fuzzing = Fuzzing(serving.url, as_everybody(keys))
        found = fuzzing.run(cases=options.cases // ways, seconds=options.minutes * 60 / ways, start=options.seed)
        if "Traceback" in serving.logged:
            found.faults.append("the log of the server has a traceback")
        return found


def _key(folder: Path, role: str) -> str:
    made = run("key", "create", "--role", role, "--id", "fuzz", folder=folder, auth="required")
    made.check_returncode()
    return made.stdout.strip()


if __name__ == "__main__":
    main()

"""A house where people sign in: a serving process with `UPHELD_AUTH=required`, and everybody's key."""

import json
import subprocess
from pathlib import Path
from typing import Any, Self

from tests.api.serving import MASTER_KEY, Api, Serving, run

__all__ = ["House"]

BOOK = {
    "agent:ling": {"name": "Ling", "locale": "en", "time_zone": "Asia/Shanghai", "team": "team:north"},
    "agent:bo": {"name": "Bo", "locale": "en", "time_zone": "Asia/Shanghai", "team": "team:north"},
    "agent:eve": {"name": "Eve", "locale": "en", "time_zone": "Asia/Shanghai", "team": "team:south"},
}


class House(Serving):
    """`house.key_of("agent:ling")` is an agent who asks with a key of his own.

    >>> house.key_of("supervisor:wang").get("/v1/flags")["total"]  # doctest: +SKIP
    0
    """

    def __init__(self, folder: Path, url: str, *arguments: str, **settings: object) -> None:
        self.folder = folder
        self.own = {"database_url": url, "master_key": MASTER_KEY, "auth": "required"} | settings
        super().__init__(folder, *arguments, **self.own)
        self._keys: dict[str, str] = {}

    def upheld(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command beside the process that serves, on the same database."""
        return run(*arguments, folder=self.folder, **self.own)

    def wait(self) -> Self:
        super().wait()
        made = self.upheld("key", "create", "--role", "admin", "--id", "root")
        assert made.returncode == 0, made.stderr
        self._keys["admin:root"] = made.stdout.strip()
        for actor, known in BOOK.items():
            answer = self.key_of("admin:root").put(f"/v1/people/{actor}", known)
            assert answer.status_code == 200, answer.text
        return self

    def key(self, actor: str) -> str:
        """The key of somebody, made when it is first asked for."""
        if actor not in self._keys:
            answer = self.key_of("admin:root").post("/v1/keys", {"actor": actor})
            assert answer.status_code == 201, answer.text
            self._keys[actor] = answer.json()["key"]
        return self._keys[actor]

    def with_key(self, key: str, actor: str = "admin:root", **headers: str) -> Api:
        """Whoever asks with that key; what X-Actor says counts for nothing."""
        return Api(self.by(actor).client, actor, {"Authorization": f"Bearer {key}", **headers})

    def key_of(self, actor: str, *, on_behalf_of: str | None = None) -> Api:
        """Somebody, known by his key."""
        more = {"X-On-Behalf-Of": on_behalf_of} if on_behalf_of else {}
        return self.with_key(self.key(actor), actor, **more)

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What was logged under a name."""
        logged = [json.loads(line) for line in self.logged.splitlines() if line.startswith("{")]
        return [line for line in logged if line.get("event") == event]

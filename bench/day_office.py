"""What people say to the product on a replayed day: each command over HTTP, and how a promise then stands.

>>> made = await office.promise("agent:a0", "refund", "The whole amount", None, None)  # doctest: +SKIP
>>> made.status, made.handoffs[0].recipient  # doctest: +SKIP
('open', 'team:finance')
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote

import msgspec

from bench.day_staff import Member
from bench.talking import Lines, Refused, head

__all__ = ["Commitment", "Event", "Flag", "Handoff", "Office", "Stop"]

_SYSTEM = "system:oms"
_BOARD = "supervisor:s0"
_PAGE = 500
_TRIES = 6

Stop = tuple[str, int, datetime]
"""An order on a route: its id, the number of the stop, and when it is planned."""
T = TypeVar("T")
Said = dict[str, object]


class Handoff(msgspec.Struct):
    """What is looked at of a hand-off."""

    role: str
    recipient: str | None
    received: bool


class _Due(msgspec.Struct):
    at: datetime


class Commitment(msgspec.Struct):
    """What is looked at of a promise."""

    id: str
    version: int
    revision: int
    status: str
    kind: str
    made_by: str
    made_at: datetime
    due: _Due
    handoffs: list[Handoff]

    @property
    def is_closed(self) -> bool:
        return self.status in ("kept", "withdrawn")

    def handoff(self, role: str) -> Handoff:
        return next(handoff for handoff in self.handoffs if handoff.role == role)


class Flag(msgspec.Struct, frozen=True):
    """What is looked at of a flag."""

    commitment_id: str
    kind: str
    reason: str
    since: datetime
    role: str
    recipient: str | None
    made_by: str


class _Told(msgspec.Struct):
    """What is looked at of an event's words."""

    recipient: str | None = None
    role: str | None = None
    cause: str | None = None


class Event(msgspec.Struct):
    """What is looked at of an event."""

    position: int
    type: str
    commitment_id: str | None
    revision: int | None
    recorded_at: datetime
    data: _Told


class _Page(msgspec.Struct):
    items: list[msgspec.Raw]
    next_cursor: str | None


class _Received(msgspec.Struct):
    commitment: Commitment


class Office:
    """Whoever says something, says it here."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    async def register(self, member: Member, inbox: str) -> None:
        await self._say("PUT", f"/v1/people/{member.actor}", _SYSTEM, member.body(inbox))

    async def move_clock(self, now: datetime) -> None:
        """Answered once what is due by then is recorded, and told; what takes more than five seconds is asked again."""
        for patience in range(_TRIES, 0, -1):
            try:
                await self._say("PUT", "/v1/test-clock", _SYSTEM, {"now": now})
                return
            except Refused as refused:
                if patience == 1 or "projection_behind" not in str(refused):
                    raise

    # -- promises -----------------------------------------------------------------------------------------------

    async def promise(self, by: str, kind: str, words: str, order_id: str | None, due: Said | None) -> Commitment:
        body: Said = {"customer_id": f"CU-{words[:1]}", "kind": kind, "promise": words, "channel": "phone"}
        body |= {"order_id": order_id} if order_id is not None else {}
        body |= {"due": due} if due is not None else {}
        return await self._commitment("", by, body)

    async def look(self, id: str) -> Commitment:
        answer = await self._lines.ask(head("GET", f"/v1/commitments/{id}", _BOARD))
        return msgspec.json.decode(answer.body, type=Commitment)

    async def receipt(
        self, id: str, by: str, revision: int, state: str, role: str, reason: str | None = None
    ) -> Commitment:
        body: Said = {"revision": revision, "state": state, "role": role, "via": "tap"}
        body |= {"reason": reason} if reason is not None else {}
        answer = await self._say("POST", f"/v1/commitments/{id}/receipts", by, body)
        return msgspec.json.decode(answer, type=_Received).commitment

    async def keep(self, id: str, by: str) -> Commitment:
        return await self._commitment(f"/{id}/fulfilment", by, {})

    async def attempt(self, id: str, by: str) -> Commitment:
        return await self._commitment(f"/{id}/attempts", by, {"outcome": "customer_absent"})

    async def amend(self, id: str, by: str, due: Said) -> Commitment:
        body: Said = {"due": due, "reason": "Agreed on the phone", "customer_agreed": True}
        return await self._commitment(f"/{id}/amendments", by, body)

    async def contact(self, id: str, by: str) -> Commitment:
        return await self._commitment(f"/{id}/contacts", by, {"channel": "phone", "direction": "inbound", "minutes": 4})

    async def escalate(self, id: str, by: str, action: str) -> Commitment:
        return await self._commitment(f"/{id}/escalations", by, {"action": action})

    async def assign(self, id: str, by: str, role: str, recipient: str) -> Commitment:
        answer = await self._say("PUT", f"/v1/commitments/{id}/assignment", by, {"role": role, "recipient": recipient})
        return msgspec.json.decode(answer, type=Commitment)

    async def route(self, name: str, recipient: str, departs_at: datetime, stops: Sequence[Stop]) -> None:
        planned = [{"order_id": order, "stop": stop, "planned_start": start} for order, stop, start in stops]
        body: Said = {"recipient": recipient, "role": "courier", "departs_at": departs_at, "depot": "north"}
        await self._say("PUT", f"/v1/routes/{name}", _SYSTEM, {**body, "stops": planned})

    # -- what there is to see -----------------------------------------------------------------------------------

    async def flags(self) -> list[Flag]:
        """All flags that there are now."""
        return await self._pages("/v1/flags?", Flag)

    async def history(self, after: int) -> list[Event]:
        """What was recorded after a position."""
        return await self._pages(f"/v1/history?after={after}&", Event)

    async def _pages(self, path: str, form: type[T]) -> list[T]:
        found: list[T] = []
        cursor = ""
        while True:
            answer = await self._lines.ask(head("GET", f"{path}limit={_PAGE}{cursor}", _BOARD))
            page = msgspec.json.decode(answer.body, type=_Page)
            found += [msgspec.json.decode(item, type=form) for item in page.items]
            if page.next_cursor is None:
                return found
            cursor = f"&cursor={quote(page.next_cursor)}"

    async def _commitment(self, path: str, by: str, body: Said) -> Commitment:
        return msgspec.json.decode(await self._say("POST", f"/v1/commitments{path}", by, body), type=Commitment)

    async def _say(self, method: str, path: str, by: str, body: object) -> bytes:
        return (await self._lines.ask(head(method, path, by, body))).body

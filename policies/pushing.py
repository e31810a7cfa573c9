"""Messages to the browsers that asked for them: Web Push (RFC 8030), encrypted for the browser alone (RFC 8291).

>>> async with Pusher.open(database, keyring, clock, catalogue.push) as pusher:  # doctest: +SKIP
...     await pusher.push("courier:li", b'{"stop": 4}', timedelta(hours=2), topic="tasks")
[Outcome(result='accepted', reason=None)]

What is accepted has reached the push service, which hands it to the phone when that is awake. It is no receipt, and
never somebody's only channel: a browser may be gone at any time.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

import http_ece  # type: ignore[import-untyped]
import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid.jwt import sign  # type: ignore[import-untyped]
from py_vapid.utils import b64urlencode  # type: ignore[import-untyped]

from domain.errors import Undelivered
from domain.push import Push, Subscription
from policies.outbound import Outbound
from store.clock import Clock
from store.database import Database
from store.keyring import Keyring
from store.push import Kept, Subscriptions, signing_key

__all__ = ["Outcome", "Pusher", "public_key"]

log = structlog.get_logger("upheld.push")

_MOST_BYTES = 3 * 1024
"""Push services take 4 KiB of what is encrypted."""
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_SIGNED_FOR = timedelta(hours=12)
"""Half of what push services bear, since their clocks are not ours."""
_GONE = (404, 410)
_WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message to one browser; where it is `gone` nobody tries it again."""

    result: Literal["accepted", "gone", "failed"]
    reason: str | None = None


class Pusher:
    """Sends messages to all the browsers of a person; connections to push services are kept while it is open."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock, subject: str | None, out: Outbound) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._subject = subject
        self._subscriptions = Subscriptions(database, keyring)
        self._out = out

    @classmethod
    @asynccontextmanager
    async def open(
        cls, database: Database, keyring: Keyring, clock: Clock, push: Push, *, within: float = _WITHIN
    ) -> AsyncIterator["Pusher"]:
        """One that waits `within` seconds for a push service, as the configuration says of them."""
        async with Outbound(allow_private=push.allow_private, within=within) as out:
            yield cls(database, keyring, clock, push.subject, out)

    async def push(self, actor: str, payload: bytes, ttl: timedelta, topic: str | None = None) -> list[Outcome]:
        """One outcome for each browser of somebody, the oldest first; none where he has no browser.

        `payload` has at most 3 KiB. A push service keeps the message for `ttl`, and of those that wait with one
        `topic` only the last. A browser that is gone is forgotten.
        """
        if not 0 < len(payload) <= _MOST_BYTES:
            raise ValueError(f"a message has 1 to {_MOST_BYTES} bytes, not {len(payload)}")
        if topic is not None and _TOPIC.fullmatch(topic) is None:
            raise ValueError("a topic is made of 1 to 32 letters, digits, - and _")
        listening = await self._subscriptions.of(actor)
        if not listening:
            return []
        headers = {
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(int(ttl.total_seconds())),
            "Urgency": "high",
            **({"Topic": topic} if topic is not None else {}),
        }
        key = await signing_key(self._database, self._keyring)
        sent = (self._send(actor, kept, payload, headers | self._signature(kept, key)) for kept in listening)
        return await asyncio.gather(*sent)

    async def _send(self, actor: str, kept: Kept, payload: bytes, headers: Mapping[str, str]) -> Outcome:
        if kept.subscription.is_over(self._clock.now()):
            return await self._gone(actor, kept, "the subscription has expired")
        try:
            status = await self._out.post(kept.subscription.endpoint, headers, _encrypted(payload, kept.subscription))
        except Undelivered as error:
            return Outcome("failed", str(error))
        if 200 <= status < 300:
            return Outcome("accepted")
        if status in _GONE:
            return await self._gone(actor, kept, f"the push service answered {status}")
        return Outcome("failed", f"the push service answered {status}")

    async def _gone(self, actor: str, kept: Kept, reason: str) -> Outcome:
        await self._subscriptions.drop(actor, kept)
        log.info("a browser is gone", reason=reason)
        return Outcome("gone", reason)

    def _signature(self, kept: Kept, key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
        """The header that says who sends (RFC 8292)."""
        claims: dict[str, str | int] = {
            "aud": _origin(kept.subscription.endpoint),
            "exp": int((self._clock.now() + _SIGNED_FOR).timestamp()),
        }
        if self._subject is not None:
            claims["sub"] = self._subject
        return {"Authorization": f"vapid t={sign(claims, key)},k={public_key(key)}"}


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    """What browsers subscribe to: the public half of the key that messages are signed with, in base64url."""
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return str(b64urlencode(point))


def _origin(endpoint: str) -> str:
    """The origin of an address (RFC 6454), which names no port that goes without saying.

    >>> _origin("https://push.example:443/s/1")
    'https://push.example'
    """
    parts = urlsplit(endpoint)
    usual = {"https": 443, "http": 80}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, usual) else "")


def _encrypted(payload: bytes, subscription: Subscription) -> bytes:
    encrypted: bytes = http_ece.encrypt(
        payload,
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=subscription.p256dh,
        auth_secret=subscription.auth,
        version="aes128gcm",
    )
    return encrypted

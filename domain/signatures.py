"""Whether a webhook comes from who says so: by Standard Webhooks, by an HMAC of whatever form, or by a bare secret.

>>> verification = Hmac(("s3cret",), "X-Hub-Signature", algorithm="sha1", prefix="sha1=")
>>> body = b'{"ticket": {"id": 81}}'
>>> now, signature = datetime.now(UTC), hmac.new(b"s3cret", body, "sha1").hexdigest()
>>> verification.check(Delivery({"x-hub-signature": f"sha1={signature}"}, body), now)
>>> verification.check(Delivery({"x-hub-signature": "sha1=00"}, body), now)
Traceback (most recent call last):
domain.errors.Unauthenticated: the signature is not that of any secret

Whatever is wrong is an `Unauthenticated`, whose words hold nothing of the secret or of what was sent. Two secrets are
good at once, so that one can be replaced by the next.
"""

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from domain.errors import Unauthenticated

__all__ = ["BODY", "TIMESTAMP", "Algorithm", "Bearer", "Delivery", "Encoding", "Hmac", "Standard", "Verification"]

Algorithm = Literal["sha1", "sha256", "sha512"]
Encoding = Literal["hex", "base64"]

TIMESTAMP, BODY = "{timestamp}", "{body}"
"""What stands for them in the template of what is signed."""

_TOLERANCE = timedelta(minutes=5)
_MILLISECONDS = 10**11
"""A number above it counts milliseconds: as seconds it would be the year 5138."""
_DECODED: Mapping[Encoding, Callable[[str], bytes]] = {
    "hex": bytes.fromhex,
    "base64": lambda text: base64.b64decode(text, validate=True),
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What another system sent, byte for byte; the names of headers in small letters."""

    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Raises `Unauthenticated` where it did not come."""
        found = self.headers.get(name.lower())
        if found is None:
            raise Unauthenticated(f"the header {name} is missing")
        return found


class Verification(Protocol):
    """One way to tell who sent something."""

    @property
    def signs_its_id(self) -> bool:
        """Whether nobody else can say again under another `webhook-id` what was sent once."""
        ...

    def check(self, delivery: Delivery, now: datetime, /) -> None:
        """Raises `Unauthenticated` where it was not sent by who has a secret, or too long ago."""
        ...


@dataclass(frozen=True, slots=True)
class Standard:
    """Standard Webhooks. The library reads this machine's clock, and bears five minutes."""

    secrets: tuple[str, ...] = field(repr=False)
    signs_its_id = True

    def __post_init__(self) -> None:
        """Raises `ValueError` where a secret is none of theirs."""
        try:
            for secret in self.secrets:
                Webhook(secret)
        except EmptyWebhookSecretError as error:
            raise ValueError(str(error)) from error

    def check(self, delivery: Delivery, _: datetime, /) -> None:
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
            delivery.header(name)
        if not any(self._is_by(secret, delivery) for secret in self.secrets):
            raise Unauthenticated("the signature is not that of any secret, or its time is not this one")

    def _is_by(self, secret: str, delivery: Delivery) -> bool:
        try:
            Webhook(secret).verify(delivery.body, dict(delivery.headers), json_parse=False)
        except (WebhookVerificationError, ValueError):  # not base64, not UTF-8
            return False
        return True


@dataclass(frozen=True, slots=True)
class Hmac:
    """A header with the HMAC of what `signed` says: the body, or the body with a timestamp."""

    secrets: tuple[str, ...] = field(repr=False)
    header: str
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: str = ""
    signed: str = BODY
    timestamp_header: str | None = None
    tolerance: timedelta = _TOLERANCE
    signs_its_id = False

    def check(self, delivery: Delivery, now: datetime, /) -> None:
        given = delivery.header(self.header)
        if not given.startswith(self.prefix):
            raise Unauthenticated(f"the header {self.header} does not begin as the configuration says")
        try:
            digest = _DECODED[self.encoding](given[len(self.prefix) :])
        except ValueError:
            raise Unauthenticated(f"the header {self.header} is not {self.encoding}") from None
        signed = self._signed(delivery)
        if not any(hmac.compare_digest(digest, self._digest(secret, signed)) for secret in self.secrets):
            raise Unauthenticated("the signature is not that of any secret")
        if self.timestamp_header is not None and TIMESTAMP in self.signed:
            sent_at = _instant(delivery.header(self.timestamp_header))
            if sent_at is None or abs(now - sent_at) > self.tolerance:
                raise Unauthenticated(f"the time in {self.timestamp_header} is not this one")

    def _digest(self, secret: str, signed: bytes) -> bytes:
        return hmac.digest(secret.encode(), signed, self.algorithm)

    def _signed(self, delivery: Delivery) -> bytes:
        before, _, after = self.signed.partition(BODY)
        timestamp = delivery.header(self.timestamp_header) if self.timestamp_header is not None else ""
        return b"%b%b%b" % (
            before.replace(TIMESTAMP, timestamp).encode("latin-1"),
            delivery.body,
            after.replace(TIMESTAMP, timestamp).encode("latin-1"),
        )


@dataclass(frozen=True, slots=True)
class Bearer:
    """The secret itself, behind `Bearer` in `Authorization`, or alone in a header of another name."""

    secrets: tuple[str, ...] = field(repr=False)
    header: str = "Authorization"
    signs_its_id = True

    def check(self, delivery: Delivery, _: datetime, /) -> None:
        given = delivery.header(self.header)
        if self.header.lower() == "authorization":
            scheme, *rest = given.split(" ", 1)
            given = "".join(rest)
            if scheme.lower() != "bearer":
                raise Unauthenticated("the header Authorization is not of the form Bearer SECRET")
        sent = given.strip().encode("latin-1")
        if not any(hmac.compare_digest(sent, secret.encode()) for secret in self.secrets):
            raise Unauthenticated("the secret is none of ours")


def _instant(text: str) -> datetime | None:
    """An instant as seconds or milliseconds since 1970, or as RFC 3339; None where it is neither.

    >>> _instant("1795406400") == _instant("1795406400000") == _instant("2026-11-23T04:00:00Z")
    True
    """
    try:
        if text.isascii() and text.isdigit():
            number = int(text)
            return datetime.fromtimestamp(number / 1000 if number > _MILLISECONDS else number, UTC)
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError, OSError):
        return None

"""Messages to the browser in a keeper's hand: where each goes, and what the configuration says about them.

>>> subscription = Subscription("https://push.example/s/1", p256dh=b"\\x04...", auth=b"...")
>>> subscription.is_over(datetime.fromisoformat("2026-11-20T02:15:00Z"))
False
"""

import re
from dataclasses import dataclass
from datetime import datetime

import msgspec

from domain.errors import ConfigurationError

__all__ = ["Push", "Subscription", "check_push"]

_SUBJECT = re.compile(r"mailto:[^\s@]+@[^\s@]+|https://[^\s/]+(/\S*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A browser that asked for messages (Push API): where they go, and the two keys that only it can open them with.

    `p256dh` is a point on the curve P-256, 65 bytes; `auth` is 16 bytes that it shares with us.
    """

    endpoint: str
    p256dh: bytes
    auth: bytes
    expires_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether the browser said that it listens no longer."""
        return self.expires_at is not None and self.expires_at <= now


class Push(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a push service may write to about our messages, and whether it may be in a network of one's own."""

    subject: str | None = None
    allow_private: bool = False


def check_push(push: Push) -> None:
    """Raises `ConfigurationError`, one line that names the key."""
    if push.subject is not None and _SUBJECT.fullmatch(push.subject) is None:
        raise ConfigurationError("push.subject: is not an address, as in mailto:ops@example.com")

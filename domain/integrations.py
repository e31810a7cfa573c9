"""What other systems are told, and by which addresses: the `[[webhooks]]` of the configuration.

>>> secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
>>> webhook = Webhook(url="https://oms.example/hooks", secret=secret, events=("CommitmentBroken",))
>>> webhook.wants("CommitmentBroken"), webhook.wants("CommitmentKept"), webhook.name
(True, False, 'oms.example 0d291b')
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

import msgspec

from domain.errors import ConfigurationError
from domain.facts import FACTS

__all__ = ["Webhook", "check_webhooks", "event_types"]

EVERYTHING = "*"
_PREFIX = "whsec_"
_NOT_OF_COMMITMENTS = (
    *("OrderAssigned", "OrderUnassigned", "OrderErased"),
    *("CustomerHeld", "CustomerReleased", "CustomerErased"),
)
"""What the history tells of orders and customers; their modules stand above this one."""


class Webhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address that is told of events; two secrets while one is replaced by the other."""

    url: str
    secret: str | tuple[str, ...]
    events: tuple[str, ...] = (EVERYTHING,)
    allow_private: bool = False

    def __repr__(self) -> str:
        return f"Webhook({self.name})"

    @property
    def name(self) -> str:
        """How it is called where anybody may look: the path of the address may be a secret."""
        return f"{urlsplit(self.url).netloc} {hashlib.sha256(self.url.encode()).hexdigest()[:6]}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every body is signed with each of them."""
        return (self.secret,) if isinstance(self.secret, str) else self.secret

    @property
    def types(self) -> tuple[str, ...] | None:
        """The types of events that it is told of; None where it is all."""
        return None if EVERYTHING in self.events else self.events

    def wants(self, type: str) -> bool:
        return self.types is None or type in self.types


def event_types() -> frozenset[str]:
    """What an event of the history can be called.

    >>> {"CommitmentMade", "OrderAssigned", "CustomerErased"} <= event_types()
    True
    """
    return frozenset((*FACTS, *_NOT_OF_COMMITMENTS))


def check_webhooks(webhooks: Sequence[Webhook]) -> None:
    """Raises `ConfigurationError`, one line that names the key and shows neither secret nor password."""
    urls: set[str] = set()
    for number, webhook in enumerate(webhooks):
        key = f"webhooks[{number}]"
        _check_url(f"{key}.url", webhook.url)
        if webhook.url in urls:
            raise ConfigurationError(f"{key}.url: is the address of another webhook, too")
        urls.add(webhook.url)
        _check_secrets(f"{key}.secret", webhook)
        _check_events(f"{key}.events", webhook.events)


def _check_url(key: str, url: str) -> None:
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise ConfigurationError(f"{key}: is not an http or https address, as in https://oms.example/hooks")
    if "@" in parts.netloc:
        raise ConfigurationError(f"{key}: holds a user or a password; what is sent is signed with the secret instead")


def _split(url: str) -> SplitResult | None:
    """The parts of an address as it travels: visible ASCII, and a port that there can be."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else None
    except ValueError:
        return None


def _check_secrets(key: str, webhook: Webhook) -> None:
    if not 1 <= len(webhook.secrets) <= 2:
        raise ConfigurationError(f"{key}: is one secret, or two while one is replaced by the other")
    for number, secret in enumerate(webhook.secrets):
        if not _is_secret(secret):
            place = key if isinstance(webhook.secret, str) else f"{key}[{number}]"
            raise ConfigurationError(f"{place}: is not {_PREFIX} followed by the base64 of 24 to 64 bytes")


def _is_secret(secret: str) -> bool:
    text = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return secret.startswith(_PREFIX) and 24 <= len(key) <= 64


def _check_events(key: str, events: Sequence[str]) -> None:
    if not events:
        raise ConfigurationError(f'{key}: names at least one type of event, or is ["{EVERYTHING}"]')
    known = event_types()
    for number, type in enumerate(events):
        if type != EVERYTHING and type not in known:
            shown = " ".join(repr(type).split())
            raise ConfigurationError(
                f"{key}[{number}]: {shown} is no type of event; there are {', '.join(sorted(known))}"
            )

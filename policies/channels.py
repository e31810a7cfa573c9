"""The channels by which people are told: addresses of the kind that the library `apprise` reads.

>>> masked("mailto://shop:secret@example.com?to=li@example.com")
'mailto://shop:****@example.com/li%40example.com'
"""

import logging
from typing import Final

from apprise import Apprise, NotifyBase

from domain.errors import Invalid

__all__ = ["check", "masked", "merged"]

# It tells the log the whole address that it could not read, secrets included.
logging.getLogger("apprise").disabled = True

_OF_THIS_MACHINE: Final = frozenset({"syslog", "dbus", "kde", "qt", "glib", "gnome", "macosx", "windows"})
"""What would tell whoever sits before the server."""
_GENERIC: Final = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})
"""What posts to any address, whose path may be the secret."""


def check(channel: str, pointer: str) -> None:
    """Raises `Invalid` where nobody can be told by such a channel."""
    if _opened(channel) is None:
        raise Invalid(pointer, "is no address that messages can be sent to, as in mailto://user:password@example.com")


def masked(channel: str) -> str:
    """The channel as it may be shown: what is secret in it is not."""
    opened = _opened(channel)
    if opened is None:  # kept by an older version, and known to this one no more
        return "****"
    shown = str(opened.url(privacy=True)).partition("?")[0]  # type: ignore[no-untyped-call]
    scheme, _, rest = shown.partition("://")
    if scheme not in _GENERIC:
        return shown
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}{slash}{'****' if path else ''}"


def merged(wanted: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """The channels that are wanted, where one that comes as it was shown stands for the one that is known.

    >>> merged(("viber://****/abc", "tgram://new/1"), ("viber://token/abc",))
    ('viber://token/abc', 'tgram://new/1')
    """
    shown: dict[str, list[str]] = {}
    for channel in known:
        shown.setdefault(masked(channel), []).append(channel)
    # Of two that are shown alike, the first stands for the first.
    return tuple(shown[channel].pop(0) if shown.get(channel) else channel for channel in wanted)


def _opened(channel: str) -> NotifyBase | None:
    opened = Apprise.instantiate(channel, suppress_exceptions=True)
    return opened if isinstance(opened, NotifyBase) and _scheme(opened) not in _OF_THIS_MACHINE else None


def _scheme(opened: NotifyBase) -> str:
    return str(opened.url()).partition("://")[0]  # type: ignore[no-untyped-call]

"""The channels by which people are told: addresses of the kind that the library `apprise` reads.

>>> masked("mailto://shop:secret@example.com?to=li@example.com")
'mailto://shop:****@example.com/li%40example.com'
"""

import logging
from typing import Final
from uuid import UUID

from apprise import Apprise, NotifyBase, NotifyFormat

from domain.errors import Invalid, UpheldError
from policies.wording import Text

__all__ = ["NotTaken", "check", "masked", "merged", "send"]

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


class NotTaken(UpheldError):
    """A channel did not take a message; `reason` says why, as far as it tells."""


def send(channel: str, text: Text, message: UUID, template_id: str | None) -> None:
    """Hand a message to a channel, which may take seconds. Raises `NotTaken`.

    Where the channel carries headers or fields of our own, it carries the message's id, so that a repeat can be
    recognised, and what gateways need that send approved texts only.
    """
    opened = _opened(channel)
    if opened is None:
        raise NotTaken("it is no address that messages can be sent to")
    headers, extras = getattr(opened, "headers", None), getattr(opened, "payload_extras", None)
    if isinstance(headers, dict):
        headers["Upheld-Message"] = str(message)
    if isinstance(extras, dict):
        extras |= {"message_id": str(message), "template": text.template, **text.params}
        extras |= {"template_id": template_id} if template_id is not None else {}
    sender = Apprise()
    sender.add(opened)
    title = text.title if opened.title_maxlen > 0 else ""
    if not sender.notify(body=text.body, title=title, body_format=NotifyFormat.TEXT):
        raise NotTaken("the channel did not take it, or could not be reached")

"""The channels by which people are told: addresses of the kind that the library `apprise` reads.

>>> masked("mailto://shop:secret@example.com?to=li@example.com")
'mailto://shop:****@example.com/li%40example.com'
"""

import logging
import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import parse_qsl
from uuid import UUID

from apprise import Apprise, AppriseAsset, AppriseAttachment, NotifyBase, NotifyFormat
from apprise.utils.parse import is_phone_no

from domain.errors import Invalid, UpheldError
from policies.confining import Confinement
from policies.wording import Text

__all__ = ["NotTaken", "check", "masked", "merged", "phone", "send", "shown"]

# It tells the log the whole address that it could not read, secrets included.
logging.getLogger("apprise").disabled = True

_OF_THIS_MACHINE: Final = frozenset({"syslog", "dbus", "kde", "qt", "glib", "gnome", "macosx", "windows"})
"""What would tell whoever sits before the server."""
_GENERIC: Final = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})
"""What posts to any address, whose path may be the secret."""


_NOT_YOURS: Final = frozenset({"method", "rto", "cto", "retry", "wait"})
"""Parameters by which a channel would ask for something else than to take a message, or wait as long as it likes."""
_FILES: Final = frozenset({"keyfile", "subfile", "pgp", "pgppub", "pgpprv", "cert", "certificate"})
"""Parameters that name files of the server, as do attachments of the library's own."""
_MASK: Final = "****"
_NEARLY: Final = re.compile(r"(?<=[/:@,])[^/:@,]\.\.\.[^/:@,](?=[/:@,]|$)")
"""How the library masks some secrets: with their first and their last character."""


def check(channel: str, pointer: str) -> None:
    """Raises `Invalid` where nobody can be told by such a channel, or it would read files of the server."""
    opened = _opened(channel)
    if opened is None:
        raise Invalid(pointer, "is no address that messages can be sent to, as in mailto://user:password@example.com")
    if _MASK in channel:
        raise Invalid(pointer, "is masked, and none of the channels that are known is shown so")
    named = _parameters(channel)
    if named & _NOT_YOURS:
        raise Invalid(
            pointer, f"says how it is asked, which is not for a channel: {', '.join(sorted(named & _NOT_YOURS))}"
        )
    if named & _FILES or any(isinstance(value, AppriseAttachment) and len(value) for value in vars(opened).values()):
        raise Invalid(pointer, "names a file, which no channel may read")


def _parameters(channel: str) -> set[str]:
    """The names of all that stands behind the first question mark; the library reads on behind a `#`, and takes some
    names with a sign before them.
    """
    asked = channel.partition("?")[2].replace("#", "&").replace("?", "&")
    return {name.strip().lstrip("+-:").strip().lower() for name, _ in parse_qsl(asked, keep_blank_values=True)}


def shown(channels: Sequence[str]) -> list[str]:
    """The channels as they may be shown: what is secret in them is not, and those that then look alike are numbered.

    >>> shown(["json://127.0.0.1/a", "json://127.0.0.1/b"])
    ['json://127.0.0.1/****', 'json://127.0.0.1/****#2']
    """
    seen: Counter[str] = Counter()
    names = []
    for channel in channels:
        name = masked(channel)
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names


def masked(channel: str) -> str:
    """One channel without what is secret in it."""
    opened = _opened(channel)
    if opened is None:  # kept by an older version, and known to this one no more
        return _MASK
    bare = _NEARLY.sub(_MASK, str(opened.url(privacy=True)).partition("?")[0])  # type: ignore[no-untyped-call]
    scheme, _, rest = bare.partition("://")
    if scheme not in _GENERIC:
        return bare
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}{slash}{_MASK if path else ''}"


def phone(channels: Sequence[str]) -> str | None:
    """The number at which somebody can be called: the first to which one of his channels sends.

    >>> phone(["mailto://shop:secret@example.com?to=li@example.com", "signal://gateway/+15551230000/+8613800138000"])
    '+8613800138000'
    """
    for channel in channels:
        opened = _opened(channel)
        if opened is None or "target_phone" not in opened.template_tokens:
            continue
        for target in getattr(opened, "targets", ()):
            # Some channels keep beside each number by which way it is reached.
            for text in (target,) if isinstance(target, str) else target:
                if isinstance(text, str) and (number := is_phone_no(text)):  # type: ignore[no-untyped-call]
                    return f"+{number['full']}"
    return None


def merged(wanted: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """The channels that are wanted, where one that comes as it was shown stands for the one that is known.

    >>> merged(("viber://****/abc", "tgram://new/1"), ("viber://token/abc",))
    ('viber://token/abc', 'tgram://new/1')
    """
    left = list(zip(shown(known), map(masked, known), known, strict=True))
    found = []
    for channel in wanted:
        alike = [one for one in left if channel == one[0]] or [one for one in left if channel == one[1]]
        if alike:
            left.remove(alike[0])
        found.append(alike[0][2] if alike else channel)
    return tuple(found)


def _opened(channel: str) -> NotifyBase | None:
    # Who answers that a message belongs elsewhere has not taken it. How long one may take is for the caller to say: the
    # library would send in a few threads for all, which those who do not answer would hold.
    asset = AppriseAsset(http_redirects=False, service_timeout=0)
    opened = Apprise.instantiate(channel, asset=asset, suppress_exceptions=True)
    return opened if isinstance(opened, NotifyBase) and _scheme(opened) not in _OF_THIS_MACHINE else None


def _scheme(opened: NotifyBase) -> str:
    return str(opened.url()).partition("://")[0]  # type: ignore[no-untyped-call]


class NotTaken(UpheldError):
    """A channel did not take a message; `reason` says why, as far as it tells."""


def send(channel: str, text: Text, message: UUID, template_id: str | None, confinement: Confinement) -> None:
    """Hand a message to a channel, which may take seconds, and connect to what it is confined to. Raises `NotTaken`.

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
    notify = partial(sender.notify, body=text.body, title=title, body_format=NotifyFormat.TEXT)
    if confinement.run(notify):
        return
    if confinement.was_refused:
        raise NotTaken("it leads to an address that is not public; messages.allow_private would let it")
    raise NotTaken("the channel did not take it, or could not be reached")

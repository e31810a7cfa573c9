"""What every answer tells a browser, so that nothing in it is taken for something else, shown elsewhere, or sent on.

Pages say themselves what they may load; an answer that says nothing of it may load nothing.
"""

from collections.abc import Iterable

__all__ = ["protected"]

_Header = tuple[bytes, bytes]

_POLICY = b"content-security-policy"
_NOTHING = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_USUAL: tuple[_Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # A phone reads labels with its camera; nothing else of a device is any page's business.
    (b"permissions-policy", b"camera=(self), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_LINE_ENDS = bytes.maketrans(b"\r\n\0", b"   ")


def protected(headers: Iterable[_Header]) -> list[_Header]:
    """The headers of an answer with those that protect it; what it says itself goes first.

    >>> protected([(b"location", b"/board\\r\\nSet-Cookie: a=b")])[0]
    (b'location', b'/board  Set-Cookie: a=b')
    """
    found = [(name.lower(), value.translate(_LINE_ENDS)) for name, value in headers]
    said = dict(found)
    found += [header for header in _USUAL if header[0] not in said]
    # What a worker may load stands beside its script, which is no document.
    if _POLICY not in said and b"javascript" not in said.get(b"content-type", b""):
        found.append((_POLICY, _NOTHING))
    return found

"""Files that a form sends (RFC 7578), kept in memory: a temporary file would hold in the clear what is personal.

>>> body = b'--x\\r\\nContent-Disposition: form-data; name="photo"\\r\\n\\r\\nJPEG\\r\\n--x--\\r\\n'
>>> parts(body, "multipart/form-data; boundary=x")
[('photo', b'JPEG')]
"""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from domain.errors import Invalid

__all__ = ["parts"]

_MOST_PARTS = 20


class _Collected:
    """The parts of a body as the parser finds them."""

    def __init__(self) -> None:
        self.found: list[tuple[str, bytes]] = []
        self.is_complete = False
        self._field, self._value, self._disposition, self._data = b"", b"", b"", bytearray()

    def on_part_begin(self) -> None:
        self._disposition, self._data = b"", bytearray()

    def on_header_begin(self) -> None:
        self._field = self._value = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def on_part_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        if len(self.found) == _MOST_PARTS:
            raise FormParserError("too many parts")
        self.found.append((options.get(b"name", b"").decode("utf-8", "replace"), bytes(self._data)))

    def on_end(self) -> None:
        self.is_complete = True


def parts(body: bytes, content_type: str) -> list[tuple[str, bytes]]:
    """The name and the bytes of each part. Raises `Invalid` where it is no such form, or ends too early."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise Invalid("", "is not a form, sent as Content-Type: multipart/form-data")
    collected = _Collected()
    names = (
        *("on_part_begin", "on_part_data", "on_part_end", "on_header_begin", "on_header_field"),
        *("on_header_value", "on_header_end", "on_end"),
    )
    try:
        parser = MultipartParser(boundary, {name: getattr(collected, name) for name in names})  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise Invalid("", "is not a form that can be read") from None
    if not collected.is_complete:
        raise Invalid("", "ends before the form does")
    return collected.found

"""Photos as they are kept: a JPEG made anew of what the picture shows, and of nothing else that the file said.

>>> cleaned(jpeg_with_gps)[:2]
b'\\xff\\xd8'
"""

import io
import warnings
from typing import Final

from PIL import Image, ImageOps

from domain.errors import Invalid

__all__ = ["cleaned"]

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
_LONGEST = 2048
_QUALITY = 85
_SCAN: Final = b"\xff\xda"
_MOST_SCANS = 50
"""A camera makes ten at the most. Each is gone through pixel by pixel, however few bytes it has."""
_MOST_PIXELS = 50_000_000
"""As many as a phone's camera has. A picture in memory takes four bytes for each, however small its file was."""

# What is larger than it may be is refused by the library before anything is unpacked.
Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)


def cleaned(sent: bytes) -> bytes:
    """The picture as a JPEG, upright, of at most 2048 pixels a side; where and with what it was taken is not in it.

    Raises `Invalid` where it is no picture, is damaged, or too large to unpack. Takes too long for an event loop.
    """
    try:
        with Image.open(io.BytesIO(sent), formats=_FORMATS) as opened:
            if opened.format in ("JPEG", "MPO") and sent.count(_SCAN) > _MOST_SCANS:
                raise Invalid("/photo", f"is a JPEG of more than {_MOST_SCANS} scans")
            opened.draft("RGB", (_LONGEST, _LONGEST))
            upright = ImageOps.exif_transpose(opened)
            upright.thumbnail((_LONGEST, _LONGEST))
            return _written(upright)
    except Invalid:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Invalid("/photo", f"has more than {_MOST_PIXELS} pixels") from None
    except Exception as error:  # each decoder has faults of its own by which it tells that the file has one
        raise Invalid("/photo", "is not a picture in JPEG, PNG, WebP, AVIF or GIF, or is damaged") from error


def _written(picture: Image.Image) -> bytes:
    """A new picture: what a file says besides, such as a comment, goes along with the old one."""
    clean = Image.new("RGB", picture.size, "white")
    if picture.has_transparency_data:
        solid = picture.convert("RGBA")
        clean.paste(solid, mask=solid.getchannel("A"))
    else:
        clean.paste(picture.convert("RGB"))
    written = io.BytesIO()
    clean.save(written, "JPEG", quality=_QUALITY, optimize=True)
    return written.getvalue()

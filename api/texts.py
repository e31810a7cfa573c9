"""The words of the pages in English, 简体中文 and български: a catalogue each, chosen by what the reader accepts.

>>> chosen("zh-TW,zh;q=0.9,en;q=0.5"), chosen("tlh")
('zh_CN', 'en')
>>> translations("bg").gettext("Overdue")
'Просрочено'
"""

import io
from functools import cache
from importlib.resources import files

from babel import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

__all__ = ["LOCALES", "chosen", "translations"]

LOCALES = ("en", "zh_CN", "bg")
_ALIASES = {"zh": "zh_CN", "bg": "bg", "en": "en"}


def chosen(accept_language: str) -> str:
    """The locale that suits a reader best (RFC 9110, Accept-Language); English where none does."""
    wanted = sorted(_ranges(accept_language), key=lambda item: -item[1])
    preferred = [_ALIASES.get(tag.partition("-")[0].lower(), tag) for tag, quality in wanted if quality > 0]
    return negotiate_locale(preferred, LOCALES) or "en"


def _ranges(header: str) -> list[tuple[str, float]]:
    found = []
    for part in header.split(",")[:20]:
        tag, _, parameter = part.strip().partition(";")
        _, _, quality = parameter.partition("=")
        try:
            found.append((tag.strip(), float(quality) if quality else 1.0))
        except ValueError:
            continue
    return found


@cache
def translations(locale: str) -> Translations:
    """The catalogue of a locale; English is what stands in the code."""
    file = files("api").joinpath("locales", f"{locale}.po")
    if not file.is_file():
        return Translations()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(file.read_bytes()), locale=locale))
    compiled.seek(0)
    return Translations(compiled)

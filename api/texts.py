"""In which language a page speaks: the one that suits what its reader accepts.

>>> chosen("zh-TW,zh;q=0.9,en;q=0.5"), chosen("tlh")
('zh_CN', 'en')
"""

from babel import negotiate_locale

__all__ = ["LOCALES", "chosen", "language_of"]

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


def language_of(text: str) -> str:
    """Whose voice should read words that are in no known language: what their script tells, else nothing.

    >>> language_of("免费"), language_of("кабел"), language_of("cable")
    ('zh-CN', 'bg', '')
    """
    if any("\u3040" <= letter <= "\u30ff" for letter in text):
        return "ja"
    if any("\u4e00" <= letter <= "\u9fff" for letter in text):
        return "zh-CN"
    return "bg" if any("\u0400" <= letter <= "\u04ff" for letter in text) else ""

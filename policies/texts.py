"""Words in English, 简体中文 and български: a catalogue each in the package that speaks; times as people write them.

>>> translations("api", "bg").gettext("Overdue")
'Просрочено'
"""

import io
from datetime import datetime, timedelta, tzinfo
from functools import cache
from importlib.resources import files

from babel.dates import format_skeleton
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from domain.deadlines import day_ending_at

__all__ = ["deadline", "local", "translations"]


@cache
def translations(package: str, locale: str) -> Translations:
    """The catalogue of a locale; English is what stands in the code."""
    file = files(package).joinpath("locales", f"{locale}.po")
    if not file.is_file():
        return Translations()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(file.read_bytes()), locale=locale))
    compiled.seek(0)
    return Translations(compiled)


def local(at: datetime, tz: tzinfo, locale: str) -> str:
    """An instant as it is in a zone, in the words of a language.

    >>> from datetime import UTC
    >>> local(datetime(2026, 11, 24, 16, tzinfo=UTC), UTC, "en")
    'Tue, Nov 24, 2026 16:00'
    """
    there = at.astimezone(tz)
    return " ".join(format_skeleton(part, there, locale=locale) for part in ("yMMMEd", "Hm"))


def deadline(at: datetime, tz: tzinfo, locale: str) -> str:
    """The same of an instant until when something is to be done: the midnight that ends a day belongs to it.

    >>> from datetime import UTC
    >>> deadline(datetime(2026, 11, 25, tzinfo=UTC), UTC, "en")
    'Tue, Nov 24, 2026 24:00'
    """
    if day_ending_at(at, tz) is None:
        return local(at, tz, locale)
    return local(at - timedelta(minutes=1), tz, locale).replace("23:59", "24:00")

"""Pages: a template in the reader's language, in a place's time, with nothing loaded from elsewhere."""

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import cache, partial
from importlib.resources import files

from babel.dates import format_skeleton
from fastapi import Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from api.refusals import refusal
from api.texts import language_of
from policies.texts import deadline, local, translations

__all__ = ["page", "wants_json"]


def _sheet() -> str:
    """The style that the pages behind a link carry in themselves: the tokens of all pages, and what is theirs."""
    sheets = [files("api").joinpath("web", name).read_text() for name in ("tokens.css", "common.css", "light.css")]
    return re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", "".join(sheets), flags=re.DOTALL)).strip()


_SHEET = _sheet()
_SHEET_HASH = base64.b64encode(hashlib.sha256(_SHEET.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_SHEET_HASH}'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept, Accept-Language",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


@cache
def _environment(locale: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("api"), autoescape=True, undefined=StrictUndefined, extensions=["jinja2.ext.i18n"]
    )
    environment.filters["language"] = language_of
    environment.filters["refusal"] = partial(refusal, locale=locale)
    environment.globals["sheet"] = Markup(_SHEET)  # noqa: S704 -- a file of ours
    environment.install_gettext_translations(translations("api", locale), newstyle=True)  # type: ignore[attr-defined]
    return environment


def page(
    template: str,
    locale: str,
    tz: tzinfo,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: object,
) -> Response:
    """A page; in its template `local` writes an instant as it is in `tz`, in the words of the language, `until` a
    deadline, and `span` two instants.

    >>> page("start.html", "bg", zone("Europe/Sofia"), flags=[], …)  # doctest: +SKIP
    """

    def here(at: datetime) -> str:
        return local(at, tz, locale)

    def until(at: datetime) -> str:
        return deadline(at, tz, locale)

    def span(start: datetime, end: datetime) -> str:
        end_there = end.astimezone(tz)
        if end_there.date() != start.astimezone(tz).date():
            return f"{here(start)} – {here(end)}"
        return f"{here(start)}–{format_skeleton('Hm', end_there, locale=locale)}"

    lang = locale.replace("_", "-")
    text = (
        _environment(locale)
        .get_template(template)
        .render(lang=lang, locale=locale, local=here, until=until, span=span, **values)
    )
    return Response(text, status, _HEADERS | {"Content-Language": lang} | dict(headers or {}), "text/html")


def wants_json(accept: str) -> bool:
    """Whether JSON is asked for before a page; whoever takes anything gets the page."""
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return next((kind == "application/json" for kind in kinds if kind in ("application/json", "text/html")), False)

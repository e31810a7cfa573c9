"""Somebody who opens a page: who he is, in which language and time he reads, and what he asks of the API.

In open mode a page knows who opens it by a cookie that the start page sets, or by the header that the API takes; else
by his key or his session, and whoever brings neither is sent to the start page.
"""

import contextlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Request, Response

from api.access import Access
from api.assets import built
from api.compressing import compressed_page
from api.inside import Answered, Asked, ask
from api.parameters import X_ACTOR
from api.refusing import AS_PAGE, WHO, RefusedInside
from api.rendering import page
from api.routes import From
from api.runtime import Runtime
from api.texts import LOCALES, chosen
from api.who import Who, access_of, known_actor, process, signed_in
from domain.actors import role_of
from domain.deadlines import zone
from domain.errors import Forbidden, ProjectionBehind, Unauthenticated, UpheldError
from domain.people import Person
from policies.texts import translations
from projections.registry import PROJECTIONS

__all__ = ["ACTOR_COOKIE", "LOCALE_COOKIE", "PAGE_HEADERS", "Visiting", "Visitor", "encoded", "without_the_empty"]

ACTOR_COOKIE = "upheld_actor"
LOCALE_COOKIE = "upheld_locale"
_FOR_STRANGERS = ("/", "/language", "/sign-in", "/sign-in/callback", "/sign-in/frame", "/sign-out")
"""Where people sign in, and out, and read in which language."""
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Vary": "Cookie, Accept-Language",
}
_PAGES_OF = {
    "/desk": {"agent", "supervisor", "admin"},
    "/board": {"supervisor", "admin"},
    "/history": {"auditor", "supervisor", "admin"},
}
"""The roles for whom a page is made (contract, section 11); the phone's is for whoever has something to keep."""


@dataclass(slots=True)
class Visitor:
    """Who opens a page. `actor` is None where he has not said yet who he is.

    >>> answered = await visitor.ask("GET", "/v1/flags", query={"reason": "overdue"})  # doctest: +SKIP
    >>> visitor.page("board.html", flags=answered.json()["items"])  # doctest: +SKIP
    """

    runtime: Runtime
    request: Request
    actor: str | None
    person: Person | None
    locale: str
    now: datetime

    @property
    def is_open(self) -> bool:
        """Whether people say themselves who they are, and do not sign in."""
        return self.runtime.settings.auth != "required"

    @property
    def access(self) -> Access:
        """What he may see and do. Raises `Unauthenticated` where nobody knows who he is."""
        if self.actor is None:
            raise Unauthenticated("say first who you are")
        return access_of(Who(self.actor), self.runtime)

    @property
    def name(self) -> str:
        """What he is called; else as the log names him."""
        return self.person.name if self.person is not None else (self.actor or "")

    @property
    def role(self) -> str | None:
        return role_of(self.actor) if self.actor is not None else None

    def may_open(self, path: str) -> bool:
        """Whether a page is for him, as far as it is led to; what he may see and do there the API says."""
        return self.is_open or self.role in _PAGES_OF.get(path, {self.role})

    @property
    def address(self) -> str:
        """Where he is, with what he looks for there."""
        path, query = self.request.url.path, self.request.url.query
        return f"{path}?{query}" if query else path

    @property
    def is_embedded(self) -> bool:
        """Whether the page is shown inside another program: only the desk is made for that."""
        path, query = self.request.url.path, self.request.query_params
        return path.split("/")[1] == "desk" and query.get("embed") == "1"

    @property
    def _headers(self) -> dict[str, str]:
        """Who may show the page within his own: nobody, but for whom the settings name."""
        policy, provider = PAGE_HEADERS["Content-Security-Policy"], self.runtime.provider
        if not self.is_open and provider is not None:
            # Signing out leads there from a form of ours.
            policy = policy.replace("form-action 'self'", f"form-action 'self' {provider.origin}")
        if self.is_embedded and (allowed := self.runtime.settings.frame_ancestors) is not None:
            policy = policy.replace("ancestors 'none'", f"ancestors {allowed}")
        return {**PAGE_HEADERS, "Content-Security-Policy": policy}

    @property
    def zone_name(self) -> str:
        return self.person.time_zone if self.person is not None else self.runtime.catalogue.default_time_zone

    @property
    def tz(self) -> tzinfo:
        return zone(self.zone_name)

    def gettext(self, message: str) -> str:
        """Words in his language."""
        return translations("api", self.locale).gettext(message)

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        is_beside: bool = False,
    ) -> Answered:
        """Ask the API in his name; what is None is not asked. `path` is encoded; `from_` is sent as `from`.

        Raises `Forbidden` where he may not see what a page is about; what only stands beside that is left out.
        """
        if self.actor is None:
            raise Unauthenticated("say first who you are")
        asked = {name.rstrip("_"): value for name, value in (query or {}).items() if value is not None}
        target = f"{path}?{urlencode(asked)}" if asked else path
        answered = await ask(self.request.app, Asked(self.actor, method, target, body, None, headers or {}))
        if answered.status == HTTPStatus.FORBIDDEN and method == "GET" and not is_beside:
            raise RefusedInside(answered.json()["detail"])
        return answered

    async def read(self, path: str, **query: object) -> Any:
        """What a GET answers; None where it is refused, as what does not exist is. Raises as `ask` does."""
        answered = await self.ask("GET", path, query=query)
        return None if answered.is_refused else answered.json()

    async def read_beside(self, path: str) -> Any:
        """The same of what only stands beside: None also where he may not see it."""
        answered = await self.ask("GET", path, is_beside=True)
        return None if answered.is_refused else answered.json()

    async def people(self, actors: Iterable[str | None]) -> dict[str, Person]:
        """What the book of people says of some actors, in one read; it says nothing of some."""
        return await self.runtime.people.find_all(sorted({actor for actor in actors if actor is not None}))

    async def do(
        self, method: str, path: str, body: object, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answered:
        """A command. The page that follows shows what came of it, whichever process is asked for that."""
        sent = {**(headers or {}), **({"idempotency-key": key} if key else {})}
        answered = await self.ask(method, path, body, headers=sent)
        if position := answered.number("upheld-position"):
            with contextlib.suppress(ProjectionBehind):
                await self.runtime.wait_for(position, [projection.name for projection in PROJECTIONS])
        return answered

    def page(
        self, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: object
    ) -> Response:
        """A page in his language and his time."""
        shown = {
            "visitor": self,
            "now": self.now,
            "files": built(),
            "here": self.request.url.path,
            "address": self.address,
            "time_zone": self.zone_name,
            "new_key": lambda: str(uuid.uuid4()),
            **values,
        }
        sent = {**self._headers, **(headers or {})}
        made = page(template, self.locale, self.tz, status=status, headers=sent, **shown)
        return compressed_page(self.request, made)

    def refused(self, error: UpheldError) -> Response:
        """Why he does not see what he wanted to see; who has not signed in is led to where he can."""
        if isinstance(error, Forbidden):
            return self.page("refused.html", status=error.status, detail=str(error))
        if self.is_embedded:
            return self.page("sign_in_frame.html", next=self.address, refused="refused" in self.request.query_params)
        start = f"/?{urlencode({'return_to': self.address})}"
        if "hx-request" in self.request.headers:  # a part of a page, which as a whole goes there
            return Response(status_code=204, headers={"HX-Redirect": start})
        return Response(status_code=303, headers={"Location": start, "Cache-Control": "no-store"})

    def who_are_you(self) -> Response:
        """Before anything else: who he is. The page leads back to where he wanted to go."""
        return self.page("who.html", next=self.address, begun="")


async def _visitor(request: Request) -> Visitor:
    runtime = await process(request)
    actor = await _opens(request, runtime)
    person = await runtime.people.find(actor) if actor is not None else None
    wanted = request.cookies.get(LOCALE_COOKIE)
    accepted = chosen(request.headers.get("accept-language", ""))
    known = person.locale.replace("-", "_") if person is not None else accepted
    locale = wanted if wanted in LOCALES else known
    visitor = Visitor(runtime, request, actor, person, locale, await runtime.now())
    request.scope[AS_PAGE] = visitor.refused
    if actor is None and not visitor.is_open and request.url.path not in _FOR_STRANGERS:
        raise Unauthenticated("sign in first")
    return visitor


async def _opens(request: Request, runtime: Runtime) -> str | None:
    """Who opens a page, as far as that is known. Raises `Unauthenticated` where a key is not good."""
    if runtime.settings.auth == "required":
        who = request.scope[WHO] = await signed_in(request, runtime)
        return who.actor if who is not None else None
    said = X_ACTOR.read(request) or request.cookies.get(ACTOR_COOKIE)
    return _actor(said, runtime) if said is not None else None


def _actor(said: str, runtime: Runtime) -> str | None:
    """Who a cookie or a header says that it is; None where there is nobody of that name any more."""
    try:
        return str(known_actor(said, runtime, X_ACTOR.name))
    except Unauthenticated:
        return None


Visiting = Annotated[Visitor, From(_visitor)]


def without_the_empty(visitor: Visitor) -> Response | None:
    """To the same page without the fields that a form sent empty: an address that can be given to somebody else.

    None where there are none.
    """
    asked = visitor.request.query_params.multi_items()
    said = [(name, value) for name, value in asked if value.strip()]
    if len(said) == len(asked):
        return None
    path = visitor.request.url.path
    target = f"{path}?{urlencode(said)}" if said else path
    return Response(status_code=303, headers={"Location": target, "Cache-Control": "no-store"})


def encoded(text: str) -> str:
    """A part of a path, a slash in it included."""
    return quote(text, safe="")

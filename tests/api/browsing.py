"""A browser, as far as signing in goes: it keeps cookies, and says of each request that a page of ours made it."""

import itertools
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Any, Self

import httpx

from tests.api.serving import Serving

__all__ = ["Browser", "code_for"]

_numbers = itertools.count(1)


class Browser:
    """Somebody's browser at a serving process. It keeps `Secure` cookies also for http, as where TLS ends in front.

    >>> phone = Browser(serving)  # doctest: +SKIP
    >>> phone.post("/v1/pairings", {"code": "AB3DEF7H"}).status_code  # doctest: +SKIP
    201
    """

    def __init__(self, serving: Serving, headers: dict[str, str] | None = None) -> None:
        self.url = serving.url
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []
        # Each from an address of its own, as a proxy on this machine tells it.
        number = next(_numbers)
        usual = {"Sec-Fetch-Site": "same-origin", "Origin": serving.url}
        usual |= {"X-Forwarded-For": f"198.51.{number // 250}.{number % 250 + 1}"}
        self.client = httpx.Client(headers={**usual, **(headers or {})}, trust_env=False, timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()

    def ask(
        self, method: str, path: str, *, headers: dict[str, str | None] | None = None, **more: Any
    ) -> httpx.Response:
        """A request with the cookies; a header that is None is left out."""
        url = path if path.startswith("http") else self.url + path
        cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        request = self.client.build_request(method, url, headers=cookies if self.cookies else {}, **more)
        for name, value in (headers or {}).items():
            request.headers.pop(name, None)
            if value is not None:
                request.headers[name] = value
        answer = self.client.send(request)
        self.client.cookies.clear()  # it would leave out what is for TLS alone
        self._keep(answer)
        return answer

    def get(self, path: str, **headers: str | None) -> httpx.Response:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: object = None, **headers: str | None) -> httpx.Response:
        return self.ask("POST", path, headers=headers, json=body)

    def follow(self, path: str) -> httpx.Response:
        """Open a page, wherever it leads."""
        answer = self.get(path)
        for _ in range(8):
            if not answer.is_redirect:
                return answer
            answer = self.get(str(answer.url.join(answer.headers["location"])))
        raise AssertionError("it leads round and round")

    def pair(self, code: str) -> dict[str, Any]:
        """Become whoever the code is for."""
        answer = self.post("/v1/pairings", {"code": code})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    @property
    def me(self) -> str | None:
        """Who the server says it is."""
        answer = self.get("/v1/me")
        return str(answer.json()["actor"]) if answer.status_code == 200 else None

    def _keep(self, answer: httpx.Response) -> None:
        self.set_cookies = answer.headers.get_list("set-cookie")
        for text in self.set_cookies:
            for name, morsel in SimpleCookie(text.replace("; Partitioned", "")).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value


def code_for(office: Any, actor: str) -> str:
    """A code by which a phone becomes somebody's, as the office makes it."""
    answer = office.post(f"/v1/people/{actor}/pairings", None)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])

"""Pages travel compressed, and never in a way by which another site could guess what they hold."""

import gzip
from collections.abc import Iterator

import httpx
import pytest

from tests.api.serving import Api, Serving

Page = tuple[str | None, int]


@pytest.fixture
def page(serving: Serving) -> Iterator[httpx.Client]:
    """Somebody's browser, as far as it says what it takes and who asks."""
    headers = {"X-Actor": "supervisor:wang"}
    with httpx.Client(base_url=serving.url, headers=headers, trust_env=False, timeout=30) as browser:
        yield browser


def travelled(browser: httpx.Client, site: str | None, path: str = "/board", accepted: str = "gzip, br") -> Page:
    """How a page was compressed, and how many bytes came."""
    headers = {"Accept-Encoding": accepted, **({"Sec-Fetch-Site": site} if site is not None else {})}
    with browser.stream("GET", path, headers=headers) as answer:
        raw = b"".join(answer.iter_raw())
    assert {"Accept-Encoding", "Cookie", "Sec-Fetch-Site"} <= set(answer.headers["vary"].split(", "))
    encoding = answer.headers.get("content-encoding")
    assert b"<!doctype html>" in (gzip.decompress(raw) if encoding else raw)
    return encoding, len(raw)


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_a_page_that_somebody_asks_for_himself_travels_compressed(page: httpx.Client, site: str) -> None:
    encoding, small = travelled(page, site)
    _, large = travelled(page, site, accepted="identity")

    assert encoding == "gzip"
    assert small < large / 2


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
def test_a_page_that_another_site_asks_for_has_a_length_that_tells_nothing(
    page: httpx.Client, site: str | None, agent: Api, order: str
) -> None:
    agent.promise(order_id=order, promise="The code of the door is 4711")
    guesses = [travelled(page, site, f"/desk/found?find=door+is+{number}") for number in (4711, 8253)]

    assert guesses[0] == guesses[1], "a good guess would be shorter"
    assert guesses[0][0] is None

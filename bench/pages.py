"""The pages of the office and of the customer on a slow network, and the board with a thousand flags on it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from playwright.async_api import Browser, Page

from bench.measure import Figure, Goal, Options, figure
from bench.phone_browser import Phone, chromium, launched
from bench.processes import serving
from bench.talking import Lines, head

__all__ = ["GOALS", "pages"]

_FLAGS = 1_000
_AGENTS, _COURIERS = 50, 40
_ROUND_SECONDS = 240.0
_PROMISED = "Your order comes between ten and noon, and the courier rings at the door"

_OFFICE = {
    "start": ("/", "supervisor:wang"),
    "desk": ("/desk", "agent:a1"),
    "board": ("/board", "supervisor:wang"),
    "yard": ("/board/yard", "supervisor:wang"),
    "scorecard": ("/board/scorecard", "supervisor:wang"),
    "history": ("/history", "auditor:chen"),
}
_CUSTOMER = "the customer's page"

_LOADED = "{}, all that a first visit loads"
_PAINTED = "{}, first contentful paint"
_NEXT = f"a key for the next page of {_FLAGS} flags, until it is drawn"
_GROUPED = f"Enter in the filter, until {_FLAGS} flags are drawn in groups"
_OPENED = "Enter on a group, until its flags are drawn"
_STEPPED = "a key for the next promise, until it has the focus"

GOALS = (
    *(Goal(_LOADED.format(name), "KB", at_most=100) for name in _OFFICE),
    Goal(_LOADED.format(_CUSTOMER), "KB", at_most=20),
    *(Goal(_PAINTED.format(name), "s", at_most=1) for name in (*_OFFICE, _CUSTOMER)),
    *(Goal(name, "ms", at_most=500) for name in (_NEXT, _GROUPED, _OPENED)),
    Goal(_STEPPED, "ms", at_most=100),
)

Measured = defaultdict[tuple[str, str], list[float]]


async def pages(options: Options) -> list[Figure]:
    """Each page on a phone that was never there, then the board by keyboard; nothing where there is no Chromium."""
    executable = chromium()
    if executable is None:
        print("pages: there is no chromium here; Debian's package of that name will do")
        return []
    measured: Measured = defaultdict(list)
    async with serving(options.folder / "pages") as served, Lines.open(served.port, 8) as lines:
        link = await _promised(lines)
        async with launched(executable) as browser:
            for _ in range(options.rounds):
                async with asyncio.timeout(_ROUND_SECONDS):
                    await _round(browser, f"http://127.0.0.1:{served.port}", link, measured)
    return [figure(name, unit, values) for (name, unit), values in measured.items()]


async def _promised(lines: Lines) -> str:
    """A thousand promises that are overdue, with half a hundred agents and as many couriers; the path of one's link."""
    now = datetime.now(UTC)

    async def promise(number: int) -> str:
        order = f"SO-{1000 + number}"
        plan = {"role": "courier", "recipient": f"courier:c{number % _COURIERS}", "depot": f"depot-{number % 7}"}
        await lines.ask(head("PUT", f"/v1/orders/{order}/assignment", "system:oms", plan))
        made = {"customer_id": f"CU-{number}", "order_id": order, "kind": "redelivery", "promise": _PROMISED}
        times = {
            "made_at": (now - timedelta(hours=5)).isoformat(),
            "due": {"at": (now - timedelta(minutes=5 + number % 60)).isoformat()},
        }
        answer = await lines.ask(head("POST", "/v1/commitments", f"agent:a{number % _AGENTS}", made | times))
        return str(msgspec.json.decode(answer.body)["id"])

    ids = await asyncio.gather(*(promise(number) for number in range(_FLAGS)))
    deadline = time.monotonic() + 60
    while (
        msgspec.json.decode((await lines.ask(head("GET", "/v1/flags?limit=1", "supervisor:wang"))).body)["total"]
        < _FLAGS
    ):
        if time.monotonic() > deadline:
            raise RuntimeError("the flags have not come")
        await asyncio.sleep(0.1)
    answer = await lines.ask(head("POST", f"/v1/commitments/{ids[0]}/customer-link", "agent:a0", {}))
    return "/c/" + str(msgspec.json.decode(answer.body)["url"]).partition("/c/")[2]


async def _round(browser: Browser, url: str, link: str, measured: Measured) -> None:
    for name, (path, actor) in {**_OFFICE, _CUSTOMER: (link, None)}.items():
        await _first_visit(browser, url, path, name, actor, measured)
    async with Phone.new(browser) as phone, phone.tab(throttled=False) as tab:
        await tab.page.set_viewport_size({"width": 1280, "height": 800})
        await _says_who(tab.page, url, "supervisor:wang")
        await _by_keyboard(tab.page, url, measured)


async def _says_who(page: Page, url: str, actor: str) -> None:
    await page.context.add_cookies([{"name": "upheld_actor", "value": actor, "url": url}])


async def _first_visit(browser: Browser, url: str, path: str, name: str, actor: str | None, measured: Measured) -> None:
    async with Phone.new(browser) as phone, phone.tab() as tab:
        if actor is not None:
            await _says_who(tab.page, url, actor)
        await tab.page.goto(url + path)
        painted = await tab.page.evaluate(_FIRST_PAINT)
        await tab.quiet()
        measured[_PAINTED.format(name), "s"].append(painted / 1000)
        measured[_LOADED.format(name), "KB"].append(sum(tab.loaded.values()) / 1000)


_FIRST_PAINT = """() => new Promise((done) => {
  const seen = (list) => {
    const found = list.getEntries().find((one) => one.name === "first-contentful-paint");
    if (found !== undefined) done(found.startTime);
  };
  new PerformanceObserver(seen).observe({ type: "paint", buffered: true });
})"""


async def _by_keyboard(page: Page, url: str, measured: Measured) -> None:
    """What a supervisor does with his keys, on a machine and a network that are not slowed down."""
    await page.goto(f"{url}/board")
    await page.locator(".flag").first.wait_for()
    await page.keyboard.press("j")
    measured[_STEPPED, "ms"].append(await _took(page, "j", lambda: page.locator(".flag:focus").nth(0).wait_for()))
    measured[_NEXT, "ms"].append(await _took(page, "m", lambda: _drawn(page, "**cursor=**", ".flag")))
    await page.goto(f"{url}/board")
    await page.keyboard.press("f")
    await page.locator("select[name=by]").focus()
    await page.keyboard.press("k")
    await page.locator("#filters button.main").focus()
    measured[_GROUPED, "ms"].append(await _took(page, "Enter", lambda: _drawn(page, "**by=recipient**", ".groups")))
    await page.locator(".groups summary").first.focus()
    opened = page.locator(".groups .flag").first
    measured[_OPENED, "ms"].append(await _took(page, "Enter", opened.wait_for))


async def _drawn(page: Page, address: str, selector: str) -> None:
    await page.wait_for_url(address, wait_until="commit")
    await page.locator(selector).first.wait_for()
    await page.evaluate(_FIRST_PAINT)


async def _took(page: Page, key: str, until: Callable[[], Coroutine[Any, Any, None]]) -> float:
    """Milliseconds from a key until something has come of it."""
    began = time.perf_counter()
    await page.keyboard.press(key)
    await until()
    return (time.perf_counter() - began) * 1000

"""The keeper's page on a slow phone: what it loads, how soon it can be used, and how it answers a thumb."""

import asyncio
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import msgspec
from playwright.async_api import Browser

from bench.measure import Figure, Goal, Options, figure
from bench.phone_browser import WORKER, Phone, Tab, chromium, launched
from bench.processes import serving
from bench.talking import Lines, head

__all__ = ["GOALS", "phone"]

_LI = "courier:li"
_STOPS, _PROMISES = 120, 200
_TAPS = 8
_WHEEL_SECONDS, _WHEEL_STEP, _WHEEL_PAUSE = 4.0, 160, 0.06
_SLOW_FRAME_MS = 32
_ROUND_SECONDS = 180.0
_ROW = "ol.stops a.row"
_OPENED = "main.with-bar"
_CHOICE = ".choices:not(.across) button"

_ALL = "first visit, everything until a keeper is chosen"
_SCRIPTS = "of it JavaScript, without the heads"
_CHOOSE = "first visit, until a keeper can be chosen"
_COLD = "known keeper and nothing else, until a tap on a task has opened it"
_WORKER = "from the worker, until a tap on a task has opened it"
_OFFLINE = "from the worker, no network, until a tap on a task has opened it"
_TAP = "tap on the button of a promise, until it shows"
_LOAD_TAP = "tap on a thing of the loading list, until it shows"
_SLOW = f"frames over {_SLOW_FRAME_MS} ms, scrolling {_PROMISES} promises"

GOALS = (
    Goal(_ALL, "KB", at_most=60),
    Goal(_SCRIPTS, "KB", at_most=40),
    Goal(_CHOOSE, "s", at_most=2.5),
    Goal(_COLD, "s", at_most=2.5),
    Goal(_WORKER, "s", at_most=0.7),
    Goal(_OFFLINE, "s", at_most=0.7),
    Goal(_TAP, "ms", at_most=100),
    Goal(_LOAD_TAP, "ms", at_most=100),
    Goal(_SLOW, "%", at_most=5),
)

Measured = defaultdict[tuple[str, str], list[float]]


async def phone(options: Options) -> list[Figure]:
    """A courier with 200 promises on 120 stops; nothing where there is no Chromium."""
    executable = chromium()
    if executable is None:
        print("phone: there is no chromium here; Debian's package of that name will do")
        return []
    measured: Measured = defaultdict(list)
    async with serving(options.folder / "phone") as served, Lines.open(served.port, 8) as lines:
        await _route(lines)
        async with launched(executable) as browser:
            for _ in range(options.rounds):
                async with asyncio.timeout(_ROUND_SECONDS):
                    await _round(browser, f"http://127.0.0.1:{served.port}", measured)
    return [figure(name, unit, values) for (name, unit), values in measured.items()]


async def _route(lines: Lines) -> None:
    """A day's route: each stop has a redelivery, two of three a thing as well."""
    morning = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=10)

    async def stop(number: int) -> None:
        order = f"SO-{1000 + number}"
        start = morning + timedelta(minutes=4 * number)
        plan = {
            "role": "courier",
            "recipient": _LI,
            "stop": number,
            "address": f"{number} Willow Lane, {number % 7 + 1}th floor",
            "departs_at": morning.isoformat(),
            "planned_start": start.isoformat(),
            "planned_end": (start + timedelta(hours=2)).isoformat(),
        }
        await lines.ask(head("PUT", f"/v1/orders/{order}/assignment", "system:oms", plan))
        due = {"at": (start + timedelta(hours=2)).isoformat()}
        made = {"customer_id": f"CU-{number}", "order_id": order, "due": due}
        words = f"Your order comes between ten and noon, and the courier rings at number {number}"
        promised: list[dict[str, object]] = [{**made, "kind": "redelivery", "promise": words}]
        if number <= _PROMISES - _STOPS:
            items = [{"sku": f"HDMI-{number}M", "quantity": 1}]
            free = "A free HDMI cable comes with tomorrow’s redelivery"
            promised.append({**made, "kind": "free_item", "promise": free, "items": items})
        for body in promised:
            await lines.ask(head("POST", "/v1/commitments", "agent:ling", body))

    await asyncio.gather(*(stop(number) for number in range(1, _STOPS + 1)))
    deadline = time.monotonic() + 30
    while True:
        answer = await lines.ask(head("GET", "/v1/tasks", _LI))
        if sum(len(one["commitments"]) for one in msgspec.json.decode(answer.body)["items"]) == _PROMISES:
            return
        if time.monotonic() > deadline:
            raise RuntimeError("the tasks have not come")
        await asyncio.sleep(0.1)


async def _round(browser: Browser, url: str, measured: Measured) -> None:
    async with Phone.new(browser) as phone:
        async with phone.tab() as tab:
            await _first_visit(tab, url, measured)
        for name, offline in ((_WORKER, False), (_OFFLINE, True)):
            await _rest(phone, url)
            async with phone.tab(offline=offline) as tab:
                await _starts(tab, url, name, measured)
        async with phone.tab() as tab:
            await tab.page.goto(f"{url}/courier")
            await tab.ask(f"shown('{_ROW}')")
            await tab.quiet()
            slow, worst = await _scrolled(tab)
            measured[_SLOW, "%"].append(slow)
            measured["the longest frame of it", "ms"].append(worst)
            await _taps(tab, measured)
        await _rest(phone, url, forget=True)
        async with phone.tab() as tab:
            await _starts(tab, url, _COLD, measured)


async def _first_visit(tab: Tab, url: str, measured: Measured) -> None:
    """Somebody opens the page who has never been there, and says who he is."""
    await tab.page.goto(f"{url}/courier")
    measured[_CHOOSE, "s"].append(await tab.ask(f"shown('{_CHOICE}')") / 1000)
    await tab.page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    await tab.quiet()
    worker = await tab.page.request.get(f"{url}{WORKER}", headers={"Accept-Encoding": "br"})
    tab.heads[WORKER] = tab.loaded[WORKER]
    tab.loaded[WORKER] += int(worker.headers["content-length"])
    measured[_ALL, "KB"].append(sum(tab.loaded.values()) / 1000)
    scripts = sum(size - tab.heads[path] for path, size in tab.loaded.items() if path.endswith(".js"))
    measured[_SCRIPTS, "KB"].append(scripts / 1000)
    until = tab.ask(f"tapped('{_ROW}')")
    before = sum(tab.loaded.values())
    _, waited = await asyncio.gather(tab.page.locator(_CHOICE).first.tap(), until)
    measured["the tasks", "KB"].append((sum(tab.loaded.values()) - before) / 1000)
    measured["from the choice until the list is shown", "s"].append(waited / 1000)
    before = sum(tab.loaded.values())
    await tab.quiet()
    measured["what follows from them", "KB"].append((sum(tab.loaded.values()) - before) / 1000)


async def _starts(tab: Tab, url: str, name: str, measured: Measured) -> None:
    await tab.page.goto(f"{url}/courier", wait_until="commit")
    shown, reacted = await tab.ask(f"reacts('{_ROW}', '{_OPENED}')")
    measured[name.replace("a tap on a task has opened it", "the list is shown"), "s"].append(shown / 1000)
    measured[name, "s"].append(reacted / 1000)


async def _rest(phone: Phone, url: str, *, forget: bool = False) -> None:
    """The worker sleeps, as after a while; or nothing is left but who the keeper is."""
    async with phone.tab(throttled=False) as tab:
        await tab.page.goto(f"{url}/livez")
        await tab.devtools("ServiceWorker.enable")
        await tab.devtools("ServiceWorker.stopAllWorkers")
        if forget:
            await tab.devtools("Network.enable")
            await tab.devtools("Network.clearBrowserCache")
            await tab.page.evaluate(_FORGET)


_FORGET = """async () => {
  for (const one of await navigator.serviceWorker.getRegistrations()) await one.unregister();
  for (const name of await caches.keys()) await caches.delete(name);
  const database = await new Promise((done, failed) => {
    const opening = indexedDB.open("upheld-courier");
    opening.onsuccess = () => done(opening.result);
    opening.onerror = failed;
  });
  const cleared = database.transaction(["days", "outbox", "notices", "done"], "readwrite");
  for (const name of cleared.objectStoreNames) cleared.objectStore(name).clear();
  await new Promise((done) => (cleared.oncomplete = done));
  database.close();
}"""


async def _scrolled(tab: Tab) -> tuple[float, float]:
    """How many of a hundred frames are slow while the wheel turns, and the slowest."""
    await tab.page.mouse.move(180, 320)

    async def turn() -> None:
        end = time.monotonic() + _WHEEL_SECONDS
        while time.monotonic() < end:
            await tab.page.mouse.wheel(0, _WHEEL_STEP)
            await asyncio.sleep(_WHEEL_PAUSE)

    frames, _ = await asyncio.gather(tab.ask(f"frames({_WHEEL_SECONDS * 1000})"), turn())
    if await tab.page.evaluate("scrollY") < 1000:
        raise RuntimeError("the list did not move")
    return sum(frame > _SLOW_FRAME_MS for frame in frames) / len(frames) * 100, max(frames)


async def _taps(tab: Tab, measured: Measured) -> None:
    page = tab.page
    for _ in range(_TAPS):
        await page.evaluate("location.hash = ''")
        await page.locator("p.first a.main").click()
        await page.locator(".bar button.main").wait_for()
        measured[_TAP, "ms"].append(await _tap(tab, ".bar button.main", ".bar button.undo"))
    await page.evaluate("location.hash = 'loading'")
    for _ in range(_TAPS):
        await page.locator("ul.things button.main").first.wait_for()
        await page.evaluate(_MARK)
        measured[_LOAD_TAP, "ms"].append(await _tap(tab, ".tapped button.main", ".tapped button.undo"))


_MARK = """() => {
  for (const one of document.querySelectorAll(".tapped")) one.classList.remove("tapped");
  document.querySelector("ul.things button.main").closest("li").classList.add("tapped");
}"""


async def _tap(tab: Tab, selector: str, then: str) -> float:
    waiting = asyncio.create_task(tab.ask(f"tapped('{then}')"))
    await asyncio.sleep(0.3)
    await tab.page.locator(selector).tap()
    return float(await waiting)

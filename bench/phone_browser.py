"""A phone as slow as many are: Chromium with a throttled processor and network, which counts what it loads."""

import asyncio
import contextlib
import json
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright

__all__ = ["WORKER", "Phone", "Tab", "chromium", "launched"]

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SCREEN = {"viewport": {"width": 360, "height": 640}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
_SLOWER = 4
_SLOW_4G = {"latency": 150, "downloadThroughput": 1_600_000 / 8, "uploadThroughput": 750_000 / 8}
"""What Lighthouse calls slow 4G."""

WORKER = "/courier/worker.js"
_QUIET_SECONDS = 2.0
_WITHIN = 30.0
_PROBE = Path(__file__).with_name("phone.js")


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextlib.asynccontextmanager
async def launched(executable: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=list(_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


class Tab:
    """A page that is open on the phone, throttled together with its worker.

    `loaded` has the bytes that travel by path, with the heads of the answers, which `heads` has by themselves; of the
    worker's own script it is the head alone.
    """

    def __init__(self, page: Page, devtools: CDPSession) -> None:
        self.page = page
        self.loaded: Counter[str] = Counter()
        self.heads: Counter[str] = Counter()
        self._devtools = devtools
        self._asked: dict[tuple[str, str], str] = {}
        self._moved = time.monotonic()
        self._told = 0
        self._network: dict[str, Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def throttle(self, *, offline: bool = False) -> None:
        self._network = {"offline": offline, **_SLOW_4G}
        devtools = self._devtools
        for name in ("Network.requestWillBeSent", "Network.responseReceived", "Network.loadingFinished"):
            devtools.on(name, lambda params, name=name: self._heard("page", name, params))
        devtools.on("Target.attachedToTarget", self._attached)
        devtools.on("Target.receivedMessageFromTarget", self._heard_worker)
        await devtools.send("Network.enable")
        await devtools.send("Network.emulateNetworkConditions", self._network)
        await devtools.send("Emulation.setCPUThrottlingRate", {"rate": _SLOWER})
        # The worker waits until it is throttled, too. Its processor cannot be: only that of pages can.
        attach = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": False}
        await devtools.send("Target.setAutoAttach", attach)

    async def quiet(self) -> None:
        """Until nothing was asked or answered for a while; what is streamed does not count."""
        deadline = time.monotonic() + _WITHIN
        while time.monotonic() - self._moved < _QUIET_SECONDS:
            if time.monotonic() > deadline:
                raise RuntimeError("the page does not come to rest")
            await asyncio.sleep(0.05)

    async def ask(self, expression: str) -> Any:
        """What the probe (`phone.js`) answers."""
        async with asyncio.timeout(_WITHIN):
            return await self.page.evaluate(f"bench.{expression}")

    async def devtools(self, method: str, **params: Any) -> None:
        await self._devtools.send(method, params)

    def _attached(self, event: dict[str, Any]) -> None:
        task = asyncio.create_task(self._throttle_worker(event["sessionId"]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _throttle_worker(self, session: str) -> None:
        for method, params in (
            ("Network.enable", {}),
            ("Network.emulateNetworkConditions", self._network),
            ("Runtime.runIfWaitingForDebugger", {}),
        ):
            self._told += 1
            message = json.dumps({"id": self._told, "method": method, "params": params})
            await self._devtools.send("Target.sendMessageToTarget", {"sessionId": session, "message": message})

    def _heard_worker(self, event: dict[str, Any]) -> None:
        message = json.loads(event["message"])
        if "method" in message:
            self._heard(event["sessionId"], message["method"], message["params"])

    def _heard(self, who: str, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self._asked[who, params["requestId"]] = urlsplit(params["request"]["url"]).path
        elif method == "Network.responseReceived":
            path = self._asked.get((who, params["requestId"]), WORKER)
            self.heads[path] += int(params["response"]["encodedDataLength"])
        elif method == "Network.loadingFinished":
            path = self._asked.get((who, params["requestId"]), WORKER)
            self.loaded[path] += int(params["encodedDataLength"])
        else:
            return
        self._moved = time.monotonic()


class Phone:
    """A profile of its own: it has never been there."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context

    @classmethod
    @contextlib.asynccontextmanager
    async def new(cls, browser: Browser) -> AsyncIterator["Phone"]:
        context = await browser.new_context(**_SCREEN)  # type: ignore[arg-type]
        await context.add_init_script(path=_PROBE)
        try:
            yield cls(context)
        finally:
            await context.close()

    @contextlib.asynccontextmanager
    async def tab(self, *, throttled: bool = True, offline: bool = False) -> AsyncIterator[Tab]:
        page = await self._context.new_page()
        tab = Tab(page, await self._context.new_cdp_session(page))
        if throttled:
            await tab.throttle(offline=offline)
        try:
            yield tab
        finally:
            await page.close()

"""A keeper's phone, with the page in a browser of its own, and the office that promises what he is to keep."""

import io
import itertools
import shutil
from collections.abc import Callable
from typing import Any, Literal, Self

from PIL import Image
from playwright.sync_api import BrowserContext, CDPSession, FilePayload, Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.api.serving import Api

__all__ = ["FLAGS", "SAVED", "SMALL", "Office", "Phone", "Phones", "chromium", "photo"]

SAVED = "Saved on this phone, not sent"
SMALL = {"width": 360, "height": 640}
_SWITCHED_OFF = (
    # What a window would prepare for its address bar, each in a process of its own: half of what a window costs.
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
    # What Playwright switches off for tests: the last flag of the kind is the one that counts.
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades", "LensOverlay"),
    *("HttpsFirstBalancedModeAutoEnable", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "PreconnectToSearch"),
)
FLAGS = (
    f"--disable-features={','.join(_SWITCHED_OFF)}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
_UNDO_MS = 5_000
_MINUTES = 8
_ANSWER_MS = 20_000
"""A server waits five seconds for a position, and a minute that goes by meanwhile ends what was asked."""
_numbers = itertools.count(1)


def chromium() -> str | None:
    """The system's Chromium, where it has one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def photo() -> FilePayload:
    """A photo as a phone takes it, of several megabytes."""
    noise = Image.effect_noise((2400, 1800), 90).convert("RGB")
    made = io.BytesIO()
    noise.save(made, "JPEG", quality=90)
    return {"name": "door.jpg", "mimeType": "image/jpeg", "buffer": made.getvalue()}


class Office:
    """Who promises, plans and looks things up, and a courier whom no other test knows."""

    def __init__(self, agent: Api) -> None:
        self.agent, self.oms = agent, agent.by("system:oms")
        self.courier = f"courier:li-{next(_numbers)}"
        self._stops = itertools.count(1)

    def promise(self, promise: str = "It comes by noon", kind: str = "redelivery", **terms: Any) -> str:
        """Something promised an hour ago, at the courier's next stop; its id."""
        order = terms.pop("order_id", None) or self.order()
        terms.setdefault("made_at", self.agent.at(hours=-1))
        return str(self.agent.promise(kind, promise=promise, order_id=order, **terms)["id"])

    def cable(self, promise: str = "A cable comes with it", **terms: Any) -> str:
        """A thing that must be in the van, which the warehouse has no part in."""
        items = [{"sku": "HDMI-2M", "quantity": 1}]
        return self.promise(promise, "free_item", **{"path": ["courier"], "items": items, **terms})

    def order(self, recipient: str | None = None, **plan: Any) -> str:
        """An order at the courier's next stop."""
        order, stop = f"SO-{next(_numbers)}", next(self._stops)
        self.plan(order, recipient or self.courier, stop=stop, address=f"{stop} Willow Lane", **plan)
        return order

    def plan(self, order: str, recipient: str, **plan: Any) -> None:
        self.oms.assign(order, recipient, **plan)

    def amend(self, id: str, promise: str) -> None:
        self.agent.command(id, "amendments", {"promise": promise, "reason": "She works"})

    def events(self, id: str, type: str) -> list[dict[str, Any]]:
        """What the history holds of this kind, whoever recorded it."""
        self.agent.end_of_the_log()
        return [item for item in self.agent.history(commitment_id=id) if item["type"] == type]

    def told(self, id: str) -> list[str]:
        self.agent.end_of_the_log()
        return self.agent.told(id)

    def handoff(self, id: str) -> dict[str, Any]:
        """How the courier stands to it."""
        self.agent.end_of_the_log()
        return next(dict(one) for one in self.agent.commitment(id)["handoffs"] if one["role"] == "courier")


class Phone:
    """The page, as somebody sees and taps it.

    >>> phone.enter("courier:li")  # doctest: +SKIP
    >>> phone.open(id)  # doctest: +SKIP
    >>> phone.tap("I know")  # doctest: +SKIP
    """

    def __init__(self, context: BrowserContext, url: str, tab: Page | None = None) -> None:
        self.context, self.url = context, url
        self.page = tab or (context.pages[0] if context.pages else context.new_page())

    # -- what its owner does ------------------------------------------------------------------------------------

    def visit(self, view: str = "") -> Self:
        """Open the page, as from the home screen, or at a view: `visit("#more")`."""
        self.page.goto(f"{self.url}/courier{view}")
        self.heading.first.wait_for()
        return self

    def enter(self, actor: str, *, worker: bool = True) -> Self:
        """Say who he is, and wait for the worker that opens the page without a network from then on."""
        self.visit()
        self.page.get_by_label("Somebody else, as in courier:li").fill(actor)
        self.tap("Go on")
        self.page.get_by_role("heading", name="Today").wait_for()
        if worker:
            self.page.evaluate(_CONTROLLED)
        return self

    def open(self, id: str, form: str = "") -> Self:
        """Go to a promise, as by a tap on it."""
        self.page.locator(f'.stops a[href="#c-{id}"]').wait_for()
        return self.go(f"c-{id}" + (f"/{form}" if form else ""))

    def go(self, name: str) -> Self:
        self.page.evaluate("name => { location.hash = name; }", name)
        return self

    def tap(self, words: str) -> None:
        self.page.get_by_role("button", name=words, exact=True).or_(
            self.page.get_by_role("link", name=words, exact=True)
        ).first.click()

    def say(self, words: str) -> None:
        """Tap, and let the time go by in which it can be undone; the phone's clock must be installed.

        The worker's clock stays as it is: of what is said later than that it believes that the clock was set back, and
        may send it at once.
        """
        self.tap(words)
        self.page.locator(".undo, .bar p, main .done").first.wait_for()
        self.pass_undo()

    def pass_undo(self) -> None:
        """Let the time go by in which a tap can be undone."""
        self.page.clock.fast_forward(_UNDO_MS + 100)

    # -- what it shows ------------------------------------------------------------------------------------------

    @property
    def heading(self) -> Locator:
        return self.page.locator("h1")

    def shows(self, words: str, within: float = 20) -> Self:
        """Wait until these words stand on the screen."""
        self.page.get_by_text(words).first.wait_for(timeout=within * 1000)
        return self

    def waits_for(self, shown: Locator, state: Literal["visible", "detached"] = "visible") -> None:
        """Let minutes go by until something is shown, or not any more; the phone's clock must be installed.

        How many is not foreseen: who was cut off asks again when he has seen it, and after a pause.
        """
        for _ in range(_MINUTES):
            self.page.clock.fast_forward(60_000)
            try:
                shown.wait_for(state=state, timeout=_ANSWER_MS)
            except PlaywrightTimeout:
                continue
            return
        shown.wait_for(state=state, timeout=_ANSWER_MS)

    def text(self) -> str:
        return self.page.locator("main").inner_text()

    def row(self, id: str) -> Locator:
        """A promise in the day's list."""
        return self.page.locator(f'.stops a[href="#c-{id}"]')

    def outbox(self) -> list[dict[str, Any]]:
        """What is written on the phone and not answered, whatever is shown."""
        return list(self.page.evaluate(_READ, "outbox"))

    def seen_until(self) -> int:
        """The position of the log up to which it remembers to have seen everything."""
        return max(int(day["position"]) for day in self.page.evaluate(_READ, "days"))

    # -- what befalls it ----------------------------------------------------------------------------------------

    def devtools(self) -> CDPSession:
        return self.context.new_cdp_session(self.page)


_CONTROLLED = """new Promise(done => {
  const look = () => navigator.serviceWorker.controller && done(null);
  navigator.serviceWorker.addEventListener("controllerchange", look);
  look();
})"""
_READ = """store => new Promise((done, failed) => {
  const opening = indexedDB.open("upheld-courier");
  opening.onerror = () => failed(opening.error);
  opening.onsuccess = () => {
    const reading = opening.result.transaction(store).objectStore(store).getAll();
    reading.onsuccess = () => {
      opening.result.close();
      done(reading.result.map(one => ({...one, photo: undefined})));
    };
  };
})"""


Phones = Callable[..., Phone]

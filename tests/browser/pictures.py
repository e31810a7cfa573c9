"""The pictures of the docs, made of the pages as they are: `make pictures`.

Each is a page of a real server in a real browser, on a day that is made for it.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from api.pages.visiting import ACTOR_COOKIE
from tests.api.serving import Api, Serving
from tests.browser.phone import FLAGS, SMALL, chromium

_SAID = "free HDMI cable with the redelivery tomorrow by 6 pm, SO-1003"
DOCS = Path(__file__).parents[2] / "docs"


class Day:
    """A courier's day of five stops: an ordinary delivery, a cable to bring, a promise that changed, one confirmed."""

    def __init__(self, oms: Api) -> None:
        self.oms = oms
        agent, courier = oms.by("agent:ling"), oms.by("courier:li")
        oms.put("/v1/people/courier:li", {"name": "Li Wei", "locale": "en", "time_zone": "Europe/Sofia"})
        addresses = ("3 Willow Lane", "12 Sea Road", "Flat 6, 81 Abbots Lane", "9 Mill Street", "40 Station Road")
        for stop, address in enumerate(addresses, 1):
            times = {
                "departs_at": agent.at(hours=1),
                "planned_start": agent.at(hours=1 + stop),
                "planned_end": agent.at(hours=2 + stop),
            }
            oms.assign(f"SO-{1000 + stop}", "courier:li", stop=stop, address=address, **times)
        cable = [{"sku": "HDMI-2M", "quantity": 1}]
        soon = agent.due(hours=5)
        self.cable = self.promise(1, "A free HDMI cable comes with the redelivery", "free_item", items=cable, due=soon)
        self.promise(1, "Your television comes today", "delivery", due=soon)
        self.changed = self.promise(2, "We come between five and six", due=agent.due(hours=6))
        courier.receipt(self.changed)
        new_words = {"promise": "We come between three and four", "due": agent.due(hours=4), "reason": "She works"}
        agent.command(self.changed, "amendments", new_words)
        self.new = self.promise(3, "The driver rings ten minutes before", due=agent.due(hours=6))
        courier.receipt(self.promise(4, "He carries it to the second floor", due=agent.due(hours=7)))
        self.promise(5, "Delivered by tonight", "delivery", due=agent.due(hours=9))

    def goes_wrong(self) -> None:
        """What is due and not kept, what its keeper cannot keep, and what nobody carries."""
        agent, courier = self.oms.by("agent:ling"), self.oms.by("courier:li")
        late: dict[str, Any] = {"made_at": agent.at(hours=-3), "due": agent.due(minutes=-20)}
        self.promise(5, "The refund slip is in the parcel", **late)
        courier.receipt(self.cable, "declined", reason="There is none in the van")
        agent.promise("callback", customer_id="CU-9", promise="I call you back within the hour", **late)

    def promise(self, stop: int, words: str, kind: str = "redelivery", **terms: object) -> str:
        order = f"SO-{1000 + stop}"
        made = self.oms.by("agent:ling").promise(kind, order_id=order, customer_id=f"CU-{stop}", promise=words, **terms)
        return str(made["id"])


def couriers(browser: Browser, url: str, day: Day, take: Callable[[Page, str], None]) -> None:
    """The day, a promise, one that changed, and a phone without a network."""
    context: BrowserContext = browser.new_context(viewport=SMALL, device_scale_factor=2, locale="en-GB")  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{url}/courier")
    page.get_by_role("button", name="Li Wei").click()
    page.locator(".stops").wait_for()
    page.evaluate("navigator.serviceWorker.ready")
    page.get_by_text("New").first.wait_for()
    take(page, "courier-today")
    page.goto(f"{url}/courier#c-{day.cable}")
    page.get_by_role("button", name="It is in the van").wait_for()
    take(page, "courier-promise")
    page.goto(f"{url}/courier#c-{day.changed}")
    page.get_by_text("It was").wait_for()
    take(page, "courier-changed")
    context.set_offline(True)
    page.goto(f"{url}/courier#c-{day.new}")
    page.get_by_role("button", name="I know").click()
    page.get_by_role("button", name="Kept").wait_for(timeout=10_000)
    page.goto(f"{url}/courier#")
    page.get_by_text("saved on this phone").first.wait_for()
    take(page, "courier-offline")
    context.close()


def office(browser: Browser, url: str, day: Day, take: Callable[[Page, str], None]) -> None:
    """The pages of the office, each opened by whoever works with it."""
    for name, actor, path in (
        ("start", None, "/"),
        ("desk", "agent:ling", "/desk"),
        ("board", "supervisor:wang", "/board"),
        ("history", "auditor:chen", f"/history/commitments/{day.changed}"),
    ):
        context = browser.new_context(viewport={"width": 1024, "height": 768}, locale="en-GB")
        if actor is not None:
            context.add_cookies([{"name": ACTOR_COOKIE, "value": actor, "url": url}])
        page = context.new_page()
        page.goto(url + path)
        if name == "desk":
            page.locator("#line").press_sequentially(_SAID)
            page.locator("input[name=kind]:checked").wait_for()
        take(page, name)
        context.close()


def main() -> None:
    """Make them all."""

    def take(page: Page, name: str) -> None:
        page.screenshot(path=DOCS / f"{name}.png", animations="disabled")
        print(f"docs/{name}.png")

    if (program := chromium()) is None:
        raise SystemExit("there is no chromium on this machine; Debian's package of that name will do")
    with tempfile.TemporaryDirectory() as folder, Serving(Path(folder)) as serving, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        day = Day(serving.by("system:oms"))
        couriers(browser, serving.url, day, take)
        day.goes_wrong()
        office(browser, serving.url, day, take)
        browser.close()


if __name__ == "__main__":
    main()

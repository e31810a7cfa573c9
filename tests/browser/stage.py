"""A story on the stage: four people before their own pages at once; whatever else happens is told to the API."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from api.stories.script import Story
from tests.api.serving import Serving
from tests.browser.office import opening_pages
from tests.browser.phone import SMALL, Phone
from tests.stories.conftest import Api, Telling

__all__ = ["Stage", "staged"]


class Stage(Telling):
    """A story of which some steps are acted, each by somebody at his page.

    >>> stage.acted(2, "12:00")  # doctest: +SKIP
    >>> stage.promise("cable", "free HDMI cable tomorrow, TV-3301", seen="The van has left already")  # doctest: +SKIP
    >>> stage.until(2, "13:00")  # doctest: +SKIP
    >>> stage.is_flagged("cable", "Who must keep it does not know of it")  # doctest: +SKIP
    """

    def __init__(self, api: Api, story: Story, url: str, desk: Page, phone: Phone, board: Page, timeline: Page) -> None:
        super().__init__(api, story)
        self.url, self.desk, self.phone, self.board, self.timeline = url, desk, phone, board, timeline

    def acted(self, day: int, time: str) -> None:
        """Everything before this time, which it then is; what the story has at this very minute is for the stage."""
        self.just_before(day, time)
        self.api.set_clock(at := self.instant(day, time))
        self._steps = [step for step in self._steps if step.at != at]

    # -- the agent at the desk ----------------------------------------------------------------------------------------

    def promise(self, name: str, line: str, *, seen: str, kind: str | None = None, customer: str | None = None) -> None:
        """He types a promise as he says it, reads what it comes to, and records it.

        `kind` is the key of its kind, for words that could be of several; `customer` is named where no order does so.
        """
        self._types(line, kind, customer)
        expect(self.desk.locator("#look")).to_contain_text(seen)
        self.desk.keyboard.press("Enter")
        # On a busy machine what he read was not the last word: the desk asks him to look again.
        once_more = self.desk.get_by_role("alert").filter(has_text="press Enter once more")
        expect(self.desk.locator("#made, #saying").or_(once_more).first).to_be_visible()
        if once_more.is_visible():
            self.desk.locator("#record button.main").press("Enter")
        self.is_told("Recorded")
        self.ids[name] = parse_qs(urlsplit(self.desk.url).query)["made"][0]

    def cannot_promise(self, line: str, *, because: str, kind: str, customer: str) -> None:
        """He tries to, and hears why not."""
        self._types(line, kind, customer)
        expect(self.desk.locator("#look")).to_contain_text(because)
        self.desk.keyboard.press("Enter")
        expect(self.desk.get_by_role("alert")).to_contain_text(because)

    def _types(self, line: str, kind: str | None, customer: str | None) -> None:
        self.desk.goto(f"{self.url}/desk")
        expect(self.desk.locator("#line")).to_be_focused()
        self.desk.keyboard.type(line)
        if kind is not None:
            self.desk.keyboard.press(f"Alt+{kind}")
        if customer is not None:
            self.desk.keyboard.press("Alt+u")
            self.desk.keyboard.type(customer)

    def asked_again(self, name: str, words: str, minutes: int) -> None:
        """The customer asks again; he finds the promise by an order or a customer, and counts it."""
        self.desk.goto(f"{self.url}/desk")
        self.desk.keyboard.press("Alt+/")
        self.desk.keyboard.type(words)
        self.desk.keyboard.press("Enter")
        # Where the customer has but one promise, it is shown at once.
        self.desk.wait_for_url(re.compile("/desk/(found|promises)"))
        if "/desk/found" in self.desk.url:
            self.desk.locator(f"a[href^='/desk/promises/{self.ids[name]}']").first.click()
        self.desk.wait_for_load_state()
        self.desk.get_by_label("Minutes").fill(str(minutes))
        self.desk.locator("h1").click()
        self.desk.keyboard.press("c")
        expect(self.desk.get_by_role("status")).to_contain_text("Counted")

    def amends(self, due: str, words: str, reason: str) -> None:
        """He changes the promise that is before him: by when, and in which words."""
        self.desk.wait_for_load_state()
        self.desk.keyboard.press("a")
        self.desk.keyboard.type(due)
        self.desk.keyboard.press("Tab")
        self.desk.keyboard.press("Control+A")
        self.desk.keyboard.type(words)
        self.desk.get_by_label("Why?").first.fill(reason)
        self.desk.keyboard.press("Enter")
        expect(self.desk.get_by_role("status")).to_contain_text("Changed")

    def is_told(self, *words: str) -> None:
        """Of the promise that he has just recorded, or has before him, the desk says this by itself."""
        for said in words:
            expect(self.desk.locator("#made, #saying")).to_contain_text(said)

    # -- the supervisor at the board ----------------------------------------------------------------------------------

    def is_flagged(self, name: str, *words: str) -> None:
        """The board shows it by itself, in these words."""
        for said in words:
            expect(self._flag(name)).to_contain_text(said)

    def is_not_flagged(self, name: str) -> None:
        """There is nothing more to be done about it."""
        expect(self._flag(name).locator(".acts")).to_be_hidden()

    def _flag(self, name: str) -> Locator:
        return self.board.locator(f"#f-{self.ids[name]}")

    # -- the auditor at the history -----------------------------------------------------------------------------------

    def hears_of_more(self) -> None:
        """The page that he opened as it began says by itself that there is more, and shows it."""
        self.timeline.get_by_role("status").get_by_role("link").click()
        expect(self.timeline.locator(".event").first).to_be_visible()

    def reads(self, **search: str) -> list[str]:
        """What happened, in sentences and in order."""
        self.api.all_taken_in()
        self.timeline.goto(f"{self.url}/history?{urlencode({**search, 'order': 'oldest_first'})}")
        return self.timeline.locator(".event .words").all_inner_texts()

    def screen(self, keeper: str, day: int, time: str) -> str:
        """What a keeper's screen could show at an instant."""
        at = self.instant(day, time).isoformat()
        self.timeline.goto(f"{self.url}/history/screen?{urlencode({'recipient': keeper, 'at': at})}")
        return self.timeline.locator("section.phone").inner_text()


@contextmanager
def staged(
    browser: Browser, serving: Serving, story: Story, *, agent: str, keeper: str, search: dict[str, str]
) -> Iterator[Stage]:
    """Four browsers at once: the desk, a keeper's phone, the board, and the history with something searched for."""
    with ExitStack() as stack:
        desk, board, timeline = (
            stack.enter_context(opening_pages(browser, serving, actor))(path)
            for actor, path in (
                (agent, "/desk"),
                ("supervisor:wang", "/board"),
                ("auditor:chen", f"/history?{urlencode(search)}"),
            )
        )
        small: ViewportSize = {"width": SMALL["width"], "height": SMALL["height"]}
        context = browser.new_context(locale="en-GB", timezone_id=story.time_zone, viewport=small)
        phone = Phone(stack.enter_context(context), serving.url)
        phone.page.clock.install()
        phone.enter(keeper, worker=False)
        api = Api(serving.url)
        stack.callback(api.close)
        yield Stage(api, story, serving.url, desk, phone, board, timeline)

"""The story of the cable, told to a server whose clock follows it, and browsers that look at it afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page

from api.stories.cable import CABLE
from api.stories.script import At
from tests.api.serving import Api, Serving

__all__ = ["Cable", "Opened", "opening", "told_to_a_server"]

Opened = Callable[..., Page]

ANCHOR = date(2027, 3, 1)


class Cable:
    """The story, told to a server whose clock followed it; and who looks at it afterwards."""

    def __init__(self, serving: Serving) -> None:
        self.url = serving.url
        self.oms: Api = serving.by("system:oms")
        self.ids: dict[str, str] = {}
        for told in CABLE.told(ANCHOR):
            self.oms.move_clock(told.at)
            request = told.request(self.ids)
            answer = self.oms.by(request.headers["X-Actor"]).request(
                request.method, request.path, request.body, headers=request.headers
            )
            assert answer.is_success, answer.text
            if told.step.name is not None:
                self.ids[told.step.name] = answer.json()["id"]
        self.oms.move_clock(CABLE.instant(ANCHOR, CABLE.ends) + timedelta(minutes=1))
        sofia = {"name": "Rada", "locale": "en", "time_zone": "Europe/Sofia"}
        self.oms.put("/v1/people/auditor:rada", sofia)
        self.oms.put("/v1/people/courier:bo", {"name": "Bo", "locale": "zh-CN", "time_zone": "Asia/Shanghai"})

    def at(self, day: int, time: str) -> str:
        """A local time of the story as an address names it."""
        return CABLE.instant(ANCHOR, At(day, time)).astimezone(UTC).isoformat().replace("+00:00", "Z")

    @property
    def page(self) -> str:
        return f"/history/commitments/{self.ids['cable']}"


@contextmanager
def told_to_a_server(folder: Path) -> Iterator[Cable]:
    """The story on a server of its own, whose days are Shanghai's."""
    config = folder / "upheld.toml"
    config.write_text('[defaults]\ntime_zone = "Asia/Shanghai"\ncalendar = "CN"\n')
    with Serving(folder, config=config, test_clock=1) as serving:
        yield Cable(serving)


@contextmanager
def opening(browser: Browser, url: str) -> Iterator[Opened]:
    """Opens pages for an auditor, each in a browser that knows nothing of the others."""
    contexts = []

    def open_at(path: str, *, actor: str = "auditor:chen", width: int = 1280, **more: object) -> Page:
        options = {"locale": "en-GB", "viewport": {"width": width, "height": 800}, **more}
        contexts.append(context := browser.new_context(**options))  # type: ignore[arg-type]
        context.add_cookies([{"name": "upheld_actor", "value": actor, "url": url}])
        page = context.new_page()
        page.goto(url + path)
        return page

    yield open_at
    for context in contexts:
        context.close()

"""A keeper's page behind a link, in a real browser: on a small phone, for a screen reader, and without scripts."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page

from tests.api.serving import Api
from tests.browser.conftest import Begin
from tests.browser.office import check_no_faults


class Route:
    """Three stops of a courier, whose second promise has changed since he knew of it."""

    def __init__(self, oms: Api) -> None:
        self.oms = oms
        agent = oms.by("agent:ling")
        for stop, address in enumerate(["3 Willow Lane", "北京市朝阳区建国路 88 号", "ул. Витоша 12, София"], 1):
            plan = {"planned_start": agent.at(hours=stop), "planned_end": agent.at(hours=stop + 1)}
            oms.assign(f"SO-{stop}", "courier:li", stop=stop, address=address, **plan)
        cable = [{"sku": "HDMI-2M", "quantity": 1}]
        self.cable = agent.promise("free_item", order_id="SO-1", promise="A cable, " + "very" * 40, items=cable)["id"]
        self.moved = agent.promise(order_id="SO-2", promise="明天下午六点前送货")["id"]
        oms.by("courier:li").receipt(self.moved)
        agent.command(self.moved, "amendments", {"promise": "明天中午前送货", "reason": "She works"})
        self.late = agent.promise(order_id="SO-3", promise="Утре до 18 ч.")["id"]
        oms.all_taken_in()

    def link(self, locale: str) -> str:
        """The link, once the courier reads a language. It holds until midnight, which is not near where he is."""
        supervisor = self.oms.by("supervisor:wang")
        time_zone = "Europe/Sofia" if datetime.now(UTC).hour < 12 else "America/New_York"
        supervisor.put("/v1/people/courier:li", {"name": "Li", "locale": locale, "time_zone": time_zone})
        return str(supervisor.post("/v1/people/courier:li/keeper-link", None).json()["url"])


@pytest.fixture(scope="module")
def route(begin: Begin) -> Route:
    return Route(begin().by("system:oms"))


@pytest.fixture
def opened(browser: Browser, route: Route) -> Iterator[Callable[..., Page]]:
    """Opens the page on a small phone: `opened("bg", java_script_enabled=False)`."""
    contexts = []

    def open_in(locale: str, **more: object) -> Page:
        contexts.append(context := browser.new_context(viewport={"width": 360, "height": 640}, **more))  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(route.link(locale))
        return page

    yield open_in
    for context in contexts:
        context.close()


@pytest.mark.parametrize("locale", ["en", "zh-CN", "bg"])
def test_the_tasks_are_read_by_everybody(opened: Callable[..., Page], locale: str) -> None:
    page = opened(locale)
    for why in page.locator("summary").all():
        why.click()

    check_no_faults(page)
    assert page.locator("html").get_attribute("lang") == locale
    for part in ("button", "summary", "select", "input:not([type=hidden])", ".map"):
        heights = [box["height"] for one in page.locator(part).all() if (box := one.bounding_box())]
        assert heights, part
        assert min(heights) >= 56, part


def test_a_promise_is_confirmed_by_keyboard_and_without_scripts(opened: Callable[..., Page], route: Route) -> None:
    page = opened("en", java_script_enabled=False)
    page.locator(f"#c-{route.cable} button.main").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")

    assert page.inner_text(f"#c-{route.cable} [role=status]") == "Recorded. Thank you."
    assert "Confirmed: you have it" in page.inner_text(f"#c-{route.cable}")
    assert page.locator(f"#c-{route.cable} button.main").count() == 0


def test_who_cannot_chooses_why(opened: Callable[..., Page], route: Route) -> None:
    page = opened("en", java_script_enabled=False)
    task = page.locator(f"#c-{route.late}")
    task.locator("summary").click()
    task.locator("select").select_option(label="There is not enough time")
    with page.expect_navigation():
        task.locator("details button").click()

    assert "You said that you cannot" in task.inner_text()


def test_what_changed_stands_beside_what_it_was(opened: Callable[..., Page], route: Route) -> None:
    task = opened("en").locator(f"#c-{route.moved}")

    assert task.locator(".promise").all_inner_texts() == ["明天下午六点前送货", "明天中午前送货"]
    assert "This promise changed meanwhile" in task.inner_text()

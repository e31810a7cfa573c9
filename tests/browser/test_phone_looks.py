"""Every view is read by everybody: in sun and dark, enlarged, in three languages, by eye, ear and keyboard."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Route

from tests.browser.office import faults
from tests.browser.phone import Office, Phone, Phones

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft und ein Kabel"


class Day:
    """A courier's day with a promise in every state."""

    def __init__(self, office: Office) -> None:
        self.office = office
        agent, courier = office.agent, office.agent.by(office.courier)
        plan = {"planned_start": agent.at(hours=1), "planned_end": agent.at(hours=2)}
        self.new = office.cable("明天下午六点前送货，并免费送一根 HDMI 线", order_id=office.order(**plan))
        self.changed = office.promise("It comes by noon", order_id=office.order(**plan))
        courier.receipt(self.changed)
        office.amend(self.changed, "It comes by ten, to the back door")
        self.confirmed = office.promise("Ще донесем кабела утре до 18 ч.")
        courier.receipt(self.confirmed)
        self.declined = office.promise(LONG, order_id=office.order())
        courier.receipt(self.declined, "declined", reason="The bridge is closed")
        late: dict[str, Any] = {"made_at": agent.at(hours=-2), "due": agent.due(seconds=-1)}
        self.overdue = office.promise("She is called before", **late)
        self.ordinary = office.promise("Your television", "delivery")
        self.moved = office.promise("It goes to somebody else", order_id=(order := office.order()))
        self._order = order
        self.saved, self.refused = office.promise("Saved"), office.promise("Refused")

    def views(self, phone: Phone) -> Iterator[str]:
        """Goes through every view and state of the page, and says where it is."""
        phone.page.clock.install()
        phone.visit()
        phone.page.locator(".choices button").first.wait_for()
        yield "choice"
        phone.page.locator("#who").fill(self.office.courier)
        phone.page.locator("form button").click()
        phone.row(self.refused).wait_for()
        assert "not signed in" not in phone.text()
        yield "today"
        for name in ("new", "changed", "confirmed", "declined", "overdue", "ordinary"):
            phone.go(f"c-{getattr(self, name)}")
            phone.page.locator("h1 + .sides" if name == "changed" else ".bar .main").first.wait_for()
            yield name
        for form in ("cannot", "tried", "kept"):
            phone.go(f"c-{self.new}/{form}")
            if form == "tried":
                phone.page.locator("summary").click()
            phone.page.locator("#own" if form == "cannot" else "#note").wait_for()
            yield form
        for name in ("loading", "done", "more"):
            phone.go(name)
            phone.page.locator("header h1").wait_for()
            yield name
        yield from self._troubles(phone)

    def _troubles(self, phone: Phone) -> Iterator[str]:
        phone.context.route("**/v1/receipts", _of_a_stranger)
        phone.go(f"c-{self.refused}")
        phone.page.locator(".bar .main").click()
        phone.page.locator(".undo").wait_for()
        yield "undo"
        phone.pass_undo()
        phone.page.locator(".strip.alarm").wait_for()
        yield "refused"
        phone.go("done")
        phone.page.locator(".things").wait_for()
        yield "what was refused"
        phone.context.set_offline(True)
        phone.go(f"c-{self.saved}")
        phone.page.locator(".bar .main").click()
        phone.page.locator(".undo").wait_for()
        phone.pass_undo()
        phone.page.locator(".marks .saved").wait_for()
        yield "saved"
        self.office.plan(self._order, "courier:wu")
        phone.go("")
        phone.page.locator(".stops").wait_for()
        yield "today without a network"
        phone.context.set_offline(False)
        phone.page.locator(".notice.alarm").wait_for()
        yield "notice"
        phone.go(f"c-{self.moved}")
        phone.page.locator("footer .main").wait_for()
        yield "gone"


def _of_a_stranger(route: Route) -> None:
    route.continue_(headers={**route.request.headers, "x-actor": "courier:stranger"})


def test_no_view_has_a_fault_for_eyes_ears_or_thumbs_in_light_or_dark(phones: Phones, office: Office) -> None:
    phone, found = phones(reduced_motion="reduce"), []
    for view in Day(office).views(phone):
        found += [f"{view}, {one}" for one in faults(phone.page)]
        found += [f"{view}: too small: {one}" for one in phone.page.evaluate(_TOO_SMALL)]
        found += [f"{view}: moves: {one}" for one in phone.page.evaluate(_MOVES)]
    assert found == []


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN", "bg-BG"])
def test_nothing_is_cut_off_on_a_small_phone_nor_where_all_is_twice_as_large(
    phones: Phones, office: Office, locale: str
) -> None:
    phone, found = phones(locale=locale), []
    for view in Day(office).views(phone):
        found += [f"{view}: cut off: {one}" for one in phone.page.evaluate(_CUT_OFF)]
        phone.page.evaluate("document.documentElement.style.fontSize = '200%'")
        found += [f"{view}: beyond the edge when enlarged: {one}" for one in phone.page.evaluate(_WIDE)]
        phone.page.evaluate("document.documentElement.style.fontSize = ''")
        assert phone.page.locator("html").get_attribute("lang") == locale.removesuffix("-GB").removesuffix("-BG")
    assert found == []


_SHOWN = "one => one.checkVisibility() && !one.closest('.hidden, svg, video')"
_TOO_SMALL = f"""() => [...document.querySelectorAll("a, button, input, label.button")].filter({_SHOWN})
  .map(one => [one.getBoundingClientRect().height, one])
  .filter(([height, one]) => height < (one.closest(".bar, .top") ? 56 : 44))
  .map(([height, one]) => height + " " + one.outerHTML.slice(0, 90))"""
_MOVES = """() => [...document.querySelectorAll("*")]
  .filter(one => getComputedStyle(one).transitionDuration !== "0s" || getComputedStyle(one).animationName !== "none")
  .map(one => one.outerHTML.slice(0, 90))"""
_CUT_OFF = f"""() => [...document.querySelectorAll("body, body *")].filter({_SHOWN})
  .filter(one => one.clientWidth > 0 && !one.matches(".row .promise") && one.tagName !== "INPUT")
  .filter(one => one.scrollWidth > one.clientWidth
    || (one.scrollHeight > one.clientHeight && getComputedStyle(one).overflowY === "hidden"))
  .map(one => one.scrollWidth + " " + one.clientWidth + " " + one.outerHTML.slice(0, 90))"""
_WIDE = f"""() => [...document.querySelectorAll("body *")].filter({_SHOWN})
  .filter(one => one.getBoundingClientRect().right > 361).map(one => one.outerHTML.slice(0, 60)).slice(-2)"""


def test_all_that_matters_of_a_promise_is_on_a_small_screen_without_scrolling(phones: Phones, office: Office) -> None:
    plan = {"planned_start": office.agent.at(hours=1), "planned_end": office.agent.at(hours=3)}
    words = "A free HDMI cable of two metres comes with tomorrow’s redelivery, and the courier calls an hour before"
    id = office.cable(words, order_id=office.order(**plan))
    phone = phones().enter(office.courier).open(id)
    phone.page.locator(".bar").wait_for()

    bar = phone.page.locator(".bar").bounding_box()
    assert bar is not None
    assert bar["y"] + bar["height"] <= 640
    for part in (".promise", ".due", ".items", ".place", ".when"):
        box = phone.page.locator(f"main {part}, header {part}").first.bounding_box()
        assert box is not None, part
        assert box["y"] >= 0, part
        assert box["y"] + box["height"] <= bar["y"], part


def test_a_promise_is_confirmed_by_keyboard_alone_and_the_focus_begins_at_the_heading(
    phones: Phones, office: Office
) -> None:
    id = office.promise("It comes by noon")
    phone = phones()
    phone.page.clock.install()
    phone.enter(office.courier)
    phone.row(id).wait_for()
    tab_to(phone, "1 promise needs your answer")
    phone.page.keyboard.press("Enter")
    phone.page.locator("h1:focus").wait_for()
    assert phone.page.evaluate("document.activeElement.innerText") == "It comes by noon"
    tab_to(phone, "I know")
    phone.page.keyboard.press("Enter")

    phone.page.locator(".undo:focus").wait_for()
    assert phone.page.inner_text("[role=status]") == "Saved on this phone, not sent"
    phone.pass_undo()
    phone.page.locator("[role=status]", has_text="I know: Recorded").wait_for()
    phone.page.clock.fast_forward(2_000)
    phone.page.locator(".bar a:focus", has_text="Tried").wait_for()


def tab_to(phone: Phone, words: str) -> None:
    for _ in range(30):
        phone.page.keyboard.press("Tab")
        if phone.page.evaluate("document.activeElement.innerText") == words:
            return
    raise AssertionError(f"no way to {words} by keyboard")

"""What messages say: within seventy characters where they are brief, and in the three languages."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from typing import get_args
from uuid import UUID

import pytest
from babel.messages.pofile import read_po

from domain.catalogue import Catalogue
from domain.commitment import Commitment
from domain.deadlines import DueRule
from domain.flags import FLAG_REASONS
from domain.moment import Moment
from domain.notices import TO_CUSTOMERS, About, Notice, ToStaff
from domain.order import Assignment, Order, assign_order
from domain.people import Contact, Locale, Person
from domain.promising import Making, Wanted, make
from domain.values import Origin
from policies.wording import Pushed, Told, brief, office_path, to_browser, to_customer, to_staff
from store.clock import SetClock

LOCALES: tuple[Locale, ...] = get_args(Locale)
MESSAGE = UUID("4f9b6a1e-0000-4000-8000-000000000001")
TO_KEEPERS = [about for about in get_args(ToStaff) if about != "escalated"]
KEEPERS_LINK = "https://upheld.example/k/4f9QmB2xTn0aLw7RkZc1"
WORDS = "A free HDMI cable comes with tomorrow's redelivery"

Tell = Callable[..., Told]


@pytest.fixture
def tell(catalogue: Catalogue, clock: SetClock) -> Tell:
    """Something about a promise at stop 11, which is due in 26 hours and a minute."""
    moment = Moment(clock.now(), Origin("agent:ling"), catalogue)
    order = Order.unassigned("SO-1001", moment.now)
    assign_order(order, "courier", Assignment("courier:li", stop=11), moment)
    due = Wanted(DueRule(at=moment.now + timedelta(hours=26, minutes=1)))
    making = Making("CU-7", "redelivery", WORDS, "SO-1001", due)

    def told(about: About, cause: str | None = None, link: str | None = None, number: int = 1) -> Told:
        promised: Commitment = make(UUID(int=number), making, order, [], moment)
        notice = Notice(promised.id, about, "courier:li", moment.now, "", 1, "courier", "courier:li", 2, cause)
        return Told(notice, promised, order, link)

    return told


def person(locale: Locale, **more: str) -> Person:
    return Person("Li", locale, "Asia/Shanghai", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("about", TO_KEEPERS)
def test_what_a_keeper_is_told_in_brief_fits_into_one_short_message(
    tell: Tell, clock: SetClock, about: About, locale: Locale
) -> None:
    text = to_staff([tell(about)], person(locale), KEEPERS_LINK, MESSAGE, clock.now()).body

    assert len(text) <= 70
    assert "…" not in text
    assert text.endswith(f" {KEEPERS_LINK}")
    assert "11" in text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("cause", [*FLAG_REASONS, "postponements", "contacts", "raised"])
def test_whoever_is_asked_hears_why_in_one_short_message(
    tell: Tell, clock: SetClock, cause: str, locale: Locale
) -> None:
    link = "https://upheld.example/board"
    text = to_staff([tell("escalated", cause)], person(locale), link, MESSAGE, clock.now()).body

    assert len(text) <= 70
    assert cause not in text or locale == "en"
    in_time = cause in ("disputed", "declined", "attempted")
    assert bool(re.search("1d 2h|1天 2小时|1 (д|ден) 2 ч", text)) == in_time, "the time left to tell the customer"


@pytest.mark.parametrize(
    ("who", "one", "several"),
    [("agent:ling", f"/desk/promises/{UUID(int=1)}", "/desk"), ("chief:wu", f"/board/flags/{UUID(int=1)}", "/board")],
)
def test_the_office_is_led_to_where_it_looks_after_promises_and_in_brief_to_all_of_them(
    tell: Tell, who: str, one: str, several: str
) -> None:
    told = [tell("escalated", "declined", number=number) for number in (1, 2)]
    told = [replace(each, notice=replace(each.notice, to=who)) for each in told]

    assert office_path(told[:1]) == one
    assert office_path(told[:1], is_brief=True) == several
    assert office_path(told) == several


def test_the_words_give_way_to_the_link_and_no_number_is_cut() -> None:
    ways = ["In danger: declined, 2h 9m left", "declined, 2h 9m left"]
    for host, expected in ((20, ways[0]), (40, ways[1]), (90, ways[1])):
        link = f"https://{'x' * host}/"
        assert brief(ways, link) == f"{expected} {link}"
    assert brief(ways, None) == ways[0]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("about", TO_KEEPERS)
def test_beside_a_longer_address_it_is_said_in_fewer_words(
    tell: Tell, clock: SetClock, about: About, locale: Locale
) -> None:
    link = "https://upheld.example.com/k/4f9QmB2xTn0aLw7RkZc1"
    text = to_staff([tell(about)], person(locale), link, MESSAGE, clock.now()).body
    assert len(text) <= 70
    assert len(text) > len(link) + 5


@pytest.fixture
def push(clock: SetClock) -> Callable[..., Pushed]:
    """What a browser gets where somebody is told these things."""

    def pushed(*told: Told, base: str = "https://upheld.example") -> Pushed:
        text = to_staff(told, person("en"), KEEPERS_LINK, MESSAGE, clock.now())
        return to_browser(told, text, MESSAGE, base)

    return pushed


def test_a_browser_is_led_to_the_promise_and_told_which_it_is(tell: Tell, push: Callable[..., Pushed]) -> None:
    one = tell("assigned")
    where = f"/courier#c-{one.commitment.id}"
    expected = Pushed(
        MESSAGE, "Upheld", "Stop 11: new promise", f"https://upheld.example{where}", (one.commitment.id,), "SO-1001"
    )

    assert push(one) == expected
    assert push(one, tell("missed")).url == expected.url, "both are about one promise"
    assert push(one, base="").url == where


def test_of_several_promises_a_browser_is_told_ten_and_led_to_all(tell: Tell, push: Callable[..., Pushed]) -> None:
    pushed = push(*(tell("assigned", number=number) for number in range(12)))

    assert pushed.url == "https://upheld.example/courier"
    assert pushed.commitments == tuple(UUID(int=number) for number in range(10))
    assert pushed.order_id == "SO-1001"
    alone, other = tell("assigned"), tell("assigned", number=2)
    other.commitment.order_id = "SO-1002"
    assert push(alone, other).order_id is None


def test_whoever_looks_after_the_promises_of_others_is_led_to_the_flags(
    tell: Tell, push: Callable[..., Pushed]
) -> None:
    assert push(tell("escalated", "declined")).url == f"https://upheld.example/board/flags/{UUID(int=1)}"


@pytest.mark.parametrize("locale", LOCALES)
def test_many_things_are_counted_and_ten_of_them_are_told(tell: Tell, clock: SetClock, locale: Locale) -> None:
    many = [tell("assigned", number=number) for number in range(12)]

    assert "12" in to_staff(many, person(locale), KEEPERS_LINK, MESSAGE, clock.now()).body
    full = to_staff(many, person(locale, content="full"), KEEPERS_LINK, MESSAGE, clock.now()).body
    assert full.count(WORDS) == 10
    assert MESSAGE.hex[:8] in full


def test_who_has_a_promise_in_two_roles_reads_of_it_once(tell: Tell, clock: SetClock) -> None:
    twice = [tell("amended"), tell("amended")]
    full = to_staff(twice, person("en", content="full"), KEEPERS_LINK, MESSAGE, clock.now()).body
    assert full.count(WORDS) == 1
    assert full.startswith("Stop 11: promise changed")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("about", TO_CUSTOMERS)
def test_a_customer_reads_the_words_that_he_heard_and_where_it_stands(
    tell: Tell, clock: SetClock, about: About, locale: Locale
) -> None:
    link = "https://upheld.example/c/GdU-TP77"
    text = to_customer([tell(about, link=link)], Contact(None, locale), MESSAGE, clock.now())

    assert WORDS in text.body
    assert link in text.body
    assert "courier" not in text.body
    assert text.template == f"customer.{about}.{locale}"


@pytest.mark.parametrize("locale", ["zh_CN", "bg"])
def test_every_text_is_translated_with_the_same_values(locale: str) -> None:
    code = files("policies").joinpath("wording.py").read_text()
    said = set(re.findall(r'self\._(?:say|count)\(\s*"([^"]+)"', code))
    said |= set(re.findall(r'^            "\w+": "([^"]+)",$', code, flags=re.M))
    with files("policies").joinpath("locales", f"{locale}.po").open("rb") as file:
        catalogue = {one.id[0] if isinstance(one.id, tuple) else one.id: one.string for one in read_po(file)}

    assert len(said) > 30
    for text in said:
        found = catalogue[text]
        assert found, text
        for one in (found,) if isinstance(found, str) else found:
            assert one, text
            assert set(re.findall(r"%\((\w+)\)s", one)) == set(re.findall(r"%\((\w+)\)s", text)), text

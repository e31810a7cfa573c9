"""One line read into a kind, an order's number and the promise in the customer's words."""

from datetime import UTC, datetime

import pytest

from api.phrases import read
from domain.errors import Invalid
from tests.phrases.typed import typed

KIND = [
    ("free HDMI cable with the redelivery, SO-1001", "free_item", "free"),
    ("redelivery tomorrow", "redelivery", "redelivery"),
    ("Deliver by Friday", "delivery", "Deliver"),
    ("free redelivery", "redelivery", "redelivery"),
    ("refund within three working days", "refund", "refund"),
    ("refund the price difference", "price_adjustment", "refund the price difference"),
    ("compensation for late delivery", "compensation", "compensation"),
    ("call him back about the refund", "callback", "call him back"),
    ("corrected invoice for the repair", "invoice", "corrected invoice"),
    ("we take care of the refund", "refund", "refund"),
    ("半小时后回电", "callback", "回电"),
    ("重新送货时赠送高清线", "free_item", "赠送"),
    ("随下次送货赠送高清线", "free_item", "赠送"),
    ("免费维修", "repair", "维修"),
    ("退差价", "price_adjustment", "退差价"),
    ("补开发票", "invoice", "补开发票"),
    ("безплатен HDMI кабел с повторната доставка", "free_item", "безплатен"),
    ("повторна доставка утре", "redelivery", "повторна доставка"),
    ("обаждане относно фактурата", "callback", "обаждане"),
    ("възстановяване на сумата", "refund", "възстановяване на сумата"),
    ("ще отговорим утре", "answer", "отговорим"),
    ("безплатен ремонт", "repair", "ремонт"),
]

NO_KIND = ["第三次来电", "买一送一", "room 12", "it recalls the freedom", "бл. 12"]

ORDER = [
    ("free HDMI cable with the redelivery, SO-1001", "SO-1001", "free HDMI cable with the redelivery"),
    ("TV-3301: refund, by Friday", "TV-3301", "refund, by Friday"),
    ("refund, WEB-14017, by Friday", "WEB-14017", "refund, by Friday"),
    ("(#10045) invoice", "#10045", "invoice"),
    ("refund for order #10045 by Friday.", "#10045", "refund by Friday."),
    ("web-2026-14017 refund", "web-2026-14017", "refund"),
    ("订单SO-1001明天送货", "SO-1001", "明天送货"),
    ("明天送货，ＳＯ－１００１", "ＳＯ－１００１", "明天送货"),
    ("refund for order 4711 by Friday", "4711", "refund by Friday"),
    ("order no. SO-77: refund by Friday", "SO-77", "refund by Friday"),
    ("订单4711明天送货", "4711", "明天送货"),
    ("订单号4711，三个工作日内退款", "4711", "三个工作日内退款"),
    ("утре, по поръчка 4711", "4711", "утре"),
    ("възстановяване по поръчка TV-3301", "TV-3301", "възстановяване"),
]

NO_ORDER = [
    "call 555-1234",
    "tel-555123",
    "2026-11-25",
    "nov-2026",
    "room-12",
    "HDMI-2M",
    "SO-1001-X",
    "XSO1001",
    "#12",
    "SO-77",
    "refund for 4711",
    "we order 2 cables",
    "the order of 2026-11-25",
    "a#10045",
    "SO- 1001",
]


@pytest.mark.parametrize(("line", "kind", "text"), KIND, ids=[line for line, *_ in KIND])
def test_the_kind_is_that_of_the_thing_promised(line: str, kind: str, text: str) -> None:
    reading = typed(line)
    assert (reading.kind, reading.kind_text and reading.kind_text.text, reading.kind_choices) == (kind, text, ())


@pytest.mark.parametrize("line", NO_KIND)
def test_words_that_only_resemble_a_kind_are_none(line: str) -> None:
    assert (typed(line).kind, typed(line).kind_choices) == (None, ())


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("明天下午6点前送货，赠送高清线一根", ["delivery", "free_item"]),
        ("refund and a free cable", ["refund", "free_item"]),
        ("безплатен кабел, утре фактура", ["free_item", "invoice"]),
    ],
)
def test_two_promises_in_one_line_are_both_named_the_first_first(line: str, kinds: list[str]) -> None:
    assert (typed(line).kind, [choice.kind for choice in typed(line).kind_choices]) == (None, kinds)


def test_only_a_kind_that_there_is_is_named_and_a_new_one_by_its_own_name() -> None:
    now = datetime(2026, 11, 18, tzinfo=UTC)
    assert read("refund", now=now, zone="UTC", kinds=["repair"]).kind is None
    assert read("Wall mounting on Friday", now=now, zone="UTC", kinds=["wall_mounting"]).kind == "wall_mounting"


@pytest.mark.parametrize(("line", "order_id", "promise"), ORDER, ids=[line for line, *_ in ORDER])
def test_an_order_s_number_is_taken_out_of_the_promise(line: str, order_id: str, promise: str) -> None:
    assert (typed(line).order_id, typed(line).promise) == (order_id, promise)


@pytest.mark.parametrize("line", NO_ORDER)
def test_what_only_resembles_an_order_s_number_stays_in_the_promise(line: str) -> None:
    assert (typed(line).order_id, typed(line).order_choices, typed(line).promise) == (None, (), line)


def test_of_two_orders_neither_is_guessed() -> None:
    reading = typed("TV-3301 comes with TV-3302")
    assert (reading.order_id, reading.order_choices) == (None, ("TV-3301", "TV-3302"))
    assert reading.promise == "TV-3301 comes with TV-3302"


def test_the_promise_keeps_the_customer_s_words_and_the_time_in_them() -> None:
    assert typed("  Refund   within THREE working days , ").promise == "Refund within THREE working days"


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(Invalid):
        read("today", now=datetime(2026, 11, 18, tzinfo=UTC), zone="Mars/Base", kinds=[])


@pytest.mark.parametrize("line", ["refund by yesterday, SO-1001", "退款，昨天之前", "връщане на парите до вчера"])
def test_a_due_that_is_over_is_said_not_to_be_understood(line: str) -> None:
    reading = typed(line)
    assert (reading.due, reading.choices, len(reading.not_understood)) == (None, (), 1)

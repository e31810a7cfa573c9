"""The four stories, each before the eyes of four at once: an agent, a keeper, a supervisor and an auditor.

They act through their pages, and see there what happens elsewhere. What the story leaves to machines, and to people who
are not on the stage, is told to the API: the orders, the warehouse, the clock.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from api.stories.already_out import ALREADY_OUT
from api.stories.big_invoice import BIG_INVOICE
from api.stories.cable import CABLE
from api.stories.script import Story
from api.stories.three_working_days import THREE_WORKING_DAYS
from store.embedded import EmbeddedServer
from tests.api.serving import MASTER_KEY, EmptyDatabase, Serving
from tests.browser.stage import Stage, staged

# Each has a server and four browsers' pages of its own, and is long.
pytestmark = pytest.mark.timeout(300)

UNKNOWN = "Who must keep it does not know of it"
AT_ONCE = "确实还没有通知师傅，马上通知，HDMI 线免费送到，不收您一分钱。"
THIS_EVENING = "The courier left long ago and will be with you this evening."
URGED = "已经帮您催了，下午两点以前开好。"


@pytest.fixture
def opening(browser: Browser, server: EmbeddedServer, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """A story begins in a company of its own: `opening(CABLE, agent="agent:ling", keeper="courier:bo", search={})`."""
    with ExitStack() as stack:

        def begin(story: Story, *, agent: str, keeper: str, search: dict[str, str]) -> Stage:
            config = tmp_path / "upheld.toml"
            config.write_text(f'[defaults]\ntime_zone = "{story.time_zone}"\ncalendar = "{story.calendar}"\n')
            url = stack.enter_context(EmptyDatabase(server.dsn))
            serving = Serving(tmp_path, test_clock=1, database_url=url, master_key=MASTER_KEY, config=config)
            stack.enter_context(serving)
            return stack.enter_context(staged(browser, serving, story, agent=agent, keeper=keeper, search=search))

        yield begin


def test_the_cable_is_flagged_before_the_family_waits_and_held_when_its_courier_has_been_told(
    opening: Callable[..., Stage],
) -> None:
    stage = opening(CABLE, agent="agent:ling", keeper="courier:bo", search={"order_id": "TV-3301"})
    stage.acted(2, "12:00")
    line = "为表歉意，明天免费送您一根 HDMI 线，由送货师傅一起带到，请等他的电话，TV-3301"
    stage.promise("cable", line, kind="3", seen="The van has left already")
    stage.is_told("li (courier) has not opened it yet. It must be confirmed by 13:00")
    stage.until(2, "13:00")
    stage.is_flagged("cable", UNKNOWN, "免费送您一根 HDMI 线", "courier:li")
    stage.is_told("hu (warehouse) has it", "It was to be confirmed by 13:00")
    expect(stage.desk.locator("#mine")).to_contain_text(UNKNOWN)
    stage.until(2, "14:00")
    stage.is_flagged("cable", "with the supervisor")

    stage.until(3, "18:40")
    stage.is_flagged("cable", "Nobody is to keep it")
    stage.phone.shows("There is nothing for you to do.")
    stage.acted(3, "18:55")
    stage.asked_again("cable", "TV-3301", 9)
    stage.is_told("Nobody has it yet")
    stage.acted(3, "19:00")
    stage.amends("tomorrow", AT_ONCE, "送货师傅没有接到通知")
    stage.is_not_flagged("cable")

    stage.until(3, "19:05")
    stage.phone.shows(AT_ONCE)
    stage.is_told("bo (courier) has it on the phone, and has not opened it yet")
    stage.until(3, "20:40")
    stage.is_flagged("cable", UNKNOWN, "courier:bo", "the customer has asked 2 times")
    stage.phone.open(stage.ids["cable"]).say("It is in the van")
    stage.is_not_flagged("cable")
    stage.is_told("bo (courier) has it since")

    stage.hears_of_more()
    told = stage.reads(order_id="TV-3301")
    assert "li (courier) had not confirmed revision 1: the receipt was missed" in told
    assert told[-1] == "bo (courier) received revision 2: it is in the van"
    assert "There is nothing for you to do." in stage.screen("courier:bo", 3, "18:40")
    assert AT_ONCE in stage.screen("courier:bo", 3, "19:05")


def test_the_order_that_was_already_out_is_overdue_before_each_call_and_its_customer_can_read_how_it_stands(
    opening: Callable[..., Stage],
) -> None:
    stage = opening(ALREADY_OUT, agent="agent:tom", keeper="courier:dave", search={"customer_id": "CU-14017"})
    stage.until(1, "10:00")
    stage.phone.shows("Your order is with you on Thursday.")
    stage.until(2, "00:00")
    stage.is_flagged("delivery", "Overdue", "Your order is with you on Thursday.")
    stage.acted(3, "12:04")
    stage.asked_again("delivery", "WEB-14017", 26)
    stage.is_told("That time has passed, and it is still owed.")

    stage.acted(3, "12:28")
    sent = "I contact the depot, and they send it out to you by 5 pm"
    stage.promise("redelivery", f"{sent}, WEB-14017", kind="2", seen="dave (courier) gets it")
    stage.acted(3, "12:30")
    called = "I call you back by 4 pm, as soon as the depot has told me"
    stage.promise("callback", f"{called}, WEB-14017", seen="You keep it yourself")
    stage.phone.shows(sent)
    stage.until(3, "13:28")
    stage.is_flagged("redelivery", UNKNOWN, "courier:dave")
    stage.until(3, "16:00")
    stage.is_flagged("callback", "Overdue", "agent:tom")
    mine = stage.desk.locator("#mine li").filter(has_text=called)
    expect(mine).to_contain_text("Overdue")

    stage.acted(3, "17:03")
    stage.asked_again("delivery", "CU-14017", 31)
    stage.is_told("The customer has asked for it 2 times")
    stage.acted(3, "17:32")
    stage.desk.goto(f"{stage.url}/desk/promises/{stage.ids['redelivery']}")
    stage.amends("9 pm", THIS_EVENING, "The depot says that it is on the van")
    stage.is_told(THIS_EVENING, f"Before, it was: “{sent}”")
    stage.phone.shows(THIS_EVENING)
    stage.until(3, "21:00")
    stage.is_flagged("redelivery", "Overdue", "moved 1 time")

    stage.to_the_end()
    stage.hears_of_more()
    stage.reads(customer_id="CU-14017", type="CustomerContacted")
    expect(stage.timeline.locator(".event").last).to_contain_text("A complaint from the form on the site")
    stage.desk.keyboard.press("k")
    stage.desk.goto(stage.desk.locator("#url").input_value())
    for said in (THIS_EVENING, "Late. It is not forgotten.", sent):
        expect(stage.desk.locator("main")).to_contain_text(said)
    assert "tom" not in stage.desk.locator("main").inner_text()


def test_three_working_days_are_counted_alike_for_the_buyer_and_the_seller_and_only_one_of_them_waits_longer(
    opening: Callable[..., Stage],
) -> None:
    stage = opening(THREE_WORKING_DAYS, agent="agent:qin", keeper="finance:zhao", search={"order_id": "TRIP-2088"})
    refund, compensation = "三个工作日内全额退款到您的账户", "三个工作日内补偿店铺的损失"
    stage.acted(0, "15:00")
    until = f"{stage.instant(5, '12:00'):%a, %b} {stage.instant(5, '12:00').day}"
    stage.promise("refund", f"{refund} TRIP-2088", customer="CU-2088-BUYER", seen=f"{until}, ")
    stage.acted(0, "15:02")
    stage.promise("compensation", f"{compensation} TRIP-2088", customer="CU-2088-SELLER", seen="3 working days")
    stage.phone.shows(refund).shows(compensation)

    stage.acted(3, "09:30")
    stage.phone.open(stage.ids["refund"]).say("I know")
    stage.acted(3, "09:32")
    stage.phone.go("").open(stage.ids["compensation"]).say("I know")
    stage.is_told("zhao (finance) knows of it")
    stage.until(3, "12:00")
    expect(stage.board.locator("#count")).to_contain_text("0 promises in danger")
    stage.acted(4, "11:00")
    stage.phone.go("").open(stage.ids["refund"]).say("Kept")
    expect(stage.desk.locator("#mine")).not_to_contain_text(refund)

    stage.until(6, "00:00")
    stage.is_flagged("compensation", "Overdue", compensation, "finance:zhao")
    expect(stage.desk.locator("#mine")).to_contain_text("Overdue")
    stage.acted(6, "10:30")
    stage.phone.go("").open(stage.ids["compensation"]).say("Kept")
    stage.is_not_flagged("compensation")

    stage.hears_of_more()
    told = stage.reads(order_id="TRIP-2088", actor="finance:zhao", type="CommitmentKept")
    assert told == ["zhao (finance) said: it is kept"] * 2
    assert refund in stage.screen("finance:zhao", 0, "15:01")
    assert refund not in stage.screen("finance:zhao", 4, "11:01")
    assert compensation in stage.screen("finance:zhao", 4, "11:01")
    stage.board.goto(f"{stage.url}/board/scorecard?group_by=kind")
    rows = stage.board.locator("table").first.locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[1:4] for row in rows] == [["0", "0", "1"], ["1", "0", "0"]]


def the_small_one_is_kept_while_the_big_one_waits(stage: Stage) -> None:
    stage.acted(0, "09:00")
    big, small = "四年账单合并的电子发票，上午十一点以前开好", "本月账单的电子发票，两小时内开好发到您的邮箱"
    stage.promise("big", big, seen="11:00, Shanghai", customer="CU-9001")
    stage.acted(0, "09:01")
    stage.promise("small", small, seen="11:01, Shanghai", customer="CU-9001")
    stage.acted(0, "09:03")
    stage.phone.open(stage.ids["small"]).say("I know")
    stage.is_told("zhao (finance) knows of it")
    stage.acted(0, "09:05")
    stage.phone.say("Kept")
    expect(stage.desk.locator("#mine")).not_to_contain_text(small)
    stage.until(0, "11:00")
    stage.is_flagged("big", "Overdue", big)
    expect(stage.board.locator(".flag")).to_have_count(1)


def test_the_big_invoice_goes_up_by_itself_and_its_half_hour_ends_at_the_minute(opening: Callable[..., Stage]) -> None:
    stage = opening(BIG_INVOICE, agent="agent:jin", keeper="finance:zhao", search={"customer_id": "CU-9001"})
    the_small_one_is_kept_while_the_big_one_waits(stage)
    stage.acted(0, "11:02")
    stage.asked_again("big", "CU-9001", 8)
    stage.acted(0, "11:06")
    stage.amends("中午十二点", "您别着急，再等一等，十二点以前一定开好。", "客户来催")
    stage.is_not_flagged("big")
    stage.acted(0, "12:02")
    stage.is_flagged("big", "Overdue")
    stage.asked_again("big", "CU-9001", 11)
    stage.acted(0, "12:05")
    stage.amends("下午两点", URGED, "已向财务催办")
    stage.phone.go("").shows(URGED)
    stage.acted(0, "12:06")
    stage.cannot_promise("已经帮您催了", because="A promise needs a time", kind="0", customer="CU-9001")
    answer = "为什么开不出来，五十四分钟内查清楚告诉您"
    stage.promise("answer", answer, kind="0", customer="CU-9001", seen="13:00, Shanghai")

    stage.acted(0, "14:01")
    stage.is_flagged("big", "Overdue", "with the supervisor")
    stage.asked_again("big", "CU-9001", 22)
    stage.until(0, "14:04")
    stage.acted(0, "14:06")
    stage.amends("半小时内", "开票系统正在维修，请再等半个小时。", "开票系统维修")
    stage.is_told("The finance team has it on the phone")
    stage.just_before(0, "14:36")
    stage.is_not_flagged("big")
    stage.until(0, "14:36")
    stage.is_flagged("big", "Overdue", "the customer has asked 3 times", "moved 3 times")

    stage.hears_of_more()
    told = stage.reads(commitment_id=stage.ids["big"])
    assert told.count("The customer had to ask again, and told jin (agent)") == 3
    assert "It went up to the supervisor: it was postponed too often" in told
    assert told[-2] == "Its time was up and it was not kept: the promise is broken"

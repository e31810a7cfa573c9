"""By when, in an agent's own words: what is understood, what is asked, and what is left alone."""

import pytest

from tests.phrases.typed import asked, short, typed

UNDERSTOOD = [
    # the lines of the desk
    ("free HDMI cable with the redelivery tomorrow by 6 pm, SO-1001", "tomorrow by 6 pm", "2026-11-19 18:00"),
    ("refund within three working days", "within three working days", "3 working_days"),
    ("call back in half an hour", "in half an hour", "30 minutes"),
    ("明天下午6点前送货，赠送高清线一根", "明天下午6点前", "2026-11-19 18:00"),
    ("三个工作日内退款", "三个工作日内", "3 working_days"),
    ("半小时后回电", "半小时后", "30 minutes"),
    ("до три работни дни", "до три работни дни", "3 working_days"),
    ("след половин час", "след половин час", "30 minutes"),
    ("утре до 18 ч.", "утре до 18 ч.", "2026-11-19 18:00"),
    # spans
    ("4K television in 3 weeks", "in 3 weeks", "21 days"),
    ("within an hour and a half", "within an hour and a half", "90 minutes"),
    ("in an hour", "in an hour", "1 hours"),
    ("within twenty-five minutes", "within twenty-five minutes", "25 minutes"),
    ("within 2 hours and 30 minutes", "within 2 hours and 30 minutes", "150 minutes"),
    ("in a quarter of an hour", "in a quarter of an hour", "15 minutes"),
    ("answer in 30min", "in 30min", "30 minutes"),
    ("up to 5 BUSINESS DAYS", "up to 5 BUSINESS DAYS", "5 working_days"),
    ("within four working hours", "within four working hours", "4 working_hours"),
    ("within a week", "within a week", "7 days"),
    ("three-day refund", "three-day", "3 days"),
    ("24-hour delivery", "24-hour", "24 hours"),
    ("refund, 3 working days", "3 working days", "3 working_days"),
    ("３个工作日内退款", "３个工作日内", "3 working_days"),
    ("二十分钟后回电", "二十分钟后", "20 minutes"),
    ("两小时内", "两小时内", "2 hours"),
    ("一个半小时内", "一个半小时内", "90 minutes"),
    ("三刻钟内", "三刻钟内", "45 minutes"),
    ("两周内", "两周内", "14 days"),
    ("三日内退款", "三日内", "3 days"),
    ("след двадесет и пет минути", "след двадесет и пет минути", "25 minutes"),
    ("след час и половина", "след час и половина", "90 minutes"),
    ("след 1,5 часа", "след 1,5 часа", "90 minutes"),
    ("до 48 часа", "до 48 часа", "48 hours"),
    ("в рамките на 2 работни часа", "в рамките на 2 работни часа", "2 working_hours"),
    ("след седмица", "след седмица", "7 days"),
    # hours
    ("by 6pm", "by 6pm", "2026-11-18 18:00"),
    ("before 6 p.m.", "before 6 p.m.", "2026-11-18 18:00"),
    ("until 17:30", "until 17:30", "2026-11-18 17:30"),
    ("by 6 in the evening", "by 6 in the evening", "2026-11-18 18:00"),
    ("tonight by 8", "tonight by 8", "2026-11-18 20:00"),
    ("by half past six this evening", "by half past six this evening", "2026-11-18 18:30"),
    ("by midnight", "by midnight", "2026-11-18"),
    ("今晚8点前", "今晚8点前", "2026-11-18 20:00"),
    ("今晚十二点前", "今晚十二点前", "2026-11-18"),
    ("明天１８：００前", "明天１８：００前", "2026-11-19 18:00"),
    ("后天上午10点半", "后天上午10点半", "2026-11-20 10:30"),
    ("до 18:30", "до 18:30", "2026-11-18 18:30"),
    ("до 18.30", "до 18.30", "2026-11-18 18:30"),
    ("утре до 18.30 ч.", "утре до 18.30 ч.", "2026-11-19 18:30"),
    ("до 8 часа вечерта", "до 8 часа вечерта", "2026-11-18 20:00"),
    # days
    ("today", "today", "2026-11-18"),
    ("by tonight", "by tonight", "2026-11-18"),
    ("tomorrow morning", "tomorrow morning", "2026-11-19 12:00"),
    ("by tomorrow evening", "by tomorrow evening", "2026-11-19"),
    ("the day after tomorrow", "day after tomorrow", "2026-11-20"),
    ("by Friday", "by Friday", "2026-11-20"),
    ("Friday noon", "Friday noon", "2026-11-20 12:00"),
    ("Friday next week", "Friday next week", "2026-11-27"),
    ("HDMI 2.1 cable, HDMI 2.1 on Friday", "on Friday", "2026-11-20"),
    ("refund 25.50 by Friday", "by Friday", "2026-11-20"),
    ("Wi-Fi 6 by Friday", "by Friday", "2026-11-20"),
    ("by end of day", "by end of day", "2026-11-18"),
    ("by the 25th", "by the 25th", "2026-11-25"),
    ("by the 5th", "by the 5th", "2026-12-05"),
    ("Monday the 23rd", "Monday the 23rd", "2026-11-23"),
    ("by the 15th of the month", "by the 15th", "2026-12-15"),
    ("Friday 27 November", "Friday 27 November", "2026-11-27"),
    ("Nov 25, 2026", "Nov 25, 2026", "2026-11-25"),
    ("by 2026-11-25", "by 2026-11-25", "2026-11-25"),
    ("25/11/2026", "25/11/2026", "2026-11-25"),
    ("by 5 January", "by 5 January", "2027-01-05"),
    ("room 12 tomorrow", "tomorrow", "2026-11-19"),
    ("今晚", "今晚", "2026-11-18"),
    ("明早送到", "明早", "2026-11-19 12:00"),
    ("下周五", "下周五", "2026-11-27"),
    ("11月25日", "11月25日", "2026-11-25"),
    ("on 25.11 at 15:30", "on 25.11 at 15:30", "2026-11-25 15:30"),
    ("tomorrow first thing in the morning", "tomorrow first thing in the morning", "2026-11-19 12:00"),
    ("25号送货", "25号", "2026-11-25"),
    ("утре сутринта", "утре сутринта", "2026-11-19 12:00"),
    ("в петък до обяд", "в петък до обяд", "2026-11-20 12:00"),
    ("до края на деня", "до края на деня", "2026-11-18"),
    ("вдругиден", "вдругиден", "2026-11-20"),
    ("в понеделник", "в понеделник", "2026-11-23"),
    ("до 25.11.2026 г.", "до 25.11.2026", "2026-11-25"),
    ("до 25-ти", "до 25-ти", "2026-11-25"),
]

ASKED = [
    ("by 6", ["2026-11-18 18:00 half.pm", "2026-11-19 06:00 half.am"]),
    ("tomorrow by 6", ["2026-11-19 06:00 half.am", "2026-11-19 18:00 half.pm"]),
    ("by 9 am", ["2026-11-19 09:00 past.tomorrow"]),
    ("today by noon", ["2026-11-19 12:00 past.tomorrow"]),
    ("by 18", ["2026-11-18 18:00 number.hour"]),
    ("next Friday", ["2026-11-20 next.coming", "2026-11-27 next.week_after"]),
    ("before Friday", ["2026-11-19 before.begin", "2026-11-20 before.end"]),
    ("周五前", ["2026-11-19 before.begin", "2026-11-20 before.end"]),
    ("преди петък", ["2026-11-19 before.begin", "2026-11-20 before.end"]),
    ("by end of week", ["2026-11-20 week_end.friday", "2026-11-22 week_end.sunday"]),
    ("другата седмица", ["2026-11-27 week_end.friday", "2026-11-29 week_end.sunday"]),
    ("月底前", ["2026-11-30 month_end.last_day"]),
    ("by the end of the month", ["2026-11-30 month_end.last_day"]),
    ("30-day money back", ["30 days span.due"]),
    (
        "до 2 ч.",
        ["2 hours hours.span", "2026-11-19 02:00 hours.clock half.am", "2026-11-19 14:00 hours.clock half.pm"],
    ),
    ("by 03/04", ["2027-03-04 date.month_first", "2027-04-03 date.day_first"]),
    ("25 May", ["2027-05-25 date.far_ahead"]),
    ("by the 18th", ["2026-11-18 date.today", "2026-12-18 date.next_month"]),
    ("by the 31st", ["2026-12-31 date.next_month"]),
    ("tomorrow midnight", ["2026-11-19 00:00 midnight.begin", "2026-11-19 midnight.end"]),
    ("下午送货", ["2026-11-18 18:00 day.not_said"]),
    ("two days", ["2 days span.due"]),
    ("до 18 часа", ["2026-11-18 18:00 hours.clock", "18 hours hours.span"]),
    (
        "до 3 часа",
        ["2026-11-18 15:00 hours.clock half.pm", "3 hours hours.span", "2026-11-19 03:00 hours.clock half.am"],
    ),
    (
        "до 10.12",
        [
            "2026-11-18 22:12 dotted.hour half.pm",
            "2026-11-19 10:12 dotted.hour half.am",
            "2026-12-10 dotted.date",
        ],
    ),
    ("refund by Friday, callback tomorrow", ["2026-11-19 several.this", "2026-11-20 several.this"]),
    (
        "redelivery tomorrow by courier before 6 pm",
        ["2026-11-18 18:00 several.this", "2026-11-19 18:00 several.together", "2026-11-19 several.this"],
    ),
    ("tomorrow's redelivery by 6 pm", ["2026-11-18 18:00 day.not_said"]),
]

NOT_TIMES = [
    "call 555-1234",
    "call +359 888 123 456",
    "room 12",
    "iPhone 15",
    "2 m cable",
    "3 pieces",
    "4K television",
    "24/7 support",
    "part 6 of 10",
    "HDMI 2.1 cable",
    "by 6 people",
    "at 12 Main Street",
    "1/2 price",
    "Black Friday price",
    "16:9 screen",
    "within the day",
    "may I call back",
    "good morning",
    "the order came yesterday",
    "last Friday",
    "5米的HDMI线",
    "第三次来电",
    "买一送一",
    "快一点送",
    "12号楼",
    "第3天",
    "昨天来电",
    "3-ти вход",
    "до 3-ти вход",
    "бл. 12",
    "каза вчера",
]

NOT_UNDERSTOOD = [
    ("we promised him on Monday", ["on Monday"]),
    ("Friday's cable", ["Friday's"]),
    ("call at half six-ish", ["at half six-ish"]),
    ("soon", ["soon"]),
    ("refund ASAP", ["ASAP"]),
    ("as soon as possible", ["as soon as possible"]),
    ("later today", ["later today"]),
    ("in a few days", ["in a few days"]),
    ("around 6 pm", ["around 6 pm"]),
    ("tomorrow about 6", ["tomorrow about 6"]),
    ("after 6 pm", ["after 6 pm"]),
    ("between 2 and 4 pm", ["between 2 and 4 pm"]),
    ("tomorrow 10:00-12:00", ["tomorrow 10:00-12:00"]),
    ("within 2-3 working days", ["within 2-3 working days"]),
    ("within 5 months", ["within 5 months"]),
    ("not before Friday", ["not before Friday"]),
    ("tomorrow 9am to 12pm", ["tomorrow 9am to 12pm"]),
    ("9am-12pm tomorrow", ["9am-12pm tomorrow"]),
    ("he waited 3 days", ["3 days"]),
    ("两三天内", ["两三天内"]),
    ("2到3天内", ["2到3天内"]),
    ("周五下班前", ["周五下班前"]),
    ("Tuesday the 23rd", ["Tuesday the 23rd"]),  # a Monday
    ("in an hour or two", ["in an hour or two"]),
    ("within 3 days of the delivery", ["within 3 days"]),
    ("within 3 days after delivery", ["within 3 days"]),
    ("收货后3天内退款", ["后3天内"]),
    ("до 3 дни от получаването", ["до 3 дни"]),
    ("half a day", ["half a day"]),
    ("by the end of November", ["by the end of November"]),
    ("every Friday", ["every Friday"]),
    ("Friday 25 November", ["Friday 25 November"]),  # a Wednesday
    ("by 2026-11-17", ["by 2026-11-17"]),
    ("by 31 November", ["by 31 November"]),
    ("within 0 days", ["within 0 days"]),
    ("in 999999 days", ["in 999999 days"]),
    ("尽快退款", ["尽快"]),
    ("大概6点送到", ["大概6点"]),
    ("明天下午2点到4点", ["明天下午2点到4点"]),
    ("每周五", ["每周五"]),
    ("3天前", ["3天前"]),
    ("周一答应过客户", ["周一"]),
    ("скоро", ["скоро"]),
    ("към 18 ч.", ["към 18 ч."]),
    ("след 18 ч.", ["след 18 ч."]),
    ("каза в петък", ["в петък"]),
    ("от 14 до 16 ч.", ["от 14 до 16 ч."]),
]


@pytest.mark.parametrize(("line", "text", "due"), UNDERSTOOD, ids=[line for line, *_ in UNDERSTOOD])
def test_a_time_that_can_mean_one_thing_is_understood(line: str, text: str, due: str) -> None:
    reading = typed(line)
    assert (short(reading.due), reading.due_text and reading.due_text.text) == (due, text)
    assert (reading.choices, reading.not_understood) == ((), ())
    assert reading.due_text is not None
    assert line[reading.due_text.start : reading.due_text.end] == text


@pytest.mark.parametrize(("line", "choices"), ASKED, ids=[line for line, _ in ASKED])
def test_a_time_that_can_mean_several_things_is_asked_for(line: str, choices: list[str]) -> None:
    reading = typed(line)
    assert (reading.due, reading.due_text, asked(reading.choices)) == (None, None, choices)


@pytest.mark.parametrize("line", NOT_TIMES)
def test_what_is_no_time_is_left_alone(line: str) -> None:
    reading = typed(line)
    assert (reading.due, reading.choices, reading.not_understood) == (None, (), ())


@pytest.mark.parametrize(("line", "words"), NOT_UNDERSTOOD, ids=[line for line, _ in NOT_UNDERSTOOD])
def test_what_speaks_of_time_and_cannot_be_read_is_named(line: str, words: list[str]) -> None:
    reading = typed(line)
    assert (reading.due, reading.choices, list(reading.not_understood)) == (None, (), words)


@pytest.mark.parametrize(
    ("line", "now", "choices"),
    [
        ("by tonight", "2026-11-20T00:20", ["2026-11-20 06:00 night.begun", "2026-11-20 night.ahead"]),
        ("今晚", "2026-11-20T00:20", ["2026-11-20 06:00 night.begun", "2026-11-20 night.ahead"]),
        ("tomorrow", "2026-11-20T00:20", ["2026-11-20 night.before_sleep", "2026-11-21 night.by_date"]),
        ("Friday", "2026-11-20T14:00", ["2026-11-20 weekday.today", "2026-11-27 weekday.in_a_week"]),
        ("Friday by 1 pm", "2026-11-20T14:00", ["2026-11-27 13:00 weekday.in_a_week"]),
        ("Friday next week", "2026-11-22T14:00", ["2026-11-27 week.begins_monday", "2026-12-04 week.begins_sunday"]),
        ("by 6", "2026-11-20T05:00", ["2026-11-20 06:00 half.am", "2026-11-20 18:00 half.pm"]),
        ("by 6", "2026-11-20T19:00", ["2026-11-21 06:00 half.am", "2026-11-21 18:00 half.pm"]),
    ],
)
def test_what_is_asked_depends_on_when_it_is_said(line: str, now: str, choices: list[str]) -> None:
    assert asked(typed(line, now).choices) == choices


@pytest.mark.parametrize(
    ("line", "now", "due"),
    [
        ("tonight by 8", "2026-11-20T00:20", "2026-11-20 20:00"),
        ("next Friday", "2026-11-20T14:00", "2026-11-27"),
        ("today by 6", "2026-11-20T14:00", "2026-11-20 18:00"),
        ("до 06:30", "2026-11-20T05:00", "2026-11-20 06:30"),
    ],
)
def test_what_can_be_only_one_of_them_is_not_asked(line: str, now: str, due: str) -> None:
    assert short(typed(line, now).due) == due


def test_an_hour_that_the_clocks_skip_moves_forward_and_of_two_the_later_counts() -> None:
    skipped = typed("tomorrow by 03:30", "2026-03-28T12:00").due
    twice = typed("утре до 03:30", "2026-10-24T12:00").due
    assert skipped is not None
    assert twice is not None
    assert [str(due.at) for due in (skipped, twice)] == ["2026-03-29 04:30:00+03:00", "2026-10-25 03:30:00+02:00"]


def test_what_is_said_of_a_day_counts_where_it_is_said() -> None:
    for place, offset in (("Asia/Shanghai", "+08:00"), ("America/New_York", "-05:00"), ("Pacific/Apia", "+13:00")):
        due = typed("明天下午6点前", place=place).due
        assert due is not None
        assert str(due.at) == f"2026-11-19 18:00:00{offset}"

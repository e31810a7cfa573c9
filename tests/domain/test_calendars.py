"""Which days and hours are worked."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendars import Calendar, CalendarConfig, country_calendar, instant_of, is_country
from domain.errors import CalendarHasNoWorkingTime, ConfigurationError, Invalid

SOFIA = ZoneInfo("Europe/Sofia")
LONDON = ZoneInfo("Europe/London")
CHINA = Calendar(country_calendar("CN"))
ZONES = st.sampled_from(["UTC", "Europe/London", "Asia/Shanghai", "America/Sao_Paulo", "Australia/Lord_Howe"])
HOURS = st.sampled_from(
    ["Mo-Fr 09:00-18:00", "24/7", "Mo-Su 21:00-02:00", "Mo-Fr 08:00-12:00,13:30-18:00", "Mo-Fr 06:00-14:00,14:00-06:00"]
)
INSTANTS = st.datetimes(datetime(2015, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
SPANS = st.timedeltas(timedelta(seconds=1), timedelta(hours=200))


def calendar(working_hours: str = "Mo-Fr 09:00-18:00", holidays: str = "none") -> Calendar:
    return Calendar(CalendarConfig(holidays=holidays, working_hours=working_hours))


def hours(*shifts: tuple[datetime, datetime]) -> list[tuple[str, str]]:
    return [(f"{begin:%a %H:%M}", f"{end:%a %H:%M}") for begin, end in shifts]


def test_a_make_up_saturday_has_the_hours_of_monday() -> None:
    config = CalendarConfig(holidays="CN", working_hours="Mo 08:00-12:00; Tu-Fr 09:00-18:00; Sa 10:00-11:00")
    assert hours(*Calendar(config).shifts(date(2026, 10, 10))) == [("Sat 08:00", "Sat 12:00")]


def test_a_make_up_day_that_begins_at_night_ends_on_the_next_day() -> None:
    china_by_night = calendar("Mo-Fr 22:00-06:00", "CN")
    assert hours(*china_by_night.shifts(date(2026, 10, 10))) == [("Sat 22:00", "Sun 06:00")]


def test_a_holiday_moved_by_decree_is_free_though_it_is_a_weekday() -> None:
    assert not CHINA.is_working_day(date(2026, 10, 7))


def test_without_hours_on_monday_a_make_up_day_is_no_working_day() -> None:
    assert not calendar("Tu-Fr 09:00-18:00", "CN").is_working_day(date(2026, 10, 10))


@pytest.mark.parametrize(
    ("country", "day"),
    [("BG", date(2026, 5, 25)), ("GB-ENG", date(2026, 12, 28)), ("GB-NIR", date(2026, 3, 17))],
    ids=str,
)
def test_a_substitute_or_regional_day_is_free(country: str, day: date) -> None:
    assert not Calendar(country_calendar(country)).is_working_day(day)


def test_a_subdivision_has_holidays_of_its_own() -> None:
    easter_monday = date(2026, 4, 6)
    assert not Calendar(country_calendar("GB-ENG")).is_working_day(easter_monday)
    assert Calendar(country_calendar("GB-SCT")).is_working_day(easter_monday)


def test_extra_days_have_the_last_word() -> None:
    config = CalendarConfig(
        holidays="CN",
        extra_holidays=(date(2026, 10, 10), date(2026, 11, 23)),
        extra_working_days=(date(2026, 10, 1), date(2026, 11, 22)),
    )
    found = Calendar(config)
    days = [date(2026, 10, 10), date(2026, 11, 23), date(2026, 10, 1), date(2026, 11, 22)]
    assert [found.is_working_day(day) for day in days] == [False, False, True, True]


def test_a_shift_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    good_friday_off = calendar("Mo-Fr 22:00-06:00", "GB-ENG")
    first, last = date(2026, 4, 2), date(2026, 4, 7)
    assert hours(*good_friday_off.intervals(first, last)) == [("Thu 22:00", "Fri 06:00"), ("Tue 22:00", "Wed 06:00")]


def test_three_shifts_a_day_end_on_saturday_morning_and_saturday_is_no_working_day() -> None:
    factory = calendar("Mo-Fr 06:00-14:00,14:00-22:00,22:00-06:00")
    assert hours(*factory.shifts(date(2026, 2, 6))) == [("Fri 06:00", "Sat 06:00")]
    assert not factory.is_working_day(date(2026, 2, 7))


def test_round_the_clock_every_day_is_a_working_day_of_24_hours() -> None:
    monday = date(2026, 2, 2)
    assert hours(*calendar("24/7").shifts(monday)) == [("Mon 00:00", "Tue 00:00")]


def test_holidays_in_opening_hours_syntax_close_nothing_by_themselves() -> None:
    """The library's own calendar would call some Chinese working days holidays."""
    assert calendar("Mo-Fr 09:00-18:00; PH off").is_working_day(date(2026, 12, 25))


def test_working_hours_over_the_spring_change_are_real_hours() -> None:
    night = calendar("Sa 22:00-06:00")
    begin = datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert night.add_working_time(begin, timedelta(hours=7), LONDON) == begin + timedelta(hours=7)
    assert night.add_working_time(begin, timedelta(hours=7, minutes=1), LONDON) > begin + timedelta(days=6)


def test_working_hours_over_the_autumn_change_are_real_hours() -> None:
    night = calendar("Sa 22:00-06:00")
    begin = datetime(2026, 10, 24, 21, tzinfo=UTC)
    assert night.add_working_time(begin, timedelta(hours=9), LONDON) == begin + timedelta(hours=9)


def test_a_time_that_does_not_exist_moves_forward_and_of_two_the_later_counts() -> None:
    assert instant_of(datetime(2026, 3, 29, 3, 30), SOFIA).astimezone(SOFIA).time() == time(4, 30)
    assert instant_of(datetime(2026, 10, 25, 3, 30), SOFIA) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("working_hours", ["off", "2099 Mo 09:00-10:00", "Mo-Fr 09:00-18:00 unknown"])
def test_a_calendar_that_never_opens_is_refused(working_hours: str) -> None:
    closed = calendar(working_hours)
    with pytest.raises(CalendarHasNoWorkingTime):
        closed.add_working_time(datetime(2026, 2, 2, tzinfo=UTC), timedelta(hours=1), SOFIA)
    with pytest.raises(CalendarHasNoWorkingTime):
        closed.nth_working_day_after(date(2026, 2, 2), 1)


@pytest.mark.parametrize("n", [3_000, 3_654, 100_000])
def test_more_working_days_than_ten_years_hold_are_refused(n: int) -> None:
    with pytest.raises(Invalid, match="ten years"):
        calendar().nth_working_day_after(date(2026, 2, 2), n)


@pytest.mark.parametrize("amount", [40_000, 100_000])
def test_more_working_hours_than_ten_years_hold_are_refused(amount: int) -> None:
    with pytest.raises(Invalid, match="ten years") as refused:
        calendar().add_working_time(datetime(2026, 2, 2, tzinfo=UTC), timedelta(hours=amount), SOFIA, "/shift")
    assert refused.value.rejections[0].pointer == "/shift"


def test_china_is_known_as_far_as_the_library_holds_its_decrees() -> None:
    last_decree = max(day.year for day in CHINA_MAKE_UP_DAYS)
    assert CHINA.missing_years(date(last_decree, 1, 1), date(last_decree, 12, 31)) == ()
    assert CHINA.missing_years(date(last_decree, 1, 1), date(last_decree + 2, 1, 1)) == (
        last_decree + 1,
        last_decree + 2,
    )


@pytest.mark.parametrize("country", ["BG", "UA", "GB-ENG", "DE", "US", "BR"])
def test_a_country_with_computed_holidays_is_complete(country: str) -> None:
    assert Calendar(country_calendar(country)).missing_years(date(2026, 1, 1), date(2036, 1, 1)) == ()


def test_no_country_is_known_for_ever() -> None:
    assert Calendar(country_calendar("DE")).missing_years(date(2100, 1, 1), date(2101, 1, 1)) == (2101,)
    assert calendar().missing_years(date(2100, 1, 1), date(2101, 1, 1)) == ()


def test_the_version_changes_with_the_configuration_and_only_with_it() -> None:
    assert calendar().version == calendar().version
    assert calendar().version != calendar("24/7").version
    assert len(calendar().version) < 30


def test_a_country_whose_week_is_another_has_other_hours() -> None:
    assert country_calendar("CN").working_hours == "Mo-Fr 09:00-18:00"
    assert country_calendar("IL").working_hours == "Mo-Th,Su 09:00-18:00"


@pytest.mark.parametrize("name", ["", "-", "GB-", "GB-XXX", "XX", "gb", "none", "../GB", "GB\0", "China"])
def test_what_is_no_country_is_known_to_be_none(name: str) -> None:
    assert not is_country(name)


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        (CalendarConfig(holidays="XX"), "holidays: 'XX' is no country"),
        (CalendarConfig(working_hours="nine to five"), "working_hours: 'nine to five' cannot be read"),
        (CalendarConfig(working_hours="Mo-Fr sunrise-sunset"), "working_hours: .* has no place"),
        (CalendarConfig(working_hours="Mo-Fr 09:00-18:00; PH 10:00-12:00"), "working_hours: .* no holiday is a work"),
        (
            CalendarConfig(extra_holidays=(date(2026, 1, 1),), extra_working_days=(date(2026, 1, 1),)),
            "extra_working_days: 2026-01-01 stands in extra_holidays, too",
        ),
    ],
)
def test_a_damaged_configuration_is_told_by_its_key(config: CalendarConfig, fault: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{fault}"):
        Calendar(config)


@given(INSTANTS, SPANS, SPANS, ZONES, HOURS)
def test_more_working_time_never_ends_earlier(
    start: datetime, one: timedelta, other: timedelta, tz: str, working_hours: str
) -> None:
    found = calendar(working_hours)
    ends = [found.add_working_time(start, span, ZoneInfo(tz)) for span in sorted([one, other])]
    assert start < ends[0] <= ends[1]


@given(INSTANTS, SPANS, ZONES, HOURS)
def test_working_time_ends_inside_the_working_hours(
    start: datetime, span: timedelta, tz: str, working_hours: str
) -> None:
    found, place = calendar(working_hours, "BG"), ZoneInfo(tz)
    end = found.add_working_time(start, span, place)
    day = end.astimezone(place).date()
    shifts = found.intervals(day - timedelta(days=1), day)
    assert any(instant_of(begin, place) < end <= instant_of(stop, place) for begin, stop in shifts)


@given(INSTANTS, SPANS, SPANS, ZONES, HOURS)
def test_working_time_can_be_added_in_two_parts(
    start: datetime, one: timedelta, other: timedelta, tz: str, working_hours: str
) -> None:
    found, place = calendar(working_hours), ZoneInfo(tz)
    halfway = found.add_working_time(start, one, place)
    assert found.add_working_time(halfway, other, place) == found.add_working_time(start, one + other, place)


@given(st.dates(date(2015, 1, 1), date(2027, 1, 1)), st.integers(1, 60))
def test_the_nth_working_day_has_n_working_days_up_to_it(day: date, n: int) -> None:
    last = CHINA.nth_working_day_after(day, n)
    days = [day + timedelta(days=number) for number in range(1, (last - day).days + 1)]
    assert sum(CHINA.is_working_day(one) for one in days) == n
    assert CHINA.is_working_day(last)


CHINA_MAKE_UP_DAYS = [
    day
    for day in (date(2020, 1, 1) + timedelta(days=number) for number in range(365 * 20))
    if day.weekday() > 4 and CHINA.is_working_day(day)
]

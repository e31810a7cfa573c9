"""By when a promise is to be kept."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendars import Calendar, CalendarConfig, country_calendar
from domain.deadlines import (
    Due,
    DueRule,
    Shift,
    calendar_warnings,
    elapse,
    local,
    midnight_after,
    resolve_due,
    shifted,
    zone,
)
from domain.durations import Unit, Within, parse_duration
from domain.errors import CalendarHasNoWorkingTime, Invalid

CASES = json.loads(Path(__file__).with_name("time-cases.json").read_text())
OFFICE = Calendar(CalendarConfig())
NOON = datetime(2026, 2, 2, 12, tzinfo=UTC)


def due(
    rule: DueRule, counted_from: datetime = NOON, time_zone: str = "Europe/Sofia", calendar: Calendar = OFFICE
) -> Due:
    return resolve_due(rule, counted_from=counted_from, time_zone=time_zone, calendar_name="office", calendar=calendar)


def within(amount: int, unit: Unit) -> DueRule:
    return DueRule(within=Within(amount, unit))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_case_ends_at_its_instant(case: dict[str, Any]) -> None:
    config = case.get("calendar_config")
    calendar = Calendar(CalendarConfig(**config) if config else country_calendar(case["calendar"]))
    rule, start = DueRule(within=Within(**case["within"])), datetime.fromisoformat(case["from"])
    if case["at"] is None:
        with pytest.raises(CalendarHasNoWorkingTime) as refused:
            due(rule, start, case["time_zone"], calendar)
        assert refused.value.code == case["error"]
    else:
        assert due(rule, start, case["time_zone"], calendar).at == datetime.fromisoformat(case["at"])


def test_a_due_keeps_what_it_was_computed_from() -> None:
    rule = within(1, "working_days")
    found = resolve_due(
        rule, counted_from=NOON, time_zone="UTC", calendar_name="office", calendar=OFFICE, not_before=NOON
    )
    assert found == Due(datetime(2026, 2, 4, tzinfo=UTC), NOON, "UTC", "office", rule, OFFICE.version)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (DueRule(at=datetime.fromisoformat("2026-02-03T10:00:00.000001+02:00")), {"at": "2026-02-03T08:00:00.000001Z"}),
        (within(3, "working_days"), {"within": {"amount": 3, "unit": "working_days"}}),
        (DueRule(date=date(2026, 11, 25)), {"date": "2026-11-25"}),
    ],
    ids=["at", "within", "date"],
)
def test_a_rule_reads_as_it_was_asked_and_a_due_survives_storage(rule: DueRule, text: dict[str, object]) -> None:
    assert rule.to_json() == text
    found = due(rule)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Due) == found


@pytest.mark.parametrize("parts", [{}, {"at": NOON, "date": date(2026, 1, 1)}], ids=["none", "two"])
def test_a_rule_is_exactly_one_thing(parts: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="exactly one"):
        DueRule(**parts)


def test_days_end_with_midnight_and_the_day_of_promising_is_not_counted() -> None:
    just_before_midnight = datetime(2026, 2, 2, 21, 59, tzinfo=UTC)
    assert due(within(1, "days"), just_before_midnight).at == datetime(2026, 2, 3, 22, tzinfo=UTC)
    assert due(within(1, "days"), just_before_midnight + timedelta(minutes=1)).at == datetime(
        2026, 2, 4, 22, tzinfo=UTC
    )


def test_a_date_ends_with_the_local_day() -> None:
    assert due(DueRule(date=date(2026, 11, 25))).at == datetime(2026, 11, 25, 22, tzinfo=UTC)


@pytest.mark.parametrize("day", [date(2016, 10, 15), date(2017, 10, 14)])
def test_a_midnight_that_did_not_exist_is_one_o_clock(day: date) -> None:
    sao_paulo = zone("America/Sao_Paulo")
    assert local(midnight_after(day, sao_paulo), sao_paulo) == f"{day + timedelta(days=1)}T01:00:00-02:00"


def test_of_two_midnights_the_later_ends_the_day() -> None:
    azores = zone("Atlantic/Azores")  # at 01:00 the clocks go back to 00:00
    assert local(midnight_after(date(2026, 10, 24), azores), azores) == "2026-10-25T00:00:00-01:00"


def test_a_day_that_the_dateline_skipped_is_over_when_it_would_have_begun() -> None:
    apia = zone("Pacific/Apia")  # 30 December 2011 did not exist
    assert midnight_after(date(2011, 12, 29), apia) == midnight_after(date(2011, 12, 30), apia)


def test_hours_are_elapsed_time_over_the_spring_change() -> None:
    start = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert due(within(24, "hours"), start).at == start + timedelta(hours=24)


@pytest.mark.parametrize("unit", ["minutes", "hours", "days", "working_hours", "working_days"])
def test_an_absurd_span_is_refused_and_quickly(unit: Unit) -> None:
    if unit == "minutes":
        assert due(within(100_000, unit)).at == NOON + timedelta(minutes=100_000)
    else:
        with pytest.raises(Invalid, match="ten years") as refused:
            due(within(100_000, unit))
        assert refused.value.rejections[0].pointer == "/due/within"


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        (DueRule(date=date.max), "/due/date"),
        (DueRule(date=date.min), "/due/date"),
        (DueRule(at=datetime.max.replace(tzinfo=UTC)), "/due/at"),
        (DueRule(at=datetime.min.replace(tzinfo=zone("Asia/Shanghai"))), "/due/at"),
    ],
    ids=str,
)
def test_a_date_at_the_end_of_all_calendars_is_refused(rule: DueRule, pointer: str) -> None:
    with pytest.raises(Invalid, match="outside the years") as refused:
        due(rule)
    assert refused.value.rejections[0].pointer == pointer


@pytest.mark.parametrize("unit", ["minutes", "days", "working_hours", "working_days"])
@pytest.mark.parametrize("start", [datetime.min, datetime.max])
def test_no_span_is_counted_from_the_ends_of_time(unit: Unit, start: datetime) -> None:
    with pytest.raises(Invalid, match="outside the years"):
        due(within(1, unit), start.replace(tzinfo=UTC))


@pytest.mark.parametrize("unit", ["minutes", "hours", "days", "working_hours", "working_days"])
@pytest.mark.parametrize("start", [datetime(1901, 1, 1), datetime(9979, 12, 31)])
def test_within_the_years_every_span_can_be_counted(unit: Unit, start: datetime) -> None:
    assert due(within(1_000, unit), start.replace(tzinfo=UTC), "Pacific/Kiritimati").at.year <= 9984


@pytest.mark.parametrize(
    "name", ["", "Asia", "../etc", "/etc/passwd", "Europe/Sofia\0", "localtime", "europe/sofia", "X"]
)
def test_a_name_that_is_no_zone_is_refused_with_its_pointer(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        zone(name, "/defaults")
    assert refused.value.rejections[0].pointer == "/defaults"


@pytest.mark.parametrize("amount", [0, -1, 100_001, True, 1.5, "1"], ids=repr)
def test_an_amount_is_a_whole_number_in_bounds(amount: Any) -> None:
    with pytest.raises(Invalid, match="whole number"):
        Within(amount, "days")


def test_a_unit_is_one_of_five() -> None:
    unit: Any = "weeks"
    with pytest.raises(Invalid, match="working_days"):
        Within(1, unit)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT60M", 3_600), ("PT12H", 43_200), ("P1D", 86_400), ("P2W", 1_209_600), ("P1DT1H1M1S", 90_061), ("PT0S", 0)],
)
def test_a_duration_is_read(text: str, seconds: int) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "1D", "P1M", "P1Y", "PT1.5H", "-P1D", "pt1h", "PT1H ", "PT٣H"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="ISO 8601") as refused:
        parse_duration(text, "/after")
    assert refused.value.rejections[0].pointer == "/after"


@pytest.mark.parametrize("text", ["P99999W", "P99999D", "PT999999H", "PT9999999M", "PT999999999S"])
def test_the_longest_duration_does_not_overflow(text: str) -> None:
    assert parse_duration(text) > timedelta(days=1)


def test_an_unpublished_year_is_warned_of_only_where_working_time_is_counted() -> None:
    china = Calendar(country_calendar("CN"))
    unknown = max(china.missing_years(date(2026, 1, 1), date(2040, 1, 1)))
    start = datetime(unknown, 3, 1, tzinfo=UTC)
    counted = {unit: due(within(1, unit), start, "Asia/Shanghai", china) for unit in ("working_days", "days")}
    warnings = {unit: calendar_warnings(found, start, china) for unit, found in counted.items()}
    assert warnings == {"working_days": ["calendar_incomplete"], "days": []}


def test_the_last_day_of_a_published_year_does_not_touch_the_next() -> None:
    china = Calendar(country_calendar("CN"))
    unpublished = min(china.missing_years(date(2026, 1, 1), date(2040, 1, 1)))
    start = datetime(unpublished - 1, 12, 1, tzinfo=UTC)
    days = [start.date() + timedelta(days=number) for number in range(1, 31)]
    found = due(within(sum(map(china.is_working_day, days)), "working_days"), start, "Asia/Shanghai", china)
    assert calendar_warnings(found, start, china) == []


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.integers(1, 2_000),
    st.sampled_from(["minutes", "hours", "days", "working_hours", "working_days"]),
    st.sampled_from(["America/Sao_Paulo", "Europe/London", "Pacific/Apia", "Asia/Kathmandu"]),
)
def test_a_longer_span_never_ends_earlier_and_every_span_ends_later(
    start: datetime, amount: int, unit: Unit, tz: str
) -> None:
    ends = [elapse(Within(one, unit), counted_from=start, tz=zone(tz), calendar=OFFICE) for one in (amount, amount + 1)]
    assert start < ends[0] <= ends[1]


@pytest.mark.parametrize(
    ("at", "amount", "unit", "zone_name", "later"),
    [
        ("2026-11-20T12:00", 90, "minutes", "UTC", "2026-11-20T13:30"),
        ("2026-11-20T12:00", -2, "hours", "UTC", "2026-11-20T10:00"),
        ("2026-10-24T16:00", 1, "days", "Europe/Sofia", "2026-10-25T17:00"),  # the clocks go back in between
        ("2026-11-20T12:00", -1, "days", "UTC", "2026-11-19T12:00"),
        ("2026-11-20T12:00", 1, "working_days", "UTC", "2026-11-23T12:00"),
        ("2026-11-21T00:00", 1, "working_days", "UTC", "2026-11-24T00:00"),
        ("2026-11-21T12:00", 1, "working_days", "UTC", "2026-11-23T12:00"),
        ("2026-11-20T17:00", 2, "working_hours", "UTC", "2026-11-23T10:00"),
    ],
)
def test_a_due_is_moved_by_the_clock_on_the_wall(at: str, amount: int, unit: Any, zone_name: str, later: str) -> None:
    moved = shifted(datetime.fromisoformat(f"{at}+00:00"), Shift(amount, unit), zone_name, Calendar(CalendarConfig()))
    assert moved == datetime.fromisoformat(f"{later}+00:00")


@pytest.mark.parametrize(("amount", "unit"), [(0, "working_days"), (-1, "working_hours"), (4000, "days")])
def test_a_due_cannot_be_moved_anywhere(amount: int, unit: Any) -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    with pytest.raises(Invalid):
        shifted(noon, Shift(amount, unit), "UTC", Calendar(CalendarConfig()))

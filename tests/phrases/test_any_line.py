"""Whatever is typed, whenever and wherever: no error, no due that is past, no time lost."""

from datetime import UTC, datetime, timedelta
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.phrases import KEYS, read
from api.phrases.words import LANGUAGES
from domain.calendars import Calendar, CalendarConfig
from domain.deadlines import resolve_due
from tests.phrases.test_dues import ASKED, NOT_UNDERSTOOD, UNDERSTOOD
from tests.phrases.typed import KINDS

ALWAYS = Calendar(CalendarConfig(working_hours="24/7"))
ZONES = st.sampled_from(["Asia/Shanghai", "Europe/Sofia", "America/New_York", "Pacific/Apia", "America/Sao_Paulo"])
CHANGES = [
    "2026-03-29T00:30",  # the clocks go forward in Sofia,
    "2026-10-25T00:45",  # and back
    "2026-03-08T06:30",
    "2026-11-01T05:30",
    "2011-12-30T09:59",  # the day that Apia skipped begins
    "2017-10-15T02:30",  # a midnight that Sao Paulo did not have
    "2026-12-31T22:30",
    "2028-02-29T11:00",
]
SEASON = st.datetimes(datetime(2005, 1, 1), datetime(2090, 1, 1))
NEARBY = st.builds(
    lambda change, minutes: datetime.fromisoformat(change) + timedelta(minutes=minutes),
    st.sampled_from(CHANGES),
    st.integers(-1500, 1500),
)
NOW = (SEASON | NEARBY).map(lambda at: at.replace(tzinfo=UTC))

PHRASES = [phrase.strip() for language in LANGUAGES for texts in language.TIMES.values() for phrase in texts.split(",")]
SENTENCES = [entry[0] for entry in UNDERSTOOD] + [entry[0] for entry in ASKED] + [entry[0] for entry in NOT_UNDERSTOOD]
FIGURES = ["三", "两", "十二", "18:30", "25.11.", "03/04", "2026-11-25", "12:00"]
NUMERALS = st.integers(0, 60).map(str) | st.sampled_from(FIGURES)
PIECES = st.sampled_from(PHRASES) | NUMERALS | st.sampled_from([*SENTENCES, "SO-1001", "room", "refund", "送货", ","])
LINES = st.builds(lambda pieces, space: space.join(pieces), st.lists(PIECES, max_size=8), st.sampled_from([" ", ""]))


@given(line=LINES, now=NOW, zone=ZONES)
def test_no_due_that_is_read_or_offered_is_past(line: str, now: datetime, zone: str) -> None:
    reading = read(line, now=now, zone=zone, kinds=KINDS)
    dues = [choice.due for choice in reading.choices] + ([reading.due] if reading.due else [])
    for due in dues:
        ends = resolve_due(due, counted_from=now, time_zone=zone, calendar_name="always", calendar=ALWAYS).at
        assert now < ends < now + timedelta(days=3660)
    assert (reading.due is None) == (reading.due_text is None)
    assert reading.due is None or not reading.choices
    for choice in reading.choices:
        assert choice.keys
        assert set(choice.keys) <= KEYS
        assert line[choice.text.start : choice.text.end] == choice.text.text
    assert all(words in line for words in reading.not_understood)


@given(line=st.text(max_size=2000) | st.text("0123456789:./-,.#' six半点前до ч号三月", max_size=400), now=NOW)
def test_no_line_is_an_error(line: str, now: datetime) -> None:
    reading = read(line, now=now, zone="Europe/Sofia", kinds=KINDS)
    assert len(reading.promise) <= len(line)


@pytest.mark.parametrize("year", [1901, 9979, 9999])
def test_at_the_ends_of_all_calendars_nothing_breaks(year: int) -> None:
    for line in SENTENCES:
        read(line, now=datetime(year, 12, 31, 12, tzinfo=UTC), zone="UTC", kinds=KINDS)


HEAPS = [
    "1 ",
    "by ",
    "a,",
    "Friday by 6 and, ",
    "half and ",
    "6 x ",
    "a'",
    "1.",
    "#1001 ",
    "三",
    "明天",
    "до 3 часа и ",
]


@pytest.mark.parametrize("piece", HEAPS)
def test_a_long_line_takes_a_moment(piece: str) -> None:
    line = (piece * 2000)[:2000]
    started = process_time()
    read(line, now=datetime(2026, 11, 18, tzinfo=UTC), zone="UTC", kinds=KINDS)
    assert process_time() - started < 1

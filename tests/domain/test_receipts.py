"""When a receipt is due, and what counts as one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue import Catalogue, parse_catalogue
from domain.durations import Within
from domain.handing_over import Named, ReceiptRule
from domain.moment import Moment
from domain.receipts import advanced, assignment_due, receipt_due, satisfies
from domain.values import RECEIPT_STATES, HandoffState, Receipt, ReceiptState, Terms, Trip

By = Callable[..., Moment]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""A Friday."""
LEAD = timedelta(minutes=30)
STATES: tuple[HandoffState, ...] = ("unassigned", "assigned", "sent", "delivered", "seen", "acknowledged", "held")


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


# -- the pure rules ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "asked", "enough"),
    [
        ("delivered", "acknowledged", False),
        ("seen", "acknowledged", False),
        ("acknowledged", "acknowledged", True),
        ("held", "acknowledged", True),
        ("declined", "acknowledged", False),
        ("delivered", "held", False),
        ("seen", "held", False),
        ("acknowledged", "held", False),
        ("held", "held", True),
        ("declined", "held", False),
        *[(state, "none", False) for state in RECEIPT_STATES],
    ],
)
def test_only_the_state_that_the_kind_asks_for_is_a_receipt(state: ReceiptState, asked: Receipt, enough: bool) -> None:
    assert satisfies(state, asked) is enough


@pytest.mark.parametrize(("before", "reported"), list(product(STATES, RECEIPT_STATES[:4])))
def test_a_state_never_regresses(before: HandoffState, reported: ReceiptState) -> None:
    assert STATES.index(advanced(before, reported)) == max(STATES.index(before), STATES.index(reported))


@pytest.mark.parametrize("before", [*STATES, "declined"])
def test_a_decline_may_follow_whatever_was_said(before: HandoffState) -> None:
    assert advanced(before, "declined") == "declined"


@pytest.mark.parametrize(
    ("reported", "after"),
    [("delivered", "declined"), ("seen", "declined"), ("acknowledged", "acknowledged"), ("held", "held")],
)
def test_only_a_person_s_word_follows_a_decline(reported: ReceiptState, after: HandoffState) -> None:
    assert advanced("declined", reported) == after


@pytest.mark.parametrize(
    ("departure", "window", "due", "expected"),
    [
        pytest.param(None, 1, 24, 1, id="no departure is known: the window"),
        pytest.param(5, 1, 24, 4.5, id="the departure is ahead: half an hour before it"),
        pytest.param(0.6, 1, 24, 0.1, id="the departure is so near that the lead ends within the window"),
        pytest.param(0.5, 1, 24, 1, id="the lead begins just now: it is not ahead any more"),
        pytest.param(0.25, 1, 24, 1, id="the departure is ahead, but not its lead"),
        pytest.param(-1, 1, 24, 1, id="already departed: the window"),
        pytest.param(None, 1, 0.5, 0.5, id="never after the due: the window"),
        pytest.param(5, 1, 2, 2, id="never after the due: the departure"),
        pytest.param(None, 1, -1, 0, id="never before the base, though the due is past"),
        pytest.param(5, 1, -1, 0, id="never before the base, though the due is past and the departure ahead"),
    ],
)
def test_the_receipt_of_somebody_assigned_is_due(
    departure: float | None, window: float, due: float, expected: float
) -> None:
    found = receipt_due(
        base=NOON,
        due_at=NOON + hours(due),
        window_ends_at=NOON + hours(window),
        departure=None if departure is None else NOON + hours(departure),
        lead=LEAD,
    )
    assert found == NOON + hours(expected)


@pytest.mark.parametrize(
    ("window", "due", "assign_before", "expected"),
    [
        pytest.param(1, 24, 12, 12, id="early enough before the due"),
        pytest.param(1, 24, 24, 1, id="the later of the two: the window"),
        pytest.param(1, 24, None, 1, id="no time before the due is named: the window"),
        pytest.param(1, 0.5, 12, 0.5, id="never after the due"),
        pytest.param(1, -1, 12, 0, id="never before the base"),
    ],
)
def test_a_receipt_from_nobody_yet_is_due(
    window: float, due: float, assign_before: float | None, expected: float
) -> None:
    found = assignment_due(
        base=NOON,
        due_at=NOON + hours(due),
        window_ends_at=NOON + hours(window),
        assign_before=None if assign_before is None else hours(assign_before),
    )
    assert found == NOON + hours(expected)


some_hours = st.integers(-72 * 60, 72 * 60).map(lambda minutes: timedelta(minutes=minutes))


@given(due=some_hours, window=some_hours, departure=st.none() | some_hours, before=st.none() | some_hours)
def test_a_receipt_is_due_between_its_base_and_the_due(
    due: timedelta, window: timedelta, departure: timedelta | None, before: timedelta | None
) -> None:
    due_at, ends = NOON + due, NOON + window
    leaves = None if departure is None else NOON + departure
    assigned = receipt_due(base=NOON, due_at=due_at, window_ends_at=ends, departure=leaves, lead=LEAD)
    unassigned = assignment_due(base=NOON, due_at=due_at, window_ends_at=ends, assign_before=before)
    for found in (assigned, unassigned):
        assert NOON <= found <= max(NOON, due_at)


# -- the rule of one promise ------------------------------------------------------------------------------------


def terms(
    receipt: Receipt = "acknowledged",
    within: Within | timedelta = timedelta(hours=1),
    assign_before: timedelta | None = timedelta(hours=12),
) -> Terms:
    return Terms(receipt, within, LEAD, assign_before, escalate_on_postponements=2, escalate_on_contacts=3)


@pytest.fixture
def rule(by: By) -> Callable[..., ReceiptRule]:
    def of(
        asked: Terms,
        due: timedelta = timedelta(days=1),
        *,
        catalogue: Catalogue | None = None,
        calendar: str = "default",
    ) -> ReceiptRule:
        moment: Moment = by("agent:ling")
        decided = Moment(moment.now, moment.origin, catalogue or moment.catalogue)
        return ReceiptRule(asked, NOON + due, "UTC", calendar, decided)

    return of


LI = "courier:li"


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        pytest.param(None, 12, id="nobody: twelve hours before the due"),
        pytest.param(Named(LI, "order"), 1, id="no departure"),
        pytest.param(Named(LI, "order", Trip(departs_at=NOON + hours(5))), 4.5, id="the departure is ahead"),
        pytest.param(Named(LI, "order", Trip(departs_at=NOON - hours(1))), 1, id="already departed"),
        pytest.param(Named(LI, "order", Trip(planned_start=NOON + hours(3))), 2.5, id="only the stop is planned"),
        pytest.param(
            Named(LI, "order", Trip(departs_at=NOON + hours(5), planned_start=NOON + hours(9))),
            4.5,
            id="both: departure",
        ),
        pytest.param(
            Named(LI, "order", Trip(departs_at=NOON - hours(1), planned_start=NOON + hours(9))),
            1,
            id="departed, though the stop is ahead",
        ),
        pytest.param(Named("team:courier", "kind"), 1, id="a team is somebody"),
    ],
)
def test_a_promise_due_in_a_day_must_be_known(
    rule: Callable[..., ReceiptRule], named: Named | None, expected: float
) -> None:
    assert rule(terms()).due_for(named, NOON) == NOON + hours(expected)


def test_the_window_runs_from_the_base_and_not_from_now(rule: Callable[..., ReceiptRule]) -> None:
    assert rule(terms()).due_for(Named(LI, "order"), NOON - hours(3)) == NOON - hours(2)


@pytest.mark.parametrize("named", [None, Named(LI, "order"), Named(LI, "order", Trip(departs_at=NOON + hours(5)))])
def test_a_kind_that_asks_for_nothing_has_no_receipt_due(rule: Callable[..., ReceiptRule], named: Named | None) -> None:
    assert rule(terms("none")).due_for(named, NOON) is None


@pytest.mark.parametrize(
    ("base", "amount", "expected"),
    [
        pytest.param(NOON, 4, datetime(2026, 11, 20, 16, tzinfo=UTC), id="within the day"),
        pytest.param(NOON + hours(4), 4, datetime(2026, 11, 23, 11, tzinfo=UTC), id="over the weekend"),
        pytest.param(NOON + hours(24), 2, datetime(2026, 11, 23, 11, tzinfo=UTC), id="made on a Saturday"),
    ],
)
def test_working_hours_run_only_while_people_work(
    rule: Callable[..., ReceiptRule], base: datetime, amount: int, expected: datetime
) -> None:
    asked = rule(terms(within=Within(amount, "working_hours"), assign_before=None), timedelta(days=7))
    assert asked.due_for(Named("team:finance", "kind"), base) == expected
    assert asked.due_for(None, base) == expected


def test_working_hours_too_are_cut_by_the_due(rule: Callable[..., ReceiptRule]) -> None:
    asked = rule(terms(within=Within(4, "working_hours")), hours(2))
    assert asked.due_for(Named("team:finance", "kind"), NOON) == NOON + hours(2)


def test_a_calendar_that_never_works_leaves_time_until_the_due(rule: Callable[..., ReceiptRule]) -> None:
    idle = parse_catalogue('calendars.idle.working_hours = "off"')
    asked = rule(terms(within=Within(4, "working_hours")), hours(2), catalogue=idle, calendar="idle")
    assert asked.due_for(Named("team:finance", "kind"), NOON) == NOON + hours(2)
    assert asked.due_for(Named("team:finance", "kind"), NOON + hours(3)) == NOON + hours(3)


def test_where_a_calendar_is_configured_no_longer_the_default_one_counts(rule: Callable[..., ReceiptRule]) -> None:
    asked = rule(terms(within=Within(4, "working_hours")), timedelta(days=7), calendar="gone")
    assert asked.due_for(Named("team:finance", "kind"), NOON) == NOON + hours(4)

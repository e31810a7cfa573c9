"""Telling people: what leaves for whom is a fact, and never a receipt."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from domain.commitment import Commitment
from domain.flags import flag_at
from domain.moment import Moment
from domain.telling import failed, inform, sent

By = Callable[..., Moment]

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_what_left_for_the_recipient_is_sent_and_not_received(an_open_commitment: Commitment, by: By) -> None:
    courier = an_open_commitment.handoff("courier")
    sent(an_open_commitment, courier, "sms", by("system:upheld"))
    assert (courier.state, courier.received) == ("sent", False)


def test_what_the_recipient_said_counts_for_more_than_what_left(an_acknowledged_commitment: Commitment, by: By) -> None:
    courier = an_acknowledged_commitment.handoff("courier")
    sent(an_acknowledged_commitment, courier, "sms", by("system:upheld", timedelta(hours=1)))
    assert (courier.state, courier.received) == ("acknowledged", True)


def test_a_message_that_did_not_leave_changes_nothing(an_open_commitment: Commitment, by: By) -> None:
    courier = an_open_commitment.handoff("courier")
    before, due_at = flag_at(an_open_commitment, NOON), courier.receipt_due_at
    failed(an_open_commitment, courier, "sms", "no such number", by("system:upheld"))
    assert (courier.state, courier.receipt_due_at) == ("assigned", due_at)
    assert flag_at(an_open_commitment, NOON) == before


def test_the_customer_is_told_of_a_revision(an_open_commitment: Commitment, by: By) -> None:
    inform(an_open_commitment, "sms", by("system:upheld"))
    assert an_open_commitment.informed_revision == an_open_commitment.revision == 1

"""Three working days: one cause, two promises, to the buyer and to the seller, over a weekend."""

from datetime import date, timedelta
from typing import Final

from api.stories.script import At, Story, keep, promise, receive
from domain.calendars import Calendar

__all__ = ["THREE_WORKING_DAYS"]

_FRIDAY: Final = 4
_OUR_CALL: Final = {"channel": "phone", "direction": "outbound", "conversation": "call-2088-out"}
_THREE: Final = {"within": {"amount": 3, "unit": "working_days"}}


def _before_a_plain_weekend(day: date, calendar: Calendar) -> bool:
    """A Friday at work, a free weekend, and four days of work after it."""
    worked = [calendar.is_working_day(day + timedelta(days=number)) for number in range(7)]
    return day.weekday() == _FRIDAY and worked == [True, False, False, True, True, True, True]


THREE_WORKING_DAYS: Final = Story(
    "three-working-days",
    "Three working days",
    "Asia/Shanghai",
    "CN",
    ends=At(6, "10:30"),
    fits=_before_a_plain_weekend,
    steps=(
        promise(
            At(0, "15:00"),
            "agent:qin",
            "refund",
            order_id="TRIP-2088",
            customer_id="CU-2088-BUYER",
            kind="refund",
            promise="行程因不可抗力取消，全款三个工作日内退到您的账户。",
            value={"amount": "1860.00", "currency": "CNY"},
            due=_THREE,
            **_OUR_CALL,
        ),
        promise(
            At(0, "15:02"),
            "agent:qin",
            "compensation",
            order_id="TRIP-2088",
            customer_id="CU-2088-SELLER",
            kind="compensation",
            promise="这件事不是您的责任，平台三个工作日内补偿店铺的损失。",
            value={"amount": "300.00", "currency": "CNY"},
            due=_THREE,
            **_OUR_CALL,
        ),
        receive(At(3, "09:30"), "finance:zhao", "refund", "acknowledged"),
        receive(At(3, "09:32"), "finance:zhao", "compensation", "acknowledged"),
        keep(At(4, "11:00"), "finance:zhao", "refund", note="已原路退回"),
        keep(At(6, "10:30"), "finance:zhao", "compensation", note="补偿款已打给店铺"),
    ),
)

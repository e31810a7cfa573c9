"""The big invoice: wait, it is urged, wait; five hours and three calls for one paper, and nobody it went up to."""

from typing import Final

from api.stories.script import At, Story, amend, ask, keep, promise, receive

__all__ = ["BIG_INVOICE"]

_HOURS: Final = {"within": {"amount": 2, "unit": "hours"}}
_CALLED: Final = {"channel": "phone", "direction": "inbound"}

BIG_INVOICE: Final = Story(
    "big-invoice",
    "The big invoice",
    "Asia/Shanghai",
    "CN",
    ends=At(0, "14:36"),
    fits=lambda day, calendar: calendar.is_working_day(day),
    steps=(
        promise(
            At(0, "09:00"),
            "agent:fang",
            "big",
            customer_id="CU-9001",
            kind="invoice",
            promise="四年账单合并的电子发票，上午十一点以前开好。",
            value={"amount": "10240.00", "currency": "CNY"},
            due=_HOURS,
            **_CALLED,
        ),
        promise(
            At(0, "09:01"),
            "agent:fang",
            "small",
            customer_id="CU-9001",
            kind="invoice",
            promise="本月账单的电子发票，马上开好发到您的邮箱。",
            value={"amount": "300.00", "currency": "CNY"},
            due=_HOURS,
            **_CALLED,
        ),
        receive(At(0, "09:03"), "finance:zhao", "small", "acknowledged"),
        keep(At(0, "09:05"), "finance:zhao", "small"),
        ask(At(0, "11:02"), "agent:song", "big", minutes=8, note="发票还没有收到", **_CALLED),
        amend(
            At(0, "11:06"),
            "agent:song",
            "big",
            promise="您别着急，再等一等，十二点以前一定开好。",
            due={"at": At(0, "12:00")},
            reason="客户来催",
        ),
        ask(At(0, "12:02"), "agent:jin", "big", minutes=11, note="已经过了十二点", **_CALLED),
        amend(
            At(0, "12:05"),
            "agent:jin",
            "big",
            promise="已经帮您催了，下午两点以前开好。",
            due={"at": At(0, "14:00")},
            reason="已向财务催办",
        ),
        promise(
            At(0, "12:06"),
            "agent:jin",
            "answer",
            customer_id="CU-9001",
            kind="answer",
            promise="为什么开不出来，我一点以前查清楚告诉您。",
            due={"within": {"amount": 54, "unit": "minutes"}},
            **_CALLED,
        ),
        ask(At(0, "14:01"), "agent:jin", "big", minutes=22, note="要求说明原因：到底有没有审核环节？", **_CALLED),
        keep(At(0, "14:04"), "agent:jin", "answer", note="后台说开票系统正在维修"),
        amend(
            At(0, "14:06"),
            "agent:jin",
            "big",
            promise="开票系统正在维修，请再等半个小时。",
            due={"within": {"amount": 30, "unit": "minutes"}},
            reason="开票系统维修",
        ),
    ),
)

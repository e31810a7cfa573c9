"""The order that was "already out": three promises, a call that never comes, and nobody who knows."""

from typing import Final

from api.stories.script import At, Day, Story, amend, ask, assign, promise

__all__ = ["ALREADY_OUT"]

_WEDNESDAY: Final = 2

ALREADY_OUT: Final = Story(
    "already-out",
    "The order that was already out",
    "Europe/London",
    "GB-ENG",
    ends=At(4, "10:15"),
    fits=lambda day, _: day.weekday() == _WEDNESDAY,
    steps=(
        promise(
            At(0, "19:40"),
            "system:shop",
            "delivery",
            order_id="WEB-14017",
            customer_id="CU-14017",
            kind="delivery",
            promise="Your order is with you on Thursday.",
            due={"date": Day(1)},
            channel="web",
            direction="outbound",
        ),
        assign(
            At(1, "06:30"),
            "system:oms",
            "WEB-14017",
            "courier:dave",
            departs_at=At(1, "09:00"),
            stop=23,
            address="Flat 6, 81 Abbots Lane",
            depot="north",
        ),
        ask(
            At(3, "12:04"),
            "agent:tom",
            "delivery",
            channel="phone",
            direction="inbound",
            minutes=26,
            note="Nothing since Thursday; the call centre hardly answered.",
        ),
        promise(
            At(3, "12:28"),
            "agent:tom",
            "redelivery",
            order_id="WEB-14017",
            customer_id="CU-14017",
            kind="redelivery",
            promise="I contact the depot, and they send it out to you at once.",
            due={"at": At(3, "17:00")},
            channel="phone",
            direction="inbound",
            conversation="call-14017-1",
        ),
        promise(
            At(3, "12:30"),
            "agent:tom",
            "callback",
            order_id="WEB-14017",
            customer_id="CU-14017",
            kind="callback",
            promise="I call you back as soon as the depot has told me, by four at the latest.",
            due={"at": At(3, "16:00")},
            channel="phone",
            direction="inbound",
            conversation="call-14017-1",
        ),
        ask(
            At(3, "17:03"),
            "agent:priya",
            "delivery",
            channel="phone",
            direction="inbound",
            minutes=31,
            note="Nobody called back. Minutes of silence on the line.",
        ),
        amend(
            At(3, "17:32"),
            "agent:priya",
            "redelivery",
            promise="The courier left long ago and will be with you this evening.",
            due={"at": At(3, "21:00")},
            reason="The depot says that it is on the van",
        ),
        ask(
            At(4, "10:15"),
            "system:shop",
            "redelivery",
            channel="web",
            direction="inbound",
            note="A complaint from the form on the site: nothing came last night, and the courier does not answer.",
        ),
    ),
)

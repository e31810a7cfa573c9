"""The cable: a small free thing is promised at noon, and whoever is to bring it never hears of it.

The story itself, and what else may become of such a promise: the order moves to another courier, the promise is
amended after its receipt, the courier declines, the family says that it never came.
"""

from typing import Final

from api.stories.script import At, Day, Story, amend, ask, assign, keep, promise, receive, reopen, take_from

__all__ = ["CABLE", "DECLINED", "LONGER_CABLE", "NEVER_CAME", "REASSIGNED"]

_HERE: Final = ("Asia/Shanghai", "CN")
_ADDRESS: Final = "望京西园三区 312 号楼 2 单元 501 室"

CABLE: Final = Story(
    "cable",
    "The cable",
    *_HERE,
    ends=At(3, "20:40"),
    steps=(
        promise(
            At(0, "10:20"),
            "agent:gao",
            "redelivery",
            order_id="TV-3301",
            customer_id="CU-3301",
            kind="redelivery",
            promise="今天订，明天送到。下午请等送货师傅的电话。",
            due={"date": Day(1)},
            channel="shop",
            direction="inbound",
        ),
        assign(
            At(1, "18:30"),
            "system:oms",
            "TV-3301",
            "courier:li",
            departs_at=At(2, "07:30"),
            planned_start=At(2, "15:00"),
            planned_end=At(2, "17:00"),
            stop=7,
            address=_ADDRESS,
            depot="chaoyang",
        ),
        ask(
            At(2, "11:48"),
            "agent:ling",
            "redelivery",
            channel="phone",
            direction="inbound",
            minutes=12,
            note="等了一下午，没有等到师傅的电话。门店把订单录错了。",
        ),
        amend(
            At(2, "11:55"),
            "agent:ling",
            "redelivery",
            promise="电视改到明天送，请等送货师傅的电话。",
            due={"date": Day(3)},
            reason="门店录错了订单",
        ),
        promise(
            At(2, "12:00"),
            "agent:ling",
            "cable",
            order_id="TV-3301",
            customer_id="CU-3301",
            kind="free_item",
            promise="为表歉意，免费送您一根 HDMI 线，由送货师傅一起带到，请等他的电话。",
            items=[{"sku": "HDMI-2M", "quantity": 1}],
            due={"date": Day(3)},
            value={"amount": "39.00", "currency": "CNY"},
            channel="phone",
            direction="inbound",
            conversation="call-3301-1",
        ),
        receive(At(2, "12:25"), "warehouse:hu", "cable", "held", via="scan"),
        take_from(At(2, "15:30"), "system:oms", "TV-3301", "courier"),
        ask(
            At(3, "18:55"),
            "agent:mei",
            "cable",
            channel="phone",
            direction="inbound",
            minutes=9,
            note="师傅打来电话，说没有接到通知，线要花钱买。",
        ),
        amend(
            At(3, "19:00"),
            "agent:mei",
            "cable",
            promise="确实还没有通知师傅，马上通知，HDMI 线免费送到，不收您一分钱。",
            due={"date": Day(4)},
            reason="送货师傅没有接到通知",
        ),
        assign(
            At(3, "19:05"),
            "system:oms",
            "TV-3301",
            "courier:bo",
            departs_at=At(3, "07:30"),
            stop=11,
            address=_ADDRESS,
            depot="chaoyang",
        ),
        receive(At(3, "19:20"), "warehouse:hu", "cable", "held", revision=2, via="scan"),
        keep(At(3, "19:45"), "courier:bo", "redelivery", note="电视送到，已装好。"),
        ask(
            At(3, "20:40"),
            "agent:mei",
            "cable",
            channel="phone",
            direction="inbound",
            minutes=5,
            note="电视到了，线还是没有。",
        ),
    ),
)

REASSIGNED: Final = Story(
    "cable-reassigned",
    "The cable, when another courier takes the order",
    *_HERE,
    ends=At(1, "11:00"),
    steps=(
        assign(At(0, "09:30"), "system:oms", "TV-3302", "courier:li", departs_at=At(0, "14:00"), stop=4),
        promise(
            At(0, "10:00"),
            "agent:ling",
            "cable",
            order_id="TV-3302",
            customer_id="CU-3302",
            kind="free_item",
            promise="墙上的支架免费送您，师傅上门时一起带来。",
            items=[{"sku": "MOUNT-55", "quantity": 1}],
            due={"date": Day(1)},
            channel="chat",
            direction="inbound",
        ),
        receive(At(0, "10:30"), "warehouse:hu", "cable", "held", via="scan"),
        receive(At(0, "13:20"), "courier:li", "cable", "held", via="scan"),
        assign(At(0, "16:00"), "system:oms", "TV-3302", "courier:bo", departs_at=At(1, "07:30"), stop=2),
        receive(At(1, "07:20"), "courier:bo", "cable", "held", via="tap"),
        keep(At(1, "11:00"), "courier:bo", "cable"),
    ),
)

LONGER_CABLE: Final = Story(
    "cable-longer",
    "The cable, when a longer one is promised after the receipt",
    *_HERE,
    ends=At(0, "16:05"),
    steps=(
        assign(At(0, "08:30"), "system:oms", "TV-3303", "courier:li", departs_at=At(0, "14:00"), stop=9),
        promise(
            At(0, "09:00"),
            "agent:ling",
            "cable",
            order_id="TV-3303",
            customer_id="CU-3303",
            kind="free_item",
            promise="两米的 HDMI 线免费送您，和电视一起送到。",
            items=[{"sku": "HDMI-2M", "quantity": 1}],
            due={"date": Day(2)},
            channel="phone",
            direction="inbound",
        ),
        receive(At(0, "09:15"), "warehouse:hu", "cable", "held", via="scan"),
        receive(At(0, "09:40"), "courier:li", "cable", "held", via="scan"),
        amend(
            At(0, "15:00"),
            "agent:ling",
            "cable",
            promise="两米不够长，换成五米的 HDMI 线，同样免费。",
            items=[{"sku": "HDMI-5M", "quantity": 1}],
            reason="电视柜离插座太远",
            customer_agreed=True,
        ),
        receive(At(0, "15:20"), "warehouse:hu", "cable", "held", revision=2, via="scan"),
        receive(At(0, "16:05"), "courier:li", "cable", "seen", revision=2),
    ),
)

DECLINED: Final = Story(
    "cable-declined",
    "The cable, when the courier has none",
    *_HERE,
    ends=At(0, "13:40"),
    steps=(
        assign(At(0, "08:30"), "system:oms", "TV-3304", "courier:bo", departs_at=At(0, "14:30"), stop=5),
        promise(
            At(0, "09:10"),
            "agent:mei",
            "cable",
            order_id="TV-3304",
            customer_id="CU-3304",
            kind="free_item",
            promise="音响线我们送您一根，明天和音响一起到，不另收费。",
            items=[{"sku": "AUDIO-3M", "quantity": 1}],
            due={"date": Day(2)},
            channel="phone",
            direction="inbound",
        ),
        receive(At(0, "09:50"), "warehouse:hu", "cable", "held", via="scan"),
        receive(At(0, "13:40"), "courier:bo", "cable", "declined", reason="车上没有这种线了"),
    ),
)

NEVER_CAME: Final = Story(
    "cable-never-came",
    "The cable, when the family says that it never came",
    *_HERE,
    ends=At(1, "20:10"),
    steps=(
        assign(At(0, "09:00"), "system:oms", "TV-3305", "courier:li", departs_at=At(1, "07:30"), stop=3),
        promise(
            At(0, "11:00"),
            "agent:ling",
            "cable",
            order_id="TV-3305",
            customer_id="CU-3305",
            kind="free_item",
            promise="遥控器保护套免费补给您，明天师傅带过去。",
            items=[{"sku": "COVER-R1", "quantity": 1}],
            due={"date": Day(2)},
            channel="phone",
            direction="inbound",
        ),
        receive(At(0, "11:40"), "warehouse:hu", "cable", "held", via="scan"),
        receive(At(1, "06:50"), "courier:li", "cable", "held", via="scan"),
        keep(At(1, "17:00"), "courier:li", "cable", note="已放在门口"),
        reopen(At(1, "20:10"), "agent:ling", "cable", reason="disputed", note="家里人说门口什么也没有"),
    ),
)

"""Chinese words, in simplified characters."""

__all__ = [
    "CIRCUMSTANCES",
    "DIGITS",
    "KINDS",
    "LARGE",
    "LINKING",
    "NTH",
    "OCCASIONS",
    "ORDER_LABELS",
    "PAST",
    "TELLING",
    "TEN",
    "TIMES",
]

_WEEKS = {
    "week:0": ("本周", "这周", "这个星期", "这星期", "这个礼拜"),
    "week:1": ("下周", "下星期", "下个星期", "下礼拜", "下个礼拜"),
    "week:2": ("下下周", "下下星期"),
}
_WEEK = ("周", "星期", "礼拜")
_WEEKDAYS = ("一", "二", "三", "四", "五", "六", "日天")


def _weekdays(weeks: tuple[str, ...], days: str) -> str:
    return ", ".join(week + day for week in weeks for day in days)


DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
TEN = "十"
LARGE = "百千万亿"
"""No promise is counted by the hundred in words."""
NTH = "第"

TIMES = {
    "half": "半",
    "filler": "个, 的, 钟",
    "unit:minutes": "分钟",
    "unit:quarters": "刻钟",
    "unit:hours": "小时, 钟头",
    "unit:days": "天, 自然日, 日历天",
    "unit:weeks": "周, 星期, 礼拜",
    "unit:months": "个月",
    "unit:working_days": "工作日, 工作天",
    "unit:working_hours": "工作小时, 工作时",
    "inside": "内, 之内, 以内",
    "later": "后, 之后, 以后, 过后",
    "within": "在未来, 最多, 不超过",
    "by": "最晚, 最迟, 不晚于, 截止, 截至",
    "pre": "前, 之前, 以前",
    "at": "在, 于",
    "after": "从, 自, 起, 不早于, 最早",
    "not": "不是, 不, 非",
    "day:0": "今天, 今日, 当天, 当日",
    "day:1": "明天, 明日",
    "day:2": "后天, 后日",
    "day:3": "大后天",
    "tonight": "今晚, 今夜, 今晚上",
    "day:0 part:morning": "今早",
    "day:1 part:morning": "明早, 明晨",
    "day:1 part:evening": "明晚",
    "day:2 part:evening": "后晚",
    "eod": "今天内, 今日内, 当天内, 当日内",
    "eow": "本周内, 这周内",
    "eom": "月底, 月底前, 月底之前, 本月底, 本月底前, 本月内, 月末, 月末前",
    "year_mark": "年",
    "month_mark": "月, 月份",
    "day_mark": "日, 号",
    "nothing": "黑色星期五, "
    "号楼, 号门, 号线, 号室, 号院, 号柜, 号桌, 号店, 号仓, 号库, 号机, 号房, 一点儿, 有点, 点击, 一下, "
    "快一点, 早一点, 晚一点, 便宜一点, 好一点, 多一点, 少一点, 大一点, 小一点, 长一点, 短一点, 慢一点, 一点也, 一点都",
    "oclock": "点, 点钟, 时",
    "minute_mark": "分",
    "quarter_mark": "刻",
    "part:dawn": "凌晨",
    "part:morning": "上午, 早上, 早晨, 清晨",
    "part:morning?": "早",
    "part:noon": "中午, 正午",
    "part:afternoon": "下午, 午后",
    "part:evening": "晚上, 傍晚, 夜里, 晚间",
    "part:evening?": "晚",
    "midnight": "午夜, 半夜, 零点",
    "about": "大约, 大概, 约, 差不多",
    "roughly": "左右, 上下, 多",
    "vague": "明后天, 明后两天, 这两天, 过两天, "
    "尽快, 尽早, 马上, 立刻, 立即, 稍后, 稍晚, 晚点, 早点, 早日, 回头, 不久, 过几天, 这几天, 几天内, "
    "几小时内, 近期, 近日, 改天, 周末, 这周末, 本周末, 下周末, 下班前, 下班, "
    "下个月, 下月, 月初, 月中, 半天, 年底, 一会儿, 随时",
    "to": "到, 至",
    "every": "每, 每个",
    "gone": "昨天, 昨日, 昨晚, 前天, 上周, 上个星期, 上星期, 上个月, 刚才, 去年, 今年",
}

TIMES |= {week: ", ".join(names) for week, names in _WEEKS.items()}
TIMES |= {f"weekday:{number}": _weekdays(_WEEK, days) for number, days in enumerate(_WEEKDAYS)}
TIMES["vague"] += ", 每天, 每周, 每星期, 每月, " + _weekdays(("每周", "每星期"), "".join(_WEEKDAYS))
TIMES |= {
    f"{week} weekday:{number}": _weekdays(names, days)
    for week, names in _WEEKS.items()
    for number, days in enumerate(_WEEKDAYS)
}

KINDS = {
    "delivery": "送货, 配送, 送到, 送达, 派送, 派件, 送上门",
    "redelivery": "重新送货, 重新配送, 重新派送, 重新送, 再次送货, 再次配送, 二次配送, 二次派送, 再送一次, 重送, 补送, "
    "再配送",
    "free_item": "赠送, 赠品, 免费, 附赠, 加赠, 白送, 赠",
    "repair": "维修, 修理, 上门维修, 上门修, 检修, 返修",
    "refund": "退款, 退钱, 退还, 退回款项",
    "compensation": "赔偿, 补偿, 赔付, 补偿金",
    "price_adjustment": "价保, 保价, 差价, 退差价, 补差价, 退还差价, 调价, 改价",
    "invoice": "发票, 开票, 开发票, 补开发票",
    "callback": "回电, 回电话, 回拨, 致电, 打电话给, 给您打电话, 给他打电话, 给她打电话, 再联系",
    "answer": "答复, 回复, 回答",
}
CIRCUMSTANCES = "随, 跟, 和, 与, 关于, 就, 因, 连同, 为, 对"
OCCASIONS = "时, 的时候, 的事, 的问题, 问题, 一起, 一同, 中, 途中, 后"
TELLING = "答应, 说, 承诺过, 承诺的, 买了, 买的, 来电, 下单, 打过, 曾, 收到了, 等了, 逾期, 超过了"
LINKING = ""
ORDER_LABELS = "订单, 订单号, 单号, 订单编号"
PAST = "昨天之前, 昨天以前, 昨天前, 前天之前, 上周之前, 上周以前, 上个月之前, 上个月以前"

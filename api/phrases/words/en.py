"""English words."""

__all__ = ["CIRCUMSTANCES", "KINDS", "LINKING", "OCCASIONS", "ORDER_LABELS", "PAST", "TELLING", "TIMES"]

TIMES = {
    "one": "a, an",
    "number:1": "one",
    "number:2": "two",
    "number:3": "three",
    "number:4": "four",
    "number:5": "five",
    "number:6": "six",
    "number:7": "seven",
    "number:8": "eight",
    "number:9": "nine",
    "number:10": "ten",
    "number:11": "eleven",
    "number:12": "twelve",
    "number:13": "thirteen",
    "number:14": "fourteen",
    "number:15": "fifteen",
    "number:16": "sixteen",
    "number:17": "seventeen",
    "number:18": "eighteen",
    "number:19": "nineteen",
    "tens:20": "twenty",
    "tens:30": "thirty",
    "tens:40": "forty",
    "tens:50": "fifty",
    "half": "half",
    "and": "and",
    "number:15 unit:minutes": "a quarter of an hour, quarter of an hour, a quarter hour",
    "number:45 unit:minutes": "three quarters of an hour",
    "number:14 unit:days": "a fortnight, fortnight",
    "unit:minutes": "minute, minutes, min, mins",
    "unit:hours": "hour, hours, hr, hrs, h",
    "unit:days": "day, days, calendar day, calendar days",
    "unit:weeks": "week, weeks",
    "unit:months": "month, months, year, years",
    "unit:working_days": "working day, working days, business day, business days, workday, workdays, work days",
    "unit:working_hours": "working hour, working hours, business hour, business hours, office hours",
    "within": "within, within the next, in the next, in under, in less than, up to, inside of",
    "in": "in",
    "later": "from now",
    "by": "by, until, till, no later than, not later than, at the latest by, latest by",
    "of": "of",
    "filler": "the, of the month, of this month, at the latest, latest, sharp, end of, first thing, first thing in",
    "before": "before, ahead of",
    "at": "at, @",
    "on": "on",
    "after": "after, from, since, starting, past, not before, no earlier than, "
    " not earlier than, no sooner than, earliest",
    "not": "not",
    "day:0": "today",
    "day:1": "tomorrow, tmrw, tomorow",
    "day:2": "day after tomorrow",
    "tonight": "tonight",
    "eod": "eod, end of day, end of the day",
    "eow": "eow, end of week, end of the week, end of this week",
    "eom": "eom, end of month, end of the month, end of this month, month end, month's end",
    "week:0": "this week",
    "week:1": "next week, end of next week",
    "next": "next",
    "this": "this, coming, this coming",
    "weekday:0": "monday, mon",
    "weekday:1": "tuesday, tue, tues",
    "weekday:2": "wednesday, wed",
    "weekday:3": "thursday, thu, thur, thurs",
    "weekday:4": "friday, fri",
    "weekday:5": "saturday",
    "weekday:6": "sunday",
    "weekday:5?": "sat",
    "weekday:6?": "sun",
    "month:1": "january, jan",
    "month:2": "february, feb",
    "month:3?": "march, mar",
    "month:4": "april, apr",
    "month:5?": "may",
    "month:6": "june, jun",
    "month:7": "july, jul",
    "month:8": "august, aug",
    "month:9": "september, sep, sept",
    "month:10": "october, oct",
    "month:11": "november, nov",
    "month:12": "december, dec",
    "nth": "st, nd, rd, th",
    "half_of_day:am": "am, a.m., a.m",
    "half_of_day:pm": "pm, p.m., p.m",
    "oclock": "o'clock, oclock, hrs.",
    "past:30": "half past",
    "past:15": "quarter past, a quarter past",
    "past:-15": "quarter to, a quarter to",
    "part:morning?": "morning",
    "part:noon": "noon, midday, lunchtime, lunch time",
    "part:afternoon?": "afternoon",
    "part:evening?": "evening, night",
    "in part:morning": "in the morning",
    "in part:afternoon": "in the afternoon",
    "in part:evening": "in the evening",
    "midnight": "midnight",
    "about": "about, around, approximately, roughly, circa, early, late, mid, beginning of, start of",
    "roughly": "ish, or so, or two, or three, thereabouts",
    "nothing": "black friday",
    "vague": "week after next, "
    "asap, soon, as soon as possible, as soon as we can, shortly, later, later on, later today, "
    "later this week, right away, right now, immediately, at once, in a bit, in a while, in a moment, in due course, "
    "some time, sometime, in a few minutes, in a few hours, in a few days, within a few hours, within a few days, "
    "in a couple of days, in a couple of hours, cob, close of business, end of business, weekend, the weekend, "
    "this weekend, next month, this month, next year, "
    "half one, half two, half three, half four, half five, half six, half seven, half eight, half nine, half ten, "
    "half eleven, half twelve",
    "to": "to",
    "every": "every, each, between",
    "gone": "yesterday, ago, last, last week, last night, the other day, earlier today, previous",
}

KINDS = {
    "delivery": "delivery, deliver, delivers, delivering",
    "redelivery": "redelivery, redeliver, re-delivery, re-deliver, second delivery, deliver again, delivery again, "
    "new delivery attempt",
    "free_item": "free, gift, freebie, free of charge, complimentary, for free",
    "repair": "repair, repairs, repairing, fix, fixes, mend, technician, engineer visit",
    "refund": "refund, refunds, refunding, money back, reimburse, reimbursement, pay back",
    "compensation": "compensation, compensate, voucher, goodwill payment",
    "price_adjustment": "price adjustment, price match, price difference, price correction, adjust the price, "
    "refund the price difference, refund of the price difference",
    "invoice": "invoice, invoices, vat invoice, corrected invoice",
    "callback": "callback, call back, call-back, ring back, phone back, call * back, ring * back, call * * back, "
    "call him, call her, call them, call you, will call, we'll call, i'll call",
    "answer": "answer, reply, get back to, respond, response",
}
CIRCUMSTANCES = "with, for, about, of, on, at, during, after, regarding, from, when, together with, before, until"
OCCASIONS = ""
TELLING = (
    "promised, said, told, called, rang, phoned, ordered, bought, was, were, had, came, paid, waited, late, "
    "delayed, asked, complained, "
    "delivered, wrote, wanted, received, missed, failed, placed, did, didn't"
)
LINKING = (
    "or, and, to, for, about, with, on, the, at, in, please, latest, if, when, so, because, but, as, we, i, he, she, "
    "they, you, it, will, that"
)
ORDER_LABELS = "for order, of order, on order, order, order no, order no., order number, order nr, order:, for"
PAST = "by yesterday, until yesterday, till yesterday, before yesterday, by last week, by last month, by last night"

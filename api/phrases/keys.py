"""What there is to ask, and how it can be answered: the keys of choices, `QUESTION.ANSWER`.

>>> "half.pm" in KEYS
True
"""

__all__ = ["KEYS", "QUESTIONS"]

QUESTIONS: dict[str, tuple[str, ...]] = {
    "half": ("am", "pm"),  # by 6: in the morning or in the evening?
    "midnight": ("begin", "end"),  # tomorrow midnight: with which tomorrow begins or ends?
    "past": ("tomorrow",),  # by 6 pm, said at seven: tomorrow?
    "day": ("not_said",),  # in the afternoon, or beside a day that could not be read: of this day?
    "night": ("begun", "ahead", "before_sleep", "by_date"),  # tonight and tomorrow, said after midnight
    "weekday": ("today", "in_a_week"),  # Friday, said on a Friday
    "next": ("coming", "week_after"),  # next Friday
    "week": ("begins_monday", "begins_sunday"),  # Friday next week, said on a Sunday
    "week_end": ("friday", "sunday"),  # by the end of the week
    "month_end": ("last_day",),  # by the end of the month: the last day of it, worked or not?
    "before": ("begin", "end"),  # before Friday: before it begins or before it is over?
    "date": ("day_first", "month_first", "far_ahead", "today", "next_month"),  # 03/04; 25 May, said in June; the 31st
    "dotted": ("date", "hour"),  # 10.12
    "number": ("hour",),  # by 18: an hour?
    "hours": ("span", "clock"),  # до 3 часа: within three hours, or by three?
    "span": ("due",),  # two days, and no within: is that when it is due?
    "several": ("this", "together"),  # two times in one line: which, or the day of one and the hour of the other?
}

KEYS = frozenset(f"{question}.{answer}" for question, answers in QUESTIONS.items() for answer in answers)

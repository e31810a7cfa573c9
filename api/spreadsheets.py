"""CSV that people open in a spreadsheet: no cell of it is a formula, and a program still reads what it said.

>>> defused('=HYPERLINK("https://evil.example")')
'\\'=HYPERLINK("https://evil.example")'
>>> as_it_was(defused("+359 88 123"))
'+359 88 123'
"""

import re

__all__ = ["as_it_was", "defused"]

# With what a program takes a cell for a formula, also in the width of Chinese and Japanese (OWASP, CSV injection).
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def defused(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would calculate it; also where it has some already, so
    that one can be taken away again.

    >>> defused("SO-1001"), defused("'s-Hertogenbosch"), defused("'=1")
    ('SO-1001', "'s-Hertogenbosch", "''=1")
    """
    return f"'{text}" if _FORMULA.match(text) else text


def as_it_was(text: str) -> str:
    """What was defused.

    >>> as_it_was("'=1"), as_it_was("'s-Hertogenbosch"), as_it_was("=1")
    ('=1', "'s-Hertogenbosch", '=1')
    """
    return text[1:] if text[:1] == "'" and _FORMULA.match(text) else text

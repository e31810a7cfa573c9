"""Who acts: `ROLE:ID`, a person, a team or a system.

>>> li = Actor.parse("courier:li")
>>> li.role, li.id, str(li)
('courier', 'li', 'courier:li')
>>> li.belongs_to("team:courier")
True
"""

import re
from dataclasses import dataclass

from domain.errors import Invalid

__all__ = ["BUILT_IN_ROLES", "IMPORTER", "OPERATOR", "UPHELD", "Actor", "is_member", "role_of"]

BUILT_IN_ROLES = frozenset(
    {"admin", "agent", "auditor", "courier", "finance", "supervisor", "system", "team", "technician", "warehouse"}
)
"""The roles of the contract, and `technician`, whom the built-in kind `repair` names."""

_FORM = re.compile(r"([a-z][a-z0-9_-]{0,63}):([A-Za-z0-9._~@+-]{1,128})", re.ASCII)

UPHELD = "system:upheld"
"""The actor of what happens by itself: routing and the clock."""
IMPORTER = "system:import"
"""The actor of all that an import records."""
OPERATOR = "admin:operator"
"""The actor of what is done on the command line: whoever reaches that reaches everything."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A role and an id within it.

    Raises `Invalid` from `parse` where the text is not of the form ROLE:ID.
    """

    role: str
    id: str

    @classmethod
    def parse(cls, text: str, pointer: str = "") -> "Actor":
        match = _FORM.fullmatch(text)
        if match is None:
            raise Invalid(pointer, "is not of the form ROLE:ID, as in courier:li")
        return cls(match[1], match[2])

    def __str__(self) -> str:
        return f"{self.role}:{self.id}"

    def belongs_to(self, recipient: str) -> bool:
        """Whether this actor is the recipient, or a member of the team that is."""
        return is_member(str(self), recipient)


def role_of(actor: str) -> str:
    """The role in `ROLE:ID`.

    >>> role_of("team:warehouse")
    'team'
    """
    return actor.partition(":")[0]


def is_member(actor: str, recipient: str) -> bool:
    """Whether `actor` is `recipient`, or of the role whose team `recipient` is.

    >>> is_member("warehouse:hu", "team:warehouse"), is_member("courier:li", "team:warehouse")
    (True, False)
    """
    return actor == recipient or (recipient.startswith("team:") and recipient[5:] == role_of(actor))

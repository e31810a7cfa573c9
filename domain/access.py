"""Who may do what, where people sign in: one table (contract, section 9; decision 022).

>>> grant("agent", Operation.WATCH), grant("technician", Operation.READ), grant("auditor", Operation.PROMISE)
('own', 'own', 'no')
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final, Literal, get_args

from domain.commitment import Commitment
from domain.people import Roster

__all__ = ["GROUPS", "TABLE", "Grant", "Group", "Operation", "grant", "group_of", "is_keeper_of", "is_of_his_team"]

Group = Literal["agent", "keeper", "supervisor", "auditor", "system", "admin"]
GROUPS: Final[tuple[Group, ...]] = get_args(Group)

Grant = Literal["yes", "no", "own", "own_team", "self", "where_recipient", "raised_only", "on_behalf"]
"""What a group may do of an operation.

`own`: for an agent what he made or did himself, for a keeper what he has or had to keep. `own_team`: what somebody of
his team made. `self`: about himself. `where_recipient`: where he is or was the recipient, or of the team that is.
`raised_only`: hand it one step up, and nothing else. `on_behalf`: yes; for a receipt the rights of the person count on
whose behalf it is given.
"""


class Operation(StrEnum):
    """A row of the table: what every request of the API is one of."""

    PROMISE = "make, amend, withdraw, contacts, customer link and contact"
    REOPEN = "reopen"
    KEEP = "receipts, fulfilment, attempts, photos of them"
    DIRECT = "assignments, routes, bulk, jobs, escalations"
    READ = "read a commitment, an order, tasks"
    WATCH = "flags, scorecard"
    AUDIT = "history, export, as_of, verify"
    PEOPLE = "people, pairings, keeper links"
    ADMINISTER = "keys, holds, erasure"
    BE_SOMEBODY = "who one is, when a time would be"
    NOTHING = "what nobody has to say who he is for"


def _row(agent: Grant, keeper: Grant, supervisor: Grant, auditor: Grant, system: Grant) -> Mapping[Group, Grant]:
    everything: Grant = "yes"
    cells = (agent, keeper, supervisor, auditor, system, everything)
    return dict(zip(GROUPS, cells, strict=True))


TABLE: Final[Mapping[Operation, Mapping[Group, Grant]]] = {
    # An agent's, a keeper's, a supervisor's, an auditor's, a system's; an admin does all of it.
    Operation.PROMISE: _row("own_team", "no", "yes", "no", "yes"),
    # Who closed it by a wrong tap may take that back (section 4), keepers included.
    Operation.REOPEN: _row("own_team", "own", "yes", "no", "yes"),
    Operation.KEEP: _row("where_recipient", "where_recipient", "yes", "no", "on_behalf"),
    Operation.DIRECT: _row("raised_only", "no", "yes", "no", "yes"),
    Operation.READ: _row("yes", "own", "yes", "yes", "yes"),
    Operation.WATCH: _row("own", "no", "yes", "yes", "yes"),
    Operation.AUDIT: _row("own", "no", "yes", "yes", "yes"),
    Operation.PEOPLE: _row("self", "self", "yes", "no", "yes"),
    Operation.ADMINISTER: _row("no", "no", "no", "no", "no"),
    Operation.BE_SOMEBODY: _row("yes", "yes", "yes", "yes", "yes"),
    Operation.NOTHING: _row("yes", "yes", "yes", "yes", "yes"),
}


def group_of(role: str) -> Group:
    """The column of a role: every role that is no other is one of keepers, also one that the configuration adds.

    >>> group_of("auditor"), group_of("technician")
    ('auditor', 'keeper')
    """
    return next((group for group in GROUPS if group == role), "keeper")


def grant(role: str, operation: Operation) -> Grant:
    """What a role may do of an operation."""
    return TABLE[operation][group_of(role)]


def is_of_his_team(person: str, maker: str, roster: Roster) -> bool:
    """Whether a promise is that person's own, or of somebody whom the book of people puts in the same team.

    >>> is_of_his_team("agent:ling", "agent:ling", Roster()), is_of_his_team("agent:ling", "agent:bo", Roster())
    (True, False)
    """
    return person == maker or bool(roster.teams(person) & roster.teams(maker))


def is_keeper_of(commitment: Commitment, person: str, teams: Collection[str]) -> bool:
    """Whether somebody has to keep a promise, or had to: himself, or as a member of the team that is its recipient.

    Who had it once may have done it before he heard that it is another's.
    """
    every = (*commitment.handoffs, *commitment.dropped)
    return any(one.is_recipient(person, teams) or one.was_recipient(person, teams) for one in every)

"""Which request is of which row of the access table, and what somebody may do by it (contract, section 9).

A route that stands in no row is refused to everybody. Lists are narrowed where they are asked, by `Access`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from starlette.routing import BaseRoute, Route

from domain.access import Grant, Operation, grant, is_keeper_of, is_of_his_team
from domain.actors import role_of
from domain.commitment import Commitment
from domain.errors import Forbidden
from domain.people import Roster

__all__ = ["NARROWED", "ROUTES", "Access", "article", "operation_of", "unplaced"]

_API = "/v1/"
_COMMITMENT = "/v1/commitments/{id}"

ROUTES: Final[Mapping[Operation, tuple[str, ...]]] = {
    Operation.PROMISE: (
        "POST /v1/commitments",
        f"POST {_COMMITMENT}/amendments",
        f"POST {_COMMITMENT}/withdrawal",
        f"POST {_COMMITMENT}/contacts",
        f"POST {_COMMITMENT}/customer-link",
        f"DELETE {_COMMITMENT}/customer-link",
        "GET /v1/customers/{customer_id}/contact",
        "PUT /v1/customers/{customer_id}/contact",
        "DELETE /v1/customers/{customer_id}/contact",
    ),
    Operation.REOPEN: (f"POST {_COMMITMENT}/reopening",),
    Operation.KEEP: (
        f"POST {_COMMITMENT}/receipts",
        f"POST {_COMMITMENT}/fulfilment",
        f"POST {_COMMITMENT}/attempts",
        "POST /v1/receipts",
        "POST /v1/evidence",
    ),
    Operation.DIRECT: (
        f"PUT {_COMMITMENT}/assignment",
        f"DELETE {_COMMITMENT}/assignment",
        "PUT /v1/orders/{order_id}/assignment",
        "DELETE /v1/orders/{order_id}/assignment",
        "PUT /v1/routes/{id}",
        "GET /v1/keepers",
        "POST /v1/amendments",
        "GET /v1/jobs/{id}",
        f"POST {_COMMITMENT}/escalations",
    ),
    Operation.READ: (
        "GET /v1/commitments",
        f"GET {_COMMITMENT}",
        "GET /v1/orders/{order_id}",
        "GET /v1/tasks",
        "GET /v1/tasks/stream",
        "GET /v1/yard",
        "GET /v1/evidence/{id}",
    ),
    Operation.WATCH: (
        "GET /v1/flags",
        "GET /v1/flags/groups",
        "GET /v1/flags/stream",
        "GET /v1/scorecard",
    ),
    Operation.AUDIT: (
        "GET /v1/history",
        "GET /v1/history/seals",
        "GET /v1/history/{position}/proof",
        "GET /v1/customers/{customer_id}/export",
    ),
    Operation.PEOPLE: (
        "GET /v1/people",
        "GET /v1/people/{actor}",
        "PUT /v1/people/{actor}",
        "DELETE /v1/people/{actor}",
        "POST /v1/people/{actor}/keeper-link",
        "DELETE /v1/people/{actor}/keeper-link",
        "POST /v1/people/{actor}/push-subscriptions",
        "DELETE /v1/people/{actor}/push-subscriptions",
        "POST /v1/people/{actor}/pairings",
        "GET /v1/people/{actor}/devices",
        "DELETE /v1/people/{actor}/devices/{id}",
        "GET /v1/people/{actor}/sessions",
        "DELETE /v1/people/{actor}/sessions",
        "DELETE /v1/people/{actor}/sessions/{id}",
    ),
    Operation.ADMINISTER: (
        "GET /v1/keys",
        "POST /v1/keys",
        "DELETE /v1/keys/{prefix}",
        "DELETE /v1/customers/{customer_id}",
        "GET /v1/customers/{customer_id}/hold",
        "PUT /v1/customers/{customer_id}/hold",
        "DELETE /v1/customers/{customer_id}/hold",
    ),
    Operation.BE_SOMEBODY: (
        "GET /v1/me",
        "GET /v1/push-key",
        "POST /v1/deadlines/preview",
    ),
    Operation.NOTHING: (
        "POST /v1/hooks/{name}",
        "POST /v1/pairings",
        "GET /v1/test-clock",
        "PUT /v1/test-clock",
    ),
}
"""Every request of the API, by the row that says who may send it."""

_OPERATIONS: Final = {route: operation for operation, routes in ROUTES.items() for route in routes}

NARROWED: Final = frozenset(
    {
        "GET /v1/commitments",
        "GET /v1/orders/{order_id}",
        "GET /v1/tasks",
        "GET /v1/tasks/stream",
        "GET /v1/yard",
        "GET /v1/evidence/{id}",
        "GET /v1/flags",
        "GET /v1/flags/groups",
        "GET /v1/flags/stream",
        "GET /v1/scorecard",
        "GET /v1/history",
        "GET /v1/history/seals",
        "GET /v1/history/{position}/proof",
    }
)
"""Where whoever may see his own is answered, and no more: those who answer these ask `Access` what that is. A route
that is not named is closed to him.
"""


def unplaced(routes: Iterable[BaseRoute]) -> list[str]:
    """Which of the API's routes, as in `GET /v1/flags`, stand in no row."""
    found = {
        f"{_method(method)} {route.path}"
        for route in routes
        if isinstance(route, Route) and route.path.startswith(_API)
        for method in route.methods or ()
    }
    return sorted(found - _OPERATIONS.keys())


def _method(method: str) -> str:
    """A HEAD is refused to whom the GET is."""
    return "GET" if method == "HEAD" else method


@dataclass(slots=True)  # one is made for each request
class Access:
    """What somebody may do: the row of his role, applied to what he asks for. In open mode everything.

    >>> access = Access("agent:ling", "agent:ling", Roster(), is_open=False)
    >>> access.to(Operation.WATCH), access.maker(Operation.WATCH, None)
    ('own', 'agent:ling')
    >>> access.to(Operation.ADMINISTER)
    Traceback (most recent call last):
    domain.errors.Forbidden: an agent may not do this: keys, holds, erasure
    """

    actor: str
    person: str
    roster: Roster
    is_open: bool

    def to(self, operation: Operation) -> Grant:
        """What he may do of an operation. Raises `Forbidden` where that is nothing."""
        if self.is_open:
            return "yes"
        role = role_of(self.actor)
        if (found := grant(role, operation)) == "no":
            raise Forbidden(f"{article(role)} may not do this: {operation}")
        return found

    def maker(self, operation: Operation, asked: str | None) -> str | None:
        """Whose promises he is shown: those that he asks for, or his own.

        Raises `Forbidden` where he may see his own only, and asks for those of somebody else.
        """
        if self.to(operation) != "own":
            return asked
        if asked not in (None, self.person):
            raise Forbidden(f"{self.person} may see his own, and not what {asked} made")
        return self.person

    def keepers(self, operation: Operation, asked: str | None) -> list[str] | None:
        """As whom he may receive what he is shown; None where that does not matter.

        Raises `Forbidden` where he asks for what others have to keep.
        """
        if self.to(operation) != "own":
            return None
        own = self.roster.recipients(self.person)
        if asked is not None and asked not in own:
            raise Forbidden(f"{self.person} may see his own tasks, and not those of {asked}")
        return own

    def check_keeper(self, commitment: Commitment) -> None:
        """Raises `Forbidden` where he neither has nor had to keep a promise."""
        if not self.keeps(commitment):
            raise Forbidden(f"{self.person} never was the recipient of this commitment")

    def keeps(self, commitment: Commitment) -> bool:
        return is_keeper_of(commitment, self.person, self.roster.teams(self.person))

    def check_maker(self, maker: str) -> None:
        """Raises `Forbidden` where a promise is neither his own nor one of his team."""
        if not is_of_his_team(self.person, maker, self.roster):
            raise Forbidden(f"{self.person} may change what he and his team promised, and not what {maker} did")

    def check_reopening(self, commitment: Commitment, *, is_mistaken: bool) -> None:
        """Raises `Forbidden` where he may only take back what he recorded himself, and it is not that he is about."""
        granted = self.to(Operation.REOPEN)
        if granted == "yes" or is_mistaken:
            return
        if granted == "own":
            raise Forbidden(f"{self.person} may only take back what he recorded by mistake")
        self.check_maker(commitment.made_by)

    def check_escalation(self, action: str) -> None:
        """Raises `Forbidden` where he may only hand a promise one step up, and does something else."""
        if self.to(Operation.DIRECT) == "raised_only" and action != "raised":
            raise Forbidden(f"{self.person} may hand a promise one step up, and not take it")

    def check_past(self, commitment: Commitment) -> None:
        """Raises `Forbidden` where he may not see how a promise stood before."""
        if self.to(Operation.AUDIT) == "own" and commitment.made_by != self.person:
            raise Forbidden(f"{self.person} may see the history of what he made, and not of what others did")


def article(role: str) -> str:
    """A role as a sentence has it.

    >>> article("agent")
    'an agent'
    """
    return f"{'an' if role[0] in 'aeiou' else 'a'} {role}"


def operation_of(request: Request) -> tuple[str, Operation]:
    """Which route a request takes, and of which row it is. Raises `Forbidden` where it is of none."""
    route = f"{_method(request.method)} {getattr(request.scope.get('route'), 'path', '')}"
    if (operation := _OPERATIONS.get(route)) is None:
        raise Forbidden("nobody may do this: it stands in no row of the access table")
    return route, operation

"""For supervisors, and for agents who look at themselves: how the word is kept."""

from collections.abc import Iterable
from typing import Annotated, NotRequired

from fastapi import Query, Response
from typing_extensions import TypedDict

from api.commanding import answer
from api.querying import READING, ScorecardQuery, completeness, reads
from api.routes import routes
from api.who import Inquiry
from domain.access import Operation
from domain.actors import role_of
from domain.errors import Forbidden
from projections.scorecard import GroupBy, Scorecard, ScorecardGroup

__all__ = ["router"]

router = routes("/v1", "supervisors")

_FEWEST = 5
"""Fewer promises than that say more of whoever made or kept them than of how the word is kept."""
_PERSONS: tuple[GroupBy, ...] = ("made_by", "recipient")
_NO_PERSON = ("team", "system")


class ScorecardAnswer(TypedDict):
    """The figures by group; `incomplete` where some commitments could not be counted."""

    items: list[ScorecardGroup]
    incomplete: NotRequired[bool]


@router.get("/scorecard", response_model=ScorecardAnswer)
async def scorecard(
    inquiry: Annotated[Inquiry, reads("scorecard"), READING], asked: Annotated[ScorecardQuery, Query()]
) -> Response:
    """How the word was kept: each commitment made in the time counts once in its group."""
    runtime, made_by = inquiry.runtime, inquiry.access.maker(Operation.WATCH, None)
    time_zone, now = runtime.catalogue.default_time_zone, await runtime.now()
    reader = Scorecard(runtime.database, runtime.keyring)
    groups = await reader.groups(asked.from_, asked.to, asked.group_by, time_zone=time_zone, now=now, made_by=made_by)
    if made_by is None and not runtime.catalogue.person_scorecards:
        _check_privacy(groups, asked.group_by, inquiry.who.person)
    return answer({"items": groups, **await completeness(reader, "scorecard")})


def _check_privacy(groups: Iterable[ScorecardGroup], group_by: GroupBy | None, person: str) -> None:
    """Raises `Forbidden` where a group tells of one person, who is not he who asks (`[privacy]`; section 9)."""
    for one in groups:
        is_of_persons = group_by in _PERSONS and one.group is not None
        if is_of_persons and one.group == person:
            continue
        if is_of_persons and role_of(one.group or "") not in _NO_PERSON:
            raise Forbidden("no figures are kept of single persons here; group by something else")
        if 0 < one.made < _FEWEST:
            raise Forbidden(f"a group has fewer than {_FEWEST} promises; ask for a longer time, or for larger groups")

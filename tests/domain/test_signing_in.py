"""What is made of a provider's claims: one role, a name that can stand in the log, a team."""

from typing import Any

import pytest

from domain.errors import SignInRefused
from domain.signing_in import Oidc, person_of

ROLES = frozenset({"agent", "supervisor", "courier", "technician", "admin", "system", "team"})
LING = {"preferred_username": "ling", "name": "Ling Wu", "role": "agent"}


def oidc(**more: Any) -> Oidc:
    return Oidc(issuer="https://login.example", client_id="upheld", client_secret="s", **more)


@pytest.mark.parametrize(
    ("configured", "claims", "role"),
    [
        ({}, {"role": "agent"}, "agent"),
        ({}, {"role": ["vpn", "agent", "offline_access"]}, "agent"),
        ({}, {"role": " agent "}, "agent"),
        ({"role_claim": "realm_access.roles"}, {"realm_access": {"roles": ["supervisor"]}}, "supervisor"),
        ({"role_claim": "https://upheld.example/role"}, {"https://upheld.example/role": "technician"}, "technician"),
        ({"role_claim": "groups", "role_map": {"cs-leads": "supervisor", "cs": "agent"}}, {"groups": ["cs"]}, "agent"),
        (
            {"role_claim": "groups", "role_map": {"cs-leads": "supervisor", "cs": "agent"}},
            {"groups": ["cs", "cs-leads"]},
            "supervisor",
        ),
    ],
)
def test_a_claim_gives_the_role(configured: dict[str, Any], claims: dict[str, Any], role: str) -> None:
    assert person_of(LING | {"role": None} | claims, oidc(**configured), ROLES).role == role


@pytest.mark.parametrize(
    ("configured", "claims", "why"),
    [
        ({}, {}, "no_role"),
        ({}, {"role": ""}, "no_role"),
        ({}, {"role": {"agent": True}}, "no_role"),
        ({}, {"role": [7, None, ["agent"]]}, "no_role"),
        ({}, {"role": "Agent"}, "no_role"),
        ({}, {"role": "system"}, "no_role"),
        ({}, {"role": "team"}, "no_role"),
        ({}, {"role": ["agent", "supervisor"]}, "several_roles"),
        ({"role_map": {"cs": "agent"}}, {"role": "agent"}, "no_role"),
        ({"role_claim": "a.b.c"}, {"a": {"b": "agent"}}, "no_role"),
    ],
)
def test_whoever_has_no_one_role_is_let_in_as_nobody(
    configured: dict[str, Any], claims: dict[str, Any], why: str
) -> None:
    with pytest.raises(SignInRefused) as refused:
        person_of(LING | {"role": None} | claims, oidc(**configured), ROLES)
    assert refused.value.why == why


@pytest.mark.parametrize(
    ("claims", "id"),
    [
        ({}, "ling"),
        ({"preferred_username": "ling@example.com"}, "ling@example.com"),
        ({"preferred_username": "CORP\\ling wu"}, "CORP-ling-wu"),
        ({"preferred_username": "Zoë Ångström"}, "Zoe-Angstrom"),
        ({"preferred_username": "凌 ling 吴"}, "ling"),
        ({"preferred_username": None, "email": "ling@example.com"}, "ling@example.com"),
        ({"preferred_username": "x" * 300}, "x" * 128),
    ],
)
def test_a_name_becomes_one_that_an_actor_can_have(claims: dict[str, Any], id: str) -> None:
    assert person_of(LING | claims, oidc(), ROLES).id == id


@pytest.mark.parametrize("name", ["", "  ", "---", "凌吴", None, 7, "\x00"])
def test_whoever_has_no_name_that_can_be_written_is_let_in_as_nobody(name: object) -> None:
    with pytest.raises(SignInRefused) as refused:
        person_of(LING | {"preferred_username": name}, oidc(), ROLES)
    assert refused.value.why == "no_name"


@pytest.mark.parametrize(
    ("told", "team"), [("north", "team:north"), ("team:north", "team:north"), (["a", "b"], "team:a"), ("", None)]
)
def test_a_claim_gives_the_team_where_one_is_named(told: object, team: str | None) -> None:
    assert person_of(LING | {"dept": told}, oidc(team_claim="dept"), ROLES).team == team
    assert person_of(LING | {"dept": told}, oidc(), ROLES).team is None


def test_a_secret_is_in_no_text_that_may_be_logged() -> None:
    assert "hush" not in str(Oidc(issuer="https://login.example", client_id="upheld", client_secret="hush"))

"""Who staff are, as a provider of OpenID Connect tells it: the `[oidc]` of the configuration, and what claims say.

>>> oidc = Oidc(issuer="https://login.example", client_id="upheld", client_secret="s", role_map={"cs": "agent"})
>>> person_of({"preferred_username": "Ling Wu", "role": ["cs", "vpn"], "name": "Ling"}, oidc, frozenset({"agent"}))
SignedIn(role='agent', id='Ling-Wu', name='Ling', team=None)
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import msgspec

from domain.actors import Actor
from domain.errors import ConfigurationError, Invalid, SignInRefused

__all__ = ["Oidc", "SignedIn", "check_oidc", "person_of"]

_NO_PERSON = frozenset({"system", "team"})
"""Programs have keys, and nobody is a team."""
_ILLEGAL = re.compile(r"[^A-Za-z0-9._~@+-]+", re.ASCII)
_LONGEST = 128


class Oidc(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who tells us who staff are, and by which of his claims: of `a.b` the `b` in `a`, where no claim has that name."""

    issuer: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...] = ("openid", "profile")
    role_claim: str = "role"
    role_map: dict[str, str] = {}
    id_claim: str = "preferred_username"
    team_claim: str | None = None

    def __repr__(self) -> str:
        return f"Oidc(issuer={self.issuer!r}, client_id={self.client_id!r}, …)"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who somebody is, as his provider tells it. `id` is what he would like to be called here."""

    role: str
    id: str
    name: str | None
    team: str | None


def check_oidc(oidc: Oidc, roles: frozenset[str]) -> None:
    """Raises `ConfigurationError`, one line that names the key."""
    parts = _parts(oidc.issuer)
    if parts is None or parts.query or parts.fragment or (parts.scheme != "https" and not _is_loopback(parts)):
        raise ConfigurationError("oidc.issuer: is no https address without a query, as in https://login.example.com")
    for key in ("client_id", "client_secret", "role_claim", "id_claim"):
        if not getattr(oidc, key):
            raise ConfigurationError(f"oidc.{key}: is empty")
    if "openid" not in oidc.scopes:
        raise ConfigurationError('oidc.scopes: lacks "openid"')
    for value, role in oidc.role_map.items():
        if role not in roles - _NO_PERSON:
            raise ConfigurationError(f"oidc.role_map.{value}: '{role}' is no role that a person has")


def person_of(claims: Mapping[str, object], oidc: Oidc, roles: frozenset[str]) -> SignedIn:
    """Who these claims tell of. Raises `SignInRefused` where they give no role, more than one, or no name."""
    wanted = next(iter(_texts(claims, oidc.id_claim)), None) or next(iter(_texts(claims, "email")), "")
    id = _legal(wanted)
    if not id:
        raise SignInRefused("no_name", f"the claim '{oidc.id_claim}' does not name anybody")
    name = next(iter(_texts(claims, "name")), None)
    return SignedIn(_role(claims, oidc, roles - _NO_PERSON), id, name[:200] if name else None, _team(claims, oidc))


def _role(claims: Mapping[str, object], oidc: Oidc, roles: frozenset[str]) -> str:
    """The first of the map that he has; without a map, the claim that is itself a role."""
    told = _texts(claims, oidc.role_claim)
    found = [role for value, role in oidc.role_map.items() if value in told]
    if not oidc.role_map:
        found = sorted(roles.intersection(told))
        if len(found) > 1:
            raise SignInRefused("several_roles", f"'{oidc.role_claim}' gives {', '.join(found)}, and no map says which")
    if not found:
        raise SignInRefused("no_role", f"'{oidc.role_claim}' gives no role that is known here")
    return found[0]


def _team(claims: Mapping[str, object], oidc: Oidc) -> str | None:
    told = _texts(claims, oidc.team_claim) if oidc.team_claim is not None else []
    id = _legal(told[0].removeprefix("team:")) if told else ""
    try:
        return str(Actor.parse(f"team:{id}")) if id else None
    except Invalid:
        return None


def _texts(claims: Mapping[str, object], name: str) -> list[str]:
    """The texts of a claim, which may be one, several, or lie in another."""
    found: object = claims.get(name)
    if found is None and "." in name:
        outer, _, inner = name.partition(".")
        nested = claims.get(outer)
        return _texts(nested, inner) if isinstance(nested, Mapping) else []
    several = found if isinstance(found, list) else [found]
    return [one.strip() for one in several if isinstance(one, str) and one.strip()]


def _legal(text: str) -> str:
    """A name as an actor can have it: accents and what else cannot be written are left out.

    >>> _legal("CORP\\\\žofie.k")
    'CORP-zofie.k'
    """
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return _ILLEGAL.sub("-", plain).strip("-")[:_LONGEST]


def _parts(address: str) -> SplitResult | None:
    """The parts of an address as it stands in headers: visible ASCII, and nothing that ends a directive there."""
    if not re.fullmatch(r"[!-~]+", address) or any(sign in address for sign in ";,'\"<>\\"):
        return None
    try:
        parts = urlsplit(address)
        return parts if parts.hostname and parts.port != 0 and "@" not in parts.netloc else None
    except ValueError:
        return None


def _is_loopback(parts: SplitResult) -> bool:
    if parts.scheme != "http":
        return False
    try:
        return parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False

"""The provider by which staff sign in (OpenID Connect Core 1.0, by code and PKCE), as this process asks it.

>>> provider = Provider(oidc)
>>> await provider.address_for(flow, "https://upheld.example/sign-in/callback")  # doctest: +SKIP
'https://login.example/authorize?response_type=code&client_id=upheld&…'
>>> (await provider.tokens(code, flow, back)).claims["sub"]  # doctest: +SKIP
'b7e1'
"""

import asyncio
import base64
import hashlib
import ssl
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from api.id_tokens import UnknownKey, read_id_token
from domain.errors import SignInRefused, Unavailable
from domain.signing_in import Oidc

__all__ = ["Flow", "Provider", "Tokens"]

log = structlog.get_logger("upheld.sign_in")

_WITHIN: Final = 10.0
_MOST_BYTES: Final = 1024 * 1024
_KEPT_SECONDS: Final = 3600.0
"""How long its addresses and keys are taken as they were; a key that it has withdrawn is trusted no longer."""
_ANEW_SECONDS, _ANEW_MOST = 60.0, 5
"""How often at the most keys are asked for anew since a token names one that is not known: providers change keys, and
tokens may name any.
"""
_KEY_TYPES: Final = frozenset({"RSA", "EC", "OKP"})


class Flow(msgspec.Struct, frozen=True, array_like=True):
    """One attempt to sign in, as the browser that began it keeps it, sealed: nobody else can bring it to its end."""

    state: str
    nonce: str
    verifier: str
    return_to: str
    ends_at: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """Who has signed in, and the token that says so."""

    claims: Mapping[str, object]
    id_token: str


class _Metadata(msgspec.Struct, frozen=True):
    """What a provider says of itself (OpenID Connect Discovery 1.0); all else is left aside."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Granted(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str = ""


class Provider:
    """Asks the provider, and believes of what it answers what can be proved."""

    def __init__(self, oidc: Oidc) -> None:
        self.oidc = oidc
        self.origin = "{0.scheme}://{0.netloc}".format(urlsplit(oidc.issuer))
        # The system's authorities, as of a company's own provider; no proxy, as on every way out.
        verify = ssl.create_default_context()
        self._client = httpx.AsyncClient(timeout=_WITHIN / 2, verify=verify, trust_env=False, follow_redirects=False)
        self._metadata: tuple[float, _Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._anew: deque[float] = deque(maxlen=_ANEW_MOST)

    async def address_for(self, flow: Flow, back: str) -> str:
        """Where a browser is sent to sign in. Raises `Unavailable`."""
        metadata = await self._read_metadata()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.oidc.client_id,
            "redirect_uri": back,
            "scope": " ".join(self.oidc.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return _with(metadata.authorization_endpoint, asked)

    async def check_issuer(self, issuer: str | None) -> None:
        """Raises `SignInRefused` where the answer came from another provider (RFC 9207; ASVS 5.0, 10.2.2)."""
        is_promised = (await self._read_metadata()).authorization_response_iss_parameter_supported
        if issuer != self.oidc.issuer and (issuer is not None or is_promised):
            raise SignInRefused("failed", "the answer does not come from the provider that was asked")

    async def tokens(self, code: str, flow: Flow, back: str) -> Tokens:
        """Who has signed in. Raises `Unavailable`, and `SignInRefused` where the code or what it gives is not good."""
        metadata = await self._read_metadata()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": flow.verifier}
        headers = {"Accept": "application/json"}
        if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            # Each part is encoded first (RFC 6749, section 2.3.1).
            pair = f"{quote(self.oidc.client_id, safe='')}:{quote(self.oidc.client_secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": self.oidc.client_id, "client_secret": self.oidc.client_secret}
        answer = await self._ask("POST", metadata.token_endpoint, data=form, headers=headers)
        if answer.status_code != httpx.codes.OK:
            raise SignInRefused("failed", f"the provider did not take the code: it answered {answer.status_code}")
        granted = _read(answer, _Granted)
        claims = await self._proved(granted.id_token, flow.nonce)
        return Tokens(await self._completed(claims, granted.access_token, metadata), granted.id_token)

    async def address_to_leave(self, id_token: str, back: str) -> str | None:
        """Where a browser is sent to sign out there, too (OpenID Connect RP-Initiated Logout 1.0); None where that is
        not known, or no address of the provider itself, to which alone a form of ours may lead.
        """
        try:
            address = (await self._read_metadata()).end_session_endpoint
        except Unavailable:
            return None
        if address is None or not f"{address}/".startswith(f"{self.origin}/"):
            return None
        asked = {"id_token_hint": id_token, "client_id": self.oidc.client_id, "post_logout_redirect_uri": back}
        return _with(address, asked)

    async def close(self) -> None:
        await self._client.aclose()

    async def _proved(self, id_token: str, nonce: str) -> dict[str, Any]:
        """The claims of an id token, by the keys of now where those that are known do not fit."""
        try:
            return read_id_token(id_token, await self._read_keys(), self.oidc, nonce)
        except UnknownKey:
            return read_id_token(id_token, await self._read_keys(anew=True), self.oidc, nonce)

    async def _completed(self, claims: dict[str, Any], access_token: str, metadata: _Metadata) -> Mapping[str, object]:
        """The claims, with those that the provider tells whoever asks (section 5.3), where none is the role."""
        if self.oidc.role_claim.partition(".")[0] in claims or metadata.userinfo_endpoint is None or not access_token:
            return claims
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        answer = await self._ask("GET", metadata.userinfo_endpoint, headers=headers)
        told = _read(answer, dict[str, Any]) if answer.status_code == httpx.codes.OK else {}
        # Of somebody else it may be, where tokens were exchanged for others.
        return {**told, **claims} if told.get("sub") == claims["sub"] else claims

    async def _read_metadata(self) -> _Metadata:
        if self._metadata is not None and time.monotonic() < self._metadata[0] + _KEPT_SECONDS:
            return self._metadata[1]
        address = self.oidc.issuer.rstrip("/") + "/.well-known/openid-configuration"
        metadata: _Metadata = _read(await self._asked(address), _Metadata)
        if metadata.issuer != self.oidc.issuer:
            raise Unavailable("the provider of sign-in calls itself by another name than [oidc] issuer", 60)
        endpoints = (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri)
        if any(urlsplit(one).scheme not in ("https", urlsplit(self.oidc.issuer).scheme) for one in endpoints):
            raise Unavailable("the provider of sign-in has an address that is no https", 60)
        self._metadata = (time.monotonic(), metadata)
        return metadata

    async def _read_keys(self, *, anew: bool = False) -> KeySet:
        now = time.monotonic()
        if anew := anew and sum(now < at + _ANEW_SECONDS for at in self._anew) < _ANEW_MOST:
            self._anew.append(now)
        if self._keys is not None and now < self._keys[0] + _KEPT_SECONDS and not anew:
            return self._keys[1]
        found = _read(await self._asked((await self._read_metadata()).jwks_uri), dict[str, list[dict[str, Any]]])
        usable = [
            one for one in found.get("keys", []) if one.get("kty") in _KEY_TYPES and one.get("use", "sig") == "sig"
        ]
        try:
            keys = KeySet.import_key_set({"keys": usable})
        except (JoseError, ValueError) as error:
            why = type(error).__name__
            raise Unavailable(f"the keys of the provider of sign-in cannot be read: {why}", 60) from None
        self._keys = (now, keys)
        return keys

    async def _asked(self, address: str) -> httpx.Response:
        answer = await self._ask("GET", address, headers={"Accept": "application/json"})
        if answer.status_code != httpx.codes.OK:
            raise Unavailable(f"the provider of sign-in answered {answer.status_code}", 10)
        return answer

    async def _ask(self, method: str, address: str, **more: Any) -> httpx.Response:
        try:
            async with asyncio.timeout(_WITHIN), self._client.stream(method, address, **more) as answer:
                body = b""
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > _MOST_BYTES:
                        raise Unavailable("the provider of sign-in answered more than can be meant", 60)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise Unavailable(f"the provider of sign-in is out of reach: {type(error).__name__}", 10) from None
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"the provider of sign-in answered {answer.status_code}", 10)
        return httpx.Response(answer.status_code, content=body)


def _with(address: str, asked: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"


def _read(answer: httpx.Response, form: Any) -> Any:
    try:
        return msgspec.json.decode(answer.content, type=form)
    except msgspec.MsgspecError:
        raise Unavailable("the provider of sign-in answered what cannot be read", 10) from None

"""What an ID token says, where it is one that can be believed (OpenID Connect Core 1.0, section 3.1.3.7).

>>> read_id_token(id_token, keys, oidc, nonce)["sub"]  # doctest: +SKIP
'b7e1'
"""

import hmac
import time
import warnings
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError, SecurityWarning
from joserfc.jwk import KeySet

from domain.errors import SignInRefused
from domain.signing_in import Oidc

__all__ = ["UnknownKey", "read_id_token"]

_LEEWAY: Final = 60
"""Seconds by which the clocks of two well-kept machines may differ."""
_ALGORITHMS: Final = ("RS256", "ES256", "EdDSA", "Ed25519")
"""Signed by a key that the provider alone has; with `none` and the HMACs everybody could, who knows the public one."""


class UnknownKey(SignInRefused):
    """It was signed by none of these keys: the provider may have changed them."""

    def __init__(self) -> None:
        super().__init__("failed", "the id token is signed by no key of the provider")


def read_id_token(id_token: str, keys: KeySet, oidc: Oidc, nonce: str) -> dict[str, Any]:
    """The claims of a token for us, of now, for the attempt that has this nonce.

    Raises `UnknownKey`, and `SignInRefused` for all else that is wrong with it.
    """
    try:
        with warnings.catch_warnings():
            # RFC 9864 has another name for EdDSA; providers sign by the old one.
            warnings.simplefilter("ignore", SecurityWarning)
            claims = jwt.decode(id_token, keys, algorithms=_ALGORITHMS).claims
    except (InvalidKeyIdError, BadSignatureError):
        raise UnknownKey from None
    except (JoseError, ValueError) as error:
        raise _not_good(error) from None
    _check(claims, oidc, nonce)
    return claims


def _check(claims: dict[str, Any], oidc: Oidc, nonce: str) -> None:
    wanted = jwt.JWTClaimsRegistry(
        # Tokens are dated by the clocks of machines, as signatures are (decision 018).
        now=int(time.time()),
        leeway=_LEEWAY,
        iss={"essential": True, "value": oidc.issuer},
        aud={"essential": True, "value": oidc.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True},
    )
    try:
        wanted.validate(claims)
    except JoseError as error:
        raise _not_good(error) from None
    # Of several who may take it, it says for whom it was made.
    is_shared = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (is_shared or "azp" in claims) and claims.get("azp") != oidc.client_id:
        raise SignInRefused("failed", "the id token was made for somebody else")
    if not hmac.compare_digest(str(claims["nonce"]).encode("utf-8", "surrogatepass"), nonce.encode()):
        raise SignInRefused("failed", "the id token was made for another attempt")


def _not_good(error: Exception) -> SignInRefused:
    return SignInRefused("failed", f"the id token is not good: {type(error).__name__}")

"""A provider of OpenID Connect on this machine: real keys, real tokens, a real socket, and a person who says yes.

>>> with OpenIdProvider() as provider:  # doctest: +SKIP
...     provider.person = {"sub": "b7e1", "preferred_username": "ling", "role": "agent"}
"""

import base64
import hashlib
import json
import secrets
import socket
import threading
import time
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlencode

import uvicorn
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

__all__ = ["CLIENT", "SECRET", "OpenIdProvider", "segment"]

CLIENT, SECRET = "upheld", "a secret: with % and +"

Key = RSAKey | ECKey | OKPKey
Claims = dict[str, Any]


def segment(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class OpenIdProvider:
    """`person` is who signs in next; `twist` changes the claims of his token, `sign` how it is signed."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.issuer = f"http://127.0.0.1:{self.listener.getsockname()[1]}/realm"
        self.person: Claims = {}
        self.userinfo: Claims
        self.metadata: Claims
        self.answer: dict[str, str]
        self.first: Key = RSAKey.generate_key(2048, {"kid": "first"})
        self.asked: list[str] = []
        self.reset()
        self._codes: dict[str, dict[str, str]] = {}
        routes = [
            Route("/realm/.well-known/openid-configuration", self._metadata),
            Route("/realm/authorize", self._authorize),
            Route("/realm/token", self._token, methods=["POST"]),
            Route("/realm/keys", self._keys),
            Route("/realm/userinfo", self._userinfo),
            Route("/realm/logout", self._logout),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_level="warning", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self.listener],), daemon=True)

    def reset(self) -> None:
        """As it usually is."""
        self.twist: Callable[[Claims], Claims] = lambda claims: claims
        self.sign: Callable[[Claims], str] = self.signed
        self.userinfo, self.metadata, self.answer = {}, {}, {}
        self.key, self.alg, self.published = self.first, "RS256", [self.first]
        self.asked.clear()

    def signed(self, claims: Claims, key: Key | None = None, alg: str | None = None) -> str:
        """A token as it should be."""
        used = key or self.key
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # that EdDSA is to have another name
            header = {"alg": alg or self.alg, "kid": str(used.kid)}
            return jwt.encode(header, claims, used, algorithms=[header["alg"]])

    def rotate(self, alg: str = "RS256") -> None:
        """Sign with a new key from now on; the old one is published no more."""
        kid = secrets.token_hex(4)
        made: dict[str, Callable[[], Key]] = {
            "RS256": lambda: RSAKey.generate_key(2048, {"kid": kid}),
            "ES256": lambda: ECKey.generate_key("P-256", {"kid": kid}),
            "EdDSA": lambda: OKPKey.generate_key("Ed25519", {"kid": kid}),
        }
        self.key, self.alg = made[alg](), alg
        self.published = [self.key]

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self.listener.close()

    async def _metadata(self, _: Request) -> Response:
        self.asked.append("metadata")
        known = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/logout",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        return JSONResponse(known | self.metadata)

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(12)
        self._codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.issuer} | self.answer
        answer = {name: value for name, value in answer.items() if value}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 302)

    async def _token(self, request: Request) -> Response:
        self.asked.append("token")
        sent = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        pair = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        id, _, secret = pair.partition(":")
        asked = self._codes.pop(sent.get("code", ""), None)
        challenge = segment(hashlib.sha256(sent.get("code_verifier", "").encode()).digest())
        is_good = asked is not None and asked["redirect_uri"] == sent["redirect_uri"]
        if (unquote(id), unquote(secret)) != (CLIENT, SECRET):
            return JSONResponse({"error": "invalid_client"}, 401)
        if asked is None or not is_good or asked["code_challenge"] != challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        token = self.sign(self.twist(usual | self.person))
        return JSONResponse({"access_token": "at", "token_type": "Bearer", "id_token": token})

    async def _keys(self, _: Request) -> Response:
        self.asked.append("keys")
        keys = KeySet(list(self.published)).as_dict()
        return Response(json.dumps(keys), media_type="application/json")

    async def _userinfo(self, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer at"
        return JSONResponse(self.userinfo)

    async def _logout(self, request: Request) -> Response:
        self.asked.append("logout")
        return RedirectResponse(request.query_params["post_logout_redirect_uri"], 302)

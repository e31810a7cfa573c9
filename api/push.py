"""For keepers' browsers: where messages to them go, and the key that they are signed with."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import Response
from pydantic import AfterValidator, Field, StringConstraints

from api.commanding import Command, Commanding, answer
from api.fields import ActorPath, Body
from api.parameters import ENDPOINT
from api.routes import routes
from api.schemas import example
from api.who import Inquiring, check_person, giving_access
from domain.errors import Invalid, NotFound
from domain.push import Subscription
from policies.pushing import public_key
from store.push import Subscriptions, signing_key

__all__ = ["router"]

router = routes("/v1", "people")

_AUTH_BYTES = 16
_LATEST_MS = 250_000_000_000_000.0
"""In the year 9892, which can be written still."""


def _bytes(text: str) -> bytes:
    """What stands in base64url, with or without its padding. Raises `ValueError`."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), b"-_", validate=True)
    except binascii.Error:
        raise ValueError("is not base64url") from None


def _point(text: str) -> str:
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _bytes(text))
    except ValueError:
        raise ValueError("is not a point on the curve P-256, uncompressed, in base64url") from None
    return text


def _secret(text: str) -> str:
    if len(_bytes(text)) != _AUTH_BYTES:
        raise ValueError(f"is not {_AUTH_BYTES} bytes in base64url")
    return text


def _address(text: str) -> str:
    parts = _parts(text)
    if parts is None or parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("is not the https address of a push service")
    return text


def _parts(text: str) -> SplitResult | None:
    """The parts of an address as it travels: visible ASCII, and a port that there can be."""
    if not text.isascii() or not text.isprintable() or any(character in text for character in " \\#"):
        return None
    try:
        parts = urlsplit(text)
        return parts if parts.port != 0 else None
    except ValueError:
        return None


Endpoint = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_address)]
_Key = StringConstraints(min_length=1, max_length=200)


class KeysBody(Body):
    p256dh: Annotated[str, _Key, AfterValidator(_point)]
    auth: Annotated[str, _Key, AfterValidator(_secret)]


class SubscriptionBody(Body):
    """A `PushSubscription` as the browser writes it with `JSON.stringify`."""

    model_config = example(
        {
            "endpoint": "https://push.example/s/5f1c",
            "expirationTime": None,
            "keys": {
                "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
                "auth": "BTBZMqHH6r4Tts7J_aSIgg",
            },
        }
    )

    endpoint: Endpoint
    expires: Annotated[
        Annotated[float, Field(strict=True, ge=0, le=_LATEST_MS, allow_inf_nan=False)] | None,
        Field(alias="expirationTime"),
    ] = None
    keys: KeysBody

    def subscription(self) -> Subscription:
        expires_at = datetime.fromtimestamp(self.expires / 1000, UTC) if self.expires is not None else None
        return Subscription(self.endpoint, _bytes(self.keys.p256dh), _bytes(self.keys.auth), expires_at)


class EndpointBody(Body):
    endpoint: Endpoint | None = None


_NO_BODY = EndpointBody()


@router.get("/push-key")
async def push_key(inquiry: Inquiring) -> Response:
    """The key that browsers subscribe with, their `applicationServerKey`; it stays the same for a database."""
    runtime = inquiry.runtime
    return answer({"public_key": public_key(await signing_key(runtime.database, runtime.keyring))})


@router.post("/people/{actor}/push-subscriptions", status_code=201)
async def subscribe(command: Commanding, actor: ActorPath, body: SubscriptionBody) -> Response:
    """A browser listens for somebody, and for nobody else any more; of more than ten the oldest goes."""
    runtime = command.runtime
    check_person(runtime, actor)
    if urlsplit(body.endpoint).scheme != "https" and not runtime.catalogue.push.allow_private:
        raise Invalid("/endpoint", "is not the https address of a push service")
    subscriptions = _subscriptions(command)
    async with giving_access(runtime, command.who, actor):
        await subscriptions.put(actor, body.subscription())
    return answer({"actor": actor, "subscriptions": len(await subscriptions.of(actor))}, status=201)


@router.delete("/people/{actor}/push-subscriptions", status_code=204)
async def unsubscribe(
    command: Annotated[Commanding, ENDPOINT], actor: ActorPath, body: EndpointBody = _NO_BODY
) -> Response:
    """A browser listens no more; it is named by its `endpoint`, in the body or in the query."""
    asked = {body.endpoint, command.query(EndpointBody).endpoint} - {None}
    if len(asked) != 1:
        raise Invalid("/endpoint", "names the browser, once")
    if not await _subscriptions(command).delete(actor, str(asked.pop())):
        raise NotFound("nobody of that name listens with this browser")
    return Response(status_code=204)


def _subscriptions(command: Command) -> Subscriptions:
    return Subscriptions(command.runtime.database, command.runtime.keyring)

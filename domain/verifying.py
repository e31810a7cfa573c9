"""How a hook says by what its sender is known: the keys beside `verify`, each way with its own."""

from pathlib import Path
from typing import Literal

import msgspec

from domain.durations import parse_duration
from domain.errors import Invalid
from domain.signatures import BODY, TIMESTAMP, Algorithm, Bearer, Encoding, Hmac, Standard, Verification
from domain.tables import fault, read

__all__ = ["HookTable", "read_verification"]

_MOST_SECRETS = 2


class HookTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys that all hooks have."""

    verify: Literal["standard", "hmac", "bearer"]
    secret: str | tuple[str, ...] | None = None
    secret_file: str | None = None
    actor: str | None = None
    commands: tuple[object, ...] = ()


class _BearerTable(HookTable, frozen=True, kw_only=True):
    header: str = "Authorization"


class _HmacTable(HookTable, frozen=True, kw_only=True):
    header: str
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: str = ""
    signed: str = BODY
    timestamp_header: str | None = None
    tolerance: str = "PT5M"


def read_verification(key: str, raw: object) -> tuple[HookTable, Verification]:
    """The keys of a hook, and by what its sender is known. Raises `ConfigurationError`, in one line."""
    way = raw.get("verify") if isinstance(raw, dict) else None
    if way == "hmac":
        table = read(key, raw, _HmacTable, "a hook with verify = 'hmac'")
        return table, _hmac(key, table)
    if way == "bearer":
        bearer = read(key, raw, _BearerTable, "a hook with verify = 'bearer'")
        return bearer, Bearer(_secrets(key, bearer), bearer.header)
    standard = read(key, raw, HookTable, "a hook")
    try:
        return standard, Standard(_secrets(key, standard))
    except ValueError as error:
        raise fault(f"{key}.secret", "is no secret of Standard Webhooks: whsec_ and base64 behind it") from error


def _hmac(key: str, table: _HmacTable) -> Hmac:
    if table.signed.count(BODY) != 1 or not table.signed.isascii():
        raise fault(f"{key}.signed", f"is not made of {BODY}, once, {TIMESTAMP}, and ASCII characters between them")
    if TIMESTAMP in table.signed and table.timestamp_header is None:
        raise fault(f"{key}.timestamp_header", f"is missing, and 'signed' names {TIMESTAMP}")
    if TIMESTAMP not in table.signed and table.timestamp_header is not None:
        raise fault(f"{key}.timestamp_header", f"is of no use where 'signed' does not name {TIMESTAMP}")
    try:
        tolerance = parse_duration(table.tolerance)
    except Invalid as error:
        raise fault(f"{key}.tolerance", f"'{table.tolerance}' {error}") from error
    return Hmac(
        _secrets(key, table),
        table.header,
        table.algorithm,
        table.encoding,
        table.prefix,
        table.signed,
        table.timestamp_header,
        tolerance,
    )


def _secrets(key: str, table: HookTable) -> tuple[str, ...]:
    """One secret, or two while one is replaced by the next."""
    if (table.secret is None) == (table.secret_file is None):
        raise fault(f"{key}.secret", "is missing" if table.secret is None else "stands beside secret_file")
    if table.secret_file is not None:
        key, secrets = f"{key}.secret_file", _lines_of(f"{key}.secret_file", table.secret_file)
    else:
        key, secrets = f"{key}.secret", (table.secret,) if isinstance(table.secret, str) else table.secret or ()
    if not 1 <= len(secrets) <= _MOST_SECRETS or not all(secrets):
        raise fault(key, "holds one secret, or two while one is replaced by the next")
    return secrets


def _lines_of(key: str, path: str) -> tuple[str, ...]:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise fault(key, f"{path} cannot be read: {reason}") from error
    return tuple(line.strip() for line in lines if line.strip())

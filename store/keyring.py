"""The keys of personal fields: one a stream, wrapped by a master key that never enters the database.

>>> keyring = await open_keyring(connection, Path(".upheld"))
>>> stream, key = uuid4(), keyring.new_key()
>>> wrapped = keyring.wrap(stream, key)
>>> sealed = keyring.seal(key, b"Tuesday by noon", b"promise")
>>> keyring.open(keyring.unwrap(stream, wrapped), sealed, b"promise")
b'Tuesday by noon'

Destroying a wrapped key makes all that it sealed unreadable for good, wherever copies of it are.
"""

import base64
import binascii
import contextlib
import hmac
import os
from functools import lru_cache
from pathlib import Path
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.errors import ConfigurationError, MasterKeyLost, UpheldError
from store.database import Connection, reaching_the_database

__all__ = ["KEYRING_LOCK", "Keyring", "find_keyring", "find_master", "new_master", "open_keyring"]

_KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = b"\x01"  # AES-256-GCM: version, nonce, ciphertext and tag; another number would name another master key
_OVERHEAD = 1 + _NONCE_BYTES + 16
_REMEMBERED = 8192  # streams whose key and cipher stay in memory, about 5 MB
_SECRETS = UUID("6d6e5d0a-4f5b-5c2f-9b60-0d1f0b7a9c55")
"""In whose place the secrets are wrapped that are no stream's."""
KEYRING_LOCK = 0x6B65_7972_696E_67  # "keyring" in ASCII


_UNFINISHED = "a change of the master key was begun and did not end: run `upheld master-key rotate` once more"


class Keyring:
    """What is done with the master key, each purpose under a sub-key of its own (HKDF-SHA256, RFC 5869).

    >>> keyring = Keyring(bytes(32))
    >>> len(keyring.blind("conversation", "wechat-77")), len(keyring.digest(b"{}"))
    (16, 64)
    >>> keyring
    Keyring(fingerprint=…)
    """

    def __init__(self, master: bytes, secrets: bytes | None = None) -> None:
        """`secrets` are what an earlier master key hashed with, wrapped by this one."""
        self._wrapping = _derive(master, "wrap")
        self._secrets = _derive(master, "blind") + _derive(master, "digest")
        if secrets is not None:
            self._secrets = _open_secrets(self._wrapper(_SECRETS), secrets)
        self._blinding, self._digesting = self._secrets[:_KEY_BYTES], self._secrets[_KEY_BYTES:]
        self.fingerprint = _derive(master, "fingerprint")
        self._cipher = lru_cache(_REMEMBERED)(AESGCM)
        # By the number of the stream: to look a UUID itself up takes longer than all else that is done for an event.
        self._unwrap = lru_cache(_REMEMBERED)(self._unwrap_anew)

    def __repr__(self) -> str:
        return f"Keyring(fingerprint={self.fingerprint.hex()[:8]})"

    def forget(self) -> None:
        """Keep no key of a stream in memory; those that are needed again are unwrapped again."""
        self._cipher.cache_clear()
        self._unwrap.cache_clear()

    def new_key(self) -> bytes:
        """32 random bytes, the key of a new stream."""
        return os.urandom(_KEY_BYTES)

    def wrap(self, stream_id: UUID, key: bytes) -> bytes:
        """The stream's key as the database may keep it: 61 bytes, good for this stream only."""
        return _encrypt(self._wrapper(stream_id), key, stream_id.bytes)

    def unwrap(self, stream_id: UUID, wrapped: bytes) -> bytes:
        """The key that was wrapped for this stream; raises MasterKeyLost if this master key did not wrap it."""
        return self._unwrap(stream_id.int, wrapped)

    def key_of(self, stream_id: UUID, wrapped: bytes | None) -> bytes | None:
        """The stream's key from how the database keeps it; None once that is erased."""
        return self._unwrap(stream_id.int, wrapped) if wrapped is not None else None

    def seal(self, key: bytes, plaintext: bytes, context: bytes) -> bytes:
        """The encrypted bytes (29 more than the plain ones), which open only with this key in this context.

        >>> sealed = keyring.seal(key, b"Tuesday by noon", b"promise")
        """
        return _encrypt(self._cipher(key), plaintext, context)

    def open(self, key: bytes, sealed: bytes, context: bytes) -> bytes:
        """What was sealed; raises UpheldError if it was altered, or sealed under another key or context.

        >>> keyring.open(key, sealed, b"promise")
        b'Tuesday by noon'
        """
        try:
            return _decrypt(self._cipher(key), sealed, context)
        except InvalidTag as error:
            raise UpheldError("a sealed field was altered, or is not at the place it was sealed for") from error

    def enclose(self, id: UUID, plaintext: bytes) -> tuple[bytes, bytes]:
        """A row under a new key of its own: the key as the database may keep it, and what the key sealed for this row.

        >>> wrapped, sealed = keyring.enclose(id, b"mailto://li@example.com")
        >>> keyring.disclose(id, wrapped, sealed)
        b'mailto://li@example.com'
        """
        key = self.new_key()
        return self.wrap(id, key), self.seal(key, plaintext, id.bytes)

    def disclose(self, id: UUID, wrapped: bytes, sealed: bytes) -> bytes:
        """What such a row says. Raises as `unwrap` and `open` do."""
        return self.open(self.unwrap(id, wrapped), sealed, id.bytes)

    def blind(self, field: str, value: str) -> bytes:
        """16 bytes that are equal for equal values of a field and otherwise say nothing: an index over sealed values.

        >>> keyring.blind("conversation", "wechat-77") == keyring.blind("conversation", "wechat-77")
        True
        """
        return hmac.digest(self._blinding, b"%b\0%b" % (field.encode(), value.encode()), "sha256")[:16]

    def digest(self, body: bytes) -> str:
        """A keyed hash of a command's body, 64 hexadecimal digits: tells equal bodies without giving one away."""
        return hmac.digest(self._digesting, body, "sha256").hex()

    def handed_over(self, successor: "Keyring") -> bytes:
        """What this one hashes with, wrapped by the master key that comes after it."""
        return successor.wrap(_SECRETS, self._secrets)

    def _wrapper(self, stream_id: UUID) -> AESGCM:
        # A wrapping key a stream: under one key for all, random nonces would be used up after 2**32 streams.
        return AESGCM(hmac.digest(self._wrapping, stream_id.bytes, "sha256"))

    def _unwrap_anew(self, number: int, wrapped: bytes) -> bytes:
        stream_id = UUID(int=number)
        try:
            return _decrypt(self._wrapper(stream_id), wrapped, stream_id.bytes)
        except InvalidTag as error:
            raise MasterKeyLost(f"the key of the stream {stream_id} was not wrapped by this master key") from error


async def open_keyring(
    connection: Connection, data_dir: Path, *, master_key: str | None = None, master_key_file: Path | None = None
) -> Keyring:
    """The keyring of this database, from `master_key` (base64), else `master_key_file`, else `data_dir/master.key`.

    >>> await open_keyring(connection, Path(".upheld"))
    Keyring(fingerprint=5f0c3b1e)

    Only the last file is created when it is missing, and only while the database knows no master key. Raises
    MasterKeyLost when the database knows another one or the file is gone, ConfigurationError when the key is
    malformed, Unavailable when the database is out of reach.
    """
    with reaching_the_database():
        async with connection.transaction():
            # One at a time: whoever comes second must see the first one's fingerprint before creating a file.
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (KEYRING_LOCK,))
            cursor = await connection.execute("SELECT fingerprint, secrets, rotating_to FROM keyring")
            known, secrets, rotating_to = await cursor.fetchone() or (None, None, None)
            if rotating_to is not None:
                raise ConfigurationError(_UNFINISHED)
            master, source = _find_master(data_dir, master_key, master_key_file, may_create=known is None)
            keyring = Keyring(master, secrets if known == Keyring(master).fingerprint else None)
            if known is None:
                await connection.execute("INSERT INTO keyring (fingerprint) VALUES (%s)", (keyring.fingerprint,))
            elif not hmac.compare_digest(known, keyring.fingerprint):
                raise MasterKeyLost(_lost(f"{source} holds another master key than the one"))
            return keyring


def find_keyring(
    data_dir: Path, *, master_key: str | None = None, master_key_file: Path | None = None
) -> tuple[Keyring, str]:
    """The keyring of a database that is still to come, and where its master key was found; nothing is created.

    Raises MasterKeyLost where the file is not there, ConfigurationError where the key is malformed.
    """
    file = master_key_file or data_dir / "master.key"
    if master_key is None and not file.exists():
        raise MasterKeyLost(
            f"{file} is missing: put the master key there that the backup was made under, or set UPHELD_MASTER_KEY or "
            "UPHELD_MASTER_KEY_FILE"
        )
    master, source = _find_master(data_dir, master_key, master_key_file, may_create=False)
    return Keyring(master), source


def _find_master(data_dir: Path, key: str | None, key_file: Path | None, *, may_create: bool) -> tuple[bytes, str]:
    """The master key and where it was found."""
    if key is not None:
        return _decode(key, "UPHELD_MASTER_KEY"), "UPHELD_MASTER_KEY"
    file = key_file or data_dir / "master.key"
    source = f"UPHELD_MASTER_KEY_FILE ({file})" if key_file else str(file)
    try:
        if key_file is None and may_create and not file.exists():
            _create(file)
        return _decode(file.read_text(), source), source
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, FileNotFoundError) and not may_create:
            raise MasterKeyLost(_lost(f"{source} is missing, the master key")) from error
        reason = error.strerror if isinstance(error, OSError) else "it is not a text"
        raise ConfigurationError(f"{source}: the master key cannot be read: {reason}") from None


def find_master(data_dir: Path, key: str | None, key_file: Path | None) -> bytes:
    """The master key that is in use. Raises `MasterKeyLost`, `ConfigurationError`."""
    return _find_master(data_dir, key, key_file, may_create=False)[0]


def new_master(file: Path) -> bytes:
    """The master key in a file that is made where there is none. Raises `ConfigurationError`."""
    try:
        if not file.exists():
            _create(file)
        return _decode(file.read_text(), str(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text"
        raise ConfigurationError(f"{file}: the master key cannot be read or made: {reason}") from None


def _lost(what: str) -> str:
    return (
        f"{what} that this database was begun with; without that key the personal fields of its log can never be "
        "read again: restore the file, or set UPHELD_MASTER_KEY or UPHELD_MASTER_KEY_FILE"
    )


def _decode(text: str, source: str) -> bytes:
    with contextlib.suppress(binascii.Error, ValueError):
        master = base64.b64decode(text.strip(), validate=True)
        if len(master) == _KEY_BYTES:
            return master
    # Without a cause: the decoder's own words could show a part of the key.
    raise ConfigurationError(f"{source}: the master key must be {_KEY_BYTES} bytes in base64")


def _create(file: Path) -> None:
    """Write a new master key, complete and on disk before the file has its name; leave one that is there already."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{uuid4().hex}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as new:
            new.write(base64.b64encode(os.urandom(_KEY_BYTES)) + b"\n")
            new.flush()
            os.fsync(new.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(unfinished, file)
    finally:
        unfinished.unlink()
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _open_secrets(wrapper: AESGCM, wrapped: bytes) -> bytes:
    try:
        return _decrypt(wrapper, wrapped, _SECRETS.bytes)
    except InvalidTag as error:
        raise MasterKeyLost("what values are hashed with was not wrapped by this master key") from error


def _derive(master: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=f"upheld {purpose} 1".encode()).derive(master)


def _encrypt(cipher: AESGCM, plaintext: bytes, context: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + cipher.encrypt(nonce, plaintext, context)


def _decrypt(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes:
    if sealed[:1] != _VERSION or len(sealed) < _OVERHEAD:
        raise InvalidTag
    return cipher.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], context)

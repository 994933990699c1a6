"""API keys: who calls, for which tenant, with what rights and in which clock.

Invariant: only SHA-256 digests of keys are kept or written down, never a key itself; no content
server's key can put money in.
It does not own what a right permits: routes and collectors ask ``allows``.
"""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

from schemas.errors import UNREADABLE, InvalidDocument
from schemas.ids import id_fault

KEYS_BYTES_MAX = 4 * 1024 * 1024
KEY_CHARS_MAX = 512
ANY_SOURCE = "*"
SCHEME = "bearer"

Scope = Literal[
    "usage:write", "session:control", "wallet:read", "wallet:write", "statistics:read", "admin"
]
# What a content server's key is known by.
SERVING: tuple[Scope, ...] = ("usage:write", "session:control")
PAYING: Scope = "wallet:write"


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key's record; the key itself is known only to its holder.

    Args:
        id: Names the key in logs, ledger entries and the ``ncash-key-id`` header.
        sha256: Of the key, in hex.
        tenant: Whose system it opens.
        sources: Services that it may speak for; ``*`` is any.
        scopes: What it may do; ``admin`` may do everything.
        clock: ``live``, or ``recorded`` for recordings: then received time is event time.
    """

    id: str
    sha256: str
    tenant: str
    sources: tuple[str, ...]
    scopes: tuple[Scope, ...]
    clock: Literal["live", "recorded"] = "live"

    @property
    def recorded(self) -> bool:
        """Whether its events live in the tenant's recorded clock."""
        return self.clock == "recorded"

    def allows(self, scope: Scope) -> bool:
        """Whether it may do what the scope names."""
        return scope in self.scopes or "admin" in self.scopes

    def allows_source(self, source: str) -> bool:
        """Whether it may speak for this service."""
        return ANY_SOURCE in self.sources or source in self.sources


class KeyRing:
    """All keys that are honoured, found by the key or by its id."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        """Take the records.

        Args:
            keys: Each with an id and a digest of its own.

        Raises:
            InvalidDocument: An id or digest stands there twice, or is not one; or a content
                server's key could put money in.
        """
        self._by_digest: dict[str, ApiKey] = {}
        self._by_id: dict[str, ApiKey] = {}
        for key in keys:
            _check(key)
            digest = key.sha256.lower()
            if key.id in self._by_id or digest in self._by_digest:
                raise InvalidDocument(f"keys[{key.id}]: its id or its sha256 stands there twice")
            self._by_id[key.id] = key
            self._by_digest[digest] = key

    @classmethod
    def from_file(cls, path: Path) -> "KeyRing":
        """The ring of a JSON file: a list of ``ApiKey`` objects.

        Raises:
            InvalidDocument: The file is missing, too large, or not such a list.
        """
        try:
            body = path.read_bytes()
        except OSError as error:
            raise InvalidDocument(f"keys file {path}: {error.strerror}") from error
        if len(body) > KEYS_BYTES_MAX:
            raise InvalidDocument(f"keys file {path}: over {KEYS_BYTES_MAX} bytes")
        try:
            return cls(msgspec.json.decode(body, type=list[ApiKey]))
        except UNREADABLE as error:
            raise InvalidDocument(f"keys file {path}: {error}") from error

    def authenticate(self, authorization: str | None) -> ApiKey | None:
        """The key in an ``Authorization: Bearer`` header, or None when it opens nothing.

        Looking up a digest leaks no timing about the key: near digests come from far keys.
        """
        if authorization is None or len(authorization) > KEY_CHARS_MAX:
            return None
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != SCHEME or not key:
            return None
        return self._by_digest.get(digest_of_key(key.strip()))

    def by_id(self, key_id: str) -> ApiKey | None:
        """The record that an id names, for transports that are trusted already."""
        return self._by_id.get(key_id)


def digest_of_key(key: str) -> str:
    """What a keys file holds instead of the key."""
    return sha256(key.encode()).hexdigest()


def _check(key: ApiKey) -> None:
    for name, value in (("id", key.id), ("tenant", key.tenant)):
        fault = id_fault(value)
        if fault is not None:
            raise InvalidDocument(f"keys[{key.id}].{name} {fault}")
    serving = [scope for scope in key.scopes if scope in SERVING]
    if serving and PAYING in key.scopes and "admin" not in key.scopes:
        raise InvalidDocument(
            f"keys[{key.id}].scopes: {serving[0]} and {PAYING} stand together, but no content "
            f"server may put money in; make two keys, one of them with {PAYING}"
        )
    try:
        digest = bytes.fromhex(key.sha256)
    except ValueError as error:
        raise InvalidDocument(f"keys[{key.id}].sha256: {error}") from error
    if len(digest) != sha256().digest_size:
        raise InvalidDocument(f"keys[{key.id}].sha256 is not 64 hex digits")

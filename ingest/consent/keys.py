"""Public keys by which member tokens are verified, found by the id in a token's header.

Invariant: a key is used with the one algorithm that its type has here, so no token can choose how
it is verified; shared secrets and short RSA keys are never among them.
It does not own where keys come from (``ingest.consent.jwks``).
"""

from collections.abc import Iterable
from typing import NamedTuple

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from schemas.consent_rules import TokenKey
from schemas.errors import UNREADABLE

KEYS_MAX = 64
RSA_BITS_MIN = 2_048
_FITS: dict[tuple[str, str | None], str] = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}


class Jwks(msgspec.Struct):
    """A JSON Web Key Set (RFC 7517, 5); what else stands in it is ignored."""

    keys: list[msgspec.Raw]


class PublicKey(NamedTuple):
    """A key that is ready to verify with.

    Args:
        kid: Its id, or empty.
        algorithm: The only one that it is used with.
        jwk: It.
    """

    kid: str
    algorithm: str
    jwk: jwt.PyJWK


class KeySet:
    """Keys of one issuer.

    Args:
        keys: As JWKs; those that cannot be used are left out.
    """

    def __init__(self, keys: Iterable[TokenKey]) -> None:
        found = [_public(key) for key in keys]
        self._keys = tuple(key for key in found if key is not None)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def matching(self, kid: str | None, algorithm: str) -> list[PublicKey]:
        """Keys that a token may have been signed with.

        Args:
            kid: From the token's header; None there asks for the only key of the algorithm.
            algorithm: Likewise.
        """
        fit = [key for key in self._keys if key.algorithm == algorithm]
        if kid is None:
            return fit if len(fit) == 1 else []
        return [key for key in fit if key.kid == kid]


def keys_in(body: bytes) -> list[TokenKey]:
    """The keys of a JWKS; one that cannot be read does not harm the others.

    Raises:
        ValueError: It is no JWKS.
    """
    try:
        raws = msgspec.json.decode(body, type=Jwks).keys
    except UNREADABLE as error:
        raise ValueError(f"it is no JWKS: {error}") from error
    keys: list[TokenKey] = []
    for raw in raws[:KEYS_MAX]:
        try:
            keys.append(msgspec.json.decode(raw, type=TokenKey))
        except UNREADABLE:
            continue
    return keys


def _public(key: TokenKey) -> PublicKey | None:
    algorithm = _FITS.get((key.kty, None if key.kty == "RSA" else key.crv))
    is_public = key.d is None and key.k is None
    if algorithm is None or not is_public or key.use not in {None, "sig"}:
        return None
    if key.alg not in {None, algorithm}:
        return None
    parts = {
        name: value
        for name in ("kty", "crv", "x", "y", "n", "e")
        if (value := getattr(key, name)) is not None
    }
    try:
        jwk = jwt.PyJWK.from_dict(parts, algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if isinstance(jwk.key, RSAPublicKey) and jwk.key.key_size < RSA_BITS_MIN:
        return None
    return PublicKey(key.kid, algorithm, jwk)

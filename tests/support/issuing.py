"""An issuer of member tokens: keys, tokens, and the key sets that it publishes.

Keys are made anew for each run and never leave the process; only whether a signature fits matters.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://id.example.com"
AUDIENCE = "ncash"
LIFETIME_S = 3_600

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey


@dataclass
class SigningKey:
    """One key pair.

    Args:
        kid: Its id.
        algorithm: What it signs with.
        bits: Of an RSA key.
    """

    kid: str = "k1"
    algorithm: str = "EdDSA"
    bits: int = 2_048

    @cached_property
    def private(self) -> PrivateKey:
        """The private key."""
        match self.algorithm:
            case "RS256":
                return generate_rsa(65_537, self.bits)
            case "ES256":
                return generate_private_key(SECP256R1())
            case _:
                return Ed25519PrivateKey.generate()

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key, as a key set has it."""
        kinds: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
        found: dict[str, Any] = kinds[self.algorithm].to_jwk(
            self.private.public_key(), as_dict=True
        )
        return {**found, "kid": self.kid, "alg": self.algorithm, "use": "sig"}


@dataclass
class Issuer:
    """Signs tokens for one tenant.

    Args:
        key: It signs with this one.
        issued_s: ``iat`` of its tokens.
    """

    key: SigningKey = field(default_factory=SigningKey)
    issued_s: int = 1_769_851_700

    def token(
        self, *, without: str = "", headers: dict[str, Any] | None = None, **claims: object
    ) -> str:
        """A token for ``kim``, with other claims where they are given."""
        said: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "kim",
            "jti": "j1",
            "iat": self.issued_s,
            "exp": self.issued_s + LIFETIME_S,
            **claims,
        }
        said.pop(without, None)
        named = {"kid": self.key.kid, **(headers or {})}
        return jwt.encode(said, self.key.private, algorithm=self.key.algorithm, headers=named)

    @property
    def rules(self) -> dict[str, Any]:
        """How its tokens are verified, as a catalogue says it."""
        return {"issuer": ISSUER, "audience": AUDIENCE, "keys": [self.key.jwk]}

    @staticmethod
    def key_set(*keys: SigningKey) -> bytes:
        """What it publishes."""
        return msgspec.json.encode({"keys": [key.jwk for key in keys]})

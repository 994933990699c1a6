"""Rules of consent in a catalogue: who asks for it, and how members' tokens are verified.

Invariant: a misspelt field is an error, never ignored. It does not own what an event carries
(``schemas.consent``) nor the rules as they are applied (``rating.consent``).
"""

from typing import Literal

import msgspec


class Consent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the member must have agreed before use begins.

    Args:
        require: What counts: a member token, a mandate, either of them; ``none`` asks nothing.
    """

    require: Literal["none", "token", "mandate", "either"] = "none"


class TokenKey(msgspec.Struct, frozen=True):
    """A public key as a JWK (RFC 7517); members that are not named here are ignored.

    Args:
        kty: ``RSA``, ``EC`` or ``OKP``.
        kid: Names it in a token's header.
        alg: The only algorithm that it may be used with, if it says so.
        use: ``sig`` where it says anything.
        crv: Curve of ``EC`` and ``OKP``.
        x: Of them.
        y: Of ``EC``.
        n: Modulus of ``RSA``.
        e: Its exponent.
        d: A private part; must not be here.
        k: A shared secret; must not be here.
    """

    kty: str
    kid: str = ""
    alg: str | None = None
    use: str | None = None
    crv: str | None = None
    x: str | None = None
    y: str | None = None
    n: str | None = None
    e: str | None = None
    d: str | None = None
    k: str | None = None


class Tokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How member tokens are verified.

    Args:
        issuer: ``iss`` of every token.
        audience: What ``aud`` must hold.
        algorithms: Signatures that are taken.
        keys: Public keys, in this document.
        jwks_url: Where further public keys are fetched: https.
        lifetime_s: Longest from ``iat`` to ``exp``.
        leeway_s: How far the issuer's clock may be from the sender's.
    """

    issuer: str
    audience: str
    algorithms: tuple[Literal["RS256", "ES256", "EdDSA"], ...] = ("RS256", "ES256", "EdDSA")
    keys: list[TokenKey] = []
    jwks_url: str | None = None
    lifetime_s: int = 86_400
    leeway_s: int = 60

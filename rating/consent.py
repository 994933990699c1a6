"""What the catalogue asks of consent, compiled: which kinds count, how tokens are verified.

Invariant: made once per version with every bound checked, so that an edge and a shard only look
things up. It does not own verifying (``ingest.consent``) nor what terms allow
(``wallet.consents``).
"""

from urllib.parse import urlsplit

import msgspec

from rating.written import count, named, seconds
from schemas.consent import ConsentKind
from schemas.consent_rules import Consent, TokenKey, Tokens
from schemas.errors import InvalidDocument
from schemas.moment import SECOND_MS

KEYS_MAX = 32
LIFETIME_S_MAX = 31 * 86_400
LEEWAY_S_MAX = 600
URL_CHARS_MAX = 2_048
NOBODY_ASKS: frozenset[str] = frozenset()
_COUNTING: dict[str, frozenset[str]] = {
    "none": NOBODY_ASKS,
    "token": frozenset({ConsentKind.TOKEN.value}),
    "mandate": frozenset({ConsentKind.MANDATE.value}),
    "either": frozenset({ConsentKind.TOKEN.value, ConsentKind.MANDATE.value}),
}
_PARTS: dict[str, tuple[str, ...]] = {
    "RSA": ("n", "e"),
    "EC": ("crv", "x", "y"),
    "OKP": ("crv", "x"),
}


class TokenTerms(msgspec.Struct, frozen=True):
    """How a tenant's member tokens are verified.

    Args:
        issuer: ``iss`` of every token.
        audience: What ``aud`` must hold.
        algorithms: Signatures that are taken.
        keys: Public keys that are known without asking.
        jwks_url: Where others are fetched, or None.
        lifetime_ms: Longest from ``iat`` to ``exp``.
        leeway_ms: How far the issuer's clock may be from the sender's.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    keys: tuple[TokenKey, ...]
    jwks_url: str | None
    lifetime_ms: int
    leeway_ms: int


def counting(consent: Consent) -> frozenset[str]:
    """The kinds of consent that count; empty where nothing is asked."""
    return _COUNTING[consent.require]


def compile_tokens(path: str, tokens: Tokens | None) -> TokenTerms | None:
    """How tokens are verified, or None where the tenant takes none.

    Args:
        path: For messages.
        tokens: As written.

    Raises:
        InvalidDocument: A private or shared key, a key without its parts, no key at all, no
            algorithm, a URL that is not one, or a time beyond its bound.
    """
    if tokens is None:
        return None
    if not tokens.algorithms:
        raise InvalidDocument(f"{path}.algorithms: none; write at least one, or leave it out")
    if not tokens.keys and tokens.jwks_url is None:
        raise InvalidDocument(f"{path}: neither keys nor jwks_url; no token could be verified")
    if len(tokens.keys) > KEYS_MAX:
        raise InvalidDocument(f"{path}.keys: more than {KEYS_MAX}; remove those of old tokens")
    for place, key in enumerate(tokens.keys):
        _check_key(f"{path}.keys[{place}]", key)
    lifetime_s = seconds(f"{path}.lifetime_s", tokens.lifetime_s)
    leeway_s = count(f"{path}.leeway_s", tokens.leeway_s, least=0)
    if lifetime_s > LIFETIME_S_MAX or leeway_s > LEEWAY_S_MAX:
        raise InvalidDocument(
            f"{path}: lifetime_s is at most {LIFETIME_S_MAX}, leeway_s at most {LEEWAY_S_MAX}"
        )
    return TokenTerms(
        issuer=named(f"{path}.issuer", tokens.issuer),
        audience=named(f"{path}.audience", tokens.audience),
        algorithms=tuple(sorted(set(tokens.algorithms))),
        keys=tuple(tokens.keys),
        jwks_url=None if tokens.jwks_url is None else _url(f"{path}.jwks_url", tokens.jwks_url),
        lifetime_ms=lifetime_s * SECOND_MS,
        leeway_ms=leeway_s * SECOND_MS,
    )


def _check_key(path: str, key: TokenKey) -> None:
    if key.d is not None or key.k is not None or key.kty == "oct":
        raise InvalidDocument(
            f"{path}: a private or shared key; the catalogue is read by many: take it out of use, "
            "and write the public key of a new pair"
        )
    parts = _PARTS.get(key.kty)
    if parts is None:
        raise InvalidDocument(f"{path}.kty: {key.kty[:40]!r} is not RSA, EC or OKP")
    for part in parts:
        if not getattr(key, part):
            raise InvalidDocument(f"{path}.{part}: missing; a {key.kty} key has {', '.join(parts)}")


def _url(path: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url, parts = False, urlsplit("")
    if not is_url or len(url) > URL_CHARS_MAX or parts.username or parts.fragment:
        raise InvalidDocument(
            f"{path}: not a URL such as 'https://id.example.com/jwks.json', without user or '#'"
        )
    return url

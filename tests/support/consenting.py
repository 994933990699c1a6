"""A catalogue that asks for consent, and consents as events and commands carry them."""

from copy import deepcopy
from typing import Any, TypedDict, Unpack

from schemas.commands import Command, GrantMandate, RevokeConsent
from schemas.consent import Consent, ConsentKind, ConsentTerms
from tests.support.bench_shard import CATALOGUE, WON

TOKENS: dict[str, Any] = {
    "issuer": "https://id.example.com",
    "audience": "ncash",
    "keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": "A" * 43}],
}


class Bounds(TypedDict, total=False):
    """Some of ``ConsentTerms``."""

    contents: tuple[str, ...]
    until_ms: int
    max_micros: int
    day_max_micros: int


def asking(default: str = "none", /, **contents: str) -> dict[str, Any]:
    """The bench's catalogue, in which the tenant and some contents ask for consent."""
    catalogue = deepcopy(CATALOGUE)
    tenant = catalogue["tenants"][0]
    tenant |= {"consent": {"require": default}, "tokens": TOKENS}
    for content in tenant["contents"]:
        if content["id"] in contents:
            content["consent"] = {"require": contents[content["id"]]}
    return catalogue


def token(jti: str = "j1", terms: ConsentTerms | None = None, **bounds: Unpack[Bounds]) -> Consent:
    """A token's consent as an edge stamps it."""
    return Consent(ConsentKind.TOKEN, jti, terms or ConsentTerms(**bounds))


def mandate(name: str = "m1") -> Consent:
    """A mandate as an event names it."""
    return Consent(ConsentKind.MANDATE, name)


def grant(
    name: str = "m1",
    terms: ConsentTerms | None = None,
    *,
    key: str = "g1",
    **bounds: Unpack[Bounds],
) -> Command:
    """The command that grants a mandate."""
    body = GrantMandate(name, terms or ConsentTerms(**bounds))
    return Command("tv", "ann", key, key.encode().ljust(16), 2**50, "desk", body)


def revoke(kind: str = "mandate", name: str = "m1", *, key: str = "r1") -> Command:
    """The command that revokes a consent."""
    return Command(
        "tv", "ann", key, key.encode().ljust(16), 2**50, "desk", RevokeConsent(kind, name)
    )


def won(amount: int) -> int:
    """Won in micro-units."""
    return amount * WON

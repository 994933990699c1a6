"""What a catalogue says of consent: whose word counts, and what cannot stand there."""

import json
from typing import Any

import pytest

from rating.catalogue import Catalogue, compile_catalogue
from schemas.catalogue import document_from_json
from schemas.errors import InvalidDocument

KEY = {"kty": "OKP", "crv": "Ed25519", "x": "abc"}
TOKENS = {"issuer": "i", "audience": "a", "keys": [KEY]}


def compiled(tenant: dict[str, Any], content: dict[str, Any] | None = None) -> Catalogue:
    """A catalogue of one tenant with one content."""
    sold = {"id": "film", "provider": "kbs", "tariff": "t", **(content or {})}
    document = {
        "id": "tv", "currency": "KRW", "tariffs": [{"id": "t", "components": []}],
        "contents": [sold], **tenant,
    }  # fmt: skip
    return compile_catalogue(document_from_json(json.dumps({"tenants": [document]}).encode()))


WORDS: list[tuple[dict[str, Any], dict[str, Any], set[str], bool]] = [
    ({}, {}, set(), False),
    ({"consent": {"require": "either"}}, {}, {"token", "mandate"}, True),
    ({"consent": {"require": "mandate"}}, {"consent": {"require": "none"}}, set(), True),
    ({}, {"consent": {"require": "mandate"}}, {"mandate"}, True),
    ({"consent": {}}, {"consent": {"require": "token"}}, {"token"}, True),
    ({"consent": {"require": "none"}}, {"consent": {}}, set(), False),
]


@pytest.mark.parametrize(("tenant", "content", "counts", "asks"), WORDS)
def test_content_when_it_says_what_counts_then_that_comes_before_the_tenants_word(
    tenant: dict[str, Any], content: dict[str, Any], counts: set[str], *, asks: bool
) -> None:
    """Without a word of its own a content asks what its tenant asks."""
    terms = compiled({"tokens": TOKENS, **tenant}, content).tenant("tv")
    assert terms is not None
    found = terms.content("film")
    assert found is not None
    assert (set(found.consent), terms.asks_consent) == (counts, asks)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"keys": []}, "neither keys nor jwks_url"),
    ({"algorithms": []}, "algorithms: none"),
    ({"algorithms": ["HS256"]}, "algorithms"),
    ({"algorithms": ["none"]}, "algorithms"),
    ({"keys": [{**KEY, "d": "secret"}]}, "private or shared key"),
    ({"keys": [{"kty": "oct", "k": "secret"}]}, "private or shared key"),
    ({"keys": [{"kty": "RSA", "n": "x"}]}, "keys\\[0\\].e: missing"),
    ({"keys": [{"kty": "EC", "crv": "P-256", "x": "a"}]}, "keys\\[0\\].y: missing"),
    ({"keys": [{"kty": "dsa"}]}, "is not RSA, EC or OKP"),
    ({"keys": [KEY] * 33}, "more than 32"),
    ({"lifetime_s": 0}, "lifetime_s"),
    ({"lifetime_s": 32 * 86_400}, "at most"),
    ({"leeway_s": 601}, "at most"),
    ({"leeway_s": -1}, "leeway_s"),
    ({"issuer": ""}, "issuer"),
    ({"audience": "a\x1f"}, "audience"),
    ({"jwks_url": "file:///etc/passwd"}, "not a URL"),
    ({"jwks_url": "https://"}, "not a URL"),
    ({"jwks_url": "https://user@id.example.com/"}, "not a URL"),
    ({"jwks_url": "https://id.example.com:99999/"}, "not a URL"),
    ({"jwks_url": "https://id.example.com/" + "x" * 2_048}, "not a URL"),
    ({"secret": "x"}, "secret"),
]


@pytest.mark.parametrize(("words", "fault"), BAD, ids=[fault for _, fault in BAD])
def test_tokens_when_they_cannot_be_verified_so_then_the_catalogue_is_refused(
    words: dict[str, Any], fault: str
) -> None:
    """Secrets, missing parts, unsafe algorithms and bounds are found before anything is sold."""
    with pytest.raises(InvalidDocument, match=fault) as refused:
        compiled({"tokens": {**TOKENS, **words}})
    assert "secret" not in str(refused.value) or "secret" in words


def test_tenant_when_it_asks_for_tokens_but_says_not_how_then_is_refused() -> None:
    """Nobody could ever begin; either of both leaves mandates."""
    with pytest.raises(InvalidDocument, match=r"there is no tenants\[tv\].tokens"):
        compiled({}, {"consent": {"require": "token"}})
    assert compiled({"consent": {"require": "either"}}).tenant("tv") is not None

"""What is kept of a refused event holds no member token."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.consent.scrub import scrubbed
from tests.support.issuing import Issuer

TOKEN = Issuer().token()
EVENT = {"id": "e1", "data": {"session": "s1", "consent": TOKEN, "note": "김"}}
INNER = base64.b64encode(json.dumps({"consent": "plain-secret"}).encode()).decode()
KEPT = [
    b"", b"hello", b'{"id": "e1", "data": {"session": "s1"}}', b'{"data": 5}', b"[1, 2]", b"\xff",
]  # fmt: skip
CASES = {
    "as it is": json.dumps(EVENT, ensure_ascii=False).encode(),
    "escaped": json.dumps(EVENT).encode().replace(b'"consent"', b'"\\u0063onsent"'),
    "token escaped": json.dumps(EVENT).encode().replace(b"eyJ", b"\\u0065yJ"),
    "torn behind": json.dumps(EVENT).encode()[: -len(b', "note": "..."}}') - 8],
    "torn within": json.dumps(EVENT).encode()[:120],
    "elsewhere": json.dumps({"note": TOKEN, "data": []}).encode(),
    "in a list": json.dumps([EVENT, EVENT]).encode(),
    "bad UTF-8": json.dumps(EVENT).encode() + b"\xff",
}


@pytest.mark.parametrize("element", KEPT)
def test_bytes_when_without_a_token_then_stay_as_they_are(element: bytes) -> None:
    """A dead letter shows what was sent."""
    assert scrubbed(element) == element


@pytest.mark.parametrize("name", CASES)
def test_bytes_when_they_hold_a_token_then_lose_it_alone(name: str) -> None:
    """Whole, escaped, torn or somewhere else: no part of it stays, and other words do."""
    kept = scrubbed(CASES[name])
    for part in TOKEN.split("."):
        assert part[:20].encode() not in kept
    assert b"e1" in kept or name == "elsewhere"


def test_bytes_when_their_data_is_encoded_then_lose_what_may_hold_one() -> None:
    """``data_base64`` is looked into."""
    kept = scrubbed(json.dumps({"id": "e1", "data_base64": INNER}).encode())
    assert INNER.encode() not in kept
    other = json.dumps({"id": "e1", "data_base64": base64.b64encode(b"{}").decode()}).encode()
    assert scrubbed(other) == other


@given(st.text(min_size=1, max_size=40))
def test_consent_when_it_is_any_text_then_is_removed_from_a_readable_event(secret: str) -> None:
    """What stands in ``data.consent`` may be a secret, whatever it looks like."""
    element = json.dumps({"id": "e1", "data": {"consent": f"<{secret}>"}}).encode()
    assert json.loads(scrubbed(element)) == {"id": "e1", "data": {"consent": "(removed)"}}

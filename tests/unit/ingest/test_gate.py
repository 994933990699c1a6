"""What the gate keeps between events, and how long it waits for an issuer."""

from ingest.consent.gate import ConsentGate
from ingest.consent.jwks import KeySets
from schemas.errors import InvalidEvent
from tests.support.issuing import Issuer
from tests.unit.ingest.test_tokens import (
    EDDSA,
    ES256,
    ISSUED_S,
    OTHER,
    gate_of,
    nobody,
    refusal,
    said,
)


def test_gate_when_a_token_is_refused_then_keeps_why_and_not_the_token() -> None:
    """A kept exception would hold the frames that it passed through, and the token in them."""
    gate = gate_of(EDDSA)
    refusal(Issuer(OTHER, ISSUED_S).token(), gate)
    [issuer] = gate._issuers.values()
    [known] = issuer.verified.values()
    assert isinstance(known.claims, InvalidEvent)
    assert known.claims.__traceback__ is None


def test_gate_when_catalogues_follow_each_other_then_keeps_what_the_newest_says() -> None:
    """What was verified under older terms is let go of, so that it cannot pile up."""
    catalogues = [gate_of(EDDSA)._in_force(), gate_of(EDDSA, ES256)._in_force()]
    gate = ConsentGate(lambda: catalogues[-1], KeySets(nobody, lambda: 0))
    said(Issuer(ES256, ISSUED_S).token(), gate=gate)
    catalogues.pop()
    refusal(Issuer(ES256, ISSUED_S).token(), gate)
    said(Issuer(EDDSA, ISSUED_S).token(), gate=gate)
    assert len(gate._issuers) == 1

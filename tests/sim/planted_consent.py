"""Known mistakes in what members agree to, as patches.

Owns: one function per mistake, each of which replaces one named function of the product.
Invariant: a patch is the product's own code but for the one mistake.
"""

from collections.abc import Iterable
from typing import Any

import jwt
import pytest

from ingest.consent import tokens
from ingest.consent.keys import PublicKey
from rating.consent import TokenTerms
from rating.session import Session
from schemas.consent import Consent
from schemas.usage import UsageEvent
from shard import consenting, signals
from shard.consenting import Consenting
from shard.settling import PassDue
from shard.state import ShardState
from wallet.consents import Consents, Held


def consent_never_asked(patch: pytest.MonkeyPatch) -> None:
    """A session begins whether its member agreed or not."""

    def bind(self: Consenting, session: Session, event: UsageEvent) -> None:
        del self, session, event

    patch.setattr(Consenting, "bind", bind)


def revocation_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What a member takes back counts on."""

    def kept(consents: Consents, name: str, **_: int) -> Consents:
        del name
        return consents

    patch.setattr(consenting, "revoked", kept)


def limits_of_tokens_not_kept(patch: pytest.MonkeyPatch) -> None:
    """What is spent under a consent is not noted."""

    def count(
        self: Consenting, session: Session, before_micros: int, passes: Iterable[PassDue]
    ) -> None:
        del self, session, before_micros, passes

    patch.setattr(Consenting, "count", count)


def terms_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    """Any consent that was not revoked covers everything."""

    def fault(held: Held | None, consent: Consent, **_: object) -> tuple[str, str] | None:
        if held is not None and held.is_revoked:
            return "consent-revoked", "it was revoked"
        unknown = held is None and consent.terms is None
        return ("consent-unknown", "it is unknown") if unknown else None

    patch.setattr(consenting, "fault_of", fault)


def money_lifts_a_revocation(patch: pytest.MonkeyPatch) -> None:
    """Nobody is cut off for what was taken back."""

    def never(state: ShardState, session: Session) -> bool:
        del state, session
        return False

    patch.setattr(signals, "is_consent_over", never)


def signature_not_verified(patch: pytest.MonkeyPatch) -> None:
    """A token is believed for what it says."""

    def decoded(token: str, terms: TokenTerms, key: PublicKey) -> dict[str, Any]:
        del terms, key
        return jwt.decode(token, options={"verify_signature": False})

    patch.setattr(tokens, "_decoded", decoded)


MISTAKES = (
    consent_never_asked, revocation_forgotten, limits_of_tokens_not_kept, terms_not_looked_at,
    money_lifts_a_revocation, signature_not_verified,
)  # fmt: skip

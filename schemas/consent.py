"""Consent of a member to be charged: a signed member token that an edge verified, or a mandate.

Invariant: what stands here decides without the token itself, which is dropped where it was
verified; a token's terms travel with the event, a mandate's are kept by the member's shard.
It does not own signatures (``ingest.consent``) nor what terms allow (``wallet.consents``).
"""

from enum import StrEnum

import msgspec


class ConsentKind(StrEnum):
    """How a member agreed."""

    TOKEN = "token"  # noqa: S105 -- a kind of consent, not a password
    MANDATE = "mandate"


class ConsentTerms(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a member agreed to; an empty list or None sets no bound.

    Args:
        contents: Content ids.
        providers: Provider ids.
        sources: Services that may charge under it.
        from_ms: Use may begin from here on.
        until_ms: Use may begin before this.
        max_micros: In all.
        session_max_micros: In one life of a session.
        day_max_micros: In one UTC day.
    """

    contents: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    from_ms: int | None = None
    until_ms: int | None = None
    max_micros: int | None = None
    session_max_micros: int | None = None
    day_max_micros: int | None = None


class Consent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an event says of consent, as the edge that took it in made it.

    Args:
        kind: A ``ConsentKind``.
        id: The token's ``jti``, or the mandate's id.
        terms: The token's; None for a mandate.
    """

    kind: str
    id: str
    terms: ConsentTerms | None = None

    @property
    def name(self) -> str:
        """Names it among a member's consents."""
        return consent_name(self.kind, self.id)


def consent_name(kind: str, consent: str) -> str:
    """The name of a consent among its member's: a kind holds no colon, so it is unambiguous."""
    return f"{kind}:{consent}"

"""Why an event is refused: the stable words, and the dead letter that keeps it.

The words appear in HTTP answers, in dead letters and in ``GET /v1/events``; none is ever renamed.
"""

from typing import Literal, get_args

import msgspec

Reason = Literal[
    "unreadable",
    "too-large",
    "attribute-missing",
    "attribute-invalid",
    "type-unknown",
    "session-missing",
    "content-missing",
    "time-invalid",
    "time-outside-allowance",
    "meter-invalid",
    "source-outside-key",
    "key-unknown",
    "id-reused",
    "content-unknown",
    "content-changed",
    "payee-changed",
    "member-unknown",
    "currency-mismatch",
    "amount-too-large",
    "session-too-large",
    "session-not-kept",
    "session-limit",
    "broken-invariant",
    "token-invalid",
    "consent-missing",
    "consent-unknown",
    "consent-revoked",
    "consent-outside",
    "consent-exhausted",
]
REASONS: frozenset[str] = frozenset(get_args(Reason))
DEAD_BYTES_MAX = 64 * 1024


class DeadLetter(msgspec.Struct, frozen=True, array_like=True):
    """An event that was not applied, with its bytes, its place and the reason.

    Args:
        tenant: Whose system, or empty when unknown.
        source: Who said it, or empty when unreadable.
        id: The sender's event id, or empty.
        subject: The member, or empty.
        reason: One of ``REASONS``.
        detail: What, where and how to mend it.
        place: Where it was: ``http``, ``kafka/<topic>/<partition>/<offset>`` or ``shard/<n>``.
        refused_at_ms: Received time.
        body: The event's bytes, cut at ``DEAD_BYTES_MAX``.
    """

    tenant: str
    source: str
    id: str
    subject: str
    reason: str
    detail: str
    place: str
    refused_at_ms: int
    body: bytes

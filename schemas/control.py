"""Items of ``session.control.v1``: what a content server is told about a session.

Written as one JSON object per message, keyed by source, so that any client can read it.
Invariant: (shard, sequence) names a signal; a reader may see it twice and skips the second.
"""

from enum import StrEnum

import msgspec


class SignalKind(StrEnum):
    """What to do now."""

    GO_ON = "go_on"
    LOW_BALANCE = "low_balance"
    CUT_OFF = "cut_off"
    LIMIT_REACHED = "limit_reached"


class Signal(msgspec.Struct, frozen=True):
    """One instruction for one session.

    Args:
        signal: A ``SignalKind``.
        tenant: Whose system.
        source: Service that serves the session.
        session: Session id.
        subject: The member.
        content: Content id.
        available_micros: What the member could still spend.
        currency: Of it.
        event_at_ms: The use that led to it.
    """

    signal: str
    tenant: str
    source: str
    session: str
    subject: str
    content: str
    available_micros: int
    currency: str
    event_at_ms: int

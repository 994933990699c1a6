"""Items of ``session.control.v1``: what a content server is told about a session.

Written as one JSON object per message, keyed by source, so that any client can read it.
Invariant: (shard, sequence) names a signal; a reader may see it twice and skips the second.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec


class SignalKind(StrEnum):
    """What to do now."""

    GO_ON = "go_on"
    LOW_BALANCE = "low_balance"
    CUT_OFF = "cut_off"
    LIMIT_REACHED = "limit_reached"


class RemainingUnits(msgspec.Struct, frozen=True):
    """How much more of one priced thing the amount left buys, if nothing else is used.

    Args:
        kind: ``time``, ``volume`` or ``page``, as in charge lines.
        meter: ``s`` for time; else the meter, or the direction of page moves.
        units: Whole seconds, units or moves.
    """

    kind: str
    meter: str
    units: int


class Signal(msgspec.Struct, frozen=True, omit_defaults=True):
    """One instruction for one session.

    Fields at their defaults stay out of the bytes that the chain is made of, so a signal that says
    nothing new has the bytes that it always had.

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
        remaining: With ``low_balance``: what the amount left still buys, by kind and meter; what
            is not listed is not what runs out.
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
    remaining: tuple[RemainingUnits, ...] = ()


class SessionRef(NamedTuple):
    """Names a session within its tenant."""

    source: str
    session: str
    subject: str


class Standing(NamedTuple):
    """Where an open session stands: what its server would be told if it asked now.

    Args:
        of: Which session.
        signal: A ``SignalKind``.
        available_micros: What the member could still spend.
        currency: Of it.
    """

    of: SessionRef
    signal: str
    available_micros: int
    currency: str

"""What the auditor reads: records of a log, signals, and the names of events.

Invariant: the wire's words and nothing made of them.
"""

from typing import NamedTuple

import msgspec

from cli.sim.audit.lives import SessionName
from cli.sim.journal import EventName
from schemas.frames import Record
from schemas.usage import UsageEvent

Member = tuple[str, str]


class Told(NamedTuple):
    """A signal, as the control stream has it."""

    kind: str
    name: SessionName
    log_offset: int
    available: int = 0
    remaining: tuple[tuple[str, str, int], ...] = ()


class Logged(NamedTuple):
    """One record of the log.

    Args:
        offset: Its place.
        stamp_ms: When it was appended.
        record: What it says.
        producer: Process that appended it.
        is_late: Whether it landed after its sender had given up.
    """

    offset: int
    stamp_ms: int
    record: Record
    producer: str
    is_late: bool


def event_name(event: UsageEvent) -> EventName:
    """The name of an event in the log."""
    return EventName(event.tenant, event.source, event.id, event.subject)


def words_of(event: UsageEvent) -> UsageEvent:
    """What an event says, without how, when and by whose leave it came."""
    return msgspec.structs.replace(event, received_at_ms=0, digest=b"", consent=None)

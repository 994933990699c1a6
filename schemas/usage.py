"""The usage event as it travels inside: checked, stamped, compact.

Invariant: (tenant, source, id, subject) name the event for ever; ``digest`` is of what it says.
The CloudEvents form that senders write is in ``schemas.cloudevent``.
"""

from enum import IntEnum
from functools import lru_cache

import msgspec
import xxhash

from schemas.consent import Consent
from schemas.ids import SEPARATOR

KEY_BYTES = 10
DIGEST_BYTES = 6
METERS_MAX = 32
# A batch asks for the key of each of its events a few times.
_KEYS_CACHED = 8_192


class EventType(IntEnum):
    """What happened; the text form is what senders write."""

    START = 1
    HEARTBEAT = 2
    STOP = 3
    PAGE = 4
    ITEM = 5
    REPORT = 6
    ERROR = 7


EVENT_TYPES: dict[str, EventType] = {
    "session.start": EventType.START,
    "session.heartbeat": EventType.HEARTBEAT,
    "session.stop": EventType.STOP,
    "page.move": EventType.PAGE,
    "item.use": EventType.ITEM,
    "usage.report": EventType.REPORT,
    "session.error": EventType.ERROR,
}
EVENT_TYPE_TEXTS: dict[int, str] = {kind: text for text, kind in EVENT_TYPES.items()}


class UsageEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One usage event.

    Args:
        tenant: Whose system.
        source: The service that says it.
        id: The sender's id of the event.
        type: An ``EventType`` as int.
        subject: The member.
        event_at_ms: When it happened.
        received_at_ms: When it was taken in; the event time in a recorded clock.
        recorded: Whether it lives in its tenant's recorded clock.
        digest: 6 bytes of what it says, made where it entered.
        session: Session id, or None outside sessions.
        content: Content id, or None when a later event leaves it out.
        meters: Running totals in a session, amounts in a report.
        seq: Rising number within the session.
        boot: Changes when the sender's counters start again.
        active: False when the member gave no input since the last event.
        direction: ``forward``, ``backward`` or ``jump`` of a page move.
        page_from: Page left.
        page_to: Page reached.
        item: Item used.
        quantity: How many of it.
        reason: Why a session stopped or failed.
        manager: Whether the sender claims the manager role.
        consent: The member's, verified. No part of ``digest``: sent again under a fresh token it
            is the same event.
        payee: Another member, who earns by the use, or None.
        payee_shard: Of that one's wallet; known where the event was framed for its log.
    """

    tenant: str
    source: str
    id: str
    type: int
    subject: str
    event_at_ms: int
    received_at_ms: int
    recorded: bool
    digest: bytes
    session: str | None = None
    content: str | None = None
    meters: dict[str, int] | None = None
    seq: int | None = None
    boot: str | None = None
    active: bool | None = None
    direction: str | None = None
    page_from: str | None = None
    page_to: str | None = None
    item: str | None = None
    quantity: int = 1
    reason: str | None = None
    manager: bool = False
    consent: Consent | None = None
    payee: str | None = None
    payee_shard: int = 0


@lru_cache(maxsize=_KEYS_CACHED)
def event_key(tenant: str, subject: str, source: str, event_id: str) -> bytes:
    """The 10 bytes by which a shard remembers an event.

    Returns:
        The head of an XXH3-128 hash: 80 bits, one accidental clash in about 10^12 events a shard.
    """
    text = f"{tenant}{SEPARATOR}{subject}{SEPARATOR}{source}{SEPARATOR}{event_id}"
    return xxhash.xxh3_128_digest(text.encode())[:KEY_BYTES]


def content_digest(canonical: bytes) -> bytes:
    """The 6 bytes that tell two events with one id apart.

    Args:
        canonical: Encoding of type, time and data in a fixed order.
    """
    return xxhash.xxh3_128_digest(canonical)[:DIGEST_BYTES]

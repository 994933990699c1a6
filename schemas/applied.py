"""Items of ``usage.applied.v1``: what became of each event, CDRs, what came late, shadow charges.

Invariant: summed per session, the increments equal the session's totals, in whatever order the
events arrived; of a session's CDRs the one with the highest revision is true.
"""

from enum import StrEnum

import msgspec

from schemas.ledger import ChargeLine
from schemas.usage import UsageEvent

# A verdict carries it with its event, of at most 64 KB, in a log record of at most 256 KB.
SEALED_BYTES_MAX = 128 * 1024
# Flag of an event whose content is on sale without a tariff.
UNPRICED = "unpriced"


class Cause(StrEnum):
    """Why a session ended."""

    NORMAL = "normal"
    IDLE = "idle"
    NETWORK = "network"
    CLIENT_ERROR = "client_error"
    SERVER = "server"
    CUT_OFF = "cut_off"
    SUPERSEDED = "superseded"


ABNORMAL = frozenset({Cause.NETWORK, Cause.CLIENT_ERROR, Cause.SERVER})


class AppliedUsage(
    msgspec.Struct, frozen=True, array_like=True, gc=False, tag="usage", tag_field="item"
):
    """One event and what it added.

    Args:
        tenant: Whose system.
        source: Service that said it.
        id: The sender's event id.
        type: Event type as text.
        subject: The member.
        session: Session id, or empty.
        incarnation: Of the session, or 0.
        content: Content id, or empty while unknown.
        event_at_ms: When it happened.
        received_at_ms: When it was taken in.
        path: Ingest path.
        outcome: ``applied`` or ``duplicate``.
        duration_ms: What it added to the session's length.
        meters: What it added to each meter.
        ledger_sequence: Transfer that its use moved, or -1.
        flags: Words such as ``meter-fell`` and ``UNPRICED``, comma-separated.
    """

    tenant: str
    source: str
    id: str
    type: str
    subject: str
    session: str
    incarnation: int
    content: str
    event_at_ms: int
    received_at_ms: int
    path: str
    outcome: str
    duration_ms: int
    meters: dict[str, int]
    ledger_sequence: int
    flags: str = ""


class Cdr(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="cdr", tag_field="item"):
    """A closed session.

    Args:
        tenant: Whose system.
        source: Service that reported it.
        session: Session id.
        incarnation: 1, or more when the id was used again.
        revision: 1, then one more for each correction; the highest is true.
        subject: The member.
        content: Content id.
        tariff: Tariff id.
        cause: A ``Cause``.
        start_ms: First event.
        end_ms: End of what is charged; before the last event where the input limit ended it.
        last_event_ms: Last event.
        decided_at_ms: Received time at which silence was certain; else event time: the stop's,
            where the input limit was reached, or of the event whose session took its place.
        duration_ms: Charged length.
        meters: Totals.
        charged_micros: What its transfers moved: its own price, and what it changed of what counts
            over calendar periods, which other sessions share.
        provider_micros: The provider's part.
        currency: Of both.
        evidence: Event ids or tick that decided, and which event corrected it; behind a
            semicolon the consent, if it has one.
        sealed: The session's state at this revision, by which a late event goes on with it when
            the shard has let go of it; empty where it was beyond ``SEALED_BYTES_MAX``.
    """

    tenant: str
    source: str
    session: str
    incarnation: int
    revision: int
    subject: str
    content: str
    tariff: str
    cause: str
    start_ms: int
    end_ms: int
    last_event_ms: int
    decided_at_ms: int
    duration_ms: int
    meters: dict[str, int]
    charged_micros: int
    provider_micros: int
    currency: str
    evidence: str
    sealed: bytes = b""


class LateUsage(
    msgspec.Struct, frozen=True, array_like=True, gc=False, tag="late", tag_field="item"
):
    """An event older than the shard's memory of ids: its verdict comes from the warehouse.

    Args:
        event: As it came.
        path: Ingest path.
        number: Of the shard's late events, from 0 and without a gap; its verdict names it.
    """

    event: UsageEvent
    path: str
    number: int


class ShadowCharge(
    msgspec.Struct, frozen=True, array_like=True, gc=False, tag="shadow", tag_field="item"
):
    """What a content's shadow tariff would have charged: a comparison, never money.

    Args:
        tenant: Whose system.
        member: Who used.
        source: Service that reported the use, or empty.
        session: Session id, or empty outside sessions.
        incarnation: Of the session, or 0.
        content: Content id.
        tariff: The shadow tariff.
        catalogue: Number of the catalogue version that says so.
        scope: What the price is cumulative over, named as on a transfer.
        lines: What changed since the scope's last shadow charge.
        amount_micros: Sum of the lines.
        provider_micros: Providers' part of it.
        event_at_ms: When the use happened.
        currency: Of both.
        fault: Why this scope has no shadow from here on, or empty; with it there are no lines.
    """

    tenant: str
    member: str
    source: str
    session: str
    incarnation: int
    content: str
    tariff: str
    catalogue: int
    scope: str
    lines: list[ChargeLine]
    amount_micros: int
    provider_micros: int
    event_at_ms: int
    currency: str
    fault: str = ""


Applied = AppliedUsage | Cdr | LateUsage | ShadowCharge
